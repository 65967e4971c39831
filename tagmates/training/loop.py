"""Train runs side by side, each as one lane; a run on its own is the case of one lane."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tagmates.data.batches import collate
from tagmates.errors import TrainingError
from tagmates.memory import keep_freed_memory
from tagmates.model.network import losses
from tagmates.training.run import Run


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

    Yields what happens; the caller saves, shows or stops. A run whose loss is not finite fails alone.
    """
    keep_freed_memory()
    waiting = iter(runs)
    active: list[Run] = []
    while True:
        while len(active) < lanes and (run := next(waiting, None)) is not None:
            reason = run.why_stop()
            if reason is not None:
                yield Ended(run, reason)
                continue
            run.begin_epoch()
            active.append(run)
        if not active:
            return
        yield from _update(active)
        for run in list(active):
            ended = run.step == len(run.batches)
            if not math.isfinite(run.loss) or (ended and not run.is_finite()):
                active.remove(run)
                yield Ended(run, "failed", _not_finite(run))
            elif ended:
                yield EpochEnded(run, run.end_epoch())
                reason = run.why_stop()
                if reason is None:
                    run.begin_epoch()
                else:
                    active.remove(run)
                    yield Ended(run, reason)


def _update(active: list[Run]) -> Iterator[Updated]:
    """One update of every active run; a run whose loss is not finite keeps its parameters."""
    selected = [run.select() for run in active]
    device = active[0].module.words.device
    batch = collate([selection for selection, _ in selected]).to(device)
    for run in active:
        run.optimizer.zero_grad(set_to_none=True)
    loss = losses(
        [run.module for run in active],
        batch,
        [draw for _, draw in selected],
        [run.loss_weights() for run in active],
        [run.config.training.transition_l2 for run in active],
    )
    loss.sum().backward()
    for run, value, (selection, _) in zip(active, loss.tolist(), selected, strict=True):
        if not math.isfinite(value):
            run.loss = value
            continue
        run.update(value)
        yield Updated(run, value, int(selection.corpus.lengths[selection.sentences].sum()))


def _not_finite(run: Run) -> TrainingError:
    update = min(run.step + 1, len(run.batches))
    what = f"the loss is {run.loss}" if not math.isfinite(run.loss) else "the parameters are not finite"
    return TrainingError(
        f"{', '.join(run.config.tasks)}: epoch {run.epoch + 1}, update {update} of {len(run.batches)}: {what}; "
        f"the state after epoch {run.epoch} is kept; lower training.learning_rate, or look for broken vectors"
    )
