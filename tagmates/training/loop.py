"""Train runs side by side, each as one lane; a run on its own is the case of one lane."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tagmates.data.batches import collate
from tagmates.errors import TrainingError
from tagmates.memory import keep_freed_memory
from tagmates.model.network import losses
from tagmates.training.run import Run, predict_side_by_side

COMPANY = 8  # of so many runs side by side, one is reason enough to validate


@dataclass(frozen=True, slots=True)
class Updated:
    """An update of ``run`` has ended; ``loss`` is that of its batch, summed over its sentences."""

    run: Run
    loss: float
    tokens: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch of ``run`` has ended with this line of metrics; nothing of the next one has begun."""

    run: Run
    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """Training of ``run`` is over: ``reason`` is patience or cap; or it failed, and ``error`` says why."""

    run: Run
    reason: str
    error: TrainingError | None = None


Event = Updated | EpochEnded | Ended


def train_side_by_side(runs: Iterable[Run], lanes: int = 1) -> Iterator[Event]:
    """Train all runs, at most ``lanes`` at a time; a run that ends leaves its lane to the next.

    Yields what happens; the caller saves, shows or stops.
    """
    waiting = iter(runs)
    active: list[Run] = []
    while True:
        active += islice(waiting, lanes - len(active))
        if not active:
            return
        for event in advance(tuple(active)):
            if isinstance(event, Ended):
                active.remove(event.run)
            yield event


def advance(runs: Sequence[Run]) -> Iterator[Event]:
    """One update of every run, and what follows from it: epochs that end, runs that end with them.

    A run whose loss is not finite fails alone. Where many run side by side, those at the end of an epoch wait for
    some more, to be validated together, while the others go on.
    """
    keep_freed_memory()
    for run in runs:
        if not run.batches:
            reason = run.why_stop()
            if reason is not None:
                yield Ended(run, reason)
                continue
            run.begin_epoch()
    stepping = [run for run in runs if run.step < len(run.batches)]
    if stepping:
        yield from _update(stepping)
    ended = [run for run in runs if run.batches and run.step == len(run.batches)]
    if len(ended) * COMPANY < len(runs):
        return
    sound = [run for run in ended if run.is_finite()]
    for run in ended:
        if run not in sound:
            yield Ended(run, "failed", _not_finite(run))
    if sound:
        yield from _validate(sound)


def _update(runs: Sequence[Run]) -> Iterator[Updated | Ended]:
    """One update of every run; a run whose loss is not finite keeps its parameters and ends."""
    began = time.monotonic()
    selected = [run.select() for run in runs]
    device = runs[0].module.words.device
    batch = collate([selection for selection, _ in selected]).to(device)
    for run in runs:
        run.optimizer.zero_grad(set_to_none=True)
    loss = losses(
        [run.module for run in runs],
        batch,
        [draw for _, draw in selected],
        [run.loss_weights() for run in runs],
        [run.config.training.transition_l2 for run in runs],
    )
    loss.sum().backward()
    values = loss.tolist()
    for run, value in zip(runs, values, strict=True):
        if math.isfinite(value):
            run.update(value)
    share = (time.monotonic() - began) / len(runs)
    for run, value, (selection, _) in zip(runs, values, selected, strict=True):
        run.seconds += share
        if math.isfinite(value):
            yield Updated(run, value, int(selection.corpus.lengths[selection.sentences].sum()))
        else:
            run.loss = value
            yield Ended(run, "failed", _not_finite(run))


def _validate(runs: Sequence[Run]) -> Iterator[EpochEnded | Ended]:
    """End the epochs of these runs."""
    began = time.monotonic()
    predicted = predict_side_by_side(runs, "dev")
    share = (time.monotonic() - began) / len(runs)
    for run, tags in zip(runs, predicted, strict=True):
        run.seconds += share
        yield EpochEnded(run, run.end_epoch(tags))
        reason = run.why_stop()
        if reason is not None:
            yield Ended(run, reason)


def _not_finite(run: Run) -> TrainingError:
    update = min(run.step + 1, len(run.batches))
    what = f"the loss is {run.loss}" if not math.isfinite(run.loss) else "the parameters are not finite"
    return TrainingError(
        f"{', '.join(run.config.tasks)}: epoch {run.epoch + 1}, update {update} of {len(run.batches)}: {what}; "
        f"the state after epoch {run.epoch} is kept; lower training.learning_rate, or look for broken vectors"
    )
