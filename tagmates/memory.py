"""How the C library and Python give memory back."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h


@cache
def keep_freed_memory(limit: int = 2**30) -> None:
    """Let glibc keep up to ``limit`` freed bytes for the next update instead of asking the system for new pages.

    An update allocates and frees some hundred MB, and each of their pages would be made anew, filled with zeros: 5 to
    10 % of the time. Where the C library is another one nothing happens.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    # older ones allow 32 MiB at most; setting only the other would stop glibc from adapting this one
    if mallopt(MMAP_THRESHOLD, limit) or mallopt(MMAP_THRESHOLD, 2**25):
        mallopt(TRIM_THRESHOLD, limit)


@contextmanager
def no_cycles() -> Iterator[None]:
    """Nothing made in this block refers to itself, so do not look for cycles.

    Python would look through all sentences of a corpus again and again while they are read.
    """
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()
