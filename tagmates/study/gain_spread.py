"""How far the gains of a study spread around what is expected of them, re-estimated from its own runs.

The variances of the model of gains (``study.gains``) were fitted on published grids. In a study of other tasks or with
other settings, gains may lie further from what is expected. So one factor multiplies the variances of all gains:
recipient, pair, many and set. It does not concern the noise of seeds and the F1 alone. It is the factor at which the
runs of the study, together with ``SPREAD_FREEDOM`` gains that lie exactly one standard deviation from what is expected,
have the highest probability density (the marginal likelihood, where all gains are integrated out). So a few runs hardly
move it, and without runs that tell of gains it is 1.

It is never below 1: in the replay (``bench/replay.py``), gains of the pairs that are trained first often lie close to
what is expected, and those of the others do not. Where the factor could shrink as well, fewer intervals held.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import linalg

from tagmates.study.gains import Floats, Helpers, TaskGains

SPREAD_FREEDOM = 8  # number of gains that the fitted variances count for
FACTORS: Floats = np.geomspace(1, 4, 201)  # that are tried; one failed run must not make all gains uncertain
MIN_NOISE = 1e-6  # variance between seeds, so that runs that are exactly equal can be computed with

Scores = Sequence[tuple[Helpers, float]]  # of the runs of one task: its helpers (none: alone) and its F1


def gains_given(before: Mapping[str, TaskGains], runs: Mapping[str, Scores]) -> dict[str, TaskGains]:
    """The gains of every task after the runs of all, which also tell how far gains spread."""
    factor = spread_factor((gains, runs.get(task, ())) for task, gains in before.items())
    return {task: gains.spread_by(factor).after(runs.get(task, ())) for task, gains in before.items()}


def spread_factor(tasks: Iterable[tuple[TaskGains, Scores]]) -> float:
    """The factor of the variances of all gains, from the gains of each task before its runs, and these runs."""
    fit = -SPREAD_FREEDOM / 2 * (np.log(FACTORS) + 1 / FACTORS)
    for before, runs in tasks:
        if runs:
            fit = fit + log_likelihoods(before, runs)
    return float(FACTORS[fit.argmax()])


def log_likelihoods(before: TaskGains, runs: Scores) -> Floats:
    """The logarithm of the density of the runs of a task by each of ``FACTORS``, up to a constant, [factors].

    Runs with the same helpers count as their mean, because how they differ says nothing of gains. In the basis in which
    the means have variance 1 without gains, and gains only add to these variances, they are independent.
    """
    by_set: dict[Helpers, list[float]] = defaultdict(list)
    for helpers, f1 in runs:
        by_set[helpers].append(f1)
    places = [before.sets.index(helpers) for helpers in by_set]
    rows, alone = before.rows[places], before.alone
    noise = max(before.noise, MIN_NOISE) / np.array([len(some) for some in by_set.values()])
    expected = rows @ before.mean + before.constants[places] + before.mean[alone]
    rest = np.array([np.mean(some) for some in by_set.values()]) - expected
    variances, basis = linalg.eigh(rows @ before.covariance @ rows.T, np.diag(noise) + before.covariance[alone, alone])
    total = 1 + FACTORS[:, None] * variances.clip(min=0)
    return np.asarray(-(np.log(total) + (basis.T @ rest) ** 2 / total).sum(1) / 2)
