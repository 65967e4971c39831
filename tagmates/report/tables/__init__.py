"""All tables of a report, in the order of the page."""

from tagmates.report.model import Report
from tagmates.report.tables.characteristics import characteristics_table
from tagmates.report.tables.comparison import beside_tables
from tagmates.report.tables.dev import dev_table
from tagmates.report.tables.evidence import false_arrow_table, tally_table, tests_tables
from tagmates.report.tables.findings import findings_tables
from tagmates.report.tables.forecast import forecast_table, taggers_table
from tagmates.report.tables.grids import score_tables
from tagmates.report.tables.methods import methods_table, oracle_table, parameter_table
from tagmates.report.tables.paper import agreement_table, departures_table, paper_tables
from tagmates.report.tables.recommendations import recommendations_table
from tagmates.report.tables.table import Entry, Row, Table, words
from tagmates.report.tables.updates import updates_table
from tagmates.study.settings import REGIME_NAMES

__all__ = ["Entry", "Row", "Table", "tables"]


RUNS_CAPTION = "Number of runs. A run that belongs to several regimes is counted in the first of them."
ORACLE_CAPTION = " Oracle runs are planned once the oracle sets are known."


def tables(report: Report) -> list[Table]:
    """All tables that have content."""
    made = [
        recommendations_table(report),
        forecast_table(report),
        taggers_table(report),
        progress_table(report),
        failed_table(report),
        *score_tables(report),
        dev_table(report),
        methods_table(report),
        oracle_table(report),
        *findings_tables(report),
        characteristics_table(report),
        agreement_table(report),
        departures_table(report),
        *paper_tables(report),
        *beside_tables(report),
        tally_table(report),
        false_arrow_table(report),
        *tests_tables(report),
        parameter_table(report),
        updates_table(report),
        data_table(report),
    ]
    return [table for table in made if not table.is_empty]


def progress_table(report: Report) -> Table:
    """Finished and planned runs in each regime."""
    counts = {REGIME_NAMES[regime]: pair for regime, pair in report.progress.items()}
    if len(counts) > 1:
        counts["total"] = total(report)
    return Table(
        name="progress",
        section="progress",
        title="Progress",
        caption=RUNS_CAPTION + (ORACLE_CAPTION if "oracle" in report.progress else ""),
        heads=("", "done", "planned", "missing"),
        rows=tuple(
            Row(name, words(str(done), str(planned), str(planned - done)), apart=name == "total")
            for name, (done, planned) in counts.items()
        ),
    )


def total(report: Report) -> tuple[int, int]:
    """The number of finished and of planned runs in all regimes."""
    return sum(done for done, _ in report.progress.values()), sum(planned for _, planned in report.progress.values())


def failed_table(report: Report) -> Table:
    """The runs that failed, with the reason."""
    return Table(
        name="failed",
        section="progress",
        title="Runs that failed",
        caption="Failed runs are left out of all means.",
        heads=("run", "why"),
        rows=tuple(Row(run, words(why)) for run, why in report.failed.items()),
        words=True,
    )


def data_table(report: Report) -> Table:
    """The sizes of the data sets (the paper's Table 1)."""
    return Table(
        name="data",
        section="data",
        title="The data",
        caption=(
            "Number of sentences, and of tokens per type (distinct lower-cased word), in the training split and in all "
            "splits; number of distinct labels; entropy of the training labels in nats."
        ),
        heads=("", "sentences, train", "all", "tokens per type, train", "all", "labels", "label entropy"),
        rows=tuple(
            Row(
                str(row["task"]),
                words(
                    f"{row['sentences_train']:,}",
                    f"{row['sentences_all']:,}",
                    f"{row['token_type_train']:.2f}",
                    f"{row['token_type_all']:.2f}",
                    f"{row['labels']:,}",
                    f"{row['label_entropy']:.2f}",
                ),
            )
            for row in report.statistics
        ),
        data=[dict(row) for row in report.statistics],
    )
