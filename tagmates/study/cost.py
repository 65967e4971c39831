"""The cost of the runs of a plan, from speeds measured on this study's runs or on a few updates."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tagmates.config import RunConfig, Sharing
from tagmates.study.plan import Planned
from tagmates.study.run_size import Sizes, epoch_size, lasting, training_size, usual_epochs
from tagmates.study.speeds import recorded_speeds, time_sharings, unmeasured
from tagmates.study.store import FoundRuns, Store
from tagmates.study.task_cache import held_out_size, task_size
from tagmates.study.timing import Timed

EPOCHS_RANGE = (0.75, 1.5)  # between which shares of EPOCHS_BY_PATIENCE the mean of a part of those runs lies
SPEED_RANGE = (0.8, 1.25)  # of the time: how far a few seconds of timing are from a whole study (bench/plan.py)
HeldOut = Mapping[str, tuple[int, int]]  # task -> tokens of dev, and of test


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of the pending runs.

    ``seconds`` are those of one worker, ``elapsed`` those of ``workers`` of them, from the first run to the last.
    ``low`` and ``high`` are factors: the times will probably be between ``low`` and ``high`` times these numbers.
    """

    seconds: float
    elapsed: float
    workers: int
    low: float
    high: float
    updates: int
    epochs: float  # assumed mean length of a run
    speeds: Mapping[Sharing, float]  # tokens per second of one worker, with validation
    measured: str  # source of the speeds


def cost_to_do(
    plan: Sequence[Planned], store: Store, found: FoundRuns, data: str, tasks: Sequence[str], workers: int
) -> Cost | None:
    """The cost of the pending runs of a plan, with this number of workers; None if there are none.

    A run that has begun counts whole. The speed of a way of sharing that no run has measured is timed on some of its
    runs, in as many processes.
    """
    to_do = found.pending(plan)
    if not to_do:
        return None
    sizes = {task: task_size(data, task) for task in tasks}
    recorded = recorded_speeds(plan, store, found, sizes)
    speeds = {sharing: Timed(speed, float("inf"), 0.0) for sharing, speed in recorded.items()}
    source = "the epochs of this study so far, with as many workers as it had"
    new = unmeasured(plan, store, found)
    if new:
        pending = {sharing: [p.config for p in to_do if p.config.sharing == sharing] for sharing in new}
        speeds |= time_sharings(pending, sizes, data, workers)
        source = f"a few seconds of {f'{workers} trainings at a time' if workers > 1 else 'training'}, timed just now"
    held_out = {task: held_out_size(data, task) for task in tasks}
    return estimate(to_do, sizes, speeds, found, source, held_out, workers)


def estimate(
    pending: Sequence[Planned],
    sizes: Sizes,
    speeds: Mapping[Sharing, Timed],
    found: FoundRuns,
    source: str,
    held_out: HeldOut | None = None,
    workers: int = 1,
) -> Cost:
    """The cost of the pending runs if each lasts as long as the mean finished run of this study.

    While no run of the study is finished, each lasts as long as runs with its patience usually do.
    """
    ended = [record.epochs for record in found.done.values()]
    usual = fmean(ended) if ended else fmean(usual_epochs(planned.config) for planned in pending)
    runs = [_assumed(planned.config, sizes, usual, speeds, held_out or {}) for planned in pending]
    effective = {
        sharing: sum(run.tokens for run in own) / max(sum(run.seconds for run in own), 1e-9)
        for sharing in dict.fromkeys(run.config.sharing for run in runs)
        for own in [[run for run in runs if run.config.sharing == sharing]]
    }
    epochs = fmean(run.epochs for run in runs)
    longest = max(fmean(run.config.training.max_epochs for run in runs) / epochs, 1.0)
    is_fixed = all(run.config.training.max_updates is not None for run in runs)
    shorter, longer = (1.0, 1.0) if is_fixed or ended else (EPOCHS_RANGE[0], min(EPOCHS_RANGE[1], longest))
    spent = [run.seconds for run in runs]
    return Cost(
        sum(spent),
        _elapsed(spent, workers),
        workers,
        low=SPEED_RANGE[0] * shorter,
        high=SPEED_RANGE[1] * longer,
        updates=sum(run.updates for run in runs),
        epochs=epochs,
        speeds=effective,
        measured=source,
    )


@dataclass(frozen=True, slots=True)
class _AssumedRun:
    """A pending run, and its assumed length and time."""

    config: RunConfig
    updates: int
    tokens: float
    epochs: float
    seconds: float


def _assumed(
    config: RunConfig, sizes: Sizes, usual: float, speeds: Mapping[Sharing, Timed], held_out: HeldOut
) -> _AssumedRun:
    """A run that lasts ``usual`` epochs, unless its settings fix its length."""
    updates, tokens = training_size(config, sizes, usual)
    epochs = lasting(config, epoch_size(config, sizes)[0], usual)
    return _AssumedRun(
        config, updates, tokens, epochs, _seconds(config, tokens, epochs, speeds[config.sharing], held_out)
    )


def _seconds(config: RunConfig, tokens: float, epochs: float, speed: Timed, held_out: HeldOut) -> float:
    """The seconds of a whole run: preparation, updates, dev after each epoch, and dev and test at the end."""
    dev, test = (sum(held_out.get(task, (0, 0))[part] for task in config.tasks) for part in (0, 1))
    return speed.preparation + tokens / speed.training + ((epochs + 1) * dev + test) / speed.tagging


def _elapsed(spent: Sequence[float], workers: int) -> float:
    """The seconds until the last run ends, if each worker takes the next run when it is free."""
    free = [0.0] * workers
    for seconds in spent:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)
