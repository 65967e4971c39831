"""Say what is wrong with the files of tasks before a training finds out."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from tagmates.data.corpora import load_split, place, read_split, remarks, violations
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import SPLITS, Task
from tagmates.errors import TagmatesError


@dataclass(frozen=True, slots=True)
class Problem:
    """An error stops a training; a warning is worth a look."""

    level: Literal["error", "warning"]
    text: str

    def to_json(self) -> dict[str, str]:
        """A JSON object."""
        return asdict(self)


def check_tasks(tasks: Mapping[str, Task]) -> Iterator[Problem]:
    """Everything that is wrong with the tasks' files, task by task."""
    for task in tasks.values():
        splits: dict[str, list[Sentence]] = {}
        for split in SPLITS:
            if task.part(split) is None:
                level: Literal["error", "warning"] = "warning" if split == "test" else "error"
                yield Problem(level, f"{task.folder}: task {task.name} has no {split} split")
                continue
            try:
                sentences = read_split(task, split)
                wrong = list(violations(task, split, sentences))
                if not wrong:
                    splits[split] = load_split(task, split)
                    yield from (Problem("warning", text) for text in remarks(task, split))
            except TagmatesError as error:
                wrong = [str(error)]
            yield from (Problem("error", text) for text in wrong)
        if "train" in splits:
            yield from _unseen_tags(task, splits)
            yield from _shared_sentences(task, splits)


def _unseen_tags(task: Task, splits: Mapping[str, list[Sentence]]) -> Iterator[Problem]:
    known = {tag for sentence in splits["train"] for tag in sentence.tags or ()}
    for split in ("dev", "test"):
        unseen: dict[str, str] = {}
        for sentence in splits.get(split, []):
            for i, tag in enumerate(sentence.tags or ()):
                if tag not in known:
                    unseen.setdefault(tag, place(task, split, sentence, i))
        for tag, where in unseen.items():
            yield Problem("warning", f"{where}: tag {tag!r} of {split} is not in train")


def _shared_sentences(task: Task, splits: Mapping[str, list[Sentence]]) -> Iterator[Problem]:
    seen = {sentence.tokens for sentence in splits["train"]}
    for split in ("dev", "test"):
        shared = sum(len(s) >= 3 and s.tokens in seen for s in splits.get(split, []))
        if shared:
            text = f"{task.folder}: {shared} {split} sentences of {task.name} (three words or more) are also in train"
            yield Problem("warning", text)
