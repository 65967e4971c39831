r"""A bidirectional GRU layer over the packed layout, with a backward of its own.

The equations are those of ``torch.nn.GRU`` (Cho et al., 2014), with input x, state h and next state h':

    r = sigmoid(W_r x + b_r + R_r h + c_r)        n = tanh(W_n x + b_n + r * (R_n h + c_n))
    z = sigmoid(W_z x + b_z + R_z h + c_z)        h' = n + z * (h - n)

W and b are ``input_weight`` and ``input_bias``, R and c are ``hidden_weight`` and ``hidden_bias``; each holds its parts
for r, z and n one after another. All products W x are one matrix product, and so are all gradients of a weight; a step
computes only R h and the gates. The loop runs over both directions of all lanes at once: the backward direction reads
its sequences mirrored.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.batching.packed_sequence import PackedLayout


def gru_layer(
    inputs: Float[Tensor, "lanes positions inputs"],
    input_weight: Float[Tensor, "lanes 2 gates inputs"],
    input_bias: Float[Tensor, "lanes 2 gates"],
    hidden_weight: Float[Tensor, "directions gates hidden"],
    hidden_bias: Float[Tensor, "directions gates"],
    packed: PackedLayout,
) -> Float[Tensor, "lanes positions states"]:
    """The states at every position: those of the forward direction, then those of the backward direction.

    Each lane has a layer of its own with two directions; ``directions`` counts those of all lanes. Initial states are
    zero. Positions outside the mask hold finite values without meaning; no gradient may reach them.
    """
    lanes, positions, _ = inputs.shape
    # W x + b: [lanes, positions, 6 hidden], both directions in one product
    projected = torch.baddbmm(input_bias.flatten(1).unsqueeze(1), inputs, input_weight.flatten(1, 2).transpose(1, 2))
    # [lanes, 2, positions, 3 hidden]
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
    """The loop over the steps of all directions."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Float[Tensor, "directions positions gates"],
        hidden_weight: Float[Tensor, "directions gates hidden"],
        hidden_bias: Float[Tensor, "directions gates"],
        slices: list[slice],
    ) -> Float[Tensor, "directions positions hidden"]:
        directions, positions, _ = gates.shape
        size = hidden_weight.shape[-1]
        recurrent = hidden_weight.transpose(1, 2)
        bias = hidden_bias.unsqueeze(1)
        activated = torch.empty_like(gates)  # r, z, n
        candidate = gates.new_empty(directions, positions, size)  # R_n h + c_n
        before = torch.empty_like(candidate)  # the state h that each position starts from
        states = gates.new_empty(directions, positions, size)
        state = gates.new_zeros(directions, slices[0].stop - slices[0].start, size)
        for here in slices:
            state = state[:, : here.stop - here.start]
            # R h + c
            from_state = torch.baddbmm(bias, state, recurrent)
            gate = gates[:, here]
            reset, update, new = activated[:, here].split(size, -1)
            reset_update = activated[:, here, : 2 * size]
            # r and z = sigmoid(W x + b + R h + c)
            torch.add(gate[..., : 2 * size], from_state[..., : 2 * size], out=reset_update).sigmoid_()
            # n = tanh(W x + b + r * (R h + c))
            torch.addcmul(gate[..., 2 * size :], reset, from_state[..., 2 * size :], out=new).tanh_()
            before[:, here] = state
            candidate[:, here] = from_state[..., 2 * size :]
            # h' = n + z * (h - n)
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
        # the derivatives of h' by the preactivations, which need no gradient and are computed for all steps at once
        to_new = (1 - update) * (1 - new * new)
        to_update = (before - new) * update * (1 - update)
        to_reset = to_new * candidate * reset * (1 - reset)
        factors = torch.cat([to_reset, to_update, to_new * reset], -1)
        # the gradient at R h + c; its part n is r times the gradient at W_n x + b_n
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
