"""study/gains and study/chooser: conditionals by brute force, intervals and values by simulation."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.study.chooser import value_of_training
from tagmates.study.gains import ALONE, GainPrior, TaskGains, gain_priors, gains_before

DATA = TrainingData(tokens=20_000, tags=9, entropy=2.0)
HELPERS = {"pos": 1.0, "chunk": 0.4, "ner": -0.2, "com": -1.0}
AFFINITIES = [Affinity("mwe", helper, 0.9, 0.1, 1e5, rank) for helper, rank in HELPERS.items()]
EVERY = frozenset(HELPERS)
RUNS = [(ALONE, 61.0), (ALONE, 60.2), (frozenset(["pos"]), 64.0), (EVERY, 66.0), (frozenset(["com"]), 58.0)]


def some(**more: object) -> TaskGains:
    return gains_before(AFFINITIES, DATA, alone=61.0, sets=[EVERY], **more)  # type: ignore[arg-type]


def by_brute_force(gains: TaskGains, runs: list[tuple[frozenset[str], float]]) -> tuple[np.ndarray, np.ndarray]:
    """The conditional of all variables given all runs at once."""
    places = [gains.sets.index(helpers) for helpers, _ in runs]
    rows = gains.rows[places].copy()
    rows[:, gains.alone] += 1
    seen = np.array([f1 for _, f1 in runs]) - gains.constants[places]
    cross = gains.covariance @ rows.T
    inverse = np.linalg.inv(rows @ cross + gains.noise * np.eye(len(runs)))
    return gains.mean + cross @ inverse @ (seen - rows @ gains.mean), gains.covariance - cross @ inverse @ cross.T


def test_runs_one_by_one_in_any_order_are_the_conditional_given_all() -> None:
    before = some()
    mean, covariance = by_brute_force(before, RUNS)
    for order in list(permutations(RUNS))[::17]:
        after = before.after(order)
        np.testing.assert_allclose(after.mean, mean, rtol=1e-9)
        np.testing.assert_allclose(after.covariance, covariance, atol=1e-6)


def test_gains_are_those_of_the_formula() -> None:
    prior = GainPrior(
        error_exponent=0.5, size_exponent=-0.25, weights=(0.1, 2.0, -1.0), recipient=0.3, pair=0.2, joint=(0.5, 2.0),
        set=0.7, noise=0.1,
    )  # fmt: skip
    gains = some(prior=prior)
    scale = (39 / 30) ** 0.5 * (20_000 / 50_000) ** -0.25
    expected = {h: scale * (0.1 + 2 * rank - np.log10(20_000 / 50_000)) for h, rank in HELPERS.items()}
    for helper, value in expected.items():
        assert gains.gain([helper]).mean == pytest.approx(value)
        assert gains.gain([helper]).std == pytest.approx(scale * 0.5**0.5)
    mean = np.mean(list(expected.values()))
    share = math.log10(4)
    weight = 1 + share
    assert gains.gain(EVERY).mean == pytest.approx(share * 0.5 * scale + weight * mean)
    assert gains.gain(EVERY).std == pytest.approx(scale * (weight**2 * (0.3 + 0.2 / 4) + share**2 * 0.7) ** 0.5)
    assert gains.gain(ALONE).mean == gains.gain(ALONE).std == 0
    assert gains.noise == pytest.approx(0.1 * scale**2)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_sets_that_were_not_named_before_are_expected_to_gain_as_if_they_had_been(number: int) -> None:
    sets = [frozenset(some) for some in combinations(HELPERS, number)]
    runs = [run for run in RUNS if len(run[0]) < 2]
    named = gains_before(AFFINITIES, DATA, alone=61.0, sets=sets).after(runs)
    unnamed = gains_before(AFFINITIES, DATA, alone=61.0).after(runs)
    assert unnamed.expected(sets) == pytest.approx([named.gain(each).mean for each in sets])
    assert unnamed.expected([ALONE, frozenset(["pos"])]) == pytest.approx([0, named.gain(["pos"]).mean])


def test_what_many_helpers_do_is_much_the_same_for_all_large_sets() -> None:
    sets = [EVERY, EVERY - {"com"}, frozenset(["pos", "ner"])]
    before = gains_before(AFFINITIES, DATA, alone=61.0, sets=sets).after([(ALONE, 61.0)])
    after = before.after([(EVERY, 75.0)] * 3)
    all_, all_but_one, two = ([gains.gain(each) for gains in (before, after)] for each in sets)
    assert all_[1].mean - all_[0].mean > all_but_one[1].mean - all_but_one[0].mean > 1
    assert all_but_one[1].std < 0.8 * all_but_one[0].std
    assert all_but_one[1].mean - all_but_one[0].mean > two[1].mean - two[0].mean > 0
    # of a set that was not named as well
    unnamed = EVERY - {"ner"}
    assert after.expected([unnamed])[0] - before.expected([unnamed])[0] > 1


def test_a_run_on_few_sentences_says_little() -> None:
    """A tiny task whose one run with a helper is ten points better is not sure to gain."""
    tiny, large = (TrainingData(tokens=number, tags=9, entropy=2.0) for number in (100, 50_000))
    noises = [gains_before(AFFINITIES, data, alone=61.0).noise for data in (tiny, large)]
    assert noises[0] > 25 * noises[1]
    runs = [(ALONE, 61.0), (frozenset(["com"]), 71.0)]
    of_tiny, of_large = (gains_before(AFFINITIES, data, alone=61.0).after(runs).gain(["com"]) for data in (tiny, large))
    assert of_tiny.mean < 0.4 * of_large.mean
    assert of_tiny.interval()[0] < 1 < of_large.interval()[0]


def test_more_runs_of_a_pair_bring_its_gain_to_what_they_show() -> None:
    gains = some(noise=0.5).after([(ALONE, 61.0)] * 400 + [(frozenset(["com"]), 65.5)] * 400)
    assert gains.gain(["com"]).mean == pytest.approx(4.5, abs=0.1)
    assert gains.gain(["com"]).std < 0.1
    assert gains.best()[0] in (frozenset(["com"]), EVERY)


def test_where_nothing_is_expected_to_gain_the_advice_is_alone() -> None:
    gains = some().after([(ALONE, 61.0), *((frozenset([helper]), 40.0) for helper in HELPERS), (EVERY, 40.0)])
    assert gains.best() == (ALONE, 0.0)
    assert gains.gain(["pos"]).probability < 0.01


def test_intervals_hold_as_many_gains_as_they_say() -> None:
    """Of gains drawn from the model, after noisy runs of half of them."""
    before, draw = some(), np.random.default_rng(5)
    root = np.linalg.cholesky(before.covariance + 1e-9 * np.eye(len(before.mean)))
    held = []
    for _ in range(300):
        true = before.mean + root @ draw.normal(size=len(root))
        runs = []
        for helpers in (ALONE, frozenset(["pos"]), frozenset(["com"]), EVERY):
            place = before.sets.index(helpers)
            f1 = true[before.alone] + before.rows[place] @ true + before.constants[place]
            runs.append((helpers, float(f1 + draw.normal(0, before.noise**0.5))))
        after = before.after(runs)
        for helper in HELPERS:
            low, high = after.gain([helper]).interval()
            held.append(low <= before.rows[before.sets.index(frozenset([helper]))] @ true <= high)
    assert np.mean(held) == pytest.approx(0.8, abs=0.05)


def test_runs_under_way_make_it_as_sure_and_leave_what_is_expected() -> None:
    before = some().after(RUNS[:2])
    under_way = before.awaiting(helpers for helpers, _ in RUNS[2:])
    np.testing.assert_allclose(under_way.covariance, before.after(RUNS[2:]).covariance, atol=1e-9)
    np.testing.assert_allclose(under_way.mean, before.mean, atol=1e-9)


@pytest.mark.parametrize("helper", ["pos", "com"])
def test_what_a_training_is_worth_is_what_simulation_says(helper: str) -> None:
    gains, draw = some().after(RUNS[:2]), np.random.default_rng(7)
    # a helper of which all is known gains nothing from being trained once more
    known = gains_before([Affinity(helper, "mwe", 0.5, 0.0, 1.0, -1.0)], DATA, noise=1e12)
    row = gains.rows[gains.sets.index(frozenset([helper]))].copy()
    row[gains.alone] += 1
    spread = (row @ gains.covariance @ row + gains.noise) ** 0.5
    luck = draw.normal(size=2000)
    seen = row @ gains.mean + spread * np.concatenate([luck, -luck])
    then = np.mean([gains.after([(frozenset([helper]), f1)]).means().max() for f1 in seen])
    worth = value_of_training({"mwe": gains, helper: known}, ["mwe", helper])
    assert worth > 0
    assert worth == pytest.approx(float(then - gains.means().max()), abs=0.03)


def test_the_constants_that_come_along_are_whole() -> None:
    for prior in (gain_priors().scored, gain_priors().unscored):
        assert prior.weights[1] > 0  # a higher rank is expected to gain more
        assert min(prior.recipient, prior.pair, prior.set, prior.noise) > 0
    assert gain_priors().unscored.error_exponent == 0


@pytest.mark.parametrize("alone", [None, 60.0])
def test_no_trend_is_followed_beyond_the_tasks_that_show_it(alone: float | None) -> None:
    """Tiny and huge tasks gain as the smallest and the largest do on which the constants were fitted."""
    for tokens, like in ((3, 50_000 * 10**-0.5), (10**12, 50_000 * 10**0.8)):
        far, near = (
            gains_before(AFFINITIES, TrainingData(round(number), 9, 2.0), alone=alone) for number in (tokens, like)
        )
        assert far.means() == pytest.approx(near.means(), rel=1e-3)
        assert far.gain(["pos"]).std == pytest.approx(near.gain(["pos"]).std, rel=1e-3)
        assert abs(far.gain(["pos"]).mean) < 5
