"""What decides the scores of a task, kept with every run and compared before scores are set beside each other."""

from collections.abc import Collection, Mapping
from typing import Literal

from tagmates.data.indexing import IndexedTask
from tagmates.data.schemes import OUTSIDE
from tagmates.data.task import Task

TaskData = Mapping[str, str]  # digest of the sentences, scheme as trained, score (how tags make units), outside
Reading = Literal["prefix", "prefix+bare", "plain"]
BARE_TAGS = frozenset("BIES")  # letters that alone, without a label, are tags of spans


def reading_of(task: Task, tags: Collection[str | None]) -> Reading:
    """How a task's tags make units, these being its gold tags.

    That is the task's ``score``. Where its scheme makes spans and has tags without a label (``B``, ``I``, ``E``, ``S``
    alone), these are spans too. In a plain layer they are units of one token each: the published way (protocol
    section 4), in which the paper scores MWE.
    """
    bare = task.score == "prefix" and task.trained_scheme != "plain" and not BARE_TAGS.isdisjoint(tags)
    return "prefix+bare" if bare else task.score


def task_data(task: Task, coded: IndexedTask) -> dict[str, str]:
    """What decides the scores of a task, given its sentences; ``outside`` is named only where it is not ``O``."""
    tags = {tag for split in coded.splits.values() for tag in split.tags}
    outside = {} if task.trained_outside == OUTSIDE else {"outside": task.trained_outside}
    score = reading_of(task, tags)
    return {"digest": coded.digest, "scheme": task.trained_scheme, "score": score, **outside}


def data_difference(then: Mapping[str, TaskData], now: Mapping[str, TaskData]) -> str:
    """The first difference, in words, between what both say of a task; empty where there is none."""
    for task in now:
        for key in ("score", "scheme", "outside", "digest"):
            default = OUTSIDE if key == "outside" and then.get(task) and now[task] else None
            old, new = (some.get(task, {}).get(key, default) for some in (then, now))
            if old is None or new is None or old == new:
                continue
            if key == "digest":
                return f"task {task} had other sentences (sha256 {old[:12]}, now {new[:12]})"
            return f"task {task} had {key} {old!r}, now {new!r}"
    return ""
