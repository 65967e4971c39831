"""Files in a folder of the cache: several processes may write the same one, and the oldest make room for new ones."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from tagmates.private_folders import make_private

UNFINISHED = ".new"  # ends the name of a file that is being written
UNFINISHED_AGE = 24 * 3600  # seconds; what a killed process had begun to write is then removed


def write_cache_file(path: Path, write: Callable[[IO[bytes]], None], max_size: int) -> None:
    """Let ``write`` fill a file that becomes ``path`` when it is whole, in a folder that is made if it is missing.

    If the files of its kind are then larger than ``max_size`` bytes together, those that were not used for the longest
    time are removed, but never this one. Raises OSError if it cannot be written.
    """
    make_private(path.parent)
    with NamedTemporaryFile(dir=path.parent, suffix=UNFINISHED, delete=False) as file:
        made = Path(file.name)
        try:
            write(file)
            file.close()
            made.replace(path)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
    _remove_oldest(path, max_size)


def _remove_oldest(newest: Path, max_size: int) -> None:
    for begun in newest.parent.glob(f"*{UNFINISHED}"):
        if time.time() - begun.stat().st_mtime > UNFINISHED_AGE:
            begun.unlink(missing_ok=True)
    kind = newest.parent.glob(f"*{newest.suffix}")
    total = 0
    for status, path in sorted(((path.stat(), path) for path in kind), key=lambda found: -found[0].st_mtime):
        total += status.st_size
        if total > max_size and path != newest:
            path.unlink(missing_ok=True)
