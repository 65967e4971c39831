"""Inverted dropout whose mask every lane draws on its own.

A lane numbers the entries of the positions that it fills, and the mask is a function of its seed and these numbers.
Other lanes therefore do not change it. It is another mask than the reference draws.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.batching.packed_sequence import PackedLayout, on_device

BLOCK_SIZE = 1024  # entries


def apply_dropout(
    values: Float[Tensor, "lanes positions size"],
    packed: PackedLayout,
    rates: Sequence[float],
    draws: Sequence[torch.Generator],
) -> Float[Tensor, "lanes positions size"]:
    """Set entries to 0 with a lane's rate, and divide the others by 1 - rate; 0 outside the mask.

    A lane draws the seed of its mask, and nothing where its rate is 0.
    """
    seeds = [
        int(torch.randint(2**62, (), generator=draw)) if rate else 0 for rate, draw in zip(rates, draws, strict=True)
    ]
    return seeded_dropout(values, packed, on_device(rates, values.device), on_device(seeds, values.device))


def seeded_dropout(
    values: Float[Tensor, "lanes positions size"],
    packed: PackedLayout,
    rates: Float[Tensor, " lanes"],
    seeds: Int[Tensor, " lanes"],
) -> Float[Tensor, "lanes positions size"]:
    """The same for masks with these seeds."""
    result: Tensor = _Dropout.apply(values, packed.mask.cumsum(1) - 1, packed.mask, rates, seeds)  # type: ignore[no-untyped-call]
    return result


class _Dropout(torch.autograd.Function):
    """The backward computes the same masks again."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Float[Tensor, "lanes positions size"],
        place: Int[Tensor, "lanes positions"],
        mask: Tensor,
        rates: Float[Tensor, " lanes"],
        seeds: Int[Tensor, " lanes"],
    ) -> Float[Tensor, "lanes positions size"]:
        ctx.drawn = place, mask, rates, seeds
        return _masked(values, *ctx.drawn)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _masked(grads[0], *ctx.drawn), None, None, None, None


def _masked(values: Tensor, place: Tensor, mask: Tensor, rates: Tensor, seeds: Tensor) -> Tensor:
    lanes, positions, size = values.shape
    values, result = values.contiguous(), torch.empty_like(values, memory_format=torch.contiguous_format)
    blocks = triton.cdiv(positions * size, BLOCK_SIZE)  # first: the other axes of a grid end at 65,535
    _drop[blocks, lanes](values, result, place, mask.contiguous(), rates, seeds, positions, size=size, BLOCK=BLOCK_SIZE)
    return result


@triton.jit(do_not_specialize=["positions"])
def _drop(values, result, place, mask, rates, seeds, positions, size: tl.constexpr, BLOCK: tl.constexpr):
    lane = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    number = positions * size
    inside = at < number
    position = lane * positions + at // size
    entry = tl.load(place + position, mask=inside, other=0).to(tl.int32) * size + at % size
    filled = tl.load(mask + position, mask=inside, other=0) != 0
    rate = tl.load(rates + lane)
    kept = filled & (tl.rand(tl.load(seeds + lane), entry) >= rate)
    value = tl.load(values + lane * number + at, mask=inside, other=0.0)
    tl.store(result + lane * number + at, tl.where(kept, value / (1 - rate), 0.0), mask=inside)
