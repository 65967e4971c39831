"""The sentences of a run as flat integer tensors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, repeat

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tagmates.batching.token_states import TokenStates
from tagmates.batching.vocabulary import Vocabulary
from tagmates.data.indexing import IndexedSplit
from tagmates.data.schemes import OUTSIDE
from tagmates.data.sentence import task_token


@dataclass(frozen=True, slots=True)
class Forms:
    """The distinct word forms (cased) of a run: the number of each form's word, and its spelling in ``characters``."""

    index: dict[str, int]
    word: Int[Tensor, " forms"]
    characters: Int[Tensor, " characters"]
    starts: Int[Tensor, " forms"]
    lengths: Int[Tensor, " forms"]

    @classmethod
    def of(
        cls,
        tokens: Iterable[str],
        vocabulary: Vocabulary,
        new_words: dict[str, int] | None = None,
        spell: Callable[[str], Sequence[int] | None] | None = None,
    ) -> "Forms":
        """The forms of these tokens, numbered in the order of their first appearance.

        A word outside the vocabulary gets its number from ``new_words`` or, if it is not there, ``len(words)``, the
        unknown word. A character outside the vocabulary gets ``len(characters)``; an empty word is spelled as one such
        character. If ``spell`` gives the numbers of a form's parts, these take the place of its characters.
        """
        index = dict(zip(dict.fromkeys(tokens), count()))
        words, characters = list(map(str.lower, index)), vocabulary.character_index
        rest = map((new_words or {}).get, words, repeat(len(vocabulary.words)))
        word = torch.from_numpy(np.fromiter(map(vocabulary.word_index.get, words, rest), dtype=np.int64))
        parts = [found for form in index if (found := spell(form)) is not None] if spell is not None else []
        if parts:
            flat = torch.tensor([number for part in parts for number in part])
            lengths = torch.tensor([len(part) for part in parts])
        else:
            spelled = chain.from_iterable(form or ("",) for form in index)
            flat = _numbers(spelled, characters, len(characters))
            lengths = torch.from_numpy(np.fromiter(map(len, index), dtype=np.int64)).clamp(min=1)
        return cls(index, word, flat, lengths.cumsum(0) - lengths, lengths)

    def to(self, device: torch.device | str) -> "Forms":
        """The same forms with their tensors on ``device``."""
        return Forms(self.index, *(t.to(device) for t in (self.word, self.characters, self.starts, self.lengths)))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Indexed sentences of all tasks of a run, one after another; ``task`` is a number in the vocabulary's order.

    ``tags`` are label numbers of the decoder of the sentence's task; -1 if a token has no label, or one that this
    decoder lacks.
    """

    forms: Forms
    form: Int[Tensor, " tokens"]
    tags: Int[Tensor, " tokens"]
    starts: Int[Tensor, " sentences"]
    lengths: Int[Tensor, " sentences"]
    task: Int[Tensor, " sentences"]
    partial: Bool[Tensor, " sentences"]  # whether some of its tags are -1
    vocabulary: Vocabulary
    states: TokenStates | None = None  # of the tokens, in a pretrained encoder that is not trained

    def to(self, device: torch.device | str) -> "Corpus":
        """The same corpus, with the tensors that have a value per token or form on ``device``."""
        return replace(self, forms=self.forms.to(device), form=self.form.to(device), tags=self.tags.to(device))


def build_corpus(
    parts: Sequence[tuple[str, IndexedSplit]], vocabulary: Vocabulary, forms: Forms, *, token: bool
) -> Corpus:
    """The corpus of these tasks' sentences; with ``token``, each begins with a task token, which has the tag ``O``."""
    form, tags, lengths, owner = [], [], [], []
    for task, split in parts:
        labels = vocabulary.label_index[vocabulary.decoder_of(task)]
        split_form = np.fromiter(map(forms.index.__getitem__, split.forms), dtype=np.int64)[split.form]
        split_tags = np.array([-1 if t is None else labels.get(t, -1) for t in split.tags], dtype=np.int64)[split.tag]
        if token:
            starts = split.lengths.cumsum() - split.lengths
            split_form = np.insert(split_form, starts, forms.index[task_token(task)])
            split_tags = np.insert(split_tags, starts, labels[OUTSIDE])
        form.append(split_form)
        tags.append(split_tags)
        lengths.append(split.lengths + token)
        owner.append(np.full(len(split), vocabulary.tasks.index(task)))
    numbers, labelled, length, task_of = (torch.from_numpy(np.concatenate(n)) for n in (form, tags, lengths, owner))
    ends = length.cumsum(0)
    missing = torch.cat([ends.new_zeros(1), (labelled < 0).cumsum(0)])  # before each token, and at the end
    partial = missing[ends] > missing[ends - length]
    return Corpus(forms, numbers, labelled, ends - length, length, task_of, partial, vocabulary)


def _numbers(texts: Iterable[str], index: Mapping[str, int], unknown: int) -> Int[Tensor, " texts"]:
    return torch.from_numpy(np.fromiter(map(index.get, texts, repeat(unknown)), dtype=np.int64))
