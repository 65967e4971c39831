"""Learning curves: dev F1, loss and learning rate after every epoch, from the metrics of runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagmates.errors import ConfigError, ModelError
from tagmates.files import read_file, read_json
from tagmates.study.run_files import run_folders
from tagmates.training.metrics import METRICS_FILE

TICKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of one run after each of its epochs."""

    name: str
    updates: tuple[int, ...]
    loss: tuple[float, ...]
    learning_rate: tuple[float, ...]
    dev_mean: tuple[float, ...]  # empty without a dev set
    dev: Mapping[str, tuple[float, ...]]  # by task
    best: int  # the index of the run's best epoch
    strict: bool = False  # whether a score must exceed the best one to be the best (setting ``patience``)

    def to_json(self) -> dict[str, Any]:
        """All values, for other programs."""
        return {
            "run": self.name,
            "updates": self.updates,
            "loss": self.loss,
            "learning_rate": self.learning_rate,
            "dev_mean": self.dev_mean,
            "dev": dict(self.dev),
        }


def read_curves(places: Sequence[Path]) -> list[Curve]:
    """The curves of these run folders, and of all runs of these study folders, in order.

    A run that still trains has the epochs that it has finished. Raises ConfigError for a folder that is neither, or of
    which no run has finished an epoch.
    """
    found = []
    for place in places:
        curves = [curve for folder in run_folders(place) if (curve := _read_curve(folder)) is not None]
        if not curves:
            raise ConfigError(f"{place}: has no finished epoch ({METRICS_FILE}); wait for it, or give another folder")
        found += curves
    return found


def _read_curve(folder: Path) -> Curve | None:
    path = folder / METRICS_FILE
    if not path.exists():
        return None
    try:
        lines = read_file(path).decode().split("\n")[:-1]  # in a copy that is under way, the last line has no end
        rows = [json.loads(line) for line in lines]
        if not rows:
            return None
        return Curve(
            str(folder),
            tuple(int(row["updates"]) for row in rows),
            tuple(float(row["loss"]) for row in rows),
            tuple(float(row["learning_rate"]) for row in rows),
            tuple(float(row["dev_mean"]) for row in rows if row["dev_mean"] is not None),
            {str(task): tuple(float(row["dev"][task]) for row in rows) for task in rows[0]["dev"]},
            int(rows[-1]["best_epoch"]) - 1,
            _is_strict(folder),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: is damaged or not from tagmates ({error}); leave this run out") from None


def _is_strict(folder: Path) -> bool:
    path = folder / "config.json"
    return path.exists() and bool(read_json(path).get("training", {}).get("patience") == "strict")


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """The course of some values as one line of blocks, from the lowest to the highest of them."""
    count = min(width, len(values))
    shown = [values[round(i * (len(values) - 1) / max(count - 1, 1))] for i in range(count)]
    low, high = min(shown), max(shown)
    scale = (len(TICKS) - 1) / (high - low) if high > low else 0.0
    return "".join(TICKS[round((value - low) * scale)] for value in shown)
