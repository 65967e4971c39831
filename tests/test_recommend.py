"""Advice: chosen on dev, measured on test, in words that claim no more than the runs say."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from study_folders import make_records

from tagmates.apps.study_tables import advice_table, cost_line, duration, plan_table, ranking_table
from tagmates.study.cost import Cost
from tagmates.study.plan import OracleSets, Setting
from tagmates.study.recommend import Advice, advise, describe, rank
from tagmates.study.record import Record
from tagmates.study.runs import Runs, Split
from tagmates.study.settings import StudySettings

B, C = Setting("multi_dec", ("a", "b")), Setting("multi_dec", ("a", "c"))
STL, ALL = Setting("stl", ("a",)), Setting("multi_dec", ("a", "b", "c"))
Score = Callable[[Setting, str, int, Split], float]


def study_of(**values: Any) -> StudySettings:
    return StudySettings(**{"vectors": "random", "regimes": ["single", "pair", "all", "oracle"], **values})


def on_dev(best: Setting, gain: float = -5) -> Score:
    """The setting is best on dev; on test it gains so many points, and every other gains 9."""

    def score(setting: Setting, task: str, seed: int, split: Split) -> float:
        noise = (seed * 7 + ord(task) + len(setting.tasks)) % 5 / 50
        if split == "dev":
            return 60 + 5 * (setting == best) + noise
        return 60 + (gain if setting == best else 0.0 if setting.sharing == "stl" else 9.0) + noise

    return score


def advice_of(
    records: Sequence[Record], tasks: str = "abc", sets: OracleSets | None = None, **values: Any
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
    return tuple(t for t in advice.ranked[0].setting.tasks if t != advice.task) if advice.ranked else ()


def without(records: Sequence[Record], setting: Setting, *seeds: int) -> list[Record]:
    return [r for r in records if r.setting != setting or r.seed not in seeds]


class TestChoice:
    @pytest.mark.parametrize("best", [B, C, ALL])
    def test_is_made_on_dev_and_its_gain_is_that_on_test(self, best: Setting) -> None:
        advice = advice_of(make_records(study_of(), "abc", on_dev(best)))["a"]
        assert advice.ranked[0].setting == best
        assert partners(advice) == best.tasks[1:]
        assert advice.cell is not None
        assert advice.cell.setting == best
        assert advice.cell.difference == pytest.approx(-5, abs=0.2)
        assert advice.cell.evidence is not None
        loses = advice.cell.evidence.high < 0
        assert advice.chosen == (STL if loses else best)
        assert ("is best on dev, but loses: expected gain on test −" in advice.sentence) == loses
        assert re.search(r"expected gain on test −[45]\.\d\d F1 over training it alone \(60\.\d\d\)", advice.sentence)

    @settings(deadline=None)
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
            assert {c.setting: pytest.approx(c.dev) for c in advice.ranked} == means
            assert (advice.chosen is None) == (len(means) < (2 if len(tasks) > 1 else 1))
            assert [c.dev for c in advice.ranked] == sorted((c.dev for c in advice.ranked), reverse=True)
            if advice.chosen is None:
                assert advice.cell is None
            if not means:
                assert (partners(advice), advice.cell) == ((), None)
                continue
            best = advice.ranked[0]
            assert best.dev == max(c.dev for c in advice.ranked)
            assert all(len(best.setting.tasks) <= len(c.setting.tasks) for c in advice.ranked if c.dev == best.dev)
            assert set(partners(advice)) == set(best.setting.tasks) - {task}

    def test_two_runs_stand_beside_three(self) -> None:
        advice = advice_of(without(make_records(study_of(), "abc", on_dev(C)), C, 2))["a"]
        assert partners(advice) == ("c",)
        assert advice.sentence.endswith("(2 runs so far).")

    def test_a_single_run_is_no_evidence(self) -> None:
        records = make_records(study_of(), "abc", on_dev(C))
        assert partners(advice_of(records)["a"]) == ("c",)
        fewer = without(records, C, 2, 3)
        advice = advice_of(fewer)["a"]
        assert C not in [choice.setting for choice in advice.ranked]
        assert {choice.n for choice in advice.ranked} == {3}
        assert partners(advice) != ("c",)

    def test_of_equals_the_one_of_fewer_tasks(self) -> None:
        advice = advice_of(make_records(study_of(), "abc", lambda *_: 50.0))["a"]
        assert [c.setting for c in advice.ranked] == [STL, B, C, ALL]
        assert advice.sentence == "train it alone; no other of 3 is better on dev (3 runs of each)."

    def test_equals_in_the_last_bits_are_equals(self) -> None:
        """Means of the same scores in another order of seeds."""
        scores = {STL: [0.1, 0.2, 0.3], B: [0.3, 0.1, 0.2]}
        records = make_records(
            study_of(), "ab", lambda s, t, seed, _: scores[s][seed - 1] if s in scores else 0.0, sentences=2
        )
        assert partners(advice_of(records, "ab")["a"]) == ()

    def test_ranking_takes_settings_of_every_method(self) -> None:
        study = study_of(sharing=["multi_dec", "te_dec"])
        records = make_records(study, "abc", on_dev(Setting("te_dec", ("a", "b"))))
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
        assert advice == Advice("a", [], None, "nothing is done yet.")
        assert partners(advice) == ()

    def test_one_setting(self) -> None:
        records = [r for r in make_records(study_of(), "abc", on_dev(B)) if r.setting == STL and r.seed == 1]
        advice = advice_of(records)
        assert re.fullmatch(
            r"too early to say: only trained alone it has 1 run so far \(dev F1 60\.\d\d\)\.", advice["a"].sentence
        )
        assert advice["b"].sentence == "nothing is done yet."

    def test_one_setting_that_was_tried_more_often_than_others(self) -> None:
        records = make_records(study_of(), "abc", on_dev(B))
        for setting in (B, C, ALL):
            records = without(records, setting, 2, 3)
        advice = advice_of(records)["a"]
        assert advice.chosen is None
        assert advice.sentence.startswith("too early to say: only trained alone it has 3 runs so far (dev F1 60.")

    def test_a_task_that_is_only_ever_trained_alone(self) -> None:
        records = [r for r in make_records(study_of(), "abc", on_dev(B)) if r.setting == STL]
        advice = advice_of(records, regimes=["single"])["a"]
        assert (advice.chosen, advice.sentence) == (STL, "alone (3 runs).")

    def test_with_all_other_tasks(self) -> None:
        sentence = advice_of(make_records(study_of(), "abc", on_dev(ALL, gain=5)))["a"].sentence
        assert "train it with all other tasks (MULTI-DEC); expected gain on test +" in sentence

    def test_what_dev_chose_and_test_confirms_is_to_be_trained(self) -> None:
        advice = advice_of(make_records(study_of(), "abc", on_dev(B, gain=5)))["a"]
        assert advice.chosen == advice.ranked[0].setting == B

    def test_how_sure(self) -> None:
        sentence = advice_of(make_records(study_of(), "abc", on_dev(B, gain=20)))["a"].sentence
        assert re.search(
            r"95 % interval \+\d+\.\d\d to \+\d+\.\d\d, [a-z ]* not by chance \(p [<=] 0\.0\d\d\) \(3 runs", sentence
        )
        cell = advice_of(make_records(study_of(), "abc", on_dev(B, gain=0.1)))["a"].cell
        assert cell is not None
        assert cell.evidence is not None
        assert cell.evidence.low < 0 < cell.evidence.high

    def test_one_run_says_nothing_about_how_sure(self) -> None:
        sentence = advice_of(make_records(study_of(seeds=[1]), "abc", on_dev(B)))["a"].sentence
        assert "; how sure that is cannot be told from so few runs (1 run of each)" in sentence

    def test_no_test_sentences(self) -> None:
        records = [replace(r, test={}, counts={}) for r in make_records(study_of(), "abc", on_dev(B))]
        advice = advice_of(records)["a"]
        assert (partners(advice), advice.cell) == (("b",), None)
        assert "train it with b (MULTI-DEC); the best of 4 on dev (3 runs of each)" in advice.sentence
        assert "gain" not in advice.sentence

    def test_never_trained_alone(self) -> None:
        """There are test scores, but nothing to hold them against."""
        records = [r for r in make_records(study_of(), "abc", on_dev(B)) if r.setting.sharing != "stl"]
        advice = advice_of(records)["a"]
        assert partners(advice) == ("b",)
        assert advice.cell is not None
        assert advice.cell.difference is None
        assert "there is no test score of training it alone to compare with" in advice.sentence


FOUR = Setting("multi_dec", ("a", "b", "c"))


class TestSetsChosenOnTest:
    @pytest.mark.parametrize("oracle", ["test", "published"])
    @pytest.mark.parametrize("target", ["a", "b"])
    def test_are_called_optimistic(self, oracle: str, target: str) -> None:
        sets: OracleSets = {("multi_dec", target): tuple(t for t in "abc" if t != target)}
        records = make_records(study_of(), "abcd", on_dev(FOUR, gain=7), sets)
        advice = advice_of(records, "abcd", sets, oracle_sets=oracle)["a"]
        assert set(partners(advice)) == {"b", "c"}
        assert advice.cell is not None
        assert advice.cell.selected
        assert advice.cell.evidence is None
        assert advice.sentence.endswith("an optimistic figure: its partners were selected on test (3 runs of each).")

    def test_chosen_on_dev_are_not(self) -> None:
        sets: OracleSets = {("multi_dec", "a"): ("b", "c")}
        records = make_records(study_of(), "abcd", on_dev(FOUR, gain=7), sets)
        advice = advice_of(records, "abcd", sets, oracle_sets="dev")["a"]
        assert advice.cell is not None
        assert (advice.cell.selected, advice.cell.evidence is None) == ("", False)
        assert "optimistic" not in advice.sentence

    @pytest.mark.parametrize(
        ("best", "sets", "more"),
        [
            (B, {("multi_dec", "a"): ("b",)}, {}),  # a pair
            (ALL, {("multi_dec", "a"): ("b", "c")}, {}),
            (ALL, {("multi_dec", "b"): ("a", "c")}, {}),
        ],
    )
    def test_that_would_have_been_tried_anyway_are_not(
        self, best: Setting, sets: OracleSets, more: dict[str, Any]
    ) -> None:
        records = make_records(study_of(), "abc", on_dev(best, gain=7), sets)
        advice = advice_of(records, "abc", sets, oracle_sets="test", **more)["a"]
        assert advice.ranked[0].setting == best
        assert "optimistic" not in advice.sentence
        assert advice.cell is not None
        assert advice.cell.evidence is not None

    def test_a_pair_that_no_other_regime_tries(self) -> None:
        sets: OracleSets = {("multi_dec", "a"): ("b",)}
        regimes = ["single", "oracle"]
        records = make_records(study_of(regimes=regimes), "abc", on_dev(B, gain=7), sets)
        advice = advice_of(records, "abc", sets, oracle_sets="published", regimes=regimes)["a"]
        assert "optimistic" in advice.sentence


def test_describe() -> None:
    def of(*others: str, size: int = 11) -> str:
        return describe(Setting("te_dec" if others else "stl", (*others[:1], "a", *others[1:])), "a", size)

    assert of() == "alone"
    assert of("b") == of("b", size=2) == "with b (TE⊕DEC)"
    assert of("b", "c") == "with b and c (TE⊕DEC)"
    assert of("b", "c", "d") == "with b, c and d (TE⊕DEC)"
    assert of("b", "c", "d", size=4) == "with all other tasks (TE⊕DEC)"


def test_rank_leaves_out_what_is_of_other_tasks() -> None:
    runs = Runs(make_records(study_of(), "abc", on_dev(B)))
    assert {choice.setting for choice in rank(runs, "a")} == {STL, B, C, ALL}
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
    assert re.search(r"│ a +│ 59\.00 │ with \[b\] \(MULTI-DEC\) │ 68\.00 │ \+9\.00 │ \+[\d.]+ to \+[\d.]+ │", rows)
    assert re.search(r"│ \[b\] +│ 59\.00 │ with a \(MULTI-DEC\) ", rows)
    nothing = shown(advice_table(advise(study_of(), ["a", odd], Runs(), {})))
    assert re.search(r"│ a +│ +– │ nothing is done yet\.", nothing)
    alone = [r for r in records if r.setting.sharing == "stl"]
    assert re.search(
        r"│ \[b\] +│ +– │ too early to say: only trained alone", shown(advice_table(advise_of(alone, odd)))
    )
    blind = [replace(r, test={}, counts={}) for r in records]
    assert "with [b] (MULTI-DEC)" in shown(advice_table(advise_of(blind, odd)))


def advise_of(records: Sequence[Record], odd: str) -> list[Advice]:
    return advise(study_of(), ["a", odd], Runs(records), {})


def test_a_ranking_as_a_table() -> None:
    advice = advice_of(make_records(study_of(), "abc", on_dev(B)))["a"]
    whole, two = shown(ranking_table(advice, 3)), shown(ranking_table(advice, 3, rows=2))
    assert "a: 4 best of 4 on dev" in whole
    assert "a: 2 best of 4 on dev" in two
    assert whole.index("with b (MULTI-DEC)") < whole.index("alone")
    assert re.search(r"│ with b \(MULTI-DEC\) +│ +65\.\d\d │ +3 │", two)
    assert "[b]: 2 best" in shown(
        ranking_table(advise_of(make_records(study_of(), ["a", "[b]"], lambda *_: 50.0), "[b]")[1], 2)
    )


def test_a_plan_as_a_table() -> None:
    row = {"planned": 33, "done": 5, "failed": 1, "pending": 27}
    rows = shown(plan_table({"regimes": {"single": row, "all_but_one": {**row, "planned": 9}}, "total": row}))
    assert re.search(r"│ STL +│ +33 │ +5 │ +1 │ +27 │", rows)
    assert re.search(r"│ All-but-one +│ +9 │", rows)
    assert re.search(r"│ in all +│ +33 │ +5 │ +1 │ +27 │", rows)


def test_a_cost_in_a_line() -> None:
    line = cost_line(Cost(7200, 12345, 30, {"stl": 1234.5}, "some runs"), workers=2)
    assert line == (
        "pending: about 12,345 updates, 2 h 00 min of one worker, 60 min with 2 "
        "(at 30 epochs a training; tokens per second: stl 1,234; from some runs)"
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
