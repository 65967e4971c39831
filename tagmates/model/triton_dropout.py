"""Dropout on a GPU: masks that a lane draws by numbering its own entries, so that company cannot change them."""

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.data.packing import Packed

BLOCK = 1024


def triton_dropout(
    values: Float[Tensor, "lanes positions size"],
    packed: Packed,
    rates: Float[Tensor, " lanes"],
    seeds: Int[Tensor, " lanes"],
) -> Float[Tensor, "lanes positions size"]:
    """Values with the drawn entries 0 and the others divided by what is kept on average; none outside the mask."""
    result: Tensor = _Dropout.apply(values, packed.mask.cumsum(1) - 1, packed.mask, rates, seeds)  # type: ignore[no-untyped-call]
    return result


class _Dropout(torch.autograd.Function):
    """The backward draws the same masks again."""

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
    blocks = triton.cdiv(positions * size, BLOCK)  # first: the other axes of a grid end at 65,535
    _drop[blocks, lanes](values, result, place, mask.contiguous(), rates, seeds, positions, size=size, BLOCK=BLOCK)
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
