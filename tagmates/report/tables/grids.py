"""Tables 3-6 of the paper: a row for each combination, a column for each tested task, and counts of arrows."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tagmates.formatting import listing, points
from tagmates.report.model import Report
from tagmates.report.tables.cells import FEW_RUNS, few_words, numbers, runs_text, score_entry
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.study.compare import Arrow, Cell, Comparison, count
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, REGIMES, Method, Regime, StudySettings

CellKey = tuple[Regime, str, str]  # regime, partner or task left out, tested task
ARROWS: tuple[Arrow, Arrow] = ("up", "down")
COUNT_HEADS = {"up": "#↑", "down": "#↓"}
NO_COUNTS = (Entry(""), Entry(""))
PAPER_TABLE_NUMBERS: dict[Method, int] = {"multi_dec": 3, "te_dec": 4, "te_enc": 5}
STL_REGIMES: dict[Regime, str] = {"pair": "pairs", "all": "All", "oracle": "Oracle"}
SELECTION_NOTES = {
    "dev": (
        "The partners were selected by dev F1. A set of one partner is that pair itself, selected by the same runs, so "
        "its gain is not tested."
    ),
    "test": (
        "The partners were selected on test by the scores shown here, so the gain looks larger than it is and is not "
        "tested."
    ),
    "published": (
        "The partners are those of the paper, selected on test, so the gain looks larger than it is and is not tested."
    ),
}
DEV_SETS_NOTE = (
    " Arrows compare test F1, but oracle sets are selected by dev F1. So a set may contain a partner without an arrow, "
    "and a partner with an arrow may be missing."
)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of cells, one for each tested task; None if no run is done."""

    regime: Regime
    name: str  # the partner, or the task left out; empty for STL, All and Oracle
    cells: tuple[Cell | None, ...]
    blank: int | None = None  # index of the cell that does not exist: a task that is left out is not tested

    @property
    def head(self) -> str:
        """The head of the row."""
        named = {"pair": f"+{self.name}", "all_but_one": f"All − {self.name}"}
        return named.get(self.regime, REGIME_NAMES[self.regime])

    def key(self, cell: Cell) -> CellKey:
        """The key of one of its cells; on the diagonal of pairs that is the task alone."""
        own = self.regime == "pair" and cell.task == self.name
        return ("single", "", cell.task) if own else (self.regime, self.name, cell.task)

    @property
    def compared(self) -> list[Cell]:
        """Its cells that have a base."""
        return [cell for cell in self.cells if cell is not None and cell.base is not None]


def top_lines(comparison: Comparison, regimes: Collection[Regime] = REGIMES) -> list[Line]:
    """The rows of the paper's Tables 3-5 in these regimes: pairs with STL on the diagonal, All, Oracle."""
    return [*_pair_lines(comparison, regimes), *_joint_lines(comparison, regimes)]


def rest_lines(comparison: Comparison, regimes: Collection[Regime] = REGIMES) -> list[Line]:
    """The rows of All-but-one; none if it is not one of these regimes."""
    cells, tasks = comparison.all_but_one, comparison.tasks
    if "all_but_one" not in regimes:
        return []
    return [Line("all_but_one", row, tuple(cells.get((row, t)) for t in tasks), blank=i) for i, row in enumerate(tasks)]


def lines_of(comparison: Comparison, regimes: Collection[Regime] = REGIMES) -> list[Line]:
    """All rows of all tables of a method."""
    return [*top_lines(comparison, regimes), *rest_lines(comparison, regimes)]


def _pair_lines(comparison: Comparison, regimes: Collection[Regime]) -> list[Line]:
    """A row ``+task`` for each task, with STL on the diagonal; without pairs, STL is a row."""
    single, pairs, tasks = comparison.single, comparison.pairs, comparison.tasks
    if "pair" not in regimes:
        return _task_lines(comparison, regimes, {"single": single})
    return [
        Line(
            "pair",
            row,
            tuple(single.get(t) if t == row else pairs.get((row, t)) for t in tasks),
            blank=None if "single" in regimes or row in single else i,
        )
        for i, row in enumerate(tasks)
    ]


def _joint_lines(comparison: Comparison, regimes: Collection[Regime]) -> list[Line]:
    return _task_lines(comparison, regimes, {"all": comparison.all, "oracle": comparison.oracle})


def _task_lines(
    comparison: Comparison, regimes: Collection[Regime], found: Mapping[Regime, Mapping[str, Cell]]
) -> list[Line]:
    return [
        Line(regime, "", tuple(map(cells.get, comparison.tasks)))
        for regime, cells in found.items()
        if regime in regimes
    ]


def is_begun(comparison: Comparison) -> bool:
    """Whether a joint run of the method is done. Without one it has only STL, which all methods share."""
    cells = (cell for regime in REGIMES for cell in comparison.cells(regime).values())
    return any(len(cell.combination.tasks) > 1 for cell in cells)


def begun(report: Report) -> list[Comparison]:
    """The methods that have a joint run; if none has one, the first method, for its STL."""
    found = list(report.comparisons.values())
    return [comparison for comparison in found if is_begun(comparison)] or found[:1]


def score_tables(report: Report) -> list[Table]:
    """For each method a table of STL, pairs, All and Oracle; then for each method a table of All-but-one."""
    found = begun(report)
    made = [*(_scores(report, c) for c in found), *(_rest(report, c) for c in found)]
    return [table for table in made if table.data]


def _scores(report: Report, comparison: Comparison) -> Table:
    study, name = report.settings, METHOD_NAMES[comparison.method]
    pairs, joint = _pair_lines(comparison, study.regimes), _joint_lines(comparison, study.regimes)
    has_pairs = "pair" in study.regimes
    rows = (
        *_score_rows(pairs, study),
        *((*(_count_row(pairs, arrow) for arrow in ARROWS), _average_row(comparison)) if has_pairs else ()),
        *_score_rows(joint, study),
    )
    return Table(
        name=f"scores-{comparison.method}",
        section="scores",
        title=f"{name}: {listing(_compared_with_stl(study)) or 'STL'}{counterpart(report, comparison.method)}",
        caption=(
            f"Test F1 of {name}, {runs_each(study)}. Columns: the tested task. Rows: what it is trained with."
            f"{_stl_words(study, comparison)}"
            f"{_oracle_words(study, comparison)}{few_words(rows)}"
        ),
        heads=("", *comparison.tasks, *COUNT_HEADS.values()),
        rows=rows,
        data=line_numbers(comparison.method, [*pairs, *joint]),
    )


def _rest(report: Report, comparison: Comparison) -> Table:
    study, name = report.settings, METHOD_NAMES[comparison.method]
    lines = rest_lines(comparison, study.regimes)
    base = grid(
        _task_lines(comparison, study.regimes, {"all": comparison.all}),
        lambda cell, _: score_entry(cell, len(study.seeds), compared=False),
    )
    rows = (
        *(Row(row.head, (*row.entries, *NO_COUNTS)) for row in base),
        *_apart(_score_rows(lines, study)),
        *(_count_row(lines, arrow) for arrow in ARROWS),
    )
    return Table(
        name=f"all-but-one-{comparison.method}",
        section="rest",
        title=f"{name}: All and All-but-one{counterpart(report, comparison.method, rest=True)}",
        caption=(
            f"Test F1 of {name}, {runs_each(study)}: all tasks, and all tasks but one. Arrows compare with All: an "
            "upward arrow means that the tested task is better without the task that is left out."
            f"{few_words(rows)}"
        ),
        heads=("", *comparison.tasks, *COUNT_HEADS.values()),
        rows=rows,
        data=line_numbers(comparison.method, lines),
    )


def counterpart(report: Report, method: Method, *, rest: bool = False) -> str:
    """The table of the paper with the same cells, in brackets; empty if the tasks are not the paper's."""
    if method not in report.published or (rest and not report.published[method].all_but_one):
        return ""
    return f" (the paper's Table {6 if rest else PAPER_TABLE_NUMBERS[method]})"


def bases(study: StudySettings) -> str:
    """The comparisons in the regimes that the study trains, in words; empty if there are none."""
    held = [f"{listing(_compared_with_stl(study))} against STL"] if _compared_with_stl(study) else []
    return ", ".join([*held, "All-but-one against All"] if "all_but_one" in study.regimes else held)


def _compared_with_stl(study: StudySettings) -> list[str]:
    return [name for regime, name in STL_REGIMES.items() if regime in study.regimes]


def _stl_words(study: StudySettings, comparison: Comparison) -> str:
    """Where a table has STL; empty if STL is not trained."""
    if "single" not in study.regimes:
        return ""
    where = "On the diagonal" if "pair" in study.regimes else "In the first row"
    alone = "oracle" in study.regimes and any(len(cell.combination.tasks) == 1 for cell in comparison.oracle.values())
    also = "; also in the Oracle row for a task without helpers" if alone else ""
    return f" {where}, in blue or bold: the task alone (STL), with which the other scores are compared{also}."


def runs_each(study: StudySettings) -> str:
    """The planned number of runs of a cell, in words."""
    n = len(study.seeds)
    return "a single run each" if n == 1 else f"mean and standard deviation ({study.std}) over {n} runs each"


def _oracle_words(study: StudySettings, comparison: Comparison) -> str:
    """A note on the Oracle row; empty if there is none."""
    if "oracle" not in study.regimes or not comparison.oracle:
        return ""
    note = f"{SELECTION_NOTES[study.oracle_sets]}{two_splits(study)}"
    return f" Oracle: the task with all partners that help it in pairs. {note}"


def two_splits(study: StudySettings) -> str:
    """A note if arrows are from test and oracle sets from dev; otherwise empty."""
    return DEV_SETS_NOTE if study.oracle_sets == "dev" and {"pair", "oracle"} <= set(study.regimes) else ""


def grid(
    lines: Sequence[Line],
    entry: Callable[[Cell, Line], Entry],
    *,
    counts: bool = False,
) -> tuple[Row, ...]:
    """Rows of entries, empty where no run is done; with ``counts``, the numbers of arrows are at the end."""
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
    """The number of cells with the arrow; empty if there is no cell."""
    if not cells:
        return Entry()
    drawn = [cell for cell in cells if cell.arrow == arrow]
    confirmed = sum(cell.beyond_chance for cell in drawn)
    tested = sum(cell.evidence is not None for cell in drawn)
    note = f"{confirmed} of {tested} that were tested are beyond chance" if tested else ""
    return Entry(str(count(cells, arrow)), note=note)


def _count_row(lines: Sequence[Line], arrow: Arrow) -> Row:
    """The number of arrows in each column."""
    columns = zip(*(line.cells for line in lines), strict=True)
    compared = [[cell for cell in column if cell is not None and cell.base is not None] for column in columns]
    return Row(COUNT_HEADS[arrow], (*(count_entry(cells, arrow) for cells in compared), *NO_COUNTS), arrow == "up")


def _average_row(comparison: Comparison) -> Row:
    """The mean of the pair scores in each column."""
    return Row("Average", (*(average_entry(comparison, task) for task in comparison.tasks), *NO_COUNTS), apart=True)


def average_entry(comparison: Comparison, task: str) -> Entry:
    """The mean of the pair scores of a task; with the number of pairs and of runs if they are incomplete."""
    cells = [cell for (_, tested), cell in comparison.pairs.items() if tested == task]
    planned = len(comparison.tasks) - 1
    note = f"mean of {len(cells)} of {planned} pairs"
    if not cells:
        return Entry(note=note)
    few = any(cell.n < FEW_RUNS for cell in cells)
    below = f"{len(cells)} of {planned}" if len(cells) < planned else "", runs_text(cells) if few else ""
    return Entry(
        points(comparison.average(task)),
        below=tuple(filter(None, below)),
        roles=("few",) if few else (),
        note=f"{note}, {runs_text(cells)}",
    )


def line_numbers(method: Method, lines: Iterable[Line]) -> list[dict[str, Value]]:
    """Each finished cell as a row of a CSV file; the diagonal has the regime ``single``."""
    return [numbers(method, *line.key(cell)[:2], cell) for line in lines for cell in line.cells if cell is not None]
