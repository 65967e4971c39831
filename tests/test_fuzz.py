"""Every reader on every input: a TagmatesError, or what a plain reading gives; nothing else, and not much memory."""

import json
import re
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tagmates.data.corpora import load_split
from tagmates.data.formats import columns, conllu
from tagmates.data.formats.columns import read_columns
from tagmates.data.formats.conllu import read_conllu
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import SPLITS, load_tasks
from tagmates.errors import ConfigError, DataError, TagmatesError

Read = Callable[[Path], list[Sentence]]
Rows = Iterable[tuple[str, ...]]  # a token and its tag, () between sentences


def plain_columns(text: str, separator: str | None = "\t", tag: int = 1, comment: str | None = None) -> Rows:
    """The rows of a column file that is as it should be, token first."""
    inside = False
    for line in text.split("\n"):
        line = line.removesuffix("\r")  # noqa: PLW2901
        if not line.strip() or line.split()[0] == "-DOCSTART-":
            inside = False
            yield ()
        elif inside or not comment or not line.startswith(comment):
            inside = True
            cells = line.split(separator) if separator else re.split(r"[ \t\v\f]+", line.strip(" \t\v\f"))
            yield cells[0], cells[tag]


def plain_conllu(text: str, column: int = 3) -> Rows:
    """The rows of a CoNLL-U file that is as it should be."""
    for line in text.split("\n"):
        line = line.removesuffix("\r")  # noqa: PLW2901
        if not line.strip() or line.split()[0] == "-DOCSTART-":
            yield ()
        elif line[0] != "#" and line.split("\t")[0].isdecimal():
            yield line.split("\t")[1], line.split("\t")[column]


def sentences_of(rows: Rows) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    found: list[list[tuple[str, ...]]] = [[]]
    for row in rows:
        if row:
            found[-1].append(row)
        elif found[-1]:
            found.append([])
    return [(tuple(token for token, _ in rows), tuple(tag for _, tag in rows)) for rows in found if rows]


def word(number: str, form: str, tag: str) -> str:
    return "\t".join([number, form, "_", tag, "_", "A=b|C=d", "0", "_", "_", "_"])


COLUMNS = "Ravens\tNOUN\nsing\tVERB\n\nÆsir\tPROPN\n🎵\tSYM\n#\tSYM\n\nNo\tINTJ\n"
SPANS = "Ravens\tB-x\nsing\tI-x\n\nÆsir\tO\n"
COMMENTED = "# 1\n" + COLUMNS.replace("\n\n", "\n\n# 2\n#\n").replace("\n#\tSYM", "")
CONLLU = "\n".join(
    [
        *("# s = 1", word("1", "Ravens", "NOUN"), word("2-3", "can't", "_"), word("2", "ca", "AUX")),
        *(word("3", "n't", "PART"), word("3.1", "so", "ADV"), ""),
        *("# s = 2", "# t", word("1", "Æsir", "PROPN"), word("2", "#", "SYM"), "", ""),
    ]
)

# a reader, a file that is as it should be, and how to read that plainly: add one line for every further reader
READERS: dict[str, tuple[Read, bytes, Callable[[str], Rows] | None]] = {
    "columns": (read_columns, COLUMNS.encode(), partial(plain_columns, separator=None)),
    "tabs": (partial(read_columns, separator="\t", tag_column=-1), COLUMNS.encode(), partial(plain_columns, tag=-1)),
    "comments": (
        partial(read_columns, separator="\t", comment="#"), COMMENTED.encode(), partial(plain_columns, comment="#")
    ),
    "tokens alone": (partial(read_columns, tag_column=None, separator="|"), b"One\ntwo words\n\nthree\nfour\n", None),
    "utf-16": (partial(read_columns, encoding="utf-16"), COLUMNS.encode("utf-16"), None),
    "conllu": (read_conllu, CONLLU.encode(), plain_conllu),
    "feature": (partial(read_conllu, column="feats:C"), CONLLU.encode(), None),
    "conllulex": (
        partial(read_conllu, column="lextag"),
        re.sub("(?<=\t_)$", "\t_" * 9, CONLLU, flags=re.MULTILINE).encode(),
        partial(plain_conllu, column=18),
    ),
}  # fmt: skip
every_reader = pytest.mark.parametrize("name", READERS)

ODD = [
    *("\r", "\r\n", "\r\r\n", "\n", "\n\n\n", " \n", "\t\n", "\t", "\t\t\t", " ", "\x0b", "\x0c", "\x1c", "\0", "#"),
    *("\ufeff", "\u0085", "\u00a0", "\u2028", "\u3000", "-DOCSTART-", "\n-DOCSTART- x\n", "-DOCSTART-\u00a0x\n"),
    "\n# c\n",
    *("1", "-", ".", "²", "٣", "\n1-2", "🎵", "e\u0301", "\u202e", "\ud800", "a\tb\tc\td\n", "x" * 9999, "\t" * 999),
]  # fmt: skip
odd_bytes = st.sampled_from([odd.encode("utf-8", "surrogatepass") for odd in ODD] + [b"\xff\xfe", b"\xc3", b"\xbd"])


@st.composite
def near_misses(draw: st.DrawFn, sample: bytes) -> bytes:
    """The sample after a few accidents."""
    content = sample
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 12)))
        part = draw(st.sampled_from([b"", content[start:stop] * 2]) | odd_bytes)
        content = content[:start] + part + content[stop:]
    return draw(st.sampled_from([content] * 4 + [b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r\n")]))


def outcome(read: Read, path: Path) -> list[Sentence] | str:
    """The sentences, or what the error says."""
    try:
        return read(path)
    except DataError as error:
        assert str(error).startswith(str(path))
        return str(error)


def written(content: bytes, folder: Any) -> Path:
    path: Path = folder.getbasetemp() / "fuzz"
    path.write_bytes(content)
    return path


def line_by_line(read: Read, path: Path) -> list[Sentence] | str:
    with pytest.MonkeyPatch.context() as patch:
        for module in (columns, conllu):
            patch.setattr(module, "split_rows", lambda *_: None)
        return outcome(read, path)


@every_reader
def test_the_samples_are_as_they_should_be(name: str, tmp_path: Path) -> None:
    read, sample, plainly = READERS[name]
    (tmp_path / "f").write_bytes(sample)
    sentences = read(tmp_path / "f")
    assert sum(map(len, sentences)) > 3
    if plainly is not None:
        assert [(s.tokens, s.tags) for s in sentences] == sentences_of(plainly(sample.decode()))


@every_reader
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_accidents(name: str, data: st.DataObject, tmp_path_factory: Any) -> None:
    """At once or line by line, the same comes out; and where it is sentences, they are what a plain reading gives."""
    read, sample, plainly = READERS[name]
    content = data.draw(st.binary(max_size=60) | near_misses(sample) | near_misses(sample))
    path = written(content, tmp_path_factory)
    found = outcome(read, path)
    assert found == line_by_line(read, path)
    if not isinstance(found, str):
        assert all(len(s.tokens) > 0 < s.line and len(s) == len(s.tags or s.tokens) for s in found)
        assert [s.line for s in found] == sorted({s.line for s in found})
        if plainly is not None:
            rows = plainly(content.decode().removeprefix("\ufeff"))
            assert [(s.tokens, s.tags) for s in found] == sentences_of(rows)


cells = st.sampled_from(["a", "#", "", " ", "-DOCSTART-", "\u00a0", "B-x", "1", "\x85", "😀", "x y"])
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.just([]) | st.lists(cells, min_size=width, max_size=width), max_size=12)
)


@settings(deadline=None, max_examples=200)
@given(
    table=tables,
    between=st.sampled_from(["\t", " ", "|", "  "]),
    end=st.sampled_from(["\n", "\r\n", " \n"]),
    layout=st.fixed_dictionaries(
        {"token_column": st.sampled_from([1, 2, -1]), "tag_column": st.sampled_from([None, 1, 2, -1, -2])},
        optional={
            "separator": st.sampled_from(["\t", "|", " ", "||"]),
            "comment": st.sampled_from(["#", "a", " ", "-"]),
        },
    ),
)
@example(  # a comment after a line of white space
    table=[["a", "b"], [" "], ["#", "a"], ["b", "c"]], between="\t", end="\n",
    layout={"token_column": 1, "tag_column": 2, "separator": "\t", "comment": "#"},
)  # fmt: skip
def test_tables_at_once_and_line_by_line(
    table: list[list[str]], between: str, end: str, layout: dict[str, Any], tmp_path_factory: Any
) -> None:
    path = written(end.join(between.join(row) for row in table).encode(), tmp_path_factory)
    read = partial(read_columns, **layout)
    assert outcome(read, path) == line_by_line(read, path)


def test_what_is_as_it_should_be_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast way is taken: line by line nothing is read."""
    for module in (columns, conllu):
        monkeypatch.setattr(module, "sentences_in", lambda *_: pytest.fail("line by line"))
    for number, (read, sample, _) in enumerate(READERS.values()):
        path = tmp_path / str(number)
        path.write_bytes(sample)
        assert read(path)


TOML = """comment = "#"
[tasks.pos]
train = "fuzz"
dev = {file = "fuzz", sentences = "2-"}
test = {file = "fuzz", sentences = "-1"}
separator = "\\t"
scheme = "iob2"
convert_to = "iobes"
[tasks.more]
train = "fuzz"
format = "conllu"
tag_column = "xpos"
encoding = "utf-8"
"""


@settings(deadline=None, max_examples=100)
@given(content=near_misses(SPANS.encode()) | near_misses(CONLLU.encode()) | st.binary(max_size=60))
def test_accidents_in_the_files_of_tasks(content: bytes, tmp_path_factory: Any) -> None:
    path = written(content, tmp_path_factory)
    toml = path.with_name("fuzz.toml")
    toml.write_text(TOML)
    check_tasks_of(toml)


def check_tasks_of(toml: Path) -> None:
    """Tasks with splits that are sentences, or errors of the kind that says what to do."""
    try:
        tasks = load_tasks(str(toml))
    except (ConfigError, DataError) as error:
        assert "\n" not in str(error).removeprefix(str(toml))
        return
    for task in tasks.values():
        for split in SPLITS:
            try:
                assert load_split(task, split)
            except TagmatesError as error:
                assert ": " in str(error)


@settings(deadline=None, max_examples=150)
@given(content=near_misses(TOML.encode()))
def test_accidents_in_toml(content: bytes, tmp_path_factory: Any) -> None:
    path = written(SPANS.encode(), tmp_path_factory)
    toml = path.with_name("fuzz.toml")
    toml.write_bytes(content)
    check_tasks_of(toml)


KEYS = [
    *("train", "dev", "validation", "test", "format", "token_column", "tag_column", "separator", "comment"),
    *("encoding", "scheme", "convert_to", "score", "folder", "name", "tasks", "colour"),
]
values = st.sampled_from(
    [
        *("fuzz", "", ".", "/", "\0", "\n", "~", "none", "columns", "conllu", "packed", "iobes", "plain", "prefix"),
        *("upos", "misc:", "whitespace", "utf-16", "utf-7", "rot13", "idna", "punycode", "undefined", "\t", "a\u2028"),
        *(0, 1, 2, -1, -2, 10**30, True, 1.5, [], [1], {}, {"file": "fuzz"}),
        *({"file": "fuzz", "sentences": some} for some in ("0", "1-", "-2", "2-1", "9" * 5000 + "-")),
    ]
)


@settings(deadline=None, max_examples=100)
@given(table=st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
@example(table={"encoding": "idna"})
@example(table={"train": {"file": "fuzz", "sentences": "9" * 5000 + "-"}})
def test_any_toml(table: dict[str, Any], tmp_path_factory: Any) -> None:
    path = written(SPANS.encode(), tmp_path_factory)
    lines = [f"{key} = {toml_of(value)}" for key, value in ({"train": "fuzz"} | table).items()]
    toml = path.with_name("fuzz.toml")
    toml.write_text("\n".join(["[tasks.x]", *lines, ""]))
    check_tasks_of(toml)


def toml_of(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_of(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


LARGE: dict[str, bytes] = {
    "blank lines": b"\n",
    "lines of a space": b" \n",
    "one long line": b"a",
    "many columns": b"\t",
    "many short columns": b"ab\t",
    "short lines": b"a\n",
    "short rows": b"ab\tc\n",
    "sentences of a token": b"ab\tc\n\n",
    "carriage returns": b"\r",
    "comments": b"#\n",
    "comments and rows": b"#\n\n1\tb\n",
    "documents": b"-DOCSTART-\n",
    "spaces": b" ",
    "wide characters": "🎵\tc\n".encode(),
    "words of CoNLL-U": word("1", "a", "B").encode() + b"\n\n",
    "ranges of CoNLL-U": word("1-2", "a", "B").encode() + b"\n",
    "invalid at the end": b"ab\n",
}


@every_reader
@pytest.mark.parametrize("case", LARGE)
@pytest.mark.parametrize("size", [2**15, pytest.param(2**20, marks=pytest.mark.slow)])
def test_memory_is_a_small_multiple_of_the_input(name: str, case: str, size: int, tmp_path: Path) -> None:
    unit = LARGE[case]
    content = unit * (size // len(unit)) + (b"\xff" if case.startswith("invalid") else b"")
    (tmp_path / "f").write_bytes(content)
    tracemalloc.start()
    try:
        outcome(READERS[name][0], tmp_path / "f")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * len(content)
