"""Sentences that wait to be tagged: of many requests, each in its turn, in batches, by one thread. No HTTP here.

All state belongs to the event loop; the thread only tags. It is one for all models, because thread pools that overlap
on the cores cost a factor of ten.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from time import perf_counter
from typing import NoReturn

from tagmates.errors import TagmatesError
from tagmates.model.network import BATCH_TOKENS
from tagmates.model.tagger import Tagged
from tagmates.serve.metrics import Metrics

TURN = 500  # tokens of one request before the next has its turn
CHARACTERS = 8  # as many cost what a token does, where words are long

Words = Sequence[str]


class QueueFullError(TagmatesError):
    """More waits already than may; ``seconds`` is how long that will take."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class LateError(TagmatesError):
    """A request that could not be answered in time; its work was dropped."""


class TaggingError(TagmatesError):
    """Tagging failed, for a reason that is not the asker's."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked about sentences."""

    model: str
    tasks: tuple[str, ...]
    probabilities: bool = False


@dataclass(eq=False, slots=True)
class _Request:
    ask: Ask
    waiting: deque[Words]
    answer: "asyncio.Future[list[Tagged]]"
    total: int
    load: int
    found: list[Tagged] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Share:
    """The sentences of a request that are in a batch."""

    request: _Request
    sentences: list[Words]
    load: int


_Result = list[Tagged] | Exception


class Queue:
    """Tags sentences of many requests together, calling ``tag`` in a thread; ``limit`` is how many tokens may wait."""

    def __init__(self, tag: Callable[[Ask, list[Words]], list[Tagged]], limit: int, metrics: Metrics) -> None:
        self._tag = tag
        self._limit = limit
        self._metrics = metrics
        metrics.queue.set_function(lambda: self.load)
        self._turns: deque[_Request] = deque()
        self._arrived = asyncio.Event()
        self._tokens = self._seconds = 0.0  # of the last batches, older ones fading
        self.load = 0  # tokens that wait or are being tagged

    async def tag(
        self, ask: Ask, sentences: Sequence[Words], seconds: float, *, admitted: bool = False
    ) -> list[Tagged]:
        """Tag the sentences; a caller that is cancelled takes its sentences out of the queue.

        Raises QueueFullError (never for what was ``admitted``: the rest of a stream), LateError after ``seconds``,
        TaggingError where the tagger fails on them.
        """
        if not sentences:
            return []
        load = sum(map(load_of, sentences))
        if self.load and self.load + load > self._limit and not admitted:
            wait = self.wait()
            raise QueueFullError(
                f"{self.load:,} tokens wait already, of at most {self._limit:,}; try again in {wait} s", wait
            )
        answer: asyncio.Future[list[Tagged]] = asyncio.get_running_loop().create_future()
        request = _Request(ask, deque(sentences), answer, len(sentences), load)
        self.load += load
        self._turns.append(request)
        self._arrived.set()
        try:
            async with within(seconds):
                return await answer
        finally:
            self.load -= request.load
            with suppress(ValueError):
                self._turns.remove(request)

    def wait(self) -> int:
        """Seconds until what is in the queue now will be tagged, at the speed of the last batches."""
        return max(1, ceil(self.load * self._seconds / self._tokens)) if self._tokens else 1

    async def run(self) -> NoReturn:
        """Tag what waits, until cancelled."""
        loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()  # of this loop: a service may be started again in another
        if self._turns:
            self._arrived.set()
        with ThreadPoolExecutor(1, "tagging") as thread:
            while True:
                await self._arrived.wait()
                if not (batch := self._take()):
                    continue
                begin = perf_counter()
                results = await loop.run_in_executor(thread, self._tag_batch, batch)
                tokens = sum(share.load for share in batch)
                self._tokens = 0.9 * self._tokens + tokens
                self._seconds = 0.9 * self._seconds + perf_counter() - begin
                self._give(batch, results)
                self._metrics.batch.observe(tokens)

    def _take(self) -> list[_Share]:
        """The next batch: a share of each request in turn, so that none waits behind all of a longer one."""
        batch = []
        room = BATCH_TOKENS
        while self._turns and room > 0:
            request = self._turns.popleft()
            sentences, load = [], 0
            while request.waiting and load < min(TURN, room):
                sentences.append(request.waiting.popleft())
                load += load_of(sentences[-1])
            batch.append(_Share(request, sentences, load))
            room -= load
            if request.waiting:
                self._turns.append(request)
        if not self._turns:
            self._arrived.clear()
        return batch

    def _tag_batch(self, batch: list[_Share]) -> list[_Result]:
        """What each share gets; shares that are asked the same are tagged together."""
        together: dict[Ask, list[int]] = {}
        for place, share in enumerate(batch):
            together.setdefault(share.request.ask, []).append(place)
        results: list[_Result] = [[] for _ in batch]
        for ask, places in together.items():
            found = self._tag_shares(ask, [batch[place].sentences for place in places])
            for place, result in zip(places, found, strict=True):
                results[place] = result
        return results

    def _tag_shares(self, ask: Ask, shares: list[list[Words]]) -> list[_Result]:
        try:
            found = self._tag(ask, [sentence for share in shares for sentence in share])
            if len(found) != sum(map(len, shares)):
                raise ValueError(f"{len(found)} answers for {sum(map(len, shares))} sentences")
        except Exception as error:
            if len(shares) == 1:
                return [error]
            return [self._tag_shares(ask, [share])[0] for share in shares]  # the others need not fail with one
        rest = iter(found)
        return [[next(rest) for _ in share] for share in shares]

    def _give(self, batch: list[_Share], results: list[_Result]) -> None:
        for share, result in zip(batch, results, strict=True):
            request = share.request
            if request.answer.done():  # cancelled, late, or failed in another share of this batch
                continue
            if isinstance(result, Exception):
                reason = " ".join(f"{type(result).__name__}: {result}".split())[:200]
                request.answer.set_exception(TaggingError(f"tagging failed ({reason}); please report it"))
                continue
            request.found += result
            request.load -= share.load
            self.load -= share.load
            if len(request.found) == request.total:
                request.answer.set_result(request.found)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """LateError where what is inside takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise LateError(f"not answered within {seconds:g} s; try again later, or send less at once") from None


def load_of(words: Words) -> int:
    """What a sentence costs, in tokens."""
    return max(1, len(words), sum(map(len, words)) // CHARACTERS)
