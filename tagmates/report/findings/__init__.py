"""The quantitative claims of the paper's sections 4.1-4.4, checked in its own tables and in a study."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from tagmates.report.findings import claims_analysis, claims_joint, claims_main, claims_pairs
from tagmates.report.findings.claim import Claim, Measured
from tagmates.report.findings.tally import pairs
from tagmates.report.model import Report
from tagmates.study.compare import Comparison
from tagmates.study.published import METHODS, PAPER_TASKS, published, published_statistics
from tagmates.study.records import Runs
from tagmates.study.settings import StudySettings

SECTIONS = ("abstract", "4.1", "4.2", "4.3", "4.4")
CLAIMS: Sequence[Claim] = sorted(
    (*claims_main.CLAIMS, *claims_pairs.CLAIMS, *claims_joint.CLAIMS, *claims_analysis.CLAIMS),
    key=lambda claim: SECTIONS.index(claim.section),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim as the paper's text states it, as the paper's tables show it, and as this study shows it."""

    section: str  # of the paper
    claim: str
    here: str  # from the cells that exist; empty if it cannot be checked yet
    paper: str = ""  # the statement of the text; empty for other tasks than the paper's
    tables: str = ""  # empty if the tables do not show it
    tables_agree: bool | None = None  # whether the tables support the text, with its figures
    agrees: bool | None = None  # whether this study supports the claim, as far as it is done; None if it is open
    done: int = 0  # cells of this study that were counted (seeds, for a claim about embeddings)
    wanted: int = 0
    why: str = ""  # reason why the claim cannot be checked
    never: bool = False  # it can never be checked, because the study does not train this


def findings(report: Report) -> list[Finding]:
    """The paper's claims checked in the study. For other tasks than the paper's: the claims that name no task.

    If the study has only some of the paper's tasks, its All is not the paper's, so only claims about pairs are compared
    with the paper. The paper's tables are read for the tasks and methods of the study.
    """
    known = bool(report.published)
    whole = known and set(report.tasks) == set(PAPER_TASKS)
    papers = paper_report(), paper_report(report)
    found = [_finding(claim, report, papers if whole or (known and claim.of_pairs) else None) for claim in CLAIMS]
    more = [] if whole else list(_helpers_and_harmers(report))
    return sorted(
        [*(finding for finding in found if finding is not None), *more],
        key=lambda finding: SECTIONS.index(finding.section),
    )


def disagreements() -> list[Finding]:
    """The claims that the paper's own tables do not support."""
    return [
        replace(finding, here="", agrees=None, done=0, wanted=0)
        for finding in findings(paper_report())
        if finding.tables_agree is False
    ]


def paper_report(like: Report | None = None) -> Report:
    """The published cells and Table 1 as a report without runs, for the tasks and methods of ``like``.

    For a part of the paper's tasks there are only STL and pairs.
    """
    if like is not None and (set(like.tasks) != set(PAPER_TASKS) or set(like.comparisons) != set(METHODS)):
        whole = paper_report()
        printed = {m: _of_tasks(c, like.tasks) for m, c in whole.comparisons.items() if m in like.comparisons}
        return replace(whole, tasks=like.tasks, comparisons=printed, published=printed)
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


def _of_tasks(printed: Comparison, tasks: Collection[str]) -> Comparison:
    if set(tasks) == set(printed.tasks):
        return printed
    return Comparison(
        method=printed.method,
        tasks=tuple(tasks),
        single={task: cell for task, cell in printed.single.items() if task in tasks},
        pairs={pair: cell for pair, cell in printed.pairs.items() if set(pair) <= set(tasks)},
    )


def _finding(claim: Claim, report: Report, papers: tuple[Report, Report] | None) -> Finding | None:
    """The claim checked in the paper and in this study; None if the study lacks tasks that the claim names."""
    if claim.tasks and (papers is None or not set(claim.tasks) <= set(report.tasks)):
        return None
    here = claim.measure(report, claim.tasks)
    if papers is None:
        return _finding_here(claim.section, claim.elsewhere or claim.words, here)
    whole, tables = (claim.measure(paper, claim.tasks) for paper in papers)
    return replace(
        _finding_here(claim.section, claim.words, here),
        paper=claim.paper,
        tables=tables.text,
        tables_agree=_same(claim, whole),
        agrees=here.holds,
    )


def _finding_here(section: str, words: str, here: Measured) -> Finding:
    """What this study shows, without anything of the paper beside it."""
    text = here.text
    if text and here.done < here.wanted:
        text = f"{text} ({here.done} of {here.wanted} counted)"
    return Finding(section, words, text, done=here.done, wanted=here.wanted, why=here.why, never=here.never)


def _same(claim: Claim, tables: Measured) -> bool | None:
    """Whether the tables support the claim and its figures."""
    if tables.holds is None or not claim.figures:
        return tables.holds
    return tables.holds and tables.figures == claim.figures


GIVEN_TEXT, RECEIVED_TEXT = "helps {up} and harms {down}", "is helped by {up} and harmed by {down}"


def _helpers_and_harmers(report: Report) -> Iterator[Finding]:
    """The effects of each task on its partners and of its partners on it; none with a single seed."""
    for task in report.tasks if len(report.settings.seeds) > 1 else ():
        given, received = pairs(report, given=task), pairs(report, received=task)
        done, wanted = given.done + received.done, given.wanted + received.wanted
        text = "; ".join(
            f"{words.format(up=some.up or 'none', down=some.down or 'none')} of {some.done}"
            for words, some in ((GIVEN_TEXT, given), (RECEIVED_TEXT, received))
            if some.done
        )
        here = Measured(
            text if done else "", done=done, wanted=wanted, why="" if done else "no pair can be compared yet"
        )
        yield _finding_here("4.2", f"Effects of {task} on its partners, and of its partners on {task}.", here)
