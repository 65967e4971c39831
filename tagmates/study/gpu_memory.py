"""How many trainings a GPU holds side by side: found out by letting in more while there is room."""

from collections.abc import Callable

import torch

SHARE = 0.85  # of the memory; the rest is for longer sentences than were seen so far


def gpu_memory() -> tuple[int, int]:
    """Bytes that this process needed at most since the last call, and that it may have."""
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return peak, torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()


def as_memory_allows(most: int, memory: Callable[[], tuple[int, int]] = gpu_memory) -> Callable[[int], int]:
    """From how many lanes took the last step to how many there may be now: one at first, then twice as many, ...

    ``memory`` is asked what that step took; ``most`` is never exceeded.
    """
    each = 1.0  # bytes of a lane, at most so far

    def allowed(stepped: int) -> int:
        nonlocal each
        if stepped == 0:
            return 1
        peak, total = memory()
        each = max(each, peak / stepped)
        return max(1, min(most, 2 * stepped, int(SHARE * total / each)))

    return allowed
