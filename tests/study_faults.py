"""A small study of three runs, and what tests of its faults do to it: start, watch, hold and kill its processes."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import Outcome, ended, numbers, start, tagmates, write_corpus

from tagmates.training import train

SHORT, LONG = 4, 8  # epochs: to be done at once, and to be killed on the way
FOLDER = Path("runs", "s")
LOCAL = ("--engine", "local")
PROCESSES = ("--engine", "processes")
KEPT = ("result.json", "model.safetensors", "counts.npz", "config.json", "metrics.jsonl")  # of what is done
INTERRUPTED = "tagmates: interrupted; finished epochs are saved, and the same command continues"
PATIENCE = 300  # seconds until a test stops waiting and fails
STARTED: list[subprocess.Popen[bytes]] = []


def write_study(epochs: int, *, head: str = "", training: str = "") -> str:
    """The file of a study of three trainings (alone and together), with these lines in the place of its own."""
    top = {"data": '"corpus"', "vectors": '"random"', "regimes": '["single", "pair"]', "seeds": "[1]"}
    below = {"max_epochs": str(epochs), "stopping_patience": "100000", "batch_size": "4"}
    lines = []
    for title, values, more in (
        ("", top, head),
        ("[model]", {"hidden_size": "8"}, ""),
        ("[training]", below, training),
    ):
        given = dict(line.split(" = ", 1) for line in more.splitlines())
        lines += [title, *(f"{key} = {value}" for key, value in {**values, **given}.items())]
    Path("s.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "s.toml"


def undisturbed(folder: Path, epochs: int, **more: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_corpus(folder / "corpus")
        outcome = tagmates("study", "run", write_study(epochs, **more), *LOCAL)
        assert outcome.code == 0, outcome.err
        return all_numbers(FOLDER)


def run(file: str = "s.toml", *more: object) -> Outcome:
    """Run the study in this process, one training after the other."""
    return tagmates("study", "run", file, *LOCAL, *more)


def all_numbers(root: Path) -> dict[str, Any]:
    """The results of every finished run, by name."""
    return {path.parent.name: numbers(path.parent) for path in sorted(root.glob("runs/*/result.json"))}


def status(file: str = "s.toml") -> dict[str, Any]:
    outcome = tagmates("study", "status", file, "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def totals(file: str = "s.toml") -> tuple[int, int, int]:
    """Trainings done, failed and pending."""
    total = status(file)["total"]
    return total["done"], total["failed"], total["pending"]


def folder_of(tasks: str, root: Path = FOLDER) -> Path:
    """The run folder of these tasks (``pos``, ``ner`` or ``pos+ner``) with seed 1."""
    (found,) = root.glob(f"runs/*-{tasks}-1-*")
    return found


def epochs(tasks: str) -> bytes:
    """The metrics of the epochs that the run of these tasks has finished; empty where it has not begun."""
    paths = list(FOLDER.glob(f"runs/*-{tasks}-1-*/metrics.jsonl"))
    return paths[0].read_bytes() if paths else b""


Kept = Mapping[Path, tuple[bytes, int]]


def finished(root: Path = FOLDER) -> Kept:
    """The files of every training that is done, as they lie on the disk."""
    folders = [path.parent for path in root.glob("runs/*/result.json")]
    paths = [folder / name for folder in folders for name in KEPT]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def assert_kept(before: Kept, root: Path = FOLDER) -> None:
    """Nothing that was done has been lost, changed or written again."""
    now = finished(root)
    assert [str(path) for path, file in before.items() if now.get(path) != file] == []


def drive(*more: object, engine: str = "processes") -> subprocess.Popen[bytes]:
    """Start a driver as a shell would."""
    STARTED.append(start("study", "run", "s.toml", "--engine", engine, *more, start_new_session=True))
    return STARTED[-1]


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[bytes] | None = None) -> Any:
    """Look until it is there; fail where the process has ended before, or nothing comes of it."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert process is None or process.poll() is None, ended(process).err
        assert time.monotonic() < end, "nothing comes of it"
        time.sleep(0.005)
    return found


def parents() -> dict[int, int]:
    """Every living process's parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if state not in "ZX":
            found[int(path.parent.name)] = int(parent)
    return found


def workers(driver: subprocess.Popen[bytes], mark: bytes = b"spawn_main") -> list[int]:
    """The processes below a driver whose command has this mark."""
    found = []
    above = parents()
    for pid in above:
        ancestor = pid
        while ancestor in above and ancestor != driver.pid:
            ancestor = above[ancestor]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if ancestor == driver.pid != pid and mark in command:
            found.append(pid)
    return found


def are_gone(pids: list[int]) -> bool:
    return not parents().keys() & set(pids)


def has(tasks: str, count: int) -> Callable[[], bool]:
    return lambda: epochs(tasks).count(b"\n") >= count


def begun_at(tasks: str) -> list[int]:
    """The finished epochs from which the run of these tasks was begun or gone on with, each time."""
    log = (folder_of(tasks) / "train.log").read_text()
    return [int(number) for number in re.findall(r"run \w+: .*, epoch (\d+)\n", log)]


def no_traceback(outcome: Outcome) -> None:
    for word in ("Traceback", "Error", "Exception"):
        assert word not in outcome.err


# as sitecustomize.py: at one update of one run, a worker of a study acts
WORKER_HOOK = """
import importlib.util, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "tagmates.study.worker":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), change())
        return spec
sys.meta_path.insert(0, Finder())
def change():
    import os, signal, threading, time
    from pathlib import Path
    from tagmates.training.run import Run
    select = Run.select
    def changed(run):
        if "+".join(run.config.tasks) == "{tasks}" and (run.epoch, run.step) == ({epoch}, {step}):
            {act}
        return select(run)
    Run.select = changed
"""
COUNT = 'os.write(os.open("tries", os.O_WRONLY | os.O_APPEND | os.O_CREAT), b"x")'
HOLD = 'Path("held").touch(); [time.sleep(0.005) for _ in iter(Path("hold").exists, False)]'


@dataclass(frozen=True)
class Hook:
    """Changes every process that is started: at one update of one run it acts."""

    folder: Path
    patch: pytest.MonkeyPatch

    def set(self, tasks: str, act: str, epoch: int = 3, step: int = 1) -> None:
        self.folder.mkdir()
        code = WORKER_HOOK.format(tasks=tasks, act=act, epoch=epoch, step=step)
        (self.folder / "sitecustomize.py").write_text(code)
        self.patch.setenv("PYTHONPATH", str(self.folder))

    def hold(self, tasks: str) -> None:
        """Let the run of these tasks wait in the middle of its fourth epoch; then there is a file ``held``."""
        self.set(tasks, HOLD)
        Path("hold").touch()

    def release(self) -> None:
        """Let it go on, and hold nothing from now on."""
        Path("hold").unlink()
        shutil.rmtree(self.folder)


save_checkpoint = train.save_checkpoint  # as it is before a test puts another in its place


def interrupt(tasks: str, epoch: int) -> Outcome:
    """Run the study; Ctrl-C after this epoch of the run of these tasks."""
    heard = threading.Event()

    def saved(folder: Path, trained: Any) -> None:
        save_checkpoint(folder, trained)
        if "+".join(trained.config.tasks) == tasks and trained.epoch == epoch:
            os.kill(os.getpid(), signal.SIGINT)
            assert heard.wait(PATIENCE)

    def hear(*_: object) -> None:
        heard.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train, "save_checkpoint", saved)
            return run()
    finally:
        signal.signal(signal.SIGINT, before)


def rows_of(index: Path) -> set[str]:
    """The runs that an index knows, if it is whole."""
    with closing(sqlite3.connect(index)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name for (name,) in connection.execute("SELECT name FROM runs")}
