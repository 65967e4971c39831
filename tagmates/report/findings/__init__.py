"""Every quantitative sentence of the paper's sections 4.1-4.4, beside its own tables and beside a study."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from tagmates.report.findings import claims_analysis, claims_joint, claims_main, claims_pairs
from tagmates.report.findings.claim import Claim, Measured
from tagmates.report.findings.tally import pairs
from tagmates.report.model import Report
from tagmates.study.compare import Comparison
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
    never: bool = False  # nor will there be, for the study does not train it


def findings(report: Report) -> list[Finding]:
    """What the study says of the paper's claims; of other tasks than the paper's, of those that can be made of any.

    Where it has only some of the paper's tasks, its All is not the paper's, whose text then stands beside pairs only;
    the paper's tables are read for the study's tasks and methods.
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
    """Where the paper's tables do not bear out its text, its figures or its words."""
    return [
        replace(finding, here="", agrees=None, done=0, wanted=0)
        for finding in findings(paper_report())
        if finding.tables_agree is False
    ]


def paper_report(like: Report | None = None) -> Report:
    """The paper's printed cells and Table 1 as if they were a study without runs; of the tasks and methods of another.

    Of some of its tasks there are only STL and pairs.
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
    """Beside the paper, whole and of this study's tasks; None for a claim about tasks that are not here as there."""
    if claim.tasks and (papers is None or not set(claim.tasks) <= set(report.tasks)):
        return None
    here = claim.measure(report, claim.tasks)
    if papers is None:
        words, text = claim.elsewhere or claim.words, _text(here)
        return Finding(claim.section, words, "", "", text, None, None, here.done, here.wanted, here.why, here.never)
    whole, tables = (claim.measure(paper, claim.tasks) for paper in papers)
    return Finding(
        section=claim.section,
        claim=claim.words,
        paper=claim.paper,
        tables=tables.text,
        here=_text(here),
        tables_agree=_same(claim, whole),
        agrees=here.holds,
        done=here.done,
        wanted=here.wanted,
        why=here.why,
        never=here.never,
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


GIVES, RECEIVES = "helps {up} and harms {down}", "is helped by {up} and harmed by {down}"


def _helpers_and_harmers(report: Report) -> Iterator[Finding]:
    """What every task gives to its partners and receives from them; with a single seed the rule sees nothing."""
    for task in report.tasks if len(report.settings.seeds) > 1 else ():
        given, received = pairs(report, given=task), pairs(report, received=task)
        done, wanted = given.done + received.done, given.wanted + received.wanted
        text = "; ".join(
            f"{words.format(up=some.up or 'none', down=some.down or 'none')} of {some.done}"
            for words, some in ((GIVES, given), (RECEIVES, received))
            if some.done
        )
        here = Measured(
            text if done else "", done=done, wanted=wanted, why="" if done else "no pair can be compared yet"
        )
        yield Finding(
            "4.2", f"Whom {task} helps, and who helps it.", "", "", _text(here), None, None, done, wanted, here.why
        )
