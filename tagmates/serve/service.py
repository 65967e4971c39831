"""The routes of the service: the page, the models, and tagging."""

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

from tagmates.errors import ConfigError, TagmatesError
from tagmates.failures import on_one_line
from tagmates.installed import VERSION
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger
from tagmates.serve.metrics import Metrics, RequestMetrics
from tagmates.serve.middleware import AllowedHosts, BodyReader, SecurityHeaders, refusal, went_wrong
from tagmates.serve.openapi import STREAM_TEXT, SUMMARY, body_of, content, refusals
from tagmates.serve.queue import LateError, Queue, QueueFullError, TaggingError, TagOptions, Words, within
from tagmates.serve.requests import (
    RequestSentence,
    TagRequest,
    TooLargeError,
    next_sentences,
    read_request,
    sentences_of,
)
from tagmates.serve.responses import (
    AnswerOut,
    HealthOut,
    ModelsOut,
    documents_out,
    dumps,
    models_out,
    sentence_out,
)
from tagmates.serve.settings import Limits
from tagmates.serve.worker_thread import WorkerThread

log = logging.getLogger("tagmates")
PAGE_FOLDER = Path(__file__).parent / "page"
STREAM_TOKENS = 1_000  # tokens of a stream that are in the queue at a time
ERROR_STATUS = {TooLargeError: 413, ConfigError: 422, QueueFullError: 429, TaggingError: 500, LateError: 503}


def create_service(
    taggers: Mapping[str, Tagger],
    limits: Limits,
    *,
    licences: Mapping[str, str | None] = {},
    bound: str = "127.0.0.1",
    hosts: Collection[str] = (),
) -> FastAPI:
    """The ASGI application with these taggers, of which the first is the default; ``hosts`` are further host names."""
    metrics = Metrics()

    def tag_words(options: TagOptions, sentences: list[Words]) -> list[Tagged]:
        metrics.tokens.labels(options.model).inc(sum(map(len, sentences)))
        return taggers[options.model].tag(sentences, options.tasks, probabilities=options.probabilities)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.tagging = asyncio.create_task(queue.run())
        with worker:
            yield
        app.state.tagging.cancel()

    worker = WorkerThread()
    queue = Queue(tag_words, limits.queue_tokens, metrics)
    app = FastAPI(
        title="tagmates",
        version=VERSION,
        description=SUMMARY,
        docs_url=None,  # it loads scripts from other sites
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        responses=refusals(403, 500),
    )
    app.state.queue, app.state.metrics = queue, metrics
    app.add_exception_handler(TagmatesError, _refuse)
    app.add_exception_handler(HTTPException, _not_here)
    # by keyword, because starlette before 0.41 gives the app by keyword too
    app.add_middleware(BodyReader, limits=limits, paths=("/api/tag", "/api/tag/stream"))
    app.add_middleware(AllowedHosts, bound=bound, allowed=hosts)
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(SecurityHeaders)
    _add_page(app)
    _add_state(app, metrics)
    _add_models(app, taggers, licences, limits)
    _add_tagging(app, taggers, limits, queue, worker)
    return app


def _add_models(
    app: FastAPI, taggers: Mapping[str, Tagger], licences: Mapping[str, str | None], limits: Limits
) -> None:
    @app.get("/api/models", summary="The models, their tasks, and the limits")
    def models() -> ModelsOut:
        return models_out(taggers, licences, limits)


def _add_tagging(
    app: FastAPI, taggers: Mapping[str, Tagger], limits: Limits, queue: Queue, worker: WorkerThread
) -> None:
    refused = refusals(400, 408, 413, 415, 422, 429, 503)
    asked = {"requestBody": body_of(taggers, limits)}

    @app.post("/api/tag", summary="Tag texts", responses={200: {"model": AnswerOut}, **refused}, openapi_extra=asked)
    async def tag(request: Request) -> Response:
        body = await request.body()
        async with within(limits.seconds):
            parsed, sentences = await worker.run(len(body), _parse_whole, body, taggers, limits)
            tagged = await queue.tag(parsed.options, [sentence.words for sentence in sentences])
            answer = await worker.run(len(body), _answer, parsed, sentences, tagged)
        return Response(answer, media_type="application/json")

    @app.post(
        "/api/tag/stream",
        summary="Tag a long text, sentence by sentence",
        response_class=StreamingResponse,
        responses={**content("application/x-ndjson", STREAM_TEXT), **refused},
        openapi_extra=asked,
    )
    async def stream(request: Request) -> Response:
        body = await request.body()
        async with within(limits.seconds):
            parsed = await worker.run(len(body), _parse, body, taggers, limits)
        lines = _lines(parsed, queue, worker, len(body), limits)
        first = await anext(lines)  # so that an error at the start has its own status
        return StreamingResponse(_to_the_end(first, lines), media_type="application/x-ndjson")


@dataclass(frozen=True, slots=True)
class _ParsedRequest:
    """A request whose body has been read and checked."""

    request: TagRequest
    tagger: Tagger
    options: TagOptions
    sentences: Iterator[RequestSentence]


def _parse(body: bytes, taggers: Mapping[str, Tagger], limits: Limits) -> _ParsedRequest:
    request = read_request(body, limits)
    name = request.model if request.model is not None else next(iter(taggers))
    if name not in taggers:
        raise ConfigError(f"model: there is no model {name[:80]!r}; there are {', '.join(taggers)}")
    tagger = taggers[name]
    tasks = tagger.tasks if request.tasks is None else tuple(request.tasks)
    for task in tasks:
        if task not in tagger.tasks:
            raise ConfigError(f"tasks: {name} has no task {task[:80]!r}; it has {', '.join(tagger.tasks)}")
    sentences = sentences_of(request, limits, tagger.marks)
    return _ParsedRequest(request, tagger, TagOptions(name, tasks, request.probabilities), sentences)


def _parse_whole(
    body: bytes, taggers: Mapping[str, Tagger], limits: Limits
) -> tuple[_ParsedRequest, list[RequestSentence]]:
    parsed = _parse(body, taggers, limits)
    if parsed.request.characters > limits.characters:
        raise TooLargeError(f"more than {limits.characters:,} characters; send it in parts, or to /api/tag/stream")
    sentences = next_sentences(parsed.sentences, limits.tokens + 1)
    if sum(len(sentence.words) for sentence in sentences) > limits.tokens:
        raise TooLargeError(f"more than {limits.tokens:,} words; send it in parts, or to /api/tag/stream")
    return parsed, sentences


def _answer(parsed: _ParsedRequest, sentences: list[RequestSentence], tagged: list[Tagged]) -> bytes:
    found = ((s.document, sentence_out(parsed.tagger, s, tags)) for s, tags in zip(sentences, tagged, strict=True))
    documents = documents_out(parsed.request.documents, found)
    answer: AnswerOut = {"model": parsed.options.model, "tasks": parsed.options.tasks, "documents": documents}
    return dumps(answer)


async def _lines(
    parsed: _ParsedRequest, queue: Queue, worker: WorkerThread, size: int, limits: Limits
) -> AsyncIterator[bytes]:
    """The lines of a stream. Its text enters the queue in parts, and only while the client reads."""
    clock = asyncio.get_running_loop().time
    end = clock() + limits.stream_seconds
    admitted = False
    while True:
        async with within(limits.seconds):
            sentences = await worker.run(size, next_sentences, parsed.sentences, STREAM_TOKENS)
            words = [sentence.words for sentence in sentences]
            tagged = await queue.tag(parsed.options, words, admitted=admitted)
        if not sentences:
            break
        admitted = True
        for sentence, tags in zip(sentences, tagged, strict=True):
            yield dumps({"document": sentence.document, **sentence_out(parsed.tagger, sentence, tags)}) + b"\n"
        if clock() > end:
            raise LateError(f"the stream did not end within {limits.stream_seconds:g} s; send the rest again")
    yield b'{"done":true}\n'


async def _to_the_end(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    try:
        async for line in rest:
            yield line
    except TagmatesError as error:
        yield dumps({"error": str(error)}) + b"\n"
    except Exception as error:
        log.warning("/api/tag/stream: %s", on_one_line(error))
        yield dumps({"error": went_wrong(error)}) + b"\n"


def _refuse(request: Request, error: Exception) -> Response:
    status = ERROR_STATUS.get(type(error), 400)
    if status == 500:
        log.warning("%s: %s", request.url.path, error)
    after = {"retry-after": str(error.seconds)} if isinstance(error, QueueFullError) else None
    return refusal(status, str(error), after)


def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = "nothing is here" if error.status_code == 404 else f"{request.method} is not answered here"
    return refusal(error.status_code, f"{request.url.path[:80]}: {what}; see /openapi.json", dict(error.headers or {}))


def _add_page(app: FastAPI) -> None:
    """A route for each file of the page, so that no request path is used as a file name."""
    for path in sorted(PAGE_FOLDER.iterdir()):
        kind = guess_type(path.name)[0] or "application/octet-stream"
        file = Response(path.read_bytes(), media_type=kind)
        route = "/" if path.name == "index.html" else f"/static/{path.name}"
        described = content(kind, f"{path.name} of the page.")
        app.get(route, summary=f"The page: {path.name}", response_class=Response, responses=described)(_always(file))


def _always(answer: Response) -> Callable[[], Response]:
    return lambda: answer


def _add_state(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz", summary="Whether the service works", responses=refusals(503))
    async def health() -> HealthOut:
        if app.state.tagging.done():
            raise LateError("tagging has stopped; start the service again")
        return {"status": "ok"}

    text = content("text/plain", "Counters in the format of Prometheus.")

    @app.get("/metrics", summary="Counters for Prometheus", response_class=Response, responses=text)
    def measured() -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})
