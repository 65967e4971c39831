"""Load the sentences of tasks from their files, and report what is wrong with them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from tagmates.data.archive import read_archived
from tagmates.data.cache import entry_of, read_entry, write_entry
from tagmates.data.formats.brat import brat_remarks, read_brat
from tagmates.data.formats.columns import read_columns
from tagmates.data.formats.conll2012 import read_conll2012
from tagmates.data.formats.conllu import expression_remarks, lines_of_words, read_conllu, sentence_ids
from tagmates.data.formats.docbin import docbin_remarks, read_docbin
from tagmates.data.formats.huggingface import huggingface_records, read_huggingface
from tagmates.data.formats.jsonl import read_jsonl, read_records
from tagmates.data.formats.records import (
    LocatedRecord,
    RecordKeys,
    record_remarks,
    spans_of_words,
)
from tagmates.data.formats.sentence_lines import read_lines, read_parallel
from tagmates.data.formats.span_counting import starts_and_ends
from tagmates.data.formats.table import TableLayout, read_table, table_rows
from tagmates.data.formats.token_lines import read_text
from tagmates.data.formats.webanno import read_webanno, webanno_remarks
from tagmates.data.indexing import IndexedTask
from tagmates.data.notation import advice_on_tag
from tagmates.data.schemes import Notation, convert, trained_as, violations_in
from tagmates.data.sentence import Sentence
from tagmates.data.task import RECORD_FORMATS, SPLITS, Part, Task
from tagmates.errors import DataError
from tagmates.formatting import plural
from tagmates.memory import no_cycles

Sentences = list[Sentence]
Corpora = Mapping[str, Mapping[str, Sequence[Sentence]]]  # task -> split -> sentences
Item = TypeVar("Item", Sentence, Sentence | None)


def load_split(task: Task, split: str) -> Sentences:
    """The sentences of one split, with tags in the scheme of training.

    Raises DataError if the split is missing, empty or broken, if a tag breaks its scheme, and if train or dev has no
    label at all.
    """
    sentences = read_split(task, split)
    require_labels(task, split, sentences)
    for problem in violations(task, split, sentences):
        raise DataError(problem)
    if task.scheme == task.trained_scheme == "plain" or task.notation == Notation(task.trained_scheme):
        return sentences  # the tags of the files are those of training
    converted = []
    for sentence in sentences:
        try:
            tags = convert(sentence.labels, task.notation, task.trained_scheme)
        except DataError as error:
            raise DataError(f"{location(task, split, sentence, 0)}: {error}") from None
        converted.append(replace(sentence, tags=tags))
    return converted


def read_split(task: Task, split: str) -> Sentences:
    """The sentences of one split with the tags of the file, unchecked; None for tokens without a label."""
    part = task.part(split)
    if part is None:
        raise DataError(f"{task.folder}: task {task.name} has no {split} split; add one to its files")
    if task.format == "packed":
        return read_archived(task.folder, task.name, split)
    return select_sentences(task, split, read_part(task, part))


def select_sentences(task: Task, split: str, everything: list[Item]) -> list[Item]:
    """Select the sentences of a split from all sentences of its files; None stands for one that could not be read.

    Raises DataError if the files have fewer sentences than the split names, or none with such a name.
    """
    part = task.part(split) or Part(file="")
    start, stop = part.bounds(len(everything))
    if not start < stop <= len(everything):
        raise DataError(
            f"{path_of(task, split)}: has {len(everything)} sentences, so none or not all of {part.sentences!r}; "
            f"correct the sentences of {task.name} {split}"
        )
    if not part.sent_id:
        return everything[start:stop]
    there = [sentence for sentence in everything if sentence is not None]
    names = iter(_names(task, split, there))
    named = [(sentence, "" if sentence is None else next(names)) for sentence in everything]
    fitting: list[Item] = [
        sentence for sentence, name in named[start:stop] if sentence is not None and fnmatchcase(name, part.sent_id)
    ]
    if not fitting:
        raise DataError(f"{path_of(task, split)}: no sentence has a sent_id like {part.sent_id!r}; correct the pattern")
    return fitting


def _names(task: Task, split: str, sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the ``sent_id`` of every sentence."""
    for _, own in groupby(sentences, key=lambda sentence: sentence.file):
        of_file = list(own)
        yield from sentence_ids(path_in(task, split, of_file[0]), of_file, task.encoding)


def with_labels(task: Task, sentence: Sentence) -> Sentence:
    """The sentence, with None instead of the tag that means "no label" in this task."""
    if sentence.tags is None or task.no_label is None or task.no_label not in sentence.tags:
        return sentence
    return replace(sentence, tags=tuple(None if tag == task.no_label else tag for tag in sentence.tags))


def require_labels(task: Task, split: str, sentences: Iterable[Sentence]) -> None:
    """Raise DataError if train or dev has no label."""
    if split != "test" and all(tag is None for sentence in sentences for tag in sentence.labels):
        other = f", or set unlabelled to another tag than {task.no_label!r}" if task.no_label else ""
        raise DataError(f"{path_of(task, split)}: no token of {task.name} {split} has a label; label some{other}")


def violations(task: Task, split: str, sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a message for every tag that breaks the scheme of the task: where it is, and what to do."""
    for sentence in sentences:
        for index, what in violations_in(sentence.labels, task.notation):
            advice = advice_on_tag(sentence.labels[index] or "", task.notation, task.name)
            yield f"{location(task, split, sentence, index)}: {what}; {advice}"


def annotation_remarks(task: Task, split: str) -> Iterator[str]:
    """Yield a remark for each annotation of a split that one tag per word cannot express exactly."""
    for path in paths_of(task, split):
        yield from _remarks(task, path)


def _remarks(task: Task, path: Path) -> Iterator[str]:
    column = str(task.tag_column)
    if task.format == "brat":
        yield from brat_remarks(path, types=task.types, encoding=task.encoding)
    elif task.format == "webanno":
        yield from webanno_remarks(
            path, column=column, scheme=trained_as(task.scheme), types=task.types, encoding=task.encoding
        )
    elif task.format == "conllu":
        yield from expression_remarks(path, column, trained_as(task.scheme), task.encoding)
    elif task.format == "spacy":
        yield from docbin_remarks(path, column=column)
    elif task.format in RECORD_FORMATS:
        keys, records = records_in(task, path)
        yield from record_remarks(records, keys, str(path), ends_in(task))


def records_in(task: Task, path: Path) -> tuple[RecordKeys, Iterator[LocatedRecord]]:
    """The keys with which the task reads the records of a file, and these records."""
    if task.format == "huggingface":
        return huggingface_records(path, keys_of(task))
    return keys_of(task), read_records(path, task.encoding, one_list=task.format == "json")


def ends_in(task: Task) -> Iterator[bool]:
    """Yield for each span in all files of the task whether it starts and ends alike (see ``ends_of``)."""
    stamps: list[tuple[Path, int, int]] = []
    for path in (each for split in SPLITS if task.part(split) for each in paths_of(task, split)):
        with suppress(OSError):
            status = path.stat()
            stamps.append((path, status.st_mtime_ns, status.st_size))
    layer = task.model_copy(update=dict.fromkeys(SPLITS))  # a key of the cache
    yield from _ends_in(layer, tuple(stamps)).elements()


@lru_cache(maxsize=2**7)
def _ends_in(task: Task, stamps: Iterable[tuple[Path, int, int]]) -> Counter[bool]:
    """What the spans of files tell, of each up to its first broken record.

    ``stamps`` are the files with their times and sizes.
    """
    found: Counter[bool] = Counter()
    for path, _, _ in stamps:
        with suppress(DataError):
            keys, records = records_in(task, path)
            for value in spans_of_words(records, keys):
                found += starts_and_ends([value])
    return found


def keys_of(task: Task) -> RecordKeys:
    """The keys with which the task reads records."""
    return RecordKeys(str(task.token_column), str(task.tag_column), task.labels, trained_as(task.scheme), task.types)


def path_of(task: Task, split: str) -> Path:
    """The file of a split (of several, the first), or the folder of the task if it has no such split."""
    return paths_of(task, split)[0]


def paths_of(task: Task, split: str) -> list[Path]:
    """The files of a split, or the folder of the task if it has no such split."""
    part = task.part(split)
    return [task.folder / name for name in part.files(task.folder)] if part else [task.folder]


def path_in(task: Task, split: str, sentence: Sentence) -> Path:
    """The file that a sentence of a split comes from."""
    return task.folder / sentence.file if sentence.file else path_of(task, split)


def location(task: Task, split: str, sentence: Sentence, index: int) -> str:
    """The place of a token for messages: ``FILE:LINE``, and the number of the word if it has no line of its own.

    For formats without lines: the number of the sentence or record, and of the word. For a packed study also the split.
    """
    path = path_in(task, split, sentence)
    if task.format == "packed":
        return f"{path}: {task.name} {split}, sentence {sentence.line}: word {index + 1}"
    if task.format in ("brat", "huggingface", "spacy"):
        return f"{path}: sentence {sentence.line}: word {index + 1}"
    if task.format == "json":
        return f"{path}: record {sentence.line}: word {index + 1}"
    if task.format == "conll2012" or (task.format == "columns" and task.table.is_plain):
        return f"{path}:{sentence.line + index}"
    if (task.is_table and not task.sentence_rows) or task.format == "conllu":
        layout = task.table if task.is_table else None
        lines = _lines_of_rows(path, path.stat().st_mtime_ns if path.is_file() else 0, layout, task.encoding)
        at = bisect_left(lines, sentence.line) + index
        if at < len(lines):
            return f"{path}:{lines[at]}"
    return f"{path}:{sentence.line}: word {index + 1}"


@lru_cache(maxsize=4)
def _lines_of_rows(path: Path, changed: int, layout: TableLayout | None, encoding: str) -> Sequence[int]:
    """The line of each row with a word of a table, or of CoNLL-U (None); [] if the file cannot be read.

    ``changed`` avoids old lines of the cache.
    """
    try:
        text = read_text(path, encoding).removeprefix("\ufeff")
        if layout is None:
            return lines_of_words(text)
        return [row.line for row in table_rows(text, layout, str(path))]
    except DataError:
        return []


def read_part(task: Task, part: Part) -> Sentences:
    """All sentences of the files of a part, with None for tokens without a label."""
    return [sentence for name, tags in files_in(task, part) for sentence in read_one(task, name, tags, part)]


def files_in(task: Task, part: Part) -> list[tuple[str, str]]:
    """The files of a part, each with its file of tags, or "" if it holds the tags itself."""
    names, tags = part.files(task.folder), part.tag_files(task.folder)
    if task.format != "parallel":
        return [(name, "") for name in names]
    if len(names) != len(tags):
        raise DataError(
            f"{task.folder / names[0]}: there are {plural(len(names), 'file')} of words, but {len(tags)} of tags; name "
            "as many"
        )
    return list(zip(names, tags, strict=True))


def read_one(task: Task, name: str, tags: str, part: Part) -> Sentences:
    """All sentences of one file of a part; ``tags`` is its file of tags, or ""."""
    path = task.folder / name
    if task.format == "parallel":
        found = [with_labels(task, each) for each in read_parallel(path, task.folder / tags, task.encoding)]
    else:
        found = read_file(task, path)
    return [replace(sentence, file=name) for sentence in found] if part.has_several else found


def read_file(task: Task, path: Path) -> Sentences:
    """All sentences of a file in the format of the task, with None for tokens without a label."""
    return [with_labels(task, sentence) for sentence in _read_file(task, path)]


def _read_file(task: Task, path: Path) -> Sentences:
    encoding, column = task.encoding, str(task.tag_column)
    if task.is_table:
        return read_table(path, task.table, encoding)
    if task.format in RECORD_FORMATS:
        return _read_records(task, path)
    found: Sentences
    if task.format == "conllu":
        found = read_conllu(path, column=column, encoding=encoding, scheme=trained_as(task.scheme))
    elif task.format == "brat":
        found = read_brat(path, scheme=trained_as(task.scheme), types=task.types, encoding=encoding)
    elif task.format == "webanno":
        found = read_webanno(path, column=column, scheme=trained_as(task.scheme), types=task.types, encoding=encoding)
    elif task.format == "spacy":
        found = read_docbin(path, column=column, scheme=trained_as(task.scheme))
    else:
        found = _read_columns(task, path, {"token_column": int(task.token_column), "tag_column": int(task.tag_column)})
    return found


def _read_columns(task: Task, path: Path, columns: Mapping[str, int]) -> Sentences:
    if task.format == "lines":
        return read_lines(path, **columns, separator=task.separator or "/", encoding=task.encoding)
    if task.format == "conll2012":
        return read_conll2012(
            path, **columns, separator=task.separator, scheme=trained_as(task.scheme), encoding=task.encoding
        )
    return read_columns(path, **columns, separator=task.separator, comment=task.comment, encoding=task.encoding)


def _read_records(task: Task, path: Path) -> Sentences:
    keys: dict[str, Any] = {"token_key": str(task.token_column), "tag_key": str(task.tag_column)}
    keys |= {"labels": task.labels, "scheme": trained_as(task.scheme), "types": task.types}
    keys |= {"elsewhere": ends_in(task)}
    if task.format == "huggingface":
        return read_huggingface(path, **keys)
    return read_jsonl(path, **keys, encoding=task.encoding, one_list=task.format == "json")


def load_corpora(tasks: Mapping[str, Task], names: Iterable[str]) -> Corpora:
    """Task -> split -> sentences, for training. Train and dev are required, test is optional."""
    return {
        name: {split: part.sentences for split, part in indexed.splits.items()}
        for name, indexed in load_indexed(tasks, names).items()
    }


def load_indexed(tasks: Mapping[str, Task], names: Iterable[str]) -> dict[str, IndexedTask]:
    """The tasks with their sentences and their digest, from the cache if it has them, else from their files."""
    with no_cycles():
        return {name: _load_indexed(tasks[name]) for name in names}


def _load_indexed(task: Task) -> IndexedTask:
    needed = [split for split in SPLITS if split != "test" or task.test is not None]
    entry = entry_of(task, needed)
    if entry is not None and (held := read_entry(entry)) is not None:
        return held
    indexed = IndexedTask.of({split: load_split(task, split) for split in needed})
    if entry is not None and entry == entry_of(task, needed):  # no file has changed in the meantime
        write_entry(entry, indexed)
    return indexed
