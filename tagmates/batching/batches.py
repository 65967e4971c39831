"""Batches of sentences for several lanes, gathered from the lanes' corpora."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import is_

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tagmates.batching.corpus import Corpus
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.batching.packed_sequence import PackedLayout

LENGTH_LIMIT = 2**24  # every sentence and every word is shorter


@dataclass(frozen=True, slots=True)
class LaneSelection:
    """One lane's part of a batch: sentences of its corpus, and requests to tag a sentence by a task.

    A sentence that several tasks tag is once in ``sentences`` and has several requests. A lane that waits while others
    take an update selects nothing: its mask is all false, and none of its decoders is in a group.
    """

    corpus: Corpus
    sentences: Int[Tensor, " sentences"]
    request: Int[Tensor, " requests"]  # index into ``sentences``
    task: Int[Tensor, " requests"]
    hidden: Bool[Tensor, " forms"] | None = None  # the forms of the corpus that are read as the unknown word

    @classmethod
    def own_tasks(
        cls, corpus: Corpus, sentences: Int[Tensor, " sentences"], hidden: Bool[Tensor, " forms"] | None = None
    ) -> "LaneSelection":
        """Tag each sentence by the task that it belongs to."""
        return cls(corpus, sentences, torch.arange(len(sentences)), corpus.task[sentences], hidden)

    def part(self, number: int, parts: int) -> "LaneSelection":
        """Every ``parts``-th sentence from the one with this number on; the selection itself if it is the only part."""
        if parts == 1:
            return self
        return LaneSelection.own_tasks(self.corpus, self.sentences[number::parts], self.hidden)

    @classmethod
    def empty(cls, corpus: Corpus) -> "LaneSelection":
        """Select no sentence."""
        return cls.own_tasks(corpus, corpus.starts[:0])

    @classmethod
    def by_tasks(
        cls, corpus: Corpus, sentences: Int[Tensor, " sentences"], tasks: Int[Tensor, " tasks"]
    ) -> "LaneSelection":
        """Tag each sentence by all of these tasks; its requests follow each other in the order of ``tasks``."""
        request = torch.arange(len(sentences)).repeat_interleave(len(tasks))
        return cls(corpus, sentences, request, tasks.repeat(len(sentences)))


@dataclass(frozen=True, slots=True)
class Group:
    """The requests of a batch to decoders with the same number of labels, in a packed layout of their own."""

    decoders: tuple[tuple[int, int], ...]  # (lane, number of the decoder in the lane's vocabulary)
    packed: PackedLayout
    source: Int[Tensor, "decoders positions"]  # index of the position's state among lanes x positions of the batch
    whole: bool  # whether ``source`` is 0, 1, 2, ... to the last of them
    tags: Int[Tensor, "decoders positions"]  # -1 for a token without a label
    partial: bool  # whether there is a -1 among the tags
    task: Int[Tensor, "decoders rows"]
    output: Int[Tensor, "decoders rows"]  # index of the row's first token among the tokens of all requests, in order


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences of several lanes in a packed layout, their distinct word forms in another, and requests in groups."""

    packed: PackedLayout
    word: Int[Tensor, "lanes positions"]
    form: Int[Tensor, "lanes positions"]  # the row of ``spelling`` that holds the position's form
    spelling: PackedLayout
    characters: Int[Tensor, "lanes spelling_positions"]
    groups: tuple[Group, ...]
    states: Float[Tensor, "lanes positions size"] | None = None  # of a pretrained encoder that is not trained


def collate(selections: Sequence[LaneSelection], corpora: LaneCorpora | None = None) -> Batch:
    """One batch of the lanes' selections, on the device of ``corpora``, which are made here if they are not given.

    Sentences are arranged on the CPU. The only value that is read back from a device is the shape of ``spelling``.
    """
    if corpora is None:
        corpora = LaneCorpora.of([selection.corpus for selection in selections])
    _check(selections, corpora)
    counts = [len(selection.sentences) for selection in selections]
    lane, row = _owners(counts)
    sentence = torch.cat([selection.sentences for selection in selections]) + corpora.sentences[lane]
    length, start = corpora.lengths[sentence], corpora.starts[sentence]
    order = _by_length(lane, length)
    lengths, starts = _padded(torch.stack([length, start]).index_select(1, order), counts)
    packed = PackedLayout.of(lengths, corpora.device)
    token = _read(corpora.form, packed, starts.to(corpora.device, non_blocking=True))
    states = _states(packed, starts, corpora)
    words = _words(selections, token, corpora) * packed.mask
    form, spelling, characters = _spelling(token, packed.mask, int(lane[0]), corpora)
    first = torch.empty_like(order)
    first[order] = lane * packed.positions + row  # among lanes x positions
    groups = _groups(selections, torch.stack([length, start, first, corpora.partial[sentence]]), packed, corpora)
    return Batch(packed, words, form, spelling, characters, groups, states)


def _states(
    packed: PackedLayout, starts: Int[Tensor, "lanes rows"], corpora: LaneCorpora
) -> Float[Tensor, "lanes positions size"] | None:
    """The states of the tokens in a pretrained encoder that is not trained; None if the corpora have none."""
    lanes = [corpus.states for corpus in corpora.corpora if corpus.states is not None]
    if not lanes:
        return None
    row, step, mask = (each.cpu() for each in (packed.row, packed.step, packed.mask))
    before = torch.tensor(corpora.tokens).unsqueeze(1)
    tokens = (starts.index_select(1, row) - before + step) * mask  # outside the mask any token
    found = torch.stack([states.gather(own) for states, own in zip(lanes, tokens, strict=True)])
    return found.to(corpora.device, non_blocking=True)


def _check(selections: Sequence[LaneSelection], corpora: LaneCorpora) -> None:
    """Raise ValueError unless the corpora are those of the selections, and some lane selects a sentence."""
    selected = [selection.corpus for selection in selections]
    if len(selected) != len(corpora.corpora) or not all(map(is_, selected, corpora.corpora)):
        raise ValueError("these are not the corpora of the selections, in their order; make them with LaneCorpora.of")
    if not any(len(selection.sentences) for selection in selections):
        raise ValueError("no lane selected a sentence; leave out an empty batch")


def _owners(counts: Sequence[int]) -> tuple[Int[Tensor, " items"], Int[Tensor, " items"]]:
    """The owner of each item, and the item's index among those of its owner; owner i has ``counts[i]`` items."""
    count = torch.tensor(counts)
    owner = torch.repeat_interleave(count)
    return owner, torch.arange(len(owner)) - (count.cumsum(0) - count)[owner]


def _by_length(owner: Int[Tensor, " items"], length: Int[Tensor, " items"]) -> Int[Tensor, " items"]:
    """The order that sorts items by owner, and those of an owner from long to short."""
    return (owner * LENGTH_LIMIT - length).argsort(stable=True)


def _padded(values: Int[Tensor, "kinds items"], counts: Sequence[int]) -> Int[Tensor, "kinds owners rows"]:
    """The values with one row for each owner's items (``counts[i]`` of owner i), padded with 0."""
    if len(counts) == 1:
        return values.unsqueeze(1)
    padded = values.new_zeros(len(values), len(counts), max(counts))
    padded[:, *_owners(counts)] = values
    return padded


def _read(
    flat: Int[Tensor, " items"], packed: PackedLayout, starts: Int[Tensor, "lanes rows"]
) -> Int[Tensor, "lanes positions"]:
    """The item at every position, from sequences that begin at ``starts``; outside the mask the first of all items."""
    return _at(flat, (starts.index_select(1, packed.row) + packed.step) * packed.mask)


def _at(flat: Int[Tensor, " items"], index: Int[Tensor, "lanes _"]) -> Int[Tensor, "lanes _"]:
    """``flat[index]``, which is slower on a CPU."""
    return flat.index_select(0, index.flatten()).view_as(index)


def _words(
    selections: Sequence[LaneSelection], token: Int[Tensor, "lanes positions"], corpora: LaneCorpora
) -> Int[Tensor, "lanes positions"]:
    """The word of every position's form, or the unknown word if the lane hides the form."""
    word = _at(corpora.word, token)
    if all(selection.hidden is None for selection in selections):
        return word
    hidden = torch.zeros(len(corpora.word), dtype=torch.bool)
    for selection, before in zip(selections, corpora.forms, strict=True):
        if selection.hidden is not None:
            hidden[before : before + len(selection.hidden)] = selection.hidden
    unknown = torch.tensor([[len(selection.corpus.vocabulary.words)] for selection in selections])
    hidden, unknown = (t.to(corpora.device, non_blocking=True) for t in (hidden, unknown))
    return torch.where(hidden[token], unknown, word)


def _spelling(
    token: Int[Tensor, "lanes positions"], mask: Bool[Tensor, "lanes positions"], filled: int, corpora: LaneCorpora
) -> tuple[Int[Tensor, "lanes positions"], PackedLayout, Int[Tensor, "lanes spelling_positions"]]:
    """The row of every position's form, the layout of each lane's distinct forms, and their characters.

    ``token`` is the number of each position's form; ``filled`` is a lane that has a sentence.
    """
    forms = len(corpora.word)
    bounds = torch.arange(len(token) + 1, device=token.device).unsqueeze(1) * (LENGTH_LIMIT * forms)
    # sorting by these keys sorts forms by lane, then from long to short, then by number
    key = bounds[1:] - _at(corpora.spelling_lengths, token) * forms + token
    distinct, inverse = torch.where(mask, key, key[filled, 0]).unique(return_inverse=True)
    ends = torch.searchsorted(distinct, bounds)
    first, counts = ends[:-1], ends.diff(dim=0)
    row = torch.arange(int(counts.max()), device=token.device)
    present = row < counts
    spelled = _at(distinct % forms, torch.where(present, first + row, 0))
    spelling = PackedLayout.of(_at(corpora.spelling_lengths, spelled) * present)
    characters = _read(corpora.characters, spelling, _at(corpora.spelling_starts, spelled)) * spelling.mask
    return (inverse - first) * mask, spelling, characters


def _groups(
    selections: Sequence[LaneSelection],
    sentences: Int[Tensor, "4 sentences"],
    packed: PackedLayout,
    corpora: LaneCorpora,
) -> tuple[Group, ...]:
    """The requests, grouped by the number of labels of their decoders.

    ``sentences`` holds for each selected sentence, in order: its length, its start in the corpora, the index of its
    first token among lanes x positions, and whether some of its tokens have no label.
    """
    lane, _ = _owners([len(selection.request) for selection in selections])
    before = torch.tensor([0, *accumulate(len(selection.sentences) for selection in selections[:-1])])
    sentence = torch.cat([selection.request for selection in selections]) + before[lane]
    task = torch.cat([selection.task for selection in selections])
    length = sentences[0].index_select(0, sentence)
    output = length.cumsum(0) - length
    decoder = corpora.decoder[task + corpora.tasks[lane]]
    requests = torch.cat([sentences.index_select(1, sentence), torch.stack([task, output])])
    requests = requests.index_select(1, _by_length(decoder, length))
    counts = decoder.bincount(minlength=len(corpora.decoders)).tolist()
    present = (i for i, count in enumerate(counts) if count)
    members = [list(equal) for _, equal in groupby(present, key=lambda i: corpora.sizes[i])]
    parts = requests.split([sum(counts[i] for i in group) for group in members], 1)
    full = int(sentences[0].sum()) == len(selections) * packed.positions
    firsts = sentences[2].sort().values.view(len(selections), -1) if full else None
    groups = []
    for group, part in zip(members, parts, strict=True):
        decoders = tuple(corpora.decoders[i] for i in group)
        groups.append(_group(decoders, _padded(part, [counts[i] for i in group]), firsts, packed, corpora))
    return tuple(groups)


def _group(
    decoders: tuple[tuple[int, int], ...],
    requests: Int[Tensor, "6 decoders rows"],
    firsts: Int[Tensor, "lanes batch_rows"] | None,
    packed: PackedLayout,
    corpora: LaneCorpora,
) -> Group:
    """A group of the requests to these decoders.

    ``firsts`` holds the index of the first position of every row of the batch; None if a lane does not fill all
    positions.
    """
    own = PackedLayout.of(requests[0], corpora.device)
    whole = firsts is not None and torch.equal(requests[2], firsts)
    partial = bool(requests[3].any())
    starts, first, _, task, output = requests[1:].to(corpora.device, non_blocking=True)
    # positions outside the mask read their own lane, because what is not finite in one must not reach another
    home = first[:, :1] // packed.positions * packed.positions
    source = torch.where(own.mask, first.index_select(1, own.row) + packed.starts[own.step], home)
    tags = _read(corpora.tags, own, starts) * own.mask
    return Group(decoders, own, source, whole, tags, partial, task, output)
