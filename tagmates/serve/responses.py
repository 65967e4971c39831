"""The JSON responses of the service."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from tagmates.model.pretrained import content_of
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger
from tagmates.serve.requests import RequestSentence
from tagmates.serve.settings import Limits
from tagmates.tagging.writing import SpanJson, span_json

CARD_CHARACTERS = 10_000  # characters of a model card that are searched for the licence
CARD_BYTES = 2**20  # maximum size of a card
PROBABILITY_DIGITS = 7  # of a probability, which is a 32-bit number


class SentenceOut(TypedDict):
    """A tagged sentence.

    ``offsets`` count code points of the text and are null for words; ``spans`` are those of the tasks that mark spans.
    """

    tokens: Sequence[str]
    offsets: Sequence[tuple[int, int]] | None
    tags: Mapping[str, Sequence[str]]
    probabilities: Mapping[str, Sequence[float]] | None
    spans: Mapping[str, Sequence[SpanJson]]


class DocumentOut(TypedDict):
    """The sentences of a text."""

    sentences: Sequence[SentenceOut]


class AnswerOut(TypedDict):
    """The tagged texts: a document for each, in order."""

    model: str
    tasks: Sequence[str]
    documents: Sequence[DocumentOut]


class TaskOut(TypedDict):
    """A task: the scheme of its tags (iobes, iob2, plain), its outside tag ("": none), and all its tags."""

    name: str
    scheme: str
    outside: str
    labels: Sequence[str]


class ModelOut(TypedDict):
    """A model."""

    name: str
    tasks: Sequence[TaskOut]
    licence: str | None


class ModelsOut(TypedDict):
    """The models, the default one first, and the limits of a request."""

    models: Sequence[ModelOut]
    limits: Limits


class ErrorOut(TypedDict):
    """An error: one line that says what is wrong, where, and what to do."""

    detail: str


class HealthOut(TypedDict):
    """The state of the service."""

    status: str


def licence_of(folder: Path) -> str | None:
    """The licence in the head of a model's card, or None. Raises ModelError if the card is not a file or too large."""
    card = folder / "README.md"
    if not os.path.lexists(card):
        return None
    text = content_of(card, CARD_BYTES).decode(errors="replace").replace("\r\n", "\n")
    found = re.match(r"---\n(?:.*\n)*?license: *([\w .+-]{1,60})\n(?:.*\n)*?---\n", text[:CARD_CHARACTERS])
    return found[1].strip() if found else None


def models_out(taggers: Mapping[str, Tagger], licences: Mapping[str, str | None], limits: Limits) -> ModelsOut:
    """The response of /api/models."""
    models: list[ModelOut] = []
    for name, tagger in taggers.items():
        decoders = {task: tagger.vocabulary.decoder_of(task) for task in tagger.tasks}
        tasks: list[TaskOut] = [
            {
                "name": task,
                "scheme": tagger.schemes[task],
                "outside": tagger.outside[task],
                "labels": tagger.vocabulary.labels[decoder],
            }
            for task, decoder in decoders.items()
        ]
        models.append({"name": name, "tasks": tasks, "licence": licences.get(name)})
    return {"models": models, "limits": limits}


def sentence_out(tagger: Tagger, sentence: RequestSentence, tagged: Tagged) -> SentenceOut:
    """A sentence with its tags, probabilities (if requested) and spans."""
    chances = tagged.probabilities
    return {
        "tokens": sentence.words,
        "offsets": sentence.offsets,
        "tags": tagged.tags,
        "probabilities": chances
        and {task: [round(p, PROBABILITY_DIGITS) for p in own] for task, own in chances.items()},
        "spans": {
            task: [span_json(span, PROBABILITY_DIGITS) for span in tagger.spans(tagged, task)]
            for task in tagged.tags
            if tagger.schemes[task] != "plain"
        },
    }


def documents_out(number: int, sentences: Iterable[tuple[int, SentenceOut]]) -> list[DocumentOut]:
    """``number`` documents, from sentences with the number of their document."""
    documents: list[list[SentenceOut]] = [[] for _ in range(number)]
    for document, sentence in sentences:
        documents[document].append(sentence)
    return [{"sentences": sentences} for sentences in documents]


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for NaN and infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
