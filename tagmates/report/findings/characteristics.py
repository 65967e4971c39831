"""Correlation of a task's data with helping and being helped (paper sections 4.2 and 4.4)."""

from dataclasses import dataclass
from statistics import fmean

from tagmates.report.correlation import MIN_POINTS, rank_correlation
from tagmates.report.findings.tally import judged
from tagmates.report.model import Report
from tagmates.study.compare import Cell

TRAITS = {  # columns of data.statistics.table1
    "sentences_train": "training sentences",
    "labels": "labels",
    "label_entropy": "label entropy (nats)",
}
SIDES = {"gives": 0, "receives": 1}  # position of the task in (partner, tested task)
MEASURES = ("up", "down", "gain")  # share of judged cells with an arrow up, down; mean difference to STL


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

    With eleven tasks a single correlation is beyond chance (p < 0.05) from 0.62; these are eighteen. A task without a
    cell that can have an arrow is left out of those with the shares of arrows.
    """
    traits = {row["task"]: row for row in report.statistics}
    found = []
    for side, place in SIDES.items():
        cells = pair_cells(report, place)
        for measure in MEASURES:
            measured = {task: _measure(report, some, measure) for task, some in cells.items()}
            tasks = [task for task in report.tasks if measured.get(task) is not None and task in traits]
            for trait in TRAITS:
                x, y = [float(traits[task][trait]) for task in tasks], [measured[task] or 0.0 for task in tasks]
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


def _measure(report: Report, cells: list[Cell], measure: str) -> float | None:
    if measure == "gain":
        return fmean(cell.difference or 0.0 for cell in cells)
    able = judged(report, cells)
    return fmean(cell.arrow == measure for cell in able) if able else None


def _why(tasks: int) -> str:
    return f"{tasks} tasks are too few" if tasks < MIN_POINTS else "one side is the same for every task"
