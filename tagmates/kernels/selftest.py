"""A test of the kernels in Triton before their first use: results for random sentences, compared with the reference."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import reference, triton

# of two lanes; more than 16, because programs take larger blocks of the study's batches of 32
SENTENCE_LENGTHS = [[6, 5, 5, 3, 2, *15 * [1]], [9, 4, 4, *3 * [2], *14 * [0]]]
DROPOUT_RATE = 0.25
# as in the study, because larger sizes need more of a GPU's resources
HIDDEN_SIZE, NUM_TAGS = 300, 413


def differences(device: torch.device | str) -> dict[str, float]:
    """The largest difference of each kernel's results and gradients from the reference, relative to the largest value.

    It is 1 if Viterbi finds other tags, or if dropout keeps the wrong entries.
    """
    units, tags = HIDDEN_SIZE, NUM_TAGS
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device).requires_grad_()

    packed = PackedLayout.of(torch.tensor(SENTENCE_LENGTHS), device)
    lanes, positions = packed.mask.shape
    layer = (
        random(lanes, positions, 9),
        random(lanes, 2, 3 * units, 9),
        random(lanes, 2, 3 * units),
        random(2 * lanes, 3 * units, units),
        random(2 * lanes, 3 * units),
    )
    chain = (random(lanes, positions, tags), random(lanes, tags, tags), random(lanes, tags), random(lanes, tags))
    mask = packed.mask.unsqueeze(-1)
    with torch.no_grad():
        layer[3].mul_(units**-0.5)  # states that saturate would hide a mistake
        paths = triton.argmax(*chain, packed) != reference.argmax(*chain, packed)
    return {
        "a GRU layer": _difference(layer, lambda f: f(*layer, packed) * mask, triton.gru_layer, reference.gru_layer),
        "a CRF": _difference(
            chain, lambda f: f(*chain, packed), triton.scaled_log_partition, reference.scaled_log_partition
        ),
        "Viterbi": float(paths.any()),
        "dropout": _dropout(random(lanes, positions, units), packed),
        "Adam": _adam(random(3, units), random(3, units)),
    }


def _difference(
    given: Sequence[Tensor],
    call: Callable[[Callable[..., Tensor]], Tensor],
    kernel: Callable[..., Tensor],
    expected: Callable[..., Tensor],
) -> float:
    values = []
    for function in (kernel, expected):
        result = call(function)
        weight = torch.arange(1.0, result.numel() + 1, device=result.device).cos().view_as(result)
        values.append([result, *torch.autograd.grad((result * weight).sum(), given)])
    return max(_relative(a, b) for a, b in zip(*values, strict=True))


def _relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().max() / b.detach().abs().max())


def _dropout(values: Tensor, packed: PackedLayout) -> float:
    rates, seeds = (torch.tensor(some, device=values.device) for some in ([DROPOUT_RATE, DROPOUT_RATE], [1, 2]))
    dropped = triton.seeded_dropout(values, packed, rates, seeds)
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    share = float((gradient[packed.mask] == 0).float().mean())
    right = 0.5 * DROPOUT_RATE < share < 2 * DROPOUT_RATE and not bool(gradient[~packed.mask].any())
    return _relative(dropped, values * (gradient != 0) / (1 - DROPOUT_RATE)) if right else 1.0


def _adam(start: Tensor, gradient: Tensor) -> float:
    """The first step of one lane with a learning rate of 0.1."""
    lane = torch.zeros(len(start), dtype=torch.long, device=start.device)
    factors = torch.tensor([[1.0], [0.1], [0.001], [0.1 / 0.1], [0.001**0.5]], device=start.device)
    values = []
    for step in (triton.adam_step, reference.adam_step):
        value = start.detach().clone()
        step(value, gradient.detach().clone(), torch.zeros_like(value), torch.zeros_like(value), lane, factors, 1e-8)
        values.append(value)
    return _relative(*values)
