"""The cores of this process, and worker processes.

The workers ignore Ctrl-C, end with the process that started them, and do not import its program.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType

import torch

_starting = threading.Lock()


def available_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Processes and threads that are started in this block never get Ctrl-C; this thread gets it after the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let Ctrl-C through again, if it started later
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(sentinel: int | Connection) -> None:
    """End this process at once when ``sentinel`` becomes ready or its other end is closed."""
    threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()


class _Worker(SpawnProcess):
    def start(self) -> None:
        """Start the process without the program's own file, which multiprocessing would import in it."""
        with _starting:
            program = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")  # a module without a file is left alone
            try:
                super().start()
            finally:
                sys.modules["__main__"] = program


class WorkerContext(SpawnContext):
    """Starts fresh processes for functions of tagmates; a program needs no ``if __name__ == "__main__"`` for them.

    A fork instead may hang in a process with torch's threads.
    """

    Process = _Worker


@contextmanager
def open_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes with one thread each, which leave messages to this process.

    If the block ends with an error, such as Ctrl-C, the processes end at once, because nobody needs their results.
    Submit jobs in ``without_interrupts``, since processes are started then.
    """
    context = WorkerContext()
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, begin_worker, (theirs,))
    try:
        yield pool
    except BaseException:
        ours.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        ours.close()
        theirs.close()


def begin_worker(starter: int | Connection) -> None:
    """Let this process use one thread, and end at once when ``starter`` becomes ready or its other end is closed."""
    end_with(starter)
    torch.set_num_threads(1)
    logging.getLogger("tagmates").addHandler(logging.NullHandler())  # the process that started it has logged it
