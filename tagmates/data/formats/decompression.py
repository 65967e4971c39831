"""Compressed files, and a guard against decompression bombs: small files that unpack to far more than honest ones."""

import bz2
import gzip
import lzma
import zlib
from io import BytesIO
from pathlib import Path

from tagmates.errors import DataError

MAX_EXPANSION = 100  # times the size of a file; text with tags is compressed to about a tenth
ALWAYS_ALLOWED = 2**22  # values or bytes, however small the file is
_READERS = ((b"\x1f\x8b\x08", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # how the first block begins, and the end of an empty file
_ZIP = b"PK\x03\x04"


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; of a file packed with gzip, bzip2 or xz, whatever its name, those that were packed.

    Raises OSError if it cannot be read, DataError for a damaged packed file, one that unpacks to far more than text
    does, and a zip archive.
    """
    data = path.read_bytes()
    if data.startswith(_ZIP):
        raise DataError(f"{path}: is packed (zip, or a spreadsheet): unpack it, or save it as text")
    opened = next((reader for sign, reader in _READERS if data.startswith(sign)), None)
    if opened is None or (opened is bz2.open and data[4:10] not in _BZIP2_BLOCKS):
        return data
    most = max(ALWAYS_ALLOWED, MAX_EXPANSION * len(data))
    try:
        with opened(BytesIO(data)) as file:
            unpacked = file.read(most + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path}: is packed, and damaged ({error}); copy it again, or unpack it") from None
    if len(unpacked) > most:
        raise DataError(f"{path}: unpacks to more than {most:,} bytes; it is damaged or meant to harm")
    return unpacked


def check_claim(path: Path, claimed: int, what: str) -> None:
    """Raise DataError if a file claims to hold more values or bytes than an honest file of its size."""
    size = path.stat().st_size
    if claimed > max(ALWAYS_ALLOWED, MAX_EXPANSION * size):
        raise DataError(f"{path}: claims to hold {claimed:,} {what} in {size:,} bytes; it is damaged or meant to harm")
