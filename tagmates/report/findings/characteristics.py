"""Correlation of a task's data with helping and being helped (paper sections 4.2 and 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from tagmates.report.correlation import MIN_POINTS, rank_correlation
from tagmates.report.model import Report
from tagmates.study.compare import Cell

TRAITS = {  # columns of data.statistics.table1
    "sentences_train": "training sentences",
    "labels": "labels",
    "label_entropy": "label entropy (nats)",
}
SIDES = {"gives": 0, "receives": 1}  # position of the task in (partner, tested task)
MEASURES = ("up", "down", "gain")  # share of cells with an arrow up, down; mean difference to STL


@dataclass(frozen=True, slots=True)
class Characteristic:
    """Spearman's rank correlation, over tasks, of a trait of their data with an effect in their pairs."""

    side: str  # gives, receives
    measure: str  # up, down, gain
    trait: str
    correlation: float | None
    n: int  # number of tasks that have both
    why: str = ""  # reason for no correlation


def characteristics(report: Report) -> list[Characteristic]:
    """The correlations of both sides for each measure and trait, over all methods together.

    With eleven tasks a single correlation is beyond chance (p < 0.05) from 0.62; these are eighteen.
    """
    traits = {row["task"]: row for row in report.statistics}
    found = []
    for side, place in SIDES.items():
        measured = {task: _measures(cells) for task, cells in pair_cells(report, place).items()}
        tasks = [task for task in report.tasks if task in measured and task in traits]
        for measure in MEASURES:
            for trait in TRAITS:
                x, y = [float(traits[task][trait]) for task in tasks], [measured[task][measure] for task in tasks]
                rho = rank_correlation(x, y)
                why = "" if rho is not None else _why(len(tasks))
                found.append(Characteristic(side, measure, trait, rho, len(tasks), why))
    return found


def pair_cells(report: Report, place: int) -> dict[str, list[Cell]]:
    """For each task the pair cells with a base in which it is the partner (place 0) or the tested task (1)."""
    found: dict[str, list[Cell]] = {}
    for comparison in report.comparisons.values():
        for key, cell in comparison.pairs.items():
            if cell.base is not None:
                found.setdefault(key[place], []).append(cell)
    return found


def _measures(cells: list[Cell]) -> Mapping[str, float]:
    return {
        "up": fmean(cell.arrow == "up" for cell in cells),
        "down": fmean(cell.arrow == "down" for cell in cells),
        "gain": fmean(cell.difference or 0.0 for cell in cells),
    }


def _why(tasks: int) -> str:
    return f"{tasks} tasks are too few" if tasks < MIN_POINTS else "one side is the same for every task"
