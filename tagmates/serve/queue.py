"""The queue of sentences to be tagged: requests take turns, and one thread tags their sentences in batches.

All state belongs to the event loop, and the thread only tags. There is one thread for all models, because thread pools
that overlap on the cores cost a factor of ten. This module does not depend on HTTP.
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
from tagmates.failures import on_one_line
from tagmates.model.network import BATCH_TOKENS
from tagmates.model.tagged import Tagged
from tagmates.serve.metrics import Metrics

TURN_TOKENS = 500  # tokens of one request in a batch before the next request has its turn
CHARACTERS_PER_TOKEN = 8  # with long words, so many characters cost as much as a token

Words = Sequence[str]


class QueueFullError(TagmatesError):
    """The queue is full; ``seconds`` is the expected time until its sentences are tagged."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class LateError(TagmatesError):
    """A request could not be answered in time, and its sentences were dropped."""


class TaggingError(TagmatesError):
    """Tagging failed because of an error of the service."""


@dataclass(frozen=True, slots=True)
class TagOptions:
    """How sentences are to be tagged."""

    model: str
    tasks: tuple[str, ...]
    probabilities: bool = False


@dataclass(eq=False, slots=True)
class _QueuedRequest:
    """The sentences of a request that wait, and the results so far; ``load`` is in tokens."""

    options: TagOptions
    waiting: deque[Words]
    answer: "asyncio.Future[list[Tagged]]"
    total: int
    load: int
    found: list[Tagged] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _BatchShare:
    """The sentences of a request that are in a batch."""

    request: _QueuedRequest
    sentences: list[Words]
    load: int


_Result = list[Tagged] | Exception


class Queue:
    """Tags sentences of many requests together with ``tag`` in a thread; at most ``limit`` tokens may wait."""

    def __init__(self, tag: Callable[[TagOptions, list[Words]], list[Tagged]], limit: int, metrics: Metrics) -> None:
        self._tag = tag
        self._limit = limit
        self._metrics = metrics
        metrics.queue.set_function(lambda: self.load)
        self._turns: deque[_QueuedRequest] = deque()
        self._arrived = asyncio.Event()
        self._tokens = self._seconds = 0.0  # of the last batches, with decreasing weights
        self.load = 0  # tokens that wait or are being tagged

    async def tag(self, options: TagOptions, sentences: Sequence[Words], *, admitted: bool = False) -> list[Tagged]:
        """Tag the sentences. If the caller is cancelled, or waits no longer, its sentences leave the queue.

        Raises QueueFullError (not for ``admitted`` sentences, the rest of a stream), and TaggingError if the tagger
        fails.
        """
        if not sentences:
            return []
        load = sum(map(load_of, sentences))
        if self.load and self.load + load > self._limit and not admitted:
            wait = self.wait()
            raise QueueFullError(
                f"{self.load:,} tokens are waiting (limit: {self._limit:,}); try again in {wait} s", wait
            )
        answer: asyncio.Future[list[Tagged]] = asyncio.get_running_loop().create_future()
        request = _QueuedRequest(options, deque(sentences), answer, len(sentences), load)
        self.load += load
        self._turns.append(request)
        self._arrived.set()
        try:
            return await answer
        finally:
            self.load -= request.load
            with suppress(ValueError):
                self._turns.remove(request)

    def wait(self) -> int:
        """The expected time in seconds until the queue is empty, at the speed of the last batches."""
        return max(1, ceil(self.load * self._seconds / self._tokens)) if self._tokens else 1

    async def run(self) -> NoReturn:
        """Tag waiting sentences until cancelled."""
        loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()  # belongs to this event loop; a service may be started again in another one
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

    def _take(self) -> list[_BatchShare]:
        """The next batch: a share of each request in turn, so that short requests do not wait for long ones."""
        batch = []
        room = BATCH_TOKENS
        while self._turns and room > 0:
            request = self._turns.popleft()
            sentences, load = [], 0
            while request.waiting and load < min(TURN_TOKENS, room):
                sentences.append(request.waiting.popleft())
                load += load_of(sentences[-1])
            batch.append(_BatchShare(request, sentences, load))
            room -= load
            if request.waiting:
                self._turns.append(request)
        if not self._turns:
            self._arrived.clear()
        return batch

    def _tag_batch(self, batch: list[_BatchShare]) -> list[_Result]:
        """The result of each share; shares with equal options are tagged together."""
        together: dict[TagOptions, list[int]] = {}
        for place, share in enumerate(batch):
            together.setdefault(share.request.options, []).append(place)
        results: list[_Result] = [[] for _ in batch]
        for options, places in together.items():
            found = self._tag_shares(options, [batch[place].sentences for place in places])
            for place, result in zip(places, found, strict=True):
                results[place] = result
        return results

    def _tag_shares(self, options: TagOptions, shares: list[list[Words]]) -> list[_Result]:
        try:
            found = self._tag(options, [sentence for share in shares for sentence in share])
            if len(found) != sum(map(len, shares)):
                raise ValueError(f"{len(found)} answers for {sum(map(len, shares))} sentences")
        except Exception as error:
            if len(shares) == 1:
                return [error]
            return [self._tag_shares(options, [share])[0] for share in shares]  # so that only the failing share fails
        rest = iter(found)
        return [[next(rest) for _ in share] for share in shares]

    def _give(self, batch: list[_BatchShare], results: list[_Result]) -> None:
        for share, result in zip(batch, results, strict=True):
            request = share.request
            if request.answer.done():  # cancelled, late, or failed in another share of this batch
                continue
            if isinstance(result, Exception):
                request.answer.set_exception(TaggingError(f"tagging failed ({on_one_line(result)}); please report it"))
                continue
            request.found += result
            request.load -= share.load
            self.load -= share.load
            if len(request.found) == request.total:
                request.answer.set_result(request.found)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise LateError if the block takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise LateError(f"not answered within {seconds:g} s; try again later, or send less at once") from None


def load_of(words: Words) -> int:
    """The cost of a sentence in tokens."""
    return max(1, len(words), sum(map(len, words)) // CHARACTERS_PER_TOKEN)
