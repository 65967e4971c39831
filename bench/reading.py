"""Reading: tokens per second of every reader, beside conllu and the mere bytes; all tasks from files and the cache.

    python bench/reading.py [--data DIR] [--tokens 200000] [--rounds 5] [--json]

The readers read one file each that is made here, of the sentences of the data, in a folder that is removed again.
``line by line`` is what tagmates does with files that are no plain table. BRAT is one document, with an annotation of
every token. All tasks are loaded as for a training, numbered and with their digests: in seconds, from files, and from
a cache of this bench's own, which keeps no task of less than 256 KiB (none of the starter corpus). Everything is
measured in seconds of one core.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import conllu
import pyarrow as pa
from pyarrow import ipc, parquet
from rounds import alternate, arguments, show, summary

from tagmates.batching.vectors import NO_VECTORS
from tagmates.data.archive import ArchivedTask, Header, read_archived, write_archive
from tagmates.data.cache import SWITCH_VARIABLE
from tagmates.data.corpora import load_indexed
from tagmates.data.formats import columns as column_files
from tagmates.data.formats import conllu as conllu_files
from tagmates.data.formats.brat import read_brat
from tagmates.data.formats.columns import format_columns, read_columns
from tagmates.data.formats.conllu import CONLLU_COLUMNS, CONLLULEX_COLUMNS, read_conllu
from tagmates.data.formats.huggingface import read_huggingface
from tagmates.data.formats.jsonl import read_jsonl
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """CPU time of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def line_by_line(work: Work) -> None:
    """Read as if no file were a plain table."""
    with (
        patch.object(column_files, "split_rows", return_value=None),
        patch.object(conllu_files, "split_rows", return_value=None),
    ):
        work()


def some(sentences: Sequence[Sentence], tokens: int) -> Iterator[Sentence]:
    """Sentences, again and again, until they have so many tokens."""
    held = 0
    for sentence in cycle(sentences):
        yield sentence
        held += len(sentence)
        if held >= tokens:
            return


def pairs(sentence: Sentence) -> Iterator[tuple[str, str]]:
    """Tokens and tags; ``_`` where there is no label."""
    return zip(sentence.tokens, (tag or "_" for tag in sentence.labels), strict=True)


def conllu_rows(sentence: Sentence, lex: bool = False) -> list[tuple[str, ...]]:
    """The ten columns of every word, or the nineteen, of which the last is the tag."""
    more = [("_",) * 8 + (tag,) if lex else () for _, tag in pairs(sentence)]
    words = enumerate(zip(pairs(sentence), more, strict=True), 1)
    return [
        (str(i), form, form.lower(), tag, "_", "A=b|C=d", "0", "root", "_", "_", *rest)
        for i, ((form, tag), rest) in words
    ]


def write_brat(path: Path, sentences: Sequence[Sentence]) -> None:
    """DOC.txt, words with spaces between them, and DOC.ann."""
    tokens = [pair for sentence in sentences for pair in [*pairs(sentence), ("\n", "")]]
    lines: list[str] = []
    at = 0
    for token, tag in tokens:
        if tag:
            lines.append(f"T{len(lines)}\tT-{tag.replace(' ', '_')} {at} {at + len(token)}\t{token}\n")
        at += len(token) + 1
    path.with_suffix(".txt").write_text(" ".join(token for token, _ in tokens), encoding="utf-8")
    path.write_text("".join(lines), encoding="utf-8")


def write_files(folder: Path, sentences: Sequence[Sentence]) -> dict[str, Path]:
    """A file of these sentences in every format, by its name."""
    names = ("columns", "conllu", "conllulex", "jsonl", "a.parquet", "a.arrow", "a.ann", "packed")
    files = {name: folder / name for name in names}
    tables: dict[str, Iterable[Iterable[Sequence[str]]]] = {
        "columns": ([*pairs(s)] for s in sentences),
        "conllu": map(conllu_rows, sentences),
        "conllulex": (conllu_rows(s, lex=True) for s in sentences),
    }
    for name, rows in tables.items():
        files[name].write_text("".join(format_columns(rows)), encoding="utf-8")
    records = [{"tokens": s.tokens, "tags": [tag for _, tag in pairs(s)]} for s in sentences]
    files["jsonl"].write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    table = pa.Table.from_pylist(records)
    parquet.write_table(table, files["a.parquet"])
    with ipc.new_stream(files["a.arrow"], table.schema) as stream:
        stream.write_table(table, max_chunksize=1000)
    write_brat(files["a.ann"], sentences)
    packed = ArchivedTask(name="x", scheme="plain", score="plain", splits=("train",))
    write_archive(
        files["packed"], Header(tasks=(packed,), vectors="random"), {"x": {"train": sentences}}, NO_VECTORS.rows
    )
    return files


def arrow_lists(path: Path) -> object:
    """The rows of an Arrow file as pyarrow itself returns them."""
    with pa.memory_map(str(path)) as memory:
        return ipc.open_stream(memory).read_all().to_pylist()


def readers_of(files: dict[str, Path]) -> dict[str, dict[str, Work]]:
    """Format -> who reads -> how; a format that is not text is read as bytes."""

    def text(name: str) -> str:
        return files[name].read_text("utf-8")

    def columns() -> object:
        return read_columns(files["columns"], separator="\t")

    def words() -> object:
        return read_conllu(files["conllu"])

    def lex() -> object:
        return read_conllu(files["conllulex"], column="lextag")

    return {
        "columns": {
            "bytes, decoded": lambda: text("columns"),
            "tagmates": columns,
            "tagmates, line by line": lambda: line_by_line(columns),
        },
        "CoNLL-U": {
            "bytes, decoded": lambda: text("conllu"),
            "conllu.parse": lambda: conllu.parse(text("conllu")),
            "tagmates": words,
            "tagmates, line by line": lambda: line_by_line(words),
        },
        "CoNLL-U-Lex": {
            "bytes, decoded": lambda: text("conllulex"),
            "conllu.parse": lambda: conllu.parse(text("conllulex"), fields=CONLLU_COLUMNS + CONLLULEX_COLUMNS),
            "tagmates": lex,
            "tagmates, line by line": lambda: line_by_line(lex),
        },
        "JSON lines": {
            "bytes, decoded": lambda: text("jsonl"),
            "json.loads": lambda: [*map(json.loads, text("jsonl").splitlines())],
            "tagmates": lambda: read_jsonl(files["jsonl"]),
        },
        "Hugging Face, parquet": {
            "bytes": files["a.parquet"].read_bytes,
            "pyarrow, to_pylist": lambda: parquet.read_table(files["a.parquet"]).to_pylist(),
            "tagmates": lambda: read_huggingface(files["a.parquet"]),
        },
        "Hugging Face, Arrow": {
            "bytes": files["a.arrow"].read_bytes,
            "pyarrow, to_pylist": lambda: arrow_lists(files["a.arrow"]),
            "tagmates": lambda: read_huggingface(files["a.arrow"]),
        },
        "BRAT": {
            "bytes, decoded": lambda: text("a.ann") + files["a.ann"].with_suffix(".txt").read_text("utf-8"),
            "tagmates": lambda: read_brat(files["a.ann"]),
        },
        "packed study": {
            "bytes": files["packed"].read_bytes,
            "tagmates": lambda: read_archived(files["packed"], "x", "train"),
        },
    }


def load(tasks: dict[str, Task], switch: str) -> None:
    """All tasks, as for a training."""
    os.environ[SWITCH_VARIABLE] = switch
    load_indexed(tasks, tasks)


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", tokens=200_000)
    tasks = load_tasks(options.data)
    with TemporaryDirectory() as name:
        os.environ["TAGMATES_CACHE"] = name
        indexed = load_indexed(tasks, tasks)
        held = list(chain.from_iterable(split.sentences for task in indexed.values() for split in task.splits.values()))
        chosen = list(some(held, options.tokens))
        tokens = sum(map(len, chosen))
        for format_, sides in readers_of(write_files(Path(name), chosen)).items():
            rated = {side: lambda work=work: tokens / seconds(work) for side, work in sides.items()}
            rates = alternate(rated, options.rounds)
            others = [side for side in sides if side != "tagmates" and "bytes" not in side]
            against = others[0] if others else None
            show({f"{format_}, {tokens} tokens, tokens/s": summary(rates, against)}, as_json=options.json)
        total = sum(map(len, held))
        times = alternate(
            {
                "from files": lambda: seconds(lambda: load(tasks, "0")),
                "from the cache": lambda: seconds(lambda: load(tasks, "1")),
            },
            options.rounds,
        )
        show({f"all {len(tasks)} tasks, {total} tokens, s": summary(times, "from files")}, as_json=options.json)


if __name__ == "__main__":
    main()
