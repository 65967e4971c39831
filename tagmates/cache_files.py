"""Files in a folder of the cache: several processes may write the same one, and the oldest make room for new ones."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from tagmates.files import UNFINISHED
from tagmates.private_folders import make_private

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
    for status, begun in _newest_first(newest.parent, UNFINISHED):
        if time.time() - status.st_mtime > UNFINISHED_AGE:
            begun.unlink(missing_ok=True)
    total = 0
    for status, path in _newest_first(newest.parent, newest.suffix):
        total += status.st_size
        if total > max_size and path != newest:
            path.unlink(missing_ok=True)


def _newest_first(folder: Path, suffix: str) -> list[tuple[os.stat_result, Path]]:
    """The files of a folder with this suffix, without those that another process removes meanwhile."""
    found = []
    for path in folder.glob(f"*{suffix}"):
        with suppress(FileNotFoundError):
            found.append((path.stat(), path))
    return sorted(found, key=lambda file: -file[0].st_mtime)
