"""What the page says about runs that are compared although they were not trained equally long."""

import math

from tagmates.formatting import listing, plural
from tagmates.report.model import Report
from tagmates.report.tables.evidence import compared
from tagmates.study.compare import Arrow, count
from tagmates.study.training_length import UNEQUAL, is_capped, is_unequal

DIRECTIONS: tuple[Arrow, Arrow] = ("up", "down")


def length_notes(report: Report) -> list[str]:
    """In how many comparisons the length of training may be a part of what looks like help or harm."""
    cells = [
        cell for comparison in report.comparisons.values() for _, cell in compared(comparison, report.settings.regimes)
    ]
    unequal = [cell for cell in cells if is_unequal(cell)]
    capped = sum(map(is_capped, cells))
    texts = []
    if unequal:
        arrows = [
            f"{count(unequal, arrow)} of {count(cells, arrow)} {arrow}ward"
            for arrow in DIRECTIONS
            if count(unequal, arrow)
        ]
        among = f", among them {listing(arrows)} arrows," if arrows else ""
        most = max(updates or 0 for cell in cells for updates in (cell.updates, cell.base_updates))
        texts.append(
            f"In {len(unequal)} of {plural(len(cells), 'comparison')}{among} one side "
            f"made at least {UNEQUAL:g} times as many updates as the other. There the length of training may be a part "
            "of what looks like help or harm. A control, in which every run makes the same number of updates, tells "
            f"more: tagmates study run {report.name}.toml --equal-updates {_rounded(most)}."
        )
    if capped:
        texts.append(
            f"In {capped} of {plural(len(cells), 'comparison')} the cap of epochs ended runs, whose scores might have "
            "risen further with more epochs."
        )
    return texts


def _rounded(number: float) -> int:
    """The number with two significant digits, rounded up."""
    unit: int = 10 ** max(len(str(math.ceil(number))) - 2, 0)
    return math.ceil(number / unit) * unit
