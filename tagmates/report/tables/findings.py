"""The findings of the paper compared with this study, and where the paper's text and its tables disagree."""

from tagmates.formatting import EMPTY
from tagmates.report.findings import Finding, disagreements, findings
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table
from tagmates.study.published import PAPER_TASKS

ARROWS_NOTE = "3↑ and 1↓: 3 scores are higher by the rule than those they are compared with, and 1 is lower."


def findings_tables(report: Report) -> list[Table]:
    """The findings; for the paper's tasks also unchecked claims, and where the paper's text and tables disagree."""
    found = [finding for finding in findings(report) if not finding.never]
    if not any(finding.paper for finding in found):
        return [_plain(found)]
    made = [_compared([finding for finding in found if finding.here]), _unchecked(found)]
    return [*made, _disagreements()] if set(report.tasks) == set(PAPER_TASKS) else made


def _compared(found: list[Finding]) -> Table:
    return Table(
        name="findings",
        section="findings",
        title="Claims of the paper",
        caption=(
            "Claims of the paper's text, the numbers in its own tables for the tasks and methods of this study, the "
            "numbers in this study as far as it is done, and whether the claim holds in all tables of the paper and in "
            "this study. 5 of 33 counted: of 33 cells that the claim is about, 5 have the runs that it needs; arrows "
            "need two runs on both sides. Claims about combinations that this study does not train are left out. "
            f"{ARROWS_NOTE}"
        ),
        heads=(
            "section",
            "claim",
            "text of the paper",
            "tables of the paper",
            "holds in the paper",
            "this study",
            "holds in this study",
        ),
        rows=tuple(
            Row(
                finding.section,
                (
                    Entry(finding.claim),
                    _said(finding.paper),
                    _said(finding.tables),
                    _holds(finding.tables_agree),
                    _said(finding.here),
                    _holds(finding.agrees, so_far=finding.done < finding.wanted),
                ),
            )
            for finding in found
        ),
        words=True,
    )


def _unchecked(found: list[Finding]) -> Table:
    return Table(
        name="unchecked-findings",
        section="findings",
        title="Claims of the paper that cannot be checked yet",
        caption="Claims that need runs which are not done yet, and the numbers in the tables of the paper.",
        heads=("section", "claim", "text of the paper", "tables of the paper", "holds in the paper", "missing"),
        rows=tuple(
            Row(
                finding.section,
                (
                    Entry(finding.claim),
                    _said(finding.paper),
                    _said(finding.tables),
                    _holds(finding.tables_agree),
                    _said(finding.why),
                ),
            )
            for finding in found
            if not finding.here
        ),
        words=True,
        folded=True,
    )


def _plain(found: list[Finding]) -> Table:
    """For other tasks than the paper's: only the claims that can be checked."""
    known = [finding for finding in found if finding.here]
    return Table(
        name="findings",
        section="findings",
        title="Statements about joint training",
        caption=(
            "Results of this study, as far as it is done, on statements that can be made about any tasks. STL: each "
            f"task alone; All: all tasks together; Oracle: a task with its helpers. {ARROWS_NOTE}"
        ),
        heads=("statement", "this study"),
        rows=tuple(Row(finding.claim, (_said(finding.here),)) for finding in known),
        words=True,
    )


def _disagreements() -> Table:
    return Table(
        name="disagreements",
        section="findings",
        title="Where the paper's text and tables disagree",
        caption="Claims of the paper that its own tables do not support. This is independent of any study.",
        heads=("section", "claim", "text of the paper", "tables of the paper"),
        rows=tuple(
            Row(finding.section, (Entry(finding.claim), _said(finding.paper), _said(finding.tables)))
            for finding in disagreements()
        ),
        words=True,
        folded=True,
    )


def _said(text: str) -> Entry:
    return Entry(text or EMPTY)


def _holds(holds: bool | None, *, so_far: bool = False) -> Entry:
    if holds is None:
        return Entry(EMPTY)
    text = f"{'yes' if holds else 'no'}{', so far' if so_far else ''}"
    return Entry(text, roles=("up",) if holds else ("down",))
