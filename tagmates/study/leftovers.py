"""What a finished run still has beside its scores: its tagger, and its epochs. Looks that are cheap for 10,000 runs."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.files import read_file
from tagmates.study.plan import Setting
from tagmates.study.record import Record
from tagmates.study.store import Store

MOST_HEADER_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run of a study: its folder, what was trained in it, and whether its tagger can be loaded."""

    folder: Path
    setting: Setting
    seed: int
    has_tagger: bool


def first_with_tagger(store: Store, runs: Sequence[Record]) -> FinishedRun:
    """Of the finished runs of one setting (at least one) the first whose tagger is there; where none is, the first."""
    found = [
        FinishedRun(folder, run.setting, run.seed, why_no_tagger(folder) is None)
        for run in runs
        for folder in [store.folder(run.name)]
    ]
    return next((run for run in found if run.has_tagger), found[0])


def why_no_tagger(folder: Path) -> str | None:
    """Which file keeps a finished run from tagging, and why; None where its files have the length that they should."""
    for name, is_whole in (("model.safetensors", _holds_its_tensors), ("vocabulary.json", _is_ended)):
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        try:
            if not is_whole(path):
                return f"{name} is truncated"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def has_epochs(folder: Path, epochs: int) -> bool:
    """Whether ``metrics.jsonl`` has a line for each of so many epochs."""
    try:
        lines = read_file(folder / "metrics.jsonl").split(b"\n")
    except (OSError, ValueError):
        return False
    return len(lines) == epochs + 1 and not lines[-1]


def _holds_its_tensors(path: Path) -> bool:
    """Whether a file is as long as the header of its tensors says (the format of safetensors)."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, MOST_HEADER_BYTES))
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        return bool(size == 8 + length + max(ends, default=0))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return False


def _is_ended(path: Path) -> bool:
    """Whether a file of JSON ends as tagmates ends one."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2))
        return file.read() == b"}\n"
