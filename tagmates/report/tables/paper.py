"""This study beside the numbers that the paper prints."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from tagmates.report.tables.beside import Lines, keyed, partners, top
from tagmates.report.tables.cells import mark, numbers, score_entry, story
from tagmates.report.tables.grids import grid, rest_lines
from tagmates.report.tables.table import EMPTY, Entry, Role, Row, Table, points, ruled, words
from tagmates.report.view import Report
from tagmates.study.compare import Cell
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Method, Regime

DRAWN = {"up", "down"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near some cells are to the paper's, in points of F1, and how their arrows agree."""

    cells: int
    above: float  # mean difference
    apart: float  # mean size of the difference
    at_most: float
    compared: int  # cells with a base
    same: int  # arrows, or no arrow in both
    opposite: int
    here_only: int
    paper_only: int


def agreement_table(report: Report) -> Table:
    """How near this study is to the paper's numbers and arrows, for every method and regime."""
    found = [
        (method, regime, agreement(both))
        for method in report.comparisons
        for regime in REGIME_NAMES
        if (both := shared(report, method, regime))
    ]
    return Table(
        name="agreement",
        section="paper",
        title="How near this study is to the paper",
        caption=(
            "Cells that both have. Points of test F1: how much this study is above the paper on average, how far from "
            "it on average, and at most. Arrows by the rule, or none: the same in both, opposite, or drawn by one only."
        ),
        heads=("", "cells", "above", "apart", "at most", "same", "opposite", "here only", "paper only"),
        groups=(("", 1), ("points", 3), ("arrows", 4)),
        rows=ruled(
            [
                (method, Row(f"{METHOD_NAMES[method]}, {REGIME_NAMES[regime]}", _agreement_entries(near)))
                for method, regime, near in found
            ]
        ),
        data=[{"method": method, "regime": regime, **asdict(near)} for method, regime, near in found],
    )


def shared(report: Report, method: Method, regime: Regime) -> list[tuple[Cell, Cell]]:
    """The cells of a regime that this study and the paper have, and the paper's."""
    if method not in report.published:
        return []
    ours = keyed(report.comparisons[method])
    printed = partners(report.comparisons[method], report.published[method])
    return [(ours[key], cell) for key, cell in printed.items() if key[0] == regime]


def agreement(both: Sequence[tuple[Cell, Cell]]) -> Agreement:
    """Compare cells with the paper's; there is at least one."""
    gaps = [ours.mean - printed.mean for ours, printed in both]
    arrows = [(ours.arrow, printed.arrow) for ours, printed in both if ours.base is not None]
    return Agreement(
        cells=len(both),
        above=fmean(gaps),
        apart=fmean(map(abs, gaps)),
        at_most=max(map(abs, gaps)),
        compared=len(arrows),
        same=sum(here == there for here, there in arrows),
        opposite=sum({here, there} == DRAWN for here, there in arrows),
        here_only=sum(here is not None and there is None for here, there in arrows),
        paper_only=sum(here is None and there is not None for here, there in arrows),
    )


def _agreement_entries(near: Agreement) -> tuple[Entry, ...]:
    gaps = (points(near.above, signed=True), points(near.apart), points(near.at_most))
    arrows = (near.same, near.opposite, near.here_only, near.paper_only)
    return words(str(near.cells), *gaps, *(str(number) if near.compared else EMPTY for number in arrows))


def paper_tables(report: Report) -> list[Table]:
    """For every method this study, the paper and the difference in each cell; All-but-one where the paper has it."""
    both = {m: c for m, c in report.comparisons.items() if m in report.published}
    made = [_paper_table(report, method, "", top) for method in both]
    made += [_paper_table(report, m, "all-but-one-", rest_lines) for m in both if report.published[m].all_but_one]
    return [table for table in made if table.data]


def _paper_table(report: Report, method: Method, kind: str, lines: Lines) -> Table:
    comparison = report.comparisons[method]
    printed, ours = partners(comparison, report.published[method]), lines(comparison)
    base = "All" if kind else "STL"
    data = [
        numbers(method, *line.key(cell)[:2], cell)
        | {"published": theirs.mean, "published_arrow": theirs.arrow, "above_published": cell.mean - theirs.mean}
        for line in ours
        for cell in line.cells
        if cell is not None and (theirs := printed.get(line.key(cell))) is not None
    ]
    return Table(
        name=f"paper-{kind}{method}",
        section="paper",
        title=f"{METHOD_NAMES[method]}{': All-but-one' if kind else ''}: this study and the paper",
        caption=(
            "In every cell: test F1 of this study with its arrow, that which the paper prints with its arrow, and by "
            f"how much this study is above it. Arrows compare with {base} of the same source. ≠: the two arrows differ."
        ),
        heads=("", *report.tasks),
        between=" / ",
        rows=grid(ours, lambda cell, line: _paper_entry(cell, printed.get(line.key(cell)))),
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
