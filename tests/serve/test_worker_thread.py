"""tagmates.serve.worker_thread: work in order, one at a time, and dropped if its caller leaves."""

import asyncio
import threading

from tagmates.serve.worker_thread import INLINE_BYTES, WorkerThread


def test_one_at_a_time_in_order_and_small_ones_at_once() -> None:
    gate = threading.Event()
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number < 5:
            assert gate.wait(10)
        return number

    async def main() -> None:
        with WorkerThread() as aside:
            tasks = [asyncio.create_task(aside.run(INLINE_BYTES + 1, work, number)) for number in range(5)]
            while not begun:
                await asyncio.sleep(0)
            assert await aside.run(INLINE_BYTES, work, 7) == 7
            assert begun == [0, 7]
            gate.set()
            assert await asyncio.gather(*tasks) == list(range(5))
            assert begun == [0, 7, 1, 2, 3, 4]

    asyncio.run(main())


class Body:
    """The objects that waiting work keeps alive."""


def test_who_leaves_takes_all_that_it_holds_and_never_begins() -> None:
    gate = threading.Event()
    begun = []

    def work(body: Body) -> None:
        begun.append(type(body))
        assert gate.wait(10)

    async def main() -> None:
        with WorkerThread() as aside:
            first = asyncio.create_task(aside.run(INLINE_BYTES + 1, work, Body()))
            while not begun:
                await asyncio.sleep(0)
            bodies = [Body() for _ in range(10)]
            tasks = [asyncio.create_task(aside.run(INLINE_BYTES + 1, work, body)) for body in bodies]
            bodies.clear()
            await asyncio.sleep(0)
            for task in (first, *tasks):  # what has begun keeps the turn, so that never two are done at once
                task.cancel()
            await asyncio.gather(first, *tasks, return_exceptions=True)
            last = asyncio.create_task(aside.run(INLINE_BYTES + 1, work, Body()))
            await asyncio.sleep(0)
            assert len(begun) == 1
            gate.set()
            await last
            assert len(begun) == 2

    asyncio.run(main())
