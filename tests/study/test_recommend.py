"""tagmates.study.recommend: advice chosen on dev and measured on test, in words that the runs support."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from study_folders import make_records

from tagmates.apps.study_tables import advice_table, cost_line, duration, plan_table, ranking_table
from tagmates.study.cost import Cost
from tagmates.study.plan import Combination, OracleSets
from tagmates.study.recommend import Advice, advise, describe, rank
from tagmates.study.records import RunRecord, Runs, Split
from tagmates.study.settings import StudySettings

B, C = Combination("multi_dec", ("a", "b")), Combination("multi_dec", ("a", "c"))
STL, ALL = Combination("stl", ("a",)), Combination("multi_dec", ("a", "b", "c"))
Score = Callable[[Combination, str, int, Split], float]


def study_of(**values: Any) -> StudySettings:
    return StudySettings(**{"vectors": "random", "regimes": ["single", "pair", "all", "oracle"], **values})


def on_dev(best: Combination, gain: float = -5) -> Score:
    """The combination is best on dev; on test it gains so many points, and every other gains 9."""

    def score(combination: Combination, task: str, seed: int, split: Split) -> float:
        noise = (seed * 7 + ord(task) + len(combination.tasks)) % 5 / 50
        if split == "dev":
            return 60 + 5 * (combination == best) + noise
        return 60 + (gain if combination == best else 0.0 if combination.sharing == "stl" else 9.0) + noise

    return score


def advice_of(
    records: Sequence[RunRecord], tasks: str = "abc", sets: OracleSets | None = None, **values: Any
) -> dict[str, Advice]:
    made = advise(study_of(**values), tuple(tasks), Runs(records), sets or {})
    assert [advice.task for advice in made] == list(tasks)
    for advice in made:
        assert not advice.sentence.startswith(f"{advice.task}: ")
        assert advice.sentence.endswith(".")
        assert "\n" not in advice.sentence
    return {advice.task: advice for advice in made}


def partners(advice: Advice) -> tuple[str, ...]:
    """The tasks to train with; none: alone."""
    return tuple(t for t in advice.ranked[0].combination.tasks if t != advice.task) if advice.ranked else ()


def without(records: Sequence[RunRecord], combination: Combination, *seeds: int) -> list[RunRecord]:
    return [r for r in records if r.combination != combination or r.seed not in seeds]


class TestChoice:
    @pytest.mark.parametrize("best", [B, C, ALL])
    def test_is_made_on_dev_and_its_gain_is_that_on_test(self, best: Combination) -> None:
        advice = advice_of(make_records(study_of(), "abc", on_dev(best)))["a"]
        assert advice.ranked[0].combination == best
        assert partners(advice) == best.tasks[1:]
        assert advice.cell is not None
        assert advice.cell.combination == best
        assert advice.cell.difference == pytest.approx(-5, abs=0.2)
        assert advice.cell.evidence is not None
        assert (advice.chosen, advice.verdict) == (STL, "not shown")
        assert advice.found_no_gain
        assert advice.sentence.startswith("no gain was found; train it alone. Best on dev: with ")
        assert re.search(r"observed gain on test −[45]\.\d\d F1 over training it alone \(60\.\d\d\)", advice.sentence)

    @given(number=st.integers(0, 10**6), data=st.data())
    def test_the_best_mean_on_dev_of_what_was_tried_twice(self, number: int, data: st.DataObject) -> None:
        dice = random.Random(number)
        tasks = tuple("abcd"[: data.draw(st.integers(1, 4))])
        sharing: Any = data.draw(st.sampled_from([["multi_dec"], ["te_dec", "te_enc"]]))
        study = study_of(sharing=sharing, regimes=["single", "pair", "all", "all_but_one"])
        records = make_records(study, tasks, lambda *_: dice.randint(0, 6) + 50.0, sentences=4)
        kept = [record for record in records if dice.random() < data.draw(st.sampled_from([0.3, 1]))]
        for task, advice in advice_of(kept, "".join(tasks), sharing=sharing).items():
            tried = {s: [r.dev[task] for r in runs] for s, runs in Runs(kept).items() if task in s.tasks}
            enough = min(2, max(map(len, tried.values()), default=0))
            means = {s: float(np.mean(dev)) for s, dev in tried.items() if len(dev) >= enough}
            assert {c.combination: pytest.approx(c.dev) for c in advice.ranked} == means
            sides = {len(combination.tasks) > 1 for combination in means}
            assert (advice.chosen is None) == (sides < {False, True} if len(tasks) > 1 else not means)
            assert (advice.chosen is None) == (advice.verdict == "too early")
            assert [c.dev for c in advice.ranked] == sorted((c.dev for c in advice.ranked), reverse=True)
            if advice.chosen is None:
                assert advice.cell is None
            if not means:
                assert (partners(advice), advice.cell) == ((), None)
                continue
            if advice.verdict in ("better", "not shown"):
                assert advice.evidence is None or (advice.evidence.p <= 0.05) == (
                    not advice.evidence.low <= 0 <= advice.evidence.high
                )
                assert (advice.verdict == "better") == (advice.evidence is not None and advice.evidence.low > 0)
            best = advice.ranked[0]
            assert best.dev == max(c.dev for c in advice.ranked)
            assert all(
                len(best.combination.tasks) <= len(c.combination.tasks) for c in advice.ranked if c.dev == best.dev
            )
            assert set(partners(advice)) == set(best.combination.tasks) - {task}

    def test_two_runs_stand_beside_three(self) -> None:
        advice = advice_of(without(make_records(study_of(), "abc", on_dev(C)), C, 2))["a"]
        assert partners(advice) == ("c",)
        assert advice.sentence.endswith("(2 runs so far).")

    def test_a_single_run_is_no_evidence(self) -> None:
        records = make_records(study_of(), "abc", on_dev(C))
        assert partners(advice_of(records)["a"]) == ("c",)
        fewer = without(records, C, 2, 3)
        advice = advice_of(fewer)["a"]
        assert C not in [choice.combination for choice in advice.ranked]
        assert {choice.n for choice in advice.ranked} == {3}
        assert partners(advice) != ("c",)

    def test_of_equals_the_one_of_fewer_tasks(self) -> None:
        advice = advice_of(make_records(study_of(), "abc", lambda *_: 50.0))["a"]
        assert [c.combination for c in advice.ranked] == [STL, B, C, ALL]
        assert advice.sentence == "train it alone: none of the 3 other combinations is better on dev (3 runs of each)."

    def test_equals_in_the_last_bits_are_equals(self) -> None:
        """Means of the same scores in another order of seeds."""
        scores = {STL: [0.1, 0.2, 0.3], B: [0.3, 0.1, 0.2]}
        records = make_records(
            study_of(), "ab", lambda s, t, seed, _: scores[s][seed - 1] if s in scores else 0.0, sentences=2
        )
        assert partners(advice_of(records, "ab")["a"]) == ()

    def test_ranking_takes_combinations_of_every_method(self) -> None:
        study = study_of(sharing=["multi_dec", "te_dec"])
        records = make_records(study, "abc", on_dev(Combination("te_dec", ("a", "b"))))
        advice = advice_of(records, sharing=["multi_dec", "te_dec"])["a"]
        assert partners(advice) == ("b",)
        assert "with b (TE⊕DEC)" in advice.sentence
        assert len(advice.ranked) == 1 + 2 * 3

    def test_records_in_any_order(self) -> None:
        records = make_records(study_of(), "abc", on_dev(B))
        straight, turned = advice_of(records), advice_of(records[::-1])
        assert [straight[task].ranked for task in "abc"] == [turned[task].ranked for task in "abc"]
        assert [straight[task].sentence for task in "abc"] == [turned[task].sentence for task in "abc"]


class TestWords:
    def test_nothing_is_done(self) -> None:
        advice = advice_of([])["a"]
        assert advice == Advice("a", "too early", "nothing is done yet.")
        assert partners(advice) == ()

    @pytest.mark.parametrize("seed", [1, 2])
    def test_what_is_missing_is_named_on_each_side(self, seed: int) -> None:
        records = [r for r in make_records(study_of(), "abc", on_dev(B)) if (r.combination, r.seed) == (STL, seed)]
        advice = advice_of(records)
        assert advice["a"].verdict == "too early"
        assert advice["a"].sentence == (
            f"too early to say: what is done so far: alone 1 of 3 runs (missing: seeds {2 if seed == 1 else 1} and 3); "
            "with b (MULTI-DEC) 0 of 3 runs (missing: seeds 1, 2 and 3); "
            "with c (MULTI-DEC) 0 of 3 runs (missing: seeds 1, 2 and 3); "
            "with all other tasks (MULTI-DEC) 0 of 3 runs (missing: seeds 1, 2 and 3)."
        )
        assert advice["b"].sentence == "nothing is done yet."

    def test_three_runs_alone_beside_single_runs_together(self) -> None:
        records = make_records(study_of(), "abc", on_dev(B))
        for combination in (B, C, ALL):
            records = without(records, combination, 2, 3)
        advice = advice_of(records)["a"]
        assert (advice.verdict, advice.chosen) == ("too early", None)
        assert "alone 3 of 3 runs; with b (MULTI-DEC) 1 of 3 runs (missing: seeds 2 and 3); " in advice.sentence

    def test_three_runs_together_beside_one_alone(self) -> None:
        advice = advice_of(without(make_records(study_of(), "abc", on_dev(B, gain=20)), STL, 1, 2))["a"]
        assert (advice.verdict, advice.chosen) == ("too early", None)
        assert "alone 1 of 3 runs (missing: seeds 1 and 2); with b (MULTI-DEC) 3 of 3 runs; " in advice.sentence

    def test_of_many_combinations_those_without_a_run_are_counted(self) -> None:
        study = study_of(regimes=["single", "pair"])
        records = [r for r in make_records(study, "abcdefgh", on_dev(B)) if r.combination in (STL, B) and r.seed == 1]
        records = [r for r in records if r.combination == STL]
        sentence = advice_of(records, "abcdefgh", regimes=["single", "pair"])["a"].sentence
        assert sentence.endswith(
            "alone 1 of 3 runs (missing: seeds 2 and 3); of 7 combinations with other tasks none has a run."
        )

    def test_a_task_that_is_only_ever_trained_alone(self) -> None:
        records = [r for r in make_records(study_of(), "abc", on_dev(B)) if r.combination == STL]
        advice = advice_of(records, regimes=["single"])["a"]
        assert (advice.chosen, advice.sentence) == (STL, "it is only trained alone (3 runs of each).")

    def test_with_all_other_tasks(self) -> None:
        sentence = advice_of(make_records(study_of(), "abc", on_dev(ALL, gain=20)))["a"].sentence
        assert "train it with all other tasks (MULTI-DEC): observed gain on test +" in sentence

    def test_what_dev_chose_and_test_confirms_is_to_be_trained(self) -> None:
        advice = advice_of(make_records(study_of(), "abc", on_dev(B, gain=20)))["a"]
        assert advice.verdict == "better"
        assert advice.chosen == advice.ranked[0].combination == B

    def test_how_sure(self) -> None:
        sentence = advice_of(make_records(study_of(), "abc", on_dev(B, gain=20)))["a"].sentence
        assert re.search(
            r"95 % interval \+\d+\.\d\d to \+\d+\.\d\d, p [<=] 0\.0\d\d, both allowing for the choice among 3 "
            r"combinations \(3 runs of each\)\.$",
            sentence,
        )

    def test_a_gain_that_may_be_chance_is_not_advised(self) -> None:
        advice = advice_of(make_records(study_of(), "abc", on_dev(B, gain=0.1)))["a"]
        assert (advice.verdict, advice.chosen) == ("not shown", STL)
        assert advice.sentence.startswith(
            "no combination is shown to beat training it alone. Best on dev: with b (MULTI-DEC)"
        )
        assert advice.evidence is not None
        assert advice.evidence.low < 0 < advice.evidence.high

    @pytest.mark.parametrize("gain", [1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10])
    def test_interval_and_p_speak_of_the_same(self, gain: float) -> None:
        """Bonferroni: the interval excludes 0 exactly where p times the number of choices is at most 0.05."""
        advice = advice_of(make_records(study_of(), "abc", on_dev(B, gain=gain)))["a"]
        assert advice.cell is not None
        assert advice.cell.evidence is not None
        assert advice.evidence is not None
        assert advice.evidence.p == min(1, 3 * advice.cell.evidence.p)
        assert (advice.evidence.low > 0) == (advice.evidence.p <= 0.05) == (advice.verdict == "better")
        assert advice.evidence.low < advice.cell.evidence.low
        assert (advice.evidence.low + advice.evidence.high) / 2 == pytest.approx(advice.evidence.difference)

    def test_one_run_says_nothing_about_how_sure(self) -> None:
        advice = advice_of(make_records(study_of(seeds=[1]), "abc", on_dev(B)), seeds=[1])["a"]
        assert "; these runs cannot tell how sure that is (1 run of each)" in advice.sentence
        assert (advice.verdict, advice.chosen) == ("not shown", STL)

    def test_no_test_sentences(self) -> None:
        records = [replace(r, test={}, counts={}) for r in make_records(study_of(), "abc", on_dev(B))]
        advice = advice_of(records)["a"]
        assert (partners(advice), advice.cell) == (("b",), None)
        assert "train it with b (MULTI-DEC), the best of 4 combinations on dev (3 runs of each)." in advice.sentence
        assert (advice.verdict, advice.chosen) == ("untested", B)
        assert "gain" not in advice.sentence

    def test_never_trained_alone(self) -> None:
        """There are test scores, but nothing to hold them against."""
        records = [r for r in make_records(study_of(), "abc", on_dev(B)) if r.combination.sharing != "stl"]
        assert advice_of(records)["a"].verdict == "too early"
        advice = advice_of(records, regimes=["pair", "all"])["a"]
        assert partners(advice) == ("b",)
        assert advice.cell is not None
        assert advice.cell.difference is None
        assert advice.chosen == B
        assert "There is no test score of training it alone to compare with" in advice.sentence


FOUR = Combination("multi_dec", ("a", "b", "c"))


class TestSetsChosenOnTest:
    @pytest.mark.parametrize("oracle", ["test", "published"])
    @pytest.mark.parametrize("target", ["a", "b"])
    def test_are_called_too_favourable(self, oracle: str, target: str) -> None:
        sets: OracleSets = {("multi_dec", target): tuple(t for t in "abc" if t != target)}
        records = make_records(study_of(), "abcd", on_dev(FOUR, gain=7), sets)
        advice = advice_of(records, "abcd", sets, oracle_sets=oracle)["a"]
        assert set(partners(advice)) == {"b", "c"}
        assert advice.cell is not None
        assert advice.cell.selected
        assert advice.cell.evidence is None
        assert advice.verdict == "not shown"
        assert advice.sentence.endswith(
            "is too favourable and is not tested, because its partners were selected on test (3 runs of each)."
        )

    def test_chosen_on_dev_are_not(self) -> None:
        sets: OracleSets = {("multi_dec", "a"): ("b", "c")}
        records = make_records(study_of(), "abcd", on_dev(FOUR, gain=7), sets)
        advice = advice_of(records, "abcd", sets, oracle_sets="dev")["a"]
        assert advice.cell is not None
        assert (advice.cell.selected, advice.cell.evidence is None) == ("", False)
        assert "favourable" not in advice.sentence

    @pytest.mark.parametrize(
        ("best", "sets", "more"),
        [
            (B, {("multi_dec", "a"): ("b",)}, {}),  # a pair
            (ALL, {("multi_dec", "a"): ("b", "c")}, {}),
            (ALL, {("multi_dec", "b"): ("a", "c")}, {}),
        ],
    )
    def test_that_would_have_been_tried_anyway_are_not(
        self, best: Combination, sets: OracleSets, more: dict[str, Any]
    ) -> None:
        records = make_records(study_of(), "abc", on_dev(best, gain=7), sets)
        advice = advice_of(records, "abc", sets, oracle_sets="test", **more)["a"]
        assert advice.ranked[0].combination == best
        assert "favourable" not in advice.sentence
        assert advice.cell is not None
        assert advice.cell.evidence is not None

    def test_a_pair_that_no_other_regime_tries(self) -> None:
        sets: OracleSets = {("multi_dec", "a"): ("b",)}
        regimes = ["single", "oracle"]
        records = make_records(study_of(regimes=regimes), "abc", on_dev(B, gain=7), sets)
        advice = advice_of(records, "abc", sets, oracle_sets="published", regimes=regimes)["a"]
        assert "favourable" in advice.sentence


def test_describe() -> None:
    def of(*others: str, tasks: str = "abcdefghijk") -> str:
        return describe(Combination("te_dec" if others else "stl", (*others[:1], "a", *others[1:])), "a", tuple(tasks))

    assert of() == "alone"
    assert of("b") == of("b", tasks="ab") == "with b (TE⊕DEC)"
    assert of("b", "c") == of("b", "c", tasks="abcd") == "with b and c (TE⊕DEC)"
    assert of("b", "c", "d") == of("b", "c", "d", tasks="abcde") == "with b, c and d (TE⊕DEC)"
    assert of("b", "c", "d", tasks="abcd") == "with all other tasks (TE⊕DEC)"
    assert of("b", "c", "e", "f", tasks="abcdef") == "with all other tasks but d (TE⊕DEC)"


def test_rank_leaves_out_what_is_of_other_tasks() -> None:
    runs = Runs(make_records(study_of(), "abc", on_dev(B)))
    assert {choice.combination for choice in rank(runs, "a")} == {STL, B, C, ALL}
    assert rank(runs, "nobody") == []


# --- tables ----------------------------------------------------------------------------------------------------------


def shown(table: Any) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_advice_as_a_table() -> None:
    odd = "[b]"  # which is no markup
    records = make_records(study_of(), ["a", odd], lambda s, *_: 50.0 + 9 * len(s.tasks))
    rows = shown(advice_table(advise(study_of(), ["a", odd], Runs(records), {})))
    assert re.search(r" a +better +with \[b\] \(MULTI-DEC\) +59\.00 +\+9\.00 +\+[\d.]+ to \+[\d.]+ ", rows)
    assert re.search(r" \[b\] +(better|not shown) +with a \(MULTI-DEC\) +59\.00 ", rows)
    nothing = shown(advice_table(advise(study_of(), ["a", odd], Runs(), {})))
    assert re.search(r" a +too early +– ", nothing)
    alone = [r for r in records if r.combination.sharing == "stl"]
    assert re.search(r" \[b\] +too early +– ", shown(advice_table(advise_of(alone, odd))))
    blind = [replace(r, test={}, counts={}) for r in records]
    assert re.search(r" a +untested +with \[b\]", shown(advice_table(advise_of(blind, odd))))


def advise_of(records: Sequence[RunRecord], odd: str) -> list[Advice]:
    return advise(study_of(), ["a", odd], Runs(records), {})


def test_a_ranking_as_a_table() -> None:
    advice = advice_of(make_records(study_of(), "abc", on_dev(B)))["a"]
    whole, two = shown(ranking_table(advice, "abc")), shown(ranking_table(advice, "abc", rows=2))
    assert "a: 4 best of 4 on dev" in whole
    assert "a: 2 best of 4 on dev" in two
    assert whole.index("with b (MULTI-DEC)") < whole.index("alone")
    assert re.search(r"│ with b \(MULTI-DEC\) +│ +65\.\d\d │ +3 │", two)
    assert "[b]: 2 best" in shown(
        ranking_table(advise_of(make_records(study_of(), ["a", "[b]"], lambda *_: 50.0), "[b]")[1], ["a", "[b]"])
    )


def test_a_plan_as_a_table() -> None:
    row = {"planned": 33, "done": 5, "failed": 1, "pending": 27}
    rows = shown(plan_table({"regimes": {"single": row, "all_but_one": {**row, "planned": 9}}, "total": row}))
    assert re.search(r"│ single +│ +33 │ +5 │ +1 │ +27 │", rows)
    assert re.search(r"│ all_but_one +│ +9 │", rows)
    assert re.search(r"│ in all +│ +33 │ +5 │ +1 │ +27 │", rows)


def test_a_cost_in_a_line() -> None:
    line = cost_line(Cost(7200, 4000, 2, 0.75, 1.5, 12345, 30, {"stl": 1234.5}, "some runs"))
    assert line == (
        "pending: about 12,345 updates, 67 min with 2 workers, probably 50 min to 1 h 40 min "
        "(2 h 00 min of one worker; at 30 epochs a run; tokens per second: stl 1,234; from some runs)"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (89, "89 s"),
        (90, "2 min"),
        (600, "10 min"),
        (5369, "89 min"),
        (5400, "1 h 30 min"),
        (12000, "3 h 20 min"),
        (90000, "25 h 00 min"),
    ],
)
def test_a_duration_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class TestTrainingLength:
    """Gains, losses and verdicts of runs that were not trained equally long carry a warning."""

    def advice(self, alone: int, together: int, gain: float, stopped: str = "patience") -> Advice:
        records = [
            replace(
                r,
                updates=alone if r.combination == STL else together,
                stopped=stopped if r.combination == STL else "cap",
            )
            if stopped == "cap"
            else replace(r, updates=alone if r.combination == STL else together)
            for r in make_records(study_of(), "abc", on_dev(B, gain))
        ]
        return advice_of(records)["a"]

    @pytest.mark.parametrize("gain", [20, 0.1, -5])
    def test_longer_and_shorter_alike(self, gain: float) -> None:
        longer, shorter = self.advice(118, 372, gain), self.advice(372, 118, gain)
        assert [w.split(" (")[0] for w in longer.warnings] == ["Training together made 3.2 times as many updates"]
        assert [w.split(" (")[0] for w in shorter.warnings] == ["Training alone made 3.2 times as many updates"]
        assert "(372 against 118)" in longer.warnings[0]

    @pytest.mark.parametrize(("alone", "together"), [(100, 100), (100, 149), (149, 100)])
    def test_nearly_equal_lengths_are_not_warned_of(self, alone: int, together: int) -> None:
        assert not self.advice(alone, together, 20).warnings

    def test_runs_that_the_cap_ended(self) -> None:
        warnings = self.advice(100, 100, 20, stopped="cap").warnings
        assert len(warnings) == 1
        ended = "3 of 3 runs together and 3 of 3 runs alone reached the maximum number of epochs"
        assert warnings[0].startswith(f"{ended}, so ")

    def test_alone_may_be_best_because_it_was_trained_longer(self) -> None:
        for together, warned in ((100, True), (200, True), (201, False), (300, False), (900, False)):
            records = [
                replace(r, updates=300 if r.combination == STL else together)
                for r in make_records(study_of(), "abc", on_dev(STL))
            ]
            advice = advice_of(records)["a"]
            assert advice.verdict == "alone"
            assert bool(advice.warnings) == warned
