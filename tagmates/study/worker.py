"""Train the runs of a study in this process: one alone, or several side by side as lanes."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from tagmates.data.task_data import data_difference
from tagmates.data.tasks import require_tasks
from tagmates.errors import DataError
from tagmates.study.job import Job, Outcome, outcome_of_error
from tagmates.study.store import Store
from tagmates.study.task_cache import data_of_task, prepare, start_found, tasks_of
from tagmates.training.device import choose_device
from tagmates.training.folder import LOCK
from tagmates.training.lane_optimizer import LaneOptimizer, optimizer_of
from tagmates.training.loop import Ended, EpochEnded, Event, advance
from tagmates.training.run import Run
from tagmates.training.train import run_in_folder

log = logging.getLogger("tagmates")


@dataclass(slots=True)
class _Lane:
    """A job whose run is being trained."""

    job: Job
    run: Run
    write_event: Callable[[Event], None]
    folder_lock: ExitStack
    epoch_start: float  # seconds since 1970


def execute(job: Job) -> Outcome:
    """Train one run in its folder, from its last checkpoint; raises nothing but interrupts."""
    (outcome,) = execute_side_by_side(iter([job]), lambda lanes: 1)
    return outcome


def execute_side_by_side(
    jobs: Iterator[Job | None], allowed: Callable[[int], int], stopped: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Train runs as lanes of one program, each in its folder; when a run ends, the next job takes its lane.

    ``jobs`` gives None if no job is waiting. ``allowed`` gives the number of lanes that may be in use, from the number
    that took the last update. Yields outcomes as runs end, until there is nothing left to do; raises nothing but
    interrupts.
    """
    lanes: list[_Lane] = []
    optimizers: list[LaneOptimizer] = []
    updated, width = 0, sys.maxsize  # lanes that took the last update, and how many may share one
    try:
        while True:
            limit = allowed(updated)
            while len(lanes) < (limit if _can_share(lanes) else 1) and (job := next(jobs, None)) is not None:
                opened = _open(job)
                if isinstance(opened, Outcome):
                    yield opened
                else:
                    lanes.append(opened)
            if not lanes:
                return
            updated = len(lanes)
            ended, width = _update(lanes, optimizers, width)
            if stopped():
                ended = {lane.job.name: Outcome(lane.job.name, "paused") for lane in lanes} | ended
            for lane in [lane for lane in lanes if lane.job.name in ended]:
                lanes.remove(lane)
                lane.folder_lock.close()
            yield from ended.values()
    finally:
        for lane in lanes:
            lane.folder_lock.close()


def _can_share(lanes: Sequence[_Lane]) -> bool:
    """Whether these runs can take updates together with others; a run with a pretrained encoder is alone."""
    return all(lane.run.shares_updates for lane in lanes)


def _update(lanes: Sequence[_Lane], optimizers: list[LaneOptimizer], width: int) -> tuple[dict[str, Outcome], int]:
    """Make one update of every lane, ``width`` lanes at a time.

    ``optimizers`` are those of the last update, one for each group of ``width`` lanes, and are replaced by this one's.
    Returns the outcomes of the runs that ended, by name, and the width for the next update.
    """
    ended: dict[str, Outcome] = {}
    width = width if _can_share(lanes) else 1
    previous, optimizers[:] = dict(enumerate(optimizers)), []
    for start in range(0, len(lanes), min(width, len(lanes))):
        group = lanes[start : start + width]
        optimizer: LaneOptimizer | None = None
        try:
            optimizer = optimizer_of([lane.run for lane in group], previous.get(len(optimizers)))
            optimizers.append(optimizer)
            ended |= _advance(group, optimizer)
        except Exception as error:
            if len(group) == 1 or (optimizer is not None and optimizer.interrupted):
                ended |= {lane.job.name: outcome_of_error(lane.job.name, error) for lane in group}
                width = sys.maxsize  # the run that ended may have been why larger groups failed
            else:  # the memory is too small for the group, or one of its runs fails alone too
                log.warning("%d runs side by side failed (%s); fewer at a time now", len(group), error)
                return ended, len(group) // 2
    return ended, width


def _advance(lanes: Sequence[_Lane], optimizer: LaneOptimizer) -> dict[str, Outcome]:
    """Make one update of these lanes together; returns the outcomes of the runs that ended, by name."""
    ended: dict[str, Outcome] = {}
    by_run = {id(lane.run): lane for lane in lanes}
    for event in advance(optimizer):
        lane = by_run[id(event.run)]
        name = lane.job.name
        if name in ended:
            continue
        try:
            lane.write_event(event)
        except Exception as error:
            ended[name] = outcome_of_error(name, error)
        if isinstance(event, Ended) and name not in ended:
            ended[name] = Outcome(name, "done") if event.error is None else outcome_of_error(name, event.error)
        elif isinstance(event, EpochEnded) and event.run.why_stop() is None:
            now = time.time()
            deadline = lane.job.deadline
            if deadline is not None and now + (now - lane.epoch_start) > deadline:  # the next epoch would end too late
                ended[name] = Outcome(name, "paused")
            lane.epoch_start = now
    return ended


def _open(job: Job) -> _Lane | Outcome:
    """A lane with the job's run, at its last checkpoint and with its folder locked; an outcome if that fails."""
    store = Store(job.root, job.lock)
    folder = store.folder(job.name)
    folder_lock = ExitStack()
    try:
        if (folder / "result.json").exists():  # another driver has finished it
            return Outcome(job.name, "done")
        if store.is_busy(job.name):
            return Outcome(job.name, "busy")
        if job.threads is not None:
            torch.set_num_threads(job.threads)
        run = _prepare(job)
        folder.mkdir(parents=True, exist_ok=True)
        if job.lock:
            (folder / LOCK).touch()  # fails on a full disk, which is not the run's fault
        write_event = folder_lock.enter_context(run_in_folder(run, folder, job.data, lock=job.lock))
    except Exception as error:
        return outcome_of_error(job.name, error)
    if write_event is None:
        folder_lock.close()
        return Outcome(job.name, "done")
    return _Lane(job, run, write_event, folder_lock, time.time())


def _prepare(job: Job) -> Run:
    """The job's run before its first update; DataError if data or vectors here are not those of the study."""
    require_tasks(job.config.tasks, tasks_of(job.data))
    for task in job.config.tasks:
        difference = data_difference({task: job.task_data[task]}, {task: data_of_task(job.data, task)})
        if difference:
            raise DataError(f"{job.data}: differs from the study's data: {difference} here; give the same data")
    found = start_found(job.data, job.config.vectors, job.config.model.encoder)
    if found != job.vectors:
        raise DataError(f"vectors or encoder: {found} here, {job.vectors} in the study; install the same here")
    return prepare(job.config, job.data, choose_device(job.device))
