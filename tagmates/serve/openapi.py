"""Descriptions of bodies, answers and refusals for /openapi.json."""

from collections.abc import Mapping
from typing import Any

from tagmates.model.tagger import Tagger
from tagmates.serve.requests import TagRequest
from tagmates.serve.responses import ErrorOut
from tagmates.serve.settings import Limits

SUMMARY = "Sequence taggers: text in; tags, spans and probabilities of every task out."
STATUS_TEXTS = {
    400: "The body is not JSON in UTF-8.",
    403: "The request was sent to another host name, or by a page of another site.",
    408: "The body arrived too slowly.",
    413: "The request exceeds a limit of /api/models.",
    415: "The content type is not application/json.",
    422: "The body has a wrong field, or names a model or a task that does not exist.",
    429: "Too many requests are waiting.",
    500: "An unexpected error of the service.",
    503: "The request was not answered in time, or the service is stopping.",
}
EXAMPLES = {
    "a text": {"text": "Prices in Berlin fell sharply. Nobody knows why.", "probabilities": True},
    "texts": {"texts": ["A first text.", "A second one."]},
    "words": {"words": [["Words", "that", "are", "split", "already", "."]]},
}
STREAM_TEXT = (
    "One line for each sentence, in order, as soon as it is tagged: a sentence as in /api/tag, with the number of its "
    'document. The last line is {"done": true}, or {"error": "..."} after an error.'
)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The descriptions of these statuses for FastAPI."""
    found: dict[int | str, dict[str, Any]] = {s: {"model": ErrorOut, "description": STATUS_TEXTS[s]} for s in statuses}
    if 429 in found:
        seconds = {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}}
        found[429]["headers"] = {"Retry-After": {**seconds, "required": True}}
    return found


def content(kind: str, description: str) -> dict[int | str, dict[str, Any]]:
    """The description of an answer with this media type for FastAPI."""
    return {200: {"description": description, "content": {kind: {"schema": {"type": "string"}}}}}


def body_of(taggers: Mapping[str, Tagger], limits: Limits) -> dict[str, Any]:
    """The description of the body of a request to these models."""
    schema = TagRequest.model_json_schema()
    fields = schema["properties"]
    tasks = sorted({task for tagger in taggers.values() for task in tagger.tasks})
    fields["model"]["anyOf"][0]["enum"] = list(taggers)
    fields["tasks"]["anyOf"][0] |= {"items": {"type": "string", "enum": tasks}, "uniqueItems": True}
    for key in ("texts", "words"):
        fields[key]["anyOf"][0]["maxItems"] = limits.texts
    sentence = fields["words"]["anyOf"][0]["items"]
    sentence["maxItems"] = limits.sentence_tokens
    sentence["items"]["maxLength"] = limits.token_characters
    given = {key: {"not": {"type": "null"}} for key in ("text", "texts", "words")}
    schema["oneOf"] = [{"required": [key], "properties": {key: given[key]}} for key in given]
    examples = {name: {"value": value} for name, value in EXAMPLES.items()}
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
