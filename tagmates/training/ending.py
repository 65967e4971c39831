"""Warnings about a run that has ended, if its score is less reliable than it may seem."""

from collections.abc import Sequence

from tagmates.config import TrainingSettings
from tagmates.formatting import listing, plural

MAX_SCORE = 100.0  # of F1, in points
NEGLIGIBLE_RATE = 1e-3  # of the first learning rate; a smaller one hardly changes the parameters


def ending_warnings(
    settings: TrainingSettings, reason: str, scores: Sequence[float], rate: float, empty: Sequence[str] = ()
) -> list[str]:
    """Warnings about a run that ended for this reason, with these mean dev scores and this last learning rate.

    They say that the maximum number of epochs ended the run, that the learning rate became negligible, that nothing
    was learned, or that dev has no spans to find: ``empty`` are the tasks of which this is true.
    """
    warnings = []
    best = max(scores, default=1.0)
    if empty:
        warnings.append(
            f"dev of {listing(empty)} has nothing to find, so its F1 is 0 whatever was learned; choose another dev set"
        )
    elif not best:
        warnings.append(
            f"dev F1 was 0 in all {plural(len(scores), 'epoch')}, so nothing was learned: check the tags with "
            "`tagmates data check`, give more sentences, or train longer (training.max_epochs)"
        )
    if reason == "cap" and settings.schedule != "linear" and 0 < best < MAX_SCORE:  # a linear one is to end there
        warnings.append(
            f"training was ended by the cap of {plural(settings.max_epochs, 'epoch')}, so its score might still have "
            "risen; raise training.max_epochs"
        )
    if settings.schedule == "halving" and (reason == "rate" or rate < NEGLIGIBLE_RATE * settings.learning_rate):
        warnings.append(
            f"the learning rate was halved down to {rate:.1e}, at which hardly anything is learned; "
            "raise training.halving_patience if the score might have risen"
        )
    return warnings
