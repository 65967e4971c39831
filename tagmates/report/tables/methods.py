"""The joint methods side by side: scores, oracle sets, parameters."""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from tagmates.report.tables.cells import story
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.report.view import Report
from tagmates.report.wording import points
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Regime

Scores = dict[str, tuple[float, Entry]]  # task -> score and how it is shown


def methods_table(report: Report) -> Table:
    """For every task: STL, then the pair average, the best pair, All and Oracle of every method."""
    columns = [("STL", "", _cells([cell for c in report.comparisons.values() for cell in c.single.values()]))]
    for regime, scores in REGIMES.items():
        columns += [(regime, METHOD_NAMES[method], scores(c)) for method, c in report.comparisons.items()]
    return Table(
        name="methods",
        section="methods",
        title="The methods side by side",
        caption=(
            "Test F1. The best pair is chosen by these very scores, so it flatters. The mean over tasks is left out "
            "where a task is not done."
        ),
        heads=("", *(method or "STL" for _, method, _ in columns)),
        groups=(("", 1), *((regime, len(report.comparisons)) for regime in REGIMES if report.comparisons)),
        rows=(
            *(Row(task, tuple(_shown(scores, task) for _, _, scores in columns)) for task in report.tasks),
            Row("Mean", tuple(_mean(scores, report.tasks) for _, _, scores in columns), apart=True),
        ),
        data=[
            {"task": task, "regime": regime, "method": method, "score": scores[task][0]}
            for regime, method, scores in columns
            for task in report.tasks
            if task in scores
        ],
    )


def _cells(cells: Iterable[Cell]) -> Scores:
    return {cell.task: (cell.mean, Entry(points(cell.mean), note=story(cell))) for cell in cells}


def _averages(comparison: Comparison) -> Scores:
    averages = {task: comparison.average(task) for task in comparison.tasks}
    return {task: (score, Entry(points(score))) for task, score in averages.items() if score is not None}


def _best_pairs(comparison: Comparison) -> Scores:
    best: Scores = {}
    for (partner, task), cell in comparison.pairs.items():
        if task not in best or cell.mean > best[task][0]:
            best[task] = cell.mean, Entry(points(cell.mean), below=(f"+{partner}",), note=story(cell))
    return best


REGIMES: dict[str, Callable[[Comparison], Scores]] = {
    "Pair average": _averages,
    "Best pair (selected on test)": _best_pairs,
    "All": lambda comparison: _cells(comparison.all.values()),
    "Oracle": lambda comparison: _cells(comparison.oracle.values()),
}


def _shown(scores: Scores, task: str) -> Entry:
    return scores[task][1] if task in scores else Entry(note="not done yet")


def _mean(scores: Scores, tasks: Sequence[str]) -> Entry:
    if tasks and all(task in scores for task in tasks):
        return Entry(points(fmean(scores[task][0] for task in tasks)))
    return Entry(note=f"{len(scores)} of {len(tasks)} tasks are done")


def oracle_table(report: Report) -> Table:
    """The helpers of every task by every method, and the paper's beside them where they are known."""
    columns: list[tuple[str, Comparison]] = []
    for method, comparison in report.comparisons.items():
        columns.append((METHOD_NAMES[method], comparison))
        if method in report.published:
            columns.append((f"{METHOD_NAMES[method]}, the paper", report.published[method]))
    return Table(
        name="oracle-sets",
        section="methods",
        title="Oracle sets",
        caption=(
            "The partners that help a task in pairs by the paper's rule "
            f"({_chosen_on(report)}). Oracle trains the task with all of them."
        ),
        heads=("", *(name for name, _ in columns)),
        rows=tuple(Row(task, tuple(_helpers(c, task) for _, c in columns)) for task in report.tasks),
        words=True,
    )


def _chosen_on(report: Report) -> str:
    return {"dev": "by dev F1", "test": "selected on test", "published": "as the paper has them, selected on test"}[
        report.settings.oracle_sets
    ]


def _helpers(comparison: Comparison, task: str) -> Entry:
    helpers = comparison.oracle_sets.get(task)
    if helpers is None:
        return Entry(note="not known yet: its pairs are not all done")
    return Entry(", ".join(helpers) or "none")


def parameter_table(report: Report) -> Table:
    """How many parameters the settings of every regime have."""
    cells = {method: _by_regime(c) for method, c in report.comparisons.items()}
    counts = {
        (regime, method): sorted({cell.parameters for cell in found[regime] if cell.parameters is not None})
        for method, found in cells.items()
        for regime in REGIME_NAMES
    }
    data: list[dict[str, Value]] = [
        {"method": method, "regime": regime, "trained": tasks, "parameters": parameters}
        for method, found in cells.items()
        for regime in REGIME_NAMES
        for tasks, parameters in sorted({("+".join(c.setting.tasks), c.parameters) for c in found[regime]}, key=str)
    ]
    return Table(
        name="parameters",
        section="parameters",
        title="Parameters",
        caption="Trainable parameters, word vectors included; from the smallest to the largest model of a regime.",
        heads=("", *(METHOD_NAMES[method] for method in report.comparisons)),
        rows=tuple(
            Row(REGIME_NAMES[regime], tuple(_range(counts[regime, method]) for method in report.comparisons))
            for regime in REGIME_NAMES
        ),
        data=data,
    )


def _by_regime(comparison: Comparison) -> dict[Regime, list[Cell]]:
    return {
        "single": list(comparison.single.values()),
        "pair": list(comparison.pairs.values()),
        "all": list(comparison.all.values()),
        "all_but_one": list(comparison.all_but_one.values()),
        "oracle": list(comparison.oracle.values()),
    }


def _range(counts: Sequence[int]) -> Entry:
    if not counts:
        return Entry()
    low, high = f"{counts[0]:,}", f"{counts[-1]:,}"
    return Entry(low if low == high else f"{low} – {high}")
