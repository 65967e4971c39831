"""The size of a run: its updates, tokens and epochs, from its settings and the sizes of its tasks."""

from collections.abc import Mapping

from tagmates.batching.sampling import mean_epoch_counts, updates_of_epoch
from tagmates.config import RunConfig

# mean epochs of a run by its stopping_patience (1 to 10), until runs of this study are finished: those of the paper's
# runs in docs/runs, each cut off where that patience would have ended it (tests/study/test_plan.py counts them)
EPOCHS_BY_PATIENCE = (5.9, 9.0, 11.7, 15.6, 18.5, 21.1, 23.1, 25.1, 26.9, 28.3)
Sizes = Mapping[str, tuple[int, float]]  # task -> sentences to train on, and their mean length


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
