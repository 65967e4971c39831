"""The data of a task that decide its scores. They are stored with every run and compared before scores are."""

from collections.abc import Collection, Mapping
from typing import Literal

from tagmates.data.indexing import IndexedTask
from tagmates.data.schemes import OUTSIDE
from tagmates.data.task import Task

TaskData = Mapping[str, str]  # digest of the sentences, scheme as trained, score (how tags make units), outside
Reading = Literal["prefix", "prefix+bare", "plain"]
BARE_TAGS = frozenset("BIES")  # letters that are tags of spans on their own, without a label


def reading_of(task: Task, tags: Collection[str | None]) -> Reading:
    """How the units that are scored are read from a task's tags; ``tags`` are its gold tags.

    This is the ``score`` of the task. If its scheme has spans and some tags have no label (``B``, ``I``, ``E``, ``S``
    alone), these mark spans too. In a plain layer they are units of one token each: the published way (protocol
    section 4), in which the paper scores MWE.
    """
    bare = task.score == "prefix" and task.trained_scheme != "plain" and not BARE_TAGS.isdisjoint(tags)
    return "prefix+bare" if bare else task.score


def task_data(task: Task, indexed: IndexedTask) -> dict[str, str]:
    """The data that decide the scores of a task with these sentences; ``outside`` only if it is not ``O``."""
    tags = {tag for split in indexed.splits.values() for tag in split.tags}
    outside = {} if task.trained_outside == OUTSIDE else {"outside": task.trained_outside}
    score = reading_of(task, tags)
    return {"digest": indexed.digest, "scheme": task.trained_scheme, "score": score, **outside}


def data_difference(then: Mapping[str, TaskData], now: Mapping[str, TaskData]) -> str:
    """A description of the first difference between the data of two runs, or "" if there is none."""
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
