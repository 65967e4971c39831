"""Differences between the joint methods: over tasks, and cell by cell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

import numpy as np
from scipy import stats

from tagmates.formatting import points, probability
from tagmates.report.findings.tally import judged
from tagmates.report.model import Report
from tagmates.study.compare import Cell, Comparison, make_cell
from tagmates.study.plan import combination_of
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Method, Regime
from tagmates.study.significance import adjust

GAP_REGIMES: tuple[Regime, ...] = ("pair", "all", "oracle")
DECIMALS = 9  # smaller differences come from the order of additions and must not break ties


@dataclass(frozen=True, slots=True)
class MethodGap:
    """The mean over tasks of one method's F1 minus another's. In pairs a task has the mean of its pairs."""

    ours: Method
    theirs: Method
    regime: Regime
    mean: float
    p: float  # Wilcoxon's signed-rank test over tasks, not adjusted
    tasks: int

    def __str__(self) -> str:
        names = f"{METHOD_NAMES[self.ours]} − {METHOD_NAMES[self.theirs]}"
        return f"{names}, {REGIME_NAMES[self.regime]}: {points(self.mean, signed=True)} (p {probability(self.p)})"


def method_gaps(report: Report) -> list[MethodGap]:
    """The gap of every two methods in pairs, All and Oracle, over the tasks that both have."""
    found = []
    for regime in GAP_REGIMES:
        for ours, theirs in combinations(report.comparisons.values(), 2):
            gaps = [gap for task in report.tasks if (gap := _gap(ours, theirs, regime, task)) is not None]
            if gaps:
                found.append(MethodGap(ours.method, theirs.method, regime, fmean(gaps), signed_rank(gaps), len(gaps)))
    return found


def signed_rank(differences: Sequence[float]) -> float:
    """Exact two-sided p of Wilcoxon's signed-rank test; differences of zero are left out.

    Own code, because scipy's test is exact only without ties, or slow.
    """
    rounded = np.round(np.asarray(differences, dtype=np.float64), DECIMALS)
    different = rounded[rounded != 0]
    doubled = (2 * stats.rankdata(np.abs(different))).astype(int)  # ties share a rank, which may be a half
    chances = np.ones(1)  # probability of each sum of positive ranks; both signs are equally likely
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    positive = int(doubled[different > 0].sum())
    return min(1.0, 2 * float(min(chances[: positive + 1].sum(), chances[positive:].sum())))


def differing_cells(report: Report) -> tuple[int, int, int]:
    """The number of cells of pairs and All in which two methods differ by the rule, beyond chance, and may do so.

    Beyond chance means q <= 0.05 over all these cells; it needs runs with counts.
    """
    cells = judged(report, _method_cells(report))
    evidence = adjust([cell.evidence for cell in cells if cell.evidence is not None])
    beyond = sum(some.q is not None and some.q <= 0.05 for some in evidence)
    return sum(cell.arrow is not None for cell in cells), beyond, len(cells)


def _method_cells(report: Report) -> Iterator[Cell]:
    """The cells of each method with another method's as the base."""
    trained = dict.fromkeys([*combinations(report.tasks, 2), report.tasks])
    for task in report.tasks:
        for tasks in (some for some in trained if task in some and len(some) > 1):
            for ours, theirs in combinations(report.comparisons, 2):
                combination, base = (combination_of(method, tasks, report.tasks) for method in (ours, theirs))
                cell = make_cell(report.settings, report.runs, combination, base, task, selected="")
                if cell is not None:
                    yield cell


def _gap(ours: Comparison, theirs: Comparison, regime: Regime, task: str) -> float | None:
    """The mean difference of the cells of the task that both methods have."""
    a, b = (comparison.cells(regime) for comparison in (ours, theirs))
    gaps = [cell.mean - b[key].mean for key, cell in a.items() if cell.task == task and key in b]
    return fmean(gaps) if gaps else None
