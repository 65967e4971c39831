"""Tasks and vectors, loaded once in a process, because a worker trains many runs on the same few of them."""

from functools import cache
from typing import Any

from tagmates.config import RunConfig
from tagmates.data.corpora import load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.statistics import statistics
from tagmates.data.task import Task
from tagmates.data.task_data import task_data
from tagmates.data.tasks import load_tasks
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run
from tagmates.training.start import Start, find_start


def prepare(config: RunConfig, data: str, device: str) -> Run:
    """A run before its first update, without a folder."""
    indexed = {task: indexed_task(data, task) for task in config.tasks}
    start = _start(data, config.vectors, config.model.encoder)
    return prepare_run(config, tasks_of(data), indexed, start, device)


def load_start(config: RunConfig, data: str) -> None:
    """Load what ``prepare`` needs and keeps for further runs of this process."""
    for task in config.tasks:
        indexed_task(data, task)
    _start(data, config.vectors, config.model.encoder)


def held_out_size(data: str, task: str) -> tuple[int, int]:
    """The number of tokens of a task's dev set, and of its test set."""
    splits = indexed_task(data, task).splits
    dev, test = (int(splits[split].lengths.sum()) if split in splits else 0 for split in ("dev", "test"))
    return dev, test


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
def start_found(data: str, vectors: str, encoder: str) -> str:
    """The name of the vectors, or of the pretrained encoder, that runs start from on this machine.

    Of a file and of an encoder, it gives the hash of the content.
    """
    return _start(data, vectors, encoder).name


@cache
def tasks_of(data: str) -> dict[str, Task]:
    """The tasks that ``data`` describes, by name."""
    return load_tasks(data)


@cache
def indexed_task(data: str, task: str) -> IndexedTask:
    """The indexed sentences of a task."""
    return load_indexed(tasks_of(data), [task])[task]


@cache
def _start(data: str, vectors: str, encoder: str) -> Start:
    return find_start(vectors, encoder, data)
