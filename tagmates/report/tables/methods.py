"""Comparison of the joint methods: scores, oracle sets, parameters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from tagmates.formatting import points
from tagmates.report.model import Report
from tagmates.report.tables.cells import few_words, mean_entry
from tagmates.report.tables.grids import average_entry, begun, two_splits
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, REGIMES, Regime

TaskScores = dict[str, tuple[float, Entry]]  # task -> score and its entry


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of methods, and how its scores are taken from a comparison."""

    regime: Regime
    head: str
    scores: Callable[[Comparison], TaskScores]


def methods_table(report: Report) -> Table:
    """For each task: STL, then the pair average, the best pair, All and Oracle of each method."""
    regimes, found = report.settings.regimes, begun(report)
    alone = _cells(cell for c in report.comparisons.values() for cell in c.single.values())
    columns = [("STL", "", alone)] if "single" in regimes else []
    trained = [column for column in COLUMNS if column.regime in regimes]
    for column in trained:
        columns += [(column.head, METHOD_NAMES[c.method], column.scores(c)) for c in found]
    rows = (
        *(Row(task, tuple(_shown(scores, task) for _, _, scores in columns)) for task in report.tasks),
        Row("Mean", tuple(_mean(scores, report.tasks) for _, _, scores in columns), apart=True),
    )
    best = "The best pair is selected by these scores, so it looks better than it is. " if "pair" in regimes else ""
    return Table(
        name="methods",
        section="methods",
        title="Comparison of the methods",
        caption=f"Test F1. {best}The mean over tasks is left out if a task is missing.{few_words(rows)}",
        heads=("", *(method or "STL" for _, method, _ in columns)),
        groups=(
            *([("", 1)] if "single" in regimes else []),
            *((column.head, len(found)) for column in trained if found),
        ),
        rows=rows,
        data=[
            {"task": task, "regime": regime, "method": method, "score": scores[task][0]}
            for regime, method, scores in columns
            for task in report.tasks
            if task in scores
        ],
    )


def _cells(cells: Iterable[Cell]) -> TaskScores:
    return {cell.task: (cell.mean, mean_entry(cell)) for cell in cells}


def _averages(comparison: Comparison) -> TaskScores:
    averages = {task: comparison.average(task) for task in comparison.tasks}
    return {task: (score, average_entry(comparison, task)) for task, score in averages.items() if score is not None}


def _best_pairs(comparison: Comparison) -> TaskScores:
    best: TaskScores = {}
    for (partner, task), cell in comparison.pairs.items():
        if task not in best or cell.mean > best[task][0]:
            best[task] = cell.mean, mean_entry(cell, f"+{partner}")
    return best


COLUMNS = (
    Column("pair", "Pair average", _averages),
    Column("pair", "Best pair (selected on test)", _best_pairs),
    Column("all", "All", lambda comparison: _cells(comparison.all.values())),
    Column("oracle", "Oracle", lambda comparison: _cells(comparison.oracle.values())),
)


def _shown(scores: TaskScores, task: str) -> Entry:
    return scores[task][1] if task in scores else Entry(note="not done yet")


def _mean(scores: TaskScores, tasks: Sequence[str]) -> Entry:
    if not tasks or not all(task in scores for task in tasks):
        return Entry(note=f"{len(scores)} of {len(tasks)} tasks are done")
    few = any("few" in scores[task][1].roles for task in tasks)
    return Entry(points(fmean(scores[task][0] for task in tasks)), roles=("few",) if few else ())


def oracle_table(report: Report) -> Table:
    """The helpers of each task by each method, and those of the paper; without rows if Oracle is not trained."""
    columns: list[tuple[str, Comparison]] = []
    for comparison in begun(report):
        name = METHOD_NAMES[comparison.method]
        columns.append((name, comparison))
        if comparison.method in report.published:
            columns.append((f"{name}, the paper", report.published[comparison.method]))
    return Table(
        name="oracle-sets",
        section="methods",
        title="Oracle sets",
        caption=(
            f"The partners that help a task in pairs by the rule ({_chosen_on(report)}). Oracle trains the task with "
            f"all of them.{two_splits(report.settings)}"
        ),
        heads=("", *(name for name, _ in columns)),
        rows=tuple(
            Row(task, tuple(_helpers(c, task) for _, c in columns))
            for task in report.tasks
            if "oracle" in report.settings.regimes
        ),
        words=True,
    )


def _chosen_on(report: Report) -> str:
    return {
        "dev": "selected by dev F1",
        "test": "selected on test",
        "published": "those of the paper, selected on test",
    }[report.settings.oracle_sets]


def _helpers(comparison: Comparison, task: str) -> Entry:
    helpers = comparison.oracle_sets.get(task)
    if helpers is None:
        return Entry(note="not known yet, because some pairs are not done")
    return Entry(", ".join(helpers) or "none")


def parameter_table(report: Report) -> Table:
    """The number of parameters in each regime."""
    regimes = [regime for regime in REGIMES if regime in report.settings.regimes]
    comparisons = [(c.method, c) for c in begun(report)]
    counts = {
        (regime, method): sorted({c.parameters for c in found.cells(regime).values() if c.parameters is not None})
        for method, found in comparisons
        for regime in regimes
    }
    data: list[dict[str, Value]] = [
        {"method": method, "regime": regime, "trained": tasks, "parameters": parameters}
        for method, found in report.comparisons.items()
        for regime in regimes
        for tasks, parameters in sorted(
            {("+".join(c.combination.tasks), c.parameters) for c in found.cells(regime).values()}, key=str
        )
    ]
    return Table(
        name="parameters",
        section="parameters",
        title="Parameters",
        caption=(
            "Trainable parameters with word vectors, from the smallest to the largest model of a regime. The CSV file "
            "and the table of all scores below have each combination."
        ),
        heads=("", *(METHOD_NAMES[method] for method, _ in comparisons)),
        rows=tuple(
            Row(REGIME_NAMES[regime], tuple(_range(counts[regime, method]) for method, _ in comparisons))
            for regime in regimes
        ),
        data=data,
    )


def _range(counts: Sequence[int]) -> Entry:
    if not counts:
        return Entry()
    low, high = f"{counts[0]:,}", f"{counts[-1]:,}"
    return Entry(low if low == high else f"{low} – {high}")
