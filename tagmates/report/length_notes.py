"""Notes on comparisons of runs that were not trained equally long."""

import math

from tagmates.formatting import listing, plural
from tagmates.report.model import Report
from tagmates.report.tables.evidence import compared
from tagmates.study.compare import Arrow, count
from tagmates.study.training_length import UNEQUAL_RATIO, is_capped, is_unequal

DIRECTIONS: tuple[Arrow, Arrow] = ("up", "down")


def length_notes(report: Report) -> list[str]:
    """Sentences on the number of comparisons that the length of training may have influenced."""
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
            f"In {len(unequal)} of {plural(len(cells), 'comparison')}{among} one side made at least {UNEQUAL_RATIO:g} "
            "times as many updates as the other. Part of these gains and losses may come from longer training. A "
            "control, in which every run makes the same number of updates, shows how much: tagmates study run "
            f"{report.name}.toml --equal-updates {_rounded(most)}."
        )
    if capped:
        texts.append(
            f"In {capped} of {plural(len(cells), 'comparison')} some run reached the maximum number of epochs. With "
            "more epochs its score might have risen further."
        )
    return texts


def _rounded(number: float) -> int:
    """The number with two significant digits, rounded up."""
    unit: int = 10 ** max(len(str(math.ceil(number))) - 2, 0)
    return math.ceil(number / unit) * unit
