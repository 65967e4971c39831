"""Counts of cells that are higher or lower than their base."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tagmates.formatting import listing
from tagmates.report.model import Report
from tagmates.study.compare import Cell, count

COUNT_FORMATS = {"up": "{}↑", "down": "{}↓", "arrows": "{} arrows", "above": "{} above STL", "below": "{} below STL"}


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of arrows by the rule, of means above and below the base, of compared cells, and of planned cells."""

    up: int
    down: int
    above: int
    below: int
    done: int
    wanted: int

    @property
    def arrows(self) -> int:
        """Cells that differ, up or down."""
        return self.up + self.down


def judged(report: Report, cells: Iterable[Cell]) -> list[Cell]:
    """The cells that have a base; those of a single run, which have no arrow, only if the study has a single seed."""
    enough = min(2, len(report.settings.seeds))
    return [cell for cell in cells if cell.difference is not None and cell.fewest >= enough]


def tally(report: Report, cells: Iterable[Cell], wanted: int) -> Tally:
    """Count the cells that are judged."""
    based = judged(report, cells)
    differences = [cell.difference or 0.0 for cell in based]
    above, below = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return Tally(count(based, "up"), count(based, "down"), above, below, len(based), wanted)


def pairs(report: Report, *, given: str | None = None, received: str | None = None) -> Tally:
    """Counts of the pairs of all methods: of all pairs, or those in which a task is the partner or is tested."""
    cells = (item for comparison in report.comparisons.values() for item in comparison.pairs.items())
    return tally(report, _chosen(cells, given, received), len(report.comparisons) * _wanted(report, given or received))


def all_but_one(report: Report, *, given: str | None = None, received: str | None = None) -> Tally:
    """Counts of All-but-one against All: all, or by the task left out (given) or tested (received)."""
    grids = [c.all_but_one for c in report.comparisons.values() if c.all_but_one]
    cells = (item for grid in grids for item in grid.items())
    return tally(report, _chosen(cells, given, received), len(grids) * _wanted(report, given or received))


def everything(report: Report) -> Tally:
    """Counts of All against STL for all methods."""
    cells = (cell for comparison in report.comparisons.values() for cell in comparison.all.values())
    return tally(report, cells, len(report.comparisons) * len(report.tasks))


def shown(tallies: Mapping[str, Tally], *names: str) -> str:
    """Counts by task, such as ``upos 16↑, xpos 17↑ of 30 each``."""
    numbers = {
        task: listing([COUNT_FORMATS[name].format(getattr(some, name)) for name in names])
        for task, some in tallies.items()
    }
    sizes = {some.done for some in tallies.values()}
    if len(sizes) > 1:
        return "; ".join(f"{task} {text} of {tallies[task].done}" for task, text in numbers.items())
    each = " each" if len(numbers) > 1 else ""
    between = "; " if len(names) > 1 else ", "
    return between.join(f"{task} {text}" for task, text in numbers.items()) + f" of {sizes.pop()}{each}"


def _chosen(cells: Iterable[tuple[tuple[str, str], Cell]], given: str | None, received: str | None) -> Iterable[Cell]:
    return (cell for (giver, tested), cell in cells if given in (None, giver) and received in (None, tested))


def _wanted(report: Report, task: str | None) -> int:
    """The number of ordered pairs of a method: of one task on a fixed side, or of all tasks."""
    others = len(report.tasks) - 1
    return others if task is not None else others * len(report.tasks)
