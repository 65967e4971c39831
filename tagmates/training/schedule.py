"""What the learning rate is at each update, and when training stops (protocol section 3)."""

from dataclasses import dataclass, field

from tagmates.config import TrainingSettings

THRESHOLD = 1e-4  # a score must beat the best by this share of it to count against halving


@dataclass(slots=True)
class Schedule:
    """Follows the dev scores of one run, epoch by epoch."""

    learning_rate: float  # of all updates until the next halving; linear: of the first update
    scores: list[float] = field(default_factory=list)
    plateau_best: float = float("-inf")  # best score that beat its predecessor by the threshold
    flat_epochs: int = 0
    strict: bool = False  # setting ``patience``: whether only a score that is higher than the best makes a best epoch

    def step(self, score: float, settings: TrainingSettings) -> None:
        """Take in the dev score of an epoch that ended.

        With ``schedule`` halving, ``halving_patience`` + 1 flat epochs halve the learning rate; with the other two, no
        score ever changes it.
        """
        self.scores.append(score)
        if settings.schedule != "halving" or self._has_learned_nothing:
            return
        if score > self.plateau_best * (1 + THRESHOLD):
            self.plateau_best, self.flat_epochs = score, 0
            return
        self.flat_epochs += 1
        if self.flat_epochs > settings.halving_patience:
            self.learning_rate, self.flat_epochs = self.learning_rate / 2, 0

    def rate(self, settings: TrainingSettings, updates: int) -> float:
        """The learning rate of the update that comes after so many updates."""
        if settings.schedule == "linear" and settings.max_updates is not None:
            return self.learning_rate * (1 - updates / settings.max_updates)
        return self.learning_rate

    @property
    def is_best(self) -> bool:
        """Whether the last epoch is the best so far; of equals the later one, with ``strict`` the earlier one."""
        return self.best_epoch == len(self.scores)

    @property
    def best_epoch(self) -> int:
        """The best epoch, counted from 1; of equals the later one, with ``strict`` the earlier one."""
        return max(range(len(self.scores)), key=lambda i: (self.scores[i], -i if self.strict else i)) + 1

    @property
    def _has_learned_nothing(self) -> bool:
        """Whether no dev score is above 0 yet, which with ``strict`` is no standstill."""
        return self.strict and max(self.scores) <= 0

    def why_stop(self, settings: TrainingSettings, updates: int) -> str | None:
        """Why training ends after so many updates, or None.

        ``patience`` where the best of the last epochs is strictly below the best of all (with ``strict``: not above
        it), ``rate`` where halving has brought the learning rate below ``min_learning_rate``, ``cap`` at
        ``max_epochs``; with ``max_updates`` only ``updates``.
        """
        if settings.max_updates is not None:
            return "updates" if updates >= settings.max_updates else None
        flat = len(self.scores) - self.best_epoch
        if flat >= settings.stopping_patience and not self._has_learned_nothing:
            return "patience"
        if self.learning_rate < min(settings.min_learning_rate, settings.learning_rate):
            return "rate"
        return "cap" if len(self.scores) >= settings.max_epochs else None
