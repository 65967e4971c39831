"""Every quantitative sentence of the paper's sections 4.1-4.4, beside its own tables and beside a study."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tagmates.report.findings import claims_analysis, claims_joint, claims_main, claims_pairs
from tagmates.report.findings.claim import Claim, Measured
from tagmates.report.findings.tally import pairs, shown
from tagmates.report.view import Report
from tagmates.study.published import METHODS, PAPER_TASKS, published, published_statistics
from tagmates.study.runs import Runs
from tagmates.study.settings import StudySettings

SECTIONS = ("abstract", "4.1", "4.2", "4.3", "4.4")
CLAIMS: Sequence[Claim] = sorted(
    (*claims_main.CLAIMS, *claims_pairs.CLAIMS, *claims_joint.CLAIMS, *claims_analysis.CLAIMS),
    key=lambda claim: SECTIONS.index(claim.section),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim three times: as the paper's text has it, from the paper's tables, and from this study."""

    section: str  # of the paper
    claim: str
    paper: str  # what the text says; empty for other tasks than the paper's
    tables: str  # empty where the tables cannot tell
    here: str  # of the cells that are there; empty where nothing can be said yet
    tables_agree: bool | None  # whether the tables bear out the text, its figures included
    agrees: bool | None  # whether this study bears out the claim in its words, as far as it is done
    done: int = 0  # cells of this study that were counted (seeds, where it is about embeddings)
    wanted: int = 0
    why: str = ""  # nothing can be said here


def findings(report: Report) -> list[Finding]:
    """What the study says of the paper's claims; of other tasks than the paper's, of those that can be made of any.

    Where it has only some of the paper's tasks, its All is not the paper's, whose text then stands beside pairs only.
    """
    known = bool(report.published)
    whole = known and set(report.tasks) == set(PAPER_TASKS)
    paper = paper_report()
    found = [
        _finding(claim, report, paper if whole or (known and claim.section == "4.2") else None) for claim in CLAIMS
    ]
    return [*(finding for finding in found if finding is not None), *(() if whole else _helpers_and_harmers(report))]


def disagreements() -> list[Finding]:
    """Where the paper's tables do not bear out its text, its figures or its words."""
    return [
        replace(finding, here="", agrees=None, done=0, wanted=0)
        for finding in findings(paper_report())
        if finding.tables_agree is False
    ]


def paper_report() -> Report:
    """The paper's printed cells and Table 1 as if they were a study without runs."""
    return Report(
        name="paper",
        settings=StudySettings(tasks=PAPER_TASKS, sharing=METHODS, oracle_sets="test"),
        tasks=PAPER_TASKS,
        comparisons=published(),
        runs=Runs(),
        progress={},
        published=published(),
        statistics=published_statistics(),
    )


def _finding(claim: Claim, report: Report, paper: Report | None) -> Finding | None:
    """None where the claim names tasks that the study does not have, or that are not the paper's though so called."""
    if claim.tasks and (paper is None or not set(claim.tasks) <= set(report.tasks)):
        return None
    here = claim.measure(report, claim.tasks)
    if paper is None:
        return Finding(
            claim.section,
            claim.elsewhere or claim.words,
            "",
            "",
            _text(here),
            None,
            None,
            here.done,
            here.wanted,
            here.why,
        )
    tables = claim.measure(paper, claim.tasks)
    return Finding(
        section=claim.section,
        claim=claim.words,
        paper=claim.paper,
        tables=tables.text,
        here=_text(here),
        tables_agree=_same(claim, tables),
        agrees=here.holds,
        done=here.done,
        wanted=here.wanted,
        why=here.why,
    )


def _same(claim: Claim, tables: Measured) -> bool | None:
    """Whether words and figures of the text are those of the tables."""
    if tables.holds is None or not claim.figures:
        return tables.holds
    return tables.holds and tables.figures == claim.figures


def _text(measured: Measured) -> str:
    if measured.text and measured.done < measured.wanted:
        return f"{measured.text} ({measured.done} of {measured.wanted} done)"
    return measured.text


def _helpers_and_harmers(report: Report) -> Iterator[Finding]:
    """What every task gives to its partners and receives from them."""
    for task in report.tasks:
        given, received = pairs(report, given=task), pairs(report, received=task)
        done, wanted = given.done + received.done, given.wanted + received.wanted
        text = f"gives {shown({task: given}, 'up', 'down')}; receives {shown({task: received}, 'up', 'down')}"
        here = Measured(
            text if done else "", done=done, wanted=wanted, why="" if done else "no pair can be compared yet"
        )
        yield Finding(
            "4.2", f"Whom {task} helps, and who helps it.", "", "", _text(here), None, None, done, wanted, here.why
        )
