"""Correlation of helping and harming with training size, number of labels and label entropy."""

from tagmates.formatting import correlation
from tagmates.report.findings import paper_report
from tagmates.report.findings.characteristics import MEASURES, SIDES, TRAITS, Characteristic, characteristics
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.study.published import PAPER_TASKS

ROW_HEADS = {
    ("gives", "up"): "helps its partners: share of cells with ↑",
    ("gives", "down"): "harms its partners: share of cells with ↓",
    ("gives", "gain"): "mean gain of its partners",
    ("receives", "up"): "is helped: share of cells with ↑",
    ("receives", "down"): "is harmed: share of cells with ↓",
    ("receives", "gain"): "its own mean gain",
}
CAPTION = (
    "Spearman's rank correlation, over the tasks, of the effects in a task's pairs (all methods together) with the "
    "characteristics of its data."
)


def characteristics_table(report: Report) -> Table:
    """A row for each effect; with the correlations of the paper if the tasks are the paper's."""
    found = [characteristics(report)]
    if report.published:
        found.append(characteristics(paper_report(report)))
    least, most = min(c.n for c in found[0]), max(c.n for c in found[0])
    many = " With 11 tasks a single ρ is beyond chance (p < 0.05) from 0.62; about one of these 18 is so by chance."
    few = f" {most} tasks are {'few' if most > 5 else 'too few'} for a correlation."
    caption = CAPTION + (many if most == len(PAPER_TASKS) else few)
    if least < most:
        caption += f" The shares of cells with an arrow are those of {least} tasks, whose pairs have two runs or more."
    rows = []
    for side in SIDES:
        for measure in MEASURES:
            these = [c for some in found for c in some if (c.side, c.measure) == (side, measure)]
            rows.append(Row(ROW_HEADS[side, measure], tuple(map(_entry, these)), apart=measure == MEASURES[0] != side))
    return Table(
        name="characteristics",
        section="findings",
        title="Correlation of effects with training size, labels and entropy",
        caption=caption,
        heads=("", *(words for _ in found for words in TRAITS.values())),
        groups=tuple((name, len(TRAITS)) for name in ("this study", "the paper")) if len(found) > 1 else (),
        rows=tuple(rows),
        data=[_value(c, source) for some, source in zip(found, ("this study", "paper"), strict=False) for c in some],
    )


def _entry(found: Characteristic) -> Entry:
    return Entry(correlation(found.correlation), note=found.why)


def _value(found: Characteristic, source: str) -> dict[str, Value]:
    return {
        "source": source,
        "side": found.side,
        "measure": found.measure,
        "trait": found.trait,
        "correlation": found.correlation,
        "tasks": found.n,
    }
