"""The table that opens the report: for each task its recommended partners, the gain with them, and how sure it is."""

from tagmates.formatting import EMPTY, interval_text, points
from tagmates.report.model import Report
from tagmates.report.tables.cells import few_words, mean_entry
from tagmates.report.tables.table import Entry, Role, Row, Table, Value
from tagmates.study.compare import Cell
from tagmates.study.recommend import NO_GAIN, Advice, partners_text, verdict_text
from tagmates.study.settings import METHOD_NAMES

CAPTION = (
    "The recommended partners of a task are those with the best dev F1. F1 and gain (in points) are measured on test. "
    '"Better" means that the 95 % interval is above 0; "not shown" means that it contains 0, so that the gain may be '
    "chance."
)


def recommendations_table(report: Report) -> Table:
    """A row for each task; without rows where no run is done."""
    rows = tuple(_row(report, advice) for advice in report.advice if report.runs)
    return Table(
        name="recommendations",
        section="recommendations",
        title="Recommended partners",
        caption=f"{CAPTION}{few_words(rows)}",
        heads=("task", "F1 alone", "recommended partners", "F1 with them", "gain", "95 % interval", "verdict"),
        rows=rows,
        words=True,
        data=[_data(report, advice) for advice in report.advice if report.runs],
    )


def _row(report: Report, advice: Advice) -> Row:
    alone, cell, evidence = _alone(report, advice.task), advice.cell, advice.evidence
    roles: dict[str, tuple[Role, ...]] = {"better": ("up",), NO_GAIN: ("down",)}
    verdict = verdict_text(advice)
    interval = EMPTY if evidence is None else interval_text(evidence.low, evidence.high)
    gain = None if cell is None else cell.difference
    return Row(
        advice.task,
        (
            Entry() if alone is None else mean_entry(alone),
            _partners(report, advice),
            Entry() if cell is None else mean_entry(cell),
            Entry(points(gain, signed=True)),
            Entry(interval),
            Entry(verdict, roles=roles.get(verdict, ()), note=" ".join(f"{text}." for text in advice.warnings)),
        ),
    )


def _partners(report: Report, advice: Advice) -> Entry:
    """The partners with the best dev F1; none where the test split shows no gain, with what was best on dev below."""
    if advice.chosen is None:
        return Entry()
    best = advice.ranked[0].combination
    if len(best.tasks) == 1:
        return Entry("none")
    method = METHOD_NAMES[best.sharing] if best.sharing != "stl" and len(report.settings.sharing) > 1 else ""
    partners = partners_text(best, advice.task, report.tasks)
    if advice.found_no_gain:
        return Entry("none", below=(f"best on dev: {partners}{f' ({method})' if method else ''}",))
    return Entry(partners, below=(method,) if method else ())


def _alone(report: Report, task: str) -> Cell | None:
    """The task trained alone, which is the same for all methods."""
    return next((made.single[task] for made in report.comparisons.values() if task in made.single), None)


def _data(report: Report, advice: Advice) -> dict[str, Value]:
    best = advice.ranked[0].combination if advice.chosen is not None else None
    alone, cell, evidence = _alone(report, advice.task), advice.cell, advice.evidence
    return {
        "task": advice.task,
        "verdict": verdict_text(advice),
        "method": None if best is None else best.sharing,
        "trained": None if best is None else "+".join(best.tasks),
        "alone": None if alone is None else alone.mean,
        "mean": None if cell is None else cell.mean,
        "n": None if cell is None else cell.n,
        "gain": None if cell is None else cell.difference,
        **{name: getattr(evidence, name, None) for name in ("low", "high", "p")},
    }
