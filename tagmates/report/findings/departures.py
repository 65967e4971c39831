"""Cells that differ from the paper's by more than a limit in points, or in the sign of their difference."""

import math
from dataclasses import dataclass

from scipy import special

from tagmates.report.model import Report
from tagmates.study.compare import Cell, Comparison
from tagmates.study.published import NUM_SEEDS
from tagmates.study.settings import REGIMES, Regime

MAX_POINTS, MAX_STEADY_POINTS = 1.5, 0.5
STEADY_TASKS = ("upos", "xpos", "chunk")  # their scores are high and vary little
CONFIDENCE = 0.9973  # as high as that of three standard errors of a normal variable
MIN_DF = 4  # degrees of freedom below which the variance between seeds is hardly known and does not widen the limit

CellPair = tuple[Cell, Cell]  # of this study, of the paper


@dataclass(frozen=True, slots=True)
class Departure:
    """A cell of this study and of the paper, and how much they may differ."""

    ours: Cell
    theirs: Cell
    limit: float  # points of test F1 that the means may differ by
    far: bool  # by more than the points that are the same for all cells of the task
    too_far: bool  # by more than ``limit``
    opposite: bool  # beyond chance here, and of the other sign in the paper


def departures(report: Report) -> list[Departure]:
    """The cells that are far or opposite, in the usual order; a task alone counts once for all methods."""
    found: dict[object, Departure] = {}
    for method, comparison in report.comparisons.items():
        for regime in REGIMES if method in report.published else ():
            for ours, theirs in in_both(comparison, report.published[method], regime):
                cell = _departure(report, ours, theirs)
                if cell.far or cell.opposite:
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
    limit = _max_points(ours.task)
    noise = report.runs.noise(ours.task)
    if noise is None or noise.df < MIN_DF:
        return limit
    # the paper has no deviations; its seeds are assumed to vary as ours
    error = math.sqrt(noise.value * (1 / ours.n + 1 / NUM_SEEDS))
    return max(limit, float(special.stdtrit(noise.df, (1 + CONFIDENCE) / 2)) * error)


def _departure(report: Report, ours: Cell, theirs: Cell) -> Departure:
    opposite = ours.beyond_chance and (ours.difference or 0.0) * (theirs.difference or 0.0) < 0
    far = abs(ours.mean - theirs.mean) > _max_points(ours.task)
    return Departure(ours, theirs, allowed(report, ours), far, is_too_far(report, ours, theirs), opposite)


def _max_points(task: str) -> float:
    return MAX_STEADY_POINTS if task in STEADY_TASKS else MAX_POINTS
