"""Several drivers of one study, some of which are killed: no run is trained twice or lost."""

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ended
from study_faults import (
    FOLDER,
    LONG,
    SHORT,
    Hook,
    Kept,
    all_numbers,
    are_gone,
    assert_kept,
    begun_at,
    drive,
    epochs,
    finished,
    folder_of,
    has,
    no_traceback,
    rows_of,
    status,
    totals,
    undisturbed,
    wait_for,
    workers,
    write_study,
)

from tagmates.files import read_json
from tagmates.study.settings import StudySettings
from tagmates.study.store import Store


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
