"""Cells that are farther from the paper's than seeds explain, or on the other side of their base."""

import math
from dataclasses import dataclass

from tagmates.report.model import Report
from tagmates.study.compare import Cell, Comparison
from tagmates.study.published import NUM_SEEDS
from tagmates.study.settings import REGIMES, Regime

POINTS, FEWER_POINTS = 1.5, 0.5
STEADY = ("upos", "xpos", "chunk")  # high scores that vary little
ERRORS = 3  # standard errors

Both = tuple[Cell, Cell]  # here, in the paper


@dataclass(frozen=True, slots=True)
class Departure:
    """A cell here and in the paper, and how far apart they may be."""

    ours: Cell
    theirs: Cell
    limit: float  # points of test F1 that the means may differ by
    too_far: bool
    opposite: bool  # beyond chance here, and of the other sign in the paper


def departures(report: Report) -> list[Departure]:
    """The cells that need a reason, in the usual order; a task alone counts once, whatever the method."""
    found: dict[object, Departure] = {}
    for method, comparison in report.comparisons.items():
        for regime in REGIMES if method in report.published else ():
            for ours, theirs in in_both(comparison, report.published[method], regime):
                cell = _departure(report, ours, theirs)
                if cell.too_far or cell.opposite:
                    found.setdefault((regime, ours.setting, ours.task), cell)
    return list(found.values())


def in_both(ours: Comparison, theirs: Comparison, regime: Regime) -> list[Both]:
    """Cells of the same place; All is another thing where it has other tasks, Oracle the same with other helpers."""
    here, there = (comparison.cells(regime) for comparison in (ours, theirs))
    pairs = [(cell, there[key]) for key, cell in here.items() if key in there]
    return [(a, b) for a, b in pairs if regime == "oracle" or set(a.setting.tasks) == set(b.setting.tasks)]


def is_too_far(report: Report, ours: Cell, theirs: Cell) -> bool:
    """Whether the means differ by more than they may."""
    return abs(ours.mean - theirs.mean) > allowed(report, ours)


def allowed(report: Report, ours: Cell) -> float:
    """How far a cell may be from the paper's, in points of test F1."""
    noise = report.runs.noise(ours.task)
    # the paper prints no deviations: its seeds are taken to vary as ours
    error = math.sqrt(noise.value * (1 / ours.n + 1 / NUM_SEEDS)) if noise else 0.0
    return max(FEWER_POINTS if ours.task in STEADY else POINTS, ERRORS * error)


def _departure(report: Report, ours: Cell, theirs: Cell) -> Departure:
    opposite = ours.beyond_chance and (ours.difference or 0.0) * (theirs.difference or 0.0) < 0
    return Departure(ours, theirs, allowed(report, ours), is_too_far(report, ours, theirs), opposite)
