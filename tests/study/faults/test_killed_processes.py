"""Workers and drivers that are killed, interrupted or cannot start: nothing that is done is lost or changes."""

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Outcome, ended, start
from study_faults import (
    COUNT,
    FOLDER,
    INTERRUPTED,
    KEPT,
    LONG,
    SHORT,
    Hook,
    all_numbers,
    are_gone,
    assert_kept,
    begun_at,
    drive,
    epochs,
    finished,
    folder_of,
    no_traceback,
    status,
    totals,
    undisturbed,
    wait_for,
    workers,
    write_study,
)


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
