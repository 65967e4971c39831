"""The GRU of tagmates.kernels, as model/gru uses it, against torch.nn.GRU and finite differences, for each lane."""

import pytest
import torch
from helpers import TORCH_NAMES, packed_of, torch_gru
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing import assert_close

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.model.dropout import Dropout
from tagmates.model.gru import GRULayer, bidirectional_gru, stack_layers
from tagmates.seeding import generator

LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=5).map(lambda lengths: sorted(lengths, reverse=True))
SIZES = st.integers(1, 5)
NAMES = tuple(TORCH_NAMES.values())


def make_layer(inputs: int, hidden: int, seed: int) -> GRULayer:
    """A float64 layer whose biases are not zero."""
    layer = GRULayer(inputs, hidden, generator(seed, "layer")).double()
    for bias in (layer.input_bias, layer.hidden_bias):
        nn.init.normal_(bias, generator=generator(seed, "bias", bias.numel()))
    return layer


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "values"))


def gradients(layer: GRULayer) -> list[Tensor | None]:
    return [getattr(layer, name).grad for name in NAMES]


@given(LENGTHS, SIZES, SIZES, st.integers(1, 2))
def test_outputs_and_gradients_are_those_of_torch(lengths: list[int], inputs: int, hidden: int, depth: int) -> None:
    packed = packed_of([lengths])
    layers = [make_layer(inputs if level == 0 else 2 * hidden, hidden, level) for level in range(depth)]
    gru = torch_gru(layers)
    values = normal(len(lengths), max(lengths), inputs, seed=3)  # [rows, steps, inputs]
    weight = normal(packed.positions, 2 * hidden, seed=4)

    ours = values[packed.row, packed.step].requires_grad_()
    states = stack_layers(ours.unsqueeze(0), packed, [layers], Dropout([0.0], None))[0]
    (states * weight).sum().backward()
    theirs = values.clone().requires_grad_()
    expected, _ = gru(pack_padded_sequence(theirs, torch.tensor(lengths), batch_first=True))
    (expected.data * weight).sum().backward()

    assert_close(states, expected.data)
    assert theirs.grad is not None
    assert_close(ours.grad, theirs.grad[packed.row, packed.step])
    for level, layer in enumerate(layers):
        for name, mine in TORCH_NAMES.items():
            forward, backward = (getattr(gru, f"{name}_l{level}{suffix}").grad for suffix in ("", "_reverse"))
            assert_close(getattr(layer, mine).grad, torch.stack([forward, backward]))


class OneLevel(nn.Module):
    """A layer per lane, as a function of its parameters; positions outside the mask are left out of the result."""

    def __init__(self, packed: PackedLayout, layers: list[GRULayer]) -> None:
        super().__init__()
        self.packed, self.lanes = packed, nn.ModuleList(layers)

    def forward(self, values: Tensor) -> Tensor:
        return bidirectional_gru(values, self.packed, [*self.lanes])[self.packed.mask]


@pytest.mark.parametrize("lanes", [[[1]], [[3, 1]], [[2, 2], [3]]])
def test_gradients_are_those_of_finite_differences(lanes: list[list[int]]) -> None:
    packed = packed_of(lanes)
    level = OneLevel(packed, [make_layer(2, 3, seed) for seed in range(len(lanes))])
    names = [name for name, _ in level.named_parameters()]

    def states(values: Tensor, *parameters: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(level, dict(zip(names, parameters, strict=True)), (values,))
        return result

    parameters = [p.detach().clone().requires_grad_() for p in level.parameters()]
    values = normal(len(lanes), packed.positions, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(states, (values, *parameters))


@settings(max_examples=tried(50))
@given(st.lists(LENGTHS, min_size=2, max_size=4))
def test_a_lane_in_company_is_as_if_alone(lanes: list[list[int]]) -> None:
    packed = packed_of(lanes)
    layers = [make_layer(3, 4, seed) for seed in range(len(lanes))]
    values = normal(len(lanes), packed.lengths.shape[1], len(packed.rows_at), 3, seed=5)  # [lanes, rows, steps, inputs]
    weight = normal(*values.shape[:3], 8, seed=6)

    together = values[:, packed.row, packed.step].requires_grad_()
    states = bidirectional_gru(together, packed, layers)
    ((states * weight[:, packed.row, packed.step])[packed.mask]).sum().backward()
    assert together.grad is not None
    in_company = [gradients(layer) for layer in layers]

    for lane, lengths in enumerate(lanes):
        own, mask = packed_of([lengths]), packed.mask[lane]
        layers[lane].zero_grad()
        alone = values[lane, own.row, own.step].requires_grad_()
        expected = bidirectional_gru(alone.unsqueeze(0), own, layers[lane : lane + 1])[0]
        (expected * weight[lane, own.row, own.step]).sum().backward()
        assert_close(states[lane, mask], expected)
        assert_close(together.grad[lane, mask], alone.grad)
        for found, wanted in zip(in_company[lane], gradients(layers[lane]), strict=True):
            assert_close(found, wanted)


@pytest.mark.parametrize("garbage", [1.0, 1e20, -1e20])
def test_positions_outside_the_mask_touch_nothing(garbage: float) -> None:
    packed = packed_of([[5, 3, 1], [2], [4, 4]])
    layers = [[make_layer(3, 4, seed), make_layer(8, 4, seed + 10)] for seed in range(3)]
    clean = normal(3, packed.positions, 3, seed=7).masked_fill(~packed.mask.unsqueeze(-1), 0)
    results = []
    for filling in (0.0, garbage):
        values = clean.masked_fill(~packed.mask.unsqueeze(-1), filling).requires_grad_()
        for layer in (layer for lane in layers for layer in lane):
            layer.zero_grad()
        states = stack_layers(values, packed, layers, Dropout([0.0] * 3, None))
        states[packed.mask].square().sum().backward()
        assert states.isfinite().all()
        assert values.grad is not None
        assert not values.grad[~packed.mask].any()
        flat = [gradient for lane in layers for layer in lane for gradient in gradients(layer)]
        results.append([states[packed.mask], values.grad, *flat])
    for found, wanted in zip(*results, strict=True):
        assert torch.equal(found, wanted)
