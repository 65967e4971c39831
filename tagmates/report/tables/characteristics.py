"""Whether large data, many labels or their entropy go with helping and harming."""

from tagmates.formatting import correlation
from tagmates.report.findings import paper_report
from tagmates.report.findings.characteristics import MEASURES, SIDES, TRAITS, Characteristic, characteristics
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.study.published import PAPER_TASKS

WORDS = {
    ("gives", "up"): "helps: share of its partners' cells ↑",
    ("gives", "down"): "harms: share of its partners' cells ↓",
    ("gives", "gain"): "mean gain that it brings",
    ("receives", "up"): "is helped: share of its own cells ↑",
    ("receives", "down"): "is harmed: share of its own cells ↓",
    ("receives", "gain"): "mean gain that it gets",
}
CAPTION = (
    "Spearman's rank correlation over the tasks of what happens in a task's pairs, all methods together, with what is "
    "known of its data."
)


def characteristics_table(report: Report) -> Table:
    """A row for every way of helping and harming; beside the paper's own, where the tasks are its."""
    found = [characteristics(report)]
    if report.published:
        found.append(characteristics(paper_report(report)))
    n = max(c.n for c in found[0])
    many = " Of 11 tasks a single ρ is beyond chance (p < 0.05) from 0.62; of 18 such about one reaches that by chance."
    few = f" {n} tasks are {'few' if n > 5 else 'too few'} to judge a ρ."
    caption = CAPTION + (many if n == len(PAPER_TASKS) else few)
    rows = []
    for side in SIDES:
        for measure in MEASURES:
            these = [c for some in found for c in some if (c.side, c.measure) == (side, measure)]
            rows.append(Row(WORDS[side, measure], tuple(map(_entry, these)), apart=measure == MEASURES[0] != side))
    return Table(
        name="characteristics",
        section="findings",
        title="Helping and harming against size, labels and entropy",
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
