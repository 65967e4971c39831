"""The agreement of a study's cells with the published ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tagmates.report.correlation import rank_correlation
from tagmates.report.findings.departures import CellPair, in_both, is_too_far
from tagmates.report.model import Report
from tagmates.study.settings import REGIMES, Method, Regime


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement for one method and regime. Arrows and signs are counted in cells that have a base in both."""

    method: Method
    regime: Regime
    cells: int
    above: float  # mean of score here minus score in the paper, points
    apart: float  # mean of its absolute value
    at_most: float  # largest absolute value
    too_far: int  # cells that differ by more than chance: ``departures``
    correlation: float | None  # Spearman's, of differences to the base; for single, of scores
    compared: int  # cells that have a base in both
    same_sign: int  # of the difference to the base
    judged: int  # of those compared: cells of two runs or more, which may have an arrow
    same: int  # the same arrow in both, or none in both
    opposite: int
    here_only: int
    paper_only: int


def agreement(report: Report) -> list[Agreement]:
    """The agreement for each method and regime that has a cell in both."""
    return [
        _agreement(report, method, regime, both)
        for method, comparison in report.comparisons.items()
        if method in report.published
        for regime in REGIMES
        if (both := in_both(comparison, report.published[method], regime))
    ]


def _agreement(report: Report, method: Method, regime: Regime, both: Sequence[CellPair]) -> Agreement:
    gaps = [ours.mean - theirs.mean for ours, theirs in both]
    compared = [(a, b) for a, b in both if a.base is not None and b.base is not None]
    moves = [(a.difference or 0.0, b.difference or 0.0) for a, b in compared]
    ranked = moves or [(a.mean, b.mean) for a, b in both]
    arrows = [(a.arrow, b.arrow) for a, b in compared if a.fewest > 1]
    return Agreement(
        method,
        regime,
        cells=len(both),
        above=fmean(gaps),
        apart=fmean(map(abs, gaps)),
        at_most=max(map(abs, gaps)),
        too_far=sum(is_too_far(report, ours, theirs) for ours, theirs in both),
        correlation=rank_correlation([a for a, _ in ranked], [b for _, b in ranked]),
        compared=len(compared),
        same_sign=sum(_sign(a) == _sign(b) for a, b in moves),
        judged=len(arrows),
        same=sum(a == b for a, b in arrows),
        opposite=sum({a, b} == {"up", "down"} for a, b in arrows),
        here_only=sum(a is not None and b is None for a, b in arrows),
        paper_only=sum(a is None and b is not None for a, b in arrows),
    )


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)
