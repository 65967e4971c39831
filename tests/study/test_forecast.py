"""study/forecast and study/affinities: the model after the runs of a study, against the model itself and simulation."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_folders import make_record

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.data.task_data import TaskData
from tagmates.study.affinities import FILE, StudyAffinities, find_affinities, study_affinities
from tagmates.study.forecast import (
    DRAWS,
    NOISE_FREEDOM,
    Forecast,
    forecast,
    forecast_json,
    forecast_sentence,
    gains_after,
)
from tagmates.study.gain_spread import spread_factor
from tagmates.study.gains import ALONE, gains_before
from tagmates.study.plan import Combination, Planned, make_plan
from tagmates.study.records import RunRecord, Runs
from tagmates.study.settings import StudySettings
from tagmates.study.store import Store
from tagmates.study.task_cache import data_of_task

TASKS = ("pos", "ner", "mwe")
AFFINITIES = StudyAffinities(
    {task: TrainingData(20_000, 9, 2.0) for task in TASKS},
    [Affinity(a, b, 0.9, 0.1, 1e5, 1.0 if b == "pos" else 0.0) for a in TASKS for b in TASKS if a != b],
)
STUDY = StudySettings(sharing=("multi_dec", "te_dec"), regimes=("single", "pair", "all"), seeds=(1, 2))
PLAN = make_plan(STUDY, TASKS, {})


def run(planned: Planned, gain: float = 0.0) -> RunRecord:
    """Every task has 60 alone; mwe gains from pos by MULTI-DEC."""
    helped = {"pos", "mwe"} == set(planned.config.tasks) and planned.config.sharing == "multi_dec"
    scores = {
        t: 60.0 + planned.config.seed * 0.1 + (gain if t == "mwe" and helped else 0) for t in planned.config.tasks
    }
    return make_record(planned, {task: f1 - 20 for task, f1 in scores.items()}, scores)


def of_mwe(records: list[RunRecord]) -> Forecast:
    return forecast(STUDY, TASKS, AFFINITIES, Runs(records), {})[-1]


def test_the_gains_are_those_of_the_model_given_the_dev_scores_of_the_method_and_of_the_task_alone() -> None:
    records = [run(planned, 5.0) for planned in PLAN]
    found = gains_after(AFFINITIES, records, "multi_dec", [])["mwe"]
    own = [r for r in records if "mwe" in r.dev and r.combination.sharing in ("stl", "multi_dec")]
    runs = [(frozenset(r.combination.tasks) - {"mwe"}, r.dev["mwe"]) for r in own]
    assert {r.combination.sharing for r in own} == {"stl", "multi_dec"}
    alone = float(np.mean([f1 for helpers, f1 in runs if helpers == ALONE]))
    before = gains_before(AFFINITIES.of("mwe"), AFFINITIES.data["mwe"], alone=alone, sets=[frozenset(["pos", "ner"])])
    combinations = len({r.combination for r in records if "mwe" in r.dev})
    spread = combinations * np.var([60.1, 60.2], ddof=1)
    assert found.noise == pytest.approx((NOISE_FREEDOM * before.noise + spread) / (NOISE_FREEDOM + combinations))
    befores = {
        task: replace(
            gains_before(AFFINITIES.of(task), AFFINITIES.data[task], alone=60.15, sets=[frozenset(TASKS) - {task}]),
            noise=found.noise,
        )
        for task in TASKS
    }
    scores = {t: [(frozenset(r.combination.tasks) - {t}, r.dev[t]) for r in records if t in r.dev
                  and r.combination.sharing in ("stl", "multi_dec")] for t in TASKS}  # fmt: skip
    factor = spread_factor((befores[task], scores[task]) for task in TASKS)
    assert factor > 1.05  # a gain of 5 is more than expected
    before = replace(before, noise=found.noise).spread_by(factor)
    for helpers in ([], ["pos"], ["ner"], ["pos", "ner"]):
        assert found.gain(helpers).mean == pytest.approx(before.after(runs).gain(helpers).mean, abs=1e-9)


def test_a_combination_that_gains_is_the_best_and_the_more_runs_the_surer() -> None:
    some = of_mwe([run(planned, 8.0) for planned in PLAN if planned.config.seed == 1])
    every = of_mwe([run(planned, 8.0) for planned in PLAN])
    for each, runs in ((some, 1), (every, 2)):
        assert (each.best, each.runs) == (Combination("multi_dec", ("pos", "mwe")), runs)
    assert every.probability >= some.probability > 0.5
    assert every.regret <= some.regret
    assert every.gain.std < some.gain.std
    assert 4 < some.gain.mean < every.gain.mean < 8  # a gain that is far from the expected one is not believed at once


def test_before_any_run_the_best_combination_is_a_prediction() -> None:
    before = of_mwe([])
    assert before.runs == 0
    assert before.gains.keys() == {"multi_dec", "te_dec"}
    assert "predicted, not trained yet" in forecast_sentence(before, TASKS)


def test_methods_without_a_run_are_left_out_where_another_has_one() -> None:
    records = [run(planned) for planned in PLAN if planned.config.sharing != "te_dec"]
    assert of_mwe(records).gains.keys() == {"multi_dec"}
    assert of_mwe([run(planned) for planned in PLAN]).gains.keys() == {"multi_dec", "te_dec"}


def test_probability_and_regret_are_what_simulation_says() -> None:
    each = of_mwe([run(planned, 1.0) for planned in PLAN if planned.config.seed == 1])
    random = np.random.default_rng(3)
    drawn, names = [], []
    for method, gains in each.gains.items():
        root = np.linalg.cholesky(gains.covariance + 1e-9 * np.eye(len(gains.mean)))
        values = gains.mean + random.normal(size=(20_000, len(root))) @ root.T
        drawn.append(values @ gains.rows.T + gains.constants)
        names += [(method if helpers else "stl", helpers) for helpers in gains.sets]
    every = np.concatenate(drawn, axis=1)
    chosen = (each.best.sharing, frozenset(each.best.tasks) - {"mwe"})
    share = np.mean([names[place] == chosen for place in every.argmax(1)])
    assert each.probability == pytest.approx(share, abs=4 * 0.5 / DRAWS**0.5)
    advised = every[:, names.index(chosen)]
    assert each.regret == pytest.approx(float(np.mean(every.max(1) - advised)), abs=0.1)


def test_a_task_that_nothing_helps_is_best_alone() -> None:
    records = [
        make_record(p, scores := {t: 60.0 if len(p.config.tasks) == 1 else 40.0 for t in p.config.tasks}, scores)
        for p in PLAN
    ]
    each = of_mwe(records)
    assert each.best == Combination("stl", ("mwe",))
    assert (each.gain.mean, each.gain.std, each.runs) == (0, 0, 2)
    assert "no combination is expected to gain" in forecast_sentence(each, TASKS)
    assert forecast_json(each)["tasks"] == ["mwe"]


# --- affinities in the folder of a study -----------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_affinities_are_kept_in_the_folder_and_then_need_no_data(store: Store) -> None:
    assert find_affinities(store, "", ["upos", "chunk"]) is None
    made = study_affinities(store, "starter", ["upos", "chunk"])
    assert {(pair.task, pair.helper) for pair in made.pairs} == {("upos", "chunk"), ("chunk", "upos")}
    assert find_affinities(store, "", ["upos", "chunk"]) == made
    assert find_affinities(store, "no/such/folder", ["upos", "chunk"]) == made
    assert find_affinities(store, "", ["upos", "ner"]) is None  # of other tasks


def spoiled(values: Any, key: str, value: object) -> Any:
    """The same document with this value at every place of this key."""
    if isinstance(values, dict):
        return {k: value if k == key else spoiled(v, key, value) for k, v in values.items()}
    return [spoiled(each, key, value) for each in values] if isinstance(values, list) else values


@pytest.mark.parametrize(
    "content", ["", "{", '{"data": {}, "pairs": 3}', '{"data": {"upos": 1}, "pairs": []}', "[" * 100_000, "\x00"]
)
def test_a_spoiled_file_is_made_again(content: str, store: Store) -> None:
    made = study_affinities(store, "starter", ["upos", "chunk"])
    (store.root / FILE).write_text(content)
    assert find_affinities(store, "", ["upos", "chunk"]) is None
    assert find_affinities(store, "starter", ["upos", "chunk"]) == made


@pytest.mark.parametrize(
    ("key", "value"),
    [("tokens", 10**400), ("tokens", -5), ("tokens", 0), ("tags", 0), ("entropy", float("nan")), ("entropy", -1.0)]
    + [("rank", value) for value in (float("nan"), 1e300, float("-inf"), None)]
    + [("helper", "upos"), ("helper", "far"), ("pairs", []), ("shared_words", 7.0), ("mutual_information", -1.0)]
    + [("helper_information", float("inf")), ("digests", {})],
)
def test_numbers_that_cannot_be_are_not_believed(key: str, value: object, store: Store) -> None:
    store.start(
        StudySettings(tasks=("upos", "chunk")), "starter", {t: data_of_task("starter", t) for t in ("upos", "chunk")},
        "random",
    )  # fmt: skip
    made = study_affinities(store, "starter", ["upos", "chunk"])
    (store.root / FILE).write_text(json.dumps(spoiled(asdict(made), key, value)))
    assert find_affinities(store, "", ["upos", "chunk"]) is None
    assert find_affinities(store, "starter", ["upos", "chunk"]) == made


def test_a_pair_that_is_there_twice_is_not_believed(store: Store) -> None:
    made = study_affinities(store, "starter", ["upos", "chunk"])
    (store.root / FILE).write_text(json.dumps({**asdict(made), "pairs": [asdict(pair) for pair in made.pairs] * 2}))
    assert find_affinities(store, "", ["upos", "chunk"]) is None


def test_affinities_of_other_sentences_are_made_anew(store: Store) -> None:
    """As where study.json was deleted and the study was begun anew with other data in the same folder."""
    made = study_affinities(store, "starter", ["upos", "chunk"])
    (store.root / FILE).write_text(json.dumps({**asdict(made), "digests": {"upos": "0" * 64, "chunk": "1" * 64}}))
    assert study_affinities(store, "starter", ["upos", "chunk"]) == made
    assert find_affinities(store, "", ["upos", "chunk"]) == made


def test_data_that_are_not_those_of_the_study_predict_nothing(store: Store) -> None:
    task_data: dict[str, TaskData] = {task: data_of_task("starter", task) for task in ("upos", "chunk")}
    store.start(StudySettings(tasks=("upos", "chunk")), "starter", task_data, "random")
    assert find_affinities(store, "starter", ["upos", "chunk"]) is not None
    (store.root / FILE).unlink()
    (store.root / "study.json").unlink()
    store.start(
        StudySettings(tasks=("upos", "chunk")), "starter", {**task_data, "upos": {"digest": "0" * 64}}, "random"
    )
    assert find_affinities(store, "starter", ["upos", "chunk"]) is None


def test_a_folder_that_cannot_be_written_does_not_matter(store: Store) -> None:
    (store.root / FILE).mkdir()
    assert study_affinities(store, "starter", ["upos", "chunk"]).data.keys() == {"upos", "chunk"}
