"""Files that hold little and claim much: refused before what they claim is made of them."""

from pathlib import Path

from tagmates.errors import DataError

MAX_EXPANSION = 100  # times the bytes of a file: text, its tags too, packs to a tenth or so
ALWAYS_ALLOWED = 2**22  # however small the file is


def check_claim(path: Path, claimed: int, what: str) -> None:
    """Raise DataError where a file claims to hold more values, bytes or the like than it can in earnest."""
    size = path.stat().st_size
    if claimed > max(ALWAYS_ALLOWED, MAX_EXPANSION * size):
        raise DataError(f"{path}: claims to hold {claimed:,} {what} in {size:,} bytes; it is damaged or meant to harm")
