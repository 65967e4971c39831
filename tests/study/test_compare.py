"""tagmates.study.compare: arrows, cells and oracle sets against the paper's rule over plain lists of runs."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import tried
from study_folders import make_counts, make_records

from tagmates.study.compare import Cell, Comparison, arrow_between, compare, count, deviation, oracle_sets
from tagmates.study.plan import Combination, OracleSets
from tagmates.study.records import RunRecord, Runs, Split
from tagmates.study.settings import Method, StudySettings
from tagmates.study.significance import adjust, compare_runs, linearise, pooled_variance

METHODS: tuple[Method, ...] = get_args(Method)


def study_of(**values: Any) -> StudySettings:
    return StudySettings(**{"vectors": "random", **values})


def arrow_of_the_paper(ours: Sequence[float], theirs: Sequence[float], k: float, ddof: int) -> str | None:
    """Protocol section 5: "higher" is mean - k std > mean + k std; "tie" where rounding decides."""
    (mean1, std1), (mean2, std2) = ((float(np.mean(s)), float(np.std(s, ddof=ddof))) for s in (ours, theirs))
    if abs(abs(mean1 - mean2) - k * (std1 + std2)) < 1e-9:
        return "tie"
    if mean1 - k * std1 > mean2 + k * std2:
        return "up"
    return "down" if mean2 - k * std2 > mean1 + k * std1 else None


some_scores = st.lists(st.integers(0, 40).map(lambda i: i / 4) | st.floats(0, 100), min_size=2, max_size=5)


class TestArrow:
    @given(ours=some_scores, theirs=some_scores, k=st.sampled_from([0, 0.5, 1, 1.5, 3]), std=st.booleans())
    def test_the_rule_of_the_paper(self, ours: list[float], theirs: list[float], k: float, std: bool) -> None:
        name, ddof = ("sample", 1) if std else ("population", 0)
        expected = arrow_of_the_paper(ours, theirs, k, ddof)
        assume(expected != "tie")
        assert arrow_between(ours, theirs, k, name) == expected
        turned: dict[str | None, str | None] = {"up": "down", "down": "up", None: None}
        assert arrow_between(theirs, ours, k, name) == turned[expected]

    def test_higher_is_strictly_higher(self) -> None:
        assert arrow_between([3, 5], [0, 2], 1.5, "population") is None  # 4 - 1.5 = 1 + 1.5
        assert arrow_between([3.25, 5.25], [0, 2], 1.5, "population") == "up"
        assert arrow_between([0, 2], [3.25, 5.25], 1.5, "population") == "down"
        assert arrow_between([3.25, 5.25], [0, 2], 1.5, "sample") is None
        assert arrow_between([5, 5], [5, 5], 1.5, "population") is None

    @pytest.mark.parametrize(
        ("seeds", "spread", "percent"), [(3, 1, 5), (3, 100, 17), (2, 1, 20), (2, 100, 37)]
    )  # as docs/statistics.md says
    def test_how_often_it_errs(self, seeds: int, spread: float, percent: float) -> None:
        draw, number = np.random.default_rng(1), 3000
        pairs = zip(draw.normal(0, 1, (number, seeds)), draw.normal(0, spread, (number, seeds)), strict=True)
        wrong = sum(
            arrow_between(ours.tolist(), theirs.tolist(), 1.5, "population") is not None for ours, theirs in pairs
        )
        assert 100 * wrong / number == pytest.approx(percent, abs=2.5)

    def test_without_deviations_any_difference_counts(self) -> None:
        assert arrow_between([3, 9], [2, 9], 0, "population") == "up"
        assert arrow_between([3, 9], [2, 9], 0, "sample") == "up"
        assert arrow_between([3, 9], [9, 3], 0, "population") is None

    def test_one_run_has_no_deviation_to_give_way(self) -> None:
        for std in ("population", "sample"):
            for ours, theirs in (([3], [2.9]), ([3], [1, 1]), ([3, 3], [1])):
                assert arrow_between(ours, theirs, 0, std) is arrow_between(theirs, ours, 0, std) is None
            assert arrow_between([3, 3], [1, 1], 1.5, std) == "up"

    def test_no_run(self) -> None:
        for std in ("population", "sample"):
            assert arrow_between([], [1, 2], 0, std) is arrow_between([1, 2], [], 0, std) is None

    @given(scores=some_scores)
    def test_deviations(self, scores: list[float]) -> None:
        assert deviation(scores, "population") == pytest.approx(np.std(scores), abs=1e-9)
        assert deviation(scores, "sample") == pytest.approx(np.std(scores, ddof=1), abs=1e-9)
        assert deviation(scores[:1], "population") == deviation(scores[:1], "sample") == 0


World = tuple[StudySettings, tuple[str, ...], list[RunRecord], OracleSets]


@st.composite
def worlds(draw: st.DrawFn, *, missing: bool = True) -> World:
    """A study of two to four tasks, most of its runs, and some oracle sets; dev and test know nothing of each other."""
    tasks = tuple("abcd"[: draw(st.integers(2, 4))])
    methods = METHODS[: draw(st.integers(1, 2))]
    dice = random.Random(draw(st.integers(0, 10**6)))
    study = study_of(
        sharing=methods,
        seeds=range(draw(st.integers(1, 3))),
        k=draw(st.sampled_from([0, 0.5, 1.5])),
        std=draw(st.sampled_from(["population", "sample"])),
        oracle_sets=draw(st.sampled_from(["dev", "test"])),
    )
    sets = {
        (method, task): tuple(other for other in tasks if other != task and dice.random() < 0.5)
        for method in methods
        for task in tasks
        if dice.random() < 0.7
    }
    levels: dict[Any, float] = {}
    spread = draw(st.sampled_from([0, 0.5, 2]))

    def score(combination: Combination, task: str, seed: int, split: Split) -> float:
        level = levels.setdefault((combination, task, split), 50 + dice.randint(0, 20) / 4)
        return level + spread * dice.randint(0, 4) / 4

    records = make_records(study, tasks, score, sets)
    dropped = draw(st.sampled_from([0, 0.1, 0.6])) if missing else 0
    kept = [
        replace(record, stopped=dice.choice(["patience", "cap"]), updates=dice.randint(1, 999))
        for record in records
        if dice.random() >= dropped
    ]
    return study, tasks, dice.sample(kept, len(kept)), sets


def runs_of(records: Iterable[RunRecord], method: str, trained: Iterable[str]) -> list[RunRecord]:
    wanted = set(trained)
    sharing = "stl" if len(wanted) == 1 else method
    return [r for r in records if (r.combination.sharing, set(r.combination.tasks)) == (sharing, wanted)]


def check_cell(
    cell: Cell | None, world: World, method: str, task: str, trained: Iterable[str], base: Iterable[str]
) -> None:
    """That the cell is there if a run is, and says what the runs say."""
    study, _, records, _ = world
    ours, theirs = runs_of(records, method, trained), runs_of(records, method, base)
    if not ours:
        assert cell is None
        return
    assert cell is not None
    ddof = 0 if study.std == "population" or len(ours) == 1 else 1
    scores = [r.test[task] for r in ours]
    assert (cell.task, set(cell.combination.tasks), cell.n) == (task, set(trained), len(ours))
    assert cell.mean == pytest.approx(np.mean(scores))
    assert cell.std == pytest.approx(np.std(scores, ddof=ddof), abs=1e-9)
    assert cell.dev == pytest.approx(np.mean([r.dev[task] for r in ours]))
    assert cell.updates == pytest.approx(np.mean([r.updates for r in ours]))
    assert cell.capped == sum(r.stopped == "cap" for r in ours)
    if not theirs or set(trained) == set(base):
        assert (cell.base, cell.arrow, cell.evidence, cell.difference) == (None, None, None, None)
        assert (cell.base_n, cell.fewest) == (None, len(ours))
        return
    others = [r.test[task] for r in theirs]
    assert cell.base == pytest.approx(np.mean(others))
    assert cell.difference == pytest.approx(np.mean(scores) - np.mean(others), abs=1e-9)
    assert (cell.base_n, cell.fewest) == (len(theirs), min(len(ours), len(theirs)))
    if cell.fewest < 2:
        assert cell.arrow is None
    else:
        expected = arrow_of_the_paper(scores, others, study.k, int(study.std == "sample"))
        assert expected in ("tie", cell.arrow)
    assert cell.has_too_few_runs == (cell.fewest < 2)
    assert (cell.evidence is not None) == (cell.fewest >= 2 and not cell.selected)


class TestCells:
    @settings(max_examples=tried(60))
    @given(world=worlds())
    def test_every_cell(self, world: World) -> None:
        study, tasks, records, sets = world
        made = compare(study, tasks, Runs(records), sets)
        assert tuple(made) == study.sharing
        for method, found in made.items():
            assert (found.method, found.tasks) == (method, tasks)
            assert found.oracle_sets == {task: helpers for (m, task), helpers in sets.items() if m == method}
            for task in tasks:
                check_cell(found.single.get(task), world, method, task, [task], [task])
                check_cell(found.all.get(task), world, method, task, tasks, [task])
                for other in set(tasks) - {task}:
                    check_cell(found.pairs.get((other, task)), world, method, task, [task, other], [task])
                    rest = set(tasks) - {other}
                    check_cell(found.all_but_one.get((other, task)), world, method, task, rest, tasks)
                if (method, task) in sets:
                    check_cell(found.oracle.get(task), world, method, task, [task, *sets[method, task]], [task])
                else:
                    assert task not in found.oracle
            wanted = sum(len(cells) for cells in cells_of(found))
            known = len(tasks) * 2 + 2 * len(tasks) * (len(tasks) - 1) + len(found.oracle)
            assert wanted <= known
            assert all(other != task for other, task in [*found.pairs, *found.all_but_one])

    @settings(max_examples=30)
    @given(world=worlds())
    def test_averages_and_counts(self, world: World) -> None:
        study, tasks, records, sets = world
        for method, found in compare(study, tasks, Runs(records), sets).items():
            for task in tasks:
                means = [
                    np.mean([r.test[task] for r in runs])
                    for other in tasks
                    if other != task and (runs := runs_of(records, method, [task, other]))
                ]
                average = found.average(task)
                assert average == (pytest.approx(np.mean(means)) if means else None)
            for cells in cells_of(found):
                arrows = [cell.arrow for cell in cells.values()]
                assert count(cells.values(), "up") == arrows.count("up")
                assert count(cells.values(), "down") == arrows.count("down")

    @settings(max_examples=30)
    @given(world=worlds())
    def test_sets_chosen_on_test_have_no_evidence(self, world: World) -> None:
        study, tasks, records, sets = world
        for found in compare(study, tasks, Runs(records), sets).values():
            for cells in (found.single, found.pairs, found.all, found.all_but_one):
                assert not any(cell.selected for cell in cells.values())
            for task, cell in found.oracle.items():
                helpers = found.oracle_sets[task]
                how = "on test" if study.oracle_sets == "test" else "by these runs" if len(helpers) == 1 else ""
                assert cell.selected == (how if helpers and cell.base is not None else "")
                assert not (cell.selected and (cell.evidence or cell.beyond_chance))

    def test_two_tasks(self) -> None:
        """All is the pair; all but one is one alone, held against the pair."""
        study, scores = study_of(seeds=[1, 2], k=0), {1: 50.0, 2: 60.0}
        records = make_records(study, "ab", lambda s, *_: scores[len(s.tasks)])
        found = compare(study, "ab", Runs(records), {})["multi_dec"]
        assert found.all["a"].mean == found.pairs["b", "a"].mean == 60
        assert (found.all["a"].base, found.all["a"].arrow) == (50, "up")
        assert (found.all_but_one["b", "a"].mean, found.all_but_one["b", "a"].base) == (50, 60)
        assert found.all_but_one["b", "a"].arrow == "down"

    def test_a_task_without_test_sentences_has_no_cell(self) -> None:
        study = study_of(seeds=[1, 2])
        records = [
            replace(r, test={task: f1 for task, f1 in r.test.items() if task != "b"})
            for r in make_records(study, "abc", lambda *_: 50.0)
        ]
        found = compare(study, "abc", Runs(records), {})["multi_dec"]
        tested = [key if isinstance(key, str) else key[1] for cells in cells_of(found) for key in cells]
        assert set(tested) == {"a", "c"}
        assert ("b", "a") in found.pairs

    def test_a_single_run_on_a_side_has_no_verdict(self) -> None:
        """However many runs the base and the other pairs have: they do not show how far runs of this pair spread."""
        study = study_of(seeds=[1, 2, 3])
        records = make_records(study, "abc", lambda s, t, seed, _: 50.0 + 9 * len(s.tasks) + seed / 10)
        pair, alone = Combination("multi_dec", ("a", "b")), Combination("stl", ("a",))
        for single in (pair, alone):
            some = [r for r in records if r.combination != single or r.seed == 2]
            cells = compare(study, "abc", Runs(some), {})["multi_dec"].pairs
            assert cells["b", "a"].difference == pytest.approx(9, abs=0.2)
            assert cells["b", "a"].has_too_few_runs
            assert (cells["b", "a"].evidence, cells["b", "a"].beyond_chance) == (None, False)
            assert cells["c", "b"].evidence is not None

    def test_runs_without_counts_have_arrows_and_no_evidence(self) -> None:
        study = study_of(seeds=[1, 2])
        records = make_records(study, "ab", lambda s, t, seed, _: 50.0 + 9 * len(s.tasks) + seed)
        some = [replace(r, counts={}) if r.combination.tasks == ("a",) and r.seed == 2 else r for r in records]
        cells = [compare(study, "ab", Runs(made), {})["multi_dec"].pairs for made in (records, some)]
        assert cells[0]["b", "a"].evidence is not None
        assert cells[1]["b", "a"].evidence is None
        assert cells[0]["b", "a"].arrow == cells[1]["b", "a"].arrow == "up"
        assert cells[1]["a", "b"].evidence is not None


def cells_of(found: Comparison) -> list[dict[Any, Cell]]:
    return [dict(cells) for cells in (found.single, found.pairs, found.all, found.all_but_one, found.oracle)]


def benjamini_hochberg(p: Sequence[float], mine: float) -> float:
    return min(1, *(other * len(p) / sum(o <= other for o in p) for other in p if other >= mine))


def holm(p: Sequence[float], mine: float) -> float:
    return min(1, max(other * (len(p) - sum(o < other for o in p)) for other in p if other <= mine))


class TestFamilies:
    @settings(max_examples=30)
    @given(world=worlds())
    def test_each_regime_of_a_method_is_one(self, world: World) -> None:
        study, tasks, records, sets = world
        for found in compare(study, tasks, Runs(records), sets).values():
            for cells in cells_of(found):
                evidence = [cell.evidence for cell in cells.values() if cell.evidence is not None]
                p = [each.p for each in evidence]
                for each in evidence:
                    assert each.q == pytest.approx(benjamini_hochberg(p, each.p), rel=1e-9)
                    assert each.holm == pytest.approx(holm(p, each.p), rel=1e-9)
                for cell in cells.values():
                    assert cell.beyond_chance == (cell.evidence is not None and (cell.evidence.q or 0) <= 0.05)

    def test_pairs_are_judged_by_the_pairs_of_their_method_alone(self) -> None:
        study = study_of(sharing=["multi_dec", "te_dec"], seeds=[1, 2, 3])
        records = make_records(study, "abcd", lambda s, t, seed, _: 50.0 + len(s.tasks) + seed / 3)

        def pairs(records: Sequence[RunRecord]) -> dict[tuple[str, str], Cell]:
            return dict(compare(study, "abcd", Runs(records), {})["multi_dec"].pairs)

        def other_counts(record: RunRecord) -> RunRecord:
            """Other right answers, which change p; the scores, and so the noise between seeds, stay."""
            return replace(record, counts={t: make_counts(90, 12, f"new {record.name} {t}") for t in record.counts})

        others = [
            other_counts(r) if r.combination.sharing == "te_dec" or len(r.combination.tasks) > 2 else r for r in records
        ]
        assert pairs(others) == pairs(records)
        one = [other_counts(r) if r.combination == Combination("multi_dec", ("a", "b")) else r for r in records]
        changed = {key for key, cell in pairs(one).items() if cell.evidence != pairs(records)[key].evidence}
        assert {("a", "b"), ("b", "a")} <= changed

    def test_evidence_is_that_of_the_counts_and_of_the_noise_of_all_combinations(self) -> None:
        study = study_of(seeds=[1, 2, 3])
        records = make_records(study, "abc", lambda s, t, seed, _: 50.0 + 3 * len(s.tasks) + (seed * 7 + ord(t)) % 5)
        found = compare(study, "abc", Runs(records), {})["multi_dec"]
        runs = Runs(records)
        noise = pooled_variance(
            [[r.test["b"] for r in some] for combination, some in runs.items() if "b" in combination.tasks]
        )
        assert noise is not None
        family = []
        for other, task in found.pairs:
            ours, base = runs_of(records, "multi_dec", [other, task]), runs_of(records, "multi_dec", [task])
            own = pooled_variance([[r.test[task] for r in some] for s, some in runs.items() if task in s.tasks])
            assert own is not None
            sides = [linearise([record.counts[task] for record in some]) for some in (ours, base)]
            family.append(compare_runs(*sides, own))
        assert [cell.evidence for cell in found.pairs.values()] == adjust([each for each in family if each])


class TestOracleSets:
    @settings(max_examples=tried(60))
    @given(world=worlds())
    def test_the_partners_whose_pair_is_higher(self, world: World) -> None:
        study, tasks, records, _ = world
        known = oracle_sets(study, tasks, Runs(records))
        for method in study.sharing:
            for task in tasks:

                def scores(*trained: str, method: str = method, task: str = task) -> list[float]:
                    runs = runs_of(records, method, trained)
                    return [(r.dev if study.oracle_sets == "dev" else r.test)[task] for r in runs]

                needed = [scores(task), *(scores(task, other) for other in tasks if other != task)]
                if any(len(some) < len(study.seeds) for some in needed):
                    assert (method, task) not in known
                    continue
                arrows = {
                    other: None
                    if len(study.seeds) < 2
                    else arrow_of_the_paper(scores(task, other), scores(task), study.k, int(study.std == "sample"))
                    for other in tasks
                    if other != task
                }
                assert set(known[method, task]) <= {other for other, arrow in arrows.items() if arrow in ("up", "tie")}
                assert set(known[method, task]) >= {other for other, arrow in arrows.items() if arrow == "up"}
                assert list(known[method, task]) == [t for t in tasks if t in known[method, task]]

    def test_on_dev_and_on_test(self) -> None:
        def score(combination: Combination, task: str, seed: int, split: Split) -> float:
            """On dev b helps a, on test c does."""
            helper = "b" if split == "dev" else "c"
            return 60.0 if task == "a" and combination.tasks[1:] == (helper,) else 50.0

        sets = {}
        for split in ("dev", "test"):
            study = study_of(oracle_sets=split)
            sets[split] = oracle_sets(study, "abc", Runs(make_records(study, "abc", score)))
        assert sets["dev"] == {("multi_dec", "a"): ("b",), ("multi_dec", "b"): (), ("multi_dec", "c"): ()}
        assert sets["test"]["multi_dec", "a"] == ("c",)

    def test_of_another_method_need_only_its_own_pairs(self) -> None:
        study = study_of(sharing=["multi_dec", "te_enc"], seeds=[1])
        records = make_records(study, "abc", lambda *_: 50.0)
        some = [r for r in records if r.combination != Combination("te_enc", ("a", "b"))]
        known = oracle_sets(study, "abc", Runs(some))
        assert set(known) == {("multi_dec", "a"), ("multi_dec", "b"), ("multi_dec", "c"), ("te_enc", "c")}

    def test_one_task(self) -> None:
        study = study_of(seeds=[1])
        assert oracle_sets(study, ["a"], Runs()) == {}
        assert oracle_sets(study, ["a"], Runs(make_records(study, ["a"], lambda *_: 50.0))) == {("multi_dec", "a"): ()}
