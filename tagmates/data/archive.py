"""A packed study: one file with everything that training needs (sentences, word vectors, and settings).

It is a compressed .npz file. ``header`` describes its content. ``tokens`` and ``tags`` are the distinct tokens and
tags. The sentences of task N in the header are ``N/SPLIT/tokens`` and ``N/SPLIT/tags`` (indices into these) and
``N/SPLIT/lengths``. ``words`` are the words that have a vector, ``vectors`` has a row for each.
"""

import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile
from pydantic import Field, ValidationError

from tagmates.config import Settings
from tagmates.data.formats.decompression import check_claim
from tagmates.data.indexing import json_array, json_value, restore_sentences
from tagmates.data.schemes import Scheme, Score
from tagmates.data.sentence import Sentence, task_token
from tagmates.errors import DataError
from tagmates.files import write_atomically

FORMAT_VERSION = 4
# older ones are read too: 3 (no score was "spans"), 2 (outside was always O), 1 (sentences had all their tags or none)
ZIP_SIGNATURE = b"PK\x03\x04"  # the first bytes of a zip file
PACK_COMMAND = "tagmates study pack"

Value = TypeVar("Value")
Text = TypeVar("Text", str, str | None)
Splits = Mapping[str, Sequence[Sentence]]
Matrix = npt.NDArray[np.float32]
Rows = Callable[[Sequence[str]], tuple[npt.NDArray[np.int64], Matrix]]


class ArchivedTask(Settings):
    """A task as it is trained, with its tags converted to ``scheme``."""

    name: str
    scheme: Scheme
    score: Score
    outside: str = "O"
    splits: tuple[Literal["train", "dev", "test"], ...]


class Header(Settings):
    """The content of a packed file. ``study`` and ``settings`` are the name and settings of a study, if it has one."""

    format: int = FORMAT_VERSION
    study: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    tasks: tuple[ArchivedTask, ...]
    vectors: str  # as ``name_vectors`` says


def archive_at(data: str) -> Path | None:
    """The path of the archive that ``data`` (see ``load_tasks``) names; None if it names something else."""
    path = Path(os.path.expanduser(data))  # noqa: PTH111  (Path's raises)
    return path if data != "starter" and _is_zip(path) else None


def write_archive(path: Path, header: Header, corpora: Mapping[str, Splits], rows: Rows) -> None:
    """Write the corpora (task -> split -> sentences) of the header's tasks, and the vectors of their words.

    ``rows`` maps a list of words to the indices of those that have a vector, and to their vectors. Equal content gives
    equal bytes. Raises DiskError if the disk is full.
    """
    sentences = [(f"{i}/{s}", corpora[t.name][s]) for i, t in enumerate(header.tasks) for s in t.splits]
    # the most frequent first, since small numbers take less space
    tokens = _by_frequency(token for _, some in sentences for sentence in some for token in sentence.tokens)
    tags = _by_frequency(tag for _, some in sentences for sentence in some for tag in sentence.labels)
    words = sorted({*(token.lower() for token in tokens), *(task_token(task.name).lower() for task in header.tasks)})
    places, vectors = rows(words)
    arrays = {
        "header": json_array(header.model_dump(mode="json")),
        "tokens": json_array(list(tokens)),
        "tags": json_array(list(tags)),
        "words": json_array([words[place] for place in places]),
        "vectors": vectors,
    }
    for where, some in sentences:
        arrays[f"{where}/lengths"] = _numbers(len(sentence) for sentence in some)
        arrays[f"{where}/tokens"] = _numbers(tokens[token] for sentence in some for token in sentence.tokens)
        arrays[f"{where}/tags"] = _numbers(tags[tag] for sentence in some for tag in sentence.labels)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes them for allow_pickle
    write_atomically(path, file.getvalue())


def read_header(path: Path) -> Header:
    """The header of a packed file. Raises DataError if the file is missing, damaged, or of another or later format."""
    return _read(path, lambda arrays: _header(path, arrays))


def read_archived(path: Path, task: str, split: str) -> list[Sentence]:
    """The sentences of one split; the ``line`` of each is its number in the split. Raises DataError."""

    def read(arrays: NpzFile) -> list[Sentence]:
        number = [known.name for known in _header(path, arrays).tasks].index(task)
        distinct, labels = _texts(arrays, "tokens", str), _texts(arrays, "tags", str | None)
        held = [arrays[f"{number}/{split}/{what}"] for what in ("lengths", "tokens", "tags")]
        lengths, tokens, tags = held
        if not all(array.dtype.kind == "u" and array.ndim == 1 for array in held) or not lengths.all():
            raise ValueError(f"{task} {split}: its arrays are not lengths and places")
        if not lengths.sum() == len(tokens) == len(tags) > 0:
            raise ValueError(f"{task} {split}: its arrays do not fit")
        return restore_sentences(distinct, labels, tokens, tags, lengths, np.arange(1, len(lengths) + 1))

    return _read(path, read)


def read_archived_vectors(path: Path) -> tuple[str, list[str], Matrix]:
    """The name of the vectors in an archive, the words that have one, and a row for each. Raises DataError."""

    def read(arrays: NpzFile) -> tuple[str, list[str], Matrix]:
        words, matrix = _texts(arrays, "words", str), arrays["vectors"]
        if matrix.dtype != np.float32 or matrix.ndim != 2 or len(matrix) != len(words) or not np.isfinite(matrix).all():
            raise ValueError("its words and vectors do not fit")
        return _header(path, arrays).vectors, words, matrix

    return _read(path, read)


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP_SIGNATURE)) == ZIP_SIGNATURE
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def _read(path: Path, read: Callable[[NpzFile], Value]) -> Value:
    if path.exists() and not _is_zip(path):
        raise DataError(f"{path}: is not a packed study; give a file that `{PACK_COMMAND}` has made")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            check_claim(path, sum(member.file_size for member in arrays.zip.infolist()), "bytes")
            return read(arrays)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    except Exception as error:  # a damaged file causes errors of zipfile, zlib, numpy, json or pydantic
        raise DataError(
            f"{path}: is damaged or not a packed study ({str(error)[:200]}); copy it again, or make it again with "
            f"`{PACK_COMMAND}`"
        ) from None


def _header(path: Path, arrays: NpzFile) -> Header:
    values = json_value(arrays["header"])
    if isinstance(values, dict) and isinstance(values.get("format"), int) and values["format"] > FORMAT_VERSION:
        raise DataError(
            f"{path}: was packed by a later tagmates (format {values['format']}, this one reads {FORMAT_VERSION}); "
            "install that one here, or pack with this one"
        )
    try:
        return Header.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"header: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _texts(arrays: NpzFile, name: str, kind: Any) -> list[Any]:
    """The texts of an array, which must be distinct and of this type."""
    texts = json_value(arrays[name])
    if not isinstance(texts, list) or not all(isinstance(text, kind) for text in texts):
        raise ValueError(f"{name}: is not a list of texts")
    if len(set(texts)) < len(texts):
        raise ValueError(f"{name}: are not distinct")
    return texts


def _by_frequency(texts: Iterable[Text]) -> dict[Text, int]:
    return {text: i for i, (text, _) in enumerate(Counter(texts).most_common())}


def _numbers(values: Iterable[int]) -> npt.NDArray[Any]:
    array = np.array(list(values), dtype=np.int64)
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))
