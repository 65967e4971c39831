"""Settings of the memory management of the C library and of Python, which save time."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h


@cache
def keep_freed_memory(limit: int = 2**30) -> None:
    """Let glibc keep up to ``limit`` freed bytes for the next update instead of asking the system for new pages.

    An update allocates and frees some hundred MB. To get their pages from the system, which fills them with zeros,
    takes 5 to 10 % of the time. With another C library, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    # older versions allow at most 32 MiB; if only the other threshold is set, glibc no longer adapts this one
    if mallopt(MMAP_THRESHOLD, limit) or mallopt(MMAP_THRESHOLD, 2**25):
        mallopt(TRIM_THRESHOLD, limit)


@contextmanager
def no_cycles() -> Iterator[None]:
    """Turn the search for reference cycles off, in a block that makes none.

    Python would otherwise search all sentences of a corpus again and again while they are read.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
