"""The speed of each way of sharing: recorded in the runs of a study, or timed on a few updates."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from itertools import accumulate
from statistics import fmean, harmonic_mean

from tagmates.config import RunConfig, Sharing
from tagmates.errors import ConfigError
from tagmates.study.plan import Planned
from tagmates.study.run_size import Sizes, epoch_size
from tagmates.study.store import FoundRuns, Store
from tagmates.study.timing import Timed, time_together


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
    needed = dict.fromkeys(planned.config.sharing for planned in found.pending(plan))
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
