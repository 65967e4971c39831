"""Whether what is known of a task's data goes with helping and being helped (paper sections 4.2 and 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from tagmates.report.correlation import FEWEST, rank_correlation
from tagmates.report.model import Report
from tagmates.study.compare import Cell

TRAITS = {  # columns of data.statistics.table1
    "sentences_train": "training sentences",
    "labels": "labels",
    "label_entropy": "label entropy (nats)",
}
SIDES = {"gives": 0, "receives": 1}  # which of a pair's (partner, tested task) the task is
MEASURES = ("up", "down", "gain")  # share of cells with an arrow up, down; mean difference to STL


@dataclass(frozen=True, slots=True)
class Characteristic:
    """Spearman's rank correlation, over tasks, of a trait of their data and of what happens in their pairs."""

    side: str  # gives, receives
    measure: str  # up, down, gain
    trait: str
    correlation: float | None
    n: int  # tasks that have both
    why: str = ""  # there is no correlation


def characteristics(report: Report) -> list[Characteristic]:
    """Both sides by every measure and trait, over all methods together.

    Of eleven tasks a single correlation must reach 0.62 to be beyond chance (p < 0.05), and these are eighteen.
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
    """The pair cells with a base of every task that has any, as the partner (place 0) or as the tested one (1)."""
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
    return f"{tasks} tasks are too few" if tasks < FEWEST else "one side is the same for every task"
