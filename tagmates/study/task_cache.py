"""Tasks and vectors, loaded once in a process, because a worker trains many runs on the same few of them."""

from functools import cache
from typing import Any

from tagmates.batching.vectors import Vectors, find_vectors, name_vectors
from tagmates.config import RunConfig
from tagmates.data.corpora import load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.statistics import statistics
from tagmates.data.task import Task
from tagmates.data.task_data import task_data
from tagmates.data.tasks import load_tasks
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run


def prepare(config: RunConfig, data: str, device: str) -> Run:
    """A run before its first update, without a folder."""
    indexed = {task: indexed_task(data, task) for task in config.tasks}
    return prepare_run(config, tasks_of(data), indexed, _vectors(data, config.vectors), device)


def task_size(data: str, task: str) -> tuple[int, float]:
    """The number of training sentences of a task, and their mean length in tokens."""
    lengths = indexed_task(data, task).splits["train"].lengths
    return len(lengths), float(lengths.mean())


def data_of_task(data: str, task: str) -> dict[str, str]:
    """Everything that decides the scores of a task: its sentences, its scheme and its score rule."""
    return task_data(tasks_of(data)[task], indexed_task(data, task))


def task_statistics(data: str, task: str) -> dict[str, Any]:
    """The task's row of the paper's Table 1."""
    return statistics(task, {name: split.sentences for name, split in indexed_task(data, task).splits.items()})


@cache
def vectors_found(data: str, source: str) -> str:
    """The name of the vectors that ``find_vectors`` finds on this machine; of a file it gives the content's hash."""
    return name_vectors(_vectors(data, source).source)


@cache
def tasks_of(data: str) -> dict[str, Task]:
    """The tasks that ``data`` describes, by name."""
    return load_tasks(data)


@cache
def indexed_task(data: str, task: str) -> IndexedTask:
    """The indexed sentences of a task."""
    return load_indexed(tasks_of(data), [task])[task]


@cache
def _vectors(data: str, source: str) -> Vectors:
    return find_vectors(source, data)
