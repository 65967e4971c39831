"""Give what run folders hold to an experiment tracker: their epochs, each once, and their final scores."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagmates.errors import ModelError
from tagmates.files import read_json
from tagmates.tracking.trackers import Begin, Numbers, OpenRun, TrackedRun
from tagmates.training.metrics import read_metrics

EVENTS = "tensorboard"  # the folder of TensorBoard's files in a run folder


@dataclass(slots=True)
class Follower:
    """Gives the epochs of run folders to a tracker, each once; ``end`` also gives the final scores."""

    begin: Begin
    events: Path | None = None  # the folder for files of events; None: in each run folder
    opened: dict[Path, OpenRun] = field(default_factory=dict)
    given: dict[Path, int] = field(default_factory=dict)  # the last epoch that was given

    def follow(self, folder: Path) -> bool:
        """Give the epochs that have ended since the last call; returns whether there is any epoch."""
        lines = epoch_lines(folder)
        if not lines:
            return False
        if folder not in self.opened:
            self.opened[folder] = self.begin(tracked_run(folder, lines, self.events))
            self.given[folder] = self.opened[folder].last_epoch
        for line in lines:
            if line["epoch"] > self.given[folder]:
                self.opened[folder].log(line["epoch"], epoch_numbers(line))
                self.given[folder] = line["epoch"]
        return True

    def end(self, folder: Path) -> bool:
        """Give the rest and the final scores, if the run is finished; returns whether there was any epoch."""
        if not self.follow(folder):
            return False
        self.opened.pop(folder).close(self.given.pop(folder), final_scores(folder))
        return True

    def end_all(self) -> None:
        """End the runs that are still open."""
        for folder in list(self.opened):
            self.end(folder)


def tracked_run(folder: Path, lines: Sequence[Mapping[str, Any]], events: Path | None) -> TrackedRun:
    """The training in a folder, with its settings; ``lines`` are its epochs.

    Its group is the study that it belongs to, else the name of the folder that holds its own.
    """
    folder = folder.resolve()
    above = folder.parent
    group = above.parent.name if above.name == "runs" and (above.parent / "study.json").exists() else above.name
    # the first line has the seconds that the epoch took, so it is another one if the run is trained again
    first = json.dumps([group, folder.name, lines[0]], sort_keys=True)
    key = hashlib.blake2b(first.encode(), digest_size=8).hexdigest()
    place = folder / EVENTS if events is None else events / group / folder.name
    return TrackedRun(group or "tagmates", folder.name, key, _flat(read_json(folder / "config.json")), place)


def epoch_lines(folder: Path) -> list[dict[str, Any]]:
    """The metrics of a run's epochs that say which epoch they are of."""
    return [line for line in read_metrics(folder) if "epoch" in line]


def epoch_numbers(line: Mapping[str, Any]) -> Numbers:
    """The numbers of an epoch's line: ``loss``, ``learning_rate``, ``dev/TASK``, …"""
    return {key: float(value) for key, value in _flat(line).items() if key != "epoch" and _is_number(value)}


def final_scores(folder: Path) -> Numbers | None:
    """The final scores of a finished run: ``final/test/TASK/f1``, …; None if the run is not finished."""
    try:
        result = read_json(folder / "result.json")
    except ModelError:
        return None
    splits = {split: result[split] for split in ("dev", "test") if isinstance(result.get(split), dict)}
    return {key: float(value) for key, value in _flat({"final": splits}).items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, str | int | float | bool]:
    """Nested values by their path, such as ``training/batch_size``; lists are written with commas."""
    flat: dict[str, str | int | float | bool] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}/")
        elif isinstance(value, str | int | float | bool):
            flat[f"{above}{key}"] = value
        elif value is not None:
            flat[f"{above}{key}"] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat
