"""The cost of the runs of a plan, from speeds measured on this study's runs or on a few updates."""

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, harmonic_mean

from tagmates.batching.sampling import mean_epoch_counts, updates_of_epoch
from tagmates.config import RunConfig, Sharing
from tagmates.errors import ConfigError
from tagmates.study.plan import Planned
from tagmates.study.store import FoundRuns, Store
from tagmates.study.task_cache import held_out_size, task_size
from tagmates.study.timing import Timed, time_together

# mean epochs of a run by its stopping_patience (1 to 10), until runs of this study are finished: those of the paper's
# runs in docs/runs, each cut off where that patience would have ended it (tests/study/test_plan.py counts them)
EPOCHS_BY_PATIENCE = (5.9, 9.0, 11.7, 15.6, 18.5, 21.1, 23.1, 25.1, 26.9, 28.3)
EPOCHS_RANGE = (0.75, 1.5)  # between which shares of these numbers the mean of a part of those runs lies
SPEED_RANGE = (0.8, 1.25)  # of the time: how far a few seconds of timing are from a whole study (bench/plan.py)
Sizes = Mapping[str, tuple[int, float]]  # task -> sentences to train on, and their mean length
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


def epoch_size(config: RunConfig, sizes: Sizes) -> tuple[int, float]:
    """The number of updates in an epoch, and of tokens in a mean epoch."""
    own = [sizes[task] for task in config.tasks]
    sentences = [n for n, _ in own]
    counts = mean_epoch_counts(config.tasks, sentences, config.training)
    tokens = sum(n * length for n, (_, length) in zip(counts, own, strict=True))
    return updates_of_epoch(config.tasks, sentences, config.training), tokens


def usual_epochs(config: RunConfig) -> float:
    """The assumed mean length of runs with this patience."""
    patience = config.training.stopping_patience
    known = EPOCHS_BY_PATIENCE[:patience][-1]
    return known + max(patience - len(EPOCHS_BY_PATIENCE), 0)


def training_size(config: RunConfig, sizes: Sizes, epochs: float) -> tuple[int, float]:
    """The number of updates and of tokens of a run that lasts ``epochs``, unless its settings fix its length."""
    updates, tokens = epoch_size(config, sizes)
    epochs = lasting(config, updates, epochs)
    return round(updates * epochs), tokens * epochs


def lasting(config: RunConfig, updates: int, epochs: float) -> float:
    """The length of a run in epochs of so many updates: that of its settings, else ``epochs``."""
    if config.training.max_updates is not None:
        return config.training.max_updates / updates
    return min(epochs, config.training.max_epochs)


def recorded_speeds(plan: Iterable[Planned], store: Store, found: FoundRuns, sizes: Sizes) -> dict[Sharing, float]:
    """Tokens per second by sharing, with validation, in the finished epochs of this plan's runs."""
    tokens: dict[Sharing, float] = defaultdict(float)
    seconds: dict[Sharing, float] = defaultdict(float)
    for planned in plan:
        epochs, spent = _recorded(planned, store, found)
        if epochs:
            tokens[planned.config.sharing] += epochs * epoch_size(planned.config, sizes)[1]
            seconds[planned.config.sharing] += spent
    return {sharing: tokens[sharing] / max(seconds[sharing], 1e-9) for sharing in tokens}


def unmeasured(plan: Sequence[Planned], store: Store, found: FoundRuns) -> list[Sharing]:
    """The sharings of pending runs whose speed no run of the plan has measured."""
    needed = dict.fromkeys(planned.config.sharing for planned in pending_runs(plan, found))
    return [
        sharing
        for sharing in needed
        if not any(_recorded(planned, store, found)[0] for planned in plan if planned.config.sharing == sharing)
    ]


def _recorded(planned: Planned, store: Store, found: FoundRuns) -> tuple[int, float]:
    """The number of finished epochs of a run, and the seconds that they took."""
    record = found.done.get(planned.name)
    if record is not None:
        return record.epochs, record.seconds
    lines = store.epochs(planned.name)
    return (len(lines), float(lines[-1].get("seconds", 0))) if lines else (0, 0.0)


def pending_runs(plan: Sequence[Planned], found: FoundRuns) -> list[Planned]:
    """The runs of a plan that are neither done nor failed."""
    return [planned for planned in plan if planned.name not in found.done and planned.name not in found.failed]


def cost_to_do(
    plan: Sequence[Planned], store: Store, found: FoundRuns, data: str, tasks: Sequence[str], workers: int
) -> Cost | None:
    """The cost of the pending runs of a plan, with this number of workers; None if there are none.

    Runs that failed are not pending. A run that has begun counts whole.

    The speed of a sharing that no run has measured is timed on some of its runs, in as many processes.
    """
    to_do = pending_runs(plan, found)
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


def time_sharings(
    configs: Mapping[Sharing, Sequence[RunConfig]], sizes: Sizes, data: str, workers: int
) -> dict[Sharing, Timed]:
    """The mean speed of each sharing, timed on some of its runs in so many processes at the same time."""
    rounds = 2 if len(configs) < 3 else 1
    chosen = [_spread(own, sizes, rounds * workers) for own in configs.values()]
    assigned = [[own[each * workers + worker] for own in chosen for each in range(rounds)] for worker in range(workers)]
    try:
        timed = time_together(assigned, data)
    except BrokenProcessPool:
        raise ConfigError(
            f"--workers {workers}: a process was killed while it was timed; give fewer, or close other programs"
        ) from None
    found = {}
    for number, sharing in enumerate(configs):
        own = [each for times in timed for each in times[rounds * number : rounds * (number + 1)]]
        found[sharing] = Timed(
            harmonic_mean([each.training for each in own]),
            harmonic_mean([each.tagging for each in own]),
            fmean(each.preparation for each in own),
        )
    return found


def _spread(configs: Sequence[RunConfig], sizes: Sizes, number: int) -> list[RunConfig]:
    """So many of these runs, from small to large, each for an equal share of all tokens."""
    ordered = sorted(configs, key=lambda config: epoch_size(config, sizes)[1])
    ends = list(accumulate(epoch_size(config, sizes)[1] for config in ordered))
    return [ordered[bisect_left(ends, (each + 0.5) / number * ends[-1])] for each in range(number)]


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
    epochs = fmean(ended) if ended else fmean(usual_epochs(planned.config) for planned in pending)
    whole = [(planned.config, *training_size(planned.config, sizes, epochs)) for planned in pending]
    lengths = [lasting(config, epoch_size(config, sizes)[0], epochs) for config, _, _ in whole]
    spent = [
        _seconds(config, tokens, length, speeds[config.sharing], held_out or {})
        for (config, _, tokens), length in zip(whole, lengths, strict=True)
    ]
    effective = {
        sharing: sum(tokens for config, _, tokens in whole if config.sharing == sharing)
        / max(sum(s for (config, _, _), s in zip(whole, spent, strict=True) if config.sharing == sharing), 1e-9)
        for sharing in dict.fromkeys(config.sharing for config, _, _ in whole)
    }
    fixed = all(config.training.max_updates is not None for config, _, _ in whole)
    caps = fmean(config.training.max_epochs for config, _, _ in whole)
    longest = max(caps / fmean(lengths), 1.0)
    shorter, longer = (1.0, 1.0) if fixed or ended else (EPOCHS_RANGE[0], min(EPOCHS_RANGE[1], longest))
    low, high = SPEED_RANGE[0] * shorter, SPEED_RANGE[1] * longer
    updates = sum(updates for _, updates, _ in whole)
    return Cost(sum(spent), _elapsed(spent, workers), workers, low, high, updates, fmean(lengths), effective, source)


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
