"""Tables 3-6 of the paper: settings in the rows, tested tasks in the columns, arrows counted along both."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tagmates.report.tables.cells import numbers, score_entry
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.report.view import Report
from tagmates.report.wording import points
from tagmates.study.compare import Arrow, Cell, Comparison, count
from tagmates.study.settings import METHOD_NAMES, Method, Regime, StudySettings

Key = tuple[Regime, str, str]  # regime, partner or task left out, tested task
ARROWS: tuple[Arrow, Arrow] = ("up", "down")
COUNTS = {"up": "#↑", "down": "#↓"}
NO_COUNTS = (Entry(""), Entry(""))
SELECTED = {
    "dev": "its partners were selected on dev, so its gain on test is an honest one",
    "test": "its partners were selected on test, by the very scores shown here, so its gain flatters and is not tested",
    "published": "its partners are those of the paper, selected on test, so its gain flatters and is not tested",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of cells, one for every tested task; None where nothing is done."""

    regime: Regime
    name: str  # the partner, or the task left out; empty for All and Oracle
    cells: tuple[Cell | None, ...]
    blank: int | None = None  # index of the one that cannot be: a task left out is not tested

    @property
    def head(self) -> str:
        """What stands before the row."""
        heads = {"pair": f"+{self.name}", "all": "All", "oracle": "Oracle", "all_but_one": f"All − {self.name}"}
        return heads[self.regime]

    def key(self, cell: Cell) -> Key:
        """The place of one of its cells; the diagonal of pairs is the task alone."""
        own = self.regime == "pair" and cell.task == self.name
        return ("single", "", cell.task) if own else (self.regime, self.name, cell.task)

    @property
    def compared(self) -> list[Cell]:
        """Its cells that have a base."""
        return [cell for cell in self.cells if cell is not None and cell.base is not None]


def pair_lines(comparison: Comparison) -> list[Line]:
    """``+task`` for every task, with STL on the diagonal."""
    single, pairs, tasks = comparison.single, comparison.pairs, comparison.tasks
    return [
        Line("pair", row, tuple(single.get(t) if t == row else pairs.get((row, t)) for t in tasks)) for row in tasks
    ]


def joint_lines(comparison: Comparison) -> list[Line]:
    """All and Oracle."""
    return [
        Line("all", "", tuple(map(comparison.all.get, comparison.tasks))),
        Line("oracle", "", tuple(map(comparison.oracle.get, comparison.tasks))),
    ]


def rest_lines(comparison: Comparison) -> list[Line]:
    """All without each task in turn."""
    cells, tasks = comparison.all_but_one, comparison.tasks
    return [Line("all_but_one", row, tuple(cells.get((row, t)) for t in tasks), blank=i) for i, row in enumerate(tasks)]


def score_tables(report: Report) -> list[Table]:
    """For every method the table of STL, pairs, All and Oracle, then for every method that of All-but-one."""
    found = report.comparisons.values()
    done = [comparison for comparison in found if comparison.single or comparison.pairs or comparison.all]
    rest = [comparison for comparison in found if comparison.all_but_one]
    return [_scores(report.settings, c) for c in done] + [_rest(report.settings, c) for c in rest]


def _scores(study: StudySettings, comparison: Comparison) -> Table:
    pairs = pair_lines(comparison)
    joint = [line for line in joint_lines(comparison) if line.regime in study.regimes or any(line.cells)]
    name = METHOD_NAMES[comparison.method]
    return Table(
        name=f"scores-{comparison.method}",
        section="scores",
        title=f"{name}: pairs, All and Oracle",
        caption=(
            f"Test F1 of {name}, mean and standard deviation ({study.std}) over {runs_each(study)}. Columns: the task "
            "that is tested; rows: what it is trained with. On the diagonal, in blue or bold: the task alone (STL), "
            f"with which all else is compared. {oracle_words(study, comparison)}"
        ),
        heads=("", *comparison.tasks, *COUNTS.values()),
        rows=(
            *_score_rows(pairs, study),
            *(_count_row(pairs, arrow) for arrow in ARROWS),
            _average_row(comparison),
            *_score_rows(joint, study),
        ),
        data=line_numbers(comparison.method, [*pairs, *joint]),
    )


def _rest(study: StudySettings, comparison: Comparison) -> Table:
    lines, seeds = rest_lines(comparison), len(study.seeds)
    everything = grid(joint_lines(comparison)[:1], lambda cell, _: score_entry(cell, seeds, compared=False))
    name = METHOD_NAMES[comparison.method]
    return Table(
        name=f"all-but-one-{comparison.method}",
        section="rest",
        title=f"{name}: All and All-but-one",
        caption=(
            f"Test F1 of {name}, mean and standard deviation ({study.std}) over {runs_each(study)}: all tasks, and "
            "all but one. Arrows compare with All: higher says that a task is better off without the one left out."
        ),
        heads=("", *comparison.tasks, *COUNTS.values()),
        rows=(
            *(Row(row.head, (*row.entries, *NO_COUNTS)) for row in everything),
            *_apart(_score_rows(lines, study)),
            *(_count_row(lines, arrow) for arrow in ARROWS),
        ),
        data=line_numbers(comparison.method, lines),
    )


def runs_each(study: StudySettings) -> str:
    """How many runs a cell is meant to have."""
    n = len(study.seeds)
    return "a single run each" if n == 1 else f"{n} runs each"


def oracle_words(study: StudySettings, comparison: Comparison) -> str:
    """What is to be said of a table's Oracle row; nothing where there is none."""
    if not comparison.oracle:
        return ""
    return f"Oracle: the task with all partners that help it in pairs; {SELECTED[study.oracle_sets]}."


def grid(
    lines: Sequence[Line],
    entry: Callable[[Cell, Line], Entry],
    *,
    counts: bool = False,
) -> tuple[Row, ...]:
    """Rows of entries, nothing where nothing is done, with counts of arrows at the end of each where wanted."""
    return tuple(
        Row(
            line.head,
            tuple(
                Entry("") if i == line.blank else Entry(note="not done yet") if cell is None else entry(cell, line)
                for i, cell in enumerate(line.cells)
            )
            + (tuple(count_entry(line.compared, arrow) for arrow in ARROWS) if counts else ()),
        )
        for line in lines
    )


def _score_rows(lines: Sequence[Line], study: StudySettings) -> tuple[Row, ...]:
    return grid(lines, lambda cell, line: score_entry(cell, len(study.seeds)), counts=True)


def _apart(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(Row(row.head, row.entries, apart=i == 0) for i, row in enumerate(rows))


def count_entry(cells: Sequence[Cell], arrow: Arrow) -> Entry:
    """How many of the cells have the arrow; nothing where there is no cell."""
    if not cells:
        return Entry()
    drawn = [cell for cell in cells if cell.arrow == arrow]
    confirmed = sum(cell.beyond_chance for cell in drawn)
    tested = sum(cell.evidence is not None for cell in drawn)
    note = f"{confirmed} of {tested} that were tested are beyond chance" if tested else ""
    return Entry(str(count(cells, arrow)), note=note)


def _count_row(lines: Sequence[Line], arrow: Arrow) -> Row:
    """The arrows of every column."""
    columns = zip(*(line.cells for line in lines), strict=True)
    compared = [[cell for cell in column if cell is not None and cell.base is not None] for column in columns]
    return Row(COUNTS[arrow], (*(count_entry(cells, arrow) for cells in compared), *NO_COUNTS), arrow == "up")


def _average_row(comparison: Comparison) -> Row:
    """The mean of every column's pair scores."""

    def entry(task: str) -> Entry:
        done, planned = sum(tested == task for _, tested in comparison.pairs), len(comparison.tasks) - 1
        missing = (f"{done} of {planned}",) if 0 < done < planned else ()
        return Entry(points(comparison.average(task)), below=missing, note=f"mean of {done} of {planned} pairs")

    return Row("Average", (*map(entry, comparison.tasks), *NO_COUNTS), apart=True)


def line_numbers(method: Method, lines: Iterable[Line]) -> list[dict[str, Value]]:
    """Every finished cell of the lines as a line of a CSV file; the diagonal as regime ``single``."""
    return [numbers(method, *line.key(cell)[:2], cell) for line in lines for cell in line.cells if cell is not None]
