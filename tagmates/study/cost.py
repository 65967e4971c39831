"""The cost of the runs of a plan, from speeds measured on this study's runs or on a few updates."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from tagmates.batching.sampling import epoch_counts, passes_of_epoch
from tagmates.config import RunConfig, Sharing
from tagmates.study.plan import Planned
from tagmates.study.store import FoundRuns, Store
from tagmates.study.task_cache import prepare, task_size
from tagmates.training.loop import Updated, train_side_by_side

# of a run that ends by patience, until runs of this study are finished (11 to 28 in docs/runs/paper.jsonl.xz)
DEFAULT_EPOCHS = 30
TIMED_UPDATES = 6  # if no run has finished an epoch
Sizes = Mapping[str, tuple[int, float]]  # task -> sentences to train on, and their mean length


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of the pending runs; ``seconds`` are those of one worker."""

    seconds: float
    updates: int
    epochs: float  # assumed mean length of a run
    speeds: Mapping[Sharing, float]  # tokens per second, with validation if measured on runs
    measured: str  # source of the speeds


def epoch_size(config: RunConfig, sizes: Sizes) -> tuple[int, float]:
    """The number of updates and of tokens in an epoch."""
    own = [sizes[task] for task in config.tasks]
    counts = epoch_counts(config.tasks, [n for n, _ in own], config.training, config.seed, 0)
    passes = passes_of_epoch(config.tasks, [n for n, _ in own], config.training)
    sentences = counts.sum(0).tolist()
    return passes * len(counts), passes * sum(n * length for n, (_, length) in zip(sentences, own, strict=True))


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
    needed = dict.fromkeys(planned.config.sharing for planned in _to_do(plan, found))
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


def _to_do(plan: Sequence[Planned], found: FoundRuns) -> list[Planned]:
    return [planned for planned in plan if planned.name not in found.done]


def cost_to_do(plan: Sequence[Planned], store: Store, found: FoundRuns, data: str, tasks: Sequence[str]) -> Cost | None:
    """The cost of the runs of a plan that are not done; None if all are done.

    The speed of a sharing that no run has measured is timed on a run of medium size.
    """
    to_do = _to_do(plan, found)
    if not to_do:
        return None
    sizes = {task: task_size(data, task) for task in tasks}
    speeds = recorded_speeds(plan, store, found, sizes)
    source = "the epochs of this study so far"
    for sharing in unmeasured(plan, store, found):
        some = [planned.config for planned in to_do if planned.config.sharing == sharing]
        speeds[sharing] = timed_speed(some[len(some) // 2], data)
        source = "a few updates timed just now with this process's threads, validation not counted"
    return estimate(to_do, sizes, speeds, found, source)


def timed_speed(config: RunConfig, data: str) -> float:
    """Tokens per second in a few updates of this run on the CPU with its present number of threads."""
    run = prepare(config, data, "cpu")
    moments, tokens = [time.monotonic()], []
    for event in train_side_by_side([run]):
        if isinstance(event, Updated):
            moments.append(time.monotonic())
            tokens.append(event.tokens)
        if len(tokens) > TIMED_UPDATES or not isinstance(event, Updated):
            break
    spent = [b - a for a, b in pairwise(moments)]
    first = 1 if len(spent) > 1 else 0  # the first update is slower
    return sum(tokens[first:]) / max(sum(spent[first:]), 1e-9)


def estimate(
    pending: Sequence[Planned], sizes: Sizes, speeds: Mapping[Sharing, float], found: FoundRuns, source: str
) -> Cost:
    """The cost of the pending runs if each lasts as long as the mean finished run of this study."""
    ended = [record.epochs for record in found.done.values()]
    epochs = fmean(ended) if ended else DEFAULT_EPOCHS
    whole = [(planned.config, *training_size(planned.config, sizes, epochs)) for planned in pending]
    seconds = sum(tokens / speeds[config.sharing] for config, _, tokens in whole)
    last = fmean(lasting(config, epoch_size(config, sizes)[0], epochs) for config, _, _ in whole)
    return Cost(seconds, sum(updates for _, updates, _ in whole), last, dict(speeds), source)
