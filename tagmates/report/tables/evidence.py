"""Every statistical test, the agreement of rule and test, and the error rate of the rule."""

from collections.abc import Collection, Iterator, Sequence

from tagmates.formatting import EMPTY, interval_text, points, probability
from tagmates.report.model import Report
from tagmates.report.tables.cells import mark, verdict
from tagmates.report.tables.grids import Line, bases, line_numbers, lines_of
from tagmates.report.tables.table import Entry, Row, Table, ruled, words
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Method, Regime
from tagmates.study.significance import false_arrow_rate

TALLY_GROUPS = {
    "▲▼": "both",
    "△▽": "rule alone",
    "+−": "test alone",
    "↑↓": "rule, not tested",
}


def compared(comparison: Comparison, regimes: Collection[Regime]) -> Iterator[tuple[Line, Cell]]:
    """Every cell of these regimes that has a base."""
    for line in lines_of(comparison, regimes):
        for cell in line.compared:
            yield line, cell


def tally_table(report: Report) -> Table:
    """For each method and regime: the number of cells that rule and test call higher or lower."""
    found: dict[tuple[Method, Regime], list[Cell]] = {}
    for method, comparison in report.comparisons.items():
        for line, cell in compared(comparison, report.settings.regimes):
            found.setdefault((method, line.regime), []).append(cell)
    rows = [
        (method, Row(f"{METHOD_NAMES[method]}, {REGIME_NAMES[regime]}", _tally_entries(cells)))
        for (method, regime), cells in found.items()
    ]
    return Table(
        name="arrows",
        section="arrows",
        title="Differences by the rule and by the test",
        caption=(
            f"Number of cells in which the rule or the test finds a difference: {bases(report.settings)}. Neither: "
            "this does not prove that there is no difference. Too few runs: one side has a single run, so neither the "
            "rule nor the test applies."
        ),
        heads=("", "cells", *(sign for signs in TALLY_GROUPS for sign in signs), "neither", "too few runs"),
        groups=(("", 1), *((name, 2) for name in TALLY_GROUPS.values()), ("", 2)),
        rows=ruled(rows),
    )


def _tally_entries(cells: Sequence[Cell]) -> tuple[Entry, ...]:
    """The number of cells: all, with each mark, without a mark, and with too few runs."""
    seen = [mark(cell) for cell in cells]
    counts = [seen.count(sign) for signs in TALLY_GROUPS for sign in signs]
    few = sum(cell.has_too_few_runs for cell in cells)
    return words(*map(str, (len(cells), *counts, seen.count("") - few, few)))


def tests_tables(report: Report) -> list[Table]:
    """A table for each method, with a row for each comparison."""
    regimes = report.settings.regimes
    found = {method: list(compared(c, regimes)) for method, c in report.comparisons.items()}
    return [
        Table(
            name=f"tests-{method}",
            section="tests",
            title=f"{METHOD_NAMES[method]}: every comparison",
            caption=(
                "Difference of mean test F1 to the base, with the 95 % interval and p of the test, q (false discovery "
                'rate) and Holm\'s p over all cells of the method and regime. The verdict is "helps" or "harms" if '
                'q ≤ 0.05. "Not shown" does not prove that there is no difference. If one side has a single run, there '
                "is no test. Oracle cells that were selected on test, or by the dev scores of the same runs (a set of "
                "one helper is that pair), have no p."
            ),
            heads=("combination", "task", "n", "difference", "95 % interval", "p", "q", "Holm p", "rule", "verdict"),
            rows=tuple(_test_row(line, cell) for line, cell in cells),
            data=line_numbers(method, lines_of(report.comparisons[method], regimes)),
            folded=True,
        )
        for method, cells in found.items()
        if cells
    ]


def _test_row(line: Line, cell: Cell) -> Row:
    evidence = cell.evidence
    interval, ps = EMPTY, [EMPTY] * 3
    if evidence is not None:
        interval = interval_text(evidence.low, evidence.high)
        ps = [probability(value) for value in (evidence.p, evidence.q, evidence.holm)]
    arrow = {"up": "↑", "down": "↓", None: ""}[cell.arrow]
    difference = points(cell.difference, signed=True)
    return Row(line.head, words(cell.task, str(cell.n), difference, interval, *ps, arrow, verdict(cell)))


def false_arrow_table(report: Report) -> Table:
    """How often the rule draws an arrow although there is no difference, by the number of runs."""
    study = report.settings
    lines = [line for comparison in report.comparisons.values() for line in lines_of(comparison, study.regimes)]
    present = sorted({cell.fewest for line in lines for cell in line.cells if cell} | {len(study.seeds)})
    rates = {n: false_arrow_rate(n, study.k, study.std) for n in present}
    return Table(
        name="false-arrows",
        section="arrows",
        title="False arrows of the rule",
        caption=(
            f"How often the rule (k = {study.k:g}, {study.std} standard deviation) draws an arrow between two "
            "combinations that do not differ, if the scores are normally distributed over seeds with equal variance; "
            "and the expected number of such arrows in 100 cells."
        ),
        heads=("runs of each", "chance of an arrow", "in 100 cells"),
        rows=tuple(
            Row(str(n), words(*((f"{100 * rate:.1f} %", f"{100 * rate:.0f}") if n > 1 else ("none can be drawn", "0"))))
            for n, rate in rates.items()
        ),
        data=[{"n": n, "k": study.k, "std": study.std, "rate": rate} for n, rate in rates.items()],
    )
