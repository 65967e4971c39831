r"""Bidirectional GRU layers: parameters, states, and layers one above another (protocol section 1).

With the input x_t and the state h_t-1 of the previous token (of the following one in the backward direction), h_0 = 0:

    r = sigmoid(W_r x_t + b_r + R_r h_t-1 + c_r)        n = tanh(W_n x_t + b_n + r * (R_n h_t-1 + c_n))
    z = sigmoid(W_z x_t + b_z + R_z h_t-1 + c_z)        h_t = n + z * (h_t-1 - n)

as in ``torch.nn.GRU`` (Cho et al., 2014). ``tests/kernels/test_gru.py`` compares both.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import dispatch
from tagmates.model.dropout import Dropout
from tagmates.model.parameter_stacking import stacked


class GRULayer(nn.Module):
    """The parameters of one bidirectional layer: W, R, b and c, each with its parts for r, z and n one after another.

    Axis 0 is the direction: forward, backward.
    """

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
    inputs: Float[Tensor, "lanes positions inputs"], packed: PackedLayout, layers: Sequence[GRULayer]
) -> Float[Tensor, "lanes positions states"]:
    """The states at every position, forward ++ backward; ``layers`` holds one layer per lane.

    Positions outside the mask hold finite values without meaning; no gradient may reach them.
    """
    return dispatch.gru_layer(
        inputs,
        stacked([layer.input_weight for layer in layers]),  # [lanes, 2, 3 hidden, inputs]
        stacked([layer.input_bias for layer in layers]),  # [lanes, 2, 3 hidden]
        stacked([layer.hidden_weight for layer in layers]).flatten(0, 1),  # [2 lanes, 3 hidden, hidden]
        stacked([layer.hidden_bias for layer in layers]).flatten(0, 1),  # [2 lanes, 3 hidden]
        packed,
    )


def stack_layers(
    values: Float[Tensor, "lanes positions size"],
    packed: PackedLayout,
    layers: Sequence[Sequence[nn.Module]],
    dropout: Dropout,
) -> Float[Tensor, "lanes positions states"]:
    """The states of the last of several GRU layers (``layers[lane][depth]``), with dropout between two layers."""
    for depth, level in enumerate(zip(*layers, strict=True)):
        if depth > 0:
            values = dropout(values, packed)
        values = bidirectional_gru(values, packed, [layer for layer in level if isinstance(layer, GRULayer)])
    return values
