"""One training of a study, in whatever process an engine chose."""

import errno
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from tagmates.config import RunConfig
from tagmates.data.corpora import digest, load_corpora
from tagmates.data.pack import find_vectors
from tagmates.data.statistics import statistics
from tagmates.data.tasks import Task, load_tasks, require_tasks
from tagmates.data.vectors import Vectors, name_vectors
from tagmates.errors import BusyError, DataError, DiskError, ModelError, TagmatesError
from tagmates.study.store import Store
from tagmates.training.folder import LOCK
from tagmates.training.loop import Ended, EpochEnded
from tagmates.training.run import Corpora, Run, prepare_run
from tagmates.training.train import choose_device, train_on

log = logging.getLogger("tagmates")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know; everything else is in files."""

    name: str
    config: RunConfig
    root: Path  # of the study
    data: str
    digests: Mapping[str, str]  # of the tasks, to notice other data on another machine
    vectors: str  # what `vectors_found` must say
    device: str
    threads: int | None
    deadline: float | None  # seconds since the epoch


# errors after which no other run could write either
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    ``busy``: another process trains it. ``paused``: stopped at the end of an epoch, to be gone on with. ``error``:
    failed, and will again. ``crash``: failed in a way that may pass. ``broken``: a file of its folder is. ``disk``:
    nothing can be written.
    """

    name: str
    state: Literal["done", "busy", "paused", "error", "crash", "broken", "disk"]
    message: str = ""
    traceback: str = ""


def execute(job: Job, stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Train one run in its folder, from where it was left; never raises but for an interrupt."""
    try:
        return Outcome(job.name, _train(job, stopped))
    except BusyError as error:
        return Outcome(job.name, "busy", str(error))
    except DiskError as error:
        return Outcome(job.name, "disk", str(error))
    except ModelError as error:
        return Outcome(job.name, "broken", str(error))
    except TagmatesError as error:
        return Outcome(job.name, "error", str(error), traceback.format_exc())
    except Exception as error:
        return _crash(job.name, error)


def _crash(name: str, error: Exception) -> Outcome:
    if isinstance(error, OSError) and error.errno in DISK:
        where = f"{error.filename}: " if error.filename else ""
        said = f"{where}{error.strerror or error}; what was saved before is whole; make room and try again"
        return Outcome(name, "disk", said)
    return Outcome(name, "crash", f"{type(error).__name__}: {error}", traceback.format_exc())


def _train(job: Job, stopped: Callable[[], bool]) -> Literal["done", "busy", "paused"]:
    store = Store(job.root)
    if (store.folder(job.name) / "result.json").exists():  # by another driver, since this one looked
        return "done"
    if store.is_busy(job.name):
        return "busy"
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    tasks = _tasks(job.data)
    require_tasks(job.config.tasks, tasks)
    for task in job.config.tasks:
        if task_digest(job.data, task) != job.digests[task]:
            raise DataError(f"{job.data}: task {task} holds other sentences here than where the study was begun")
    vectors, found = _vectors(job.data, job.config.vectors), vectors_found(job.data, job.config.vectors)
    if found != job.vectors:
        raise DataError(f"vectors are {found} here, {job.vectors} where the study was begun")
    corpora = {task: _corpora(job.data, task)[task] for task in job.config.tasks}
    device = choose_device(job.device)
    folder = store.folder(job.name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOCK).touch()  # where there is no room for it, that is the disk's failure and not the run's
    began = time.time()
    for event in train_on(job.config, folder, job.data, tasks, corpora, vectors, device=device):
        if isinstance(event, Ended):
            if event.error is not None:
                raise event.error
            return "done"
        if stopped():
            return "paused"
        if isinstance(event, EpochEnded) and event.run.why_stop() is None:
            now = time.time()
            if job.deadline is not None and now + (now - began) > job.deadline:  # not another such epoch
                return "paused"
            began = now
    return "done"


def prepare(config: RunConfig, data: str, device: str) -> Run:
    """A run before its first update, that no folder knows of."""
    corpora = {task: _corpora(data, task)[task] for task in config.tasks}
    return prepare_run(config, _tasks(data), corpora, _vectors(data, config.vectors), device)


def task_size(data: str, task: str) -> tuple[int, float]:
    """Training sentences of a task, and their mean length in tokens."""
    sentences = _corpora(data, task)[task]["train"]
    return len(sentences), sum(len(sentence.tokens) for sentence in sentences) / len(sentences)


def task_statistics(data: str, task: str) -> dict[str, Any]:
    """The task's row of the paper's Table 1."""
    return statistics(task, _corpora(data, task)[task])


@cache
def vectors_found(data: str, source: str) -> str:
    """What ``find_vectors`` finds here, by name, or by content where it is a file."""
    return name_vectors(_vectors(data, source).source)


# A worker trains many runs on the same few corpora and vectors.
@cache
def _tasks(data: str) -> dict[str, Task]:
    return load_tasks(data)


@cache
def _corpora(data: str, task: str) -> Corpora:
    return load_corpora(_tasks(data), [task])


@cache
def task_digest(data: str, task: str) -> str:
    """sha256 of a task's sentences."""
    return digest(_corpora(data, task)[task])


@cache
def _vectors(data: str, source: str) -> Vectors:
    return find_vectors(source, data)
