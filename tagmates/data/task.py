"""One tagging task: its files, their format, and the scheme of its tags."""

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from tagmates.config import Settings
from tagmates.data.formats.columns import check_columns
from tagmates.data.formats.conllu import conllu_column, is_plus_column
from tagmates.data.formats.docbin import docbin_column
from tagmates.data.formats.table import TableLayout, columns_in
from tagmates.data.schemes import FileScheme, Notation, Scheme, Score, trained_as
from tagmates.errors import ConfigError
from tagmates.formatting import in_order

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
SHARED = "*"  # the name of the label space that te_dec and te_enc share; not the name of a task
# the defaults of a format that differ from those of column files
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
    """The sentences of a split: of one file or several, all or only those with some numbers or names.

    Several files follow one another as if they were one file. Numbers count from 1.
    """

    file: str | tuple[str, ...] = Field(description="a name, a pattern with * for any characters, or a list of these")
    sentences: str = Field("", pattern=r"^(([1-9][0-9]{0,17})?-([1-9][0-9]{0,17})?)?$", description='such as "1002-"')
    sent_id: str = Field("", description='in CoNLL-U, a pattern of sentence names, such as "weblog-*"')
    tags: str | tuple[str, ...] = Field(
        "", description="for parallel files, the file of the tags; ``file`` has the words"
    )

    @property
    def has_several(self) -> bool:
        """Whether it names several files, or a pattern that may match several."""
        return not isinstance(self.file, str) or "*" in self.file

    def files(self, folder: Path) -> tuple[str, ...]:
        """The names of its files; a pattern stands for the matching files of ``folder``, sorted by name."""
        return _files(self.file, folder)

    def tag_files(self, folder: Path) -> tuple[str, ...]:
        """The names of the files of tags, for parallel files."""
        return _files(self.tags, folder)

    def bounds(self, total: int) -> tuple[int, int]:
        """The half-open range of sentences, from 0, in a file of ``total`` sentences; it may end beyond the file."""
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
    """One tagging task. Columns count from 1, or from -1 for the last; paths are relative to ``folder``."""

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
    ] = Field("columns", description="packed: a split of the packed study ``folder``")
    token_column: StrictInt | str = Field(
        1, description="a number, or a name in the header; in records a key, such as tokens"
    )
    tag_column: StrictInt | str = Field(
        2, description="a number; in CoNLL-U a name: upos, xpos, feats:Number, misc:NAME; in records a key: tags.upos"
    )
    labels: tuple[str, ...] = Field((), description="in records, the names of integer tags, from 0")
    types: tuple[str, ...] = Field((), description="the types of annotations of a text that are read; all if empty")
    separator: str | None = Field(
        "\t", description="between columns; any white space is null in Python, 'whitespace' in TOML"
    )
    comment: str | None = Field(None, description="lines before a sentence that start with this are skipped")
    comments_inside: StrictBool = Field(False, description="whether such lines are skipped inside sentences too")
    header: StrictBool = Field(False, description="whether the first line names the columns")
    sentence_column: StrictInt | str | tuple[StrictInt | str, ...] | None = Field(
        None, description="a column whose value changes with each sentence; or a list of columns, one of which changes"
    )
    sentence_end: str | None = Field(None, description="a word in a cell of the last row of each sentence")
    sentence_rows: StrictBool = Field(
        False, description="whether each row is a sentence, with a cell of words and a cell of tags"
    )
    markup: StrictBool = Field(
        False, description="whether lines with tags such as <p> are skipped, and <s> and </s> end a sentence"
    )
    encoding: str = "utf-8"
    scheme: FileScheme = "plain"
    mark: str = Field(
        "B-", description="how tags join B to a label: B- or B_ before it, -B after it, b- with small letters"
    )
    outside: str = Field("O", description='the tag of a token outside of all spans; "" if there is none')
    unlabelled: str | None = Field(
        None, description="the tag of a token without a label; by default _ (unless it is outside); if empty, none"
    )
    convert_to: Scheme | None = Field(None, description="the scheme to train in; by default that of the file")
    score: Score = Field(
        "plain",
        description="spans: B I E S make spans, as in seqeval; prefix: the paper's way (protocol "
        "section 4); plain: every tag but O is one unit",
    )
    folder: Path = Path()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        return {**FORMAT_DEFAULTS.get(str(values.get("format")), {}), **values} if isinstance(values, dict) else values

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, encoding: str) -> str:
        try:
            "a".encode(encoding)
        except (LookupError, ValueError):
            raise ValueError(f"{encoding!r} is not a text encoding; name one such as 'utf-8' or 'latin-1'") from None
        return encoding

    @field_validator("mark")
    @classmethod
    def _check_mark(cls, mark: str) -> str:
        if not re.fullmatch(r"[Bb]([^\w\s]|_)|([^\w\s]|_)[Bb]", mark):
            raise ValueError(
                f'must be B and a sign, as "B-" before a label or "-B" behind it, not {mark!r}; the sign is no letter, '
                "digit or white space"
            )
        return mark

    @field_validator("train", "dev", "test", mode="before")
    @classmethod
    def _file_alone(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str | list) else value

    @model_validator(mode="after")
    def _check_parts(self) -> "Task":
        parts = [part for part in (self.train, self.dev, self.test) if part]
        if "\0" in "".join([str(self.folder), *("".join((*part.file, *part.tags)) for part in parts)]):
            raise ValueError("folder, train, dev, test: there is a NUL in a path; correct it")
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
        """Check that columns are numbers or names, as the format requires."""
        columns = [("token_column", self.token_column), ("tag_column", self.tag_column)]
        for key, value in columns + [("sentence_column", each) for each in self.sentence_columns]:
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
            raise ValueError("separator: white space separates the words of a row; name the separator of cells")
        if self.format == "csv" and len(self.separator or "") != 1:
            raise ValueError("separator: must be one character for CSV")
        if self.format == "lines" and not (self.separator or "").strip():
            raise ValueError("separator: must be what separates a word from its tags, and not white space")
        try:
            if self.format == "conllu" and not is_plus_column(str(self.tag_column)):
                conllu_column(str(self.tag_column))
            elif self.format == "spacy":
                docbin_column(str(self.tag_column))
            elif self.format in (*TABLE_FORMATS, "lines", "conll2012"):
                columns = (self.token_column, self.tag_column, *self.sentence_columns)
                check_columns([each for each in columns if isinstance(each, int)], self.separator, self.comment)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if self.outside and self.outside == self.unlabelled:
            raise ValueError(f"unlabelled: {self.outside!r} is outside already; a tag is one of them")
        return self

    @property
    def sentence_columns(self) -> tuple[int | str, ...]:
        """The columns of ``sentence_column``; empty if there is none."""
        return columns_in(self.sentence_column)

    @property
    def is_table(self) -> bool:
        """Whether its files are read by ``formats.table``, and not as plain column files."""
        return self.format in TABLE_FORMATS and (self.header or not self.table.is_plain)

    @property
    def table(self) -> TableLayout:
        """The layout of its tables."""
        return TableLayout(
            token_column=self.token_column,
            tag_column=self.tag_column,
            separator=self.separator,
            quoted=self.format == "csv",
            comment=self.comment,
            comments_inside=self.comments_inside,
            header=self.header,
            sentence_columns=self.sentence_columns,
            sentence_end=self.sentence_end,
            sentence_rows=self.sentence_rows,
            markup=self.markup,
        )

    @property
    def no_label(self) -> str | None:
        """The tag that means "no label" in the files of the task; None if every tag is a label.

        It is ``unlabelled`` if that is set, else ``_``. It is None if ``_`` is the outside tag, for a CoNLL-U feature
        (where ``_`` means that the word does not have it), and in a packed study, which stores missing labels.
        """
        if self.unlabelled is not None or self.outside == "_":
            return self.unlabelled or None
        return None if self.is_feature or self.format == "packed" else "_"

    @property
    def is_feature(self) -> bool:
        """Whether its tags are the values of a key of FEATS or MISC in CoNLL-U; ``_`` means a word without it."""
        return self.format == "conllu" and str(self.tag_column).startswith(("feats:", "misc:"))

    @property
    def trained_scheme(self) -> Scheme:
        """The scheme of the tags in training and scores."""
        return self.convert_to or trained_as(self.scheme)

    @property
    def trained_outside(self) -> str:
        """The outside tag in training and scores, "" if there is none; in a scheme of spans always ``O``."""
        return self.outside if self.scheme == self.trained_scheme == "plain" else "O"

    @property
    def notation(self) -> Notation:
        """The notation of the tags in the files."""
        if self.format in ("brat", "webanno", "conll2012", "spacy"):  # the reader makes their tags
            return Notation(trained_as(self.scheme))
        return Notation(self.scheme, self.mark, self.outside)

    def part(self, split: str) -> Part | None:
        """The part of one split, None if the task does not have this split."""
        found: Part | None = getattr(self, split)
        return found
