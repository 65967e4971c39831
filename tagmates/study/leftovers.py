"""What a finished run still has beside its scores: its tagger, and its epochs. Looks that are cheap for 10,000 runs."""

import json
import os
from pathlib import Path

from tagmates.files import read_file

MOST_HEADER_BYTES = 2**24


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
