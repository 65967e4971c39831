"""Adam on a GPU for many runs at once: one kernel, written in Triton, that reads and writes everything once."""

import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

MOST = 1024  # parameters in a block


def triton_adam(
    values: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    lane: Int[Tensor, " items"],
    lanes: Float[Tensor, "5 lanes"],
    epsilon: float,
) -> None:
    """Update ``values``, ``mean`` and ``square`` in place; item i of axis 0 belongs to lane ``lane[i]``.

    ``lanes`` holds of each lane: what the gradient is multiplied by, the shares of it that go into mean and square, the
    learning rate over the mean's bias correction, and the root of the square's.
    """
    size = values[0].numel()
    block = min(MOST, triton.next_power_of_2(size))
    _adam[len(values), triton.cdiv(size, block)](
        values,
        gradient.contiguous(),
        mean,
        square,
        lane,
        lanes.contiguous(),
        lanes.shape[1],
        size,
        epsilon,
        BLOCK=block,
    )


@triton.jit(do_not_specialize=["number", "size"])
def _adam(values, gradient, mean, square, lane, lanes, number, size, epsilon, BLOCK: tl.constexpr):
    item = tl.program_id(0).to(tl.int64)
    lanes += tl.load(lane + item)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    at = item * size + place
    g = tl.load(gradient + at, mask=inside, other=0.0) * tl.load(lanes)
    m = tl.load(mean + at, mask=inside, other=0.0)
    m += tl.load(lanes + number) * (g - m)
    s = tl.load(square + at, mask=inside, other=0.0)
    s += tl.load(lanes + 2 * number) * (g * g - s)
    change = tl.load(lanes + 3 * number) * m / (tl.sqrt(s) / tl.load(lanes + 4 * number) + epsilon)
    tl.store(mean + at, m, mask=inside)
    tl.store(square + at, s, mask=inside)
    tl.store(values + at, tl.load(values + at, mask=inside, other=0.0) - change, mask=inside)
