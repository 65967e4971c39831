"""Write the report of a study: gather what is there, set another study beside it, draw the figures, write the page."""

from pathlib import Path

from tagmates.data.task_data import data_difference
from tagmates.errors import ConfigError
from tagmates.report.figures import figures
from tagmates.report.model import Report, WrittenReport, make_report
from tagmates.report.page import write_report
from tagmates.study.control_study import find_control
from tagmates.study.locate import OpenedStudy
from tagmates.study.notes import not_counted, other_folders
from tagmates.study.status import current_status


def report_study(study: OpenedStudy, folder: Path, beside: OpenedStudy | None = None) -> WrittenReport:
    """Write the report of a study into ``folder``, with its control beside it where ``beside`` is None.

    Raises ConfigError where ``beside`` has none of the study's tasks, and ModelError where the study has not begun.
    """
    other, notes = find_control(study) if beside is None else (beside, _differences(study, beside))
    if other is not None and beside is None:
        notes = [f"beside the study: its control, {other.store.root}", *notes]
    report = make_report(study, None if other is None else make_report(other))
    notes += _left_out(study, report)
    return WrittenReport(write_report(report, folder, figures(report)), report.advice, notes)


def _differences(study: OpenedStudy, other: OpenedStudy) -> list[str]:
    """A warning for every common task whose data differ; ConfigError where the studies have no task in common."""
    common = [task for task in study.tasks if task in other.tasks]
    if not common:
        tasks = ", ".join(study.tasks)
        raise ConfigError(f"--beside {other.store.root}: has none of this study's tasks ({tasks}); name one that has")
    ours, theirs = study.store.task_data(), other.store.task_data()
    differences = [data_difference({task: theirs.get(task, {})}, {task: ours.get(task, {})}) for task in common]
    return [f"warning: {other.name} was run on other data: {what} in {study.name}" for what in differences if what]


def _left_out(study: OpenedStudy, report: Report) -> list[str]:
    """Lines on finished runs that the report does not count."""
    if not (report.failed or study.store.others({run.name for runs in report.runs.values() for run in runs})):
        return []
    now = current_status(
        study.settings, study.tasks, study.store
    )  # only where needed, since a large plan takes its time
    return [*not_counted(study, now.found), *other_folders(study, now)]
