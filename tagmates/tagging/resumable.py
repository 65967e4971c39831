"""An output file that grows piece by piece and can be gone on with after a kill.

Beside it stands a record of what made it and how far it is, replaced whole after every piece that is on the disk. Going
on cuts the file to that length. What is in the file is thus always what the record says, and perhaps a part of the next
piece. When all is written, the record goes: a file without one is whole.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tagmates.errors import BusyError, ConfigError, DiskError
from tagmates.failures import what_to_do
from tagmates.files import write_json
from tagmates.locks import take_lock
from tagmates.tagging.chunks import Piece

Settings = dict[str, str | bool | list[str]]


class Record(BaseModel):
    """What decides the content of an output file, and how far it is.

    ``digest`` is of the pieces of input that are done: sha256 of the digest before each, and of its bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: Settings
    pieces: int = 0
    digest: str = ""
    length: int = 0
    sentences: int = 0
    tokens: int = 0


def check_output(path: Path, *, resume: bool, force: bool) -> bool:
    """Whether anything is to be written: not where it is whole already and to be resumed.

    Raises ConfigError for an output that exists, unless it is to be resumed or overwritten, and for what is no file.
    """
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: is no regular file; choose another, or leave out --output-file to write to stdout")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: its folder is missing; make it, or choose another")
    if (path.exists() or beside(path).exists()) and not (resume or force):
        raise ConfigError(f"{path}: exists; go on with --resume, overwrite it with --force, or choose another")
    return not (resume and path.exists() and not beside(path).exists())


class Output:
    """An output file that grows from where its record says that it is to be gone on with.

    A new one takes the place of what stood there when something is first written.
    """

    def __init__(self, path: Path, record: Record) -> None:
        self.path, self.record = path, record
        self._file = self._open("r+b") if record.length else None

    def _open(self, mode: Literal["r+b", "wb"]) -> FileIO:
        with _disk(self.path):
            # unbuffered: closing would try once more to write what a full disk has refused
            file = self.path.open(mode, buffering=0)
            file.truncate(self.record.length)
            file.seek(self.record.length)
            return file

    @property
    def begun(self) -> bool:
        """Whether the file holds anything that could be gone on with."""
        return self._file is not None and self._file.tell() > 0

    @property
    def opened(self) -> bool:
        """Whether what stood there is gone."""
        return self._file is not None

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def skip(self, pieces: Iterator[Piece]) -> int:
        """Take those that are done already from ``pieces`` and say how many bytes they are.

        Raises ConfigError where they are not what the record was made from.
        """
        digest, size = "", 0
        for piece in islice(pieces, self.record.pieces):
            digest, size = _chained(digest, piece), size + len(piece.data)
        if digest != self.record.digest:
            raise ConfigError(
                f"{self.path}: was begun with other input, or in another order; restore it, or start anew with --force"
            )
        return size

    def write(self, data: bytes) -> None:
        """Write what cannot be relied on before it is recorded. Raises DiskError."""
        rest = memoryview(data)
        self._file = self._file or self._open("wb")
        with _disk(self.path):
            while rest:
                rest = rest[self._file.write(rest) :]

    def done(self, piece: Piece, *, sentences: int, tokens: int) -> None:
        """Record that all is written which belongs to a piece. Raises DiskError."""
        length = 0
        if self._file is not None:
            with _disk(self.path):
                os.fsync(self._file.fileno())
                length = self._file.tell()
        before = self.record
        self.record = Record(
            settings=before.settings,
            pieces=before.pieces + 1,
            digest=_chained(before.digest, piece),
            length=length,
            sentences=before.sentences + sentences,
            tokens=before.tokens + tokens,
        )
        write_json(beside(self.path), self.record.model_dump())


@contextmanager
def open_output(path: Path, settings: Settings, *, resume: bool, force: bool) -> Iterator[Output]:
    """Make a new file or, to ``resume``, go on with the one that was begun, if any was.

    Leaving this without an error means that the file is whole. Raises ConfigError where the file was begun with other
    settings, BusyError where another process writes it, and DiskError.
    """
    with _locked(path):
        if not check_output(path, resume=resume, force=force):
            raise BusyError(f"{path}: another process has just written it")
        begun = resume and beside(path).exists()
        record = _read(path, settings) if begun else Record(settings=settings)
        if not begun:  # the record first: a file without one would be whole
            write_json(beside(path), record.model_dump())
        output = Output(path, record)
        with closing(output):
            try:
                yield output
            except BaseException:
                if not output.begun:
                    if output.opened:
                        path.unlink()
                    beside(path).unlink()
                raise
        beside(path).unlink()


def _read(path: Path, settings: Settings) -> Record:
    try:
        record = Record.model_validate_json(beside(path).read_bytes())
    except (OSError, ValidationError):
        raise ConfigError(f"{beside(path)}: is no record of tagmates tag; start anew with --force") from None
    for key in settings.keys() | record.settings.keys():
        if settings.get(key) != record.settings.get(key):
            raise ConfigError(f"{path}: was begun with another {key}; take the same, or start anew with --force")
    if (path.stat().st_size if path.exists() else 0) < record.length:
        raise ConfigError(f"{path}: is shorter than when its tagging stopped; start anew with --force")
    return record


def beside(path: Path) -> Path:
    """Where the record of an output file is."""
    return Path(f"{path}.progress")


def _chained(digest: str, piece: Piece) -> str:
    return hashlib.sha256(digest.encode() + piece.data).hexdigest()


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(f"{path}: cannot be written ({error.strerror}); {what_to_do(error)}") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing the file."""
    lock = path.with_name(f".{path.name}.lock")
    busy = BusyError(f"{path}: another process is writing it; wait for it, or choose another")
    advice = "choose a file on another disk, or leave out --output-file to write to stdout"
    with _disk(path):
        lock_held = take_lock(lock, busy=busy, advice=advice)
    with lock_held:
        try:
            yield
        finally:
            with suppress(OSError):  # a process that takes the lock next checks the output again
                lock.unlink()
