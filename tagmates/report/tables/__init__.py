"""All tables of a report, in the order of the page."""

from tagmates.report.model import Report
from tagmates.report.tables.characteristics import characteristics_table
from tagmates.report.tables.comparison import beside_tables
from tagmates.report.tables.data import data_table
from tagmates.report.tables.dev import dev_table
from tagmates.report.tables.evidence import false_arrow_table, tally_table, tests_tables
from tagmates.report.tables.findings import findings_tables
from tagmates.report.tables.forecast import forecast_table, taggers_table
from tagmates.report.tables.grids import score_tables
from tagmates.report.tables.methods import methods_table, oracle_table, parameter_table
from tagmates.report.tables.paper import agreement_table, departures_table, paper_tables
from tagmates.report.tables.progress import failed_table, progress_table
from tagmates.report.tables.recommendations import recommendations_table
from tagmates.report.tables.table import Entry, Row, Table
from tagmates.report.tables.updates import updates_table

__all__ = ["Entry", "Row", "Table", "tables"]


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
