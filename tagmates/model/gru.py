r"""Packed bidirectional GRU layers with a backward of their own.

The equations are those of ``torch.nn.GRU`` (Cho et al., 2014):

    r = sigmoid(W_r x + b_r + R_r h + c_r)        n = tanh(W_n x + b_n + r * (R_n h + c_n))
    z = sigmoid(W_z x + b_z + R_z h + c_z)        h' = n + z * (h - n)

All input projections are one matrix product and all weight gradients are one; a step does only the recurrent product
and the gates. Both directions share the loop as two more lanes: the backward one reads its sequences mirrored. On a
CPU with a C compiler all of it is done by ``kernels/gru.c``, on a GPU the steps by ``triton_gru``; everywhere else it
is what stands below.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tagmates.data.packing import Packed
from tagmates.model.compiled_gru import compiled_layer
from tagmates.model.native import library_for, triton_for
from tagmates.model.stacks import stacked


class GRULayer(nn.Module):
    """The parameters of one bidirectional layer; axis 0 is the direction (forward, backward)."""

    def __init__(self, input_size: int, hidden_size: int, generator: torch.Generator) -> None:
        """Xavier-uniform on each stacked (3 x hidden, in) matrix, biases 0 (protocol section 1)."""
        super().__init__()
        self.input_weight = nn.Parameter(torch.empty(2, 3 * hidden_size, input_size))
        self.hidden_weight = nn.Parameter(torch.empty(2, 3 * hidden_size, hidden_size))
        self.input_bias = nn.Parameter(torch.zeros(2, 3 * hidden_size))
        self.hidden_bias = nn.Parameter(torch.zeros(2, 3 * hidden_size))
        for direction in range(2):
            nn.init.xavier_uniform_(self.input_weight.data[direction], generator=generator)
            nn.init.xavier_uniform_(self.hidden_weight.data[direction], generator=generator)


def bidirectional_gru(
    inputs: Float[Tensor, "lanes positions inputs"], packed: Packed, layers: Sequence[GRULayer]
) -> Float[Tensor, "lanes positions states"]:
    """States of one layer at every position, forward ++ backward; ``layers`` holds one layer per lane.

    Initial states are zero. Positions outside the mask hold finite values without meaning; no gradient may reach them.
    """
    input_weight = stacked([layer.input_weight for layer in layers])  # [lanes, 2, 3h, inputs]
    input_bias = stacked([layer.input_bias for layer in layers])  # [lanes, 2, 3h]
    hidden_weight = stacked([layer.hidden_weight for layer in layers]).flatten(0, 1)  # [2 lanes, 3h, h]
    hidden_bias = stacked([layer.hidden_bias for layer in layers]).flatten(0, 1)  # [2 lanes, 3h]
    parameters = (input_weight, input_bias, hidden_weight, hidden_bias)
    if (library := library_for(inputs, *parameters)) is not None:
        return compiled_layer(inputs, *parameters, packed, library)
    if triton_for(inputs, *parameters):
        from tagmates.model.triton_gru import triton_layer  # noqa: PLC0415

        return triton_layer(inputs, *parameters, packed)
    return plain_layer(inputs, *parameters, packed)


def plain_layer(
    inputs: Float[Tensor, "lanes positions inputs"],
    input_weight: Float[Tensor, "lanes 2 gates inputs"],
    input_bias: Float[Tensor, "lanes 2 gates"],
    hidden_weight: Float[Tensor, "directions gates hidden"],
    hidden_bias: Float[Tensor, "directions gates"],
    packed: Packed,
) -> Float[Tensor, "lanes positions states"]:
    """``bidirectional_gru`` of parameters that are stacked; a direction is one of a lane's two."""
    lanes, positions, _ = inputs.shape
    # [lanes, positions, 6h]: both directions in one product
    projected = torch.baddbmm(input_bias.flatten(1).unsqueeze(1), inputs, input_weight.flatten(1, 2).transpose(1, 2))
    # [lanes, 2, positions, 3h]
    projected = projected.view(lanes, positions, 2, -1).transpose(1, 2)
    mirror = packed.reverse()
    gates = torch.stack([projected[:, 0], _gather(projected[:, 1], mirror)], 1).flatten(0, 1)
    states = _Recurrence.apply(gates, hidden_weight, hidden_bias, packed.slices())  # type: ignore[no-untyped-call]
    states = states.view(lanes, 2, positions, -1)
    return torch.cat([states[:, 0], _gather(states[:, 1], mirror)], -1)


def _gather(
    values: Float[Tensor, "lanes positions size"], index: Int[Tensor, "lanes positions"]
) -> Float[Tensor, "lanes positions size"]:
    if values.shape[0] == 1:
        return values[0].index_select(0, index[0]).unsqueeze(0)
    return values.gather(1, index.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


class _Recurrence(torch.autograd.Function):
    """The loop over steps; a lane here is a (lane, direction)."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Float[Tensor, "lanes positions gates"],
        hidden_weight: Float[Tensor, "lanes gates hidden"],
        hidden_bias: Float[Tensor, "lanes gates"],
        slices: list[slice],
    ) -> Float[Tensor, "lanes positions hidden"]:
        lanes, positions, _ = gates.shape
        size = hidden_weight.shape[-1]
        recurrent = hidden_weight.transpose(1, 2)
        bias = hidden_bias.unsqueeze(1)
        activated = torch.empty_like(gates)  # r, z, n
        candidate = gates.new_empty(lanes, positions, size)  # R_n h + c_n
        before = torch.empty_like(candidate)  # the state that each position started from
        states = gates.new_empty(lanes, positions, size)
        state = gates.new_zeros(lanes, slices[0].stop - slices[0].start, size)
        for here in slices:
            state = state[:, : here.stop - here.start]
            from_state = torch.baddbmm(bias, state, recurrent)
            gate = gates[:, here]
            reset, update, new = activated[:, here].split(size, -1)
            reset_update = activated[:, here, : 2 * size]
            torch.add(gate[..., : 2 * size], from_state[..., : 2 * size], out=reset_update).sigmoid_()
            torch.addcmul(gate[..., 2 * size :], reset, from_state[..., 2 * size :], out=new).tanh_()
            before[:, here] = state
            candidate[:, here] = from_state[..., 2 * size :]
            state = torch.lerp(new, state, update, out=states[:, here])
        ctx.save_for_backward(activated, candidate, before, hidden_weight)
        ctx.slices = slices
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (d_states,) = grads
        activated, candidate, before, hidden_weight = ctx.saved_tensors
        size = hidden_weight.shape[-1]
        first = ctx.slices[0]
        reset, update, new = activated.split(size, -1)
        # everything that does not depend on the state's gradient, for all steps at once
        to_new = (1 - update) * (1 - new * new)  # d(preactivation of n) per d(state)
        to_update = (before - new) * update * (1 - update)
        to_reset = to_new * candidate * reset * (1 - reset)
        factors = torch.cat([to_reset, to_update, to_new * reset], -1)
        # gradients at what comes from the state: the n part is that of the gate times r
        d_from_state = torch.empty_like(activated)
        d_state = d_states.new_zeros(d_states.shape[0], first.stop - first.start, size)
        d_new = torch.empty_like(candidate)
        for here in reversed(ctx.slices):
            rows = here.stop - here.start
            grad = d_state[:, :rows].add_(d_states[:, here])
            torch.mul(grad, to_new[:, here], out=d_new[:, here])
            step = d_from_state[:, here]
            torch.mul(grad.unsqueeze(2), factors[:, here].unflatten(-1, (3, size)), out=step.unflatten(-1, (3, size)))
            grad.mul_(update[:, here]).baddbmm_(step, hidden_weight)
        d_gates = torch.cat([d_from_state[..., : 2 * size], d_new], -1)
        d_weight = d_from_state.transpose(1, 2) @ before
        return d_gates, d_weight, d_from_state.sum(1), None
