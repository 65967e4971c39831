"""Work that would hold up the event loop, done beside it. No HTTP here."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

SMALL = 2**12  # bytes of a body that costs a few milliseconds at most

Value = TypeVar("Value")
Parameters = ParamSpec("Parameters")


class Aside:
    """A thread that does one thing after the other, in the order in which they were asked for.

    What waits, waits in the event loop: it is given up, with all that it holds, as soon as its caller is. A pool's own
    queue would keep it. Entered once for each event loop.
    """

    def __enter__(self) -> Self:
        """Be ready in the running event loop."""
        self._turn = asyncio.Semaphore(1)
        self._thread = ThreadPoolExecutor(1, "aside")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what has begun end."""
        self._thread.shutdown()

    async def run(
        self, size: int, work: Callable[Parameters, Value], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Value:
        """Do the work; at once where the ``size`` of its body is small, so that it need not wait for large ones."""
        if size <= SMALL:
            return work(*args, **kwargs)
        await self._turn.acquire()
        done = asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))
        done.add_done_callback(lambda _: self._turn.release())  # not before, even where the caller is gone
        return await asyncio.shield(done)
