"""How many cells of a study went up or down against their base."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tagmates.formatting import listing
from tagmates.report.model import Report
from tagmates.study.compare import Cell, count

GLYPHS = {"up": "{}↑", "down": "{}↓", "arrows": "{} arrows", "above": "{} above STL", "below": "{} below STL"}


@dataclass(frozen=True, slots=True)
class Tally:
    """Arrows by the paper's rule; means above and below the base; cells that have both, and that there should be."""

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


def tally(report: Report, cells: Iterable[Cell], wanted: int) -> Tally:
    """Count the cells that have a base; one of a single run, which has no arrow, only where there will be no more."""
    enough = min(2, len(report.settings.seeds))
    based = [cell for cell in cells if cell.difference is not None and cell.fewest >= enough]
    differences = [cell.difference or 0.0 for cell in based]
    above, below = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return Tally(count(based, "up"), count(based, "down"), above, below, len(based), wanted)


def pairs(report: Report, *, given: str | None = None, received: str | None = None) -> Tally:
    """The pairs of all methods: all of them, what a task gives to its partners, or what it receives from them."""
    cells = (item for comparison in report.comparisons.values() for item in comparison.pairs.items())
    return tally(report, _chosen(cells, given, received), len(report.comparisons) * _wanted(report, given or received))


def all_but_one(report: Report, *, given: str | None = None, received: str | None = None) -> Tally:
    """All-but-one against All: of all methods that have any, or by the task left out (given) or tested (received)."""
    grids = [c.all_but_one for c in report.comparisons.values() if c.all_but_one]
    cells = (item for grid in grids for item in grid.items())
    return tally(report, _chosen(cells, given, received), len(grids) * _wanted(report, given or received))


def everything(report: Report) -> Tally:
    """All against STL, of all methods."""
    cells = (cell for comparison in report.comparisons.values() for cell in comparison.all.values())
    return tally(report, cells, len(report.comparisons) * len(report.tasks))


def shown(tallies: Mapping[str, Tally], *names: str) -> str:
    """Counts by task, such as ``upos 16↑, xpos 17↑ of 30 each``."""
    numbers = {
        task: listing([GLYPHS[name].format(getattr(some, name)) for name in names]) for task, some in tallies.items()
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
    """Ordered pairs of a method: with one task at a fixed side, or all."""
    others = len(report.tasks) - 1
    return others if task is not None else others * len(report.tasks)
