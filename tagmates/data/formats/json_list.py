"""One JSON list, read item by item: the list itself, or the first list of objects or lists in an object.

So ``{"version": 2, "data": [...]}`` is read as its ``data``. The functions raise ``json.JSONDecodeError`` for text that
is not JSON, and RecursionError if it is nested too deeply.
"""

import json
import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any, NamedTuple

from tagmates.errors import DataError

_SPACE = re.compile(r"[ \t\n\r]*")
_RECORDS = re.compile(r"\[\s*(?:null\s*,\s*)*[\[{]")  # some tools write null for what nobody annotated
_LONGEST_WORD = len(r"\ud83d\ude00")  # the longest part of JSON, besides strings, that ends too early if it is cut
_decode = json.JSONDecoder().raw_decode


class ListItem(NamedTuple):
    """An item of a list and where it starts and ends in the text."""

    value: Any
    start: int
    end: int


def list_start(text: str, name: str) -> int:
    """The place behind the bracket that opens the list. Raises DataError if the text holds none."""
    at = _after_space(text, 0)
    if at == len(text):
        raise JSONDecodeError("Expecting value", text, at)
    if text[at] == "[":
        return at + 1
    within = text[at] == "{" and not text.startswith("}", _after_space(text, at + 1))
    at += 1
    while within:
        _, at = _decode(text, _before('"', text, at))
        at = _after_space(text, _before(":", text, at) + 1)
        if _RECORDS.match(text, at):
            return at + 1
        _, at = _decode(text, at)
        within = not text.startswith("}", _after_space(text, at))
        at = _before(",", text, at) + 1 if within else at
    raise DataError(f'{name}: holds no list of JSON objects; give one, or is it JSON lines (format = "jsonl")?')


def list_items(text: str, at: int, *, first: bool = True) -> Iterator[ListItem]:
    """Yield the items from a place on, up to the bracket that closes the list, or up to the end of the text.

    ``first`` says that no item stands before the place.
    """
    at = _after_space(text, at)
    while at < len(text) and text[at] != "]":
        at = at if first else _after_space(text, _before(",", text, at) + 1)
        value, end = _decode(text, at)
        yield ListItem(value, at, end)
        at, first = _after_space(text, end), False


def check_rest(text: str, at: int, name: str, *, in_object: bool) -> None:
    """Check what stands behind the last item. Raises DataError if it holds another list of objects."""
    at = _before("]", text, at) + 1
    if not in_object:
        if text[at:].strip(" \t\r\n"):
            raise JSONDecodeError("Extra data", text, _after_space(text, at))
        return
    start = '{"":0'  # what stands before it does not matter
    try:
        rest = json.loads(start + text[at:])
    except JSONDecodeError as error:
        raise JSONDecodeError(error.msg, text, at + error.pos - len(start)) from None
    if any(isinstance(value, list) and value and isinstance(value[0], dict | list) for value in rest.values()):
        raise DataError(f"{name}: holds several lists of JSON objects; give a file with one of them")


def is_cut(error: JSONDecodeError, text: str) -> bool:
    """Whether the error may be there only because the text ends too early."""
    return error.msg.startswith("Unterminated string") or error.pos + _LONGEST_WORD > len(text)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _before(sign: str, text: str, at: int) -> int:
    """The place of the sign, before which there may be white space."""
    at = _after_space(text, at)
    if not text.startswith(sign, at):
        raise JSONDecodeError(f"Expecting {sign!r}", text, at)
    return at
