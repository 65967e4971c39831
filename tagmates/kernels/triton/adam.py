"""Adam for many lanes at once: one kernel that reads and writes everything once."""

import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

BLOCK_SIZE = 1024  # the most parameters in a block


def adam_step(
    values: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    lane: Int[Tensor, " items"],
    factors: Float[Tensor, "5 lanes"],
    epsilon: float,
) -> None:
    """Update ``values``, ``mean`` and ``square`` in place, as ``reference.adam_step`` does."""
    size = values[0].numel()
    block = min(BLOCK_SIZE, triton.next_power_of_2(size))
    _adam[len(values), triton.cdiv(size, block)](
        values,
        gradient.contiguous(),
        mean,
        square,
        lane,
        factors.contiguous(),
        factors.shape[1],
        size,
        epsilon,
        BLOCK=block,
    )


@triton.jit(do_not_specialize=["lanes", "size"])
def _adam(values, gradient, mean, square, lane, factors, lanes, size, epsilon, BLOCK: tl.constexpr):
    item = tl.program_id(0).to(tl.int64)
    factors += tl.load(lane + item)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    at = item * size + place
    g = tl.load(gradient + at, mask=inside, other=0.0) * tl.load(factors)
    m = tl.load(mean + at, mask=inside, other=0.0)
    m += tl.load(factors + lanes) * (g - m)
    s = tl.load(square + at, mask=inside, other=0.0)
    s += tl.load(factors + 2 * lanes) * (g * g - s)
    change = tl.load(factors + 3 * lanes) * m / (tl.sqrt(s) / tl.load(factors + 4 * lanes) + epsilon)
    tl.store(mean + at, m, mask=inside)
    tl.store(square + at, s, mask=inside)
    tl.store(values + at, tl.load(values + at, mask=inside, other=0.0) - change, mask=inside)
