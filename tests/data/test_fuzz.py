"""Every reader on arbitrary input: it raises a TagmatesError or gives what a plain reading gives, in little memory."""

import io
import json
import re
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet
from strategies import tried

from tagmates.batching.vectors import load_vectors
from tagmates.data.archive import read_archived
from tagmates.data.corpora import load_split
from tagmates.data.formats import columns, conllu
from tagmates.data.formats.brat import brat_remarks, read_brat
from tagmates.data.formats.columns import read_columns
from tagmates.data.formats.conll2012 import read_conll2012
from tagmates.data.formats.conllu import read_conllu, sentence_ids
from tagmates.data.formats.huggingface import read_huggingface
from tagmates.data.formats.jsonl import read_jsonl
from tagmates.data.formats.sentence_lines import read_lines
from tagmates.data.formats.table import TableLayout, read_table
from tagmates.data.formats.webanno import WEBANNO_FIRST_LINE, read_webanno
from tagmates.data.indexing import json_array
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS
from tagmates.data.tasks import load_tasks
from tagmates.data.upstream.conversion import convert_task
from tagmates.data.upstream.prepared import check_replaceable, provenance_of
from tagmates.errors import ConfigError, DataError, TagmatesError
from tagmates.tagging.reading import read_input

Read = Callable[[Path], list[Sentence]]
Rows = Iterable[tuple[str, ...]]  # a token and its tag, () between sentences
DOCUMENT_START = re.compile(r"[^\w\s]+DOCSTART[^\w\s]+")  # -DOCSTART-, and what editors of corpora made of it


def plain_columns(text: str, separator: str | None = "\t", tag: int = 1, comment: str | None = None) -> Rows:
    """The rows of a column file that is as it should be, token first."""
    inside = False
    for line in text.split("\n"):
        line = line.removesuffix("\r")  # noqa: PLW2901
        if not line.strip() or DOCUMENT_START.fullmatch(line.split()[0]):
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
        if not line.strip() or DOCUMENT_START.fullmatch(line.split()[0]):
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

JSONL = '{"tokens": ["Ravens", "sing"], "tags": {"pos": ["N", 1]}}\n{"tokens": ["Æsir"], "tags": {"pos": [null]}}'
BRAT = "Ravens sing. Æsir 🎵\x1eT1\tX 0 6\tRavens\nT2\tY 13 17;18 19\tÆsir 🎵\n#1\tNote T1\tsure\n"


def read_brat_of(path: Path) -> list[Sentence]:
    """A folder of a document, whose two files stand in one."""
    text, _, annotations = path.read_bytes().partition(b"\x1e")
    folder = path.with_suffix(".folder")
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_bytes(text)
    (folder / "a.ann").write_bytes(annotations)
    assert all(remark.startswith(str(path)) for remark in brat_remarks(folder))
    return read_brat(folder)


def read_copy_of(path: Path, suffix: str) -> list[Sentence]:
    copy = path.with_suffix(suffix)
    copy.write_bytes(path.read_bytes())
    return read_huggingface(copy, tag_key="more.tags")


def arrow_of(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    with ipc.new_stream(stream, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return stream.getvalue()


def parquet_of(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(table, stream, **options)
    return stream.getvalue()


def npz(compressed: bool = True, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def pack(tokens: Any, lengths: Any) -> bytes:
    """A packed study of one split, made of these numbers."""
    task = {"name": "x", "scheme": "plain", "score": "plain", "splits": ["train"]}
    texts = {"tokens": json_array(["Ravens", "sing", "Æsir"]), "tags": json_array(["N", None, "V"])}
    numbers = {"0/train/tokens": tokens, "0/train/tags": tokens, "0/train/lengths": lengths}
    header = json_array({"tasks": [task], "vectors": "random"})
    return npz(header=header, **{name: np.asarray(array, np.uint8) for name, array in (texts | numbers).items()})


TABLE = pa.table(
    {"tokens": [["Ravens", "sing"], ["Æsir", "🎵"]], "more": [{"tags": ["N", "V"]}, {"tags": ["N", None]}]}
)

# a reader, a file that is as it should be, and how to read that plainly: add one line for every further reader
READERS: dict[str, tuple[Read, bytes, Callable[[str], Rows] | None]] = {
    "columns": (read_columns, COLUMNS.encode(), partial(plain_columns, separator=None)),
    "tabs": (partial(read_columns, separator="\t", tag_column=-1), COLUMNS.encode(), partial(plain_columns, tag=-1)),
    "comments": (
        partial(read_columns, separator="\t", comment="#"), COMMENTED.encode(), partial(plain_columns, comment="#")
    ),
    "utf-16": (partial(read_columns, encoding="utf-16"), COLUMNS.encode("utf-16"), None),
    "conllu": (read_conllu, CONLLU.encode(), plain_conllu),
    "feature": (partial(read_conllu, column="feats:C"), CONLLU.encode(), None),
    "conllulex": (
        partial(read_conllu, column="lextag"),
        re.sub("(?<=\t_)$", "\t_" * 9, CONLLU, flags=re.MULTILINE).encode(),
        partial(plain_conllu, column=18),
    ),
    "csv": (
        partial(read_table, layout=TableLayout("w", "t", header=True, comment="#")),
        b'w,t\n"Ravens",N\n"sing, loud",V\n\n# 1\n\xc3\x86sir,"N"\n',
        None,
    ),
    "sentence column": (
        partial(read_table, layout=TableLayout(2, 3, "\t", quoted=False, sentence_columns=(1,), sentence_end="end")),
        b"1\tRavens\tN\n\tsing\tV\n2\t\xc3\x86sir\tN\nx|end\ta\tb\n",
        None,
    ),
    "lines": (read_lines, "Ravens/N sing/V\nÆsir/🎵/N\n".encode(), None),
    "brackets": (
        partial(read_conll2012, token_column=1, tag_column=2),
        "#begin document x\nRavens (A*\nsing *)\n\nÆsir (B)\n#end document\n".encode(),
        None,
    ),
    "webanno": (
        partial(read_webanno, column="A.b"),
        f"{WEBANNO_FIRST_LINE}.3\n#T_SP=x.A|b\n\n1-1\t0-6\tRavens\tX[1]\n1-2\t7-9\tsi\tX[1]|Y\n1-2.1\t7-8\ts\tZ\n\n2-1\t9-10\t.\t*\n".encode(),
        None,
    ),
    "cupt": (
        partial(read_conllu, column="P:M"),
        "# global.columns = ID FORM P:M\n1\tRavens\t1:A\n2-3\tx\t_\n2\tsing\t1\n\n1\tÆsir\t*\n".encode(),
        None,
    ),
    "json": (partial(read_jsonl, one_list=True), b'[{"tokens": ["Ravens", "sing"], "tags": ["N", null]}, '
        b'{"tokens": ["So"], "tags": ["V"]}]', None),
    "jsonl": (partial(read_jsonl, tag_key="tags.pos", labels=["N", "V"]), JSONL.encode(), None),
    "brat": (read_brat_of, BRAT.encode(), None),
    "parquet": (partial(read_copy_of, suffix=".parquet"), parquet_of(TABLE), None),
    "parquet, plain": (
        partial(read_copy_of, suffix=".parquet"),
        parquet_of(TABLE, use_dictionary=False, compression="none"),
        None,
    ),
    "arrow": (partial(read_copy_of, suffix=".arrow"), arrow_of(TABLE), None),
    "arrow, zstd": (partial(read_copy_of, suffix=".arrow"), arrow_of(TABLE, compression="zstd"), None),
    "packed": (partial(read_archived, task="x", split="train"), pack([0, 1, 2, 1], [1, 3]), None),
}  # fmt: skip
every_reader = pytest.mark.parametrize("name", READERS)

ODD = [
    *("\r", "\r\n", "\r\r\n", "\n", "\n\n\n", " \n", "\t\n", "\t", "\t\t\t", " ", "\x0b", "\x0c", "\x1c", "\0", "#"),
    *("\ufeff", "\u0085", "\u00a0", "\u2028", "\u3000", "-DOCSTART-", "\n-DOCSTART- x\n", "-DOCSTART-\u00a0x\n"),
    *("\n# c\n", "-DOCSTART-#\t"),
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
    assert sum(map(len, sentences)) >= 3
    if plainly is not None:
        assert [(s.tokens, s.tags) for s in sentences] == sentences_of(plainly(sample.decode()))


@every_reader
@settings(max_examples=tried(60))
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


@settings(max_examples=tried(200))
@given(
    table=tables,
    between=st.sampled_from(["\t", " ", "|", "  "]),
    end=st.sampled_from(["\n", "\r\n", " \n"]),
    layout=st.fixed_dictionaries(
        {"token_column": st.sampled_from([1, 2, -1]), "tag_column": st.sampled_from([1, 2, -1, -2])},
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
        monkeypatch.setattr(module, "sentences_in", lambda *_, **__: pytest.fail("line by line"))
    for name, (read, sample, _) in READERS.items():
        if name in ("cupt", "brackets"):  # made of what other lines say, so line by line
            continue
        path = tmp_path / name.replace(", ", "-")
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


@settings(max_examples=tried(100))
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


@settings(max_examples=tried(150))
@given(content=near_misses(TOML.encode()))
def test_accidents_in_toml(content: bytes, tmp_path_factory: Any) -> None:
    path = written(SPANS.encode(), tmp_path_factory)
    toml = path.with_name("fuzz.toml")
    toml.write_bytes(content)
    check_tasks_of(toml)


KEYS = [
    *("train", "dev", "validation", "test", "format", "token_column", "tag_column", "separator", "comment"),
    *("encoding", "scheme", "convert_to", "score", "folder", "name", "tasks", "colour"),
    *("labels", "types", "unlabelled"),
]
values = st.sampled_from(
    [
        *("fuzz", "", ".", "/", "\0", "\n", "~", "none", "columns", "conllu", "packed", "iobes", "plain", "prefix"),
        *("jsonl", "huggingface", "brat", "iob2", "O", "B-x", "_", ["O"], ["O", "B-x"], [["O"]], "a" * 9999),
        *("upos", "misc:", "whitespace", "utf-16", "utf-7", "rot13", "idna", "punycode", "undefined", "\t", "a\u2028"),
        *(0, 1, 2, -1, -2, 10**30, True, 1.5, [], [1], {}, {"file": "fuzz"}),
        *({"file": "fuzz", "sent_id": some} for some in ("", "*", "[", "*a" * 999, "\0")),
        *({"file": "fuzz", "sentences": some} for some in ("0", "1-", "-2", "2-1", "9" * 5000 + "-")),
    ]
)


@settings(max_examples=tried(100))
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


@pytest.mark.parametrize(
    "content",
    [
        *(b"x = " + nested for nested in (b"[" * 9999, b"{a=" * 9999, b"9" * 9999)),
        *(b"[tasks.x]\ntrain = 'f'\n" + key for key in (b"x" * 2**20 + b"=1", b"scheme = '" + b"x" * 2**20 + b"'")),
        *(b"[tasks.x]\ntrain = 'f'\nencoding" + value for value in (b".a" * 999 + b"=1", b"=0x" + b"9" * 9999)),
        b"[tasks." + b"x" * 2**20 + b"]\ntrain = 'f'",
    ],
    ids=range(8),
)
def test_toml_beyond_measure(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_tasks(str(tmp_path / "t.toml"))
    assert len(str(caught.value)) < 1000


VECTORS = "2 2\nfog 1 -2.5\n🎵 1e3 0\nÆsir 3 4\n"


@settings(max_examples=tried(100))
@given(content=near_misses(VECTORS.encode()) | st.binary(max_size=60))
def test_accidents_in_vectors(content: bytes, tmp_path_factory: Any) -> None:
    path = written(content, tmp_path_factory)
    try:
        vectors = load_vectors(str(path))
    except DataError as error:
        assert str(error).startswith(str(path))
    else:
        assert len(vectors.index) == len(vectors.matrix) > 0 < vectors.size
        assert np.isfinite(vectors.matrix).all()


@settings(max_examples=tried(100))
@given(content=near_misses(BRAT.encode()) | near_misses(COLUMNS.encode()), kind=st.sampled_from(["text", "conll"]))
def test_accidents_in_text_to_be_tagged(content: bytes, kind: str, tmp_path_factory: Any) -> None:
    path = written(content, tmp_path_factory)
    try:
        assert all(words and all(words) for words in read_input([str(path)], kind))
    except DataError as error:
        assert str(error).startswith(str(path))


class EveryFile(dict[str, Path]):
    """Any file of a data set is this one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getitem__(self, name: str) -> Path:
        return self.path


HYP = "(BYPASS DT<a>1 the NN news ? ?)\n(BYPASS NN fog ?)\n"
PUBLISHED = {"upos": CONLLU, "mwe": CONLLU, "chunk": "fog N I-x\n", "ner": SPANS, "com": COLUMNS, "hyp": HYP}


@pytest.mark.parametrize("task", ["upos", "chunk", "ner", "mwe", "supsense", "sem", "semtr", "com", "frame", "hyp"])
@settings(max_examples=25)
@given(data=st.data(), mode=st.sampled_from(["authors", "clean"]))
def test_accidents_in_published_files(task: str, data: st.DataObject, mode: Any, tmp_path_factory: Any) -> None:
    sample = PUBLISHED.get(task, COLUMNS if task != "supsense" else CONLLU)
    path = written(data.draw(near_misses(sample.encode()) | st.binary(max_size=60)), tmp_path_factory)
    try:
        splits = convert_task(task, EveryFile(path), mode)
    except DataError as error:
        assert ": " in str(error)
    else:
        assert list(splits) == list(SPLITS)


MADE = {
    "task": "x", "mode": "clean", "sources": [{"name": "a"}],
    "files": [{"source": "a", "name": "b", "sha256": "0", "verified": "sha256"}],
    "splits": {"train": {"sentences": 1, "sha256": "0"}},
}  # fmt: skip


@settings(max_examples=tried(100))
@given(content=near_misses(json.dumps(MADE).encode()) | st.binary(max_size=60))
@example(content=b"[" * 2**16)
@example(content=b'{"files":' * 2**12)
def test_accidents_in_what_a_fetch_says_of_itself(content: bytes, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "prepared"
    folder.mkdir(exist_ok=True)
    (folder / "SOURCE.json").write_bytes(content)
    (folder / "train.conll").write_text("a\tb\n")
    assert provenance_of(folder) is None or json.loads(content)["task"] is not None
    with pytest.raises(ConfigError):  # what is there is not as it was written
        check_replaceable(folder, "clean")


def columns_of(column: pa.Array) -> pa.Table:
    return pa.table({"tokens": column, "tags": column})


CLAIMS: dict[str, Callable[[], bytes]] = {
    "runs.parquet": lambda: parquet_of(columns_of(one_text("a", 5000, 1000))),
    "one text.parquet": lambda: parquet_of(columns_of(one_text("a" * 10**6, 10, 10))),
    "packed.parquet": lambda: parquet_of(columns_of(pa.array([["a" * 10**7]])), compression="zstd"),
    "one text.arrow": lambda: arrow_of(columns_of(one_text("a" * 10**6, 10, 100))),
    "nothing.arrow": lambda: arrow_of(columns_of(nothing(10**8))),
    "study.pack": lambda: pack(np.zeros(10**7, np.uint8), np.full(10**5, 100)),
}


def one_text(text: str, size: int, sentences: int) -> pa.Array:
    """Sentences of so many words, all of them this one, which stands there once."""
    words = pa.DictionaryArray.from_arrays(np.zeros(size * sentences, np.int8), [text])
    return pa.ListArray.from_arrays(np.arange(0, size * sentences + 1, size, dtype=np.int32), words)


def nothing(size: int) -> pa.Array:
    """A list of so many nulls, none of which takes a byte."""
    return pa.ListArray.from_arrays(pa.array([0, size], pa.int32()), pa.nulls(size))


@pytest.mark.parametrize("name", CLAIMS)
def test_small_files_that_claim_much(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(CLAIMS[name]())
    read = partial(read_archived, task="x", split="train") if path.suffix == ".pack" else read_huggingface
    with pytest.raises(DataError, match=r"claims to hold [\d,]+ (values|bytes) in [\d,]+ bytes; "), limited(2**24):
        read(path)


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Fails where so many bytes of Python's and numpy's were held at a time."""
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < most


MANY = 4000
WORDS = "Word one. " * MANY
HARD_BRAT: dict[str, tuple[str, str]] = {
    "as many annotations as sentences": (
        WORDS, "".join(f"T{i}\tX {10 * i} {10 * i + 4}\tWord\n" for i in range(MANY))
    ),
    "all of the same word": (WORDS, "T1\tX 0 4\tWord\n" * MANY),
    "all to the end": (
        WORDS, "".join(f"T1\tX {10 * i} {10 * i + 4};{10 * MANY - 5} {10 * MANY - 2}\tWord one\n" for i in range(MANY))
    ),
    "much white space": ("a" + " " * 2**20 + "b", f"T1\tX 0 {2**20}\ta\n" * MANY),
    "one word": ("a" * 2**20, f"T1\tX 0 {2**20}\t{'a' * 2**20}\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", HARD_BRAT)
def test_annotations_that_could_take_hours(case: str, tmp_path: Path) -> None:
    for suffix, text in zip(("txt", "ann"), HARD_BRAT[case], strict=True):
        (tmp_path / f"a.{suffix}").write_text(text)
    sentences = read_brat(tmp_path)
    assert any("B-X" in sentence.labels for sentence in sentences)
    assert len(list(brat_remarks(tmp_path))) < 2 * MANY


def test_a_name_that_could_take_hours(tmp_path: Path) -> None:
    """An expression that tries every end of the name for every end of the blanks behind it."""
    (tmp_path / "f").write_text("# sent_id = a" + " " * 2**20 + "b \n" + CONLLU)
    sentences = read_conllu(tmp_path / "f")
    assert sentence_ids(tmp_path / "f", sentences)[0] == "a" + " " * 2**20 + "b"


HARD_JSON = {
    "objects in objects": '{"a":' * 900 + "1" + "}" * 900,
    "lists in lists": '{"tags": [], "tokens": [' + "[" * 900 + "]" * 900 + "]}",
    "many keys": json.dumps(dict.fromkeys(map(str, range(2**14)), 1)),
    "a long key": json.dumps({"tokens": {"k" * 2**20: 1}}),
    "a long token": json.dumps({"tokens": ["\0" * 2**20], "tags": {"pos": ["a"]}}),
    "a long number": '{"tokens": ["a"], "tags": {"pos": [' + "9" * 4000 + "]}}",
}


@pytest.mark.parametrize("case", HARD_JSON)
def test_records_beyond_measure(case: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(HARD_JSON[case])
    said = outcome(READERS["jsonl"][0], tmp_path / "f")
    assert isinstance(said, str) and len(said) < 1000


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
    "lists in lists": b"[",
    "records": b'{"tokens":["a"],"tags":{"pos":["b"]}}\n',
    "empty records": b"{}\n",
    "objects in a list": b"{},",
    "sentences of text": b"So. ",
    "annotations": b"T1\tX 0 1\ta\n",
}
HEADS = {"objects in a list": b'{"tokens":[', "annotations": b"a\x1e"}
WIDE = {"brat": 250}  # times the input; a word of one byte is an object with its place in the text


@pytest.mark.parametrize("name", [name for name, (_, sample, _) in READERS.items() if b"\0" not in sample])
@pytest.mark.parametrize("case", LARGE)
@pytest.mark.parametrize("size", [2**14, pytest.param(2**20, marks=pytest.mark.slow)])
def test_memory_is_a_small_multiple_of_the_input(name: str, case: str, size: int, tmp_path: Path) -> None:
    size = size // 8 if name == "brat" else size  # it makes words of text, which takes its time
    unit = LARGE[case]
    content = HEADS.get(case, b"") + unit * (size // len(unit)) + (b"\xff" if case.startswith("invalid") else b"")
    (tmp_path / "f").write_bytes(content)
    with limited(WIDE.get(name, 60) * len(content)):
        said = outcome(READERS[name][0], tmp_path / "f")
    assert not isinstance(said, str) or len(said) < 1000
