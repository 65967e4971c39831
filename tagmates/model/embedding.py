"""Words and characters of a batch as vectors: the input of the word encoder (protocol section 1)."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from tagmates.data.packing import Packed, on_device
from tagmates.model.gru import GRULayer, bidirectional_gru
from tagmates.model.native import triton_for
from tagmates.model.stacks import joined


class CharacterEncoder(nn.Module):
    """A character table and a stack of GRU layers; a form is its final forward and final backward state."""

    def __init__(self, *, num_characters: int, size: int, hidden_size: int, layers: int, draw: torch.Generator) -> None:
        """Characters uniform within sqrt(3 / size) of 0, as in Ma and Hovy (2016)."""
        super().__init__()
        self.table = nn.Parameter(uniform_table(num_characters, size, draw))
        self.layers = nn.ModuleList(
            GRULayer(size if layer == 0 else 2 * hidden_size, hidden_size, draw) for layer in range(layers)
        )


def uniform_table(rows: int, size: int, draw: torch.Generator) -> Float[Tensor, "rows size"]:
    """Uniform within sqrt(3 / size) of 0."""
    bound = (3 / size) ** 0.5
    return torch.empty(rows, size).uniform_(-bound, bound, generator=draw)


def look_up(
    tables: Sequence[Float[Tensor, "_ size"]], index: Int[Tensor, "lanes positions"]
) -> Float[Tensor, "lanes positions size"]:
    """Rows of each lane's own table; the tables of several lanes are one, in which each lane owns a range of rows."""
    if len(tables) == 1:
        return functional.embedding(index, joined(tables))
    rows = on_device([0, *accumulate(len(table) for table in tables[:-1])], index.device)
    return functional.embedding(index + rows.unsqueeze(1), joined(tables))


def encode_forms(
    encoders: Sequence[CharacterEncoder],
    tables: Sequence[Float[Tensor, "_ size"]],
    spelling: Packed,
    characters: Int[Tensor, "lanes positions"],
    dropout: "Dropout",
) -> Float[Tensor, "lanes forms states"]:
    """One vector for every row of ``spelling``; ``tables`` are the character tables to use."""
    states = look_up(tables, characters)
    states = stack_layers(states, spelling, [list(encoder.layers) for encoder in encoders], dropout)
    forward, backward = states.chunk(2, -1)
    rows = spelling.lengths.shape[1]
    last = spelling.last().unsqueeze(-1).expand(-1, -1, forward.shape[-1])
    return torch.cat([forward.gather(1, last), backward[:, :rows]], -1)


def stack_layers(
    values: Float[Tensor, "lanes positions size"],
    packed: Packed,
    layers: Sequence[Sequence[nn.Module]],
    drop: "Dropout",
) -> Float[Tensor, "lanes positions states"]:
    """Run GRU layers (``layers[lane][depth]``) one above another, dropping out only in between."""
    for depth, level in enumerate(zip(*layers, strict=True)):
        if depth > 0:
            values = drop(values, packed)
        values = bidirectional_gru(values, packed, [layer for layer in level if isinstance(layer, GRULayer)])
    return values


class Dropout:
    """Inverted dropout whose mask each lane draws in its own order, so that company cannot change it."""

    def __init__(self, rates: Sequence[float], draws: Sequence[torch.Generator] | None) -> None:
        """Without ``draws`` nothing is dropped."""
        self.rates, self.draws = rates, draws

    def __call__(
        self, values: Float[Tensor, "lanes positions size"], packed: Packed
    ) -> Float[Tensor, "lanes positions size"]:
        """Values with the drawn entries 0 and the others divided by what is kept on average."""
        if self.draws is None or not any(self.rates):
            return values
        if triton_for(values):
            from tagmates.model.triton_dropout import triton_dropout  # noqa: PLC0415

            # a lane that drops nothing draws nothing, as alone
            seeds = [_seed(draw) if rate else 0 for rate, draw in zip(self.rates, self.draws, strict=True)]
            rates, numbers = (on_device(some, values.device) for some in (self.rates, seeds))
            return triton_dropout(values, packed, rates, numbers)
        if len(self.rates) == 1:  # a lane alone fills every position
            drawn = torch.rand(values.shape[1:], generator=self.draws[0]) >= self.rates[0]
            return values * drawn.to(values.device, values.dtype).div_(1 - self.rates[0])
        keep = torch.zeros(values.shape, dtype=values.dtype)
        for lane, (rate, draw) in enumerate(zip(self.rates, self.draws, strict=True)):
            mask = packed.mask[lane].cpu()
            if rate == 0:  # alone it would draw nothing
                keep[lane] = 1
                continue
            drawn = torch.rand(int(mask.sum()), values.shape[-1], generator=draw) >= rate
            keep[lane, mask] = drawn.to(values.dtype) / (1 - rate)
        return values * keep.to(values.device)


def _seed(draw: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=draw))
