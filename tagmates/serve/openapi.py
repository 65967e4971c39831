"""What /openapi.json says about the routes: bodies, answers, refusals."""

from collections.abc import Mapping
from typing import Any

from tagmates.model.tagger import Tagger
from tagmates.serve.requests import Question
from tagmates.serve.responses import Problem
from tagmates.serve.settings import Limits

SUMMARY = "Sequence taggers: text in; tags, spans and probabilities of every task out."
REASONS = {
    400: "The body is not JSON in UTF-8.",
    403: "Sent to another host's name, or by the page of another site.",
    408: "The body came too slowly.",
    413: "Past a limit of /api/models.",
    415: "The content type is not application/json.",
    422: "Not what is asked for; names a model or a task that is not here.",
    429: "Too much waits already.",
    500: "Something went wrong here.",
    503: "Not answered in time, or the service is ending.",
}
EXAMPLES = {
    "a text": {"text": "Prices in Berlin fell sharply. Nobody knows why.", "probabilities": True},
    "texts": {"texts": ["A first text.", "A second one."]},
    "words": {"words": [["Words", "that", "are", "apart", "already", "."]]},
}
LINES = (
    "A line per sentence as it is ready, in order: a sentence as in /api/tag, with the number of its document. "
    'The last line is {"done": true}, or {"error": "..."} where something went wrong on the way.'
)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, as FastAPI wants them described."""
    found: dict[int | str, dict[str, Any]] = {s: {"model": Problem, "description": REASONS[s]} for s in statuses}
    if 429 in found:
        seconds = {"description": "Seconds until there is room.", "schema": {"type": "integer", "minimum": 1}}
        found[429]["headers"] = {"Retry-After": {**seconds, "required": True}}
    return found


def content(kind: str, description: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is text of this kind, as FastAPI wants it described."""
    return {200: {"description": description, "content": {kind: {"schema": {"type": "string"}}}}}


def body_of(taggers: Mapping[str, Tagger], limits: Limits) -> dict[str, Any]:
    """The body of a question to these models."""
    schema = Question.model_json_schema()
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
