"""study/gain_spread: the factor against a brute-force marginal likelihood, and on gains drawn with a known one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.study.gain_spread import FACTORS, SPREAD_FREEDOM, gains_given, log_likelihoods, spread_factor
from tagmates.study.gains import ALONE, TaskGains, gains_before

RANKS = {"pos": 1.0, "chunk": 0.4, "ner": -0.2, "com": -1.0}
EVERY = frozenset(RANKS)
SETS = (ALONE, *(frozenset([helper]) for helper in RANKS), EVERY)
Scores = list[tuple[frozenset[str], float]]


def some(tokens: int = 20_000, *, alone: float | None = 61.0, helpers: Sequence[str] = tuple(RANKS)) -> TaskGains:
    affinities = [Affinity("mwe", helper, 0.9, 0.1, 1e5, RANKS[helper]) for helper in helpers]
    sets = [EVERY] if len(helpers) == len(RANKS) else []
    return gains_before(affinities, TrainingData(tokens, min(9, tokens), 2.0), alone=alone, sets=sets)


def density(before: TaskGains, runs: Scores, factor: float) -> float:
    """Of all runs, one by one."""
    spread = before.covariance.copy()
    gains = np.arange(len(spread)) != before.alone
    spread[np.ix_(gains, gains)] *= factor
    places = [before.sets.index(helpers) for helpers, _ in runs]
    rows = before.rows[places].copy()
    rows[:, before.alone] = 1
    covariance = rows @ spread @ rows.T + before.noise * np.eye(len(runs))
    mean = rows @ before.mean + before.constants[places]
    return float(multivariate_normal(mean, covariance).logpdf([f1 for _, f1 in runs]))


def drawn(factor: float, random: np.random.Generator, sets: Sequence[frozenset[str]]) -> tuple[TaskGains, Scores]:
    """A task whose gains spread by this factor, and its runs with these helpers."""
    before = some(int(random.integers(16_000, 300_000)))
    spread = before.spread_by(factor)
    true = random.multivariate_normal(before.mean, spread.covariance)
    places = [before.sets.index(helpers) for helpers in sets]
    f1 = before.rows[places] @ true + before.constants[places] + true[before.alone]
    noisy = f1 + random.normal(0, before.noise**0.5, len(sets))
    return before, list(zip(sets, noisy.tolist(), strict=True))


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_maximum_of_the_marginal_likelihood_by_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    sets = [SETS[place] for place in random.integers(len(SETS), size=12)]  # some of them several times
    tasks = [drawn(2.0, random, sets) for _ in range(4)]
    for before, runs in tasks:
        ours, theirs = log_likelihoods(before, runs), [density(before, runs, factor) for factor in FACTORS]
        np.testing.assert_allclose(ours - ours[0], np.array(theirs) - theirs[0], atol=1e-6)
    known = [
        float(multivariate_normal(np.zeros(SPREAD_FREEDOM), factor).logpdf(np.ones(SPREAD_FREEDOM)))
        for factor in FACTORS
    ]
    whole = [own + sum(density(*task, factor) for task in tasks) for own, factor in zip(known, FACTORS, strict=True)]
    assert spread_factor(tasks) == FACTORS[int(np.argmax(whole))]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.0])
def test_many_gains_show_how_far_they_spread_but_never_less_than_was_fitted(factor: float) -> None:
    random = np.random.default_rng(5)
    found = spread_factor([drawn(factor, random, SETS) for _ in range(300)])
    assert found == pytest.approx(max(factor, 1.0), rel=0.1)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_few_gains_hardly_move_it(factor: float) -> None:
    random = np.random.default_rng(6)
    found = [spread_factor([drawn(factor, random, SETS[:3])]) for _ in range(200)]  # two gains
    assert np.median(found) < 1.3
    more = [spread_factor([drawn(factor, random, SETS) for _ in range(8)]) for _ in range(30)]
    assert np.median(more) == pytest.approx(factor, rel=0.3)


def test_it_spreads_the_gains_and_neither_the_f1_alone_nor_the_noise() -> None:
    before = some()
    wide = before.spread_by(4.0)
    for helpers in SETS[1:]:
        assert wide.gain(helpers).std == pytest.approx(2 * before.gain(helpers).std)
        assert wide.gain(helpers).mean == before.gain(helpers).mean
    assert wide.covariance[wide.alone, wide.alone] == before.covariance[before.alone, before.alone]
    assert wide.noise == before.noise


def test_gains_far_from_what_is_expected_make_those_of_all_tasks_less_sure() -> None:
    before = {task: some() for task in ("mwe", "frame", "hyp")}
    near: Scores = [(helpers, 61.0 + before["mwe"].gain(helpers).mean) for helpers in SETS]
    far: Scores = [(helpers, f1 + (6.0 if helpers == SETS[1] else 0.0)) for helpers, f1 in near]
    usual, unusual = (gains_given(before, {"mwe": runs, "frame": runs}) for runs in (near, far))
    assert usual["hyp"].gain(["pos"]).std == before["hyp"].gain(["pos"]).std
    assert unusual["hyp"].gain(["pos"]).std > 1.1 * usual["hyp"].gain(["pos"]).std


@pytest.mark.parametrize(
    ("before", "runs"),
    [
        (some(), []),
        (some(), [(ALONE, 61.0)] * 5),
        (some(helpers=()), [(ALONE, 61.0), (ALONE, 0.0)]),  # a study of one task
        (some(alone=None), [(SETS[1], 40.0)]),  # never trained alone
        (some(3), [(ALONE, 0.0), (SETS[1], 100.0)]),  # of one sentence
        (some(alone=100.0), [(helpers, 100.0) for helpers in SETS]),
        (replace(some(), noise=0.0), [(helpers, 61.0) for helpers in SETS * 3]),
        (replace(some(), noise=0.0), [(helpers, 61.0 * place) for place, helpers in enumerate(SETS[:2])]),
        (some(), [(helpers, 100.0 * (place % 2)) for place, helpers in enumerate(SETS)]),
    ],
)
def test_whatever_the_scores_it_stays_within_its_bounds(before: TaskGains, runs: Scores) -> None:
    found = spread_factor([(before, runs)])
    assert 1 <= found <= 4
    if all(helpers == ALONE for helpers, _ in runs):
        assert found == 1


def test_one_run_that_failed_costs_no_more_than_the_bound() -> None:
    runs: Scores = [(ALONE, 61.0), (SETS[1], 0.0)]
    assert spread_factor([(some(), runs)]) == FACTORS[-1] == pytest.approx(4)
