"""tagmates.study.significance: invariances of the test, and how often its verdicts are wrong."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tagmates.study.compare import arrow_between
from tagmates.study.significance import (
    Evidence,
    SeedVariance,
    SentenceCounts,
    adjust,
    compare_runs,
    false_arrow_rate,
    linearise,
    pooled_variance,
)

NO_SEEDS = SeedVariance(0.0, 10)


def runs(rng: np.random.Generator, n: int, sentences: int, recall: float = 0.7) -> list[SentenceCounts]:
    """Runs whose units are right with one probability, on sentences of one to ten units."""
    units = np.random.default_rng(sentences).integers(1, 11, sentences)
    tp = rng.binomial(units, recall, (n, sentences))
    fp = rng.binomial(units, 1 - recall, (n, sentences))
    return list(np.stack([tp, fp, units - tp], axis=-1).astype(np.int32))


def f1(counts: SentenceCounts) -> float:
    tp, fp, fn = (int(total) for total in counts.sum(axis=0))
    return 200 * tp / (2 * tp + fp + fn)


def known(evidence: Evidence | None) -> Evidence:
    assert evidence is not None
    return evidence


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def compare_counts(
    ours: Sequence[SentenceCounts], theirs: Sequence[SentenceCounts], seeds: SeedVariance
) -> Evidence | None:
    return compare_runs(linearise(ours), linearise(theirs), seeds)


def test_the_difference_is_that_of_the_mean_scores(rng: np.random.Generator) -> None:
    ours, theirs = runs(rng, 4, 300), runs(rng, 3, 300, recall=0.5)
    evidence = known(compare_counts(ours, theirs, SeedVariance(0.2, 20)))
    assert evidence.difference == pytest.approx(np.mean([f1(run) for run in ours]) - np.mean([f1(r) for r in theirs]))
    assert evidence.low < evidence.difference < evidence.high
    assert evidence.p < 0.001


@pytest.mark.parametrize(("n_ours", "n_theirs"), [(3, 3), (2, 3), (5, 2), (2, 2)])
def test_swapping_the_combinations_turns_the_sign_only(rng: np.random.Generator, n_ours: int, n_theirs: int) -> None:
    ours, theirs = runs(rng, n_ours, 200), runs(rng, n_theirs, 200)
    there = known(compare_counts(ours, theirs, SeedVariance(0.2, 20)))
    back = known(compare_counts(theirs, ours, SeedVariance(0.2, 20)))
    turned = replace(back, difference=-back.difference, low=-back.high, high=-back.low)
    assert_close(there, turned)


def test_the_order_of_seeds_and_of_sentences_does_not_matter(rng: np.random.Generator) -> None:
    ours, theirs = runs(rng, 3, 200), runs(rng, 3, 200)
    order = rng.permutation(200)
    shuffled = [[some[i][order] for i in (2, 0, 1)] for some in (ours, theirs)]
    seeds = SeedVariance(0.2, 20)
    assert_close(known(compare_counts(ours, theirs, seeds)), known(compare_counts(shuffled[0], shuffled[1], seeds)))


@pytest.mark.parametrize("seeds", [NO_SEEDS, SeedVariance(0.3, 4)])
def test_equal_runs_do_not_differ(rng: np.random.Generator, seeds: SeedVariance) -> None:
    some = 2 * runs(rng, 1, 100)
    evidence = known(compare_counts(some, some, seeds))
    assert (evidence.difference, evidence.p) == (0, 1)
    assert evidence.low <= 0 <= evidence.high


def test_the_error_over_sentences_is_that_of_a_paired_bootstrap(rng: np.random.Generator) -> None:
    ours, theirs, others = (runs(rng, 1, 400, recall) for recall in (0.7, 0.65, 0.65))
    theirs[0][:200] = ours[0][:200]  # paired: what both get right counts for nothing
    evidence = known(compare_counts(2 * ours, 2 * theirs, NO_SEEDS))  # seeds that change nothing
    times = rng.multinomial(400, np.full(400, 1 / 400), 4000)  # how often each sentence is drawn
    scores = []
    for run in (ours[0], theirs[0]):
        tp, fp, fn = (times @ run).T
        scores.append(200 * tp / (2 * tp + fp + fn))
    assert evidence.error == pytest.approx(np.std(scores[0] - scores[1]), rel=0.05)
    assert evidence.error < 0.8 * known(compare_counts(2 * ours, 2 * others, NO_SEEDS)).error


def test_seeds_that_change_no_sentence_of_their_own_add_their_variance() -> None:
    """Every sentence alike: all the error is the seeds', and the interval is the textbook's."""
    ours, theirs = ([np.tile([tp, 10 - tp, 10 - tp], (50, 1)) for tp in some] for some in ((6, 7, 8), (5, 6, 7)))
    seeds = SeedVariance(100.0, 20)
    evidence = known(compare_counts(ours, theirs, seeds))
    assert evidence.difference == pytest.approx(10)
    assert evidence.error == pytest.approx(np.sqrt(100 * 2 / 3))
    df = 1 / (1 / 20 + 1 / 4)  # the combinations' own runs spread as far as the pooled ones: both doubts count in full
    assert evidence.df == pytest.approx(df)
    assert evidence.p == pytest.approx(2 * stats.t.sf(10 / np.sqrt(200 / 3), df))
    assert evidence.high - evidence.low == pytest.approx(2 * stats.t.ppf(0.975, df) * np.sqrt(200 / 3))


def test_runs_that_spread_further_than_the_pooled_seeds_count_themselves() -> None:
    ours, theirs = ([np.tile([tp, 10 - tp, 10 - tp], (50, 1)) for tp in some] for some in ((6, 7, 8), (5, 6, 7)))
    evidence = known(compare_counts(ours, theirs, SeedVariance(1.0, 20)))
    assert evidence.error == pytest.approx(np.sqrt(100 * 2 / 3))  # the seeds' sample variance is 100
    assert evidence.df == pytest.approx(4, rel=0.01)


def test_the_steadier_their_own_runs_the_more_the_pooled_seeds_count() -> None:
    ours, theirs = ([np.tile([tp, 10 - tp, 10 - tp], (50, 1)) for tp in some] for some in ((6, 7, 8), (5, 6, 7)))
    dfs = [known(compare_counts(ours, theirs, SeedVariance(value, 20))).df for value in (100.0, 400.0, 1e4, 1e6)]
    assert dfs == sorted(dfs)
    assert dfs[-1] == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize(("n_ours", "n_theirs", "df"), [(3, 3, 2), (5, 3, 2), (3, 5, 2), (2, 3, 1), (2, 2, 1)])
def test_the_runs_that_spread_bring_their_own_degrees_of_freedom(n_ours: int, n_theirs: int, df: float) -> None:
    """The runs of one side differ, those of the other are alike; and of two runs there is never more than one."""
    ours = [np.tile([tp, 10 - tp, 10 - tp], (50, 1)) for tp in (6, 8, 7, 7, 7)[:n_ours]]
    theirs = [np.tile([5, 5, 5], (50, 1))] * n_theirs
    if n_ours > n_theirs:
        df = min(2 * (n_theirs - 1), n_ours - 1)  # the steady side has too few runs to be known to be steady
    assert known(compare_counts(ours, theirs, SeedVariance(1e-3, 20))).df == pytest.approx(df, rel=0.01)


def test_what_seeds_change_by_sentence_counts_once(rng: np.random.Generator) -> None:
    """Combinations that differ by their seeds' luck alone: its variance is about the pooled one, not twice that."""
    ours, theirs = runs(rng, 20, 500), runs(rng, 20, 500)
    seeds = pooled_variance([[f1(run) for run in some] for some in (ours, theirs)])
    assert seeds is not None
    evidence = known(compare_counts(ours, theirs, seeds))
    assert evidence.error**2 == pytest.approx(seeds.value * 2 / 20, rel=0.15)


def test_one_sentence_that_carries_the_difference_leaves_few_degrees_of_freedom(rng: np.random.Generator) -> None:
    ours = runs(rng, 1, 300)
    theirs = [ours[0].copy()]
    theirs[0][7] = (0, 9, theirs[0][7][0] + theirs[0][7][2])
    evidence = known(compare_counts(2 * ours, 2 * theirs, NO_SEEDS))
    assert evidence.df < 3
    assert evidence.p > 0.2


def test_what_cannot_be_known_is_none(rng: np.random.Generator) -> None:
    some, nothing = runs(rng, 2, 50), np.zeros((50, 3), np.int32)
    seeds = SeedVariance(0.2, 4)
    assert compare_counts([], some, seeds) is None
    assert compare_counts(some, [], seeds) is None
    assert compare_counts([], [], seeds) is None
    assert compare_counts(some, runs(rng, 2, 60), seeds) is None  # another test set
    assert compare_counts(some, [some[0], nothing], seeds) is None  # F1 is not defined
    assert compare_counts([nothing[:0]], [nothing[:0]], seeds) is None
    assert compare_counts([some[0][:1]], [some[1][:1]], seeds) is None  # one sentence does not vary
    alike = [np.tile([tp, 1, 1], (50, 1)) for tp in (6, 7)]
    assert compare_counts(2 * alike[:1], 2 * alike[1:], NO_SEEDS) is None  # no error was seen: not certainty


def test_a_single_run_on_a_side_is_not_tested(rng: np.random.Generator) -> None:
    """However sure the pooled variance is: it is that of other combinations."""
    some, other = runs(rng, 3, 100), runs(rng, 1, 100, recall=0.1)
    for ours, theirs in ((some, other), (other, some), (other, other)):
        assert compare_counts(ours, theirs, SeedVariance(0.2, 1000)) is None


@given(
    seed=st.integers(0, 10**6),
    n_ours=st.integers(2, 5),
    n_theirs=st.integers(2, 5),
    pooled=st.sampled_from([0.0, 0.1, 2.0, 30.0]),
)
def test_p_and_interval_say_the_same(seed: int, n_ours: int, n_theirs: int, pooled: float) -> None:
    rng = np.random.default_rng(seed)
    recall = float(rng.uniform(0.55, 0.85))
    evidence = known(compare_counts(runs(rng, n_ours, 60), runs(rng, n_theirs, 60, recall), SeedVariance(pooled, 12)))
    assert (evidence.p <= 0.05) == (not evidence.low <= 0 <= evidence.high)


def test_pooled_variance_is_weighted_by_degrees_of_freedom() -> None:
    scores = [[1.0, 2.0, 4.0], [10.0], [5.0, 8.0], []]
    pooled = pooled_variance(scores)
    assert pooled is not None
    assert pooled.df == 3
    assert pooled.value == pytest.approx((2 * np.var(scores[0], ddof=1) + np.var(scores[2], ddof=1)) / 3)
    assert pooled_variance([[1.0], [2.0]]) is None
    assert pooled_variance([]) is None


def family(*ps: float) -> list[Evidence]:
    return [Evidence(1.0, 1.0, 9.0, 0.0, 2.0, p) for p in ps]


def test_adjusted_by_hand() -> None:
    adjusted = adjust(family(0.04, 0.01, 0.03, 0.5))
    # Holm: 4 * 0.01, 3 * 0.03, then 2 * 0.04 may not fall below 0.09
    assert [e.holm for e in adjusted] == pytest.approx([0.09, 0.04, 0.09, 0.5])
    # Benjamini-Hochberg: 4/1 * 0.01, then 4/2 * 0.03 may not exceed 4/3 * 0.04
    assert [e.q for e in adjusted] == pytest.approx([4 / 75, 0.04, 4 / 75, 0.5])
    assert [e.p for e in adjusted] == [0.04, 0.01, 0.03, 0.5]
    assert adjust([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusting_raises_p_and_keeps_its_order(ps: list[float]) -> None:
    adjusted = adjust(family(*ps))
    p, q, holm = (np.array([getattr(e, name) for e in adjusted]) for name in ("p", "q", "holm"))
    order = np.argsort(p)
    assert (np.diff(q[order]) >= 0).all()
    assert (np.diff(holm[order]) >= 0).all()
    assert (q >= p - 1e-12).all()
    assert (holm >= q - 1e-12).all()
    assert (holm <= np.minimum(1, len(p) * p) + 1e-12).all()  # never above Bonferroni
    assert max(q.max(), holm.max()) <= 1


@pytest.mark.parametrize(("n", "percent"), [(1, 0), (2, 19.9), (3, 4.85), (4, 1.27), (5, 0.347)])
def test_how_often_the_papers_rule_errs(n: int, percent: float) -> None:
    assert 100 * false_arrow_rate(n, 1.5, "population") == pytest.approx(percent, rel=5e-3)


@pytest.mark.parametrize("std", ["population", "sample"])
@pytest.mark.parametrize(("n", "k"), [(1, 1.5), (2, 1.5), (3, 1.0), (5, 0.5)])
def test_the_rate_is_that_of_drawn_arrows(rng: np.random.Generator, n: int, k: float, std: str) -> None:
    scores = rng.normal(70, 0.3, (2000, 2, n)).tolist()
    drawn = np.mean([arrow_between(ours, theirs, k, std) is not None for ours, theirs in scores])
    rate = false_arrow_rate(n, k, std)
    assert drawn == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / 2000))


def test_the_rate_at_the_ends() -> None:
    assert false_arrow_rate(4, 0.0, "population") == pytest.approx(1)  # no two means are equal
    assert false_arrow_rate(3000, 1.5, "sample") < 1e-12
    assert false_arrow_rate(200, 0.05, "sample") == pytest.approx(2 * stats.norm.sf(0.05 * np.sqrt(2 * 200)), rel=0.01)


def test_equal_combinations_are_called_different_in_one_of_twenty_at_most() -> None:
    """Seeds that move all sentences, seeds that move each, and sentences that suit one combination better."""
    rng = np.random.default_rng(3)
    ps = []
    for _ in range(60):
        units = rng.integers(1, 9, (200,))
        suits = rng.normal(0, 0.5, (8, 1, 200))
        logits = rng.normal(1, 1, 200) + suits + rng.normal(0, 0.1, (8, 3, 1)) + rng.normal(0, 0.3, (8, 3, 200))
        tp = rng.binomial(units, 1 / (1 + np.exp(-logits)))
        counts = np.stack([tp, units - tp, units - tp], axis=-1)
        seeds = pooled_variance([[f1(run) for run in combination] for combination in counts])
        assert seeds is not None
        ps += [known(compare_counts(list(a), list(b), seeds)).p for a, b in zip(counts[::2], counts[1::2], strict=True)]
    assert np.mean(np.array(ps) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(ps))
    assert np.mean(np.array(ps) <= 0.5) == pytest.approx(0.45, abs=0.15)  # and not by never calling anything different


STEADY = (1.0,) * 10
WORST = {  # spreads of the seeds and numbers of runs, of the base and of ten combinations
    "an unsteady base": ((5.0, *STEADY), (3,) * 11),
    "an unsteady partner": ((1.0, 5.0, *STEADY[1:]), (3,) * 11),
    "3 against 2, an unsteady partner": ((1.0, 5.0, *STEADY[1:]), (3, *(2,) * 10)),
    "2 against 2, an unsteady base": ((5.0, *STEADY), (2,) * 11),
    "half-done: some have one run, some two": ((1.0, 5.0, 5.0, *STEADY[2:]), (3, 2, 1, *(2, 1) * 4)),
    "3 against 1, partners less steady": ((1.0, *(3.0,) * 10), (3, *(1,) * 10)),
}


@pytest.mark.parametrize("world", WORST)
def test_combinations_that_spread_differently_are_not_called_different_too_often(world: str) -> None:
    """In none of the worst worlds of ``bench/significance.py``: not of a column, nor of its unsteady one alone."""
    spreads, numbers = WORST[world]
    rng = np.random.default_rng(17)
    columns = [column(rng, np.array(spreads), numbers) for _ in range(400)]
    shares = [np.mean([e.p <= 0.05 for e in some if e]) for some in columns if any(some)]
    unsteady = [some[0].p <= 0.05 for some in columns if some[0] and spreads[1] > 1]
    anywhere = [any((e.q or 0) <= 0.05 for e in adjust([e for e in some if e])) for some in columns]
    for rate in (shares, unsteady, anywhere):
        if rate:
            assert np.mean(rate) <= 0.06 + 2 * np.std(rate) / np.sqrt(len(rate))


def column(rng: np.random.Generator, spreads: np.ndarray, numbers: Sequence[int]) -> list[Evidence | None]:
    """The tests of ten equal combinations against a base: scores that move with the seed, sentences that suit one."""
    combinations, sentences, units = len(spreads), 40, 50
    suits = rng.normal(0, 0.2, (combinations, 1, sentences))
    seeds = 0.06 * spreads[:, None, None] * rng.normal(size=(combinations, max(numbers), 1))
    logits = rng.normal(1, 0.5, sentences) + suits + seeds
    tp = np.rint(units / (1 + np.exp(-logits)))
    counts = np.stack([tp, units - tp, units - tp], axis=-1)
    done = [list(some[:n]) for some, n in zip(counts, numbers, strict=True)]
    pooled = pooled_variance([[f1(run) for run in some] for some in done])
    assert pooled is not None
    base, *others = (linearise(some) for some in done)
    return [compare_runs(other, base, pooled) for other in others]


def assert_close(a: Evidence, b: Evidence) -> None:
    for name in ("difference", "error", "df", "low", "high", "p"):
        assert getattr(a, name) == pytest.approx(getattr(b, name), abs=1e-9), name
