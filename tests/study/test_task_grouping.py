"""tagmates.study.grouping: the best taggers for all tasks, against trying all groupings."""

from collections.abc import Sequence
from itertools import chain, combinations, product

import pytest

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.study import grouping
from tagmates.study.forecast import Forecast
from tagmates.study.gains import ALONE, Gain, Helpers, gains_before
from tagmates.study.grouping import Group, Grouping, describe_group, groupings
from tagmates.study.plan import Combination
from tagmates.study.settings import Method

TASKS = ("pos", "ner", "mwe", "com")
METHODS: tuple[Method, ...] = ("multi_dec", "te_dec")


def forecasts(seed: int, tasks: Sequence[str] = TASKS) -> list[Forecast]:
    """Of tasks whose pairs gain and lose in all ways, by each method."""
    made = []
    for t, task in enumerate(tasks):
        helpers = [helper for helper in tasks if helper != task]
        affinities = [Affinity(task, helper, 0.9, 0.1, 1e5, 0.0) for helper in helpers]
        before = gains_before(affinities, TrainingData(20_000, 9, 2.0), alone=60.0, noise=0.01)
        gains = {}
        for m, method in enumerate(METHODS):
            runs: list[tuple[Helpers, float]] = [(ALONE, 60.0 + t)]
            for h, helper in enumerate(helpers):
                runs.append((frozenset([helper]), 60.0 + t + (seed * 7 + t * 5 + h * 11 + m * 3) % 9 - 4))
            gains[method] = before.after(runs)
        made.append(Forecast(task, Combination("stl", (task,)), 1, Gain(0, 0), 1.0, 0.0, gains))
    return made


def expected(each: Forecast, method: Method, tasks: Helpers) -> float:
    alone = sum(float(gains.mean[gains.alone]) for gains in each.gains.values()) / len(METHODS)
    return alone + each.gains[method].expected([tasks - {each.task}])[0]


def by_trying_everything(made: Sequence[Forecast], most: int) -> float:
    """The highest mean F1 of all ways to choose so many taggers; each task is served by the best for it."""
    subsets = chain.from_iterable(combinations(TASKS, n) for n in range(1, len(TASKS) + 1))
    taggers = list(product(METHODS, map(frozenset, subsets)))
    scores = {
        (tagger, each.task): expected(each, *tagger) for tagger in taggers for each in made if each.task in tagger[1]
    }
    best = 0.0
    for chosen in combinations(taggers, most):
        served = [max((scores[g, task] for g in chosen if task in g[1]), default=None) for task in TASKS]
        if None not in served:
            best = max(best, sum(f1 for f1 in served if f1 is not None) / len(TASKS))
    return best


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_choice_of_so_many_taggers_is_better(seed: int, most: int) -> None:
    made = forecasts(seed)
    assert groupings(made)[most - 1].mean == pytest.approx(by_trying_everything(made, most))


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_every_task_is_served_once_by_at_most_so_many(
    seed: int, is_exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_exact:
        monkeypatch.setattr(grouping, "MAX_EXACT_TASKS", 2)
    made = forecasts(seed)
    found = groupings(made)
    means = [each.mean for each in found]
    assert len(found) == len(TASKS)
    assert means == sorted(means)
    for number, each in enumerate(found, 1):
        assert len(each.groups) <= number
        assert sorted(task for group in each.groups for task in group.f1) == sorted(TASKS)
        for group in each.groups:
            assert set(group.f1) <= set(group.combination.tasks)
            for forecast in made:
                if forecast.task in group.f1 and group.combination.sharing != "stl":
                    f1 = expected(forecast, group.combination.sharing, frozenset(group.combination.tasks))
                    assert group.f1[forecast.task] == pytest.approx(f1)
        assert each.mean >= sum(each.alone.values()) / len(TASKS) or number < len(TASKS)


def test_merging_is_never_better_than_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(4):
        made = forecasts(seed)
        exact = [each.mean for each in groupings(made)]
        with monkeypatch.context() as patch:
            patch.setattr(grouping, "MAX_EXACT_TASKS", 2)
            assert all(each.mean <= best + 1e-9 for each, best in zip(groupings(made), exact, strict=True))


def test_more_tasks_than_the_search_takes_are_merged() -> None:
    tasks = [f"task{number}" for number in range(14)]
    found = groupings(forecasts(1, tasks))
    assert len(found) == 14
    assert len(found[0].groups) == 1


def test_a_tagger_that_gains_nothing_more_is_left_out() -> None:
    """Where every pair loses, each task is best alone; so all taggers are needed, and no helper is added."""
    last = groupings(list(map(_losing, forecasts(1))))[-1]
    assert [group.combination for group in last.groups] == [Combination("stl", (task,)) for task in TASKS]
    assert last.mean == pytest.approx(sum(last.alone.values()) / len(TASKS))


def _losing(each: Forecast) -> Forecast:
    runs = [(helpers, 30.0) for helpers in next(iter(each.gains.values())).sets if helpers] * 50
    gains = {method: some.after(runs) for method, some in each.gains.items()}
    return Forecast(each.task, each.best, 1, each.gain, 1.0, 0.0, gains)


@pytest.mark.parametrize(("level", "gain"), [(99.9, 9.0), (0.1, -9.0)])
def test_no_f1_is_expected_beyond_its_ends(level: float, gain: float) -> None:
    made = []
    for each in forecasts(1):
        affinities = [Affinity(each.task, helper, 0.9, 0.1, 1e5, 0.0) for helper in TASKS if helper != each.task]
        before = gains_before(affinities, TrainingData(20_000, 9, 2.0), alone=60.0, noise=0.01)
        runs = [(ALONE, level), *((frozenset([a.helper]), level + gain) for a in affinities)]
        gains = {method: before.after(runs) for method in METHODS}
        made.append(Forecast(each.task, each.best, 1, each.gain, 1.0, 0.0, gains))
    for found in groupings(made):
        for group in found.groups:
            assert all(0 <= f1 <= 100 for f1 in group.f1.values())
        assert all(0 <= f1 <= 100 for f1 in found.alone.values())
        assert 0 <= found.mean <= 100


def test_the_words_for_a_tagger_name_who_only_helps() -> None:
    group = Group(Combination("multi_dec", ("pos", "ner", "mwe")), {"ner": 80.0})
    assert describe_group(group) == "ner (pos and mwe), MULTI-DEC"
    assert describe_group(Group(Combination("stl", ("ner",)), {"ner": 80.0})) == "ner, alone"
    assert Grouping([group], {"ner": 79.0}).mean == 80.0
