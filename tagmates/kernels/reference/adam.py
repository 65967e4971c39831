"""A step of Adam for many lanes at once, each with a learning rate of its own (Kingma and Ba, 2015).

With the gradient g after clipping, the mean m, the mean square s, and after n steps:

    m += (1 - beta1) (g - m)        values -= rate / (1 - beta1^n) * m / (sqrt(s) / sqrt(1 - beta2^n) + epsilon)
    s += (1 - beta2) (g^2 - s)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


@torch.no_grad()
def adam_step(
    values: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    lane: Int[Tensor, " items"],
    factors: Float[Tensor, "5 lanes"],
    epsilon: float,
) -> None:
    """Update ``values``, ``mean`` and ``square`` in place; item i of axis 0 belongs to lane ``lane[i]``.

    ``factors`` holds for every lane: the factor that clips the gradient, 1 - beta1, 1 - beta2, the learning rate over
    1 - beta1^n, and the root of 1 - beta2^n. The first four are 0 for a lane that takes no step. ``gradient`` may be
    overwritten.
    """
    clip, to_mean, to_square, rate, root = factors[:, lane].view(5, -1, *[1] * (values.ndim - 1))
    gradient.mul_(clip)
    mean.lerp_(gradient, to_mean)
    square.lerp_(gradient.square_(), to_square)
    size = square.sqrt().div_(root).add_(epsilon)
    values.sub_(rate * mean / size)
