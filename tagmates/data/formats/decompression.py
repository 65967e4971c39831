"""The bytes of files, unpacked if they are compressed; no pointers of Git LFS.

A guard stops decompression bombs: small files that unpack to far more than honest ones.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from tagmates.errors import DataError

MAX_EXPANSION = 100  # times the size of a file; text with tags is compressed to about a tenth
ALWAYS_ALLOWED = 2**22  # values or bytes, however small the file is
_READERS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b\x08", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # how the first block begins, and the end of an empty file
_ZIP = b"PK\x03\x04"
LFS_START = b"version https://git-lfs.github.com/spec/"
LFS_ADVICE = "is a Git LFS pointer; fetch the file by git lfs pull"
_DAMAGE = (OSError, EOFError, lzma.LZMAError, zlib.error)


class ByteStream(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most this many bytes; none at the end."""
        ...


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; of a file packed with gzip, bzip2 or xz, whatever its name, those that were packed.

    Raises OSError if it cannot be read, DataError for a damaged packed file, one that unpacks to far more than text
    does, a zip archive, and a pointer of Git LFS.
    """
    data = path.read_bytes()
    if data.startswith(LFS_START):
        raise DataError(f"{path}: {LFS_ADVICE}")
    if data.startswith(_ZIP):
        raise DataError(f"{path}: is packed (zip, or a spreadsheet): unpack it, or save it as text")
    opened = _reader_of(data)
    if opened is None:
        return data
    most = max(ALWAYS_ALLOWED, MAX_EXPANSION * len(data))
    try:
        with opened(BytesIO(data)) as file:
            unpacked = file.read(most + 1)
    except _DAMAGE as error:
        raise _damaged(str(path), error) from None
    if len(unpacked) > most:
        raise DataError(f"{path}: unpacks to more than {most:,} bytes; it is damaged or meant to harm")
    return unpacked


def is_packed(path: Path) -> bool:
    """Whether a file can be read and is packed with gzip, bzip2 or xz."""
    try:
        with path.open("rb") as file:
            return _reader_of(file.read(10)) is not None
    except OSError:
        return False


def unpacked_stream(stream: BinaryIO, name: str) -> ByteStream:
    """The stream; if what it holds is packed with gzip, bzip2 or xz, a stream of what was packed.

    A long one is never in memory as a whole. Reading a damaged one raises DataError with ``name``.
    """
    buffered = stream if isinstance(stream, BufferedReader) else BufferedReader(stream)  # type: ignore[type-var]
    opened = _reader_of(buffered.peek(10))
    return buffered if opened is None else _Unpacked(opened(buffered), name)


@dataclass(frozen=True, slots=True)
class _Unpacked:
    packed: ByteStream
    name: str

    def read(self, size: int, /) -> bytes:
        try:
            return self.packed.read(size)
        except _DAMAGE as error:
            raise _damaged(self.name, error) from None


def _reader_of(start: bytes) -> Callable[[Any], BinaryIO] | None:
    """What opens a file that begins with these bytes, if it is packed."""
    opened = next((reader for sign, reader in _READERS if start.startswith(sign)), None)
    return None if opened is bz2.open and start[4:10] not in _BZIP2_BLOCKS else opened


def _damaged(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: is packed, and damaged ({error}); copy it again, or unpack it")


def check_claim(path: Path, claimed: int, what: str) -> None:
    """Raise DataError if a file claims to hold more values or bytes than an honest file of its size."""
    size = path.stat().st_size
    if claimed > max(ALWAYS_ALLOWED, MAX_EXPANSION * size):
        raise DataError(f"{path}: claims to hold {claimed:,} {what} in {size:,} bytes; it is damaged or meant to harm")
