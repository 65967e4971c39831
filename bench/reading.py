"""Reading: tokens per second of every reader, beside conllu and the mere bytes; all tasks from files and the cache.

    python bench/reading.py [--data DIR] [--tokens 200000] [--rounds 5] [--json]

The readers read one file each that is made here, of the sentences of the data, in a folder that is removed again.
``line by line`` is what tagmates does with files that are no plain table. All tasks are loaded as for a training,
numbered and with their digests: in seconds, from files, and from a cache of this bench's own, which keeps no
task of less than 256 KiB (none of the starter corpus). Everything is measured in seconds of one core.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import conllu
from rounds import alternate, arguments, show, summary

from tagmates.data.cache import SWITCH
from tagmates.data.corpora import load_coded
from tagmates.data.formats import columns as column_files
from tagmates.data.formats import conllu as conllu_files
from tagmates.data.formats.columns import format_columns, read_columns
from tagmates.data.formats.conllu import read_conllu
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import Task, load_tasks

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """CPU time of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def line_by_line(work: Work) -> None:
    """Read as if no file were a plain table."""
    modules = (column_files, conllu_files)
    at_once = column_files.split_rows
    for module in modules:
        module.split_rows = lambda *_: None
    try:
        work()
    finally:
        for module in modules:
            module.split_rows = at_once


def some(sentences: Sequence[Sentence], tokens: int) -> Iterator[Sentence]:
    """Sentences, again and again, until they have so many tokens."""
    held = 0
    for sentence in cycle(sentences):
        yield sentence
        held += len(sentence)
        if held >= tokens:
            return


def written(path: Path, rows: Iterator[list[tuple[str, ...]]]) -> Path:
    """A file of these rows, a sentence each item."""
    path.write_text("".join(format_columns(rows)), encoding="utf-8")
    return path


def conllu_rows(sentence: Sentence) -> list[tuple[str, ...]]:
    """The ten columns of every word."""
    pairs = enumerate(zip(sentence.tokens, sentence.tags or (), strict=True), 1)
    return [(str(i), form, form.lower(), tag, "_", "A=b|C=d", "0", "root", "_", "_") for i, (form, tag) in pairs]


def load(tasks: dict[str, Task], switch: str) -> None:
    """All tasks, as for a training."""
    os.environ[SWITCH] = switch
    load_coded(tasks, tasks)


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", tokens=200_000)
    tasks = load_tasks(options.data)
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TAGMATES_CACHE"] = name
        coded = load_coded(tasks, tasks)
        held = list(chain.from_iterable(split.sentences for task in coded.values() for split in task.splits.values()))
        chosen = list(some(held, options.tokens))
        tokens = sum(map(len, chosen))
        columns = written(folder / "c", ([*zip(s.tokens, s.tags or (), strict=True)] for s in chosen))
        words = written(folder / "u", map(conllu_rows, chosen))
        # file -> reader: a further format is one line here and a file above
        readers: dict[str, dict[str, Work]] = {
            "columns": {
                "bytes, decoded": lambda: columns.read_text("utf-8"),
                "tagmates": lambda: read_columns(columns, separator="\t"),
                "tagmates, line by line": lambda: line_by_line(lambda: read_columns(columns, separator="\t")),
            },
            "CoNLL-U": {
                "bytes, decoded": lambda: words.read_text("utf-8"),
                "conllu.parse": lambda: conllu.parse(words.read_text("utf-8")),
                "tagmates": lambda: read_conllu(words),
                "tagmates, line by line": lambda: line_by_line(lambda: read_conllu(words)),
            },
        }
        for format_, sides in readers.items():
            rated = {side: lambda work=work: tokens / seconds(work) for side, work in sides.items()}
            rates = alternate(rated, options.rounds)
            against = "conllu.parse" if "conllu.parse" in sides else "tagmates, line by line"
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
