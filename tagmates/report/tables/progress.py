"""How many runs are finished, and which failed."""

from tagmates.report.model import Report
from tagmates.report.tables.table import Row, Table, words
from tagmates.study.settings import REGIME_NAMES

RUNS_CAPTION = "Number of runs. A run that belongs to several regimes is counted in the first of them."
ORACLE_CAPTION = " Oracle runs are planned once the oracle sets are known."


def progress_table(report: Report) -> Table:
    """Finished and planned runs in each regime."""
    counts = {REGIME_NAMES[regime]: pair for regime, pair in report.progress.items()}
    if len(counts) > 1:
        counts["total"] = report.total_progress
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
