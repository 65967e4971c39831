"""The learning rate of each update, and the end of training (protocol section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tagmates.config import TrainingSettings

MIN_IMPROVEMENT = 1e-4  # an epoch is flat unless its score exceeds the best by this share of it


def index_of_best(scores: Sequence[float], *, strict: bool) -> int:
    """The index of the best of these dev scores of epochs: among equal ones the last, with ``strict`` the first."""
    return max(range(len(scores)), key=lambda i: (scores[i], -i if strict else i))


@dataclass(slots=True)
class Schedule:
    """The learning rate and the dev scores of one run, updated at the end of every epoch."""

    learning_rate: float  # until the next halving; with schedule ``linear`` that of the first update
    scores: list[float] = field(default_factory=list)
    plateau_best: float = float("-inf")  # the best score, updated only by a minimum improvement
    flat_epochs: int = 0
    strict: bool = False  # setting ``patience``: whether an epoch must exceed the best score to be the best epoch

    def step(self, score: float, settings: TrainingSettings) -> None:
        """Add the dev score of an epoch that has ended.

        With ``schedule`` halving, ``halving_patience`` + 1 flat epochs in a row halve the learning rate. With the other
        schedules, scores do not change it.
        """
        self.scores.append(score)
        if settings.schedule != "halving" or self._has_learned_nothing:
            return
        if score > self.plateau_best * (1 + MIN_IMPROVEMENT):
            self.plateau_best, self.flat_epochs = score, 0
            return
        self.flat_epochs += 1
        if self.flat_epochs > settings.halving_patience:
            self.learning_rate, self.flat_epochs = self.learning_rate / 2, 0

    def rate(self, settings: TrainingSettings, updates: int, total: int) -> float:
        """The learning rate of the update that follows this number of updates; a whole training has ``total``."""
        if settings.schedule != "linear":
            return self.learning_rate
        rising = int(settings.warmup * total)
        if updates < rising:
            return self.learning_rate * (updates + 1) / rising
        return self.learning_rate * (1 - (updates - rising) / (total - rising))

    @property
    def is_best(self) -> bool:
        """Whether the last epoch is the best so far."""
        return self.best_epoch == len(self.scores)

    @property
    def best_epoch(self) -> int:
        """The best epoch, counted from 1; see ``index_of_best``."""
        return index_of_best(self.scores, strict=self.strict) + 1

    @property
    def _has_learned_nothing(self) -> bool:
        """Whether no dev score has been above 0 yet; with ``strict``, patience begins only afterwards."""
        return self.strict and max(self.scores) <= 0

    def why_stop(self, settings: TrainingSettings, updates: int) -> str | None:
        """The reason to end training after this number of updates, or None.

        ``patience``: none of the last ``stopping_patience`` epochs is the best epoch. ``rate``: halving has brought the
        learning rate below ``min_learning_rate``. ``cap``: ``max_epochs`` have ended. With ``max_updates``, the only
        reason is ``updates``.
        """
        if settings.max_updates is not None:
            return "updates" if updates >= settings.max_updates else None
        flat = len(self.scores) - self.best_epoch
        if flat >= settings.stopping_patience and not self._has_learned_nothing:
            return "patience"
        if self.learning_rate < min(settings.min_learning_rate, settings.learning_rate):
            return "rate"
        return "cap" if len(self.scores) >= settings.max_epochs else None
