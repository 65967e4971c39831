"""Words and characters of a batch as vectors: the input of the word encoder (protocol section 1).

A token's vector is a row of the word table ++ the last forward and last backward state of a GRU over its characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tagmates.batching.packed_sequence import PackedLayout, on_device
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.model.dropout import Dropout
from tagmates.model.gru import GRULayer, stack_layers
from tagmates.model.parameter_stacking import joined
from tagmates.seeding import generator


@dataclass(frozen=True, slots=True)
class Tables:
    """The look-up tables to which the word and character numbers of a batch refer."""

    words: Float[Tensor, "words word_size"]
    characters: Float[Tensor, "characters character_size"]


def word_table(vocabulary: Vocabulary, size: int, seed: int, vectors: Vectors) -> Float[Tensor, "words size"]:
    """The initial word table: pretrained vectors, and Normal(mean, std) of their entries for words without one.

    If no word has a vector, all rows are uniform within sqrt(3 / size) of 0. The unknown word, if there is one, is the
    last row.
    """
    rows = len(vocabulary.words) + vocabulary.unknown
    places, found = vectors.rows(vocabulary.words)
    draw = generator(seed, "words")
    if not len(places):
        return uniform_table(rows, size, draw)
    entries = torch.from_numpy(found)
    table = torch.empty(rows, size).normal_(float(entries.mean()), float(entries.std(correction=0)), generator=draw)
    table[torch.from_numpy(places)] = entries
    return table


def uniform_table(rows: int, size: int, draw: torch.Generator) -> Float[Tensor, "rows size"]:
    """A table that is uniform within sqrt(3 / size) of 0."""
    bound = (3 / size) ** 0.5
    return torch.empty(rows, size).uniform_(-bound, bound, generator=draw)


def look_up(
    tables: Sequence[Float[Tensor, "_ size"]], index: Int[Tensor, "lanes positions"]
) -> Float[Tensor, "lanes positions size"]:
    """The rows of each lane's own table with these numbers."""
    if len(tables) == 1:
        return functional.embedding(index, joined(tables))
    # the tables of several lanes form one table, in which each lane has a range of rows
    rows = on_device([0, *accumulate(len(table) for table in tables[:-1])], index.device)
    return functional.embedding(index + rows.unsqueeze(1), joined(tables))


class CharacterEncoder(nn.Module):
    """A character table and a stack of GRU layers; a form is its final forward and final backward state."""

    def __init__(self, *, num_characters: int, size: int, hidden_size: int, layers: int, draw: torch.Generator) -> None:
        """Characters uniform within sqrt(3 / size) of 0, as in Ma and Hovy (2016)."""
        super().__init__()
        self.table = nn.Parameter(uniform_table(num_characters, size, draw))
        self.layers = nn.ModuleList(
            GRULayer(size if layer == 0 else 2 * hidden_size, hidden_size, draw) for layer in range(layers)
        )


def encode_forms(
    encoders: Sequence[CharacterEncoder],
    tables: Sequence[Float[Tensor, "_ size"]],
    spelling: PackedLayout,
    characters: Int[Tensor, "lanes positions"],
    dropout: Dropout,
) -> Float[Tensor, "lanes forms states"]:
    """One vector for every row of ``spelling``; ``tables`` are the character tables to use."""
    states = look_up(tables, characters)
    states = stack_layers(states, spelling, [list(encoder.layers) for encoder in encoders], dropout)
    forward, backward = states.chunk(2, -1)
    rows = spelling.lengths.shape[1]
    last = spelling.last().unsqueeze(-1).expand(-1, -1, forward.shape[-1])
    return torch.cat([forward.gather(1, last), backward[:, :rows]], -1)
