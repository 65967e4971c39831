"""Fast checks of the files of a finished run: is its tagger complete, and its list of epochs?"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.errors import ConfigError
from tagmates.study.plan import Combination
from tagmates.study.records import RunRecord
from tagmates.study.store import Store
from tagmates.training.metrics import METRICS_FILE, read_metrics

MAX_HEADER_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run of a study: its folder, what was trained in it, and whether its tagger can be loaded."""

    folder: Path
    combination: Combination
    seed: int
    has_tagger: bool


def run_folders(place: Path) -> list[Path]:
    """The folder of a run itself, or the folders of all runs of a study that have begun.

    Raises ConfigError if it is neither.
    """
    files = ("config.json", METRICS_FILE)  # a run that was copied may lack one
    if any((place / name).is_file() for name in files):
        return [place]
    found = sorted({path.parent for name in files for path in (place / "runs").glob(f"*/{name}")})
    if not found:
        raise ConfigError(f"{place}: holds no run; give the folder of a run, or of a study that has begun")
    return found


def first_with_tagger(store: Store, runs: Sequence[RunRecord]) -> FinishedRun:
    """Of the finished runs of a combination (at least one) the first whose tagger is there; if none is, the first."""
    found = [
        FinishedRun(folder, run.combination, run.seed, why_no_tagger(folder) is None)
        for run in runs
        for folder in [store.folder(run.name)]
    ]
    return next((run for run in found if run.has_tagger), found[0])


def why_no_tagger(folder: Path) -> str | None:
    """The reason why the tagger of a run cannot be used; None if its files have the right length."""
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
    """Whether ``metrics.jsonl`` has exactly one line for each of so many epochs."""
    return len(read_metrics(folder)) == epochs


def _holds_its_tensors(path: Path) -> bool:
    """Whether a safetensors file has the length that its header states."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, MAX_HEADER_BYTES))
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        return bool(size == 8 + length + max(ends, default=0))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return False


def _is_ended(path: Path) -> bool:
    """Whether a JSON file ends as tagmates writes it."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2))
        return file.read() == b"}\n"
