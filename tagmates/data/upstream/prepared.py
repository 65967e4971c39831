"""The folder of a prepared task: three files (token, tab, tag) and their provenance. It is complete or does not exist.

The files are written to a temporary folder, which is then renamed. So a fetch that is killed leaves the task as it was
or without a folder, but never with the training set of one mode and the test set of the other.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from tagmates.config import Settings
from tagmates.data.formats.columns import format_columns
from tagmates.data.sentence import Sentence
from tagmates.data.upstream.download import sha256_of
from tagmates.data.upstream.sources import Mode
from tagmates.errors import ConfigError, DataError, DiskError
from tagmates.failures import what_to_do
from tagmates.files import write_atomically, write_json

PROVENANCE_FILE = "SOURCE.json"
Verified = Literal["sha256", "git blob", "unverified"]


class UsedFile(Settings):
    """A published file that a task was made from, and how it was verified."""

    source: str
    name: str
    sha256: str
    verified: Verified


class WrittenSplit(Settings):
    """The size and checksum of a written split."""

    sentences: int
    sha256: str


class Provenance(Settings):
    """``SOURCE.json``: the sources of a task, their terms, and the splits that were written."""

    task: str
    mode: Mode
    sources: tuple[dict[str, str], ...]  # name, title, homepage, licence, terms
    files: tuple[UsedFile, ...]
    splits: dict[str, WrittenSplit]


def provenance_of(folder: Path) -> Provenance | None:
    """The provenance in the folder of a task; None if it is missing or cannot be read."""
    try:
        return Provenance.model_validate_json((folder / PROVENANCE_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def check_replaceable(folder: Path, mode: Mode) -> None:
    """Raise ConfigError unless the folder is missing or holds only unchanged files of an earlier fetch in this mode."""
    if not os.path.lexists(folder):
        return
    advice = "choose another --output-dir, or move the folder away"
    if folder.is_symlink() or not os.access(folder, os.W_OK):  # otherwise the old folder could not be removed
        raise ConfigError(f"{folder}: is a link or write-protected; {advice}")
    made = provenance_of(folder)
    if made is None:
        raise ConfigError(f"{folder}: was not made by tagmates data fetch; {advice}")
    if made.mode != mode:
        raise ConfigError(f"{folder}: holds the task in mode {made.mode}, not {mode}; {advice}")
    for path in sorted(folder.iterdir()):
        written = made.splits.get(path.stem) if path.suffix == ".conll" else None
        if path.name != PROVENANCE_FILE and (written is None or sha256_of(path) != written.sha256):
            raise ConfigError(f"{path}: is not as tagmates data fetch wrote it; {advice}")


def write_task(folder: Path, splits: Mapping[str, Sequence[Sentence]], record: Mapping[str, Any]) -> Provenance:
    """Write the splits of a task and ``SOURCE.json``, replacing an existing folder.

    ``record`` is the provenance without the splits. Raises DataError for sentences that a column file cannot hold,
    DiskError if the disk is full.
    """
    new, old = (folder.with_name(f".{folder.name}.{what}") for what in ("new", "old"))
    written = {}
    try:
        _settle(folder, new, old)
        new.mkdir(parents=True)
        for split, sentences in splits.items():
            path = new / f"{split}.conll"
            rows = (zip(s.tokens, (tag or "_" for tag in s.labels), strict=True) for s in sentences)
            try:
                write_atomically(path, "".join(format_columns(rows)).encode())
            except DataError as error:
                raise DataError(f"{folder.name} {split}: {error}") from None
            written[split] = WrittenSplit(sentences=len(sentences), sha256=sha256_of(path))
        made = Provenance(**record, splits=written)
        write_json(new / PROVENANCE_FILE, made.model_dump(mode="json"))
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as error:
        advice = f"{what_to_do(error)}, or choose another place"
        raise DiskError(f"{folder}: cannot be written ({error.strerror}); {advice}") from None
    finally:
        _settle(folder, new, old)
    return made


def _settle(folder: Path, new: Path, old: Path) -> None:
    """Clean up after a write, even an interrupted one: restore the old folder unless the new one is in place."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
