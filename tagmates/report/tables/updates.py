"""Number of runs, updates and parameters of each score."""

from collections.abc import Iterator

from tagmates.formatting import EMPTY, listing
from tagmates.report.model import Report
from tagmates.report.tables.grids import lines_of
from tagmates.report.tables.table import Row, Table, Value, words
from tagmates.study.compare import Cell
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Regime

MAX_NAMED_HELPERS = 3  # the table of oracle sets names all


def updates_table(report: Report) -> Table:
    """A row for each score; STL, which all methods share, has one row for each task."""
    found = list(_scores(report))
    return Table(
        name="runs",
        section="parameters",
        title="Runs, updates and parameters of each score",
        caption=(
            "Number of finished runs (n), their mean number of updates, how many of them reached the maximum number of "
            "epochs (capped), and the trainable parameters of the model with its word vectors."
        ),
        heads=("method", "regime", "trained with", "tested task", "n", "updates", "capped", "parameters"),
        rows=tuple(_row(method, regime, cell, left_out) for method, regime, left_out, cell in found),
        data=[_numbers(method, regime, cell) for method, regime, _, cell in found],
        folded=True,
        printed=False,
    )


def _scores(report: Report) -> Iterator[tuple[str, Regime, str, Cell]]:
    """Method, regime, name of the row, and cell."""
    alone: set[str] = set()
    for method, comparison in report.comparisons.items():
        for line in lines_of(comparison, report.settings.regimes):
            for cell in line.cells:
                if cell is None:
                    continue
                regime, name, task = line.key(cell)
                if regime != "single":
                    yield METHOD_NAMES[method], regime, name, cell
                elif task not in alone:
                    alone.add(task)
                    yield REGIME_NAMES["single"], regime, name, cell


def _row(method: str, regime: Regime, cell: Cell, name: str) -> Row:
    updates = EMPTY if cell.updates is None else f"{cell.updates:,.0f}"
    parameters = EMPTY if cell.parameters is None else f"{cell.parameters:,}"
    trained = _trained_with(regime, cell, name)
    counts = words(str(cell.n), updates, str(cell.capped), parameters)
    return Row(method, (*words(REGIME_NAMES[regime], trained, cell.task), *counts))


def _trained_with(regime: Regime, cell: Cell, name: str) -> str:
    helpers = [task for task in cell.combination.tasks if task != cell.task]
    if not helpers:
        return "alone"
    if regime == "oracle":
        return listing(helpers) if len(helpers) <= MAX_NAMED_HELPERS else f"its {len(helpers)} helpers"
    return {"pair": name, "all": "all others", "all_but_one": f"all but {name}"}[regime]


def _numbers(method: str, regime: Regime, cell: Cell) -> dict[str, Value]:
    return {
        "method": method,
        "regime": regime,
        "trained": "+".join(cell.combination.tasks),
        "task": cell.task,
        "n": cell.n,
        "updates": cell.updates,
        "capped": cell.capped,
        "parameters": cell.parameters,
    }
