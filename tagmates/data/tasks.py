"""Task records: where a task's files are and how they are read; the paper's eleven, and anybody's own from TOML."""

import glob
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tagmates.config import Settings
from tagmates.data.archive import archive_at, read_header
from tagmates.data.formats.columns import check_layout
from tagmates.data.formats.conllu import conllu_column, is_plus_column
from tagmates.data.formats.docbin import docbin_column
from tagmates.data.formats.table import Layout
from tagmates.data.schemes import FileScheme, Scheme, Writing, trained_as
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import in_order, suggestion, visible
from tagmates.settings_parsing import parse, read_toml

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
SHARED = "*"  # the name of the one label space of te_dec and te_enc; no task may have it


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
RECORDS = ("jsonl", "json", "huggingface")
TABLES = ("columns", "csv")


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
            if isinstance(value, str) and self.format in TABLES and not self.header:
                raise ValueError(f"{key}: must be a number for a column file, not {value!r}, or set header = true")
            if isinstance(value, str) and self.format in ("lines", "conll2012"):
                raise ValueError(f"{key}: must be a number for {self.format}, not {value!r}")
            if isinstance(value, int) and self.format in RECORDS and key != "sentence_column":
                raise ValueError(f"{key}: must be the name of a key for {self.format}, not {value!r}")
        return self

    @model_validator(mode="after")
    def _check_layout(self) -> "Task":
        if self.format not in TABLES:
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
            elif self.format in (*TABLES, "lines", "conll2012"):
                columns = (self.token_column, self.tag_column, self.sentence_column)
                numbers = [each if isinstance(each, int) else 1 for each in columns]
                check_layout(numbers[0], numbers[1], self.separator, self.comment)
                check_layout(numbers[2], None, None, None)
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
    def table(self) -> Layout:
        """How its files of columns are written."""
        return Layout(
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
    def writing(self) -> Writing:
        """How the tags stand in the files."""
        if self.format in ("brat", "webanno", "conll2012", "spacy"):  # their tags are made by the reader
            return Writing(trained_as(self.scheme))
        return Writing(self.scheme, self.mark, self.outside)

    def part(self, split: str) -> Part | None:
        """The sentences of one split, None where the task has none."""
        found: Part | None = getattr(self, split)
        return found


# scheme of each task's files as the study used them; all are scored by prefix (protocol section 4)
PAPER_SCHEMES: Mapping[str, Scheme] = {
    "upos": "plain",
    "xpos": "plain",
    "chunk": "iobes",
    "ner": "iobes",
    "mwe": "plain",
    "supsense": "plain",
    "sem": "plain",
    "semtr": "plain",
    "com": "plain",
    "frame": "plain",
    "hyp": "plain",
}
STARTER = Path(__file__).parent / "starter" / "tasks.toml"


def load_tasks(data: str) -> dict[str, Task]:
    """The tasks of ``data``: ``starter``, a TOML file, a packed study, or a folder.

    A folder has a ``tasks.toml``, or holds ``TASK/train.conll``, ``dev.conll`` and ``test.conll`` (token, tab, tag) for
    some of the paper's eleven. Raises ConfigError for a bad TOML file, DataError where nothing is found.
    """
    if not data:
        raise ConfigError("--data: is empty; give 'starter', a TOML file of tasks, or a folder")
    path = STARTER if data == "starter" else Path(os.path.expanduser(data))  # noqa: PTH111  (Path's raises)
    packed = archive_at(data)
    if packed is not None:
        return _tasks_of_pack(packed)
    if path.is_file():
        return _tasks_of_toml(path)
    if (path / "tasks.toml").is_file():
        return _tasks_of_toml(path / "tasks.toml")
    if not path.exists():
        raise DataError(
            f"{data}: no such file or folder; --data takes 'starter', a TOML file, a packed study or a folder"
        )
    found = [name for name in PAPER_SCHEMES if (path / name).is_dir()]
    if not found:
        raise DataError(
            f"{data}: holds no tasks.toml and none of the folders {', '.join(PAPER_SCHEMES)}; "
            "describe your own files in a tasks.toml: `tagmates data init` writes a first one"
        )
    return {name: _paper_task(name, path) for name in found}


def default_preset(tasks: Mapping[str, Task]) -> str:
    """``paper`` for the paper's tasks, from their folder or a packed study; ``practical`` for all other data."""
    return "paper" if all(map(_is_of_the_paper, tasks.values())) else "practical"


def _is_of_the_paper(task: Task) -> bool:
    if task.score != "prefix" or PAPER_SCHEMES.get(task.name) != task.scheme:
        return False
    alone = task.train is not None and task.train.file == "train.conll" and task.folder.name == task.name
    return task.format == "packed" or (task.format == "columns" and alone)


def choose_tasks(names: str, known: Collection[str], where: str = "--tasks") -> tuple[str, ...]:
    """The names of a comma-separated list, in its order, or of ``all``; ConfigError, saying ``where``, for others."""
    chosen = list(known) if names.strip() == "all" else [name.strip() for name in names.split(",") if name.strip()]
    if not chosen:
        raise ConfigError(f"{where}: is empty; name tasks, or 'all'")
    require_tasks(chosen, known, where)
    return tuple(chosen)


def require_tasks(names: Sequence[str], known: Collection[str], where: str = "--tasks") -> None:
    """Raise ConfigError unless these are names of known tasks, each given once; ``where`` says who named them."""
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: no task {name!r}{suggestion(name, known)}; there are {', '.join(known)}")
        if names.count(name) > 1:
            raise ConfigError(f"{where}: task {name!r} is named twice; name each task once")


def _paper_task(name: str, folder: Path) -> Task:
    parts = {split: Part(file=f"{split}.conll") for split in SPLITS if (folder / name / f"{split}.conll").exists()}
    if "train" not in parts:
        raise DataError(f"{folder / name}: has no train.conll; a task needs a train split")
    values: dict[str, Any] = dict(parts.items()) | {"name": name, "scheme": PAPER_SCHEMES[name], "score": "prefix"}
    return Task(**values, folder=folder / name)


def _tasks_of_pack(path: Path) -> dict[str, Task]:
    tasks = {}
    for packed in read_header(path).tasks:
        _check_name(packed.name, f"{path}: tasks.{packed.name}")
        values: dict[str, Any] = {split: Part(file="") for split in packed.splits}
        values |= {"name": packed.name, "scheme": packed.scheme, "score": packed.score, "outside": packed.outside}
        tasks[packed.name] = Task(**values, format="packed", folder=path)
    return tasks


def _check_name(name: str, where: str) -> None:
    if not re.fullmatch(r"[^\s,/\\]{1,100}", name) or name in ("all", SHARED):
        raise ConfigError(
            f"{visible(where[:300])}: a task's name has no white space, comma or slash, at most 100 characters, and is "
            f"not 'all' or '{SHARED}'; rename it"
        )
    if visible(name) != name:
        raise ConfigError(f"{visible(where)}: a task's name has no characters that cannot be seen; rename it")


def _tasks_of_toml(path: Path) -> dict[str, Task]:
    table = read_toml(path)
    defaults = _normalised({key: value for key, value in table.items() if key != "tasks"}, str(path))
    entries = table.get("tasks", {})
    if not isinstance(entries, dict) or not entries:
        stray = next((key for key in defaults if key not in Task.model_fields), None)
        hint = f"unknown key {stray!r}{suggestion(stray, ['tasks', *Task.model_fields])}; " if stray else ""
        raise ConfigError(f"{path}: {hint}names no tasks; add a table [tasks.NAME] for each")
    tasks = {}
    for name, entry in entries.items():
        where = f"{path}: tasks.{name}"
        _check_name(name, where)
        if not isinstance(entry, dict):
            raise ConfigError(f"{where}: must be a table with train, dev and test")
        values = {**defaults, **_normalised(entry, where)}
        scheme = values.get("scheme", FORMAT_DEFAULTS.get(str(values.get("format")), {}).get("scheme", "plain"))
        if "score" not in values and scheme != "plain":
            values["score"] = "prefix"
        folder = path.parent / str(values.pop("folder", ""))
        task = parse(Task, {**values, "folder": folder, "name": name}, where)
        if task.train is None:
            raise ConfigError(f'{where}: has no train split; add train = "FILE"')
        tasks[name] = task
    return tasks


def _normalised(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keys of a table as ``Task`` has them: ``dev`` for ``validation``, None for the separator ``whitespace``."""
    values = dict(table)
    if "name" in values:
        raise ConfigError(f"{where}: unknown key 'name'; a task's name is that of its table")
    if values.get("format") == "packed":
        raise ConfigError(f"{where}: format: a packed study is not described in TOML; give the file itself as --data")
    if "validation" in values:
        if "dev" in values:
            raise ConfigError(f"{where}: has both dev and validation; they are the same split, keep one")
        values["dev"] = values.pop("validation")
    if values.get("separator") == "whitespace":
        values["separator"] = None
    return values
