"""tagmates.report.findings: the paper's statements, recomputed from its own tables and from other runs."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from published_records import SEEDS, published_records
from scipy import stats

from tagmates.report.correlation import rank_correlation
from tagmates.report.findings import CLAIMS, Finding, disagreements, findings, paper_report
from tagmates.report.findings.agreement import agreement
from tagmates.report.findings.characteristics import characteristics
from tagmates.report.findings.departures import allowed, departures
from tagmates.report.findings.embeddings import consistency, cosines, leaning, nearest, neighbours
from tagmates.report.findings.method_gaps import differing_cells, method_gaps, signed_rank
from tagmates.report.model import Report
from tagmates.report.tables.characteristics import characteristics_table
from tagmates.study.compare import compare, oracle_sets
from tagmates.study.plan import Combination, combination_of
from tagmates.study.published import METHODS, PAPER_TASKS, published, published_statistics
from tagmates.study.records import RunRecord, Runs
from tagmates.study.settings import Method, StudySettings
from tagmates.study.significance import Evidence

# A piece of the claim, and what the paper's tables say of it. The text's own figures where it prints any.
FIGURES = {
    "All is above training alone": "above STL in 17 of 33 (14↑ 13↓)",
    "Neither pairs nor All": "pairs below STL in 180 of 330 cells (81↑ 78↓), All in 16 of 33 (14↑ 13↓)",
    "Oracle does not fall": "20↑ 0↓ of 20 with helpers; 13 without are STL",
    "All is above a pair": (
        "above 167 of 330 pair scores; of 33 tasks above the average pair in 19 and above the best in 9"
    ),
    "On COM, which has no helper": "3 of 3 methods (All − STL +1.83, +1.90 and +1.90)",
    "At least 80 % of COM's partners": "com 22↓, 0↑ and 27 below STL of 30",
    "CHUNK help most often": "upos 16↑, xpos 17↑, chunk 14↑ of 30 each",
    "CHUNK harm less often": "upos 1↓, xpos 3↓, chunk 0↓ of 30 each",
    "COM, FRAME and HYP help no task": "com 0↑, frame 1↑, hyp 0↑ of 30 each",
    "COM, FRAME and HYP harm most": "com 22↓, frame 10↓, hyp 12↓ of 30 each",
    "each harm NER": "upos 1↓ of 3, xpos 3↓ of 3",
    "COM, FRAME and HYP have the fewest labels": "com 2, frame 2, hyp 2; the others at least 3",
    "In pairs only COM harms SEMTR": "semtr: com 2↓; supsense: com 3↓, frame 1↓",
    "On NER, All has the lowest": "rank from below: MULTI-DEC 1 of 11, TE⊕DEC 2 of 11, TE⊕ENC 1 of 11",
    "On SEM, All has the lowest": "rank from below: MULTI-DEC 2 of 11, TE⊕DEC 2 of 11, TE⊕ENC 2 of 11",
    "The gain of All has the same sign": "same sign in 28 of 33; not on com (3), chunk (2)",
    "Oracle is above All in most": "16 of 20",
    "Oracle is not above All": "hyp 3, mwe 1",
    "If All harms a task": "5 of 5: sem (3), upos (1), xpos (1)",
    "The scores of All on UPOS": "upos 5 arrows, sem 2 arrows, semtr 5 arrows of 10 each; the other tasks at most 1",
    "Leaving out COM": "com 5↑ and 0↓ of 10; any other task at most 1↑",
}
DISAGREE = {
    "Some task helps every other task with every method (arrows).": "most often xpos 17↑ of 30",
    "Some task is harmed by every other task with every method (arrows).": "most often upos 16↓ of 30",
    "MWE is above STL with every partner.": "mwe 25 above STL and 20↑ of 30",
    "COM, FRAME and HYP help no task.": "com 0↑, frame 1↑, hyp 0↑ of 30 each",
    "MWE and HYP are above STL with every partner (means).": "mwe 25 above STL, hyp 24 above STL of 30 each",
    "The gain of All has the same sign as the mean gain in pairs, except on COM.": (
        "same sign in 28 of 33; not on com (3), chunk (2)"
    ),
}


def study_report(
    records: Sequence[RunRecord],
    tasks: tuple[str, ...] = PAPER_TASKS,
    sharing: tuple[Method, ...] = METHODS,
    *,
    known: bool = True,
) -> Report:
    """The report of these runs, beside the paper where its tasks are known."""
    settings = StudySettings(tasks=tasks, sharing=sharing, seeds=SEEDS, oracle_sets="test")
    runs = Runs(records)
    comparisons = compare(settings, tasks, runs, oracle_sets(settings, tasks, runs))
    return Report(
        name="study",
        settings=settings,
        tasks=tasks,
        comparisons=comparisons,
        runs=runs,
        progress={},
        published=published() if known else {},
        statistics=published_statistics() if known else (),
    )


def one(found: Sequence[Finding], piece: str) -> Finding:
    (finding,) = [finding for finding in found if piece in finding.claim]
    return finding


def record(
    method: Method, tasks: tuple[str, ...], order: tuple[str, ...], seed: int, scores: Sequence[float]
) -> RunRecord:
    combination = combination_of(method, tasks, order)
    test = dict(zip(combination.tasks, scores, strict=True))
    return RunRecord(str(combination), combination, seed, test, test, 10, 1, "cap", 1.0, 100)


@pytest.fixture(scope="module")
def records() -> list[RunRecord]:
    return published_records()


@pytest.fixture(scope="module")
def of_paper() -> list[Finding]:
    return findings(paper_report())


def test_figures_of_the_papers_tables(of_paper: list[Finding]) -> None:
    assert {piece: one(of_paper, piece).tables for piece in FIGURES} == FIGURES
    assert all(finding.tables == finding.here for finding in of_paper)


def test_where_text_and_tables_part(of_paper: list[Finding]) -> None:
    assert {finding.claim: finding.tables for finding in disagreements()} == DISAGREE
    unknown = {finding.claim for finding in of_paper if finding.tables_agree is None}
    assert len(unknown) == 10  # about task embeddings, which no table has
    assert all("embeddings" in finding.why for finding in of_paper if finding.claim in unknown)


def test_runs_with_the_papers_scores_say_the_same(records: list[RunRecord]) -> None:
    found = findings(study_report(records))
    assert len(found) == len(findings(paper_report()))
    for finding in found:
        assert finding.done == finding.wanted
        if finding.tables:
            assert finding.here.startswith(finding.tables)
            assert finding.agrees == (finding.tables_agree or finding.claim.startswith("UPOS"))
        else:
            assert finding.here


def test_figures_of_the_text_are_held_against_the_tables_only() -> None:
    harmless = [r for r in published_records() if set(r.combination.tasks) != {"semtr", "frame"}]
    finding = one(findings(study_report(harmless)), "COM, FRAME and HYP help no task")
    assert (finding.tables_agree, finding.agrees) == (False, True)
    assert finding.here == "com 0↑ of 30; frame 0↑ of 27; hyp 0↑ of 30 (87 of 90 counted)"
    fewer = [r for r in harmless if set(r.combination.tasks) != {"upos", "chunk"}]
    finding = one(findings(study_report(fewer)), "CHUNK help most often")
    assert finding.here == "upos 13↑ of 27; xpos 17↑ of 30; chunk 13↑ of 27 (84 of 90 counted)"
    assert (finding.tables_agree, finding.agrees) == (True, True)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("draw", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_parts_of_a_study(records: list[RunRecord], share: float, draw: int) -> None:
    some = random.Random(draw).sample(records, round(share * len(records)))
    report = study_report(some)
    for finding in findings(report):
        check(finding)
    for row in agreement(report):
        assert row.same + row.opposite + row.here_only + row.paper_only == row.judged <= row.compared <= row.cells
    assert len(characteristics(report)) == 18


def check(finding: Finding) -> None:
    """Something is said, of how much it is said, or why nothing is."""
    assert bool(finding.here) != bool(finding.why)
    assert 0 <= finding.done <= finding.wanted
    assert finding.here.endswith(f"({finding.done} of {finding.wanted} counted)") == bool(
        finding.here and finding.done < finding.wanted
    )
    assert finding.here or finding.agrees is None


def test_regimes_and_methods_that_are_missing(records: list[RunRecord]) -> None:
    alone = [r for r in records if len(r.combination.tasks) == 1]
    for finding in findings(study_report(alone)):
        check(finding)
    multi = [r for r in records if r.combination.sharing in ("stl", "multi_dec")]
    found = findings(study_report(multi, sharing=("multi_dec",)))
    assert one(found, "CHUNK help most often").here == "upos 5↑, xpos 6↑, chunk 5↑ of 10 each"
    assert one(found, "do not differ").why == "there is only one method"
    assert one(found, "with TE⊕DEC, the largest gaps").why == "this study does not train with TE⊕DEC"
    assert one(found, "UPOS and XPOS are nearest").why == "this study does not train with TE⊕DEC"
    report = study_report(multi, sharing=("multi_dec",))
    pairs_only = replace(report, settings=report.settings.model_copy(update={"regimes": ("single", "pair")}))
    without = replace(pairs_only, comparisons={m: replace(c, all_but_one={}) for m, c in report.comparisons.items()})
    assert one(findings(without), "Leaving a task out").why == "this study does not train all tasks but one"


def test_what_is_not_done_decides_no_claim(records: list[RunRecord]) -> None:
    """A task of the claim without a cell that can have an arrow, and a task without some of its pairs."""
    once = [r for r in records if r.seed == 1 or "hyp" in r.combination.tasks]
    report = study_report(once)
    harm = one(findings(report), "COM, FRAME and HYP harm most often")
    assert harm.here == "com 0↓, frame 0↓ of 3 each (6 of 90 counted)"  # in the pairs with HYP
    assert harm.agrees is None
    joint = one(findings(report), "All is above every pair")
    assert (joint.here, joint.agrees) == ("above every pair in 6 of 6", True)
    fewer = [r for r in records if r.combination != combination_of("te_dec", ("mwe", "com"), PAPER_TASKS)]
    found = findings(study_report(fewer))
    assert one(found, "All is above every pair").here == "above every pair in 5 of 5 (5 of 6 counted)"
    assert one(found, "has the same sign as the mean").wanted == one(found, "has the same sign as the mean").done + 2
    whole = one(findings(study_report(records)), "The mean gain in pairs is largest")
    part = one(found, "The mean gain in pairs is largest")
    assert (whole.done, part.done, part.wanted) == (330, 220, 330)


def test_shares_of_arrows_are_those_of_cells_that_can_have_one(records: list[RunRecord]) -> None:
    """Of NER and MWE alone and together there are three seeds, of all else one."""
    small = {"ner", "mwe"}
    report = study_report([r for r in records if r.seed == 1 or set(r.combination.tasks) <= small])
    rows = {(c.side, c.measure, c.trait): c for c in characteristics(report)}
    assert {c.n for c in rows.values() if c.measure != "gain"} == {2}
    assert {c.n for c in rows.values() if c.measure == "gain"} == {11}
    assert "those of 2 tasks" in characteristics_table(report).caption


def test_scores_that_are_all_the_same(records: list[RunRecord]) -> None:
    flat = [replace(r, test=dict.fromkeys(r.test, 50.0)) for r in records]
    report = study_report(flat)
    found = findings(report)
    for finding in found:
        check(finding)
    assert one(found, "Oracle is above All in most").why == "no task has a helper"
    assert one(found, "CHUNK harms no task").agrees
    assert one(found, "do not differ").agrees
    assert {c.correlation for c in characteristics(report)} == {None}
    assert {row.correlation for row in agreement(report)} == {None}


def test_one_seed_is_enough(records: list[RunRecord]) -> None:
    for finding in findings(study_report([r for r in records if r.seed == 1])):
        check(finding)


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_other_tasks(number: int) -> None:
    """Nothing of the paper stands beside them, and only what can be asked of any tasks is asked."""
    tasks = tuple(f"task-{letter}" for letter in "edcba"[:number])
    draw = np.random.default_rng(number)
    trained = [*((task,) for task in tasks), *combinations(tasks, 2), tasks]
    runs = [
        record(method, some, tasks, seed, draw.uniform(50, 60, len(some)))
        for method in METHODS
        for some in dict.fromkeys(trained)
        for seed in SEEDS
    ]
    found = findings(study_report(runs, tasks, known=False))
    assert len(found) == sum(not claim.tasks for claim in CLAIMS) + number
    for finding in found:
        check(finding)
        assert (finding.paper, finding.tables, finding.tables_agree, finding.agrees) == ("", "", None, None)
        assert not set(finding.claim.lower().replace(",", " ").split()) & {*PAPER_TASKS}


def test_some_of_the_papers_tasks(records: list[RunRecord]) -> None:
    """Their pairs are the paper's; their All is not."""
    tasks = ("upos", "chunk", "ner", "com", "mwe")
    some = [r for r in records if set(r.combination.tasks) <= set(tasks) and len(r.combination.tasks) <= 2]
    orders = [
        replace(r, combination=Combination(r.combination.sharing, tuple(sorted(r.combination.tasks, key=tasks.index))))
        for r in some
    ]
    report = study_report(orders, tasks)
    found = findings(report)
    assert {finding.section for finding in found if finding.paper} == {"abstract", "4.2", "4.3"}
    assert [finding.section for finding in found] == sorted(
        (finding.section for finding in found), key=lambda section: (section != "abstract", section)
    )
    assert not any("All" in finding.claim and finding.paper for finding in found)
    helped = one(found, "Some task helps every other")
    assert helped.tables == helped.here == "most often upos 6↑ of 12"
    assert helped.tables_agree is False
    assert one(found, "CHUNK harms no task").here == "chunk 0↓ of 12"
    assert (
        one(found, "Effects of com on").here == "helps none and harms 9 of 12; is helped by none and harmed by 3 of 12"
    )
    assert not any("SEMTR" in finding.claim or "XPOS" in finding.claim for finding in found)
    assert {row.regime for row in agreement(report)} == {"single", "pair", "oracle"}


def test_agreement_by_hand() -> None:
    report = paper_report()
    paper = report.comparisons["multi_dec"]
    three = dict(list(paper.pairs.items())[:3])  # on upos: xpos, chunk, ner
    moved = {
        key: replace(cell, mean=cell.mean + gap, arrow=arrow)
        for (key, cell), gap, arrow in zip(three.items(), (0.1, -0.2, 0.0), ("up", "down", None), strict=True)
    }
    found = agreement(replace(report, comparisons={"multi_dec": replace(paper, pairs=moved)}))
    row = next(row for row in found if row.regime == "pair")
    assert (row.cells, row.compared, row.same, row.here_only, row.paper_only, row.opposite) == (3, 3, 1, 2, 0, 0)
    assert row.above == pytest.approx(-0.1 / 3)
    assert (row.apart, row.at_most) == (pytest.approx(0.1), pytest.approx(0.2))
    # here +0.08, -0.17, -0.02; the paper -0.02, +0.03, -0.02
    assert row.same_sign == 1
    assert row.correlation == pytest.approx(-0.866, abs=1e-3)
    assert [row.regime for row in found] == ["single", "pair", "all", "all_but_one", "oracle"]


def test_cells_that_need_a_reason_by_hand() -> None:
    report = paper_report()
    paper = report.comparisons["multi_dec"]
    single = dict(paper.single)
    for task, gap in (("upos", 0.6), ("chunk", -0.4), ("ner", 1.6), ("mwe", 1.4)):
        single[task] = replace(single[task], mean=single[task].mean + gap)
    shown = Evidence(-1.0, 0.2, 9, -1.4, -0.6, 0.01, 0.01, 0.01)
    helps = ("supsense", "mwe")
    assert (paper.pairs[helps].difference or 0) > 0
    pairs = {helps: replace(paper.pairs[helps], mean=(paper.pairs[helps].base or 0) - 1, evidence=shown)}
    changed = {"multi_dec": replace(paper, single=single, pairs=pairs, all={}, all_but_one={}, oracle={})}
    found = departures(replace(report, comparisons=changed, runs=Runs([])))
    assert [(d.ours.task, d.too_far, d.opposite) for d in found] == [
        ("upos", True, False),
        ("ner", True, False),
        ("mwe", True, True),
    ]
    assert [d.limit for d in found] == [0.5, 1.5, 1.5]


def test_a_wider_interval_allows_more_where_seeds_vary() -> None:
    seeds = {1: 50.0, 2: 52.0, 3: 54.0}  # everywhere, so that a variance is 4
    records = [replace(r, test=dict.fromkeys(r.test, seeds[r.seed])) for r in published_records()]
    report = study_report(records)
    cells = report.comparisons["te_dec"].pairs.values()
    found = [allowed(report, cell) / (4 * 2 / 3) ** 0.5 for cell in cells]
    assert all(3 < errors < 3.1 for errors in found)  # above 3, since the variance is itself an estimate
    low = [d for d in departures(report) if d.theirs.mean < 56]
    assert {d.ours.task for d in low if d.too_far} == {"hyp"}  # 46 to 48 in the paper
    assert {d.ours.task for d in low if not d.too_far} == {
        "frame",
        "mwe",
        "hyp",
    }  # 1.5 points away, but it may be chance
    for some in (
        [r for r in records if r.seed == 2],  # no seed to vary
        [r for r in records if r.seed == 2 or len(r.combination.tasks) == 1],  # two degrees of freedom tell too little
    ):
        report = study_report(some)
        assert {allowed(report, cell) for cell in cells} == {1.5, 0.5}


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation([1, 2, 3], [10, 30, 20]) == pytest.approx(0.5)
    assert rank_correlation([1, 2, 3, 4], [1, 4, 9, 16]) == pytest.approx(1)
    assert rank_correlation([1, 1, 2], [5, 5, 4]) == pytest.approx(-1)
    assert rank_correlation([1, 2], [1, 2]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_characteristics_by_hand() -> None:
    tasks = ("a", "b", "c")
    gains = {("a", "b"): (3, 1), ("a", "c"): (2, 1), ("b", "c"): (-5, 2)}  # of the first, of the second
    runs = [record("multi_dec", (task,), tasks, 1, [50]) for task in tasks]
    runs += [record("multi_dec", pair, tasks, 1, [50 + first, 50 + second]) for pair, (first, second) in gains.items()]
    report = study_report(runs, tasks, ("multi_dec",), known=False)
    rows = [{"task": task, "sentences_train": 10 * i, "labels": 5, "label_entropy": -i} for i, task in enumerate(tasks)]
    found = {(c.side, c.measure, c.trait): c for c in characteristics(replace(report, statistics=rows))}
    # given: a 1 and 1, b 3 and 2, c 2 and -5; received: a 3 and 2, b 1 and -5, c 1 and 2
    assert found["gives", "gain", "sentences_train"].correlation == pytest.approx(-0.5)
    assert found["receives", "gain", "label_entropy"].correlation == pytest.approx(0.5)
    assert found["gives", "gain", "labels"].correlation is None
    assert found["gives", "gain", "labels"].why == "one side is the same for every task"
    assert found["gives", "gain", "labels"].n == 3
    assert {c.why for c in characteristics(report)} == {"0 tasks are too few"}


def test_characteristics_are_a_table_beside_the_papers() -> None:
    table = characteristics_table(paper_report())
    assert [row.entries[2].text for row in table.rows if row.head.startswith("helps")] == ["+0.95"]
    assert all(row.entries[:3] == row.entries[3:] for row in table.rows)
    assert len(table.data) == 36


def test_characteristics_of_the_paper() -> None:
    found = {(c.side, c.measure, c.trait): c.correlation for c in characteristics(paper_report())}
    assert found["gives", "up", "label_entropy"] == pytest.approx(0.947, abs=1e-3)
    assert found["gives", "up", "sentences_train"] == pytest.approx(0.578, abs=1e-3)


def test_signed_rank_test() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, 12)
    assert signed_rank(differences.tolist()) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)
    assert signed_rank([1, 1, 1, 1, 1]) == pytest.approx(2 / 32)  # equal sizes: all signs of one kind
    assert signed_rank([0.1, -0.1]) == 1
    assert signed_rank([0.0, 0.0]) == 1
    assert signed_rank([]) == 1


def test_gaps_between_methods() -> None:
    gaps = {(gap.ours, gap.theirs, gap.regime): gap for gap in method_gaps(paper_report())}
    assert len(gaps) == 9
    assert all(gap.tasks == 11 for gap in gaps.values())
    assert str(gaps["multi_dec", "te_dec", "pair"]) == "MULTI-DEC − TE⊕DEC, Pairs: +0.39 (p 0.042)"
    assert differing_cells(paper_report()) == (0, 0, 0)
    by_rule, beyond, cells = differing_cells(study_report(published_records(sentences=300)))
    assert cells == 3 * (110 + 11)
    assert 0 < beyond < cells > by_rule > 0


def test_cosines_by_hand() -> None:
    found = cosines([[3, 0], [0, 2], [1, 1], [0, 0]])
    assert found[0] == pytest.approx([1, 0, 0.5**0.5, 0])
    assert found[3].tolist() == [0, 0, 0, 0]
    assert nearest(found) == [2, 2, 0, 0]
    assert neighbours(found, 1, 2)
    assert not neighbours(found, 0, 1)
    assert leaning(found, 2, [0, 2], [1, 3]) == pytest.approx(0.5**0.5 / 2)  # itself is left out
    assert consistency([found, found]) == pytest.approx(1)
    assert consistency([found]) is None


ANGLES = dict(zip(PAPER_TASKS, (0, 5, 45, 128, 130, 90, 104, 80, 20, 60, 110), strict=True))


def test_embeddings_as_the_paper_sees_them(records: list[RunRecord]) -> None:
    radians = np.radians([ANGLES[task] for task in PAPER_TASKS])
    rows = np.stack([np.cos(radians), np.sin(radians)], axis=1).tolist()
    runs = [
        replace(r, embeddings={"best": rows})
        if r.combination == combination_of("te_dec", PAPER_TASKS, PAPER_TASKS)
        else r
        for r in records
    ]
    found = [finding for finding in findings(study_report(runs)) if not finding.tables]
    assert len(found) == 10
    assert [finding.agrees for finding in found if not finding.claim.startswith("Similar tasks")] == [True] * 9
    assert one(found, "MWE and NER are").here == "neighbours in 3 of 3 seeds"
    assert "mwe: ner 1.00" in one(found, "Similar tasks").here
    assert one(found, "Seeds agree").here.startswith(
        "rank correlation of similarities between seeds: TE⊕DEC 1.00 over 3"
    )
    one_seed = [r for r in runs if r.seed == 2 or not r.embeddings]
    found = findings(study_report(one_seed))
    assert one(found, "MWE and NER are").here == "neighbours in 1 of 1 seed (1 of 3 counted)"
    assert one(found, "Seeds agree").why == "at least two seeds and three tasks are needed"
