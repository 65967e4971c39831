"""One tagging task: its files, their format, and the scheme of its tags."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tagmates.config import Settings
from tagmates.data.formats.columns import check_columns
from tagmates.data.formats.conllu import conllu_column, is_plus_column
from tagmates.data.formats.docbin import docbin_column
from tagmates.data.formats.table import TableLayout
from tagmates.data.schemes import FileScheme, Notation, Scheme, trained_as
from tagmates.errors import ConfigError
from tagmates.formatting import in_order

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
SHARED = "*"  # the name of the one label space of te_dec and te_enc; no task may have it
# where a format's defaults are not those of column files
FORMAT_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "conllu": {"tag_column": "upos"},
    "csv": {"separator": ","},
    "lines": {"separator": "/"},
    "jsonl": {"token_column": "tokens", "tag_column": "tags"},
    "json": {"token_column": "tokens", "tag_column": "tags"},
    "huggingface": {"token_column": "tokens", "tag_column": "tags"},
    "brat": {"scheme": "iob2"},
    "webanno": {"tag_column": "NamedEntity.value", "scheme": "iob2"},
    "conll2012": {"token_column": 4, "tag_column": 11, "separator": None, "scheme": "iob2"},
    "spacy": {"tag_column": "ent", "scheme": "iob2"},
}
RECORD_FORMATS = ("jsonl", "json", "huggingface")
TABLE_FORMATS = ("columns", "csv")


class Part(Settings):
    """Some sentences of a file or of several: all, those numbered ``first-last`` from 1, or those of some names.

    Several files follow one another as if they were one.
    """

    file: str | tuple[str, ...] = Field(description="a name, a pattern with * for any characters, or a list of them")
    sentences: str = Field("", pattern=r"^(([1-9][0-9]{0,17})?-([1-9][0-9]{0,17})?)?$", description='as "1002-"')
    sent_id: str = Field("", description='of CoNLL-U, a pattern that the sentences\' names fit, as "weblog-*"')
    tags: str | tuple[str, ...] = Field(
        "", description="of parallel files, the one with the tags; ``file`` has the words"
    )

    @property
    def has_several(self) -> bool:
        """Whether it names several files, or may do so with a pattern."""
        return not isinstance(self.file, str) or "*" in self.file

    def files(self, folder: Path) -> tuple[str, ...]:
        """The names of its files, a pattern replaced by the files of ``folder`` that fit it, in order."""
        return _files(self.file, folder)

    def tag_files(self, folder: Path) -> tuple[str, ...]:
        """Likewise of the files of tags of parallel files."""
        return _files(self.tags, folder)

    def bounds(self, total: int) -> tuple[int, int]:
        """The half-open range of sentences, counted from 0, of a file of ``total``; it may end beyond the file."""
        first, _, last = self.sentences.partition("-")
        return int(first or 1) - 1, int(last or total)


def _files(names: str | tuple[str, ...], folder: Path) -> tuple[str, ...]:
    found: list[str] = []
    for name in (names,) if isinstance(names, str) else names:
        if "*" in name and not (folder / name).exists():
            fitting = glob.glob(name, root_dir=folder, recursive=True)  # noqa: PTH207  (of absolute patterns too)
            found += in_order(fitting) or [name]
        else:
            found.append(name)
    return tuple(dict.fromkeys(found))


class Task(Settings):
    """One tagging task. Columns count from 1, or from the end as -1; paths are relative to ``folder``."""

    name: str
    train: Part | None = None
    dev: Part | None = None
    test: Part | None = None
    format: Literal[
        "columns",
        "csv",
        "lines",
        "parallel",
        "conllu",
        "conll2012",
        "jsonl",
        "json",
        "huggingface",
        "brat",
        "webanno",
        "spacy",
        "packed",
    ] = Field("columns", description="packed: a split of the packed file ``folder``")
    token_column: int | str = Field(1, description="a number, or a name of the header; of records a key, as tokens")
    tag_column: int | str = Field(
        2, description="a number; of CoNLL-U a name: upos, xpos, feats:Number, misc:NAME; of records a key: tags.upos"
    )
    labels: tuple[str, ...] = Field((), description="what integers as tags of records stand for, from 0")
    types: tuple[str, ...] = Field((), description="of annotations of a text, those that are read; all where empty")
    separator: str | None = Field("\t", description="between columns; null in Python, 'whitespace' in TOML: any run")
    comment: str | None = Field(None, description="lines before a sentence that start with this are skipped")
    comments_inside: bool = Field(False, description="whether such lines are skipped inside sentences too")
    header: bool = Field(False, description="whether the first line names the columns")
    sentence_column: int | str | None = Field(None, description="a column that has another value in each sentence")
    sentence_end: str | None = Field(None, description="a word in some cell of the last row of each sentence")
    sentence_rows: bool = Field(False, description="whether each row is a sentence: cells of words, or of lists")
    markup: bool = Field(False, description="whether lines of tags as <p> are skipped, and <s> and </s> end a sentence")
    encoding: str = "utf-8"
    scheme: FileScheme = "plain"
    mark: str = Field(
        "B-",
        pattern=r"^([Bb]([^\w\s]|_)|([^\w\s]|_)[Bb])$",
        description="how tags join B to a label: B- or B_ before it, -B behind it, b- with small letters",
    )
    outside: str = Field("O", description='the tag of a token that is in no span, that is nothing; "" where none is')
    unlabelled: str | None = Field(
        None, description="the tag of a token without a label; where absent _ (not if outside), where empty none"
    )
    convert_to: Scheme | None = Field(None, description="the scheme to train in; as the file's where absent")
    score: Literal["prefix", "plain"] = Field(
        "plain", description="prefix: B- I- E- S- make spans (protocol section 4); plain: every tag but O is one"
    )
    folder: Path = Path()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        return {**FORMAT_DEFAULTS.get(str(values.get("format")), {}), **values} if isinstance(values, dict) else values

    @field_validator("train", "dev", "test", mode="before")
    @classmethod
    def _file_alone(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str | list) else value

    @model_validator(mode="after")
    def _check_parts(self) -> "Task":
        parts = [part for part in (self.train, self.dev, self.test) if part]
        if any(part.sent_id for part in parts) and self.format != "conllu":
            raise ValueError("sent_id: only the sentences of CoNLL-U have names; leave it out")
        if self.format != "packed" and any(not all(part.file) or not part.file for part in parts):
            raise ValueError("train, dev, test: one of them names no file; name one, or a list of them")
        if any(bool(part.tags) != (self.format == "parallel") for part in parts):
            raise ValueError(
                "tags: parallel files have words and tags in two files, { file = WORDS, tags = TAGS }; others in one"
            )
        return self

    @model_validator(mode="after")
    def _check_columns(self) -> "Task":
        """Whether columns are numbers or names where they are to be."""
        for key in ("token_column", "tag_column", "sentence_column"):
            value = getattr(self, key)
            if isinstance(value, str) and self.format in TABLE_FORMATS and not self.header:
                raise ValueError(f"{key}: must be a number for a column file, not {value!r}, or set header = true")
            if isinstance(value, str) and self.format in ("lines", "conll2012"):
                raise ValueError(f"{key}: must be a number for {self.format}, not {value!r}")
            if isinstance(value, int) and self.format in RECORD_FORMATS and key != "sentence_column":
                raise ValueError(f"{key}: must be the name of a key for {self.format}, not {value!r}")
        return self

    @model_validator(mode="after")
    def _check_layout(self) -> "Task":
        if self.format not in TABLE_FORMATS:
            for key in ("comments_inside", "header", "sentence_column", "sentence_end", "sentence_rows", "markup"):
                if getattr(self, key):
                    raise ValueError(f"{key}: only column files and CSV have it; leave it out")
        if self.sentence_rows and self.separator is None:
            raise ValueError("separator: white space stands between the words of a row; name what stands between cells")
        if self.format == "csv" and len(self.separator or "") != 1:
            raise ValueError("separator: must be one character for CSV")
        if self.format == "lines" and not (self.separator or "").strip():
            raise ValueError("separator: must be what stands between a word and its tags, no white space")
        try:
            if self.format == "conllu" and not is_plus_column(str(self.tag_column)):
                conllu_column(str(self.tag_column))
            elif self.format == "spacy":
                docbin_column(str(self.tag_column))
            elif self.format in (*TABLE_FORMATS, "lines", "conll2012"):
                columns = (self.token_column, self.tag_column, self.sentence_column)
                numbers = [each if isinstance(each, int) else 1 for each in columns]
                check_columns(numbers[0], numbers[1], self.separator, self.comment)
                check_columns(numbers[2], None, None, None)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if self.outside and self.outside == self.unlabelled:
            raise ValueError(f"unlabelled: {self.outside!r} is outside already; a tag is one of them")
        return self

    @property
    def is_table(self) -> bool:
        """Whether its files are read by ``formats.table``, not as plain column files."""
        more = self.header or self.comments_inside or self.sentence_column is not None or self.sentence_end
        return self.format == "csv" or (self.format == "columns" and bool(more or self.sentence_rows or self.markup))

    @property
    def table(self) -> TableLayout:
        """How its files of columns are written."""
        return TableLayout(
            token_column=self.token_column,
            tag_column=self.tag_column,
            separator=self.separator,
            quoted=self.format == "csv",
            comment=self.comment,
            comments_inside=self.comments_inside,
            header=self.header,
            sentence_column=self.sentence_column,
            sentence_end=self.sentence_end,
            sentence_rows=self.sentence_rows,
            markup=self.markup,
        )

    @property
    def no_label(self) -> str | None:
        """The tag that stands for "no label" in the task's files, None where every tag is a label.

        Unless ``unlabelled`` says otherwise it is ``_``, but where that is ``outside``, for a feature of CoNLL-U, where
        ``_`` says that the word has no such feature, and for a packed study, which knows what has no label.
        """
        if self.unlabelled is not None or self.outside == "_":
            return self.unlabelled or None
        feature = self.format == "conllu" and str(self.tag_column).startswith(("feats:", "misc:"))
        return None if feature or self.format == "packed" else "_"

    @property
    def trained_scheme(self) -> Scheme:
        """The scheme of the tags that training and scores see."""
        return self.convert_to or trained_as(self.scheme)

    @property
    def trained_outside(self) -> str:
        """The tag of these that is nothing, "" where none is; in the tags of spans it is always ``O``."""
        return self.outside if self.scheme == self.trained_scheme == "plain" else "O"

    @property
    def notation(self) -> Notation:
        """How the tags stand in the files."""
        if self.format in ("brat", "webanno", "conll2012", "spacy"):  # their tags are made by the reader
            return Notation(trained_as(self.scheme))
        return Notation(self.scheme, self.mark, self.outside)

    def part(self, split: str) -> Part | None:
        """The sentences of one split, None where the task has none."""
        found: Part | None = getattr(self, split)
        return found
