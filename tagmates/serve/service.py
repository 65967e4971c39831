"""The routes: the page, the models, tags."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tagmates.data.schemes import Scheme, spans_of
from tagmates.errors import ConfigError, DataError
from tagmates.model.tagger import Tagged, Tagger
from tagmates.serve.questions import Piece, Question, TooLargeError, pieces_of, read_question
from tagmates.serve.settings import Limits

PAGE = Path(__file__).parent / "page"


def create_service(taggers: Mapping[str, Tagger], limits: Limits) -> FastAPI:
    """The ASGI application over these taggers; the first one is the default."""
    app = FastAPI(title="tagmates", docs_url=None, redoc_url=None)
    files = {path.name: (path.read_bytes(), guess_type(path.name)[0]) for path in PAGE.iterdir()}

    @app.get("/")
    def page() -> Response:
        return Response(*_content(files["index.html"]))

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, f"no file {name}")
        return Response(*_content(files[name]))

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/models")
    def models() -> dict[str, Any]:
        return {
            "models": [
                {
                    "name": name,
                    "tasks": [
                        {"name": task, "scheme": _scheme(tagger, task), "labels": _labels(tagger, task)}
                        for task in tagger.tasks
                    ],
                    "licence": None,
                }
                for name, tagger in taggers.items()
            ],
            "limits": limits.model_dump(),
        }

    @app.post("/api/tag")
    async def tag(request: Request) -> Response:
        question, name, tasks, pieces = await _ask(request)
        found = taggers[name].tag([piece.words for piece in pieces], tasks)
        number = len(question.texts) if question.texts is not None else 1
        documents: list[list[Any]] = [[] for _ in range(number)]
        for piece, tagged in zip(pieces, found, strict=True):
            documents[piece.document].append(_sentence(taggers[name], piece, tagged))
        return JSONResponse(
            {"model": name, "tasks": list(tasks), "documents": [{"sentences": document} for document in documents]}
        )

    @app.post("/api/tag/stream")
    async def stream(request: Request) -> Response:
        _, name, tasks, pieces = await _ask(request)

        async def lines() -> AsyncIterator[bytes]:
            for piece in pieces:
                (tagged,) = taggers[name].tag([piece.words], tasks)
                line = {"document": piece.document, **_sentence(taggers[name], piece, tagged)}
                yield json.dumps(line).encode() + b"\n"
                await asyncio.sleep(0)
            yield b'{"done": true}\n'

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def _ask(request: Request) -> tuple[Question, str, tuple[str, ...], list[Piece]]:
        try:
            question = read_question(await request.body())
            pieces = list(pieces_of(question, limits))
        except TooLargeError as error:
            raise HTTPException(413, str(error)) from None
        except DataError as error:
            raise HTTPException(400, str(error)) from None
        except ConfigError as error:
            raise HTTPException(422, str(error)) from None
        name = question.model or next(iter(taggers))
        if name not in taggers:
            raise HTTPException(422, f"model: no model {name!r} here; there are {', '.join(taggers)}")
        tasks = tuple(question.tasks or taggers[name].tasks)
        for task in tasks:
            if task not in taggers[name].tasks:
                raise HTTPException(422, f"tasks: {name} has no task {task!r}; it has {', '.join(taggers[name].tasks)}")
        return question, name, tasks, pieces

    return app


def _content(file: tuple[bytes, str | None]) -> tuple[bytes, int, None, str | None]:
    return file[0], 200, None, file[1]


def _sentence(tagger: Tagger, piece: Piece, tagged: Tagged) -> dict[str, Any]:
    spans = {}
    for task, tags in tagged.tags.items():
        scheme = _scheme(tagger, task)
        if scheme != "plain":
            spans[task] = [{"start": s.start, "end": s.end, "label": s.label} for s in spans_of(tags, scheme)]
    return {
        "tokens": piece.words,
        "offsets": piece.offsets,
        "tags": tagged.tags,
        "probabilities": None,
        "spans": spans,
    }


def _labels(tagger: Tagger, task: str) -> list[str]:
    return list(tagger.vocabulary.labels[tagger.vocabulary.decoder_of(task)])


def _scheme(tagger: Tagger, task: str) -> Scheme:
    prefixes = {label[:2] for label in _labels(tagger, task) if label[1:2] == "-"}
    if prefixes & {"S-", "E-"}:
        return "iobes"
    return "iob2" if "B-" in prefixes else "plain"
