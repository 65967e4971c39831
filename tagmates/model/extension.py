"""A trained tagger with more tasks, tags and words: what it has learned goes into a larger module, by name.

A row of a table belongs to a word, a character or a task, and the scores of a decoder belong to its tags. Everything
that the trained tagger has under the same name is taken over; the rest keeps its first values.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.data.sentence import task_token
from tagmates.model.network import TaggerModule

PER_TAG = ("weight", "bias", "start", "end")  # parameters of a decoder with a row for each of its tags


def merge_vocabularies(base: Vocabulary, new: Vocabulary, kept: Sequence[str]) -> Vocabulary:
    """The vocabulary of a run that goes on from a tagger: all that either has, with the ``kept`` tasks first."""
    tasks = (*kept, *new.tasks)
    names = tasks if base.labels.keys() <= set(base.tasks) else tuple(base.labels)  # decoders: one per task, or one
    return replace(
        new,
        tasks=tasks,
        words=tuple(sorted({*base.words, *new.words})),
        characters=tuple(sorted({*base.characters, *new.characters})),
        labels={name: tuple(sorted({*base.labels.get(name, ()), *new.labels.get(name, ())})) for name in names},
        own_schemes={t: base.own_schemes[t] for t in kept if t in base.own_schemes} | dict(new.own_schemes),
        own_outside={t: base.own_outside[t] for t in kept if t in base.own_outside} | dict(new.own_outside),
    )


@torch.no_grad()
def take_over(
    module: TaggerModule, vocabulary: Vocabulary, base: TaggerModule, known: Vocabulary, vectors: Vectors
) -> None:
    """Set the parameters of ``module`` to those of the trained ``base``, whose vocabulary is ``known``.

    A pretrained encoder that is fine-tuned must already be a copy of that of ``base``.

    A new word starts from its vector or, if it has none, from what ``base`` reads for unknown words, and a new
    character from the mean of all others, so that nothing changes for the old tasks before the first update.
    """
    own, learned = dict(module.named_parameters()), dict(base.named_parameters())
    for name, parameter in own.items():
        if name == "words":
            parameter.copy_(_words(parameter, vocabulary, base, known, vectors))
        elif name == "characters.table":
            tables = base.open_tables(len(known.words))
            assert tables is not None
            last = len(known.characters)
            parameter.copy_(tables.characters[[known.character_index.get(c, last) for c in vocabulary.characters]])
        elif name == "tasks":
            here, there = _shared(vocabulary.tasks, known.tasks)
            parameter[here] = learned[name][there]
        elif not name.startswith(("decoders.", "transformer.")):
            parameter.copy_(learned[name])
    for number, (name, labels) in enumerate(vocabulary.labels.items()):
        if name in known.labels:
            decoder, old = module.decoder(number), base.decoder(known.decoders.index(name))
            here, there = _shared(labels, known.labels[name])
            for part in PER_TAG:
                getattr(decoder, part)[here] = getattr(old, part)[there]
            decoder.transitions[here.unsqueeze(1), here] = old.transitions[there.unsqueeze(1), there]


def _words(
    first: Float[Tensor, "words size"],
    vocabulary: Vocabulary,
    base: TaggerModule,
    known: Vocabulary,
    vectors: Vectors,
) -> Float[Tensor, "words size"]:
    """The word table: the rows of known words, and what ``base`` reads for new ones; new task tokens as ``first``."""
    places, found = vectors.rows(vocabulary.words)
    unknown = len(known.words)
    numbers = np.array([known.word_index.get(word, -1) for word in vocabulary.words], dtype=np.int64)
    new = np.full(len(vocabulary.words), unknown)
    new[places] = unknown + 1 + np.arange(len(places))  # their vectors
    numbers = np.where(numbers < 0, new, numbers)
    if vocabulary.unknown and len(first) > len(numbers):
        numbers = np.append(numbers, unknown)
    tables = base.tables_of(
        torch.from_numpy(numbers), unknown, torch.from_numpy(found.reshape(len(places), first.shape[1]))
    )
    assert tables is not None
    table = tables.words.clone()
    tokens = [task_token(task).lower() for task in vocabulary.tasks]
    for row in [vocabulary.word_index[t] for t in tokens if t in vocabulary.word_index and t not in known.word_index]:
        table[row] = first[row]
    return table


def _shared(names: Sequence[str], known: Sequence[str]) -> tuple[Int[Tensor, " shared"], Int[Tensor, " shared"]]:
    """The numbers in both lists of the names that both have."""
    index = {name: number for number, name in enumerate(known)}
    both = [(number, index[name]) for number, name in enumerate(names) if name in index]
    here, there = torch.tensor(both, dtype=torch.long).view(-1, 2).unbind(1)
    return here, there
