"""Sentences as flat integer tensors, made once; batches of them for several lanes, made by gathers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tagmates.data.packing import Packed
from tagmates.data.sentence import Sentence
from tagmates.data.vocabulary import OUTSIDE, Vocabulary, task_token


@dataclass(frozen=True, slots=True)
class Forms:
    """The distinct word forms (cased) of a run: each one's word number and its spelling in ``characters``."""

    index: dict[str, int]
    word: Int[Tensor, " forms"]
    characters: Int[Tensor, " characters"]
    starts: Int[Tensor, " forms"]
    lengths: Int[Tensor, " forms"]

    @classmethod
    def of(cls, tokens: Iterable[str], vocabulary: Vocabulary, new_words: dict[str, int] | None = None) -> "Forms":
        """Number forms in order of appearance.

        A word that the vocabulary lacks gets its number from ``new_words`` or else ``len(words)``, the unknown word;
        a character that it lacks gets ``len(characters)``, and an empty word is spelled as one such character.
        """
        index: dict[str, int] = {}
        for token in tokens:
            index.setdefault(token, len(index))
        words, characters, more = vocabulary.word_index, vocabulary.character_index, new_words or {}
        word = [words.get(w, more.get(w, len(words))) for w in (form.lower() for form in index)]
        spelling = [[characters.get(c, len(characters)) for c in form] or [len(characters)] for form in index]
        flat = torch.tensor([number for numbers in spelling for number in numbers], dtype=torch.long)
        lengths = torch.tensor([len(numbers) for numbers in spelling], dtype=torch.long)
        return cls(index, torch.tensor(word, dtype=torch.long), flat, lengths.cumsum(0) - lengths, lengths)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Encoded sentences of all tasks of a run, one after another; ``task`` counts in the vocabulary's order.

    ``tags`` are label numbers of the sentence's own decoder; 0 where there is no tag or it is no label.
    """

    forms: Forms
    form: Int[Tensor, " tokens"]
    tags: Int[Tensor, " tokens"]
    starts: Int[Tensor, " sentences"]
    lengths: Int[Tensor, " sentences"]
    task: Int[Tensor, " sentences"]
    vocabulary: Vocabulary


def encode(sentences: Sequence[tuple[str, Sentence]], vocabulary: Vocabulary, forms: Forms, *, token: bool) -> Corpus:
    """Number (task, sentence) pairs; with ``token`` the task token stands before each sentence, tagged ``O``."""
    form: list[int] = []
    tags: list[int] = []
    lengths: list[int] = []
    task_index = {task: i for i, task in enumerate(vocabulary.tasks)}
    for task, sentence in sentences:
        labels = vocabulary.label_index[vocabulary.decoder_of(task)]
        if token:
            form.append(forms.index[task_token(task)])
            tags.append(labels[OUTSIDE])
        form.extend(forms.index[t] for t in sentence.tokens)
        tags.extend(labels.get(tag, 0) for tag in sentence.tags or [""] * len(sentence))
        lengths.append(len(sentence) + token)
    length = torch.tensor(lengths, dtype=torch.long)
    owner = torch.tensor([task_index[task] for task, _ in sentences], dtype=torch.long)
    numbers, labelled = (torch.tensor(values, dtype=torch.long) for values in (form, tags))
    return Corpus(forms, numbers, labelled, length.cumsum(0) - length, length, owner, vocabulary)


@dataclass(frozen=True, slots=True)
class Selection:
    """What one lane puts into a batch: sentences of a corpus, and for each the task that tags it.

    A sentence that several tasks tag stands once in ``sentences`` and several times in ``request``.
    """

    corpus: Corpus
    sentences: Int[Tensor, " sentences"]
    request: Int[Tensor, " requests"]  # places in ``sentences``
    task: Int[Tensor, " requests"]

    @classmethod
    def own_tasks(cls, corpus: Corpus, sentences: Int[Tensor, " sentences"]) -> "Selection":
        """Each sentence tagged by the task it belongs to."""
        return cls(corpus, sentences, torch.arange(len(sentences)), corpus.task[sentences])

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
    packed: Packed
    source: Int[Tensor, "decoders positions"]  # the position's place among lanes x positions of the sentences
    whole: bool  # whether ``source`` is all of these places in their order
    tags: Int[Tensor, "decoders positions"]
    task: Int[Tensor, "decoders rows"]
    request: Int[Tensor, "decoders rows"]  # the row's place among the lane's requests

    def to(self, device: torch.device | str) -> "Group":
        """The same group with its tensors on ``device``."""
        source, tags, task, request = (t.to(device) for t in (self.source, self.tags, self.task, self.request))
        return Group(self.decoders, self.packed.to(device), source, self.whole, tags, task, request)


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences of several lanes in packed layout, their distinct forms in another, their requests in groups."""

    packed: Packed
    word: Int[Tensor, "lanes positions"]
    form: Int[Tensor, "lanes positions"]  # the row of ``spelling`` that holds the position's form
    spelling: Packed
    characters: Int[Tensor, "lanes spelling_positions"]
    groups: tuple[Group, ...]

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch with its tensors on ``device``."""
        word, form, characters = (t.to(device) for t in (self.word, self.form, self.characters))
        groups = tuple(group.to(device) for group in self.groups)
        return Batch(self.packed.to(device), word, form, self.spelling.to(device), characters, groups)


def collate(lanes: Sequence[Selection]) -> Batch:
    """One batch of what the lanes selected."""
    lengths = [lane.corpus.lengths[lane.sentences] for lane in lanes]
    orders = [length.argsort(descending=True, stable=True) for length in lengths]
    packed = Packed.of(_rows([length[order] for length, order in zip(lengths, orders, strict=True)]))
    starts = _rows([lane.corpus.starts[lane.sentences[o]] for lane, o in zip(lanes, orders, strict=True)])
    words: list[Tensor] = []
    forms: list[Tensor] = []
    spelled: list[Tensor] = []
    for lane, start in zip(lanes, starts, strict=True):
        corpus, mask = lane.corpus, packed.mask[len(words)]
        items = corpus.form[(start[packed.row] + packed.step)[mask]]
        distinct, inverse = items.unique(return_inverse=True)
        order = corpus.forms.lengths[distinct].argsort(descending=True, stable=True)
        words.append(_at(mask, corpus.forms.word[items]))
        forms.append(_at(mask, order.argsort()[inverse]))
        spelled.append(distinct[order])
    spelling = Packed.of(_rows([lane.corpus.forms.lengths[s] for lane, s in zip(lanes, spelled, strict=True)]))
    spelling_starts = _rows([lane.corpus.forms.starts[s] for lane, s in zip(lanes, spelled, strict=True)])
    characters = _pack_each(spelling, [lane.corpus.forms.characters for lane in lanes], spelling_starts)
    groups = _groups(lanes, [order.argsort() for order in orders], packed)
    return Batch(packed, torch.stack(words), torch.stack(forms), spelling, characters, groups)


def _groups(lanes: Sequence[Selection], rows: Sequence[Tensor], packed: Packed) -> tuple[Group, ...]:
    """Group requests by their decoders' number of labels; ``rows`` are the rows of each lane's sentences."""
    by_size: dict[int, list[tuple[int, int, Tensor]]] = {}
    for number, lane in enumerate(lanes):
        vocabulary = lane.corpus.vocabulary
        decoders = list(vocabulary.decoders)
        decoder_of = torch.tensor([decoders.index(vocabulary.decoder_of(task)) for task in vocabulary.tasks])
        decoder = decoder_of[lane.task]
        for j in decoder.unique().tolist():
            size = len(vocabulary.labels[decoders[j]])
            by_size.setdefault(size, []).append((number, j, (decoder == j).nonzero().squeeze(1)))
    offsets = torch.tensor(packed.offsets)
    groups = []
    for _, members in sorted(by_size.items()):
        sentences, requests = [], []
        for number, _, request in members:
            lane = lanes[number]
            length = lane.corpus.lengths[lane.sentences[lane.request[request]]]
            request = request[length.argsort(descending=True, stable=True)]  # noqa: PLW2901
            requests.append(request)
            sentences.append(lane.request[request])
        chosen = [lanes[m[0]].sentences[s] for m, s in zip(members, sentences, strict=True)]
        corpora = [lanes[m[0]].corpus for m in members]
        own = Packed.of(_rows([c.lengths[s] for c, s in zip(corpora, chosen, strict=True)]))
        starts = _rows([c.starts[s] for c, s in zip(corpora, chosen, strict=True)])
        row = _rows([rows[m[0]][s] for m, s in zip(members, sentences, strict=True)])
        lane_start = torch.tensor([m[0] * packed.positions for m in members]).unsqueeze(1)
        # positions outside the mask read their own lane: what is not finite in one must not reach another
        source = lane_start + torch.where(own.mask, offsets[own.step] + row[:, own.row], 0)
        tasks = _rows([lanes[m[0]].task[r] for m, r in zip(members, requests, strict=True)])
        tags = _pack_each(own, [c.tags for c in corpora], starts)
        whole = torch.equal(source, torch.arange(len(lanes) * packed.positions).view(len(lanes), -1))
        groups.append(Group(tuple((m[0], m[1]) for m in members), own, source, whole, tags, tasks, _rows(requests)))
    return tuple(groups)


def _rows(values: Sequence[Tensor]) -> Tensor:
    """Stack rows of unequal lengths, filled up with 0."""
    return values[0].unsqueeze(0) if len(values) == 1 else pad_sequence(list(values), batch_first=True)


def _at(mask: Tensor, values: Tensor) -> Tensor:
    return torch.zeros(mask.shape, dtype=values.dtype).masked_scatter_(mask, values)


def _pack_each(packed: Packed, flats: Sequence[Tensor], starts: Tensor) -> Tensor:
    """``Packed.pack`` where every lane has a flat tensor of its own."""
    index = torch.where(packed.mask, starts[:, packed.row] + packed.step, 0)
    return torch.stack([flat[i] for flat, i in zip(flats, index, strict=True)]) * packed.mask
