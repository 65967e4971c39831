"""A worker thread for work that would block the event loop. This module does not depend on HTTP."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

INLINE_BYTES = 2**12  # bodies up to this size take at most a few milliseconds and are processed at once

Value = TypeVar("Value")
Parameters = ParamSpec("Parameters")


class WorkerThread:
    """A thread that does one job at a time, in the order of the calls.

    Waiting jobs stay in the event loop, so a job and its memory are freed as soon as its caller is cancelled; the queue
    of a thread pool would keep them. The context is entered once for each event loop.
    """

    def __enter__(self) -> Self:
        """Start the thread for the running event loop."""
        self._turn = asyncio.Semaphore(1)
        self._thread = ThreadPoolExecutor(1, "worker")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the running job."""
        self._thread.shutdown()

    async def run(
        self, size: int, work: Callable[Parameters, Value], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Value:
        """Do the work in the thread, or at once if the ``size`` of its body in bytes is small."""
        if size <= INLINE_BYTES:
            return work(*args, **kwargs)
        await self._turn.acquire()
        done = asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))
        done.add_done_callback(lambda _: self._turn.release())  # only then, even if the caller was cancelled
        return await asyncio.shield(done)
