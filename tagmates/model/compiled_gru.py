"""A GRU layer whose loop over steps is that of ``kernels/gru.c``."""

from ctypes import CDLL
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.data.packing import Packed
from tagmates.model.native import FLOAT, LONG, Kernel

# as struct Layer of gru.c
GRU = Kernel(
    "lanes positions size steps models first_rows room",
    offsets=(LONG, "steps"),
    rows=(LONG, "steps"),
    mirror=(LONG, "models positions"),
    hidden_weight=(FLOAT, "lanes 3 size size"),
    hidden_bias=(FLOAT, "lanes 3 size"),
    gates=(FLOAT, "models positions 2 3 size"),
    candidate=(FLOAT, "lanes positions size"),
    before=(FLOAT, "lanes positions size"),
    states=(FLOAT, "models positions 2 size"),
    d_states=(FLOAT, "models positions 2 size"),
    d_state=(FLOAT, "lanes first_rows size"),
    d_gates=(FLOAT, "models positions 2 3 size"),
    d_from_state=(FLOAT, "lanes positions 3 size"),
    panels=(FLOAT, "room"),
)


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
    """A whole layer; the loop also turns the backward direction round."""

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
        hidden_weight = hidden_weight.contiguous()
        weight = input_weight.flatten(1, 2).transpose(1, 2)
        gates = torch.baddbmm(input_bias.flatten(1).unsqueeze(1), inputs, weight)  # both directions in one product
        before = inputs.new_empty(directions, positions, size)
        before[:, : packed.rows_at[0]] = 0
        candidate = torch.empty_like(before) if kept else None
        states = inputs.new_empty(lanes, positions, 2 * size)
        layout: dict[str, Any] = {
            "lanes": directions,
            "positions": positions,
            "size": size,
            "steps": len(packed.rows_at),
            "models": lanes,
            "first_rows": packed.rows_at[0],
            "room": library.gru_panels(directions, size),
            "offsets": torch.tensor(packed.offsets),
            "rows": torch.tensor(packed.rows_at),
            "mirror": packed.reverse(),
        }
        GRU.call(
            library.gru_forward,
            **layout,
            hidden_weight=hidden_weight,
            hidden_bias=hidden_bias.contiguous(),
            gates=gates,
            candidate=candidate,
            before=before,
            states=states,
            panels=inputs.new_empty(layout["room"]),
        )
        ctx.save_for_backward(inputs, input_weight, hidden_weight, gates, candidate, before)
        ctx.layout, ctx.library = layout, library
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, hidden_weight, gates, candidate, before = ctx.saved_tensors
        directions, positions, size = before.shape
        d_gates = torch.empty_like(gates)
        d_from_state = before.new_empty(directions, positions, 3 * size)
        GRU.call(
            ctx.library.gru_backward,
            **ctx.layout,
            hidden_weight=hidden_weight,
            gates=gates,
            candidate=candidate,
            before=before,
            d_states=grads[0].contiguous(),
            d_state=before.new_zeros(directions, ctx.layout["first_rows"], size),
            d_gates=d_gates,
            d_from_state=d_from_state,
            panels=before.new_empty(ctx.layout["room"]),
        )
        d_inputs = d_gates @ input_weight.flatten(1, 2) if ctx.needs_input_grad[0] else None
        d_input_weight = (d_gates.transpose(1, 2) @ inputs).view_as(input_weight)
        d_hidden_weight = d_from_state.transpose(1, 2) @ before
        d_input_bias = d_gates.sum(1).view(input_weight.shape[:3])
        return d_inputs, d_input_weight, d_input_bias, d_hidden_weight, d_from_state.sum(1), None, None, None
