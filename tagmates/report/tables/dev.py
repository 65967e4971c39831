"""Dev F1, where the data have no test split."""

from tagmates.formatting import points
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table, ruled
from tagmates.study.recommend import describe


def dev_table(report: Report) -> Table:
    """For every task all that was tried with it, the best first; empty where anything is tested."""
    ranked = [(a.task, choice) for a in report.advice for choice in a.ranked] if not report.is_tested else []
    return Table(
        name="dev",
        section="scores",
        title="Dev F1",
        caption="Mean dev F1 of what was tried with every task, the best first. There is no test split to check it on.",
        heads=("task", "trained", "dev F1", "runs"),
        rows=ruled(
            [
                (
                    task,
                    Row(
                        task,
                        (
                            Entry(describe(choice.setting, task, len(report.tasks))),
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
                "method": choice.setting.sharing,
                "trained": "+".join(choice.setting.tasks),
                "dev": choice.dev,
                "n": choice.n,
            }
            for task, choice in ranked
        ],
    )
