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
from tagmates.study.task_cache import prepare
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
        record = found.done.get(planned.name)
        if record is not None:
            epochs, spent = float(record.epochs), record.seconds
        else:
            lines = store.epochs(planned.name)
            epochs, spent = (float(len(lines)), float(lines[-1].get("seconds", 0))) if lines else (0.0, 0.0)
        if epochs:
            tokens[planned.config.sharing] += epochs * epoch_size(planned.config, sizes)[1]
            seconds[planned.config.sharing] += spent
    return {sharing: tokens[sharing] / max(seconds[sharing], 1e-9) for sharing in tokens}


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
