"""Differences of F1 that hold up: over test sentences (paired) and over seeds; and how often the paper's rule errs.

The question is whether a difference would also be found with other seeds *and* other sentences, so both vary:

* Sentences. To first order F1 is a sum over sentences; the two combinations are scored on the same ones, so the spread
  of the sentence-by-sentence difference gives its variance, and sentences that are hard for both do not count.
* Seeds. Three runs alone hardly tell how far seeds spread, so the variance between seeds is pooled over all
  combinations of the task; where the two combinations' own runs spread further, theirs counts. But combinations are not
  all equally steady, and an unsteady one may look steady by luck. So the degrees of freedom are not simply those of the
  pooled variance: the further the two combinations' own runs spread, the nearer they are to those of these few runs.

What a seed changes sentence by sentence is in both; it is measured within each combination and taken off once. The sum
goes into a t test. A combination of a single run does not show how far its runs spread, and how other combinations
spread does not tell either; so there is no test of it. ``bench/significance.py`` shows how often all this errs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
SentenceCounts = npt.NDArray[np.integer]  # [sentences, 3]: true positives, false positives, false negatives

MIN_RUNS = 2  # of each combination; a single run does not show the variance between runs
ROUNDING_ERROR = 1e-9  # points of F1; smaller differences come from the order of additions


@dataclass(frozen=True, slots=True)
class Evidence:
    """A difference of mean F1 between two combinations in points, and its error."""

    difference: float
    error: float  # standard error: seeds and test sentences together
    df: float  # degrees of freedom of that error
    low: float  # 95 % interval; it excludes 0 exactly if p < 0.05
    high: float
    p: float  # two-sided; 1 if nothing varies
    q: float | None = None  # Benjamini-Hochberg over the family
    holm: float | None = None  # Holm over the family


@dataclass(frozen=True, slots=True)
class SeedVariance:
    """Variance of F1 between seeds of one combination, pooled over a task's combinations."""

    value: float  # points squared, unbiased
    df: int  # at least 1


def pooled_variance(scores: Sequence[Sequence[float]]) -> SeedVariance | None:
    """Pool the sample variances of several combinations' scores, weighted by n - 1; None if no combination has two."""
    repeated = [np.asarray(some, dtype=np.float64) for some in scores if len(some) > 1]
    if not repeated:
        return None
    df = sum(len(some) - 1 for some in repeated)
    return SeedVariance(sum(float(np.square(some - some.mean()).sum()) for some in repeated) / df, df)


@dataclass(frozen=True, slots=True)
class Linearised:
    """The runs of one combination, their F1 as a sum over test sentences to first order."""

    f1: Floats  # of each run [runs], percent
    influence: Floats  # contribution of each sentence to their mean [sentences]; sums to 0
    by_sentence: float  # part of the mean's variance that comes from seeds changing single sentences; 0 for one run

    @property
    def over_seeds(self) -> float:
        """The variance of the mean over runs, estimated from these runs; there must be at least two."""
        return float(self.f1.var(ddof=1)) / len(self.f1)


def linearise(runs: Sequence[SentenceCounts]) -> Linearised | None:
    """Sum up the per-sentence counts of a combination's runs for a comparison.

    None if the counts are not sufficient: no run, runs on different numbers of sentences, fewer than two sentences, or
    a run without units (its F1 is not defined).
    """
    lengths = {len(run) for run in runs}
    if len(lengths) != 1 or min(lengths) < 2:
        return None
    counts = np.stack(runs, dtype=np.float64)
    tp, fp, fn = np.einsum("rsc->cr", counts)  # four times as fast as sum
    total = 2 * tp + fp + fn
    if not total.all():
        return None
    f1 = 2 * tp / total
    weights = np.stack([2 - 2 * f1, -f1, -f1], axis=1) / total[:, None]
    influence = 100 * (counts @ weights[:, :, None])[:, :, 0]
    n, sentences = influence.shape
    spread = influence.var(axis=0, ddof=1).sum() / n * sentences / (sentences - 1) if n > 1 else 0.0
    return Linearised(100 * f1, influence.mean(axis=0), float(spread))


def compare_runs(ours: Linearised | None, theirs: Linearised | None, seeds: SeedVariance) -> Evidence | None:
    """Compare two combinations on the same test sentences; ``seeds`` is pooled over the combinations of the task.

    None if the error cannot be estimated: a side is None or has a single run, the test sets have different lengths, or
    the scores differ although nothing varies.
    """
    if ours is None or theirs is None or len(ours.influence) != len(theirs.influence):
        return None
    if min(len(ours.f1), len(theirs.f1)) < MIN_RUNS:
        return None
    variance, df = _variance(ours, theirs, seeds)
    return _evidence(float(ours.f1.mean() - theirs.f1.mean()), float(np.sqrt(variance)), df)


def adjust(family: Sequence[Evidence]) -> list[Evidence]:
    """The same evidence with q (Benjamini-Hochberg) and Holm's p over this family."""
    if not family:
        return []
    from scipy import stats  # noqa: PLC0415  (a second to import, which plan, run and status need not wait)

    p = np.array([evidence.p for evidence in family])
    adjusted = zip(family, stats.false_discovery_control(p), _holm(p), strict=True)
    return [replace(evidence, q=float(q), holm=float(holm)) for evidence, q, holm in adjusted]


def allow_for_choice(evidence: Evidence, number: int) -> Evidence:
    """The evidence for a combination that is the best of ``number`` combinations: a wider 95 % interval and a larger p.

    Both allow for the choice by Bonferroni's bound, so that p is at most 0.05 exactly where the interval excludes 0.
    """
    reach = evidence.error * float(special.stdtrit(evidence.df, 1 - 0.025 / number))
    low, high = evidence.difference - reach, evidence.difference + reach
    return replace(evidence, low=low, high=high, p=min(1.0, number * evidence.p), q=None, holm=None)


@cache
def false_arrow_rate(n: int, k: float, std: str) -> float:
    """How often the paper's rule draws an arrow between two combinations of ``n`` runs each that do not differ.

    The probability for scores that are normal with the same mean and variance; ``std`` is divided by n (``population``)
    or by n - 1 (``sample``). It is 0 for a single run, which has no deviation.
    """
    if n < 2:
        return 0.0
    # Means and standard deviations of normal scores are independent. In units of the mean's standard error a standard
    # deviation is chi(n - 1), times sqrt(n / (n - 1)) for a sample's; the difference of means has variance 2.
    points, weights = _chi_quadrature(n - 1)
    stretch = 1.0 if std == "population" else np.sqrt(n / (n - 1))
    spread = k * stretch * (points[:, None] + points[None, :])
    return float(weights @ (2 * special.ndtr(-spread / np.sqrt(2))) @ weights)


def _variance(a: Linearised, b: Linearised, seeds: SeedVariance) -> tuple[float, float]:
    """The variance of the difference of mean F1 in points squared, and its degrees of freedom."""
    squares = np.square(a.influence - b.influence)
    n = len(squares)
    over_sentences = float(squares.sum()) * n / (n - 1)
    pooled = seeds.value * (1 / len(a.f1) + 1 / len(b.f1))
    own = a.over_seeds + b.over_seeds
    over_seeds = max(pooled, own)
    # the part in both counts once; the sum is at least each of its observed parts
    once = over_sentences + over_seeds - a.by_sentence - b.by_sentence
    variance = float(max(once, over_sentences, over_seeds))
    if variance == 0:
        return variance, seeds.df
    # a few sentences may carry the whole difference: fourth powers measure the error of its variance
    fourth = float(np.square(squares - squares.mean()).sum()) * (n / (n - 1)) ** 2
    doubt_sentences = max(fourth, 2 * over_sentences**2 / (n - 1)) / (2 * variance**2)  # Satterthwaite
    # Satterthwaite would square the share of seeds; then runs that are close by luck would have a small error
    doubt_seeds = (pooled / seeds.df + own / _own_df(a, b)) / variance
    return variance, 1 / (doubt_sentences + doubt_seeds)


def _own_df(a: Linearised, b: Linearised) -> float:
    """The degrees of freedom of the variance between seeds that is estimated from the runs of two combinations.

    Satterthwaite's, but at most as many as if both had the smaller number of runs, because either one may have the
    larger variance. With two runs it is 1, because two runs are close by luck too often for this approximation.
    """
    fewer = min(len(a.f1), len(b.f1)) - 1
    if fewer == 1:
        return 1.0
    doubt = sum(side.over_seeds**2 / (len(side.f1) - 1) for side in (a, b))
    return min(2.0 * fewer, (a.over_seeds + b.over_seeds) ** 2 / doubt) if doubt else 2.0 * fewer


def _evidence(difference: float, error: float, df: float) -> Evidence | None:
    """The t test; None for a difference with error 0, which means that its error is not known."""
    if error < ROUNDING_ERROR:
        return Evidence(0.0, 0.0, df, 0.0, 0.0, 1.0) if abs(difference) < ROUNDING_ERROR else None
    reach = error * float(special.stdtrit(df, 0.975))
    p = 2 * float(special.stdtr(df, -abs(difference) / error))
    return Evidence(difference, error, df, difference - reach, difference + reach, p)


def _holm(p: Floats) -> Floats:
    """Holm's step-down p: the smallest times m, the next times m - 1, and so on, made monotonic."""
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _chi_quadrature(df: int) -> tuple[Floats, Floats]:
    """Points and weights for the mean of a smooth function over chi(df), whose deviation is below 1."""
    middle = np.sqrt(df)
    low, high = max(0.0, middle - 10), middle + 10
    nodes, weights = np.polynomial.legendre.leggauss(100)
    points = low + (high - low) * (nodes + 1) / 2
    from scipy import stats  # noqa: PLC0415

    density: Floats = weights * stats.chi.pdf(points, df)
    return points, density / density.sum()
