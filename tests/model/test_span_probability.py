"""Probabilities of spans, sentences and ranges of tags, against the enumeration of all tag sequences."""

from itertools import product

import pytest
import torch
from helpers import make_corpora, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.testing import assert_close

from tagmates import Tagger
from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.packed_sequence import PackedLayout
from tagmates.data.indexing import IndexedSplit
from tagmates.data.schemes import Scheme, is_tag_of, spans_of
from tagmates.data.sentence import Sentence, Span
from tagmates.model.crf import LinearChainCRF
from tagmates.model.network import distribution, encode
from tagmates.model.span_probability import tag_constraints, tag_numbers
from tagmates.seeding import generator

TAGS = {"one": ["O", "B-x", "I-x", "B-y", "I-y"], "two": ["O", "S-q", "B-q", "I-q", "E-q"], "three": ["A", "O", "B"]}


def make_crf(lengths: list[list[int]], tags: int, seed: int, spread: float = 1.0) -> LinearChainCRF:
    packed = PackedLayout.of(pad_sequence([torch.tensor(own) for own in lengths], batch_first=True))
    count, draw = len(lengths), generator(seed, "crf")
    shapes = (count, packed.positions, tags), (count, tags, tags), (count, tags), (count, tags)
    return LinearChainCRF(*(spread * torch.randn(shape, generator=draw) for shape in shapes), packed)


def paths_of(crf: LinearChainCRF, decoder: int, row: int) -> tuple[Tensor, Tensor]:
    """Every tag sequence of a sentence, and its probability."""
    length, tags = int(crf.packed.lengths[decoder, row]), crf.start.shape[1]
    places = [crf.packed.offsets[t] + row for t in range(length)]
    paths = torch.tensor(list(product(range(tags), repeat=length)))
    scores = crf.start[decoder, paths[:, 0]].double() + crf.end[decoder, paths[:, -1]]
    scores += crf.emissions[decoder, places][torch.arange(length), paths].double().sum(1)
    scores += crf.transitions[decoder, paths[:, :-1], paths[:, 1:]].double().sum(1)
    return paths, scores.softmax(0)


@settings(max_examples=40)
@given(st.integers(0, 99), st.integers(2, 4), st.sampled_from([0.1, 1.0, 30.0]))
def test_a_range_has_the_probability_of_all_sequences_that_agree(seed: int, tags: int, spread: float) -> None:
    lengths = [[4, 3, 1], [5, 2]]
    crf = make_crf(lengths, tags, seed, spread)
    draw = generator(seed, "ranges")
    for decoder, own in enumerate(lengths):
        ranges = [
            (row, first, size) for row, n in enumerate(own) for first in range(n) for size in range(1, n - first + 1)
        ]
        allowed = torch.rand((len(ranges), 5, tags), generator=draw) < 0.6
        row, first, size = torch.tensor(ranges).T
        found = crf.log_prob_among(decoder, row, first, size, allowed).exp()
        for i, (r, start, n) in enumerate(ranges):
            paths, chances = paths_of(crf, decoder, r)
            agree = torch.stack([allowed[i, k][paths[:, start + k]] for k in range(n)]).all(0)
            assert_close(found[i], chances[agree].sum(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("scheme", "tags"), [("iob2", TAGS["one"]), ("iob1", TAGS["one"]), ("iobes", TAGS["two"])])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_the_ways_of_a_span_are_the_sequences_that_have_it_each_once(
    scheme: Scheme, tags: list[str], length: int
) -> None:
    numbers = tag_numbers(tags, scheme)
    sequences = list(product(range(len(tags)), repeat=length))
    for label, (start, end) in product(numbers, [(i, j) for j in range(1, length + 1) for i in range(j)]):
        span = Span(start, end, label)
        sets = list(tag_constraints(span, length, numbers[label], len(tags)))
        for sequence in sequences:
            in_sets = sum(all(allowed[k, sequence[first + k]] for k in range(len(allowed))) for first, allowed in sets)
            assert in_sets == (span in spans_of([tags[k] for k in sequence], scheme))


@pytest.mark.parametrize("sharing", ["multi_dec", "te_dec", "te_enc"])
def test_spans_and_sentences_have_the_probability_that_enumeration_says(sharing: str) -> None:
    tagger = make_run(make_corpora(1, TAGS), sharing).tagger  # type: ignore[arg-type]
    tasks = list(TAGS) if sharing == "multi_dec" else ["one", "two"]
    words = ["Anna", "sleeps", "now"] if sharing == "multi_dec" else ["Anna", "sleeps"]
    spans_seen = 0
    for sentence in tagger.tag([words, words[:1], [], words[::-1]], tasks, probabilities=True):
        assert sentence.sequence_probabilities is not None and sentence.probabilities is not None
        for task in tasks if sentence.tokens else ():
            chances = enumerated(tagger, sentence.tokens, task)
            whole = sum(p for tags, p in chances if tags == sentence.tags[task])
            assert sentence.sequence_probabilities[task] == pytest.approx(whole, rel=1e-3)
            for span in tagger.spans(sentence, task):
                spans_seen += 1
                expected = sum(p for tags, p in chances if span in read(tagger, tags, task))
                assert span.probability == pytest.approx(expected, rel=1e-3)
    assert spans_seen > 2


def read(tagger: Tagger, tags: tuple[str, ...], task: str) -> list[Span]:
    scheme = tagger.schemes[task]
    if scheme == "plain":
        return [Span(i, i + 1, tag) for i, tag in enumerate(tags) if tag != tagger.outside[task]]
    return spans_of([tag if is_tag_of(tag, scheme) else "O" for tag in tags], scheme)


def enumerated(tagger: Tagger, tokens: tuple[str, ...], task: str) -> list[tuple[tuple[str, ...], float]]:
    """Every tag sequence of a sentence (without the tag of a task token) and its probability."""
    corpus, tables = tagger.index_sentences([(task, IndexedSplit.of([Sentence(tokens)]))])
    batch = collate([LaneSelection.own_tasks(corpus, torch.arange(1))])
    labels = tagger.vocabulary.labels[tagger.vocabulary.decoder_of(task)]
    with torch.no_grad():
        states = encode([tagger.module], batch, tables=[tables])
        (group,) = batch.groups
        paths, chances = paths_of(distribution([tagger.module], group, states), 0, 0)
    head = int(tagger.module.sharing == "te_enc")
    sequences = [tuple(labels[k] for k in path[head:]) for path in paths.tolist()]
    if not head:
        return list(zip(sequences, chances.tolist(), strict=True))
    together: dict[tuple[str, ...], float] = {}
    for sequence, chance in zip(sequences, chances.tolist(), strict=True):
        together[sequence] = together.get(sequence, 0) + chance
    return list(together.items())
