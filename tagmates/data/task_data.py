"""The data of a task that decide its scores. They are stored with every run and compared before scores are."""

from collections.abc import Mapping

from tagmates.data.indexing import IndexedTask
from tagmates.data.schemes import OUTSIDE
from tagmates.data.task import Task

TaskData = Mapping[str, str]  # digest of the sentences, scheme as trained, score (how tags make units), outside


def task_data(task: Task, indexed: IndexedTask) -> dict[str, str]:
    """The data that decide the scores of a task with these sentences; ``outside`` only if it is not ``O``."""
    outside = {} if task.trained_outside == OUTSIDE else {"outside": task.trained_outside}
    return {"digest": indexed.digest, "scheme": task.trained_scheme, "score": task.score, **outside}


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
            changed = key == "score" and new == "spans" and old.startswith("prefix")
            advice = ' (the default was changed; score = "prefix" in tasks.toml is nearest to the former one)'
            return f"task {task} had {key} {old!r}, now {new!r}{advice if changed else ''}"
    return ""
