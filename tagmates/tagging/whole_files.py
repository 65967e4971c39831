"""Input that is read by its name, not line by line: .spacy, Arrow and parquet files, and folders of BRAT.

The sentences of .spacy, Arrow and parquet become JSON lines with lists of words, which are then tagged like any others.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tagmates.data.formats.docbin import doc_sentences, docs_in
from tagmates.data.formats.huggingface import read_rows, splits_in
from tagmates.data.formats.records import Record, words_in_record
from tagmates.data.tokenize import Token
from tagmates.errors import DataError
from tagmates.formatting import first_of
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.record_keys import key_of

_SUFFIXES = {".spacy": "spacy", ".parquet": "huggingface", ".arrow": "huggingface", ".ann": "brat"}


def whole_kind(path: Path) -> str:
    """The format of a file or folder, by its name or by the files in it; "" if these do not tell."""
    if path.is_dir():
        if _annotations(path):
            return "brat"
        return "huggingface" if splits_in(path) else ""
    if not path.exists() and path.parent.is_dir() and path.name in splits_in(path.parent):
        return "huggingface"
    return _SUFFIXES.get(path.suffix.lower(), "")


def documents_in(path: Path) -> list[Path]:
    """The text files of a folder of BRAT documents, sorted by name, or the text file of one document."""
    if path.is_dir():
        found = _annotations(path)
        if not found:
            raise DataError(f"{path}: holds no .ann file; give a folder of DOC.txt and DOC.ann, or a text")
        return [document.with_suffix(".txt") for document in found]
    return [path.with_suffix(".txt")]


def _annotations(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ann")) or sorted(folder.glob("*/*.ann"))


def sentences_of_file(path: Path, options: ReadOptions, name: str) -> Iterator[bytes]:
    """Yield a JSON line for each sentence of a file: its words and, if known, their offsets."""
    if options.kind == "spacy":
        for doc in docs_in(path):
            yield from map(_line, doc_sentences(doc))
        return
    key = ""
    for where, record in _records(path, options):
        key = key or str(options.token_column or key_of(record, _trained(options), name))
        yield from map(_line, words_in_record(record, key, where, options.marks))


def _trained(options: ReadOptions) -> int | str | None:
    known = options.trained
    return known.token_column if known is not None and known.kind == options.kind else None


def _records(path: Path, options: ReadOptions) -> Iterator[tuple[str, Record]]:
    keys = (str(options.token_column),) if options.token_column else ()
    splits = splits_in(path) if path.is_dir() else []
    if len(splits) > 1:
        raise DataError(f"{path}: holds several splits; name one as {path / splits[0]}; there are {first_of(splits)}")
    own = path / splits[0] if splits else path
    for number, (record, _) in enumerate(read_rows(own, keys), start=1):
        yield f"{own}: sentence {number}", record


def _line(words: Sequence[str] | Sequence[Token]) -> bytes:
    record: dict[str, Any] = {"tokens": [word.text if isinstance(word, Token) else word for word in words]}
    if words and isinstance(words[0], Token):
        record["offsets"] = [[word.start, word.end] for word in words if isinstance(word, Token)]
    return json.dumps(record).encode() + b"\n" if words else b""
