"""Tags added to the records of JSON, as a key for each task.

A text gets spans ``[start, end, label]``, which count its characters, as in doccano.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from tagmates.data.formats.jsonl import is_rows, is_text_pair
from tagmates.data.sentence import Span
from tagmates.tagging.input_sentences import InputSentence

_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class TaggedInput:
    """A sentence of the input with, for each task, the tags of its words, and its spans where the format needs them."""

    words: InputSentence
    tags: Mapping[str, Sequence[str]]
    spans: Mapping[str, Sequence[Span]]


def add_keys_to_records(
    lines: Sequence[str],
    records: Iterable[int],
    sentences: Sequence[TaggedInput],
    tasks: Sequence[str],
) -> list[str]:
    """Add a key for each task: a list of tags beside a list of words, a list of spans beside a text.

    Beside a list of sentences, each with its words, a list of tags for each of them. ``records`` are the indices of the
    lines with a record.
    """
    values: dict[int, dict[str, Sequence[object]]] = {}
    lists = (each for each in sentences if not each.words.in_text)
    for line, own in groupby(lists, key=lambda each: each.words.lines[0]):
        of_line = list(own)
        lengths = of_line[0].words.record_lengths
        found_tags = {task: [tag for each in of_line for tag in each.tags[task]] for task in tasks}
        values[line] = {task: _cut(tags, lengths) if lengths else tags for task, tags in found_tags.items()}
    texts = [each for each in sentences if each.words.in_text]
    values |= {line: dict(own) for line, own in spans_by_line(texts, tasks).items()}
    found = list(lines)
    for at in records:
        found[at] = _with_values(lines[at], values.get(at) or {task: [] for task in tasks})
    return found


def _cut(tags: Sequence[str], lengths: Sequence[int]) -> list[Sequence[str]]:
    """The tags in lists of these lengths."""
    return [tags[end - length : end] for length, end in zip(lengths, accumulate(lengths), strict=True)]


def _with_values(line: str, values: Mapping[str, Sequence[object]]) -> str:
    """The line with these keys added, or with other values where they are there already; the rest keeps its form.

    A list of rows gets one more cell in each row. A text and its spans get the keys beside those of the spans.
    """
    text = line.rstrip()
    record = json.loads(text)
    if is_rows(record):
        cells = zip(*values.values(), strict=True)
        rows = [[*row, *own] for row, own in zip(record, cells, strict=True)] if any(values.values()) else record
        return json_text(rows) + line[len(text) :]
    keys = record[1] if is_text_pair(record) else record
    new = {key: value for key, value in values.items() if key not in keys}
    for key, start, end in reversed(_members(text, _object_start(text))):
        if key in values:
            text, line = (f"{whole[:start]}{json_text(values[key])}{whole[end:]}" for whole in (text, line))
    if not new:
        return line
    close = text.rindex("}")
    inner = text[:close].rstrip()
    return f"{inner}{', ' if keys else ''}{json_text(new)[1:-1]}{line[len(inner) :]}"


def _members(text: str, start: int) -> list[tuple[str, int, int]]:
    """The keys of the JSON object that begins at ``start``, with the places of their values."""
    found = []
    at = _after_blanks(text, start + 1)
    while text[at] != "}":
        key, at = _decode(text, at)
        value = _after_blanks(text, _after_blanks(text, at) + 1)  # after the colon
        _, end = _decode(text, value)
        found.append((key, value, end))
        at = _after_blanks(text, end)
        at = _after_blanks(text, at + 1) if text[at] == "," else at
    return found


def _object_start(text: str) -> int:
    """Where the object of a record begins: at the start, or behind the text of a text and its spans."""
    at = _after_blanks(text, 0)
    if text[at] == "[":
        _, at = _decode(text, _after_blanks(text, at + 1))
        at = _after_blanks(text, _after_blanks(text, at) + 1)  # after the comma
    return at


def _after_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def spans_by_line(
    sentences: Sequence[TaggedInput], tasks: Sequence[str]
) -> dict[int, dict[str, list[tuple[int, int, str]]]]:
    """The spans of the text on each line, in characters, by task."""
    found: dict[int, dict[str, list[tuple[int, int, str]]]] = {}
    for each in sentences:
        own = found.setdefault(each.words.lines[0], {task: [] for task in tasks})
        places = each.words.offsets or ()
        for task in tasks:  # a span without a label, as of a multiword expression, gets the name of its task
            own[task] += [
                (places[span.start][0], places[span.end - 1][1], span.label or task) for span in each.spans[task]
            ]
    return found


def json_text(value: object) -> str:
    """A value as JSON, with letters of all scripts as they are."""
    return json.dumps(value, ensure_ascii=False)
