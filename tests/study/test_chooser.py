"""study/chooser: what comes first, what ends it, and that it trains what is worth most."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.study.affinities import StudyAffinities
from tagmates.study.chooser import Budget, Chooser
from tagmates.study.forecast import draw_gains, regret_of
from tagmates.study.gains import gains_before
from tagmates.study.plan import Planned, make_plan
from tagmates.study.records import RunRecord
from tagmates.study.settings import StudySettings

TASKS = ("pos", "ner", "mwe")
RANKS = {("pos", "ner"): 1.0, ("pos", "mwe"): -1.0, ("ner", "pos"): 1.0, ("ner", "mwe"): -1.0, ("mwe", "pos"): 1.0,
         ("mwe", "ner"): -1.0}  # fmt: skip
AFFINITIES = [Affinity(task, helper, 0.9, 0.1, 1e5, rank) for (task, helper), rank in RANKS.items()]
DATA = {task: TrainingData(20_000, 9, 2.0) for task in TASKS}
STUDY = StudySettings(regimes=("single", "pair", "all"), sharing=("multi_dec",), seeds=(1, 2, 3))
PLAN = make_plan(STUDY, TASKS, {})


def chooser(**budget: Any) -> Chooser:
    return Chooser(StudyAffinities(DATA, AFFINITIES), lambda _: 1.0, Budget(**budget))


def record(planned: Planned, f1: dict[str, float]) -> RunRecord:
    return RunRecord(planned.name, planned.combination, planned.config.seed, f1, f1, 1, 1, "cap", 1.0, 1)


def true_f1(tasks: Sequence[str], seed: int) -> dict[str, float]:
    """Mwe gains from pos; nothing else does anything."""
    noise = np.random.default_rng([seed, len(tasks)]).normal(0, 0.3)
    return {task: 60.0 + 8.0 * (task == "mwe" and "pos" in tasks and len(tasks) == 2) + float(noise) for task in tasks}


def play(choose: Chooser, plan: Sequence[Planned] = PLAN) -> list[Planned]:
    """Train until nothing is chosen any more."""
    done: dict[str, RunRecord] = {}
    order = []
    while pending := [planned for planned in plan if planned.name not in done]:
        planned = choose(pending, [], done)
        if planned is None:
            break
        order.append(planned)
        done[planned.name] = record(planned, true_f1(planned.config.tasks, planned.config.seed))
    return order


def test_tasks_alone_come_first_then_all_together() -> None:
    order = play(chooser())
    assert [planned.config.tasks for planned in order[:4]] == [("pos",), ("ner",), ("mwe",), TASKS]
    assert [planned.config.seed for planned in order[:4]] == [1] * 4
    assert sorted(planned.name for planned in order) == sorted(planned.name for planned in PLAN)  # in the end all


def test_what_runs_counts_as_begun() -> None:
    alone = [planned for planned in PLAN if len(planned.config.tasks) == 1 and planned.config.seed == 1]
    rest = [planned for planned in PLAN if planned not in alone[:2]]
    assert chooser()(rest, alone[:2], {}) == alone[2]


@pytest.mark.parametrize("number", [1, 3, 7])
def test_so_many_trainings_and_no_more(number: int) -> None:
    order = play(chooser(trainings=number))
    assert len(order) == number
    done = {planned.name: record(planned, true_f1(planned.config.tasks, 1)) for planned in order}
    rest = [planned for planned in PLAN if planned.name not in done]
    assert chooser(trainings=number + 1)(rest, rest[:1], done) is None  # the one that runs is the last


def test_workers_beside_each_other_train_different_combinations() -> None:
    """A second seed of what runs just now is worth less than another combination."""
    first = [p for p in PLAN if len(p.config.tasks) != 2 and p.config.seed == 1]
    done = {planned.name: record(planned, true_f1(planned.config.tasks, 1)) for planned in first}
    rest = [planned for planned in PLAN if planned.name not in done]
    here = chooser()(rest, [], done)
    assert here is not None
    beside = chooser()([planned for planned in rest if planned != here], [here], done)
    assert beside is not None
    assert beside.combination != here.combination
    alone = chooser()([planned for planned in rest if planned != here], [], done)
    assert alone is not None
    assert alone.combination == here.combination  # if nobody trained it, its next seed would come


def test_it_ends_where_the_advice_can_hardly_be_wrong() -> None:
    many = make_plan(STUDY.model_copy(update={"seeds": tuple(range(1, 31))}), TASKS, {})
    lengths = [len(play(chooser(until=regret), many)) for regret in (5.0, 0.03, 0.02)]
    assert lengths[0] == 4
    assert lengths[0] < lengths[1] <= lengths[2] < len(many)


def test_of_equals_it_trains_what_costs_less() -> None:
    pairs = [planned for planned in PLAN if len(planned.config.tasks) == 2]
    first = [planned for planned in PLAN if planned.config.seed == 1 and planned not in pairs]
    done = {planned.name: record(planned, true_f1(planned.config.tasks, 1)) for planned in first}
    dear = chooser()(pairs, [], done)
    assert dear is not None
    cheap = Chooser(StudyAffinities(DATA, AFFINITIES), lambda p: 1e6 if p.combination == dear.combination else 1.0)(
        pairs, [], done
    )
    assert cheap is not None
    assert cheap.combination != dear.combination


def test_the_regret_is_what_simulation_says_and_falls() -> None:
    gains = gains_before([a for a in AFFINITIES if a.task == "mwe"], DATA["mwe"], alone=60.0)
    random = np.random.default_rng(1)
    before = regret_of(gains.means(), draw_gains([gains], random))
    sure = gains.after([(frozenset(), 60.0), (frozenset(["pos"]), 68.0)] * 20)
    after = regret_of(sure.means(), draw_gains([sure], random))
    assert before > after >= 0
    root = np.linalg.cholesky(gains.covariance[:2, :2])
    drawn = gains.mean[:2] + np.random.default_rng(2).normal(size=(20_000, 2)) @ root.T
    advised = int(gains.means().argmax()) - 1
    chosen = drawn[:, advised] if advised >= 0 else 0.0
    assert before == pytest.approx(float(np.mean(drawn.max(1).clip(min=0) - chosen)), abs=0.15)
