"""Spearman's rank correlation, where there is one."""

from collections.abc import Sequence

from scipy import stats

FEWEST = 3  # two points always lie in order


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rho of paired values, equals at their mean rank; None of fewer than 3 or where a side is constant."""
    if len(x) < FEWEST or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    return float(stats.spearmanr(x, y).statistic)
