"""Find what is wrong with the files of tasks before training starts."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

from tagmates.data.checking.encodings import check_encoding
from tagmates.data.checking.layers import check_layer
from tagmates.data.checking.lines import irregular_lines
from tagmates.data.checking.problems import Problem
from tagmates.data.checking.scan import Fault, scan
from tagmates.data.checking.splits import check_leaks, check_splits
from tagmates.data.checking.tokens import check_tokens
from tagmates.data.checking.words import check_words
from tagmates.data.corpora import (
    annotation_remarks,
    files_in,
    location,
    path_in,
    read_one,
    read_split,
    require_labels,
    select_sentences,
    violations,
    with_labels,
)
from tagmates.data.schemes import convert
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS, TABLE_FORMATS, Part, Task
from tagmates.errors import TagmatesError
from tagmates.formatting import plural

Splits = dict[str, list[Sentence]]
_Read = tuple[list[Sentence | None], list[Fault]]


def check_tasks(tasks: Mapping[str, Task]) -> Iterator[Problem]:
    """Yield all problems of the tasks' files, task by task, then the leaks between tasks that are trained jointly.

    A file with bad lines is read line by line, and its other sentences go through all checks.
    """
    everything: dict[str, Splits] = {}
    for task in tasks.values():
        splits = everything[task.name] = {}
        yield from _check_files(task, splits)
        for check in (check_layer, check_tokens, check_words, check_encoding, check_splits):
            yield from check(task, splits)
    yield from check_leaks(tasks, everything)


def _check_files(task: Task, splits: Splits) -> Iterator[Problem]:
    """Yield the problems that stop training. Fills ``splits`` with the sentences that could be read."""
    files: dict[tuple[str, str], _Read] = {}
    for split in SPLITS:
        if task.part(split) is None:
            text = f"{task.folder}: task {task.name} has no {split} split"
            yield Problem.of("warning" if split == "test" else "error", "missing", task, split, text)
            continue
        try:
            sentences, faults = _read(task, split, files)
        except TagmatesError as error:
            yield Problem.of("error", "unreadable", task, split, str(error))
            continue
        yield from (Problem.of("error", fault.kind, task, split, fault.message) for fault in faults)
        splits[split] = [sentence for sentence in sentences if sentence is not None]
        if task.format in TABLE_FORMATS:
            yield from (Problem.of("warning", "irregular", task, split, text) for text in irregular_lines(task, split))
        yield from _check_tags(task, split, splits[split])
        with suppress(TagmatesError):  # a record that cannot be read has been reported
            yield from (
                Problem.of("warning", "stand-off", task, split, text) for text in annotation_remarks(task, split)
            )
    yield from _check_overlap(task, splits)


def _read(task: Task, split: str, files: dict[tuple[str, str], _Read]) -> _Read:
    """The sentences of a split, and the bad lines of its files, which are read once for all splits of the task."""
    if task.format == "packed":
        return list(read_split(task, split)), []
    part = task.part(split) or Part(file="")
    several = any(each.has_several for name in SPLITS if (each := task.part(name)))
    sentences: list[Sentence | None] = []
    faults: list[Fault] = []
    for name, tags in files_in(task, part):
        if (name, tags) not in files:
            found, wrong = _read_file(task, name, tags, part)
            files[name, tags] = [s and replace(s, file=name) for s in found] if several else found, wrong
        found, wrong = files[name, tags]
        sentences += found
        faults += wrong
    return select_sentences(task, split, sentences), faults


def _read_file(task: Task, name: str, tags: str, part: Part) -> _Read:
    try:
        return list(read_one(task, name, tags, part)), []
    except TagmatesError:
        scanned, faults = scan(task, task.folder / name, tags)
        if not faults:
            raise
        return [s and with_labels(task, s) for s in scanned], faults


def _check_tags(task: Task, split: str, sentences: list[Sentence]) -> Iterator[Problem]:
    """Yield errors for missing labels, and for tags that break their scheme or cannot be converted to another."""
    if not sentences:  # all have a bad line, which has been reported
        return
    try:
        require_labels(task, split, sentences)
    except TagmatesError as error:
        yield Problem.of("error", "no-label", task, split, str(error))
    if task.scheme == task.trained_scheme == "plain":
        return  # every tag is right
    wrong = list(violations(task, split, sentences))
    if not wrong and task.convert_to:
        for sentence in sentences:
            try:
                convert(sentence.labels, task.notation, task.convert_to)
            except TagmatesError as error:
                wrong.append(f"{location(task, split, sentence, 0)}: {error}")
    yield from (Problem.of("error", "scheme", task, split, text) for text in wrong)


def _check_overlap(task: Task, splits: Splits) -> Iterator[Problem]:
    """Yield problems for two splits that share sentences of one file."""
    if task.format == "packed":  # its line numbers begin anew in each split
        return
    # each file is read once, so a shared sentence is one object; several records may be on one line
    for first, second in combinations(splits, 2):
        known = {id(sentence) for sentence in splits[first]}
        shared = [sentence for sentence in splits[second] if id(sentence) in known]
        if shared:
            path = path_in(task, second, shared[0])
            text = f"{path}: {first} and {second} share {plural(len(shared), 'sentence')}; give each its own"
            yield Problem.of("error" if first == "train" else "warning", "overlap", task, second, text)
