"""A GRU layer whose loop over steps is that of ``kernels/gru.c``."""

from ctypes import CDLL
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tagmates.data.packing import Packed
from tagmates.model.native import Layer, call


def compiled_layer(
    inputs: Float[Tensor, "lanes positions inputs"],
    input_weight: Float[Tensor, "lanes 2 gates inputs"],
    input_bias: Float[Tensor, "lanes 2 gates"],
    hidden_weight: Float[Tensor, "directions gates hidden"],
    hidden_bias: Float[Tensor, "directions gates"],
    packed: Packed,
    library: CDLL,
) -> Float[Tensor, "lanes positions states"]:
    """``bidirectional_gru`` of parameters that are stacked; a direction is one of a lane's two."""
    parameters = (input_weight, input_bias, hidden_weight, hidden_bias)
    states: Tensor = _Layer.apply(inputs, *parameters, packed, torch.is_grad_enabled(), library)  # type: ignore[no-untyped-call]
    return states


class _Layer(torch.autograd.Function):
    """A whole layer with the loop in C (``kernels/gru.c``), which also turns the backward direction round.

    One buffer holds what the gates read, then the gates, then their gradients: a graph goes backward once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "lanes positions inputs"],
        input_weight: Float[Tensor, "lanes 2 gates inputs"],
        input_bias: Float[Tensor, "lanes 2 gates"],
        hidden_weight: Float[Tensor, "directions gates hidden"],
        hidden_bias: Float[Tensor, "directions gates"],
        packed: Packed,
        kept: bool,
        library: CDLL,
    ) -> Float[Tensor, "lanes positions states"]:
        lanes, positions, _ = inputs.shape
        directions, _, size = hidden_weight.shape
        before = inputs.new_empty(directions, positions, size)
        before[:, : packed.rows_at[0]] = 0
        states = inputs.new_empty(lanes, positions, 2 * size)
        weight = input_weight.flatten(1, 2).transpose(1, 2)
        gates = torch.baddbmm(input_bias.flatten(1).unsqueeze(1), inputs, weight)  # both directions in one product
        arrays: dict[str, int | Tensor | None] = {
            "lanes": directions,
            "positions": positions,
            "size": size,
            "steps": len(packed.rows_at),
            "offsets": torch.tensor(packed.offsets),
            "rows": torch.tensor(packed.rows_at),
            "mirror": packed.reverse(),
            "hidden_weight": hidden_weight.contiguous(),
            "gates": gates,
            "candidate": torch.empty_like(before) if kept else None,
            "before": before,
            "panels": inputs.new_empty(library.gru_panels(directions, size)),
        }
        call(library.gru_forward, Layer, hidden_bias=hidden_bias.contiguous(), states=states, **arrays)
        ctx.save_for_backward(inputs, input_weight)
        ctx.arrays, ctx.library, ctx.first_rows = arrays, library, packed.rows_at[0]
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight = ctx.saved_tensors
        arrays, ctx.arrays = ctx.arrays, None
        if arrays is None:
            raise RuntimeError("a GRU layer went backward twice; its gates are gone")
        before = arrays["before"]
        directions, positions, size = before.shape
        d_from_state = before.new_empty(directions, positions, 3 * size)
        d_state = before.new_zeros(directions, ctx.first_rows, size)
        d_states = grads[0].contiguous()
        call(ctx.library.gru_backward, Layer, d_states=d_states, d_state=d_state, d_from_state=d_from_state, **arrays)
        d_gates = arrays["gates"]
        d_inputs = d_gates @ input_weight.flatten(1, 2) if ctx.needs_input_grad[0] else None
        d_input_weight = (d_gates.transpose(1, 2) @ inputs).view_as(input_weight)
        d_hidden_weight = d_from_state.transpose(1, 2) @ before
        d_input_bias = d_gates.sum(1).view(input_weight.shape[:3])
        return d_inputs, d_input_weight, d_input_bias, d_hidden_weight, d_from_state.sum(1), None, None, None
