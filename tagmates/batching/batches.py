"""Batches of sentences for several lanes, gathered from a stock of their corpora."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import is_

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tagmates.batching.corpus import Corpus
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.batching.packed_sequence import PackedLayout

LONGER = 2**24  # than any sentence or word


@dataclass(frozen=True, slots=True)
class Selection:
    """What one lane puts into a batch: sentences of a corpus, and for each the task that tags it.

    A sentence that several tasks tag stands once in ``sentences`` and several times in ``request``. A lane that waits
    while the others step selects nothing: its mask is all false, and no group has a decoder of it.
    """

    corpus: Corpus
    sentences: Int[Tensor, " sentences"]
    request: Int[Tensor, " requests"]  # places in ``sentences``
    task: Int[Tensor, " requests"]
    hidden: Bool[Tensor, " forms"] | None = None  # which forms of the corpus are read as the unknown word

    @classmethod
    def own_tasks(
        cls, corpus: Corpus, sentences: Int[Tensor, " sentences"], hidden: Bool[Tensor, " forms"] | None = None
    ) -> "Selection":
        """Each sentence tagged by the task it belongs to."""
        return cls(corpus, sentences, torch.arange(len(sentences)), corpus.task[sentences], hidden)

    @classmethod
    def none(cls, corpus: Corpus) -> "Selection":
        """No sentence."""
        return cls.own_tasks(corpus, corpus.starts[:0])

    @classmethod
    def by_tasks(
        cls, corpus: Corpus, sentences: Int[Tensor, " sentences"], tasks: Int[Tensor, " tasks"]
    ) -> "Selection":
        """Each sentence tagged by every one of these tasks; its requests stand together, in the order of ``tasks``."""
        request = torch.arange(len(sentences)).repeat_interleave(len(tasks))
        return cls(corpus, sentences, request, tasks.repeat(len(sentences)))


@dataclass(frozen=True, slots=True)
class Group:
    """The requests of a batch to decoders with equally many labels; a decoder here is a lane of the CRF."""

    decoders: tuple[tuple[int, int], ...]  # (lane, number of the decoder in the lane's vocabulary)
    packed: PackedLayout
    source: Int[Tensor, "decoders positions"]  # the position's place among lanes x positions of the sentences
    whole: bool  # whether ``source`` is all of these places in their order
    tags: Int[Tensor, "decoders positions"]  # -1 for a token without a label
    partial: bool  # whether there is a -1 among them
    task: Int[Tensor, "decoders rows"]
    request: Int[Tensor, "decoders rows"]  # the row's place among the lane's requests


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences of several lanes in packed layout, their distinct forms in another, their requests in groups."""

    packed: PackedLayout
    word: Int[Tensor, "lanes positions"]
    form: Int[Tensor, "lanes positions"]  # the row of ``spelling`` that holds the position's form
    spelling: PackedLayout
    characters: Int[Tensor, "lanes spelling_positions"]
    groups: tuple[Group, ...]


def collate(lanes: Sequence[Selection], stock: LaneCorpora | None = None) -> Batch:
    """One batch of what the lanes selected, on the device of the stock of their corpora (made here if not given).

    Sentences are arranged on the CPU; a device is asked for no more than the shape of the layout of distinct forms.
    """
    if stock is None:
        stock = LaneCorpora.of([lane.corpus for lane in lanes])
    _check(lanes, stock)
    counts = [len(lane.sentences) for lane in lanes]
    lane, row = _owners(counts)
    sentence = torch.cat([lane.sentences for lane in lanes]) + stock.sentences[lane]
    length, start = stock.lengths[sentence], stock.starts[sentence]
    order = _by_length(lane, length)
    lengths, starts = _tables(torch.stack([length, start]).index_select(1, order), counts)
    packed = PackedLayout.of(lengths, stock.device)
    item = _read(stock.form, packed, starts.to(stock.device, non_blocking=True))
    words = _words(lanes, item, stock) * packed.mask
    form, spelling, characters = _spelled(item, packed.mask, int(lane[0]), stock)
    first = torch.empty_like(order)
    first[order] = lane * packed.positions + row  # among lanes x positions
    groups = _groups(lanes, torch.stack([length, start, first, stock.partial[sentence]]), packed, stock)
    return Batch(packed, words, form, spelling, characters, groups)


def _check(lanes: Sequence[Selection], stock: LaneCorpora) -> None:
    """Raise ValueError unless the stock is that of the lanes, and one of them has a sentence."""
    if len(lanes) != len(stock.corpora) or not all(map(is_, (lane.corpus for lane in lanes), stock.corpora)):
        raise ValueError("the stock is not that of the lanes' corpora, in their order; make it with LaneCorpora.of")
    if not any(len(lane.sentences) for lane in lanes):
        raise ValueError("no lane selected a sentence; leave out a batch of nothing")


def _owners(counts: Sequence[int]) -> tuple[Int[Tensor, " items"], Int[Tensor, " items"]]:
    """For items that belong to owners, so many to each, one after another: the owner, and which of its items it is."""
    count = torch.tensor(counts)
    owner = torch.repeat_interleave(count)
    return owner, torch.arange(len(owner)) - (count.cumsum(0) - count)[owner]


def _by_length(owner: Int[Tensor, " items"], length: Int[Tensor, " items"]) -> Int[Tensor, " items"]:
    """The order in which items stand by owner, and those of an owner from long to short."""
    return (owner * LONGER - length).argsort(stable=True)


def _tables(values: Int[Tensor, "kinds items"], counts: Sequence[int]) -> Int[Tensor, "kinds owners rows"]:
    """A row of a table for each owner's items, so many as ``counts`` says, filled up with 0; a table for each kind."""
    if len(counts) == 1:
        return values.unsqueeze(1)
    tables = values.new_zeros(len(values), len(counts), max(counts))
    tables[:, *_owners(counts)] = values
    return tables


def _read(
    flat: Int[Tensor, " items"], packed: PackedLayout, starts: Int[Tensor, "lanes rows"]
) -> Int[Tensor, "lanes positions"]:
    """For every position its item of the sequence that starts there; outside the mask the first of all."""
    return _at(flat, (starts.index_select(1, packed.row) + packed.step) * packed.mask)


def _at(flat: Int[Tensor, " items"], index: Int[Tensor, "lanes _"]) -> Int[Tensor, "lanes _"]:
    """What ``flat[index]`` is; on a CPU this is the fastest way to it."""
    return flat.index_select(0, index.flatten()).view_as(index)


def _words(
    lanes: Sequence[Selection], item: Int[Tensor, "lanes positions"], stock: LaneCorpora
) -> Int[Tensor, "lanes positions"]:
    """The word of every position's form, or the unknown word where the lane hides it."""
    word = _at(stock.word, item)
    if all(lane.hidden is None for lane in lanes):
        return word
    hidden = torch.zeros(len(stock.word), dtype=torch.bool)
    for lane, before in zip(lanes, stock.forms, strict=True):
        if lane.hidden is not None:
            hidden[before : before + len(lane.hidden)] = lane.hidden
    unknown = torch.tensor([[len(lane.corpus.vocabulary.words)] for lane in lanes])
    hidden, unknown = (t.to(stock.device, non_blocking=True) for t in (hidden, unknown))
    return torch.where(hidden[item], unknown, word)


def _spelled(
    item: Int[Tensor, "lanes positions"], mask: Bool[Tensor, "lanes positions"], some: int, stock: LaneCorpora
) -> tuple[Int[Tensor, "lanes positions"], PackedLayout, Int[Tensor, "lanes spelling_positions"]]:
    """For every position the row of its form, the layout of each lane's distinct forms, and their characters.

    ``some`` is a lane that has a sentence.
    """
    forms = len(stock.word)
    bounds = torch.arange(len(item) + 1, device=item.device).unsqueeze(1) * (LONGER * forms)
    # in the order of these keys, which lie within their lane's bounds, forms stand from long to short, then by number
    key = bounds[1:] - _at(stock.spelling_lengths, item) * forms + item
    distinct, inverse = torch.where(mask, key, key[some, 0]).unique(return_inverse=True)
    ends = torch.searchsorted(distinct, bounds)
    first, counts = ends[:-1], ends.diff(dim=0)
    row = torch.arange(int(counts.max()), device=item.device)
    present = row < counts
    spelled = _at(distinct % forms, torch.where(present, first + row, 0))
    spelling = PackedLayout.of(_at(stock.spelling_lengths, spelled) * present)
    characters = _read(stock.characters, spelling, _at(stock.spelling_starts, spelled)) * spelling.mask
    return (inverse - first) * mask, spelling, characters


def _groups(
    lanes: Sequence[Selection], sentences: Int[Tensor, "4 sentences"], packed: PackedLayout, stock: LaneCorpora
) -> tuple[Group, ...]:
    """Group requests by their decoders' number of labels.

    ``sentences`` are, in the order selected, their lengths, starts, first places among lanes x positions, and whether
    they are partly labelled.
    """
    lane, number = _owners([len(lane.request) for lane in lanes])
    before = torch.tensor([0, *accumulate(len(lane.sentences) for lane in lanes[:-1])])
    place = torch.cat([lane.request for lane in lanes]) + before[lane]
    task = torch.cat([lane.task for lane in lanes])
    decoder = stock.decoder[task + stock.tasks[lane]]
    requests = torch.cat([sentences.index_select(1, place), torch.stack([task, number])])
    requests = requests.index_select(1, _by_length(decoder, requests[0]))
    counts = decoder.bincount(minlength=len(stock.decoders)).tolist()
    present = (i for i, count in enumerate(counts) if count)
    members = [list(equal) for _, equal in groupby(present, key=lambda i: stock.sizes[i])]
    parts = requests.split([sum(counts[i] for i in group) for group in members], 1)
    full = int(sentences[0].sum()) == len(lanes) * packed.positions
    everything = sentences[2].sort().values.view(len(lanes), -1) if full else None
    groups = []
    for group, part in zip(members, parts, strict=True):
        decoders = tuple(stock.decoders[i] for i in group)
        tables = _tables(part, [counts[i] for i in group])
        groups.append(_group(decoders, tables, everything, packed, stock))
    return tuple(groups)


def _group(
    decoders: tuple[tuple[int, int], ...],
    requests: Int[Tensor, "6 decoders rows"],
    everything: Int[Tensor, "lanes most"] | None,
    packed: PackedLayout,
    stock: LaneCorpora,
) -> Group:
    """A group of the requests of these decoders.

    ``everything`` has the first place of every row of the batch, or is None if a lane does not fill all positions.
    """
    own = PackedLayout.of(requests[0], stock.device)
    whole = everything is not None and torch.equal(requests[2], everything)
    partial = bool(requests[3].any())
    starts, first, _, task, request = requests[1:].to(stock.device, non_blocking=True)
    # positions outside the mask read their own lane: what is not finite in one must not reach another
    home = first[:, :1] // packed.positions * packed.positions
    source = torch.where(own.mask, first.index_select(1, own.row) + packed.starts[own.step], home)
    tags = _read(stock.tags, own, starts) * own.mask
    return Group(decoders, own, source, whole, tags, partial, task, request)
