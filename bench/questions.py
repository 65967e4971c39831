"""Requests to the service with the answers that ``Tagger.tag`` gives, and whether an answer is that."""

import json
import random
from math import isclose
from typing import Any

from tagmates.data.corpora import load_indexed
from tagmates.data.sentence import Span
from tagmates.data.tasks import load_tasks
from tagmates.model.tagged import Tagged
from tagmates.model.tagger import Tagger

POOL = 400  # requests
Request = tuple[bytes, list[Any]]  # what is sent, and the documents that must come back


def make_pool(tagger: Tagger, data: str) -> list[Request]:
    """Of five requests three are a sentence as text, one several texts, one words; one in three asks how sure."""
    draw, tasks = random.Random(1), load_tasks(data)
    sentences = [s.tokens for task in load_indexed(tasks, tuple(tasks)).values() for s in task.splits["dev"].sentences]
    pool = []
    for number in range(POOL):
        words = draw.choices(sentences, k=draw.randint(2, 5))
        texts = list(map(" ".join, words))
        one = {"text": texts[0]}
        about = (one, one, one, {"texts": texts}, {"words": words})[number % 5]
        pool.append(_with_answer(tagger, {**about, "probabilities": number % 3 == 0}))
    return pool


def is_right(body: bytes, documents: list[Any]) -> bool:
    """Whether an answer holds these documents; probabilities to 1e-4, for company changes their rounding."""
    return _agree(json.loads(body)["documents"], documents)


def _with_answer(tagger: Tagger, question: dict[str, Any]) -> Request:
    words = question.get("words")
    texts = [words] if words else question.get("texts") or [question["text"]]
    tagged = [tagger.tag(text, probabilities=question["probabilities"]) for text in texts]
    documents = [{"sentences": [_as_json(tagger, sentence) for sentence in document]} for document in tagged]
    return json.dumps(question).encode(), json.loads(json.dumps(documents))


def _as_json(tagger: Tagger, sentence: Tagged) -> dict[str, Any]:
    spans = {
        task: [_span_as_json(span) for span in tagger.spans(sentence, task)]
        for task in tagger.tasks
        if tagger.schemes[task] != "plain"
    }
    return {
        "tokens": sentence.tokens,
        "offsets": sentence.offsets,
        "tags": sentence.tags,
        "probabilities": sentence.probabilities,
        "spans": spans,
    }


def _span_as_json(span: Span) -> dict[str, Any]:
    found = {"start": span.start, "end": span.end, "label": span.label}
    return found if span.probability is None else {**found, "probability": span.probability}


def _agree(found: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return isinstance(found, float | int) and isclose(found, expected, abs_tol=1e-4)
    if found == expected or type(found) is not type(expected):
        return bool(found == expected)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_agree(found[key], expected[key]) for key in expected)
    return isinstance(expected, list) and len(found) == len(expected) and all(map(_agree, found, expected))
