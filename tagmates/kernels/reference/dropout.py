"""Inverted dropout (Srivastava et al., 2014) whose mask every lane draws on its own."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tagmates.batching.packed_sequence import PackedLayout


def apply_dropout(
    values: Float[Tensor, "lanes positions size"],
    packed: PackedLayout,
    rates: Sequence[float],
    draws: Sequence[torch.Generator],
) -> Float[Tensor, "lanes positions size"]:
    """Set entries to 0 with a lane's rate, and divide the others by 1 - rate.

    A lane draws for the positions that it fills, in their order, and nothing where its rate is 0. Other lanes therefore
    do not change its mask.
    """
    if len(rates) == 1:  # a single lane fills every position
        drawn = torch.rand(values.shape[1:], generator=draws[0]) >= rates[0]
        return values * drawn.to(values.device, values.dtype).div_(1 - rates[0])
    factors = torch.zeros(values.shape, dtype=values.dtype)
    for lane, (rate, draw) in enumerate(zip(rates, draws, strict=True)):
        if rate == 0:
            factors[lane] = 1
            continue
        mask = packed.mask[lane].cpu()
        drawn = torch.rand(int(mask.sum()), values.shape[-1], generator=draw) >= rate
        factors[lane, mask] = drawn.to(values.dtype) / (1 - rate)
    return values * factors.to(values.device)
