"""A first use of the kernels in Triton: made-up sentences, beside what torch computes of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tagmates.data.packing import Packed
from tagmates.model.crf import LinearChainCRF, plain_log_partition
from tagmates.model.gru import plain_layer
from tagmates.model.triton_crf import triton_argmax, triton_log_partition
from tagmates.model.triton_gru import triton_layer

LENGTHS = [[6, 5, 5, 3, 2, 1, 1], [9, 4, 4, 1, 0, 0, 0]]  # of two lanes
INPUTS, SIZE, TAGS = 9, 70, 70  # more than one block of a product


def differences(device: torch.device | str) -> dict[str, float]:
    """How far the kernels are from torch, relative to the largest value: forward, gradients, and paths that differ."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device).requires_grad_()

    packed = Packed.of(torch.tensor(LENGTHS), device)
    lanes, positions = packed.mask.shape
    layer = (
        random(lanes, positions, INPUTS),
        random(lanes, 2, 3 * SIZE, INPUTS),
        random(lanes, 2, 3 * SIZE),
        random(2 * lanes, 3 * SIZE, SIZE),
        random(2 * lanes, 3 * SIZE),
    )
    chain = (random(lanes, positions, TAGS), random(lanes, TAGS, TAGS), random(lanes, TAGS), random(lanes, TAGS))
    mask = packed.mask.unsqueeze(-1)
    with torch.no_grad():
        layer[3].mul_(0.1)  # states that saturate would hide a mistake
        paths = triton_argmax(*chain, packed) != LinearChainCRF(*chain, packed).plain_argmax()
    return {
        "a GRU layer": _apart(layer, lambda f: f(*layer, packed) * mask, triton_layer, plain_layer),
        "a CRF": _apart(chain, lambda f: f(*chain, packed), triton_log_partition, plain_log_partition),
        "Viterbi": float(paths.any()),
    }


def _apart(
    given: Sequence[Tensor],
    call: Callable[[Callable[..., Tensor]], Tensor],
    ours: Callable[..., Tensor],
    plain: Callable[..., Tensor],
) -> float:
    values = []
    for function in (ours, plain):
        result = call(function)
        weight = torch.arange(1.0, result.numel() + 1, device=result.device).cos().view_as(result)
        values.append([result, *torch.autograd.grad((result * weight).sum(), given)])
    return max(float((a - b).detach().abs().max() / b.detach().abs().max()) for a, b in zip(*values, strict=True))
