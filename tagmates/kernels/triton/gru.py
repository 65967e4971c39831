"""Bidirectional GRU layers: one kernel computes all steps of a layer.

A program takes one direction of one lane and a block of its rows through all steps. Rows do not depend on each other,
so no program waits for another, and each reads the recurrent weights once a step. A program ends with its own longest
sentence, however long those of other lanes are. A product is three products of TF32, which is float32 up to rounding.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.batching.packed_sequence import PackedLayout

UNITS_PER_BLOCK, TERMS_PER_BLOCK = 64, 32  # columns of a product's block, and terms of its sums at a time
PRECISION = "tf32x3"  # of products


def gru_layer(
    inputs: Float[Tensor, "lanes positions inputs"],
    input_weight: Float[Tensor, "lanes 2 gates inputs"],
    input_bias: Float[Tensor, "lanes 2 gates"],
    hidden_weight: Float[Tensor, "directions gates hidden"],
    hidden_bias: Float[Tensor, "directions gates"],
    packed: PackedLayout,
) -> Float[Tensor, "lanes positions states"]:
    """The states at every position, as those of ``reference.gru_layer``."""
    parameters = (input_weight, input_bias, hidden_weight, hidden_bias)
    states: Tensor = _GRULayer.apply(inputs, *parameters, packed)  # type: ignore[no-untyped-call]
    return states


class _GRULayer(torch.autograd.Function):
    """Torch multiplies inputs and computes the gradients of weights; the kernels do the steps between."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "lanes positions inputs"],
        input_weight: Float[Tensor, "lanes 2 gates inputs"],
        input_bias: Float[Tensor, "lanes 2 gates"],
        hidden_weight: Float[Tensor, "directions gates hidden"],
        hidden_bias: Float[Tensor, "directions gates"],
        packed: PackedLayout,
    ) -> Float[Tensor, "lanes positions states"]:
        lanes, positions, _ = inputs.shape
        directions, _, size = hidden_weight.shape
        hidden_weight = hidden_weight.contiguous()
        both = input_weight.flatten(1, 2).transpose(1, 2)
        gates = torch.baddbmm(input_bias.flatten(1).unsqueeze(1), inputs, both)  # [lanes, positions, 6h]; then r, z, n
        # zeros, because products over all positions include those that no row of a lane fills
        before = inputs.new_zeros(directions, positions, size)  # the state that each position starts from
        candidate = torch.empty_like(before)  # R_n h + c_n
        states = inputs.new_zeros(lanes, positions, 2 * size)
        layout = _layout(packed, lanes, size)
        _forward[layout.pop("grid")](
            gates, hidden_weight, hidden_bias.contiguous(), before, candidate, states, **layout
        )
        ctx.save_for_backward(inputs, input_weight, hidden_weight, gates, before, candidate)
        ctx.packed = packed
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, hidden_weight, gates, before, candidate = ctx.saved_tensors
        directions, _, size = before.shape
        d_gates = torch.zeros_like(gates)
        d_from_state = before.new_zeros(*before.shape[:2], 3 * size)  # gradients at R h + c
        d_state = before.new_zeros(directions, ctx.packed.lengths.shape[1], size)
        layout = _layout(ctx.packed, len(inputs), size)
        _backward[layout.pop("grid")](
            gates, hidden_weight, before, candidate, grads[0].contiguous(), d_gates, d_from_state, d_state, **layout
        )
        d_inputs = d_gates @ input_weight.flatten(1, 2) if ctx.needs_input_grad[0] else None
        d_input_weight = (d_gates.transpose(1, 2) @ inputs).view_as(input_weight)
        d_input_bias = d_gates.sum(1).view(input_weight.shape[:3])
        d_hidden_weight = d_from_state.transpose(1, 2) @ before
        return d_inputs, d_input_weight, d_input_bias, d_hidden_weight, d_from_state.sum(1), None


def _layout(packed: PackedLayout, lanes: int, size: int) -> dict[str, Any]:
    rows = packed.lengths.shape[1]
    block = 16 if rows <= 16 else 32
    return {
        "grid": (2 * lanes, triton.cdiv(rows, block)),
        "starts": packed.starts,
        "lengths": packed.lengths.contiguous(),
        "mirror": packed.reverse(),
        "positions": packed.positions,
        "rows": rows,
        "size": size,
        "ROWS": block,
        "UNITS": min(UNITS_PER_BLOCK, max(16, triton.next_power_of_2(size))),
        "INNER": min(TERMS_PER_BLOCK, max(16, triton.next_power_of_2(size))),
        "PRECISION": PRECISION,
        "num_warps": 8,  # with 4 a product's block does not fit into the registers
    }


@triton.jit(do_not_specialize=["positions", "rows"])
def _forward(
    gates,
    weight,
    bias,
    before,
    candidate,
    states,
    starts,
    lengths,
    mirror,
    positions,
    rows,
    size: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):
    # gates [lanes, positions, 2, 3, size] (r, z, n) and states [lanes, positions, 2, size] are in the text's order;
    # before and candidate [directions, positions, size] are in the order in which their direction reads
    direction = tl.program_id(0).to(tl.int64)
    lane, backward = direction // 2, direction % 2
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + lane * rows + row, mask=row < rows, other=0)
    longest = tl.max(length)
    weight += direction * 3 * size * size
    bias += direction * 3 * size
    step = 0
    while step < longest:
        alive = length > step
        goes_on = length > step + 1
        here = tl.load(starts + step) + row
        after = tl.load(starts + step + 1, mask=step + 1 < longest, other=0) + row
        mirrored = tl.load(mirror + lane * positions + here, mask=alive, other=0)
        there = lane * positions + tl.where(backward == 1, mirrored, here)
        state = before + (direction * positions + here) * size
        following = before + (direction * positions + after) * size
        for first in range(0, size, UNITS):
            unit = first + tl.arange(0, UNITS)
            reset = tl.zeros((ROWS, UNITS), tl.float32)
            update = tl.zeros((ROWS, UNITS), tl.float32)
            new = tl.zeros((ROWS, UNITS), tl.float32)
            for inner in range(0, size, INNER):
                k = inner + tl.arange(0, INNER)
                h = tl.load(state[:, None] + k[None, :], mask=alive[:, None] & (k < size)[None, :], other=0.0)
                at = weight + unit[None, :] * size + k[:, None]
                inside = (unit < size)[None, :] & (k < size)[:, None]
                reset = tl.dot(h, tl.load(at, mask=inside, other=0.0), reset, input_precision=PRECISION)
                update = tl.dot(h, tl.load(at + size * size, mask=inside, other=0.0), update, input_precision=PRECISION)
                new = tl.dot(h, tl.load(at + 2 * size * size, mask=inside, other=0.0), new, input_precision=PRECISION)
            inside = alive[:, None] & (unit < size)[None, :]
            reset += tl.load(bias + unit, mask=unit < size, other=0.0)[None, :]
            update += tl.load(bias + size + unit, mask=unit < size, other=0.0)[None, :]
            new += tl.load(bias + 2 * size + unit, mask=unit < size, other=0.0)[None, :]
            gate = gates + ((2 * there + backward) * 3 * size)[:, None] + unit[None, :]
            reset = tl.sigmoid(reset + tl.load(gate, mask=inside, other=0.0))
            update = tl.sigmoid(update + tl.load(gate + size, mask=inside, other=0.0))
            tl.store(candidate + ((direction * positions + here) * size)[:, None] + unit[None, :], new, mask=inside)
            x = tl.load(gate + 2 * size, mask=inside, other=0.0) + reset * new
            new = 2 * tl.sigmoid(2 * x) - 1  # tanh
            tl.store(gate, reset, mask=inside)
            tl.store(gate + size, update, mask=inside)
            tl.store(gate + 2 * size, new, mask=inside)
            h = tl.load(state[:, None] + unit[None, :], mask=inside, other=0.0)
            h = new + update * (h - new)
            tl.store(states + ((2 * there + backward) * size)[:, None] + unit[None, :], h, mask=inside)
            tl.store(following[:, None] + unit[None, :], h, mask=inside & goes_on[:, None])
        tl.debug_barrier()  # the next step reads what other threads have written
        step += 1


@triton.jit(do_not_specialize=["positions", "rows"])
def _backward(
    gates,
    weight,
    before,
    candidate,
    d_states,
    d_gates,
    d_from_state,
    d_state,
    starts,
    lengths,
    mirror,
    positions,
    rows,
    size: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    INNER: tl.constexpr,
    PRECISION: tl.constexpr,
):
    direction = tl.program_id(0).to(tl.int64)
    lane, backward = direction // 2, direction % 2
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + lane * rows + row, mask=row < rows, other=0)
    longest = tl.max(length)
    weight += direction * 3 * size * size
    d_next = d_state + (direction * rows + row) * size  # the gradient of a position's final state
    step = longest - 1
    while step >= 0:
        alive = length > step
        here = tl.load(starts + step) + row
        mirrored = tl.load(mirror + lane * positions + here, mask=alive, other=0)
        there = lane * positions + tl.where(backward == 1, mirrored, here)
        place = (direction * positions + here) * size
        from_state = d_from_state + 3 * place
        for first in range(0, size, UNITS):
            unit = first + tl.arange(0, UNITS)
            inside = alive[:, None] & (unit < size)[None, :]
            gate = ((2 * there + backward) * 3 * size)[:, None] + unit[None, :]
            reset = tl.load(gates + gate, mask=inside, other=0.0)
            update = tl.load(gates + gate + size, mask=inside, other=0.0)
            new = tl.load(gates + gate + 2 * size, mask=inside, other=0.0)
            at = place[:, None] + unit[None, :]
            h = tl.load(before + at, mask=inside, other=0.0)
            grad = tl.load(d_next[:, None] + unit[None, :], mask=inside, other=0.0)
            state = ((2 * there + backward) * size)[:, None] + unit[None, :]
            grad += tl.load(d_states + state, mask=inside, other=0.0)
            d_new = grad * (1 - update) * (1 - new * new)
            d_update = grad * (h - new) * update * (1 - update)
            d_reset = d_new * tl.load(candidate + at, mask=inside, other=0.0) * reset * (1 - reset)
            tl.store(d_gates + gate, d_reset, mask=inside)
            tl.store(d_gates + gate + size, d_update, mask=inside)
            tl.store(d_gates + gate + 2 * size, d_new, mask=inside)
            into = from_state[:, None] + unit[None, :]
            tl.store(into, d_reset, mask=inside)
            tl.store(into + size, d_update, mask=inside)
            tl.store(into + 2 * size, d_new * reset, mask=inside)
            tl.store(d_next[:, None] + unit[None, :], grad * update, mask=inside)
        tl.debug_barrier()  # the product reads all gates of a row
        for first in range(0, size, UNITS):
            unit = first + tl.arange(0, UNITS)
            total = tl.zeros((ROWS, UNITS), tl.float32)
            for inner in range(0, 3 * size, INNER):
                k = inner + tl.arange(0, INNER)
                d = tl.load(from_state[:, None] + k[None, :], mask=alive[:, None] & (k < 3 * size)[None, :], other=0.0)
                inside = (k < 3 * size)[:, None] & (unit < size)[None, :]
                w = tl.load(weight + k[:, None] * size + unit[None, :], mask=inside, other=0.0)
                total = tl.dot(d, w, total, input_precision=PRECISION)
            inside = alive[:, None] & (unit < size)[None, :]
            total += tl.load(d_next[:, None] + unit[None, :], mask=inside, other=0.0)
            tl.store(d_next[:, None] + unit[None, :], total, mask=inside)
        tl.debug_barrier()  # the next step reads gradients that other threads have written
        step -= 1
