"""JSON lines → ``Sentence``: an object a line, with a list of tokens and lists of tags.

The task names the keys. A dot goes into an object: ``tags.upos`` is the list ``upos`` of the object ``tags``, as
``tagmates tag --output json`` writes it. Integers are tags where ``labels`` says what they stand for, from 0.
null as a tag is a token without a label.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tagmates.config import nearest
from tagmates.data.formats.lines import read_text
from tagmates.data.formats.rows import DOCSTART
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError
from tagmates.wording import first_of, shown

Record = Mapping[str, Any]

DEPTH = 8  # objects in objects that are looked into for keys; nobody nests layers of tags deeper
_UNWRITABLE = re.compile(r"[\x00\r\n\ud800-\udfff]")  # what no column file, or no file at all, could hold


def read_jsonl(
    path: Path, *, token_key: str = "tokens", tag_key: str = "tags", labels: Sequence[str] = (), encoding: str = "utf-8"
) -> list[Sentence]:
    """Read a file of JSON lines; a sentence's ``line`` is that of its object.

    Empty lines, objects without a token and those of ``-DOCSTART-`` alone are skipped. Raises DataError for what is no
    object, for keys that it lacks, for lists of other things or of other lengths, and for a file without a sentence.
    """
    records = (
        sentence_of(record, token_key, tag_key, labels, f"{path}:{number}", number)
        for number, record in read_records(path, encoding)
    )
    sentences = [sentence for sentence in records if sentence is not None]
    if not sentences:
        raise DataError(f"{path}: holds no sentence; give a file with one JSON object a line")
    return sentences


def read_records(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, Record]]:
    """Yield the number of every line that is not blank, and its object."""
    for number, line in enumerate(read_text(path, encoding).removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            yield number, record_of(line, f"{path}:{number}")


def record_of(line: str, where: str) -> Record:
    """The object of a line; DataError, beginning with ``where``, where it holds something else."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{where}: is not JSON ({reason}); write one object a line") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: is no JSON object; write one object a line, without a list around them")
    return record


def sentence_of(
    record: Record, token_key: str, tag_key: str, labels: Sequence[str], where: str, line: int
) -> Sentence | None:
    """The sentence of a record, None where it has no word; DataError, beginning with ``where``, for a broken one."""
    tokens = _strings(_look_up(record, token_key, "token_column", where), token_key, where)
    values = _list(_look_up(record, tag_key, "tag_column", where), tag_key, where)
    if len(tokens) != len(values):
        raise DataError(
            f"{where}: {len(tokens)} in {token_key!r}, but {len(values)} in {tag_key!r}; give each token one tag"
        )
    if not _plain(values):
        values = [_named(value, labels, f"{where}: {tag_key!r}") for value in values]
    tags = _strings(values, tag_key, where, null=True)
    return None if tokens in ((), (DOCSTART,)) else Sentence(tokens, tags, line)


def leaves_of(record: Record, depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a record, with dots into its objects, and what is under them."""
    for key, value in record.items():
        if isinstance(value, Mapping) and depth:
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in leaves_of(value, depth - 1))
        else:
            yield key, value


def _look_up(record: Record, key: str, setting: str, where: str) -> Any:
    found: Any = record
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = [name for name, _ in leaves_of(record)]
            there = first_of(known) or "its keys"
            raise DataError(f"{where}: has no {key!r}{nearest(key, known)}; set {setting} to one of {there}")
        found = found[part]
    if isinstance(found, Mapping) and found:
        inner = [f"{key}.{name}" for name, _ in leaves_of(found)]
        raise DataError(f"{where}: {key!r} is an object; set {setting} to one of {first_of(inner)}")
    return found


def _list(value: Any, key: str, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise DataError(f"{where}: {key!r} is no list; give a list with one string for each token")
    return value


def _plain(values: Sequence[Any]) -> bool:
    """Whether these are strings that any file could hold: the fast way to know it of all at once."""
    try:
        return not _UNWRITABLE.search("".join(values)) and "" not in values
    except TypeError:
        return False


def _strings(value: Any, key: str, where: str, *, null: bool = False) -> tuple[Any, ...]:
    """The list as a tuple of strings, and of None for null where that may be."""
    if isinstance(value, list) and _plain(value):
        return tuple(value)
    for number, text in enumerate(_list(value, key, where), start=1):
        if null and text is None:
            continue
        if not isinstance(text, str) or not text:
            what = "is empty" if text == "" else f"is {_json(text)}, not a string"
            raise DataError(f"{where}: number {number} in {key!r} {what}; correct it, or name another key")
        if _UNWRITABLE.search(text):
            raise DataError(
                f"{where}: number {number} in {key!r}, {shown(text)}, has a line end, a NUL or half a character; "
                "correct it"
            )
    return tuple(value)


def _named(value: Any, labels: Sequence[str], where: str) -> Any:
    """The name of an integer label; anything else as it is."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if not labels:
        raise DataError(f'{where} has integers; say what they stand for, from 0: labels = ["O", …]')
    if not 0 <= value < len(labels):
        raise DataError(
            f"{where} has {_json(value)}, but there are {len(labels)} labels, from 0; correct it or the labels"
        )
    return labels[value]


def _json(value: Any) -> str:
    """A value as JSON, cut to what a message can hold."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"
