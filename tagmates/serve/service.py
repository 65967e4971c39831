"""The routes: the page, the models, tags."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from tagmates import __version__
from tagmates.errors import ConfigError, TagmatesError
from tagmates.model.tagger import Tagged, Tagger
from tagmates.serve.metrics import Measured, Metrics
from tagmates.serve.middleware import OwnHosts, StrictHeaders, WholeBodies, refusal, went_wrong
from tagmates.serve.openapi import LINES, SUMMARY, body_of, content, refusals
from tagmates.serve.queue import Ask, LateError, Queue, QueueFullError, TaggingError, Words, within
from tagmates.serve.requests import Piece, Question, TooLargeError, pieces_of, portion, read_question
from tagmates.serve.responses import (
    AnswerOut,
    Health,
    ModelsOut,
    documents_out,
    dumps,
    models_out,
    sentence_out,
)
from tagmates.serve.settings import Limits
from tagmates.serve.worker_thread import Aside

log = logging.getLogger("tagmates")
PAGE = Path(__file__).parent / "page"
PORTION = 1_000  # tokens of a stream that are in the queue at a time
STATUS = {TooLargeError: 413, ConfigError: 422, QueueFullError: 429, TaggingError: 500, LateError: 503}


def create_service(
    taggers: Mapping[str, Tagger],
    limits: Limits,
    *,
    licences: Mapping[str, str | None] = {},
    bound: str = "127.0.0.1",
    hosts: Collection[str] = (),
) -> FastAPI:
    """The ASGI application over these taggers, the first one the default; ``hosts`` are further names it goes by."""
    metrics = Metrics()

    def tag_words(ask: Ask, sentences: list[Words]) -> list[Tagged]:
        metrics.tokens.labels(ask.model).inc(sum(map(len, sentences)))
        return taggers[ask.model].tag(sentences, ask.tasks, probabilities=ask.probabilities)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.tagging = asyncio.create_task(queue.run())
        with aside:
            yield
        app.state.tagging.cancel()

    aside = Aside()
    queue = Queue(tag_words, limits.queue_tokens, metrics)
    app = FastAPI(
        title="tagmates",
        version=__version__,
        description=SUMMARY,
        docs_url=None,  # it loads scripts of others
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        responses=refusals(403, 500),
    )
    app.state.queue, app.state.metrics = queue, metrics
    app.add_exception_handler(TagmatesError, _refuse)
    app.add_exception_handler(HTTPException, _not_here)
    app.add_middleware(WholeBodies, limits, ("/api/tag", "/api/tag/stream"))
    app.add_middleware(OwnHosts, bound, hosts)
    app.add_middleware(Measured, metrics)
    app.add_middleware(StrictHeaders)
    _add_page(app)
    _add_state(app, metrics)

    @app.get("/api/models", summary="The models, their tasks, the limits")
    def models() -> ModelsOut:
        return models_out(taggers, licences, limits)

    refused = refusals(400, 408, 413, 415, 422, 429, 503)
    asked = {"requestBody": body_of(taggers, limits)}

    @app.post("/api/tag", summary="Tag texts", responses={200: {"model": AnswerOut}, **refused}, openapi_extra=asked)
    async def tag(request: Request) -> Response:
        body = await request.body()
        async with within(limits.seconds):
            job, pieces = await aside.run(len(body), _whole_job, body, taggers, limits)
            tagged = await queue.tag(job.ask, [piece.words for piece in pieces], limits.seconds)
            answer = await aside.run(len(body), _answer, job, pieces, tagged)
        return Response(answer, media_type="application/json")

    @app.post(
        "/api/tag/stream",
        summary="Tag a long text, sentence by sentence",
        response_class=StreamingResponse,
        responses={**content("application/x-ndjson", LINES), **refused},
        openapi_extra=asked,
    )
    async def stream(request: Request) -> Response:
        body = await request.body()
        async with within(limits.seconds):
            job = await aside.run(len(body), _job, body, taggers, limits)
        lines = _lines(job, queue, aside, len(body), limits)
        first = await anext(lines)  # what is wrong from the start has a status of its own
        return StreamingResponse(_to_the_end(first, lines), media_type="application/x-ndjson")

    return app


@dataclass(frozen=True, slots=True)
class _Job:
    question: Question
    tagger: Tagger
    ask: Ask
    pieces: Iterator[Piece]


def _job(body: bytes, taggers: Mapping[str, Tagger], limits: Limits) -> _Job:
    question = read_question(body, limits)
    name = question.model if question.model is not None else next(iter(taggers))
    if name not in taggers:
        raise ConfigError(f"model: none here is called {name[:80]!r}; there are {', '.join(taggers)}")
    known = taggers[name].tasks
    tasks = known if question.tasks is None else tuple(question.tasks)
    for task in tasks:
        if task not in known:
            raise ConfigError(f"tasks: {name} has no task {task[:80]!r}; it has {', '.join(known)}")
    return _Job(question, taggers[name], Ask(name, tasks, question.probabilities), pieces_of(question, limits))


def _whole_job(body: bytes, taggers: Mapping[str, Tagger], limits: Limits) -> tuple[_Job, list[Piece]]:
    job = _job(body, taggers, limits)
    if job.question.characters > limits.characters:
        raise TooLargeError(f"more than {limits.characters:,} characters; send it in parts, or to /api/tag/stream")
    pieces = portion(job.pieces, limits.tokens + 1)
    if sum(len(piece.words) for piece in pieces) > limits.tokens:
        raise TooLargeError(f"more than {limits.tokens:,} words; send it in parts, or to /api/tag/stream")
    return job, pieces


def _answer(job: _Job, pieces: list[Piece], tagged: list[Tagged]) -> bytes:
    sentences = ((p.document, sentence_out(job.tagger, p, t)) for p, t in zip(pieces, tagged, strict=True))
    documents = documents_out(job.question.documents, sentences)
    answer: AnswerOut = {"model": job.ask.model, "tasks": job.ask.tasks, "documents": documents}
    return dumps(answer)


async def _lines(job: _Job, queue: Queue, aside: Aside, size: int, limits: Limits) -> AsyncIterator[bytes]:
    """A portion after the other: while the client does not read, nothing of its text waits in the queue."""
    clock = asyncio.get_running_loop().time
    end = clock() + limits.stream_seconds
    admitted = False
    while True:
        async with within(limits.seconds):
            pieces = await aside.run(size, portion, job.pieces, PORTION)
            tagged = await queue.tag(job.ask, [piece.words for piece in pieces], limits.seconds, admitted=admitted)
        if not pieces:
            break
        admitted = True
        for piece, sentence in zip(pieces, tagged, strict=True):
            yield dumps({"document": piece.document, **sentence_out(job.tagger, piece, sentence)}) + b"\n"
        if clock() > end:
            raise LateError(f"the stream did not end within {limits.stream_seconds:g} s; send the rest anew")
    yield b'{"done":true}\n'


async def _to_the_end(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    try:
        async for line in rest:
            yield line
    except TagmatesError as error:
        yield dumps({"error": str(error)}) + b"\n"
    except Exception as error:
        log.warning("/api/tag/stream: %s", " ".join(f"{type(error).__name__}: {error}".split()))
        yield dumps({"error": went_wrong(error)}) + b"\n"


def _refuse(request: Request, error: Exception) -> Response:
    status = STATUS.get(type(error), 400)
    if status == 500:
        log.warning("%s: %s", request.url.path, error)
    after = {"retry-after": str(error.seconds)} if isinstance(error, QueueFullError) else None
    return refusal(status, str(error), after)


def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = "nothing is here" if error.status_code == 404 else f"{request.method} is not answered here"
    return refusal(error.status_code, f"{request.url.path[:80]}: {what}; see /openapi.json", dict(error.headers or {}))


def _add_page(app: FastAPI) -> None:
    """A route per file of the page, so that no path of a request ever names one."""
    for path in sorted(PAGE.iterdir()):
        kind = guess_type(path.name)[0] or "application/octet-stream"
        file = Response(path.read_bytes(), media_type=kind)
        route = "/" if path.name == "index.html" else f"/static/{path.name}"
        described = content(kind, f"{path.name} of the page.")
        app.get(route, summary=f"The page: {path.name}", response_class=Response, responses=described)(_always(file))


def _always(answer: Response) -> Callable[[], Response]:
    return lambda: answer


def _add_state(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz", summary="Whether the service tags", responses=refusals(503))
    async def health() -> Health:
        if app.state.tagging.done():
            raise LateError("tagging has stopped; start the service again")
        return {"status": "ok"}

    text = content("text/plain", "As Prometheus reads it.")

    @app.get("/metrics", summary="Counters for Prometheus", response_class=Response, responses=text)
    def measured() -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})
