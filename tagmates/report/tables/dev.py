"""Dev F1, for data without a test split."""

from tagmates.formatting import points
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table, ruled
from tagmates.study.recommend import describe


def dev_table(report: Report) -> Table:
    """For each task all combinations that were tried, the best first; empty if any run has a test score."""
    ranked = [(a.task, choice) for a in report.advice for choice in a.ranked] if not report.is_tested else []
    return Table(
        name="dev",
        section="scores",
        title="Dev F1",
        caption="Mean dev F1 of all combinations tried for each task, the best first. There is no test split.",
        heads=("task", "trained", "dev F1", "runs"),
        rows=ruled(
            [
                (
                    task,
                    Row(
                        task,
                        (
                            Entry(describe(choice.combination, task, report.tasks)),
                            Entry(points(choice.dev)),
                            Entry(str(choice.n)),
                        ),
                    ),
                )
                for task, choice in ranked
            ]
        ),
        data=[
            {
                "task": task,
                "method": choice.combination.sharing,
                "trained": "+".join(choice.combination.tasks),
                "dev": choice.dev,
                "n": choice.n,
            }
            for task, choice in ranked
        ],
    )
