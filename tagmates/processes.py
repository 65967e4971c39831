"""What worker processes need, whatever they do: they hear no Ctrl-C, and end with those whom they work for."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait


@contextmanager
def deaf() -> Iterator[None]:
    """What is started in here never hears of Ctrl-C, which is for its starter; this thread hears it after."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(sentinel: int | Connection) -> None:
    """End this process, whatever it is doing, as soon as ``sentinel`` is ready or its other end is closed."""
    threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()
