"""Tables of the model of gains: the expected best combination of each task, and how few taggers can serve all tasks."""

from collections.abc import Sequence

from tagmates.formatting import interval_text, points
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table, words
from tagmates.study.forecast import Forecast
from tagmates.study.grouping import describe_group
from tagmates.study.recommend import describe

FORECAST_CAPTION = (
    "The combination with the highest expected gain in dev F1 (in points), its 80 % interval, the probability that it "
    "is the best of all combinations of the study, and the expected regret: how much more than it the truly best "
    "combination gains on average. Where the regret is small, further runs will hardly change the choice. The model "
    "puts all dev scores and what the training data predict together; a predicted combination has no finished run. "
    "These numbers enter no arrow, average or test."
)
TAGGERS_CAPTION = (
    "The best way to serve all tasks with at most so many taggers, by the same model. A tagger may be trained on tasks "
    "that only help; they are in brackets. Numbers of taggers that gain nothing more are left out."
)


def forecast_table(report: Report) -> Table:
    """A row for each task; without rows if the training data are not known."""
    return Table(
        name="forecast",
        section="forecast",
        title="Expected best combinations",
        caption=FORECAST_CAPTION,
        heads=("task", "best combination", "runs", "gain", "80 % interval", "P(best)", "regret"),
        rows=tuple(_row(each, report.tasks) for each in report.forecasts),
        words=True,
        data=[
            {
                "task": each.task,
                "sharing": each.best.sharing,
                "trained": "+".join(each.best.tasks),
                "runs": each.runs,
                "gain": each.gain.mean,
                "low": each.gain.interval()[0],
                "high": each.gain.interval()[1],
                "probability_best": each.probability,
                "regret": each.regret,
            }
            for each in report.forecasts
        ],
    )


def _row(each: Forecast, tasks: Sequence[str]) -> Row:
    runs = Entry(str(each.runs)) if each.runs else Entry("predicted", roles=("few",))
    alone = len(each.best.tasks) == 1
    return Row(
        each.task,
        (
            Entry(describe(each.best, each.task, tasks)),
            runs,
            *(
                words("0", "")
                if alone
                else words(points(each.gain.mean, signed=True), interval_text(*each.gain.interval()))
            ),
            *words(f"{each.probability:.2f}", points(each.regret)),
        ),
    )


def taggers_table(report: Report) -> Table:
    """A row for each number of taggers that gains something."""
    found = [(n, grouping) for n, grouping in enumerate(report.groupings, 1) if len(grouping.groups) == n]
    return Table(
        name="taggers",
        section="forecast",
        title="One tagger or several",
        caption=TAGGERS_CAPTION,
        heads=("taggers", "mean dev F1", "trained on"),
        rows=tuple(
            Row(str(n), (Entry(points(grouping.mean)), Entry("; ".join(map(describe_group, grouping.groups)))))
            for n, grouping in found
        ),
        words=True,
        folded=True,
        data=[
            {"taggers": n, "mean": grouping.mean, "trained": "; ".join(map(describe_group, grouping.groups))}
            for n, grouping in found
        ],
    )
