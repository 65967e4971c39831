"""tagmates.serve.queue: the order of requests, and requests that are cancelled, refused or fail."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates.model.network import BATCH_TOKENS
from tagmates.model.tagged import Tagged
from tagmates.serve.metrics import Metrics
from tagmates.serve.queue import (
    TURN_TOKENS,
    LateError,
    Queue,
    QueueFullError,
    TaggingError,
    TagOptions,
    Words,
    load_of,
    within,
)

ASK = TagOptions("m", ("t",))
OTHER = TagOptions("n", ("t",), probabilities=True)


class Echo:
    """A tagger that tags a word with itself; it waits until it may, and remembers what it was given."""

    def __init__(self, *, closed: bool = False) -> None:
        self.open = threading.Event()
        self.begun = threading.Event()
        self.calls: list[tuple[TagOptions, list[Words]]] = []
        if not closed:
            self.open.set()

    def __call__(self, options: TagOptions, sentences: list[Words]) -> list[Tagged]:
        self.calls.append((options, sentences))
        self.begun.set()
        self.open.wait()
        if any("poison" in words for words in sentences):
            raise ValueError("a bad\nword")
        return [Tagged(tuple(words), {task: tuple(words) for task in options.tasks}) for words in sentences]


def run(echo: Echo, scenario: Callable[[Queue], Awaitable[None]], limit: int = 100_000) -> None:
    async def main() -> None:
        queue = Queue(echo, limit, Metrics())
        tagging = asyncio.create_task(queue.run())
        try:
            await scenario(queue)
            assert queue.load == 0
        finally:
            echo.open.set()
            tagging.cancel()

    asyncio.run(main())


async def until_begun(echo: Echo) -> None:
    await asyncio.to_thread(echo.begun.wait)


def words_of(tagged: list[Tagged]) -> list[Words]:
    return [sentence.tokens for sentence in tagged]


sentences = st.lists(st.lists(st.sampled_from(["a", "bb", "x" * 9000]), max_size=600).map(tuple), max_size=8)


@settings(max_examples=tried(50))
@given(requests=st.lists(st.tuples(st.sampled_from([ASK, OTHER]), sentences), max_size=12))
def test_everyone_gets_the_answer_to_their_own_question(requests: list[tuple[TagOptions, list[Words]]]) -> None:
    echo = Echo()

    async def scenario(queue: Queue) -> None:
        answers = await asyncio.gather(*(queue.tag(options, given, admitted=True) for options, given in requests))
        assert [words_of(answer) for answer in answers] == [given for _, given in requests]

    run(echo, scenario)
    for _, batch in echo.calls:  # goes past its size by less than a turn and a sentence
        assert sum(map(load_of, batch[:-1])) < BATCH_TOKENS + TURN_TOKENS


def test_what_waits_is_tagged_together() -> None:
    echo = Echo(closed=True)

    async def scenario(queue: Queue) -> None:
        first = asyncio.create_task(queue.tag(ASK, [("first",)]))
        await until_begun(echo)
        asks = [ASK, OTHER, ASK, OTHER, ASK]
        others = [asyncio.create_task(queue.tag(options, [(f"w{i}",)])) for i, options in enumerate(asks)]
        await asyncio.sleep(0)  # so that they stand in the queue
        echo.open.set()
        await asyncio.gather(first, *others)

    run(echo, scenario)
    assert echo.calls[1:] == [(ASK, [("w0",), ("w2",), ("w4",)]), (OTHER, [("w1",), ("w3",)])]


def test_a_short_request_does_not_wait_behind_a_novel() -> None:
    echo = Echo()
    ended = []

    async def scenario(queue: Queue) -> None:
        async def ask(name: str, given: list[Words]) -> None:
            await queue.tag(ASK, given)
            ended.append(name)

        novel = [("word",) * 20] * 2000
        await asyncio.gather(ask("novel", novel), ask("short", [("hi",)]), ask("novel too", novel))

    run(echo, scenario)
    assert ended[0] == "short" and len(ended) == 3
    assert ("hi",) in echo.calls[0][1]
    assert len(echo.calls) == 20  # no emptier batches because of it: 80,001 tokens, and a turn is a multiple of 20


def test_past_the_limit_nothing_is_taken_and_all_hear_how_long_it_takes() -> None:
    echo = Echo(closed=True)

    async def scenario(queue: Queue) -> None:
        first = asyncio.create_task(queue.tag(ASK, [("a",) * 60]))
        await until_begun(echo)
        with pytest.raises(QueueFullError, match=r"60 tokens are waiting \(limit: 100\)") as caught:
            await queue.tag(ASK, [("b",) * 41])
        assert caught.value.seconds == 1
        fits = asyncio.create_task(queue.tag(ASK, [("b",) * 40]))
        rest = asyncio.create_task(queue.tag(ASK, [("c",) * 40], admitted=True))
        await asyncio.sleep(0)
        assert queue.load == 140
        queue._tokens, queue._seconds = 100, 10  # at 10 tokens a second
        assert queue.wait() == 14
        echo.open.set()
        await asyncio.gather(first, fits, rest)
        assert len(await queue.tag(ASK, [("b",) * 500])) == 1  # whatever its size, where nothing waits

    run(echo, scenario, limit=100)


@pytest.mark.parametrize("late", [False, True])
def test_who_leaves_or_waits_too_long_gives_up_the_place(late: bool) -> None:
    echo = Echo(closed=True)

    async def scenario(queue: Queue) -> None:
        async def ask_and_leave() -> None:
            async with within(0 if late else 60):
                await queue.tag(ASK, [("leaver",)] * 50)

        first = asyncio.create_task(queue.tag(ASK, [("first",)]))
        await until_begun(echo)
        leaver = asyncio.create_task(ask_and_leave())
        stayer = asyncio.create_task(queue.tag(ASK, [("stayer",)]))
        await asyncio.sleep(0)
        if not late:
            assert queue.load == 52
            leaver.cancel()
        with pytest.raises(LateError if late else asyncio.CancelledError):
            await leaver
        assert queue.load == 2
        echo.open.set()
        await asyncio.gather(first, stayer)

    run(echo, scenario)
    assert echo.calls[1:] == [(ASK, [("stayer",)])]


def test_who_leaves_while_being_tagged_hurts_nobody() -> None:
    echo = Echo(closed=True)

    async def scenario(queue: Queue) -> None:
        leaver = asyncio.create_task(queue.tag(ASK, [("leaver",)]))
        await until_begun(echo)
        leaver.cancel()
        stayer = asyncio.create_task(queue.tag(ASK, [("stayer",)]))
        await asyncio.wait([leaver])
        echo.open.set()
        assert words_of(await stayer) == [("stayer",)]

    run(echo, scenario)


def test_a_request_that_fails_takes_nobody_along() -> None:
    echo = Echo(closed=True)

    async def scenario(queue: Queue) -> None:
        given: list[list[Words]] = [[("a",)], [("b",), ("poison",)] * 600, [("c",), ("d",)]]
        tasks = [asyncio.create_task(queue.tag(ASK, words)) for words in given]
        await asyncio.sleep(0)
        echo.open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[0] == [Tagged(("a",), {"t": ("a",)})]
        assert words_of(answers[2]) == given[2]
        assert isinstance(answers[1], TaggingError) and "ValueError: a bad word" in str(answers[1])
        assert words_of(await queue.tag(ASK, [("e",)])) == [("e",)]  # life goes on

    run(echo, scenario)
