"""Extract one file from an archive, which is not trusted: it may be damaged or made to do harm."""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from tagmates.errors import DataError
from tagmates.failures import what_to_do
from tagmates.files import write_atomically
from tagmates.locks import take_lock

# an archive may unpack to so many times its size, beside the member; text is compressed to about a tenth
MAX_EXPANSION = 100
BLOCK_SIZE = 1 << 16  # bytes
MAX_HEADER = 1 << 14  # bytes of one extended header of a tar file, which holds a name
MAX_HEADERS = 1 << 23  # bytes of all headers of a tar file
MAX_GLOBAL = 1000  # settings in a tar file for all its members
BZ2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")  # a tar file may begin with a name in BZh
DIGITS = re.compile(rb"\d{100}")  # before Python 3.11.10, tarfile needs minutes for many of them (CVE-2024-6232)


def extract_member(archive: Path, member: str, path: Path, *, limit: int) -> None:
    """Write one member of a tar (plain, gz, bz2 or xz) or a zip to ``path``, whole or not at all.

    ``member`` is its path in the archive; a bare name may be in any folder of it. Raises DataError if the archive is
    damaged, if it holds the member never, twice or behind a link, if any name leads out of a folder, if the member has
    more than ``limit`` bytes (it is held in memory), or if the archive unpacks to far more than its own size. Raises
    DataError also if ``path`` cannot be written.
    """
    try:
        with archive.open("rb") as file:
            head = file.read(10)
            file.seek(0)
            if head.startswith((b"PK\3\4", b"PK\5\6")):
                content = _from_zip(file, member, limit)
            else:
                content = _from_tar(file, _decompressed(file, head), member, limit)
    except _RefusedError as error:
        raise DataError(f"{archive}: {error}; take another copy, or unpack it yourself and give the folder") from None
    except Exception as error:  # the standard library's parsers raise many kinds of errors for other bytes
        what = getattr(error, "strerror", None) or str(error)[:200] or type(error).__name__
        raise DataError(f"{archive}: is damaged, or no tar or zip ({what}); take another copy") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with take_lock(path.with_name(f".{path.name}.lock")):
            write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}); {what_to_do(error)}") from None


class _RefusedError(Exception):
    """The reason why an archive is refused."""


class _Unpacked(io.RawIOBase):
    """The unpacked content of an archive, read from first to last. Raises _RefusedError after ``most`` bytes.

    tarfile reads headers with ``read`` and skips the rest with ``seek``. Both are bounded here, because tarfile trusts
    any length that a header claims.
    """

    def __init__(self, file: io.BufferedIOBase, most: int) -> None:
        self.file = file
        self.most = most
        self.position = 0
        self.headers = 0

    def tell(self) -> int:
        return self.position

    def read(self, size: int = -1) -> bytes:
        """Read bytes of a header."""
        self.headers += size
        if not 0 <= size <= MAX_HEADER or self.headers > MAX_HEADERS:
            raise _RefusedError("its headers are too large")
        data = self.take(size)
        if DIGITS.search(data):
            raise _RefusedError("one of its headers is a number of more than a hundred digits")
        return data

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Skip to ``position``."""
        if whence != io.SEEK_SET or position < self.position:
            raise _RefusedError("one of its members has a negative size")
        while self.position < position and self.take(min(BLOCK_SIZE, position - self.position)):
            pass
        return self.position

    def take(self, size: int) -> bytes:
        """Read the next bytes; fewer at the end of the archive."""
        data = self.file.read(size)
        self.position += len(data)
        if self.position > self.most:
            raise _RefusedError(f"it unpacks to more than {self.most:,} bytes")
        return data


def _decompressed(file: io.BufferedReader, head: bytes) -> io.BufferedIOBase:
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if BZ2.match(head):
        return bz2.BZ2File(file)
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(file)
    return file


def _from_tar(packed: io.BufferedReader, content: io.BufferedIOBase, member: str, limit: int) -> bytes:
    size = packed.seek(0, io.SEEK_END)
    packed.seek(0)
    unpacked = _Unpacked(content, limit + MAX_EXPANSION * size)
    found: bytes | None = None
    with tarfile.open(fileobj=unpacked, mode="r:", encoding="utf-8") as tar:
        while (info := tar.next()) is not None:
            if info.size < 0 or len(tar.pax_headers) > MAX_GLOBAL:
                raise _RefusedError("its headers are not valid")
            if _is_wanted(info.name, member, is_link=info.issym() or info.islnk()):
                _check_member(member, info.size, limit, found, is_file=info.isfile() and not info.issparse())
                found = unpacked.take(info.size)
                if len(found) < info.size:
                    raise _RefusedError(f"it ends in the middle of {member!r}")
    while unpacked.take(BLOCK_SIZE):  # to the end, where gz and xz store their checksums
        pass
    return _require(found, member)


def _from_zip(file: io.BufferedReader, member: str, limit: int) -> bytes:
    found: bytes | None = None
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = stat.S_IFMT(info.external_attr >> 16)  # 0 if it was not made on Unix
            if _is_wanted(info.filename, member, is_link=mode == stat.S_IFLNK):
                is_file = not info.is_dir() and mode in (0, stat.S_IFREG)
                _check_member(member, info.file_size, limit, found, is_file=is_file)
                # the memory that other methods need is not bounded
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _RefusedError(f"{member!r} is compressed with an unusual method")
                with archive.open(info) as unpacked:
                    found = unpacked.read(limit + 1)
                if len(found) != info.file_size:
                    raise _RefusedError(f"the size of {member!r} in it is not the stated one")
    return _require(found, member)


def _is_wanted(name: str, member: str, *, is_link: bool) -> bool:
    """Whether a name is that of the member. Raises _RefusedError for names out of the folder and for links to it."""
    windows = PureWindowsPath(name)  # it accepts both kinds of slashes
    if windows.anchor or ".." in windows.parts:
        raise _RefusedError(f"it holds the name {name[:200]!r}, which points outside of its folder")
    path, wanted = PurePosixPath(name), PurePosixPath(member)
    if is_link and path in (wanted, *wanted.parents):
        raise _RefusedError(f"it holds a link on the way to {member!r}")
    return path == wanted or path.name == member


def _check_member(member: str, size: int, limit: int, found: bytes | None, *, is_file: bool) -> None:
    if found is not None:
        raise _RefusedError(f"it holds {member!r} twice")
    if not is_file:
        raise _RefusedError(f"{member!r} is not an ordinary file in it")
    if size > limit:
        raise _RefusedError(f"{member!r} has {size:,} bytes in it, more than {limit:,}")


def _require(found: bytes | None, member: str) -> bytes:
    if found is None:
        raise _RefusedError(f"it does not hold {member!r}")
    return found
