"""A first use of the kernels in Triton: made-up sentences, beside what torch computes of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tagmates.data.packing import Packed
from tagmates.model.crf import LinearChainCRF, plain_log_partition
from tagmates.model.gru import plain_layer
from tagmates.model.triton_adam import triton_adam
from tagmates.model.triton_crf import triton_argmax, triton_log_partition
from tagmates.model.triton_dropout import triton_dropout
from tagmates.model.triton_gru import triton_layer

LENGTHS = [[6, 5, 5, 3, 2, 1, 1], [9, 4, 4, 1, 0, 0, 0]]  # of two lanes
RATE = 0.25
# the study's: what a kernel needs of a GPU grows with them
UNITS, TAGS = 300, 413


def differences(device: torch.device | str) -> dict[str, float]:
    """How far each kernel is from torch, relative to the largest value: forward and gradients; 1 where it is wrong."""
    units, tags = UNITS, TAGS
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device).requires_grad_()

    packed = Packed.of(torch.tensor(LENGTHS), device)
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
        paths = triton_argmax(*chain, packed) != LinearChainCRF(*chain, packed).plain_argmax()
    return {
        "a GRU layer": _apart(layer, lambda f: f(*layer, packed) * mask, triton_layer, plain_layer),
        "a CRF": _apart(chain, lambda f: f(*chain, packed), triton_log_partition, plain_log_partition),
        "Viterbi": float(paths.any()),
        "dropout": _dropout(random(lanes, positions, units), packed),
        "Adam": _adam(random(3, units), random(3, units)),
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
    return max(_off(a, b) for a, b in zip(*values, strict=True))


def _off(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().max() / b.detach().abs().max())


def _dropout(values: Tensor, packed: Packed) -> float:
    rates, seeds = (torch.tensor(some, device=values.device) for some in ([RATE, RATE], [1, 2]))
    dropped = triton_dropout(values, packed, rates, seeds)
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    kept = gradient[packed.mask] != 0
    right = 0.5 * RATE < float((~kept).float().mean()) < 2 * RATE and not bool(gradient[~packed.mask].any())
    return _off(dropped, values * (gradient != 0) / (1 - RATE)) if right else 1.0


def _adam(start: Tensor, gradient: Tensor) -> float:
    ours, theirs = start.detach().clone(), torch.nn.Parameter(start.detach().clone())
    torch_adam = torch.optim.Adam([theirs], lr=0.1)
    theirs.grad = gradient.detach().clone()
    torch_adam.step()
    mean, square, lane = torch.zeros_like(ours), torch.zeros_like(ours), torch.zeros(3, dtype=torch.long)
    # one lane, first step: bias corrections of 1 - 0.9 and of the root of 1 - 0.999
    lanes = torch.tensor([[1.0], [0.1], [0.001], [0.1 / 0.1], [0.001**0.5]], device=start.device)
    triton_adam(ours, gradient.detach(), mean, square, lane.to(start.device), lanes, 1e-8)
    return _off(ours, theirs)
