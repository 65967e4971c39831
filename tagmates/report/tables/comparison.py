"""Comparison of a study with a second one of the same tasks."""

from collections.abc import Collection, Mapping, Sequence

from tagmates.formatting import points
from tagmates.report.model import Report
from tagmates.report.tables.cells import difference_text, mark, numbers, story
from tagmates.report.tables.grids import CellKey, Line, grid, lines_of, rest_lines, top_lines
from tagmates.report.tables.table import Entry, Role, Row, Table, Value, ruled, words
from tagmates.study.compare import Arrow, Cell, Comparison
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, REGIMES, Method, Regime

Move = tuple[Arrow | None, Arrow | None]  # here, there
OUTCOMES: dict[Arrow | None, str] = {"down": "lower", None: "neither", "up": "higher"}
MOVES: list[Move] = [(here, there) for here in OUTCOMES for there in OUTCOMES]


def keyed(comparison: Comparison, regimes: Collection[Regime] = REGIMES) -> dict[CellKey, Cell]:
    """Every finished cell of these regimes by its key."""
    lines = lines_of(comparison, regimes)
    return {line.key(cell): cell for line in lines for cell in line.cells if cell is not None}


def partners(ours: Comparison, theirs: Comparison) -> dict[CellKey, Cell]:
    """The cells of another comparison that have a counterpart in ours; All must have the same tasks."""
    known, others = keyed(ours), keyed(theirs)
    return {
        key: other
        for key, other in others.items()
        if key in known and (key[0] == "oracle" or set(other.combination.tasks) == set(known[key].combination.tasks))
    }


def beside_tables(report: Report) -> list[Table]:
    """A table of the arrows in both studies, then for each method the differences to the base in both."""
    other = report.beside
    if other is None:
        return []
    both = [m for m in report.comparisons if m in other.comparisons]
    rest = [m for m in both if other.comparisons[m].all_but_one]
    made = [_beside_table(report, other, m) for m in both] + [_beside_table(report, other, m, rest=True) for m in rest]
    return [_moves_table(report, other), *(table for table in made if table.data)]


def _beside_table(report: Report, other: Report, method: Method, *, rest: bool = False) -> Table:
    comparison, regimes = report.comparisons[method], report.settings.regimes
    theirs = partners(comparison, other.comparisons[method])
    ours = (rest_lines if rest else top_lines)(comparison, regimes)
    base = "All" if rest else "STL"
    return Table(
        name=f"beside-{'all-but-one-' if rest else ''}{method}",
        section="beside",
        title=f"{METHOD_NAMES[method]}{': All-but-one' if rest else ''}: {report.name} and {other.name}",
        caption=(
            f"Points of test F1 above {base} of the same study, first in {report.name}, then in {other.name}. "
            "≠: the two arrows differ."
        ),
        heads=("", *report.tasks),
        between=" / ",
        rows=grid(ours, lambda cell, line: _beside_entry(cell, theirs.get(line.key(cell)))),
        data=_beside_data(method, ours, theirs),
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


def _beside_data(method: Method, lines: Sequence[Line], theirs: Mapping[CellKey, Cell]) -> list[dict[str, Value]]:
    data = []
    for line in lines:
        for cell in line.compared:
            other = theirs.get(line.key(cell))
            beside = numbers(method, line.regime, line.name, other) if other is not None else {}
            data.append(
                numbers(method, line.regime, line.name, cell)
                | {f"other_{name}": beside.get(name) for name in OTHER_COLUMNS}
            )
    return data


OTHER_COLUMNS = ("mean", "std", "n", "base", "difference", "arrow", "p", "q", "verdict", "updates", "capped")


def moves(report: Report, other: Report) -> dict[tuple[Method, Regime], list[Move]]:
    """The two arrows of every cell that has a base in both studies, by method and regime."""
    found: dict[tuple[Method, Regime], list[Move]] = {}
    for method, comparison in report.comparisons.items():
        theirs = partners(comparison, other.comparisons[method]) if method in other.comparisons else {}
        for key, cell in keyed(comparison, report.settings.regimes).items():
            if key in theirs and cell.base is not None and theirs[key].base is not None:
                found.setdefault((method, key[0]), []).append((cell.arrow, theirs[key].arrow))
    return found


def _moves_table(report: Report, other: Report) -> Table:
    """Cell counts by the arrow in one study and in the other."""
    rows = [
        (
            method,
            Row(f"{METHOD_NAMES[method]}, {REGIME_NAMES[regime]}", words(*(str(some.count(move)) for move in MOVES))),
        )
        for (method, regime), some in moves(report, other).items()
    ]
    return Table(
        name="beside",
        section="beside",
        title=f"Arrows in {report.name} and in {other.name}",
        caption=(
            f"Number of cells that both studies have, by their arrow in {report.name} (upper heads) and in "
            f"{other.name} (lower heads)."
        ),
        heads=("", *(f"{name} there" for _ in OUTCOMES for name in OUTCOMES.values())),
        groups=tuple((f"{name} here", len(OUTCOMES)) for name in OUTCOMES.values()),
        rows=ruled(rows),
    )


def confirmed(report: Report, arrow: Arrow) -> tuple[int, int]:
    """Of the cells that both studies have: how many have this arrow here, and how many of these there."""
    if report.beside is None:
        return 0, 0
    there = [other for some in moves(report, report.beside).values() for here, other in some if here == arrow]
    return len(there), there.count(arrow)
