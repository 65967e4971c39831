"""Sentences as flat integer tensors, made once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

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

    def to(self, device: torch.device | str) -> "Forms":
        """The same forms with their tensors on ``device``."""
        return Forms(self.index, *(t.to(device) for t in (self.word, self.characters, self.starts, self.lengths)))


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

    def to(self, device: torch.device | str) -> "Corpus":
        """The same corpus with what there is of every token or form on ``device``."""
        return replace(self, forms=self.forms.to(device), form=self.form.to(device), tags=self.tags.to(device))


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
