"""Train runs side by side, one per lane; a single run is the case of one lane.

The loop yields events and writes no files: ``train.run_in_folder`` saves a checkpoint when an epoch has ended, and the
result when the run has.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.packed_sequence import on_device
from tagmates.errors import TrainingError
from tagmates.memory import keep_freed_memory
from tagmates.model.network import losses
from tagmates.training.lane_optimizer import LaneOptimizer, optimizer_of
from tagmates.training.run import Run, predict_side_by_side

RUNS_PER_VALIDATION = 8  # epochs end when at least one in this number of runs is ready for validation


@dataclass(frozen=True, slots=True)
class Updated:
    """``run`` has made an update; ``loss`` is the sum over the sentences of its batch."""

    run: Run
    loss: float
    tokens: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch of ``run`` has ended with this line of metrics, and the next one has not begun."""

    run: Run
    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """``run`` has ended for a ``reason`` of ``Schedule.why_stop``; or it failed, and ``error`` says why."""

    run: Run
    reason: str
    error: TrainingError | None = None


Event = Updated | EpochEnded | Ended


def train_side_by_side(runs: Iterable[Run], lanes: int = 1) -> Iterator[Event]:
    """Train all runs, at most ``lanes`` at a time; when a run ends, the next one takes its lane.

    Yields the events of all runs; the caller saves, shows or stops.
    """
    waiting = iter(runs)
    active: list[Run] = []
    optimizer: LaneOptimizer | None = None
    while True:
        active += islice(waiting, lanes - len(active))
        if not active:
            return
        optimizer = optimizer_of(active, optimizer)
        for event in advance(optimizer):
            if isinstance(event, Ended):
                active.remove(event.run)
            yield event


def advance(optimizer: LaneOptimizer) -> Iterator[Event]:
    """Make one update of every run, and end the epochs and runs that end with it.

    A run whose loss is not finite fails, and the others continue. If many runs train side by side, a run at the end of
    its epoch waits for others, to be validated together, while the rest continue.
    """
    keep_freed_memory()
    runs = optimizer.runs
    for run in runs:
        if not run.batches:
            reason = run.why_stop()
            if reason is not None:
                yield Ended(run, reason)
            else:
                run.begin_epoch()
    if any(run.step < len(run.batches) for run in runs):
        yield from _update(optimizer)
    ended = [run for run in runs if run.batches and run.step == len(run.batches)]
    if len(ended) * RUNS_PER_VALIDATION < len(runs):
        return
    finite = [run for run in ended if run.is_finite()]
    for run in ended:
        if run not in finite:
            yield Ended(run, "failed", _not_finite(run))
    if finite:
        yield from _validate(finite)


def _update(optimizer: LaneOptimizer) -> Iterator[Updated | Ended]:
    """Make one update of every run in the middle of an epoch; a run whose loss is not finite ends without it."""
    start = time.monotonic()
    runs = optimizer.runs
    active = [run.step < len(run.batches) for run in runs]
    selected = [
        run.select() if is_active else (LaneSelection.empty(run.corpora["train"]), torch.Generator())
        for run, is_active in zip(runs, active, strict=True)
    ]
    optimizer.zero_grad()
    parts = min(runs[0].config.training.accumulation, len(selected[0][0].sentences)) if len(runs) == 1 else 1
    # the loss of a run that waits is its L2 term, which must not move its parameters
    lanes = [lane for lane, is_active in enumerate(active) if is_active]
    values = [0.0] * len(runs)
    for part in range(parts):
        batch = collate([selection.part(part, parts) for selection, _ in selected], optimizer.corpora)
        modules, draws = [run.module for run in runs], [draw for _, draw in selected]
        loss = losses(modules, batch, draws, optimizer.weights, optimizer.transition_l2 / parts, optimizer.tag_weights)
        (loss if all(active) else loss[on_device(lanes, loss.device)]).sum().backward()
        values = [value + more for value, more in zip(values, loss.tolist(), strict=True)]
    optimizer.update([value if is_active else None for value, is_active in zip(values, active, strict=True)])
    share = (time.monotonic() - start) / sum(active)
    for run, is_active, value, (selection, _) in zip(runs, active, values, selected, strict=True):
        if not is_active:
            continue
        run.seconds += share
        if math.isfinite(value):
            yield Updated(run, value, int(selection.corpus.lengths[selection.sentences].sum()))
        else:
            run.loss = value
            yield Ended(run, "failed", _not_finite(run))


def _validate(runs: Sequence[Run]) -> Iterator[EpochEnded | Ended]:
    """Tag the dev sets of these runs, if they have one, and end their epochs."""
    start = time.monotonic()
    with_dev = [run for run in runs if "dev" in run.corpora]
    predicted = iter(predict_side_by_side(with_dev, "dev") if with_dev else ())
    share = (time.monotonic() - start) / len(runs)
    for run in runs:
        run.seconds += share
        yield EpochEnded(run, run.end_epoch(next(predicted) if run in with_dev else None))
        reason = run.why_stop()
        if reason is not None:
            yield Ended(run, reason)


def _not_finite(run: Run) -> TrainingError:
    update = min(run.step + 1, len(run.batches))
    problem = f"the loss is {run.loss}" if not math.isfinite(run.loss) else "the parameters are not finite"
    return TrainingError(
        f"{', '.join(run.config.tasks)}: epoch {run.epoch + 1}, update {update} of {len(run.batches)}: {problem}; "
        f"the state after epoch {run.epoch} is kept; lower training.learning_rate, or look for broken vectors"
    )
