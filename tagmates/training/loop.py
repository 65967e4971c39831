"""Train runs side by side, each as one lane; a run on its own is the case of one lane."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from tagmates.batching.batches import Selection, collate
from tagmates.batching.packed_sequence import on_device
from tagmates.errors import TrainingError
from tagmates.memory import keep_freed_memory
from tagmates.model.network import losses
from tagmates.training.lane_optimizer import Company
from tagmates.training.run import Run, predict_side_by_side

ENOUGH = 8  # one of so many runs side by side is enough to validate


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
    company: Company | None = None
    while True:
        active += islice(waiting, lanes - len(active))
        if not active:
            return
        company = in_company(active, company)
        for event in advance(company):
            if isinstance(event, Ended):
                active.remove(event.run)
            yield event


def in_company(runs: Sequence[Run], before: Company | None) -> Company:
    """The company of these runs: the one before, where nobody came or went."""
    return before if before is not None and before.runs == tuple(runs) else Company(runs)


def advance(company: Company) -> Iterator[Event]:
    """One update of every run, and what follows from it: epochs that end, runs that end with them.

    A run whose loss is not finite fails alone. Where many run side by side, those at the end of an epoch wait for
    some more, to be validated together, while the others go on.
    """
    keep_freed_memory()
    runs = company.runs
    for run in runs:
        if not run.batches:
            reason = run.why_stop()
            if reason is not None:
                yield Ended(run, reason)
            else:
                run.begin_epoch()
    if any(run.step < len(run.batches) for run in runs):
        yield from _update(company)
    ended = [run for run in runs if run.batches and run.step == len(run.batches)]
    if len(ended) * ENOUGH < len(runs):
        return
    sound = [run for run in ended if run.is_finite()]
    for run in ended:
        if run not in sound:
            yield Ended(run, "failed", _not_finite(run))
    if sound:
        yield from _validate(sound)


def _update(company: Company) -> Iterator[Updated | Ended]:
    """One update of every run in the middle of an epoch; one whose loss is not finite stays as it is, and ends."""
    began = time.monotonic()
    runs = company.runs
    going = [run.step < len(run.batches) for run in runs]
    selected = [
        run.select() if goes else (Selection.none(run.corpora["train"]), torch.Generator())
        for run, goes in zip(runs, going, strict=True)
    ]
    batch = collate([selection for selection, _ in selected], company.stock)
    company.clear()
    loss = losses(
        [run.module for run in runs], batch, [draw for _, draw in selected], company.weights, company.transition_l2
    )
    # a run that waits has no loss but for its L2 term, and is not to be moved by that
    moving = None if all(going) else on_device([lane for lane, goes in enumerate(going) if goes], loss.device)
    (loss if moving is None else loss[moving]).sum().backward()
    values = loss.tolist()
    company.update([value if goes else None for value, goes in zip(values, going, strict=True)])
    share = (time.monotonic() - began) / sum(going)
    for run, goes, value, (selection, _) in zip(runs, going, values, selected, strict=True):
        if not goes:
            continue
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
