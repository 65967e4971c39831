"""This study beside the numbers that the paper prints."""

from dataclasses import asdict

from tagmates.formatting import EMPTY, correlation, points
from tagmates.report.findings.agreement import Agreement, agreement
from tagmates.report.findings.departures import ERRORS, FEWER_POINTS, departures
from tagmates.report.findings.departures import POINTS as MOST_POINTS
from tagmates.report.model import Report
from tagmates.report.tables.cells import few_words, mark, numbers, score_entry, story, trained
from tagmates.report.tables.comparison import partners
from tagmates.report.tables.grids import begun, counterpart, grid, rest_lines, top_lines
from tagmates.report.tables.table import Entry, Role, Row, Table, ruled, words
from tagmates.study.compare import Cell
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Method

POINTS = ("above", "apart", "at most", "too far")
DIFFERENCES = ("sign", "ρ")
ARROWS = ("judged", "same", "opposite", "here only", "paper only")


def agreement_table(report: Report) -> Table:
    """How near this study is to the paper's numbers and arrows, for every method and regime."""
    found = [near for near in agreement(report) if near.regime in report.settings.regimes]
    return Table(
        name="agreement",
        section="paper",
        title="How near this study is to the paper",
        caption=(
            "Cells that both have. Points of test F1: how much this study is above the paper on average, how far from "
            f"it on average, and at most, and in how many cells by more than {MOST_POINTS} ({FEWER_POINTS} for upos, "
            f"xpos and chunk) and {ERRORS} standard errors. Differences to the base: how many have the sign of the "
            "paper's, and Spearman's rank correlation (for STL that of the scores). Arrows by the rule, or none, of "
            "cells of two runs or more (judged): the same in both, opposite, or drawn by one only."
        ),
        heads=("", "cells", *POINTS, *DIFFERENCES, *ARROWS),
        groups=(("", 1), ("points", len(POINTS)), ("differences", len(DIFFERENCES)), ("arrows", len(ARROWS))),
        rows=ruled([(near.method, _agreement_row(near)) for near in found]),
        data=[asdict(near) for near in found],
    )


def _agreement_row(near: Agreement) -> Row:
    gaps = (points(near.above, signed=True), points(near.apart), points(near.at_most), str(near.too_far))
    sign = str(near.same_sign) if near.compared else EMPTY
    arrows = (near.same, near.opposite, near.here_only, near.paper_only)
    counts = [str(near.judged), *map(str, arrows)] if near.judged else [EMPTY] * len(ARROWS)
    entries = words(str(near.cells), *gaps, sign, correlation(near.correlation), *counts)
    return Row(f"{METHOD_NAMES[near.method]}, {REGIME_NAMES[near.regime]}", entries)


def departures_table(report: Report) -> Table:
    """The cells that are too far from the paper's to pass for chance, or opposite to it."""
    found = departures(report)
    return Table(
        name="departures",
        section="paper",
        title="Cells that need a reason",
        caption=(
            f"Means that are farther from the paper's than {MOST_POINTS} points ({FEWER_POINTS} for upos, xpos and "
            f"chunk) and than {ERRORS} standard errors of the difference, if the paper's seeds vary as these do; and "
            "differences to the base that stand beyond chance (q ≤ 0.05) where the paper's has the other sign. A task "
            "alone counts once for all methods."
        ),
        heads=("", "here", "the paper", "above", "allowed", "why"),
        rows=tuple(
            Row(
                trained(cell.ours),
                words(
                    points(cell.ours.mean),
                    points(cell.theirs.mean),
                    points(cell.ours.mean - cell.theirs.mean, signed=True),
                    points(cell.limit),
                    " and ".join(why for why, so in (("far", cell.too_far), ("opposite", cell.opposite)) if so),
                ),
            )
            for cell in found
        ),
    )


def paper_tables(report: Report) -> list[Table]:
    """For every method this study, the paper and the difference in each cell; All-but-one where the paper has it."""
    both = [comparison.method for comparison in begun(report) if comparison.method in report.published]
    made = [_paper_table(report, method) for method in both]
    made += [_paper_table(report, method, rest=True) for method in both if report.published[method].all_but_one]
    return [table for table in made if table.data]


def _paper_table(report: Report, method: Method, *, rest: bool = False) -> Table:
    comparison, regimes = report.comparisons[method], report.settings.regimes
    printed = partners(comparison, report.published[method])
    ours = (rest_lines if rest else top_lines)(comparison, regimes)
    base = "All" if rest else "STL"
    data = [
        numbers(method, *line.key(cell)[:2], cell)
        | {"published": theirs.mean, "published_arrow": theirs.arrow, "above_published": cell.mean - theirs.mean}
        for line in ours
        for cell in line.cells
        if cell is not None and (theirs := printed.get(line.key(cell))) is not None
    ]
    rows = grid(ours, lambda cell, line: _paper_entry(cell, printed.get(line.key(cell))))
    title = f"{METHOD_NAMES[method]}{': All-but-one' if rest else ''}: this study and the paper"
    return Table(
        name=f"paper-{'all-but-one-' if rest else ''}{method}",
        section="paper",
        title=f"{title}{counterpart(report, method, rest=rest)}",
        caption=(
            "In every cell: test F1 of this study with its arrow, that which the paper prints with its arrow, and by "
            f"how much this study is above it. Arrows compare with {base} of the same source. ≠: the two arrows differ."
            f"{few_words(rows)}"
        ),
        heads=("", *report.tasks),
        between=" / ",
        rows=rows,
        data=data,
    )


def _paper_entry(cell: Cell, printed: Cell | None) -> Entry:
    ours = score_entry(cell, cell.n)
    if printed is None:
        return Entry(ours.text, ours.mark, (EMPTY,), ours.roles, ours.note)
    differs = cell.arrow != printed.arrow
    below = (
        f"{points(printed.mean)} {mark(printed)}".strip(),
        f"{points(cell.mean - printed.mean, signed=True)}{' ≠' if differs else ''}",
    )
    roles: tuple[Role, ...] = (*ours.roles, "differs") if differs else ours.roles
    return Entry(ours.text, ours.mark, below, roles, f"{story(cell)} The paper prints {printed.mean:.2f}.")
