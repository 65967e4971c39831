"""The CRF of tagmates.kernels, as model/crf uses it, against enumeration, plain autograd and pytorch-crf."""

from itertools import product

import pytest
import torch
import torchcrf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import tried
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.testing import assert_close

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import dispatch
from tagmates.kernels.reference import crf as reference_crf
from tagmates.model.crf import LinearChainCRF
from tagmates.seeding import generator

LENGTHS = st.lists(st.integers(1, 5), max_size=4).map(lambda lengths: sorted(lengths, reverse=True))
DECODERS = st.lists(LENGTHS, min_size=1, max_size=3).filter(any)
NAMES = ("emissions", "transitions", "start", "end")


def make_crf(decoders: list[list[int]], tags: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> LinearChainCRF:
    """Sentences of these lengths, in every decoder from long to short; all scores are standard normal."""
    packed = PackedLayout.of(pad_sequence([torch.tensor(d, dtype=torch.long) for d in decoders], batch_first=True))
    count, draw = len(decoders), generator(seed, "crf")
    shapes = (count, packed.positions, tags), (count, tags, tags), (count, tags), (count, tags)
    return LinearChainCRF(*(torch.randn(shape, dtype=dtype, generator=draw) for shape in shapes), packed)


def make_tags(crf: LinearChainCRF, seed: int = 0) -> Tensor:
    decoders, positions, tags = crf.emissions.shape
    return torch.randint(tags, (decoders, positions), generator=generator(seed, "tags"))


def parts(crf: LinearChainCRF) -> list[Tensor]:
    return [getattr(crf, name) for name in NAMES]


def places(crf: LinearChainCRF, decoder: int, row: int) -> list[int]:
    """The positions of one sentence."""
    return [crf.packed.offsets[t] + row for t in range(int(crf.packed.lengths[decoder, row]))]


def sentences(crf: LinearChainCRF) -> list[tuple[int, int]]:
    """The decoder and row of every sentence that is not empty."""
    return [(d, r) for d, r in product(*map(range, crf.packed.lengths.shape)) if crf.packed.lengths[d, r] > 0]


def scores_of_all_paths(crf: LinearChainCRF, decoder: int, row: int) -> tuple[Tensor, Tensor]:
    """Every tag sequence of a sentence [paths, steps] and its score [paths]."""
    emissions = crf.emissions[decoder, places(crf, decoder, row)]
    steps, tags = emissions.shape
    paths = torch.tensor(list(product(range(tags), repeat=steps)))
    scores = crf.start[decoder, paths[:, 0]] + crf.end[decoder, paths[:, -1]]
    scores = scores + emissions[torch.arange(steps), paths].sum(1)
    return paths, scores + crf.transitions[decoder, paths[:, :-1], paths[:, 1:]].sum(1)


def plain_log_partition(crf: LinearChainCRF, decoder: int, row: int) -> Tensor:
    """The textbook recursion in logarithms."""
    first, *others = crf.emissions[decoder, places(crf, decoder, row)]
    alpha = crf.start[decoder] + first
    for emission in others:
        alpha = torch.logsumexp(alpha.unsqueeze(1) + crf.transitions[decoder], 0) + emission
    return torch.logsumexp(alpha + crf.end[decoder], 0)


def plain_best_score(crf: LinearChainCRF, decoder: int, row: int) -> Tensor:
    first, *others = crf.emissions[decoder, places(crf, decoder, row)]
    alpha = crf.start[decoder] + first
    for emission in others:
        alpha = (alpha.unsqueeze(1) + crf.transitions[decoder]).amax(0) + emission
    return (alpha + crf.end[decoder]).amax()


def in_float64(crf: LinearChainCRF) -> LinearChainCRF:
    """The same distribution with leaves of its own."""
    return LinearChainCRF(*(part.detach().double().requires_grad_() for part in parts(crf)), crf.packed)


def gradients(crf: LinearChainCRF, total: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(total, parts(crf), materialize_grads=True)


@settings(max_examples=tried(60))
@given(DECODERS, st.integers(1, 3), st.integers(0, 99))
@example([[5, 5, 1], [4], []], 3, 0)
@example([[], [2, 1]], 2, 0)
def test_everything_is_what_enumeration_says(decoders: list[list[int]], num_tags: int, seed: int) -> None:
    crf = make_crf(decoders, num_tags, seed)
    tags, mask = make_tags(crf, seed), crf.packed.mask
    log_partition, score, log_prob = crf.log_partition(), crf.score(tags), crf.log_prob(tags)
    marginals, best = crf.marginals(), crf.argmax()
    for d, r in sentences(crf):
        here = places(crf, d, r)
        paths, scores = scores_of_all_paths(crf, d, r)
        probability = scores.softmax(0)
        given_path = int((paths == tags[d, here]).all(1).nonzero())
        assert_close(log_partition[d, r], scores.logsumexp(0))
        assert_close(score[d, r], scores[given_path])
        assert_close(log_prob[d, r], scores.log_softmax(0)[given_path])
        expected = [[probability[paths[:, t] == k].sum() for k in range(num_tags)] for t in range(len(here))]
        assert_close(marginals[d, here], torch.tensor(expected, dtype=torch.float64))
        assert best[d, here].tolist() == paths[scores.argmax()].tolist()
    empty = crf.packed.lengths == 0
    for result in (log_partition, score, log_prob):
        assert result.shape == crf.packed.lengths.shape
        assert not result[empty].any()
    assert not marginals[~mask].any()
    assert not best[~mask].any()


def partly(crf: LinearChainCRF, tags: Tensor, share: float, seed: int) -> Tensor:
    """The tags, -1 in so many of the places that sentences have."""
    missing = torch.rand(tags.shape, generator=generator(seed, "missing")) < share
    return tags.masked_fill(missing & crf.packed.mask, -1)


def agreeing_log_prob(crf: LinearChainCRF, tags: Tensor, decoder: int, row: int) -> Tensor:
    """By enumeration: of all tag sequences that have the tags that are there."""
    given = tags[decoder, places(crf, decoder, row)]
    paths, scores = scores_of_all_paths(crf, decoder, row)
    agree = ((paths == given) | (given < 0)).all(1)
    return scores[agree].logsumexp(0) - scores.logsumexp(0)


@settings(max_examples=tried(100))
@given(
    decoders=DECODERS,
    num_tags=st.integers(1, 3),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    path=st.sampled_from(["compiled", "plain", "fallback"]),
)
@example([[5, 5, 1], [4], []], 3, 0, 0.5, torch.float32, "compiled")
def test_tags_that_are_not_there_are_summed_over(
    decoders: list[list[int]], num_tags: int, seed: int, share: float, dtype: torch.dtype, path: str
) -> None:
    """Values and gradients are those of enumeration; a sentence whose tags are all there is as without the others."""
    crf = make_crf(decoders, num_tags, seed, dtype)
    crf = LinearChainCRF(*(part.requires_grad_() for part in parts(crf)), crf.packed)
    tags = partly(crf, make_tags(crf, seed), share, seed)
    weight = torch.randn(crf.packed.lengths.shape, dtype=torch.float64, generator=generator(seed, "weight"))
    with pytest.MonkeyPatch.context() as patch:
        if path != "compiled":
            patch.setattr(dispatch, "library_for", lambda *_: None)
        if path == "fallback":
            patch.setattr(reference_crf, "UNDERFLOW", float("inf"))
        log_prob, whole = crf.log_prob(tags, partial=True), crf.log_prob(tags.clamp_min(0))
        found = gradients(crf, (log_prob * weight).sum())
        alone = gradients(crf, (whole * weight).sum())
    assert log_prob.dtype == dtype
    exact = in_float64(crf)
    expected = torch.zeros((), dtype=torch.float64)
    tolerance = {"rtol": 1e-5, "atol": 2e-5} if dtype == torch.float32 else {"rtol": 1e-7, "atol": 1e-7}
    for d, r in sentences(crf):
        there = tags[d, places(crf, d, r)] >= 0
        value = agreeing_log_prob(exact, tags, d, r)
        expected = expected + value * weight[d, r]
        assert_close(log_prob[d, r].double(), value, **tolerance)
        assert not there.all() or torch.equal(log_prob[d, r], whole[d, r])
        assert there.any() or log_prob[d, r].item() == pytest.approx(0, abs=1e-6)
    for ours, theirs in zip(found, gradients(exact, expected), strict=True):
        assert_close(ours.double(), theirs, **tolerance)
    if not (tags < 0).any():
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, alone, strict=True))


@pytest.mark.parametrize("lengths", [[1], [500, 20, 1]])
@pytest.mark.parametrize("emission", [1.0, 1e3])
@pytest.mark.parametrize("transition", [1.0, 1e4])
def test_at_extremes_too(transition: float, emission: float, lengths: list[int]) -> None:
    """Against a chain in float64 whose other tags have lost all chance."""
    crf = make_extreme(lengths, 5, transition, emission)
    crf = LinearChainCRF(*(part.requires_grad_() for part in parts(crf)), crf.packed)
    tags = partly(crf, make_tags(crf), 0.5, 0)
    log_prob, exact = crf.log_prob(tags, partial=True), in_float64(crf)
    assert all(gradient.isfinite().all() for gradient in gradients(crf, log_prob.sum()))
    out = (tags.unsqueeze(-1) != torch.arange(5)) & (tags >= 0).unsqueeze(-1)
    agreeing = LinearChainCRF(
        exact.emissions.masked_fill(out, -torch.inf), exact.transitions, exact.start, exact.end, crf.packed
    )
    with torch.no_grad():
        for d, r in sentences(crf):
            wanted, whole = plain_log_partition(agreeing, d, r), plain_log_partition(exact, d, r)
            size = max(abs(float(wanted)), abs(float(whole)), 1)
            assert_close(log_prob[d, r].double(), wanted - whole, rtol=1e-6, atol=2e-6 * size)


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("decoders", [[[1]], [[4, 2]], [[3, 1], [2], []]])
def test_gradients_are_those_of_finite_differences(
    decoders: list[list[int]], fallback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fallback:
        monkeypatch.setattr(reference_crf, "UNDERFLOW", float("inf"))
    crf = make_crf(decoders, 3)
    tags = make_tags(crf)

    def log_prob(*values: Tensor) -> Tensor:
        return LinearChainCRF(*values, crf.packed).log_prob(tags)

    assert torch.autograd.gradcheck(log_prob, [part.requires_grad_() for part in parts(crf)])


@settings(max_examples=tried(60))
@given(DECODERS, st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_both_recursions_have_the_gradients_of_autograd(
    decoders: list[list[int]], num_tags: int, seed: int, fallback: bool
) -> None:
    crf = in_float64(make_crf(decoders, num_tags, seed))
    weight = torch.randn(crf.packed.lengths.shape, dtype=torch.float64, generator=generator(seed, "weight"))
    with pytest.MonkeyPatch.context() as patch:
        if fallback:
            patch.setattr(reference_crf, "UNDERFLOW", float("inf"))
        found = gradients(crf, (crf.log_partition() * weight).sum())
    plain = sum((plain_log_partition(crf, d, r) * weight[d, r] for d, r in sentences(crf)), torch.zeros(()))
    for ours, theirs in zip(found, gradients(crf, plain), strict=True):
        assert_close(ours, theirs)


def test_likelihood_gradients_and_decoding_are_those_of_pytorch_crf() -> None:
    lengths, num_tags = [9, 9, 5, 2, 1, 1], 7
    crf = make_crf([lengths], num_tags)
    tags, packed = make_tags(crf), crf.packed
    theirs = torchcrf.CRF(num_tags, batch_first=True).double()
    with torch.no_grad():
        theirs.transitions.copy_(crf.transitions[0])
        theirs.start_transitions.copy_(crf.start[0])
        theirs.end_transitions.copy_(crf.end[0])
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)  # [rows, steps]
    padded = torch.zeros(*mask.shape, num_tags, dtype=torch.float64)
    padded[packed.row, packed.step] = crf.emissions[0]
    padded.requires_grad_()
    padded_tags = torch.zeros(mask.shape, dtype=torch.long)
    padded_tags[packed.row, packed.step] = tags[0]

    ours = in_float64(crf)
    log_prob = ours.log_prob(tags)[0]
    expected = theirs(padded, padded_tags, mask, reduction="none")
    assert_close(log_prob, expected)
    expected.sum().backward()
    emissions, transitions, start, end = gradients(ours, log_prob.sum())
    assert padded.grad is not None
    assert_close(emissions[0], padded.grad[packed.row, packed.step])
    assert_close(transitions[0], theirs.transitions.grad)
    assert_close(start[0], theirs.start_transitions.grad)
    assert_close(end[0], theirs.end_transitions.grad)
    best = crf.argmax()
    assert [best[0, places(crf, 0, row)].tolist() for row in range(len(lengths))] == theirs.decode(padded, mask)


def check_against_float64(crf: LinearChainCRF, *, marginal_error: float) -> None:
    """Finite, within 1e-6 of a float64 reference, and gradients that sum to what they must.

    Sums may cancel: what is left of them is as exact as their terms.
    """
    crf = LinearChainCRF(*(part.requires_grad_() for part in parts(crf)), crf.packed)
    exact, tags, mask = in_float64(crf), make_tags(crf), crf.packed.mask
    log_partition = crf.log_partition()
    emissions, transitions, start, end = gradients(crf, log_partition.sum())
    log_prob = crf.log_prob(tags)
    with torch.no_grad():
        given_score = exact.score(tags)
        largest = max(float(part.abs().max()) for part in parts(exact))
        for d, r in sentences(crf):
            wanted = plain_log_partition(exact, d, r)
            assert_close(log_partition[d, r].double(), wanted, rtol=1e-6, atol=1e-6 * largest + 1e-6)
            size = max(abs(float(wanted)), abs(float(given_score[d, r])), largest)
            assert_close(log_prob[d, r].double(), given_score[d, r] - wanted, rtol=1e-6, atol=1e-6 * size + 1e-6)
    lengths = crf.packed.lengths
    assert_close(emissions.sum(-1), mask.float(), rtol=0, atol=marginal_error)
    assert_close(start.sum(-1), (lengths > 0).sum(1).float(), rtol=marginal_error, atol=0)
    assert_close(end.sum(-1), (lengths > 0).sum(1).float(), rtol=marginal_error, atol=0)
    links = (lengths - 1).clamp_min(0).sum(1).float()
    assert_close(transitions.sum((1, 2)), links, rtol=marginal_error, atol=0)
    for gradient in (emissions, transitions, start, end):
        assert gradient.isfinite().all()
        assert (gradient >= 0).all()
    assert_close(crf.marginals(), emissions)


def signs(shape: torch.Size, size: float) -> Tensor:
    """``size`` with random signs."""
    return size * (2.0 * torch.randint(2, shape, generator=generator(0, "signs")) - 1)


def make_extreme(lengths: list[int], num_tags: int, transition: float, emission: float) -> LinearChainCRF:
    """Two decoders in float32 whose scores are about as large as named, of either sign."""
    crf = make_crf([lengths, lengths[:1]], num_tags, dtype=torch.float32)
    if emission > 1:
        crf.emissions.add_(signs(crf.emissions.shape, emission))
    if transition > 1:
        crf.transitions.add_(signs(crf.transitions.shape, transition))
    return crf


@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [500, 20, 1]])
@pytest.mark.parametrize("emission", [1.0, 1e3])
@pytest.mark.parametrize("transition", [1.0, 1e4])
@pytest.mark.parametrize("num_tags", [1, 5])
def test_extremes_stay_finite_and_exact(num_tags: int, transition: float, emission: float, lengths: list[int]) -> None:
    crf = make_extreme(lengths, num_tags, transition, emission)
    check_against_float64(crf, marginal_error=1e-3 if emission > 1 else 1e-4)


@pytest.mark.parametrize("emission", [1.0, 1e3])
@pytest.mark.parametrize("transition", [1.0, 1e4])
@pytest.mark.parametrize("num_tags", [1, 5, 50])
def test_at_extremes_no_path_is_better_than_the_best(num_tags: int, transition: float, emission: float) -> None:
    crf = make_extreme([500, 20, 1], num_tags, transition, emission)
    exact, found = in_float64(crf), crf.score(crf.argmax())
    with torch.no_grad():
        for d, r in sentences(crf):
            assert_close(found[d, r], plain_best_score(exact, d, r), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 16.0, 1024.0, -1024.0])
def test_a_constant_added_to_all_scores_does_not_change_the_best_path(constant: float) -> None:
    crf = make_crf([[300]], 9, dtype=torch.float32)
    for part in parts(crf):
        part.mul_(256).round_().div_(256)  # so that adding the constant rounds nothing away
    exact = in_float64(crf)
    crf.emissions.add_(constant)
    assert exact.score(crf.argmax()).item() == plain_best_score(exact, 0, 0).item()


@pytest.mark.parametrize("transition", [1.0, pytest.param(1e4, marks=pytest.mark.slow)])
def test_many_tags_in_a_long_sentence(transition: float) -> None:
    crf = make_crf([[500]], 425, dtype=torch.float32)
    if transition > 1:
        crf.transitions.add_(signs(crf.transitions.shape, transition))
    check_against_float64(crf, marginal_error=1e-4)


@pytest.mark.parametrize("garbage", [1e3, 1e20, -1e20])
@pytest.mark.parametrize("transition", [1.0, 1e4])
def test_positions_outside_the_mask_touch_nothing(transition: float, garbage: float) -> None:
    results = []
    for filling in (0.0, garbage):
        crf = make_crf([[6, 5, 5], [3], []], 4, dtype=torch.float32)
        outside = ~crf.packed.mask
        crf.transitions.mul_(transition)
        crf.emissions.masked_fill_(outside.unsqueeze(-1), filling)
        crf = LinearChainCRF(*(part.requires_grad_() for part in parts(crf)), crf.packed)
        log_prob = crf.log_prob(make_tags(crf))
        found = gradients(crf, log_prob.sum())
        assert not found[0][outside].any()
        assert not crf.marginals()[outside].any()
        results.append([log_prob, *found, crf.argmax()])
    for ours, wanted in zip(*results, strict=True):
        assert torch.equal(ours, wanted)


@settings(max_examples=40)
@given(st.floats(0, 4), st.floats(0, 3), st.integers(2, 6), st.integers(0, 99))
def test_float32_follows_float64_at_every_scale(transition: float, emission: float, num_tags: int, seed: int) -> None:
    crf = make_crf([[12, 7, 1]], num_tags, seed, torch.float32)
    crf.transitions.mul_(10**transition)
    crf.emissions.mul_(10**emission)
    check_against_float64(crf, marginal_error=1e-3)


def banned(dtype: torch.dtype) -> LinearChainCRF:
    """An ordinary CRF in which tag 2 may not start and may only follow tag 0, as an I- tag its B-."""
    crf = make_crf([[30, 8, 8, 1], [5]], 4, dtype=dtype)
    crf.transitions[:, 1:, 2] = -1e4
    crf.start[:, 2] = -1e4
    return crf


def test_banned_transitions() -> None:
    crf = banned(torch.float32)
    check_against_float64(crf, marginal_error=1e-4)
    best = crf.argmax()
    for d, r in sentences(crf):
        tags = best[d, places(crf, d, r)].tolist()
        assert all(before == 0 for before, tag in zip([-1, *tags], tags, strict=False) if tag == 2)


def test_gradients_with_banned_transitions_are_those_of_autograd() -> None:
    exact = in_float64(banned(torch.float32))
    wanted = gradients(exact, torch.stack([plain_log_partition(exact, d, r) for d, r in sentences(exact)]).sum())
    crf = LinearChainCRF(*(part.requires_grad_() for part in parts(banned(torch.float32))), exact.packed)
    for ours, theirs in zip(gradients(crf, crf.log_partition().sum()), wanted, strict=True):
        assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)
