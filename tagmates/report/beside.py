"""A study beside another: the paper's printed numbers, or a second study of the same tasks."""

from collections.abc import Callable, Mapping

from tagmates.report.cells import difference_text, mark, numbers, score_entry, story
from tagmates.report.grids import Line, grid, joint_lines, pair_lines, rest_lines
from tagmates.report.methods import NAMES
from tagmates.report.table import EMPTY, METHOD_NAMES, Entry, Role, Row, Table, Value, points, words
from tagmates.report.view import Report
from tagmates.study.compare import Arrow, Cell, Comparison
from tagmates.study.settings import Method, Regime

Key = tuple[Regime, str, str]  # regime, row, tested task
Lines = Callable[[Comparison], list[Line]]
OUTCOMES: tuple[Arrow | None, ...] = ("down", None, "up")


def keyed(comparison: Comparison) -> dict[Key, Cell]:
    """Every finished cell by its place."""
    lines = [*pair_lines(comparison), *joint_lines(comparison), *rest_lines(comparison)]
    return {(line.regime, line.name, cell.task): cell for line in lines for cell in line.cells if cell is not None}


def top(comparison: Comparison) -> list[Line]:
    """The rows of Tables 3-5."""
    return [*pair_lines(comparison), *joint_lines(comparison)]


def paper_tables(report: Report) -> list[Table]:
    """For every method this study, the paper and the difference in each cell; All-but-one where the paper has it."""
    both = {m: c for m, c in report.comparisons.items() if m in report.published}
    made = [_paper_table(report, method, "", top) for method in both]
    made += [_paper_table(report, m, "all-but-one-", rest_lines) for m in both if report.published[m].all_but_one]
    return [table for table in made if table.data]


def _paper_table(report: Report, method: Method, kind: str, lines: Lines) -> Table:
    printed, ours = keyed(report.published[method]), lines(report.comparisons[method])
    base = "All" if kind else "STL"
    data = [
        numbers(method, line.regime, line.name, cell)
        | {"published": theirs.mean, "published_arrow": theirs.arrow, "above_published": cell.mean - theirs.mean}
        for line in ours
        for cell in line.cells
        if cell is not None and (theirs := printed.get((line.regime, line.name, cell.task))) is not None
    ]
    return Table(
        name=f"paper-{kind}{method}",
        section="paper",
        title=f"{METHOD_NAMES[method]}{': All-but-one' if kind else ''}: this study and the paper",
        caption=(
            "In every cell: test F1 of this study with its arrow, that which the paper prints with its arrow, and by how "
            f"much this study is above it. Arrows compare with {base} of the same source. ≠: the two arrows differ."
        ),
        heads=("", *report.tasks),
        rows=grid(ours, lambda cell, line: _paper_entry(cell, printed.get((line.regime, line.name, cell.task)))),
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


def beside_tables(report: Report) -> list[Table]:
    """Differences to the base in both studies, for every method of both; and how many arrows the two share."""
    other = report.beside
    if other is None:
        return []
    both = [m for m, c in report.comparisons.items() if m in other.comparisons and (c.single or c.pairs)]
    return [
        _moves_table(report, other),
        *(_beside_table(report, other, m, "", top) for m in both),
        *(
            _beside_table(report, other, m, "all-but-one-", rest_lines)
            for m in both
            if report.comparisons[m].all_but_one and other.comparisons[m].all_but_one
        ),
    ]


def _beside_table(report: Report, other: Report, method: Method, kind: str, lines: Lines) -> Table:
    theirs, ours = keyed(other.comparisons[method]), lines(report.comparisons[method])
    base = "All" if kind else "STL"
    return Table(
        name=f"beside-{kind}{method}",
        section="beside",
        title=f"{METHOD_NAMES[method]}{': All-but-one' if kind else ''}: {report.name} beside {other.name}",
        caption=(
            f"Points of test F1 above {base} of the same study: first {report.name}, below it {other.name}. "
            "≠: the two arrows differ."
        ),
        heads=("", *report.tasks),
        rows=grid(ours, lambda cell, line: _beside_entry(cell, theirs.get((line.regime, line.name, cell.task)))),
        data=_beside_data(method, report.comparisons[method], theirs),
    )


def _beside_entry(cell: Cell, other: Cell | None) -> Entry:
    if cell.base is None:
        return Entry("")
    differs = other is not None and other.base is not None and cell.arrow != other.arrow
    below = f"{difference_text(other)}{' ≠' if differs else ''}"
    roles: tuple[Role, ...] = () if cell.arrow is None else (cell.arrow,)
    note = story(cell) + (f" In the other study: {story(other)}" if other is not None else "")
    difference = points(cell.difference, signed=True)
    return Entry(difference, mark(cell), (below,), (*roles, "differs") if differs else roles, note)


def _beside_data(method: Method, comparison: Comparison, theirs: Mapping[Key, Cell]) -> list[dict[str, Value]]:
    data = []
    for key, cell in keyed(comparison).items():
        other = theirs.get(key)
        if cell.base is not None and other is not None:
            line = numbers(method, key[0], key[1], cell)
            data.append(
                line
                | {f"other_{name}": value for name, value in numbers(method, *key[:2], other).items() if name in OTHER}
            )
    return data


OTHER = ("mean", "std", "n", "base", "difference", "arrow", "p", "q", "verdict", "updates", "capped")


def _moves_table(report: Report, other: Report) -> Table:
    """How many cells that one study calls lower or higher the other does, too."""
    rows = []
    for method, comparison in report.comparisons.items():
        theirs = keyed(other.comparisons[method]) if method in other.comparisons else {}
        pairs = [(key[0], cell, theirs[key]) for key, cell in keyed(comparison).items() if key in theirs]
        for i, regime in enumerate(r for r in NAMES if r != "single"):
            moves = [
                (a.arrow, b.arrow) for r, a, b in pairs if r == regime and a.base is not None and b.base is not None
            ]
            counts = [str(moves.count((here, there))) for here in OUTCOMES for there in OUTCOMES]
            rows.append(Row(f"{METHOD_NAMES[method]}, {NAMES[regime]}", words(*counts), apart=i == 0))
    return Table(
        name="beside",
        section="beside",
        title=f"Arrows in {report.name} and in {other.name}",
        caption=(
            f"Cells that both studies have, by their arrow in {report.name} (upper heads) and in {other.name} (lower "
            "heads)."
        ),
        heads=("", *(f"{name} there" for _ in OUTCOMES for name in ("lower", "neither", "higher"))),
        groups=tuple((f"{name} here", 3) for name in ("lower", "neither", "higher")),
        rows=tuple(rows),
    )


def still_harmed(report: Report) -> tuple[int, int]:
    """How many cells this study calls lower, and how many of them the study beside it does, too."""
    if report.beside is None:
        return 0, 0
    harmed = still = 0
    for method, comparison in report.comparisons.items():
        theirs = report.beside.comparisons.get(method)
        known = keyed(theirs) if theirs is not None else {}
        arrows = [known[key].arrow for key, cell in keyed(comparison).items() if cell.arrow == "down" and key in known]
        harmed, still = harmed + len(arrows), still + arrows.count("down")
    return harmed, still
