"""The sentences of a batch as windows of sub-words, which a pretrained encoder reads, and the way back to tokens.

A sentence that fits is one window. A longer one is read in windows that overlap by a half; every sub-word takes its
state from the window in which it has the most context on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from tagmates.batching.batches import Batch
from tagmates.batching.packed_sequence import PackedLayout


@dataclass(frozen=True, slots=True)
class SubwordSequence:
    """The sub-words of sentences, one sentence after another; in a batch, a token's number is its position there."""

    numbers: Int[Tensor, " subwords"]
    token: Int[Tensor, " subwords"]  # the number of the token that a sub-word is part of
    lengths: Int[Tensor, " sentences"]  # in sub-words
    first: Int[Tensor, " tokens"]  # the index of each token's first sub-word


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of all sentences, and for every sub-word its window and its place there."""

    start: Int[Tensor, " windows"]  # index of the first sub-word
    length: Int[Tensor, " windows"]  # in sub-words
    sentence: Int[Tensor, " windows"]
    window: Int[Tensor, " subwords"]
    place: Int[Tensor, " subwords"]


def subword_sequence(batch: Batch) -> SubwordSequence:
    """The sub-words of a batch of one lane, whose forms are spelled in sub-words."""
    packed, spelling = batch.packed, batch.spelling
    order = sentence_order(packed)
    form = batch.form[0].index_select(0, order)
    lengths = spelling.lengths[0].index_select(0, form)
    ends = lengths.cumsum(0)
    owner = torch.repeat_interleave(lengths)  # of each sub-word: the index of its token in the order of sentences
    step = torch.arange(len(owner), device=owner.device) - (ends - lengths)[owner]
    numbers = batch.characters[0].index_select(0, spelling.starts[step] + form[owner])
    first = torch.empty_like(ends).scatter_(0, order, ends - lengths)
    row = packed.row.index_select(0, order)
    of_sentences = lengths.new_zeros(packed.lengths.shape[1]).index_add_(0, row, lengths)
    return SubwordSequence(numbers, order[owner], of_sentences, first)


def sentence_order(packed: PackedLayout) -> Int[Tensor, " positions"]:
    """The positions of a layout of one lane, sentence after sentence instead of step after step."""
    return (packed.row * len(packed.starts) + packed.step).argsort()


def windows_of(lengths: Int[Tensor, " sentences"], longest: int) -> Windows:
    """The windows of sentences of these lengths, which have at most ``longest`` sub-words each."""
    stride = max(longest // 2, 1)
    counts = 1 + ((lengths - longest).clamp_min(0) + stride - 1) // stride
    sentence = torch.repeat_interleave(counts)
    number = torch.arange(len(sentence), device=lengths.device) - (counts.cumsum(0) - counts)[sentence]
    # the last window of a sentence ends with it
    offset = torch.minimum(number * stride, (lengths[sentence] - longest).clamp_min(0))
    before = lengths.cumsum(0) - lengths
    length = torch.minimum(lengths[sentence], lengths.new_tensor(longest))
    owner = torch.repeat_interleave(lengths)  # the sentence of each sub-word
    index = torch.arange(len(owner), device=lengths.device) - before[owner]
    # the window whose middle is nearest: by the stride, or the last one, which may begin less than a stride later
    first, last = (counts.cumsum(0) - counts)[owner], counts.cumsum(0)[owner] - 1
    near = torch.minimum(first + ((index - (longest - stride) // 2) // stride).clamp_min(0), last)
    distances = [(2 * (index - offset[window]) - length[window] + 1).abs() for window in (near, last)]
    window = torch.where(distances[1] < distances[0], last, near)
    return Windows(before[sentence] + offset, length, sentence, window, index - offset[window])


def groups_of_similar_length(lengths: Int[Tensor, " windows"], fixed_cost: int) -> list[Int[Tensor, " _"]]:
    """The windows in groups, each to be padded to its longest, so that little is spent on padding.

    A group costs as much as its padded sub-words, and ``fixed_cost`` sub-words more. Windows are sorted by length, and
    cut where that costs least, by dynamic programming over the distinct lengths.
    """
    order = lengths.argsort(descending=True, stable=True)
    values, counts = (each.tolist() for each in lengths[order].unique_consecutive(return_counts=True))
    best, cut = [0.0], [0]
    for end in range(1, len(values) + 1):
        rows, cheapest = 0, (float("inf"), 0)
        for start in range(end - 1, -1, -1):
            rows += counts[start]
            cheapest = min(cheapest, (best[start] + fixed_cost + rows * values[start], start))
        best.append(cheapest[0])
        cut.append(cheapest[1])
    bounds: Sequence[int] = [len(values)]
    while bounds[-1] > 0:
        bounds = [*bounds, cut[bounds[-1]]]
    sizes = [sum(counts[start:end]) for end, start in pairwise(bounds)][::-1]
    return list(order.split(sizes))
