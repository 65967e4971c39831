"""Comparison of this study with the published numbers of the paper."""

from dataclasses import asdict

from tagmates.formatting import EMPTY, correlation, points
from tagmates.report.findings.agreement import Agreement, agreement
from tagmates.report.findings.departures import (
    CONFIDENCE,
    MAX_POINTS,
    MAX_STEADY_POINTS,
    MIN_DF,
    Departure,
    departures,
)
from tagmates.report.model import Report
from tagmates.report.tables.cells import few_words, mark, numbers, score_entry, story, trained
from tagmates.report.tables.comparison import partners
from tagmates.report.tables.grids import begun, counterpart, grid, rest_lines, top_lines
from tagmates.report.tables.table import Entry, Role, Row, Table, ruled, words
from tagmates.study.compare import Cell
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Method

POINT_HEADS = ("mean", "mean size", "largest", "too far")
DIFFERENCE_HEADS = ("same sign", "ρ")
INTERVAL = f"half the {100 * CONFIDENCE:.2f} % interval of that difference"
ARROW_HEADS = ("cells", "same", "opposite", "only here", "only in the paper")


def agreement_table(report: Report) -> Table:
    """Agreement with the published numbers and arrows, for each method and regime."""
    found = [
        near
        for near in agreement(report)
        if near.regime in report.settings.regimes and near.method in {made.method for made in begun(report)}
    ]
    return Table(
        name="agreement",
        section="paper",
        title="Agreement with the paper",
        caption=(
            "Cells that both this study and the paper have. Points: test F1 of this study minus that of the paper; its "
            "mean, the mean and the largest of its absolute values, and the number of cells that are too far: more "
            f"than {MAX_POINTS} points ({MAX_STEADY_POINTS} for upos, xpos and chunk) and {INTERVAL}. "
            "Differences to the base: how many have the same sign as in the paper, and Spearman's "
            "rank correlation (for STL that of the scores). Arrows by the rule in cells with two runs or more: "
            "the same in both (or none), opposite, or in one only."
        ),
        heads=("", "cells", *POINT_HEADS, *DIFFERENCE_HEADS, *ARROW_HEADS),
        groups=(
            ("", 1),
            ("points", len(POINT_HEADS)),
            ("differences", len(DIFFERENCE_HEADS)),
            ("arrows", len(ARROW_HEADS)),
        ),
        rows=ruled([(near.method, _agreement_row(near)) for near in found]),
        data=[asdict(near) for near in found],
    )


def _agreement_row(near: Agreement) -> Row:
    gaps = (points(near.above, signed=True), points(near.apart), points(near.at_most), str(near.too_far))
    sign = str(near.same_sign) if near.compared else EMPTY
    arrows = (near.same, near.opposite, near.here_only, near.paper_only)
    counts = [str(near.judged), *map(str, arrows)] if near.judged else [EMPTY] * len(ARROW_HEADS)
    entries = words(str(near.cells), *gaps, sign, correlation(near.correlation), *counts)
    return Row(f"{METHOD_NAMES[near.method]}, {REGIME_NAMES[near.regime]}", entries)


def departures_table(report: Report) -> Table:
    """The cells that differ from the paper by more than a limit in points, or in the sign of the difference."""
    found = departures(report)
    return Table(
        name="departures",
        section="paper",
        title="Cells that differ from the paper",
        caption=(
            f"The mean differs from that of the paper by more than {MAX_POINTS} points ({MAX_STEADY_POINTS} for upos, "
            "xpos and chunk), or the difference to the base has the other sign. Too far: also by more than is allowed, "
            f"which is {INTERVAL} if the seeds of the paper vary as those of this study; the points alone if the "
            f"variance between seeds has fewer than {MIN_DF} degrees of freedom. Opposite: the difference to the base "
            "is beyond chance (q ≤ 0.05), and that of the paper has the other sign. A task alone counts once for all "
            "methods."
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
                    _why(cell),
                ),
            )
            for cell in found
        ),
    )


def _why(cell: Departure) -> str:
    reasons = ("too far" if cell.too_far else "", "opposite" if cell.opposite else "")
    return " and ".join(filter(None, reasons)) or "may be chance"


def paper_tables(report: Report) -> list[Table]:
    """For each method the scores of this study and of the paper, and their difference."""
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
    title = f"{METHOD_NAMES[method]}{': All-but-one' if rest else ''}: comparison with the paper"
    return Table(
        name=f"paper-{'all-but-one-' if rest else ''}{method}",
        section="paper",
        title=f"{title}{counterpart(report, method, rest=rest)}",
        caption=(
            "Each cell has the test F1 of this study with its arrow, the published one with its arrow, and the "
            f"difference. Arrows compare with {base} of the same source. ≠: the two arrows differ."
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
    return Entry(ours.text, ours.mark, below, roles, f"{story(cell)} The paper has {printed.mean:.2f}.")
