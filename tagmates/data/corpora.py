"""Load the sentences of tasks from their files, and say what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tagmates.data.formats import read_columns, read_conllu
from tagmates.data.pack import read_packed
from tagmates.data.schemes import convert, first_violation
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import SPLITS, Part, Task
from tagmates.errors import DataError

Sentences = list[Sentence]
Corpora = Mapping[str, Mapping[str, Sequence[Sentence]]]  # task -> split -> sentences
Item = TypeVar("Item")


def load_split(task: Task, split: str) -> Sentences:
    """The sentences of one split; DataError where it is missing, empty or broken (a tag that breaks its scheme too)."""
    sentences = read_split(task, split)
    for problem in violations(task, split, sentences):
        raise DataError(problem)
    if task.convert_to is None or task.convert_to == task.scheme:
        return sentences
    converted = []
    for sentence in sentences:
        try:
            tags = convert(sentence.tags or (), task.scheme, task.convert_to)
        except DataError as error:
            raise DataError(f"{path_of(task, split)}:{sentence.line}: {error}") from None
        converted.append(Sentence(sentence.tokens, tags, sentence.line))
    return converted


def read_split(task: Task, split: str) -> Sentences:
    """The sentences of one split as they stand in the file, their tags unchecked."""
    part = task.part(split)
    if part is None:
        raise DataError(f"{task.folder}: task {task.name} has no {split} split; add one to its files")
    path = task.folder / part.file
    if task.format == "packed":
        return read_packed(path, task.name, split)
    return cut(task, split, read_file(task, path))


def cut(task: Task, split: str, everything: list[Item]) -> list[Item]:
    """Those of a file's sentences that make the split; DataError where the file has not so many."""
    part = task.part(split) or Part(file="")
    start, stop = part.bounds(len(everything))
    if not start < stop <= len(everything):
        raise DataError(
            f"{path_of(task, split)}: has {len(everything)} sentences, so none or not all of {part.sentences!r}; "
            f"correct the sentences of {task.name} {split}"
        )
    return everything[start:stop]


def violations(task: Task, split: str, sentences: Iterable[Sentence]) -> Iterator[str]:
    """For every sentence whose tags break the task's scheme, the first one that does: where, and what to do."""
    for sentence in sentences:
        found = first_violation(sentence.tags or (), task.scheme)
        if found is not None:
            index, what = found
            yield f"{place(task, split, sentence, index)}: {what}; correct the tag or the scheme of {task.name}"


def path_of(task: Task, split: str) -> Path:
    """The file that holds a split, the task's folder where there is none."""
    part = task.part(split)
    return task.folder / part.file if part else task.folder


def place(task: Task, split: str, sentence: Sentence, index: int) -> str:
    """Where a token is: ``file:line``; in CoNLL-U, where other lines may stand between, the sentence and the word.

    In a packed study, which has no lines, the split, the number of the sentence and the word.
    """
    path = path_of(task, split)
    if task.format == "packed":
        return f"{path}: {task.name} {split}, sentence {sentence.line}: word {index + 1}"
    if task.format == "conllu":
        return f"{path}:{sentence.line}: word {index + 1}"
    return f"{path}:{sentence.line + index}"


def read_file(task: Task, path: Path) -> Sentences:
    """All sentences of a file in the task's format."""
    if task.format == "conllu":
        return read_conllu(path, column=str(task.tag_column), encoding=task.encoding)
    return read_columns(
        path,
        token_column=task.token_column,
        tag_column=int(task.tag_column),
        separator=task.separator,
        comment=task.comment,
        encoding=task.encoding,
    )


def load_corpora(tasks: Mapping[str, Task], names: Iterable[str]) -> dict[str, dict[str, Sentences]]:
    """Task -> split -> sentences, for tasks that are to be trained: train and dev must be there, test may be."""
    corpora: dict[str, dict[str, Sentences]] = {}
    for name in names:
        task = tasks[name]
        needed = [split for split in SPLITS if split != "test" or task.test is not None]
        corpora[name] = {split: load_split(task, split) for split in needed}
    return corpora
