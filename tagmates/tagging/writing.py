"""Tagged sentences as text: columns (CoNLL) or JSON lines."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NotRequired, TextIO

from typing_extensions import TypedDict

from tagmates.data.formats.columns import format_columns
from tagmates.data.sentence import Span
from tagmates.model.tagged import Tagged

PROBABILITY_DIGITS = 4  # after the point


class SpanJson(TypedDict):
    """A span of tokens, ``end`` exclusive; its probability, if requested, is that of exactly this span."""

    start: int
    end: int
    label: str
    probability: NotRequired[float]


def conll_heading(tasks: Sequence[str], *, probabilities: bool = False) -> str:
    """A comment line that names the columns of ``write_conll``."""
    return "# " + "\t".join(["token", *tasks, *(f"P({task})" for task in tasks if probabilities)]) + "\n"


def write_conll(sentences: Iterable[Tagged], tasks: Sequence[str], stream: TextIO) -> None:
    """Write one word per line: the token, a column of tags per task and, if known, a column of probabilities each."""
    for text in format_columns(_rows(sentence, tasks) for sentence in sentences):
        stream.write(text)


def write_json_lines(
    sentences: Iterable[Tagged],
    tasks: Sequence[str],
    stream: TextIO,
    spans: Callable[[Tagged], Mapping[str, Sequence[Span]]] | None = None,
) -> None:
    """Write one sentence per line: ``{"tokens": [...], "tags": {"upos": [...], ...}}``.

    If they are known, ``"offsets"`` (of the words in the text) and ``"probabilities"`` (of the tags) are added. If
    ``spans`` is given, ``"spans"`` is added too; spans count tokens, and have their ``"probability"`` if it is known.
    """
    for sentence in sentences:
        record: dict[str, Any] = {"tokens": sentence.tokens}
        if sentence.offsets is not None:
            record["offsets"] = sentence.offsets
        record["tags"] = {task: sentence.tags[task] for task in tasks}
        if sentence.probabilities is not None:
            known = sentence.probabilities
            record["probabilities"] = {task: [round(p, PROBABILITY_DIGITS) for p in known[task]] for task in tasks}
        if spans is not None:
            record["spans"] = {
                task: [span_json(span, PROBABILITY_DIGITS) for span in own] for task, own in spans(sentence).items()
            }
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def span_json(span: Span, digits: int) -> SpanJson:
    """A span as JSON, with its probability if it is known."""
    found: SpanJson = {"start": span.start, "end": span.end, "label": span.label}
    if span.probability is not None:
        found["probability"] = round(span.probability, digits)
    return found


def _rows(sentence: Tagged, tasks: Sequence[str]) -> Iterator[tuple[str, ...]]:
    known = sentence.probabilities or {}
    chances = ((f"{p:.{PROBABILITY_DIGITS}f}" for p in known[task]) for task in tasks if task in known)
    return zip(sentence.tokens, *(sentence.tags[task] for task in tasks), *chances, strict=True)
