"""The record of a finished run, read from its folder, and the difference between its data and those of its study."""

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tagmates.config import RunConfig
from tagmates.data.task_data import TaskData, data_difference
from tagmates.errors import ConfigError, ModelError
from tagmates.failures import RESOURCE_ERRORS
from tagmates.files import read_file, read_json
from tagmates.settings_parsing import parse
from tagmates.study.index import Stamp
from tagmates.study.plan import Combination, run_name
from tagmates.study.records import RunRecord
from tagmates.study.significance import SentenceCounts

NEEDED_FILES = ("result.json", "config.json", "counts.npz")  # of a finished run
UNRECORDED_DATA = "does not record the data that it was trained and scored on, as it is from an earlier tagmates"


def read_record(folder: Path) -> RunRecord:
    """Read a finished run with its counts. Raises ModelError that names the missing or invalid file."""
    result, path = read_json(folder / "result.json"), folder / "config.json"
    try:
        config = parse(RunConfig, read_json(path), str(path))
    except ConfigError as error:
        raise ModelError(str(error)) from None
    if run_name(config) != folder.name:  # the folder was copied over another one
        raise ModelError(f"{path}: is of another run ({run_name(config)})")
    counts = _read_counts(folder / "counts.npz")
    try:
        if (result["sharing"], tuple(result["tasks"]), result["seed"]) != (config.sharing, config.tasks, config.seed):
            raise ValueError("config.json is of another run")
        test = _scores(result.get("test", {}))
        if not counts.keys() <= test.keys():
            raise ValueError("counts.npz has other tasks")
        return RunRecord(
            name=folder.name,
            combination=Combination(config.sharing, config.tasks),
            seed=config.seed,
            dev=_scores(result["dev"]),
            test=test,
            updates=int(result["updates"]),
            epochs=int(result["epochs"]),
            stopped=str(result["stopped"]),
            seconds=float(result["seconds"]),
            parameters=int(result["parameters"]),
            counts=counts,
            embeddings=result.get("task_embeddings", {}),
            task_data={task: dict(some) for task, some in result.get("task_data", {}).items()},
            vectors=str(result.get("vectors", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / 'result.json'}: is not that of a finished run ({error})") from None


def _scores(values: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    scores = {task: float(some["f1"]) for task, some in values.items()}
    for task, f1 in scores.items():
        if not 0 <= f1 <= 100:  # also refuses NaN
            raise ValueError(f"F1 of {task} is {f1}")
    return scores


def _read_counts(path: Path) -> dict[str, SentenceCounts]:
    try:
        with io.BytesIO(read_file(path)) as file, np.load(file, allow_pickle=False) as arrays:
            names = {name: name.removeprefix("test/") for name in arrays.files if name.startswith("test/")}
            counts: dict[str, SentenceCounts] = {
                t: np.asarray(arrays[name], dtype=np.int32) for name, t in names.items()
            }
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, OSError) and error.errno in RESOURCE_ERRORS:
            raise  # the file may be valid
        raise ModelError(f"{path}: is missing or truncated ({error})") from None
    for task, array in counts.items():
        if array.ndim != 2 or array.shape[1] != 3 or (array < 0).any():
            raise ModelError(f"{path}: test/{task} are no counts (sentences, 3) but {array.shape}")
    return counts


def data_mismatch(record: RunRecord, task_data: Mapping[str, TaskData], vectors: str) -> str:
    """The difference between a run's data and its study's, in words; empty if there is none."""
    own = {task: task_data.get(task, {}) for task in record.combination.tasks}
    if any(some.keys() - record.task_data.get(task, {}).keys() for task, some in own.items()):
        return UNRECORDED_DATA
    what = data_difference(record.task_data, own)
    if what:
        return f"was trained or scored on other data: {what}"
    if record.vectors and vectors and record.vectors != vectors:
        return f"was trained with vectors {record.vectors}, the study has {vectors}"
    return ""


def run_stamp(folder: Path) -> Stamp | None:
    """A stamp that changes with each of the files that are read; None while the run is not done."""
    parts = []
    for name in NEEDED_FILES:
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116  (of 10,000 folders)
        except OSError:
            if name == "result.json":
                return None
            parts.append("-")
        else:
            parts.append(f"{status.st_mtime_ns}:{status.st_size}")
    return " ".join(parts)
