"""What is to be said of a training that ended, so that nobody takes a score for better founded than it is."""

from collections.abc import Sequence

from tagmates.config import TrainingSettings

DEAD_RATE = 1e-3  # of the first learning rate; a smaller one moves nothing any more


def ending_warnings(settings: TrainingSettings, reason: str, scores: Sequence[float], rate: float) -> list[str]:
    """Sentences on a training that ended for this reason, with these mean dev scores and this last learning rate.

    They say that the cap of epochs ended it, that its learning rate has died away, or that it learned nothing.
    """
    warnings = []
    if not max(scores, default=1.0):
        warnings.append(
            f"dev F1 was 0 in all {len(scores)} epochs, so nothing was learned: check the tags with "
            "`tagmates data check`, give more sentences, or train longer (training.max_epochs)"
        )
    if reason == "cap":
        warnings.append(
            f"training was ended by the cap of {settings.max_epochs} epochs, so its score might still have risen; "
            "raise training.max_epochs"
        )
    if settings.schedule == "halving" and (reason == "rate" or rate < DEAD_RATE * settings.learning_rate):
        warnings.append(
            f"the learning rate was halved down to {rate:.1e}, at which hardly anything is learned; "
            "raise training.halving_patience if the score might have risen"
        )
    return warnings
