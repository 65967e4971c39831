"""Faults while a study runs, each of which is really caused: nothing that is done is lost or changes.

The first half runs in this process. What kills processes, fills disks and takes minutes is marked slow.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import Outcome, ended, numbers, refused, remount, start, tagmates, tree, write_corpus

from tagmates.errors import ModelError, OutOfMemoryError
from tagmates.files import read_json, read_tensors
from tagmates.installed import get_extra
from tagmates.study import worker
from tagmates.study.record_reading import read_record
from tagmates.study.settings import StudySettings
from tagmates.study.store import Store
from tagmates.training import train
from tagmates.training.folder import LOCK, WRITTEN_NAMES
from tagmates.training.run import Run

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


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a corpus of two tasks, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    write_corpus(tmp_path / "corpus")
    yield tmp_path
    for process in STARTED:  # where a test has failed
        process.kill()
        process.communicate()
    STARTED.clear()


def undisturbed(folder: Path, epochs: int, **more: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_corpus(folder / "corpus")
        outcome = tagmates("study", "run", write_study(epochs, **more), *LOCAL)
        assert outcome.code == 0, outcome.err
        return all_numbers(FOLDER)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the short study has been trained, undisturbed and with one thread; never to be written to."""
    folder = tmp_path_factory.mktemp("short")
    undisturbed(folder, SHORT)
    return folder


@pytest.fixture(scope="module")
def short(whole: Path) -> dict[str, Any]:
    """The results of the runs of the short study."""
    return all_numbers(whole / FOLDER)


@pytest.fixture
def trained(whole: Path, here: Path) -> None:
    """A copy of the short study, all of it done."""
    shutil.copytree(whole / FOLDER, FOLDER)
    write_study(SHORT)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of the runs of the long study."""
    return undisturbed(tmp_path_factory.mktemp("long"), LONG)


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


# --- runs that fail --------------------------------------------------------------------------------------------------


def poisoned(folder: Path, trained: Any) -> None:
    """Save an epoch; after the first one of a run with ner its parameters are no numbers any more."""
    save_checkpoint(folder, trained)
    if trained.epoch == 1 and "ner" in trained.config.tasks:
        with torch.no_grad():
            trained.module.words.fill_(float("nan"))


save_checkpoint = train.save_checkpoint


@pytest.mark.slow
def test_a_loss_that_is_not_finite_fails_its_run_alone(short: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(SHORT)
    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", poisoned)
        outcome = run()
    assert outcome.code == 3
    assert outcome.err.count("the loss is nan") == 2 * 2  # of two runs, as it happens and at the end
    assert "retried" not in outcome.err
    assert "2 runs failed" in outcome.err
    assert "--retry-failed" in outcome.err
    assert totals() == (1, 2, 0)
    for tasks in ("ner", "pos+ner"):
        failure = read_json(folder_of(tasks) / "failed.json")
        assert "update 1 of" in failure["error"]
        assert "the state after epoch 1 is kept" in failure["error"]
        assert "TrainingError" in failure["traceback"]
        (line,) = (folder_of(tasks) / "metrics.jsonl").read_text().splitlines()
        _, metadata = read_tensors(folder_of(tasks) / "checkpoint.safetensors")
        assert json.loads(metadata["state"])["history"] == [json.loads(line)]

    before = tree(FOLDER / "runs")
    assert run().code == 3
    assert tree(FOLDER / "runs") == before
    kept = finished()
    assert run("s.toml", "--retry-failed").code == 0
    assert all_numbers(FOLDER) == short  # from the last good epoch on
    assert not list(FOLDER.rglob("failed.json"))
    assert_kept(kept)


@pytest.mark.slow
def test_a_loss_that_overflows_at_once(short: dict[str, Any]) -> None:
    write_study(SHORT, training="loss_weights = {ner = 3e38}")
    outcome = run()
    assert outcome.code == 3
    assert totals() == (1, 2, 0)
    assert "epoch 1, update 1 of" in read_json(folder_of("ner") / "failed.json")["error"]


@pytest.mark.slow
def test_a_run_that_crashes_is_tried_again_and_then_left(
    short: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[tuple[str, ...]] = []

    def crash(run: Run, *args: Any, **more: Any) -> Any:
        tries.append(run.config.tasks)
        if "ner" in run.config.tasks:
            raise ValueError("of all things")
        return train.run_in_folder(run, *args, **more)

    write_study(SHORT)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "run_in_folder", crash)
        outcome = run("s.toml", "--retries", "1")
        assert outcome.code == 3
        assert tries.count(("ner",)) == tries.count(("pos", "ner")) == 2
        assert tries.count(("pos",)) == 1
        assert outcome.err.count("retried") == 2
        failure = read_json(folder_of("ner") / "failed.json")
        assert failure["error"] == "ValueError: of all things"
        assert 'raise ValueError("of all things")' in failure["traceback"]
        assert f"failed: {folder_of('ner').name}: ValueError: of all things\n" in outcome.err
        assert str(folder_of("ner") / "failed.json") in outcome.err

        assert run().code == 3
        assert len(tries) == 5
        assert run("s.toml", "--retry-failed", "--retries", "0").code == 3
        assert len(tries) == 7
    shown = tagmates("study", "status", "s.toml")
    assert f"failed: {folder_of('ner').name}: ValueError: of all things\n" in shown.out
    assert run("s.toml", "--retry-failed").code == 0
    assert all_numbers(FOLDER) == short


# --- Ctrl-C and time -------------------------------------------------------------------------------------------------


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


@pytest.mark.slow
def test_ctrl_c_keeps_every_finished_epoch(short: dict[str, Any]) -> None:
    write_study(SHORT)
    outcome = interrupt("ner", 2)
    assert outcome.code == 130
    assert outcome.err.endswith(f"\n{INTERRUPTED}\n")
    assert outcome.err.count("\n") == 2  # and the run that was done
    epochs = (folder_of("ner") / "metrics.jsonl").read_bytes()
    assert epochs.count(b"\n") >= 2
    assert totals() == (1, 0, 2)
    kept = finished()
    assert run().code == 0
    assert_kept(kept)
    assert (folder_of("ner") / "metrics.jsonl").read_bytes().startswith(epochs)
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_no_time_is_no_training(short: dict[str, Any]) -> None:
    write_study(SHORT)
    outcome = run("s.toml", "--time-limit", "0s")
    assert (outcome.code, outcome.err.splitlines()[1:]) == (0, ["pending: 3 runs; the same command continues"])
    assert totals() == (0, 0, 3)
    assert run().code == 0
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_a_time_limit_stops_after_an_epoch(short: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(SHORT)
    now, past = time.time, [0.0]

    def saved(folder: Path, trained: Any) -> None:
        save_checkpoint(folder, trained)
        past[0] += 1000  # seconds that this epoch took

    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", saved)
        patch.setattr(time, "time", lambda: now() + past[0])
        outcome = run("s.toml", "--time-limit", "3500s")
    assert outcome.code == 0
    assert outcome.err.splitlines()[-1] == "pending: 3 runs; the same command continues"
    assert "paused stl-pos" in outcome.err
    assert epochs("pos").count(b"\n") == 3  # another would take too long
    saved_epochs = epochs("pos")
    assert run().code == 0
    assert epochs("pos").startswith(saved_epochs)
    assert all_numbers(FOLDER) == short


# --- files that are broken -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "name", ["result.json", *(pytest.param(name, marks=pytest.mark.slow) for name in ("config.json", "counts.npz"))]
)
def test_a_truncated_file_of_a_finished_run(short: dict[str, Any], name: str) -> None:
    path = folder_of("pos") / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    kept = {file: state for file, state in finished().items() if file.parent != path.parent}
    before = tree(FOLDER)
    found = status()
    assert (found["total"]["done"], found["total"]["pending"]) == (2, 1)
    assert list(found["broken"]) == [path.parent.name]
    assert str(path) in found["broken"][path.parent.name]
    assert f"broken: {path}: is " in tagmates("study", "status", "s.toml").out
    assert tree(FOLDER) == before

    outcome = run()
    assert outcome.code == 0
    (aside,) = (FOLDER / "set-aside").iterdir()
    assert re.search(rf"tagmates: {path}: is .*truncated.*; the run is trained again, .* in {aside}\n", outcome.err)
    assert tree(aside) == {
        k.removeprefix(f"runs/{path.parent.name}/"): v for k, v in before.items() if f"{path.parent.name}/" in k
    }
    assert totals() == (3, 0, 0)
    assert all_numbers(FOLDER) == short
    assert_kept(kept)


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint.safetensors",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("config.json", "environment.json")),
    ],
)
@pytest.mark.slow
def test_a_truncated_file_of_a_run_that_had_begun(short: dict[str, Any], name: str) -> None:
    write_study(SHORT)
    assert interrupt("ner", 2).code == 130
    path, kept = folder_of("ner") / name, finished()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert totals() == (1, 0, 2)
    outcome = run()
    assert outcome.code == 0
    (aside,) = (FOLDER / "set-aside").iterdir()
    assert re.search(
        rf"tagmates: \S*{path}: is .*truncated.*; the run is trained again, .* in \S*{aside}\n", outcome.err
    )
    assert (aside / "metrics.jsonl").read_text().count("\n") >= 2
    assert all_numbers(FOLDER) == short
    assert_kept(kept)


@pytest.mark.usefixtures("trained")
def test_bytes_that_flip_in_the_counts_are_noticed_or_harmless() -> None:
    path = folder_of("pos") / "counts.npz"
    whole, good = read_record(path.parent).counts, path.read_bytes()
    for place in range(0, len(good), 3):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            counts = read_record(path.parent).counts
        except ModelError as error:
            assert str(path) in str(error)
        else:
            assert {task: array.tolist() for task, array in counts.items()} in (
                {task: array.tolist() for task, array in whole.items()},
                {},  # another name of the array
            )


@pytest.mark.usefixtures("trained")
def test_a_truncated_study_json_is_one_line_and_loses_nothing() -> None:
    path = FOLDER / "study.json"
    path.write_bytes(path.read_bytes()[:50])
    for args in (("run", "s.toml", *LOCAL), ("run", FOLDER, *LOCAL), ("status", FOLDER)):
        line = refused(1, rf"{path}: is truncated", "study", *args)
        assert "delete it and run the study's file" in line
    kept = finished()
    path.unlink()
    assert run().code == 0
    assert_kept(kept)
    assert json.loads(path.read_text())["task_data"].keys() == {"pos", "ner"}


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_a_folder(path: Path) -> None:
    path.symlink_to("/")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "spoil",
    [a_folder, a_link_to_nothing, a_pipe, a_link_to_a_folder],
)
@pytest.mark.slow
def test_what_is_in_the_place_of_any_file_of_a_run_is_set_aside(
    short: dict[str, Any], spoil: Callable[[Path], None]
) -> None:
    """A run that is not done, each time with another of its files spoiled; the others go on and lose nothing."""
    kept = {file: state for file, state in finished().items() if file.parent != folder_of("pos")}
    path = folder_of("pos")
    for name in sorted({*WRITTEN_NAMES, "checkpoint.safetensors"}):
        if spoil is not a_folder and name not in {LOCK, "config.json", "result.json", "train.log", "failed.json"}:
            continue  # these are opened in all the ways that there are
        if name != "result.json":
            (path / "result.json").unlink()
        (path / name).unlink(missing_ok=True)
        spoil(path / name)
        assert list(status()["broken"]) == [path.name], name
        before = set(FOLDER.glob("set-aside/*"))
        outcome = run()
        assert outcome.code == 0, (name, outcome.err)
        (aside,) = set(FOLDER.glob("set-aside/*")) - before
        assert re.search(rf"tagmates: {path / name}: is .*; the run is trained again, .* in {aside}\n", outcome.err)
        assert os.path.lexists(aside / name)
        assert all_numbers(FOLDER) == short, name
    assert_kept(kept)


@pytest.mark.usefixtures("trained")
@pytest.mark.slow
def test_what_is_in_the_place_of_a_run_folder_is_set_aside(short: dict[str, Any]) -> None:
    for spoil in (Path.touch, a_link_to_nothing):
        path = folder_of("pos")
        shutil.rmtree(path)
        spoil(path)
        assert list(status()["broken"]) == [path.name]
        assert run().code == 0
        assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_a_folder_in_the_place_of_a_file_while_a_run_trains(
    short: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(SHORT)
    spoiled: list[Path] = []

    def saved(folder: Path, trained: Any) -> None:
        if not spoiled and trained.config.tasks == ("ner",):
            spoiled.append(folder)
            (folder / "metrics.jsonl").unlink()
            (folder / "metrics.jsonl").mkdir()
        save_checkpoint(folder, trained)

    monkeypatch.setattr(train, "save_checkpoint", saved)
    outcome = run()
    assert outcome.code == 0, outcome.err
    assert f"{spoiled[0] / 'metrics.jsonl'}: cannot be written (Is a directory)" in outcome.err
    assert (FOLDER / "set-aside").is_dir()
    assert all_numbers(FOLDER) == short


@pytest.mark.usefixtures("trained")
def test_a_finished_run_that_has_lost_its_tagger_is_named() -> None:
    found = status()
    assert (found["without_tagger"], found["without_epochs"]) == ({}, [])
    assert "no tagger" not in tagmates("study", "status", "s.toml").out
    model, metrics = folder_of("pos") / "model.safetensors", folder_of("ner") / "metrics.jsonl"
    whole = model.read_bytes()
    metrics.write_bytes(metrics.read_bytes()[:-2])
    for content in (None, b"", whole[:7], whole[:100], whole[:-1], whole + b"x"):
        model.unlink(missing_ok=True)
        if content is not None:
            model.write_bytes(content)
        found = status()
        assert found["total"]["done"] == 3
        why = f"model.safetensors is {'missing' if content is None else 'truncated'}"
        assert found["without_tagger"] == {folder_of("pos").name: why}
        assert found["without_epochs"] == [folder_of("ner").name]
        out = tagmates("study", "status", "s.toml").out
        assert f"no tagger in {folder_of('pos').name} ({why}): the scores count" in out
        assert f"no whole metrics.jsonl in {folder_of('ner').name}: " in out
    model.write_bytes(whole)
    vocabulary = folder_of("pos") / "vocabulary.json"
    vocabulary.write_bytes(vocabulary.read_bytes()[:-1])
    assert status()["without_tagger"] == {folder_of("pos").name: "vocabulary.json is truncated"}


@pytest.mark.usefixtures("trained")
def test_a_copy_of_the_scores_alone_is_one_line() -> None:
    for model in FOLDER.rglob("model.safetensors"):
        model.unlink()
    out = tagmates("study", "status", "s.toml").out
    assert out.count("no tagger") == 1
    assert "no tagger in any of 3 finished runs: their scores count" in out
    assert folder_of("pos").name not in out


@pytest.mark.usefixtures("trained")
def test_a_truncated_tagger_is_not_offered() -> None:
    for model in FOLDER.rglob("model.safetensors"):
        assert tagmates("study", "recommend", "s.toml", "--task", "pos", "--json").code == 0
        os.truncate(model, model.stat().st_size - 1)
    outcome = tagmates("study", "recommend", "s.toml", "--task", "pos", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["trained"] == ""


# --- disks without locks, too little memory --------------------------------------------------------------------------

NO_FLOCK = """
#include <errno.h>
int flock(int file, int operation) { errno = %d; return -1; }
"""


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
@pytest.mark.slow
def test_a_disk_without_locks_ends_at_once_and_no_lock_does_without(
    number: int, short: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no flock, in the driver and in its workers."""
    (here / "flock.c").write_text(NO_FLOCK % number)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "flock.so", "flock.c"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(here / "flock.so"))
    write_study(SHORT)
    outcome = ended(drive())
    assert outcome.code == 1
    said = rf"tagmates: {FOLDER}: its file system has no file locks \(.*\); give --no-lock if .* another disk\n"
    assert re.fullmatch(said, outcome.err), outcome.err
    outcome = ended(drive("--no-lock"))
    assert outcome.code == 0, outcome.err
    assert all_numbers(FOLDER) == short
    assert not list(FOLDER.rglob(LOCK))


@pytest.mark.slow
def test_run_folders_on_a_disk_without_locks_end_it_too(
    short: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is marked as failed for it."""
    write_study(SHORT)
    assert run("s.toml", "--time-limit", "0s").code == 0
    shutil.move(FOLDER / "runs", here / "elsewhere")
    (FOLDER / "runs").symlink_to(here / "elsewhere")
    flock = fcntl.flock

    def only_here(file: int, operation: int) -> None:
        if "elsewhere" in str(Path(f"/proc/self/fd/{file}").readlink()):
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        flock(file, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", only_here)
        outcome = run()
        assert outcome.code == 1
        assert re.fullmatch(r"tagmates: \S+/runs/stl-pos-\S+: its file system has no file locks .*\n", outcome.err)
        assert totals() == (0, 0, 3)
        assert run("s.toml", "--no-lock").code == 0
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_too_little_memory_stops_a_study_and_loses_nothing(
    short: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(SHORT)

    def saved(folder: Path, trained: Any) -> None:
        save_checkpoint(folder, trained)
        if trained.config.tasks == ("ner",) and trained.epoch == 2:
            torch.empty(2**60)

    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", saved)
        with pytest.raises(OutOfMemoryError) as caught:  # __main__ prints it and ends the process
            run()
    assert str(caught.value).startswith(f"{folder_of('ner').name}: there is not enough memory")
    assert "fewer --workers; finished epochs are saved" in str(caught.value)
    assert totals() == (1, 0, 2)
    epochs_before = epochs("ner")
    assert run().code == 0
    assert epochs("ner").startswith(epochs_before)
    assert all_numbers(FOLDER) == short


# --- the index -------------------------------------------------------------------------------------------------------


def rows_of(index: Path) -> set[str]:
    """The runs that an index knows, if it is whole."""
    with closing(sqlite3.connect(index)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name for (name,) in connection.execute("SELECT name FROM runs")}


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE runs")
        connection.execute("CREATE TABLE runs (other TEXT)")
        connection.execute("PRAGMA user_version = 99")


def with_foreign_rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET record = '[]', counts = x'00'")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("spoil", [Path.unlink, garbage, halved, of_another_version, with_foreign_rows])
def test_an_index_that_is_spoilt_is_made_again(short: dict[str, Any], spoil: Callable[[Path], None]) -> None:
    index, expected, kept = FOLDER / "index.sqlite", status(), finished()
    spoil(index)
    assert status() == expected
    assert rows_of(index) == set(short)
    spoil(index)
    outcome = run()
    assert (outcome.code, outcome.err.splitlines()[0]) == (
        0,
        "study s, in runs/s: 3 of 3 runs done, none of them in this call",
    )
    assert_kept(kept)


@pytest.mark.usefixtures("trained")
@pytest.mark.slow
def test_an_index_that_another_process_holds_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, waits = status(), []
    connect = sqlite3.connect

    def counted(path: Path, timeout: float) -> sqlite3.Connection:
        waits.append(timeout)
        return connect(path, timeout=timeout)

    with closing(sqlite3.connect(FOLDER / "index.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", counted)
        assert status() == expected
        assert 0 < sum(waits) < 5  # seconds
        assert tagmates("study", "report", "s.toml").code == 0
        assert run().code == 0


@pytest.mark.usefixtures("trained")
def test_an_index_that_cannot_be_one_is_done_without() -> None:
    expected = status()
    (FOLDER / "index.sqlite").unlink()
    (FOLDER / "index.sqlite").mkdir()
    assert status() == expected


# --- what cannot be run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "rest", "pattern"),
    [
        ("seed = [1]", "", r"s\.toml: unknown key 'seed' \(did you mean 'seeds'\?\)"),
        ("", "max_epoch = 2", r"s\.toml: unknown key 'training\.max_epoch' \(did you mean 'max_epochs'\?\)"),
        ("modle = 1", "", r"s\.toml: unknown key 'modle' \(did you mean 'model'\?\)"),
        ('tasks = ["pso"]', "", r"no task 'pso' \(did you mean 'pos'\?\); there are pos, ner"),
        ('regimes = ["pairs"]', "", r"s\.toml: regimes.*'pair'.* not 'pairs'"),
        ('sharing = ["multidec"]', "", r"s\.toml: sharing.*'multi_dec'.* not 'multidec'"),
        ('preset = "papr"', "", r"s\.toml: preset papr: .*did you mean 'paper'\?"),
        ("seeds = []", "", r"s\.toml: seeds: "),
        ("regimes = []", "", r"s\.toml: regimes: "),
        ("seeds = [1, 2, 1]", "", r"s\.toml: seeds names 1 twice; name each once"),
        ('tasks = ["pos", "pos"]', "", r"s\.toml: tasks names 'pos' twice; name each once"),
        ("", "stopping_patience = ", r"s\.toml: is not valid TOML"),
        ("", "batch_size = 1", r"batch_size 1 is smaller than the number of tasks"),
        ("", "loss_weights = {pso = 2.0}", r"loss_weights names 'pso' \(did you mean 'pos'\?\)"),
        ('oracle_sets = "published"', "", r"oracle_sets: the paper has no task 'pos'"),
    ],
)
def test_a_study_file_that_cannot_be_is_one_line(head: str, rest: str, pattern: str) -> None:
    write_study(SHORT, head=head, training=rest)
    for command in ("run", "plan", "status"):
        refused(2, pattern, "study", command, "s.toml")


def test_a_study_file_that_is_missing_or_no_text() -> None:
    refused(2, r"s\.toml: cannot be read \(No such file", "study", "run", "s.toml")
    Path("s.toml").write_bytes(b"\xff\xfe\x00")
    refused(2, r"s\.toml: is not UTF-8", "study", "run", "s.toml")


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (("--regime", "pairs"), r"--regime: .*did you mean 'pair'\?"),
        (("--sharing", "multidec"), r"--sharing: .*did you mean 'multi_dec'\?"),
        (("--tasks", "pso"), r"--tasks: .*did you mean 'pos'\?"),
        (("--seeds", "7"), r"--seeds: there is no '7'; there are 1"),
        (("--set", "seeds=[]"), r"seeds: "),
        (("--shard", "3/2"), r"--shard 3/2: write PART/PARTS"),
        (("--time-limit", "soon"), r"--time-limit soon: write a time"),
        (("--engine", "lokal"), r'--engine.*Did you mean "local"\?'),
        (("--workers", "0"), r"--workers"),
    ],
)
def test_a_wrong_option_is_one_line(args: tuple[str, ...], pattern: str) -> None:
    refused(2, pattern, "study", "run", write_study(SHORT), *args)


@pytest.mark.parametrize(("engine", "package", "extra"), [("ray", "ray", "ray"), ("processes", "pebble", "study")])
def test_an_engine_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, engine: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    outcome = tagmates("study", "run", write_study(SHORT), "--engine", engine)
    line = f"tagmates: --engine {engine}: needs the extra '{extra}': {get_extra(extra)}\n"
    assert (outcome.code, outcome.out, outcome.err) == (2, "", line)


@pytest.mark.usefixtures("trained")
def test_other_data_than_before_are_refused(here: Path) -> None:
    write_corpus(here / "other", train=(here / "corpus" / "dev.txt").read_text())
    refused(
        2,
        "was begun with other data .*: task pos had other sentences",
        "study",
        "run",
        "s.toml",
        "--data",
        "other",
        *LOCAL,
    )


def test_a_study_in_no_place_fails_no_run(here: Path) -> None:
    write_study(SHORT)
    assert run("s.toml", "--time-limit", "0s").code == 0
    (FOLDER / "runs").rmdir()
    (FOLDER / "runs").write_text("")
    refused(2, f"{FOLDER}.*File exists", "study", "run", "s.toml", *LOCAL)


# --- several at once -------------------------------------------------------------------------------------------------


def test_drivers_that_begin_a_study_together(here: Path) -> None:
    failures: list[Exception] = []
    for number in range(5):
        root, gate = here / str(number), threading.Barrier(6)

        def begin(number: int, root: Path = root, gate: threading.Barrier = gate) -> None:
            gate.wait()
            try:
                Store(root).start(StudySettings(), "corpus", {f"task{number}": {"digest": "0"}}, "random")
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=begin, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert Store(root).settings()[1] == "corpus"
        assert sorted(path.name for path in root.iterdir()) == [".lock", "runs", "study.json"]


# --- processes that are killed (slow) --------------------------------------------------------------------------------


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


HOOK = """
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
        code = HOOK.format(tasks=tasks, act=act, epoch=epoch, step=step)
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


@pytest.fixture
def hook(here: Path, monkeypatch: pytest.MonkeyPatch) -> Hook:
    return Hook(here / "hooks", monkeypatch)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_run_resumes(long: dict[str, Any], hook: Hook) -> None:
    write_study(LONG)
    hook.hold("pos")
    process = drive("--workers", "1")
    wait_for(Path("held").exists, process)
    assert status()["running"] == {folder_of("pos").name: 3}
    (pid,) = workers(process)
    saved = epochs("pos")
    os.kill(pid, signal.SIGKILL)
    hook.release()
    outcome = ended(process)
    assert outcome.code == 0, outcome.err
    assert re.findall(r"retried (\S+)-1-\w+: its worker died ", outcome.err) == ["stl-pos"]
    assert begun_at("pos") == [0, 3]
    assert epochs("pos").startswith(saved)
    assert begun_at("ner") == begun_at("pos+ner") == [0]
    assert all_numbers(FOLDER) == long
    assert not list(FOLDER.rglob("*.new"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2])
def test_a_worker_killed_before_its_first_job(short: dict[str, Any], number: int) -> None:
    write_study(SHORT)
    process = drive("--workers", number)
    os.kill(wait_for(lambda: workers(process), process)[0], signal.SIGKILL)
    outcome = ended(process)
    assert outcome.code == 0, outcome.err
    no_traceback(outcome)
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_a_run_that_kills_its_worker_every_time_fails_alone(short: dict[str, Any], hook: Hook) -> None:
    write_study(SHORT)
    hook.set("ner", f"{COUNT}; os.kill(os.getpid(), signal.SIGKILL)", 0, 0)
    outcome = ended(drive())
    assert outcome.code == 3, outcome.err
    no_traceback(outcome)
    assert outcome.err.count("retried stl-ner") == 2
    assert f"failed: {folder_of('ner').name}: its worker died" in outcome.err
    assert totals() == (2, 1, 0)
    assert ended(drive()).code == 3
    assert Path("tries").read_text() == "x" * 3
    shutil.rmtree(hook.folder)
    kept = finished()
    assert ended(drive("--retry-failed")).code == 0
    assert all_numbers(FOLDER) == short
    assert_kept(kept)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_driver_takes_its_workers_with_it_and_is_gone_on_with(
    long: dict[str, Any], hook: Hook, how: int
) -> None:
    write_study(LONG)
    hook.hold("pos+ner")
    process = drive("--workers", "2")
    wait_for(lambda: Path("held").exists() and len(finished()) == 2 * len(KEPT), process)
    pids = workers(process)
    assert len(pids) == 2
    process.send_signal(how)
    process.wait()
    wait_for(lambda: are_gone(pids))
    hook.release()
    kept, saved = finished(), epochs("pos+ner")
    assert status()["running"] == {}
    assert totals() == (2, 0, 1)
    outcome = ended(drive("--workers", "2"))
    assert outcome.code == 0, outcome.err
    assert_kept(kept)
    assert begun_at("pos+ner") == [0, 3]
    assert epochs("pos+ner").startswith(saved)
    assert all_numbers(FOLDER) == long
    assert not list(FOLDER.rglob("*.new"))


@pytest.mark.slow
def test_a_driver_killed_at_once_takes_its_workers_with_it() -> None:
    write_study(SHORT)
    process = drive("--workers", "2")
    pids = wait_for(lambda: workers(process), process)
    process.kill()
    process.wait()
    wait_for(lambda: are_gone(pids))


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["group", "driver"])
def test_ctrl_c_ends_driver_and_workers(long: dict[str, Any], hook: Hook, whom: str) -> None:
    write_study(LONG)
    hook.hold("pos")
    process = drive("--workers", "2")
    wait_for(Path("held").exists, process)
    pids, saved = workers(process), epochs("pos")
    if whom == "driver":
        process.send_signal(signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    outcome = ended(process)
    assert outcome.code == 130, outcome.err
    assert outcome.err.splitlines()[-1] == INTERRUPTED
    no_traceback(outcome)
    assert are_gone(pids)
    hook.release()
    kept = finished()
    outcome = ended(drive("--workers", "2"))
    assert outcome.code == 0, outcome.err
    assert_kept(kept)
    assert begun_at("pos") == [0, 3]
    assert epochs("pos").startswith(saved)
    assert all_numbers(FOLDER) == long


@pytest.mark.slow
def test_ctrl_c_while_workers_start_is_one_line(short: dict[str, Any]) -> None:
    write_study(SHORT)
    process = drive("--workers", "2")
    pids = wait_for(lambda: workers(process), process)
    os.killpg(process.pid, signal.SIGINT)
    assert ended(process) == Outcome(130, "", f"{INTERRUPTED}\n")
    assert are_gone(pids)
    assert ended(drive()).code == 0
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_a_time_limit_ends_what_hangs(short: dict[str, Any], hook: Hook) -> None:
    write_study(SHORT)
    hook.set("pos", "threading.Event().wait()", 0, 0)
    began = time.monotonic()
    outcome = ended(drive("--time-limit", "20s", "--tasks", "pos"))
    assert time.monotonic() - began < 20 + 60
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.endswith("pending: 1 run; the same command continues\n")
    shutil.rmtree(hook.folder)
    assert ended(drive()).code == 0
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
@pytest.mark.parametrize("package", ["ray", "pebble"])
def test_a_package_that_cannot_be_imported(here: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    (here / "hooks").mkdir()
    (here / "hooks" / f"{package}.py").write_text(f"raise ImportError('no {package} here')")
    monkeypatch.setenv("PYTHONPATH", str(here / "hooks"))
    engine = "processes" if package == "pebble" else package
    outcome = ended(start("study", "run", write_study(SHORT), "--engine", engine))
    assert outcome.code == 2
    assert re.fullmatch(rf"tagmates: --engine {engine}: needs the extra .*pip install .*\[\w+\]'\n", outcome.err)


# --- several drivers (slow) ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_drivers_train_nothing_twice(tmp_path_factory: pytest.TempPathFactory) -> None:
    more = {"head": 'seeds = [1, 2, 3]\nsharing = ["multi_dec", "te_enc"]'}
    expected = undisturbed(tmp_path_factory.mktemp("whole"), SHORT, **more)
    write_study(SHORT, **more)
    outcomes = [ended(process) for process in [drive("--workers", "1"), drive("--workers", "1")]]
    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes
    for outcome in outcomes:
        no_traceback(outcome)
    assert len(expected) == 12
    assert all_numbers(FOLDER) == expected
    for name in expected:
        log = (FOLDER / "runs" / name / "train.log").read_text()
        assert (log.count("ended: "), log.count("epoch 1:"), log.count(f"epoch {SHORT}:")) == (1, 1, 1)
    assert rows_of(FOLDER / "index.sqlite") == set(expected)


@pytest.mark.slow
def test_a_driver_takes_over_what_a_killed_one_has_left(long: dict[str, Any], hook: Hook) -> None:
    write_study(LONG)
    hook.hold("pos")
    first = drive("--workers", "1")
    wait_for(Path("held").exists, first)
    second = drive("--workers", "1")
    wait_for(has("pos+ner", 1), second)  # it has nothing else to do than wait for the other
    pids, saved = workers(first), epochs("pos")
    first.kill()
    first.wait()
    wait_for(lambda: are_gone(pids))
    hook.release()
    outcome = ended(second)
    assert outcome.code == 0, outcome.err
    no_traceback(outcome)
    assert begun_at("pos") == [0, 3]
    assert epochs("pos").startswith(saved)
    assert all_numbers(FOLDER) == long


@pytest.mark.slow
def test_two_drivers_and_a_run_that_fails(short: dict[str, Any]) -> None:
    write_study(SHORT, training="loss_weights = {ner = 3e38}")
    outcomes = [ended(process) for process in [drive("--workers", "1"), drive("--workers", "1")]]
    assert [outcome.code for outcome in outcomes] == [3, 3], outcomes
    assert totals() == (1, 2, 0)
    assert "TrainingError" in read_json(folder_of("ner") / "failed.json")["traceback"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_nothing_done_is_lost(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    expected = undisturbed(tmp_path_factory.mktemp("whole"), 60)
    draw = np.random.default_rng(seed)
    write_study(60)
    kept: Kept = {}

    def total() -> int:
        return sum(epochs(tasks).count(b"\n") for tasks in ("pos", "ner", "pos+ner"))

    for _ in range(5):
        some = [drive("--workers", "1") for _ in range(draw.integers(1, 3))]
        wanted = total() + draw.integers(1, 30)
        wait_for(lambda wanted=wanted, some=some: total() >= wanted or all(p.poll() is not None for p in some))
        pids = [pid for process in some for pid in workers(process)]
        for process in some:
            disturb(process, draw.integers(3))
        for process in some:
            assert ended(process).code in (0, 130, -signal.SIGKILL, -signal.SIGTERM)
        wait_for(lambda pids=pids: are_gone(pids))
        assert_kept(kept)
        kept = finished()
    outcome = ended(drive())
    assert outcome.code == 0, outcome.err
    assert_kept(kept)
    assert all_numbers(FOLDER) == expected
    assert status()["broken"] == status()["failed"] == {}


def disturb(process: subprocess.Popen[bytes], how: int) -> None:
    """Kill a driver, or press Ctrl-C, or kill its worker and end it."""
    if process.poll() is not None:
        return
    if how == 0:
        process.kill()
    elif how == 1:
        os.killpg(process.pid, signal.SIGINT)
    else:
        for pid in workers(process):
            os.kill(pid, signal.SIGKILL)
        process.terminate()


# --- disks (slow) ----------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(here: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = here / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def on(disk: Path, *more: object) -> tuple[object, ...]:
    """The study, run in a folder of the disk."""
    return ("study", "run", "s.toml", "--output-dir", disk / "s", *more)


def assert_full(outcome: Outcome, disk: Path) -> None:
    """It ended in one line that names the disk and what is the matter, and no run is to blame."""
    assert outcome.code in (1, 2), outcome.err
    assert outcome.out == ""
    no_traceback(outcome)
    last = outcome.err.splitlines()[-1]
    assert re.match(rf"tagmates: {disk}\S*: .*No space left on device", last), last
    assert not list(disk.rglob("failed.json"))


FULL = [f"nr_inodes={number}" for number in range(1, 40)]  # full at every file that a study makes
FULL += [f"size={size}k" for size in (4, 8, 12, 40, *range(500, 1080, 30))]


@pytest.mark.slow
@pytest.mark.parametrize("limit", FULL)
def test_a_disk_of_any_size_loses_nothing(short: dict[str, Any], disk: Path, limit: str) -> None:
    write_study(SHORT)
    remount(disk, limit)
    outcome = tagmates(*on(disk, *LOCAL))
    if outcome.code:
        assert_full(outcome, disk)
        assert not list(disk.rglob("*.new"))
    kept = finished(disk / "s")
    found = tagmates("study", "status", "s.toml", "--output-dir", disk / "s", "--json")
    assert found.code == 0, found.err
    assert json.loads(found.out)["total"]["done"] == len(kept) / len(KEPT)
    remount(disk, "size=20m,nr_inodes=1000")
    outcome = tagmates(*on(disk, *LOCAL))
    assert outcome.code == 0, outcome.err
    assert not (disk / "s" / "set-aside").exists()
    assert_kept(kept, disk / "s")
    assert all_numbers(disk / "s") == short


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["nr_inodes=7", "nr_inodes=22", "size=200k", "size=700k"])
def test_a_disk_that_workers_fill_up_together(short: dict[str, Any], disk: Path, limit: str) -> None:
    write_study(SHORT)
    remount(disk, limit)
    assert_full(ended(start(*on(disk, *PROCESSES))), disk)
    kept = finished(disk / "s")
    remount(disk, "size=20m,nr_inodes=1000")
    outcome = ended(start(*on(disk, *PROCESSES)))
    assert outcome.code == 0, outcome.err
    assert_kept(kept, disk / "s")
    assert all_numbers(disk / "s") == short


@pytest.mark.slow
def test_a_read_only_study_is_read_and_not_run(short: dict[str, Any], disk: Path) -> None:
    write_study(SHORT)
    for args in (("--tasks", "pos"), ("--time-limit", "0s")):
        assert tagmates(*on(disk, *LOCAL, *args)).code == 0
    before = ("study", "status", "s.toml", "--output-dir", disk / "s", "--json")
    expected = tagmates(*before)
    assert json.loads(expected.out)["total"]["done"] == 1
    remount(disk, "ro")
    assert tagmates(*before) == expected  # from the index
    for engine in (LOCAL, PROCESSES):
        refused(1, f"{disk}/s/.*Read-only file system", *on(disk, *engine))
    refused(1, "Read-only file system", *on(disk, *LOCAL, "--set", "seeds=[1, 2]"))
    refused(2, "cannot be used as study folder", "study", "run", "s.toml", *LOCAL, "--output-dir", disk / "new")
    outcome = tagmates(*on(disk, *LOCAL, "--tasks", "pos"))  # nothing is to be done
    assert (outcome.code, outcome.out) == (0, "")
    assert "\nnot selected, and pending: 2 runs; train them without --shard and filters\n" in outcome.err
    remount(disk, "rw")
    (disk / "s" / "index.sqlite").unlink()
    remount(disk, "ro")
    assert tagmates(*before) == expected  # from the runs
    remount(disk, "rw")
    kept = finished(disk / "s")
    assert tagmates(*on(disk, *LOCAL)).code == 0
    assert_kept(kept, disk / "s")
    assert all_numbers(disk / "s") == short


# --- engines (slow) --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_worker_processes_come_to_the_same_numbers(tmp_path_factory: pytest.TempPathFactory) -> None:
    more = {"head": 'sharing = ["multi_dec", "te_dec", "te_enc"]'}
    expected = undisturbed(tmp_path_factory.mktemp("whole"), SHORT, **more)
    write_study(SHORT, **more)
    assert ended(drive()).code == 0
    assert all_numbers(FOLDER) == expected


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["ray::_execute_in_ray", "raylet/raylet"])
def test_what_ray_loses_is_begun_again_and_comes_to_the_same_numbers(
    long: dict[str, Any], hook: Hook, victim: str
) -> None:
    pytest.importorskip("ray")
    write_study(LONG)
    hook.hold("pos")
    process = drive("--workers", "1", engine="ray")
    wait_for(Path("held").exists, process)
    saved, rays = epochs("pos"), workers(process, b"ray")
    (pid,) = workers(process, victim.encode())
    os.kill(pid, signal.SIGKILL)
    hook.release()
    outcome = ended(process)
    assert outcome.code == 0, outcome.err
    no_traceback(outcome)
    if "raylet" not in victim:  # whose workers go on for a while
        assert re.findall(r"retried (\S+)-1-\w+: its worker died ", outcome.err) == ["stl-pos"]
        assert begun_at("pos") == [0, 3]
    assert epochs("pos").startswith(saved)
    assert all_numbers(FOLDER) == long
    wait_for(lambda: are_gone(rays))
