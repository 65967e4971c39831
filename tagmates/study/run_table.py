"""All finished runs of a study as one compressed file, to be kept in a repository or sent, and laid out again.

The file is JSON lines, compressed by xz. The first line is the study: ``study.json`` and ``affinities.json``. Every
other line is a run: its settings, result, environment, the metrics of its epochs, and the counts of each sentence. It
holds no text, no tagger and no path of a machine.
"""

import io
import json
import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tagmates.config import VECTOR_SOURCES
from tagmates.data.formats.decompression import MAX_EXPANSION
from tagmates.data.task_data import data_difference
from tagmates.errors import ModelError
from tagmates.files import read_file, read_json, write_atomically, write_json
from tagmates.settings_parsing import parse
from tagmates.study.affinities import FILE as AFFINITIES
from tagmates.study.record_reading import read_record
from tagmates.study.settings import StudySettings, setting_differences
from tagmates.study.store import Store
from tagmates.training.metrics import read_metrics, write_metrics

_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    lzma.LZMAError,
)
JSON_FILES = {"config": "config.json", "result": "result.json", "environment": "environment.json"}
# what ``--set`` may give a path
_PATH_SETTING = re.compile(r"\s*(data|vectors|encoder|model\s*\.\s*encoder|model\s*=.*\bencoder)\s*=")
MAX_BYTES = 2**30  # of an unpacked table; ten thousand runs of the paper's study have a tenth of it


@dataclass(frozen=True, slots=True)
class Collected:
    """The names of the runs that were added to a table or folder, and of those that it already had."""

    added: list[str]
    kept: list[str]


def collect_runs(store: Store, table: Path) -> Collected:
    """Add the finished runs of a study's folder to a table, which is made if it does not exist.

    Raises ModelError if a run's files are invalid, if the table's runs were trained on other data or with other
    settings, or if it has the same run with another result.
    """
    study, rows = read_table(table) if table.exists() else ({}, {})
    if study:
        _check_same_study(study["study"], table, store)
    added, kept = [], []
    for name in store.finished():
        read_record(store.folder(name))
        row = _read_run(store.folder(name))
        if name not in rows:
            rows[name] = row
            added.append(name)
        elif (rows[name]["result"], rows[name]["counts"]) == (row["result"], row["counts"]):
            kept.append(name)
        else:
            raise ModelError(
                f"{table}: has run {name} with another result than {store.folder(name)}; remove one of them"
            )
    study = {**study, "study": _without_paths(store.description())}
    if (store.root / AFFINITIES).exists():
        study["affinities"] = read_json(store.root / AFFINITIES)
    lines = [study, *({"name": name, **rows[name]} for name in sorted(rows))]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    write_atomically(table, lzma.compress(text.encode()))
    return Collected(added, kept)


def lay_out_runs(table: Path, root: Path) -> Collected:
    """Write the runs of a table as the folder of a study; runs that the folder already has are left as they are.

    Raises ModelError if the table is damaged, or if the folder is of other data or settings.
    """
    study, rows = read_table(table)
    added, kept = [], []
    if (root / "study.json").exists():
        _check_same_study(study["study"], table, Store(root))
    (root / "runs").mkdir(parents=True, exist_ok=True)
    if not (root / "study.json").exists():
        write_json(root / "study.json", study["study"])
    if "affinities" in study and not (root / AFFINITIES).exists():
        write_json(root / AFFINITIES, study["affinities"])
    for name, row in rows.items():
        folder = root / "runs" / name
        if (folder / "result.json").exists():
            kept.append(name)
            continue
        _write_run(folder, row)
        added.append(name)
    return Collected(added, kept)


def _check_same_study(study: Mapping[str, Any], table: Path, store: Store) -> None:
    """Raise ModelError if the ``study`` of a table has other data, model, training or vectors than that of a folder."""
    advice = "take another table or folder"
    if what := data_difference(study.get("task_data", {}), store.task_data()):
        raise ModelError(f"{table}: its runs were trained on other data than those in {store.root}: {what}; {advice}")
    there, here = (
        parse(StudySettings, _without_paths(own)["study"], str(place))
        for own, place in ((study, table), (store.description(), store.root / "study.json"))
    )
    alike = there.model_copy(update={"model": here.model, "training": here.training, "vectors": here.vectors})
    for key, own, other in setting_differences(there, alike):
        raise ModelError(
            f"{table}: its runs were trained with {key} = {own}, those in {store.root} with {other}; {advice}"
        )


def read_table(table: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The first line of a table, and its runs by name. Raises ModelError if it is missing or damaged."""
    try:
        lines = _unpacked(table).splitlines()
        study, *rows = map(json.loads, lines)
        runs = {str(row.pop("name")): row for row in rows}
        if not isinstance(study["study"], dict) or any(name != Path(name).name or name == ".." for name in runs):
            raise ValueError("it has no study, or a run without a proper name")
        for row in runs.values():
            objects = {"config", "result", *(row.keys() & JSON_FILES)}
            if not all(isinstance(row.get(key), dict) for key in objects):
                raise ValueError("its lines are no runs")
            _arrays(row)
    except _DAMAGE as error:
        raise ModelError(
            f"{table}: is not a table of runs ({type(error).__name__}: {error}); give one of tagmates study collect"
        ) from None
    return study, runs


def _unpacked(table: Path) -> str:
    content = read_file(table)
    unpacker = lzma.LZMADecompressor()
    text = unpacker.decompress(content, max(2**22, min(MAX_BYTES, MAX_EXPANSION * len(content))))
    if not unpacker.eof:
        raise ValueError("it is truncated, or unpacks to far more than it should")
    return text.decode()


def _read_run(folder: Path) -> dict[str, Any]:
    """A run as a line of the table."""
    row: dict[str, Any] = {
        key: read_json(folder / name) for key, name in JSON_FILES.items() if (folder / name).exists()
    }
    row["config"] = _without_folders(row["config"])
    if "environment" in row:
        row["environment"] = {**_without_folders(row["environment"]), "data": ""}
    if epochs := read_metrics(folder):  # there are none if only the scores of a run are left
        row["metrics"] = epochs
    with np.load(folder / "counts.npz", allow_pickle=False) as arrays:
        row["counts"] = {name: arrays[name].tolist() for name in arrays.files}
    return row


def _without_paths(study: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``study.json`` without the folders of data, vectors and encoder."""
    overrides = [each for each in study.get("set", []) if not _PATH_SETTING.match(each)]
    return {**study, "study": {**_without_folders(study["study"]), "data": ""}, "set": overrides, "data": ""}


def _without_folders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a study or run in which a file of vectors, an encoder and a base are named without their folders."""
    named: dict[str, Any] = {key: _name_alone(settings[key]) for key in ("vectors", "base") if key in settings}
    if settings.get("model", {}).get("encoder"):
        named["model"] = {**settings["model"], "encoder": _name_alone(settings["model"]["encoder"])}
    return {**settings, **named}


def _name_alone(place: str) -> str:
    """The name of a file or folder; anything that is not an absolute path stays as it is."""
    path = Path(place)
    if not path.is_absolute():
        return place
    return f"./{path.name}" if path.name in VECTOR_SOURCES else path.name


def _arrays(row: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of each sentence, by split and task, [sentences, 3]."""
    return {name: np.array(counts, dtype=np.int32).reshape(-1, 3) for name, counts in row["counts"].items()}


def _write_run(folder: Path, row: Mapping[str, Any]) -> None:
    """Write the files of a run; the result last, since it makes the run count as finished."""
    folder.mkdir(parents=True, exist_ok=True)
    with io.BytesIO() as file:
        np.savez_compressed(file, **_arrays(row))
        write_atomically(folder / "counts.npz", file.getvalue())
    if "metrics" in row:
        write_metrics(folder, row["metrics"])
    for key in ("environment", "config", "result"):
        if key in row:
            write_json(folder / JSON_FILES[key], row[key])
