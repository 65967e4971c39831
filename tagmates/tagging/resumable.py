"""An output file that grows chunk by chunk and can be resumed after a kill.

A progress file beside it (``NAME.progress``) says what the output was made from and how much of it is complete. It is
replaced after every chunk that is on the disk. So the output always holds what the progress file says, and at most a
part of the next chunk, which resuming cuts off. When everything is written, the progress file is removed: an output
without one is complete.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tagmates.errors import BusyError, ConfigError, DiskError
from tagmates.failures import what_to_do
from tagmates.files import write_json
from tagmates.locks import take_lock
from tagmates.tagging.chunks import Chunk

OutputSettings = dict[str, str | bool | list[str]]


class OutputProgress(BaseModel):
    """The content of a progress file: the settings that decide the output, and how much of it is complete.

    ``chunks`` (called ``pieces`` in the file) is the number of complete chunks of input. ``digest`` identifies their
    content: for each chunk, the sha256 of the digest so far and of the chunk's bytes. ``length`` is in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    settings: OutputSettings
    chunks: int = Field(0, alias="pieces")
    digest: str = ""
    length: int = 0
    sentences: int = 0
    tokens: int = 0


def check_output(path: Path, *, resume: bool, force: bool) -> bool:
    """Whether there is anything to write; False if the output is complete already and ``resume`` is given.

    Raises ConfigError if the output exists and is neither resumed nor overwritten, or if it cannot be a file.
    """
    if path.exists() and not path.is_file():
        raise ConfigError(
            f"{path}: is not a regular file; choose another, or leave out --output-file to write to stdout"
        )
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: its folder is missing; make it, or choose another")
    if (path.exists() or progress_path(path).exists()) and not (resume or force):
        raise ConfigError(f"{path}: exists; continue with --resume, overwrite it with --force, or choose another")
    return not (resume and path.exists() and not progress_path(path).exists())


class Output:
    """An output file, written on from where its progress says that it is complete.

    A new output replaces an existing file when something is first written.
    """

    def __init__(self, path: Path, progress: OutputProgress) -> None:
        self.path, self.progress = path, progress
        self._file = self._open("r+b") if progress.length else None

    def _open(self, mode: Literal["r+b", "wb"]) -> FileIO:
        with _disk(self.path):
            # unbuffered: otherwise closing the file would try again to write what a full disk has refused
            file = self.path.open(mode, buffering=0)
            file.truncate(self.progress.length)
            file.seek(self.progress.length)
            return file

    @property
    def begun(self) -> bool:
        """Whether the file holds anything that could be resumed."""
        return self._file is not None and self._file.tell() > 0

    @property
    def opened(self) -> bool:
        """Whether an existing file has been replaced."""
        return self._file is not None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def skip(self, chunks: Iterator[Chunk]) -> int:
        """Consume the chunks that are complete already; return their size in bytes.

        Raises ConfigError if they differ from the input that the output was begun with.
        """
        digest, size = "", 0
        for chunk in islice(chunks, self.progress.chunks):
            digest, size = _chained(digest, chunk), size + len(chunk.data)
        if digest != self.progress.digest:
            raise ConfigError(
                f"{self.path}: was begun with other input, or in another order; restore it, or start again with --force"
            )
        return size

    def write(self, data: bytes) -> None:
        """Write bytes; they count only once ``done`` has recorded them. Raises DiskError."""
        rest = memoryview(data)
        self._file = self._file or self._open("wb")
        with _disk(self.path):
            while rest:
                rest = rest[self._file.write(rest) :]

    def done(self, chunk: Chunk, *, sentences: int, tokens: int) -> None:
        """Record that the output of a chunk is complete. Raises DiskError."""
        length = 0
        if self._file is not None:
            with _disk(self.path):
                os.fsync(self._file.fileno())
                length = self._file.tell()
        before = self.progress
        self.progress = OutputProgress(
            settings=before.settings,
            chunks=before.chunks + 1,
            digest=_chained(before.digest, chunk),
            length=length,
            sentences=before.sentences + sentences,
            tokens=before.tokens + tokens,
        )
        write_json(progress_path(self.path), self.progress.model_dump(by_alias=True))


@contextmanager
def open_output(path: Path, settings: OutputSettings, *, resume: bool, force: bool) -> Iterator[Output]:
    """Open a new output or, with ``resume``, one that was begun.

    Leaving the context without an error means that the output is complete. Raises ConfigError if it was begun with
    other settings, BusyError if another process writes it, and DiskError.
    """
    with _locked(path):
        if not check_output(path, resume=resume, force=force):
            raise BusyError(f"{path}: another process has just written it; look at it before you start again")
        begun = resume and progress_path(path).exists()
        progress = _read(path, settings) if begun else OutputProgress(settings=settings)
        if not begun:  # the progress file first: an output without one would count as complete
            write_json(progress_path(path), progress.model_dump(by_alias=True))
        output = Output(path, progress)
        with closing(output):
            try:
                yield output
            except BaseException:
                if not output.begun:
                    if output.opened:
                        path.unlink()
                    progress_path(path).unlink()
                raise
        progress_path(path).unlink()


def _read(path: Path, settings: OutputSettings) -> OutputProgress:
    try:
        progress = OutputProgress.model_validate_json(progress_path(path).read_bytes())
    except (OSError, ValidationError):
        raise ConfigError(
            f"{progress_path(path)}: is not a progress file of tagmates tag; start again with --force"
        ) from None
    for key in settings.keys() | progress.settings.keys():
        if settings.get(key) != progress.settings.get(key):
            raise ConfigError(f"{path}: was begun with another {key}; take the same, or start again with --force")
    if (path.stat().st_size if path.exists() else 0) < progress.length:
        raise ConfigError(f"{path}: is shorter than when its tagging stopped; start again with --force")
    return progress


def progress_path(path: Path) -> Path:
    """The path of the progress file of an output."""
    return Path(f"{path}.progress")


def _chained(digest: str, chunk: Chunk) -> str:
    return hashlib.sha256(digest.encode() + chunk.data).hexdigest()


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
