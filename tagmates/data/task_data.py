"""What decides the scores of a task, kept with every run and compared before scores are set beside each other."""

from collections.abc import Mapping

from tagmates.data.tasks import Task

TaskData = Mapping[str, str]  # digest (of the sentences), scheme (as trained), score (the rule)


def task_data(task: Task, digest: str) -> dict[str, str]:
    """What decides the scores of a task whose sentences have this digest (``CodedTask.digest``)."""
    return {"digest": digest, "scheme": task.trained_scheme, "score": task.score}


def data_difference(then: Mapping[str, TaskData], now: Mapping[str, TaskData]) -> str:
    """The first difference, in words, between what both say of a task; empty where there is none."""
    for task in now:
        for key in ("score", "scheme", "digest"):
            old, new = (some.get(task, {}).get(key) for some in (then, now))
            if old is None or new is None or old == new:
                continue
            if key == "digest":
                return f"task {task} had other sentences (sha256 {old[:12]}, now {new[:12]})"
            return f"task {task} had {key} {old!r}, now {new!r}"
    return ""
