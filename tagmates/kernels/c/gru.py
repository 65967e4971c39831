"""Bidirectional GRU layers by ``gru.c``: products, steps and gradients."""

from ctypes import CDLL
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels.c.structure import FLOAT, LONG, Structure

# the structure in gru.c
GRU_LAYER = Structure(
    "directions positions size steps lanes inputs first_rows panel_floats",
    offsets=(LONG, "steps"),
    rows=(LONG, "steps"),
    mirror=(LONG, "lanes positions"),
    x=(FLOAT, "lanes positions inputs"),
    input_weight=(FLOAT, "lanes 2 3 size inputs"),
    input_bias=(FLOAT, "lanes 2 3 size"),
    hidden_weight=(FLOAT, "directions 3 size size"),
    hidden_bias=(FLOAT, "directions 3 size"),
    gates=(FLOAT, "lanes positions 2 3 size"),
    candidate=(FLOAT, "directions positions size"),
    before=(FLOAT, "directions positions size"),
    states=(FLOAT, "lanes positions 2 size"),
    d_states=(FLOAT, "lanes positions 2 size"),
    d_state=(FLOAT, "directions first_rows size"),
    d_gates=(FLOAT, "lanes positions 2 3 size"),
    d_from_state=(FLOAT, "directions positions 3 size"),
    d_x=(FLOAT, "lanes positions inputs"),
    d_input_weight=(FLOAT, "lanes 2 3 size inputs"),
    d_input_bias=(FLOAT, "lanes 2 3 size"),
    d_hidden_weight=(FLOAT, "directions 3 size size"),
    d_hidden_bias=(FLOAT, "directions 3 size"),
    panels=(FLOAT, "panel_floats"),
)


def gru_layer(
    inputs: Float[Tensor, "lanes positions inputs"],
    input_weight: Float[Tensor, "lanes 2 gates inputs"],
    input_bias: Float[Tensor, "lanes 2 gates"],
    hidden_weight: Float[Tensor, "directions gates hidden"],
    hidden_bias: Float[Tensor, "directions gates"],
    packed: PackedLayout,
    library: CDLL,
) -> Float[Tensor, "lanes positions states"]:
    """The states at every position, as those of ``reference.gru_layer``."""
    parameters = (input_weight, input_bias, hidden_weight, hidden_bias)
    states: Tensor = _GRULayer.apply(inputs, *parameters, packed, torch.is_grad_enabled(), library)  # type: ignore[no-untyped-call]
    return states


class _GRULayer(torch.autograd.Function):
    """A whole layer; C also reverses the sequences of the backward direction."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "lanes positions inputs"],
        input_weight: Float[Tensor, "lanes 2 gates inputs"],
        input_bias: Float[Tensor, "lanes 2 gates"],
        hidden_weight: Float[Tensor, "directions gates hidden"],
        hidden_bias: Float[Tensor, "directions gates"],
        packed: PackedLayout,
        kept: bool,
        library: CDLL,
    ) -> Float[Tensor, "lanes positions states"]:
        lanes, positions, width = inputs.shape
        directions, _, size = hidden_weight.shape
        x, input_weight, hidden_weight = inputs.contiguous(), input_weight.contiguous(), hidden_weight.contiguous()
        gates = x.new_empty(lanes, positions, 6 * size)
        before = x.new_empty(directions, positions, size)
        before[:, : packed.rows_at[0]] = 0
        candidate = torch.empty_like(before) if kept else None
        states = x.new_empty(lanes, positions, 2 * size)
        layout: dict[str, Any] = {
            "directions": directions,
            "positions": positions,
            "size": size,
            "steps": len(packed.rows_at),
            "lanes": lanes,
            "inputs": width,
            "first_rows": packed.rows_at[0],
            "panel_floats": library.gru_panel_floats(positions, width, size),
            "offsets": packed.starts,
            "rows": torch.tensor(packed.rows_at),
            "mirror": packed.reverse(),
        }
        GRU_LAYER.call(
            library.gru_forward,
            **layout,
            x=x,
            input_weight=input_weight,
            input_bias=input_bias.contiguous(),
            hidden_weight=hidden_weight,
            hidden_bias=hidden_bias.contiguous(),
            gates=gates,
            candidate=candidate,
            before=before,
            states=states,
            panels=x.new_empty(layout["panel_floats"]),
        )
        ctx.save_for_backward(x, input_weight, hidden_weight, gates, candidate, before)
        ctx.layout, ctx.library = layout, library
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, input_weight, hidden_weight, gates, candidate, before = ctx.saved_tensors
        made = {
            "d_x": torch.empty_like(x) if ctx.needs_input_grad[0] else None,
            "d_input_weight": torch.empty_like(input_weight),
            "d_input_bias": x.new_empty(input_weight.shape[:3]),
            "d_hidden_weight": torch.empty_like(hidden_weight),
            "d_hidden_bias": x.new_empty(hidden_weight.shape[:2]),
        }
        GRU_LAYER.call(
            ctx.library.gru_backward,
            **ctx.layout,
            **made,
            x=x,
            input_weight=input_weight,
            hidden_weight=hidden_weight,
            gates=gates,
            candidate=candidate,
            before=before,
            d_states=grads[0].contiguous(),
            d_state=before.new_zeros(len(before), ctx.layout["first_rows"], before.shape[2]),
            d_gates=torch.empty_like(gates),
            d_from_state=before.new_empty(*before.shape[:2], 3 * before.shape[2]),
            panels=x.new_empty(ctx.layout["panel_floats"]),
        )
        return *made.values(), None, None, None
