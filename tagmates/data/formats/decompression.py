"""A guard against decompression bombs: small files that would unpack to far more than an honest file does."""

from pathlib import Path

from tagmates.errors import DataError

MAX_EXPANSION = 100  # times the size of a file; text with tags is compressed to about a tenth
ALWAYS_ALLOWED = 2**22  # values or bytes, however small the file is


def check_claim(path: Path, claimed: int, what: str) -> None:
    """Raise DataError if a file claims to hold more values or bytes than an honest file of its size."""
    size = path.stat().st_size
    if claimed > max(ALWAYS_ALLOWED, MAX_EXPANSION * size):
        raise DataError(f"{path}: claims to hold {claimed:,} {what} in {size:,} bytes; it is damaged or meant to harm")
