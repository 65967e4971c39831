"""Trainings of a study, in whatever process an engine chose: one alone, or several as lanes of one program."""

import errno
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from tagmates.batching.vectors import Vectors, find_vectors, name_vectors
from tagmates.config import RunConfig
from tagmates.data.corpora import load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.statistics import statistics
from tagmates.data.task import Task
from tagmates.data.task_data import TaskData, data_difference, task_data
from tagmates.data.tasks import load_tasks, require_tasks
from tagmates.errors import BusyError, DataError, DiskError, ModelError, NoLocksError, OtherDataError, TagmatesError
from tagmates.failures import is_out_of_memory, out_of_memory
from tagmates.files import write_error
from tagmates.study.store import Store
from tagmates.training.folder import LOCK
from tagmates.training.lane_optimizer import Company
from tagmates.training.loop import Ended, EpochEnded, Event, advance, in_company
from tagmates.training.run import Run, prepare_run
from tagmates.training.train import choose_device, run_in_folder

log = logging.getLogger("tagmates")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know; everything else is in files."""

    name: str
    config: RunConfig
    root: Path  # of the study
    data: str
    task_data: Mapping[str, TaskData]  # as the study has it, to notice other data on another machine
    vectors: str  # what `vectors_found` must say
    device: str
    threads: int | None
    deadline: float | None  # seconds since the epoch
    lock: bool = True  # whether the run folder is locked


# errors after which no other run could write either
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


State = Literal["done", "busy", "paused", "error", "crash", "broken", "disk", "memory"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    ``busy``: another process trains it. ``paused``: stopped at the end of an epoch, to be gone on with. ``error``:
    failed, and will again. ``crash``: failed in a way that may pass. ``broken``: a file of its folder is. ``disk``:
    nothing can be written. ``memory``: there is too little for as many as run side by side.
    """

    name: str
    state: State
    message: str = ""
    traceback: str = ""


STATES: Mapping[type[Exception], State] = {
    BusyError: "busy",
    DiskError: "disk",
    NoLocksError: "disk",  # as for all other runs
    ModelError: "broken",
    OtherDataError: "broken",  # its folder is of no use to this study
}


@dataclass(slots=True)
class _Lane:
    """A job that is being trained."""

    job: Job
    run: Run
    record: Callable[[Event], None]
    held: ExitStack  # its folder
    began: float  # when the epoch at hand did


def execute(job: Job, stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Train one run in its folder, from where it was left; never raises but for an interrupt."""
    (outcome,) = execute_side_by_side(iter([job]), lambda lanes: 1, stopped)
    return outcome


def execute_side_by_side(
    jobs: Iterator[Job | None], allowed: Callable[[int], int], stopped: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Train runs as lanes of one program, each in its folder; a run that ends leaves its lane to the next job.

    ``jobs`` gives None where there is none at present; ``allowed`` how many lanes there may be, given how many took
    the last step. Outcomes come as runs end; over when there is nothing left to do. Never raises but for an interrupt.
    """
    lanes: list[_Lane] = []
    parts: list[Company] = []
    stepped, width = 0, sys.maxsize  # lanes that took the last step; that may take one together
    try:
        while True:
            room = allowed(stepped)
            while len(lanes) < room and (job := next(jobs, None)) is not None:
                opened = _open(job)
                if isinstance(opened, Outcome):
                    yield opened
                else:
                    lanes.append(opened)
            if not lanes:
                return
            stepped = len(lanes)
            ended, width = _step(lanes, parts, width)
            if stopped():
                ended = {lane.job.name: Outcome(lane.job.name, "paused") for lane in lanes} | ended
            for lane in [lane for lane in lanes if lane.job.name in ended]:
                lanes.remove(lane)
                lane.held.close()
            yield from ended.values()
    finally:
        for lane in lanes:
            lane.held.close()


def _step(lanes: Sequence[_Lane], parts: list[Company], width: int) -> tuple[dict[str, Outcome], int]:
    """An update of every lane, ``width`` at a time: outcomes of those that end with it, and the width to go on with.

    ``parts`` are the companies of the step before, and then of this one.
    """
    ended: dict[str, Outcome] = {}
    before, parts[:] = dict(enumerate(parts)), []
    for start in range(0, len(lanes), min(width, len(lanes))):
        part = lanes[start : start + width]
        company: Company | None = None
        try:
            company = in_company([lane.run for lane in part], before.get(len(parts)))
            parts.append(company)
            ended |= _advance(part, company)
        except Exception as error:
            if len(part) == 1 or (company is not None and company.torn):
                ended |= {lane.job.name: _failure(lane.job.name, error) for lane in part}
                width = sys.maxsize  # it may have been the cause of its company's failing
            else:  # more than the memory holds, or among them one that fails alone too
                log.warning("%d trainings side by side failed (%s); fewer at a time now", len(part), error)
                return ended, len(part) // 2
    return ended, width


def _advance(lanes: Sequence[_Lane], company: Company) -> dict[str, Outcome]:
    """An update of every lane; outcomes of those that end with it, by name."""
    ended: dict[str, Outcome] = {}
    by_run = {id(lane.run): lane for lane in lanes}
    for event in advance(company):
        lane = by_run[id(event.run)]
        name = lane.job.name
        if name in ended:
            continue
        try:
            lane.record(event)
        except Exception as error:
            ended[name] = _failure(name, error)
        if isinstance(event, Ended) and name not in ended:
            ended[name] = Outcome(name, "done") if event.error is None else _failure(name, event.error)
        elif isinstance(event, EpochEnded) and event.run.why_stop() is None:
            now = time.time()
            deadline = lane.job.deadline
            if deadline is not None and now + (now - lane.began) > deadline:  # not another such epoch
                ended[name] = Outcome(name, "paused")
            lane.began = now
    return ended


def _failure(name: str, error: Exception) -> Outcome:
    """What an error means for the run that it ended."""
    said, trace = str(error), "".join(traceback.format_exception(error))
    for kind, state in STATES.items():
        if isinstance(error, kind):
            return Outcome(name, state, said)
    if isinstance(error, TagmatesError):
        return Outcome(name, "error", said, trace)
    if is_out_of_memory(error) and not isinstance(error, torch.OutOfMemoryError):  # that is a GPU's
        return Outcome(name, "memory", f"{name}: {out_of_memory(error)}")
    if isinstance(error, OSError) and error.errno in DISK:
        return Outcome(name, "disk", str(write_error(error.filename or name, error)))
    return Outcome(name, "crash", f"{type(error).__name__}: {error}", trace)


def _open(job: Job) -> _Lane | Outcome:
    """The job's run where it was left, its folder held; or why it cannot be trained."""
    store = Store(job.root, job.lock)
    folder = store.folder(job.name)
    held = ExitStack()
    try:
        if (folder / "result.json").exists():  # by another driver, since this one looked
            return Outcome(job.name, "done")
        if store.is_busy(job.name):
            return Outcome(job.name, "busy")
        if job.threads is not None:
            torch.set_num_threads(job.threads)
        run = _prepared(job)
        folder.mkdir(parents=True, exist_ok=True)
        if job.lock:
            (folder / LOCK).touch()  # where there is no room for it, that is the disk's failure and not the run's
        record = held.enter_context(run_in_folder(run, folder, job.data, lock=job.lock))
    except Exception as error:
        return _failure(job.name, error)
    if record is None:
        held.close()
        return Outcome(job.name, "done")
    return _Lane(job, run, record, held, time.time())


def _prepared(job: Job) -> Run:
    """The job's run before its first update. Raises DataError where data or vectors are others than the study's."""
    tasks = _tasks(job.data)
    require_tasks(job.config.tasks, tasks)
    for task in job.config.tasks:
        what = data_difference({task: job.task_data[task]}, {task: data_of_task(job.data, task)})
        if what:
            raise DataError(f"{job.data}: where the study was begun, {what} here")
    found = vectors_found(job.data, job.config.vectors)
    if found != job.vectors:
        raise DataError(f"vectors are {found} here, {job.vectors} where the study was begun")
    return prepare(job.config, job.data, choose_device(job.device))


def prepare(config: RunConfig, data: str, device: str) -> Run:
    """A run before its first update, that no folder knows of."""
    coded = {task: _coded(data, task) for task in config.tasks}
    return prepare_run(config, _tasks(data), coded, _vectors(data, config.vectors), device)


def task_size(data: str, task: str) -> tuple[int, float]:
    """Training sentences of a task, and their mean length in tokens."""
    lengths = _coded(data, task).splits["train"].lengths
    return len(lengths), float(lengths.mean())


def data_of_task(data: str, task: str) -> dict[str, str]:
    """What decides the scores of a task: its sentences, its scheme, its score rule."""
    return task_data(_tasks(data)[task], _coded(data, task))


def task_statistics(data: str, task: str) -> dict[str, Any]:
    """The task's row of the paper's Table 1."""
    return statistics(task, {name: split.sentences for name, split in _coded(data, task).splits.items()})


@cache
def vectors_found(data: str, source: str) -> str:
    """What ``find_vectors`` finds here, by name, or by content where it is a file."""
    return name_vectors(_vectors(data, source).source)


# A worker trains many runs on the same few corpora and vectors.
@cache
def _tasks(data: str) -> dict[str, Task]:
    return load_tasks(data)


@cache
def _coded(data: str, task: str) -> IndexedTask:
    return load_indexed(_tasks(data), [task])[task]


@cache
def _vectors(data: str, source: str) -> Vectors:
    return find_vectors(source, data)
