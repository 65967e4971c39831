"""The gain that a task is expected to have from others, and how sure that is, after the runs so far.

The gain of task t from helper h, in points of F1, is

    gain[t, h] = scale[t] * (w · x[t, h] + recipient[t] + pair[t, h])
    scale[t]   = (error[t] / 30) ** p * (tokens[t] / 50,000) ** q
    x[t, h]    = (1, rank[t, h], log10(tokens[t] / 50,000))

``rank`` is that of ``tagmates.data.affinity``, ``tokens`` counts the training data, and ``error`` is 100 minus the F1
of the task alone. If the task has not been trained alone yet, p is 0. Data of fewer than 16,000 or more than 315,000
tokens count as so many: the constants were fitted on tasks of these sizes. The gain from several helpers H together is

    gain[t, H] = share[H] * scale[t] * (joint[0] + many[t] + set[t, H]) + weight[H] * mean of gain[t, h] over h in H
    share[H]   = log10(number of helpers), at most 1
    weight[H]  = 1 + share[H] * (joint[1] - 1)

so with one helper it is the gain of the pair, and with ten, as in the published grids, it is given by ``joint``. The
additional effect of many helpers on a task is mostly the same for all large sets (``many``): on the published grids,
the remaining part of All and of All-but-one varies within a task by a sixth of its variance.

The F1 of a run is the F1 of the task alone, plus the gain, plus the noise of the seed. Recipient, pair, many, set and
noise are normal with mean 0, so all gains of a task have one joint normal distribution, and runs of the task are
included by conditioning on them. Tasks are independent of each other: an effect of the helper that is the same for all
tasks was tried, and it made the advice worse. ``bench/fit_gains.py`` estimates the constants on published grids,
``study.gain_spread`` re-estimates how large the variances are together, from a study's own runs, and
``bench/replay.py`` shows how good the advice is.
"""

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from statistics import fmean

import numpy as np
import numpy.typing as npt
from scipy import special

from tagmates.config import Settings
from tagmates.data.affinity import Affinity, TrainingData

Floats = npt.NDArray[np.float64]
Helpers = frozenset[str]

ALONE: Helpers = frozenset()
TYPICAL_ERROR, TYPICAL_TOKENS = 30.0, 50_000.0  # at which the scale is 1
FITTED_SIZES = (-0.5, 0.8)  # log10 of typical numbers of tokens; a trend is not followed beyond the tasks that show it
SET_SHARE = 1 / 6  # of the variance ``set``: what is of one set alone; the rest is ``many``
F1_BEFORE = (70.0, 30.0)  # mean and standard deviation of a task's F1 before it is trained


class GainPrior(Settings):
    """The constants of the model; variances are those of gains divided by the scale of their task."""

    error_exponent: float
    size_exponent: float
    weights: tuple[float, float, float]
    recipient: float  # variances
    pair: float
    joint: tuple[float, float]
    set: float  # of many and set together
    noise: float  # of a run's F1 between seeds


class GainPriors(Settings):
    """``scored`` is for tasks that have been trained alone, ``unscored`` for tasks of which only the data are known."""

    scored: GainPrior
    unscored: GainPrior


@cache
def gain_priors() -> GainPriors:
    """The constants that come with this package."""
    return GainPriors.model_validate(json.loads((resources.files("tagmates.study") / "gains.json").read_bytes()))


@dataclass(frozen=True, slots=True)
class Gain:
    """A normal distribution of a gain, in points of F1."""

    mean: float
    std: float

    def interval(self, share: float = 0.8) -> tuple[float, float]:
        """The central interval that holds the gain with this probability."""
        half = float(special.ndtri((1 + share) / 2)) * self.std
        return self.mean - half, self.mean + half

    @property
    def probability(self) -> float:
        """Of being above 0."""
        return float(special.ndtr(self.mean / self.std)) if self.std > 0 else float(self.mean > 0)


@dataclass(frozen=True, slots=True)
class TaskGains:
    """The distribution of the gains of one task from every set of helpers, with its F1 alone.

    The variables are the gain from each helper, then the F1 alone, then what many helpers do, then the rest of each
    larger set. ``rows`` says how the gain from each set follows from them.
    """

    scale: float
    noise: float  # variance of a run's F1 between seeds, in points squared
    sets: tuple[Helpers, ...]  # alone first, then single helpers, then larger sets
    rows: Floats  # [sets, variables]
    constants: Floats  # [sets]: to be added
    mean: Floats  # [variables]
    covariance: Floats  # [variables, variables]
    joint: tuple[float, float]  # as in GainPrior

    @property
    def alone(self) -> int:
        """The number of the variable that is the F1 alone."""
        return sum(len(helpers) == 1 for helpers in self.sets)

    def after(self, runs: Iterable[tuple[Helpers, float]]) -> "TaskGains":
        """The distribution after runs with these helpers (none: alone) had these F1."""
        mean, covariance = self.mean, self.covariance
        for helpers, f1 in runs:
            row, constant = self._f1_of(helpers)
            with_all = covariance @ row
            pull = with_all / (row @ with_all + self.noise)
            mean = mean + pull * (f1 - constant - row @ mean)
            covariance = covariance - np.outer(pull, with_all)
        return replace(self, mean=mean, covariance=covariance)

    def spread_by(self, factor: float) -> "TaskGains":
        """The distribution, before any run, where the variances of all gains are ``factor`` times as large."""
        covariance = factor * self.covariance
        covariance[self.alone, self.alone] = self.covariance[self.alone, self.alone]
        return replace(self, covariance=covariance)

    def awaiting(self, sets: Iterable[Helpers]) -> "TaskGains":
        """The distribution after runs with these helpers that are still under way: as sure, by the same means."""
        found = self
        for helpers in sets:
            row, constant = found._f1_of(helpers)
            found = found.after([(helpers, float(row @ found.mean) + constant)])
        return found

    def gain(self, helpers: Collection[str]) -> Gain:
        """The gain from these helpers over training the task alone."""
        place = self.sets.index(frozenset(helpers))
        row = self.rows[place]
        mean = float(row @ self.mean + self.constants[place])
        return Gain(mean, float(np.sqrt(max(row @ self.covariance @ row, 0))))

    def expected(self, sets: Iterable[Helpers]) -> list[float]:
        """The expected gain from each of these sets of helpers, also from sets that were not named before."""
        known = dict(zip(self.sets, self.means().tolist(), strict=True))
        found = []
        for helpers in sets:
            if helpers not in known:
                share, weight = _share_and_weight(len(helpers), self.joint)
                pairs = fmean(known[frozenset([helper])] for helper in helpers)
                many = self.joint[0] * self.scale + float(self.mean[self.alone + 1])
                known[helpers] = share * many + weight * pairs
            found.append(known[helpers])
        return found

    def means(self) -> Floats:
        """The expected gain from every set, [sets]."""
        return self.rows @ self.mean + self.constants

    def best(self) -> tuple[Helpers, float]:
        """The set with the highest expected gain and that gain; alone, with 0, where none is expected to gain."""
        means = self.means()
        place = int(means.argmax())
        return self.sets[place], float(means[place])

    def move(self, helpers: Helpers) -> Floats:
        """The standard deviation, with sign, by which one more run with these helpers moves each set's mean, [sets]."""
        row, _ = self._f1_of(helpers)
        with_all = self.covariance @ row
        return self.rows @ with_all / np.sqrt(row @ with_all + self.noise)

    def _f1_of(self, helpers: Helpers) -> tuple[Floats, float]:
        """The F1 of a run as weights of the variables and a constant."""
        place = self.sets.index(helpers)
        row = self.rows[place].copy()
        row[self.alone] += 1
        return row, float(self.constants[place])


def gains_before(
    affinities: Sequence[Affinity],
    data: TrainingData,
    *,
    alone: float | None = None,
    noise: float | None = None,
    sets: Iterable[Helpers] = (),
    prior: GainPrior | None = None,
) -> TaskGains:
    """The gains of a task as its training data predict them.

    ``affinities`` are those with each of its helpers, ``alone`` is its F1 alone where it has been trained alone (which
    decides the scale, and is still to be given to ``after``), ``noise`` the variance between seeds where it is known.
    ``sets`` are the larger sets of helpers whose gains are asked for.
    """
    used = prior or (gain_priors().unscored if alone is None else gain_priors().scored)
    scale = scale_of(used, data, alone)
    helpers = [a.helper for a in affinities]
    larger = list(dict.fromkeys(each for each in sets if len(each) > 1))
    n, total = len(helpers), len(helpers) + 2 + len(larger)
    mean, covariance = np.zeros(total), np.zeros((total, total))
    mean[:n] = scale * features(affinities, data) @ np.array(used.weights)
    covariance[:n, :n] = scale**2 * (used.recipient + used.pair * np.eye(n))
    mean[n], covariance[n, n] = F1_BEFORE[0], F1_BEFORE[1] ** 2
    covariance[n + 1, n + 1] = (1 - SET_SHARE) * used.set * scale**2
    rows, constants = np.zeros((1 + n + len(larger), total)), np.zeros(1 + n + len(larger))
    rows[1 : n + 1, :n] = np.eye(n)
    for number, each in enumerate(larger, n + 1):
        share, weight = _share_and_weight(len(each), used.joint)
        covariance[number + 1, number + 1] = SET_SHARE * used.set * scale**2
        rows[number, [helpers.index(helper) for helper in each]] = weight / len(each)
        rows[number, [n + 1, number + 1]] = share
        constants[number] = share * used.joint[0] * scale
    known = used.noise * scale**2 * _noise_factor(data) if noise is None else noise
    every = (ALONE, *(frozenset([helper]) for helper in helpers), *larger)
    return TaskGains(scale, known, every, rows, constants, mean, covariance, used.joint)


def _share_and_weight(number: int, joint: tuple[float, float]) -> tuple[float, float]:
    """``share`` and ``weight`` for a number of helpers."""
    share = min(1.0, math.log10(number))
    return share, 1 + share * (joint[1] - 1)


def scale_of(prior: GainPrior, data: TrainingData, alone: float | None) -> float:
    """The scale of the gains of a task, in points of F1."""
    error = TYPICAL_ERROR if alone is None else max(100 - alone, 0.1)
    return float((error / TYPICAL_ERROR) ** prior.error_exponent * 10 ** (_size(data) * prior.size_exponent))


def _noise_factor(data: TrainingData) -> float:
    """How much larger the variance between seeds is expected to be because the data are smaller than the fitted ones.

    It is taken to be inversely proportional to the tokens, which agrees with the seeds of ``bench/small.py``.
    """
    smallest = 10 ** FITTED_SIZES[0] * TYPICAL_TOKENS
    return float(max(1.0, smallest / max(data.tokens, 1)))


def features(affinities: Sequence[Affinity], data: TrainingData) -> Floats:
    """``x`` of the pairs of a task, [helpers, 3]."""
    return np.array([[1.0, a.rank, _size(data)] for a in affinities]).reshape(-1, 3)


def _size(data: TrainingData) -> float:
    """log10 of typical numbers of tokens, as far as the tasks reached on which the constants were fitted."""
    return float(np.clip(np.log10(max(data.tokens, 1) / TYPICAL_TOKENS), *FITTED_SIZES))
