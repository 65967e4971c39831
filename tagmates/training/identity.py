"""The identity of a folder's run: its configuration, vocabulary and data, compared when the run is resumed."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

from tagmates.config import RunConfig
from tagmates.data.task_data import data_difference
from tagmates.errors import ConfigError, OtherDataError
from tagmates.files import read_json, write_json
from tagmates.installed import VERSION
from tagmates.kernels.dispatch import kernels_on
from tagmates.model.pretrained import VECTORS_FILE, write_encoder, write_vectors
from tagmates.settings_parsing import parse
from tagmates.training.run import Run


def write_identity(folder: Path, run: Run, data: str) -> None:
    """Write ``config.json``, ``vocabulary.json`` and ``environment.json``; ``data`` is where the tasks came from."""
    write_json(folder / "config.json", run.config.model_dump(mode="json"))
    write_json(folder / "vocabulary.json", run.vocabulary.to_json())
    write_encoder(folder, run.module)
    if run.start.base is not None and Path(run.start.vectors.source).name == VECTORS_FILE:  # of the base's folder
        write_vectors(folder, run.start.vectors, torch.float16)
    environment = {
        "run_id": run.id,
        "data": data,
        "task_data": run.task_data,
        "vectors": run.start.vectors.source,
        **({} if run.start.encoder is None else {"encoder": run.start.name}),
        **({} if run.start.base is None else {"base": run.start.name}),
        "device": str(run.module.device),
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kernels": kernels_on(run.module.device),
        "tagmates": VERSION,
    }
    write_json(folder / "environment.json", environment)


def check_same_run(folder: Path, run: Run) -> None:
    """Check that the folder holds this run, or none.

    Raises ConfigError, which names the first setting that differs, and OtherDataError if the data or vectors differ.
    """
    path = folder / "config.json"
    if not path.exists():
        return
    # parsed, because a setting that is newer than the folder had its default value
    there, here = (
        config.model_dump(mode="json") for config in (parse(RunConfig, read_json(path), str(path)), run.config)
    )
    for key, old, new in _differences(there, here):
        raise ConfigError(
            f"{path}: was started with {key} = {old}, not {new}; repeat its settings, or start again with --force"
        )
    for name in ("environment.json", "result.json"):
        if (folder / name).exists():
            _check_same_data(folder / name, run)


def _check_same_data(path: Path, run: Run) -> None:
    values = read_json(path)
    old, known = values.get("run_id"), values.get("task_data")
    if old in (run.id, run.former_id) and known in (None, run.task_data):
        return
    what = data_difference(known, run.task_data) if isinstance(known, dict) else ""
    raise OtherDataError(
        f"{path}: run {old} was started with other {_parts(run)} than now (run {run.id})"
        f"{': ' if what else ''}{what}; give the same {'--data' if what else 'as then'}, or start again with --force"
    )


def _parts(run: Run) -> str:
    if run.start.base is not None:
        return "data, vectors or base"
    return "data or vectors" if run.start.encoder is None else "data or encoder"


def _differences(there: Any, here: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """The keys (``key.key``) whose values differ, each with both values."""
    if not isinstance(there, dict) or not isinstance(here, dict):
        return [] if there == here else [(prefix.removesuffix("."), there, here)]
    keys = sorted(there.keys() | here.keys())
    return [d for key in keys for d in _differences(there.get(key), here.get(key), f"{prefix}{key}.")]
