"""The number of lanes that fit into a GPU's memory, found by adding lanes while there is memory left."""

from collections.abc import Callable

import torch

MEMORY_SHARE = 0.85  # the rest is for sentences longer than those seen so far


def gpu_memory() -> tuple[int, int]:
    """The peak number of bytes of this process since the last call, and the number that it may use."""
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return peak, torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()


def as_memory_allows(most: int, memory: Callable[[], tuple[int, int]] = gpu_memory) -> Callable[[int], int]:
    """A function from the number of lanes in the last step to the allowed number: first one, then up to twice as many.

    It measures that step with ``memory`` and never exceeds ``most``.
    """
    each = 1.0  # largest number of bytes per lane so far

    def allowed(stepped: int) -> int:
        nonlocal each
        if stepped == 0:
            return 1
        peak, total = memory()
        each = max(each, peak / stepped)
        return max(1, min(most, 2 * stepped, int(MEMORY_SHARE * total / each)))

    return allowed
