"""Sentences as flat integer tensors, made once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, repeat

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tagmates.batching.vocabulary import Vocabulary
from tagmates.data.indexing import IndexedSplit
from tagmates.data.schemes import OUTSIDE
from tagmates.data.sentence import task_token


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
        index = dict(zip(dict.fromkeys(tokens), count()))
        words, characters = list(map(str.lower, index)), vocabulary.character_index
        spelled = chain.from_iterable(form or ("",) for form in index)
        rest = map((new_words or {}).get, words, repeat(len(vocabulary.words)))
        word = torch.from_numpy(np.fromiter(map(vocabulary.word_index.get, words, rest), dtype=np.int64))
        flat = _numbers(spelled, characters, len(characters))
        lengths = torch.from_numpy(np.fromiter(map(len, index), dtype=np.int64)).clamp(min=1)
        return cls(index, word, flat, lengths.cumsum(0) - lengths, lengths)

    def to(self, device: torch.device | str) -> "Forms":
        """The same forms with their tensors on ``device``."""
        return Forms(self.index, *(t.to(device) for t in (self.word, self.characters, self.starts, self.lengths)))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Encoded sentences of all tasks of a run, one after another; ``task`` counts in the vocabulary's order.

    ``tags`` are label numbers of the sentence's own decoder; -1 where there is no label or it is none of the decoder's.
    """

    forms: Forms
    form: Int[Tensor, " tokens"]
    tags: Int[Tensor, " tokens"]
    starts: Int[Tensor, " sentences"]
    lengths: Int[Tensor, " sentences"]
    task: Int[Tensor, " sentences"]
    partial: Bool[Tensor, " sentences"]  # whether there is a -1 among the tags
    vocabulary: Vocabulary

    def to(self, device: torch.device | str) -> "Corpus":
        """The same corpus with what there is of every token or form on ``device``."""
        return replace(self, forms=self.forms.to(device), form=self.form.to(device), tags=self.tags.to(device))


def encode(parts: Sequence[tuple[str, IndexedSplit]], vocabulary: Vocabulary, forms: Forms, *, token: bool) -> Corpus:
    """Lay (task, sentences) end to end; with ``token`` the task token stands before each sentence, tagged ``O``."""
    form, tags, lengths, owner = [], [], [], []
    for task, coded in parts:
        labels = vocabulary.label_index[vocabulary.decoder_of(task)]
        own_form = np.fromiter(map(forms.index.__getitem__, coded.forms), dtype=np.int64)[coded.form]
        own_tags = np.array([-1 if t is None else labels.get(t, -1) for t in coded.tags], dtype=np.int64)[coded.tag]
        if token:
            starts = coded.lengths.cumsum() - coded.lengths
            own_form = np.insert(own_form, starts, forms.index[task_token(task)])
            own_tags = np.insert(own_tags, starts, labels[OUTSIDE])
        form.append(own_form)
        tags.append(own_tags)
        lengths.append(coded.lengths + token)
        owner.append(np.full(len(coded), vocabulary.tasks.index(task)))
    numbers, labelled, length, task_of = (torch.from_numpy(np.concatenate(n)) for n in (form, tags, lengths, owner))
    ends = length.cumsum(0)
    missing = torch.cat([ends.new_zeros(1), (labelled < 0).cumsum(0)])  # before each token, and at the end
    partial = missing[ends] > missing[ends - length]
    return Corpus(forms, numbers, labelled, ends - length, length, task_of, partial, vocabulary)


def _numbers(texts: Iterable[str], index: Mapping[str, int], unknown: int) -> Int[Tensor, " texts"]:
    return torch.from_numpy(np.fromiter(map(index.get, texts, repeat(unknown)), dtype=np.int64))
