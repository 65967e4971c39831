"""Spearman's rank correlation."""

from collections.abc import Sequence

from scipy import stats

MIN_POINTS = 3  # two points are always in order


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rho of paired values; equal values share their mean rank.

    None for fewer than 3 pairs, or where one side is constant.
    """
    if len(x) < MIN_POINTS or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    return float(stats.spearmanr(x, y).statistic)
