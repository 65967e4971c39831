"""The metrics of a run's epochs: ``metrics.jsonl``, with a line for every finished epoch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tagmates.files import read_file, write_atomically

METRICS_FILE = "metrics.jsonl"


def write_metrics(folder: Path, epochs: Sequence[dict[str, Any]]) -> None:
    """Write the metrics of the finished epochs."""
    write_atomically(folder / METRICS_FILE, "".join(json.dumps(epoch) + "\n" for epoch in epochs).encode())


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The metrics of the finished epochs; none if the file is missing or damaged."""
    try:
        lines = read_file(folder / METRICS_FILE).decode().splitlines()
        return [epoch for line in lines if isinstance(epoch := json.loads(line), dict)]
    except (OSError, ValueError):
        return []
