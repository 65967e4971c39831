"""Worker processes: they ignore Ctrl-C, and end when the process that started them ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait


@contextmanager
def deaf() -> Iterator[None]:
    """Processes and threads that are started in this block never get Ctrl-C; this thread gets it after the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(sentinel: int | Connection) -> None:
    """End this process at once when ``sentinel`` becomes ready or its other end is closed."""
    threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()
