"""Settings of the memory management of the C library and of Python, which save time."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
KEPT_BYTES = 2**30
KEPT_BYTES_OF_OLDER_GLIBC = 2**25


@cache
def keep_freed_memory() -> None:
    """Let glibc keep up to 1 GiB of freed memory for the next update instead of asking the system for new pages.

    An update allocates and frees some hundred MB. To get their pages from the system, which fills them with zeros,
    takes 5 to 10 % of the time. With another C library, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    # if only the other threshold is set, glibc no longer adapts this one
    if mallopt(MMAP_THRESHOLD, KEPT_BYTES) or mallopt(MMAP_THRESHOLD, KEPT_BYTES_OF_OLDER_GLIBC):
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)


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
