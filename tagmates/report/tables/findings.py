"""The paper's findings beside this study, and where its text and its own tables part."""

from tagmates.formatting import EMPTY
from tagmates.report.findings import Finding, disagreements, findings
from tagmates.report.model import Report
from tagmates.report.tables.table import Entry, Row, Table
from tagmates.study.published import PAPER_TASKS

ARROWS = "3↑ and 1↓ mean that 3 scores are higher by the rule than those they are compared with, and 1 is lower."


def findings_tables(report: Report) -> list[Table]:
    """The findings; for the paper's own tasks also what its tables say otherwise than its text."""
    found = [finding for finding in findings(report) if not finding.never]
    with_paper = any(finding.paper for finding in found)
    made = [_compared(found) if with_paper else _plain(found)]
    return [*made, _disagreements()] if set(report.tasks) == set(PAPER_TASKS) else made


def _compared(found: list[Finding]) -> Table:
    return Table(
        name="findings",
        section="findings",
        title="Sentences of the paper",
        caption=(
            "What the paper's text says, in other words; what its own tables say of it, for this study's tasks and "
            "methods; what this study says, as far as it is done; and whether it holds in all of the paper's tables "
            f"and here. Claims about what this study does not train are left out. {ARROWS}"
        ),
        heads=("section", "claim", "its words", "its tables", "holds there", "this study", "holds here"),
        rows=tuple(
            Row(
                finding.section,
                (
                    Entry(finding.claim),
                    _said(finding.paper),
                    _said(finding.tables),
                    _holds(finding.tables_agree),
                    _said(finding.here, finding.why),
                    _holds(finding.agrees),
                ),
            )
            for finding in found
        ),
        words=True,
    )


def _plain(found: list[Finding]) -> Table:
    """Only what something can be said of: for tasks of one's own there is nothing else to stand beside it."""
    known = [finding for finding in found if finding.here]
    return Table(
        name="findings",
        section="findings",
        title="Statements about joint training",
        caption=(
            "What this study says, as far as it is done, of statements that can be made of any tasks. STL: each task "
            f"alone; All: all tasks together; Oracle: a task with its helpers. {ARROWS}"
        ),
        heads=("statement", "this study"),
        rows=tuple(Row(finding.claim, (_said(finding.here),)) for finding in known),
        words=True,
    )


def _disagreements() -> Table:
    return Table(
        name="disagreements",
        section="findings",
        title="Where the paper's text and its tables part",
        caption="Sentences of the paper whose words or figures its own tables do not bear out, apart from any study.",
        heads=("section", "claim", "the paper", "its tables"),
        rows=tuple(
            Row(finding.section, (Entry(finding.claim), _said(finding.paper), _said(finding.tables)))
            for finding in disagreements()
        ),
        words=True,
        folded=True,
    )


def _said(text: str, why: str = "") -> Entry:
    return Entry(text or why or EMPTY)


def _holds(holds: bool | None) -> Entry:
    if holds is None:
        return Entry(EMPTY)
    return Entry("yes", roles=("up",)) if holds else Entry("no", roles=("down",))
