"""Whether large data, many labels or their entropy go with helping and harming."""

from tagmates.report.findings import paper_report
from tagmates.report.findings.characteristics import MEASURES, SIDES, TRAITS, Characteristic, characteristics
from tagmates.report.tables.table import Entry, Row, Table, Value
from tagmates.report.view import Report
from tagmates.report.wording import correlation

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
        found.append(characteristics(paper_report()))
    n = max(c.n for c in found[0])
    beyond = " Of eleven tasks one alone must reach 0.62 to be beyond chance (p < 0.05), and these are eighteen."
    caption = CAPTION + (beyond if n == 11 else f" Of {n} tasks, so few that chance alone gives large ones.")
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
