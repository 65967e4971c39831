"""Cells that differ from the paper's by more than seeds explain, or in the sign of their difference."""

import math
from dataclasses import dataclass

from tagmates.report.model import Report
from tagmates.study.compare import Cell, Comparison
from tagmates.study.published import NUM_SEEDS
from tagmates.study.settings import REGIMES, Regime

MAX_POINTS, MAX_STEADY_POINTS = 1.5, 0.5
STEADY_TASKS = ("upos", "xpos", "chunk")  # their scores are high and vary little
MAX_STANDARD_ERRORS = 3  # standard errors

CellPair = tuple[Cell, Cell]  # of this study, of the paper


@dataclass(frozen=True, slots=True)
class Departure:
    """A cell of this study and of the paper, and how much they may differ."""

    ours: Cell
    theirs: Cell
    limit: float  # points of test F1 that the means may differ by
    too_far: bool
    opposite: bool  # beyond chance here, and of the other sign in the paper


def departures(report: Report) -> list[Departure]:
    """The cells that differ by more than chance, in the usual order; a task alone counts once for all methods."""
    found: dict[object, Departure] = {}
    for method, comparison in report.comparisons.items():
        for regime in REGIMES if method in report.published else ():
            for ours, theirs in in_both(comparison, report.published[method], regime):
                cell = _departure(report, ours, theirs)
                if cell.too_far or cell.opposite:
                    found.setdefault((regime, ours.combination, ours.task), cell)
    return list(found.values())


def in_both(ours: Comparison, theirs: Comparison, regime: Regime) -> list[CellPair]:
    """Pairs of cells with the same key. All must have the same tasks; Oracle may have other helpers."""
    here, there = (comparison.cells(regime) for comparison in (ours, theirs))
    pairs = [(cell, there[key]) for key, cell in here.items() if key in there]
    return [(a, b) for a, b in pairs if regime == "oracle" or set(a.combination.tasks) == set(b.combination.tasks)]


def is_too_far(report: Report, ours: Cell, theirs: Cell) -> bool:
    """Whether the means differ by more than ``allowed``."""
    return abs(ours.mean - theirs.mean) > allowed(report, ours)


def allowed(report: Report, ours: Cell) -> float:
    """How much a cell may differ from the paper's, in points of test F1."""
    noise = report.runs.noise(ours.task)
    # the paper has no deviations; its seeds are assumed to vary as ours
    error = math.sqrt(noise.value * (1 / ours.n + 1 / NUM_SEEDS)) if noise else 0.0
    return max(MAX_STEADY_POINTS if ours.task in STEADY_TASKS else MAX_POINTS, MAX_STANDARD_ERRORS * error)


def _departure(report: Report, ours: Cell, theirs: Cell) -> Departure:
    opposite = ours.beyond_chance and (ours.difference or 0.0) * (theirs.difference or 0.0) < 0
    return Departure(ours, theirs, allowed(report, ours), is_too_far(report, ours, theirs), opposite)
