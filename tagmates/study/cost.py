"""What the trainings of a plan will cost, from speeds measured on this study's runs, or on a few updates."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from tagmates.batching.sampling import epoch_counts, passes_of_epoch
from tagmates.config import RunConfig, Sharing
from tagmates.study.plan import Planned
from tagmates.study.store import Found, Store
from tagmates.study.task_cache import prepare, task_size
from tagmates.training.loop import Updated, train_side_by_side

EPOCHS = 30  # of a run that ends by patience, until runs of this study say more (in docs/reproduction.md: 11 to 28)
UPDATES = 6  # timed where no run has been
Sizes = Mapping[str, tuple[int, float]]  # task -> sentences to train on, and their mean length


@dataclass(frozen=True, slots=True)
class Cost:
    """Of what is pending, in seconds of one worker."""

    seconds: float
    updates: int
    epochs: float  # that a run was taken to last, on average
    speeds: Mapping[Sharing, float]  # tokens per second, validation included where runs have been
    measured: str  # where the speeds come from


def epoch_size(config: RunConfig, sizes: Sizes) -> tuple[int, float]:
    """Updates of an epoch, and the tokens they train on."""
    own = [sizes[task] for task in config.tasks]
    counts = epoch_counts(config.tasks, [n for n, _ in own], config.training, config.seed, 0)
    passes = passes_of_epoch(config.tasks, [n for n, _ in own], config.training)
    sentences = counts.sum(0).tolist()
    return passes * len(counts), passes * sum(n * length for n, (_, length) in zip(sentences, own, strict=True))


def training_size(config: RunConfig, sizes: Sizes, epochs: float) -> tuple[int, float]:
    """Updates and tokens of a whole training that lasts so many epochs, where its settings do not say."""
    updates, tokens = epoch_size(config, sizes)
    epochs = lasting(config, updates, epochs)
    return round(updates * epochs), tokens * epochs


def lasting(config: RunConfig, updates: int, epochs: float) -> float:
    """Epochs, of so many updates, that a training lasts: as its settings say, else ``epochs``."""
    if config.training.max_updates is not None:
        return config.training.max_updates / updates
    return min(epochs, config.training.max_epochs)


def recorded_speeds(plan: Iterable[Planned], store: Store, found: Found, sizes: Sizes) -> dict[Sharing, float]:
    """Tokens per second by sharing, of the epochs that runs of this plan have finished, validation included."""
    tokens: dict[Sharing, float] = defaultdict(float)
    seconds: dict[Sharing, float] = defaultdict(float)
    for planned in plan:
        epochs, spent = _recorded(planned, store, found)
        if epochs:
            tokens[planned.config.sharing] += epochs * epoch_size(planned.config, sizes)[1]
            seconds[planned.config.sharing] += spent
    return {sharing: tokens[sharing] / max(seconds[sharing], 1e-9) for sharing in tokens}


def unmeasured(plan: Sequence[Planned], store: Store, found: Found) -> list[Sharing]:
    """The sharings of the trainings to do whose speed no run of the plan has measured."""
    needed = dict.fromkeys(planned.config.sharing for planned in _to_do(plan, found))
    return [
        sharing
        for sharing in needed
        if not any(_recorded(planned, store, found)[0] for planned in plan if planned.config.sharing == sharing)
    ]


def _recorded(planned: Planned, store: Store, found: Found) -> tuple[int, float]:
    """How many epochs a training has finished, and the seconds that they took."""
    record = found.done.get(planned.name)
    if record is not None:
        return record.epochs, record.seconds
    lines = store.epochs(planned.name)
    return (len(lines), float(lines[-1].get("seconds", 0))) if lines else (0, 0.0)


def _to_do(plan: Sequence[Planned], found: Found) -> list[Planned]:
    return [planned for planned in plan if planned.name not in found.done]


def cost_to_do(plan: Sequence[Planned], store: Store, found: Found, data: str, tasks: Sequence[str]) -> Cost | None:
    """The cost of the trainings of a plan that are not done; None where all are.

    The speed of a sharing that no run has measured is timed on a training of the middle size.
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
    """Tokens per second of a few updates of this training, on this machine's CPU as it is set now."""
    run = prepare(config, data, "cpu")
    moments, tokens = [time.monotonic()], []
    for event in train_side_by_side([run]):
        if isinstance(event, Updated):
            moments.append(time.monotonic())
            tokens.append(event.tokens)
        if len(tokens) > UPDATES or not isinstance(event, Updated):
            break
    spent = [b - a for a, b in pairwise(moments)]
    first = 1 if len(spent) > 1 else 0  # the first warms up
    return sum(tokens[first:]) / max(sum(spent[first:]), 1e-9)


def estimate(
    pending: Sequence[Planned], sizes: Sizes, speeds: Mapping[Sharing, float], found: Found, source: str
) -> Cost:
    """The cost of the pending runs, each lasting as many epochs as this study's runs have on average."""
    ended = [record.epochs for record in found.done.values()]
    epochs = fmean(ended) if ended else EPOCHS
    whole = [(planned.config, *training_size(planned.config, sizes, epochs)) for planned in pending]
    seconds = sum(tokens / speeds[config.sharing] for config, _, tokens in whole)
    last = fmean(lasting(config, epoch_size(config, sizes)[0], epochs) for config, _, _ in whole)
    return Cost(seconds, sum(updates for _, updates, _ in whole), last, dict(speeds), source)
