"""Runs that fail, are interrupted or run out of time: the others go on, and no finished epoch is lost."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import tagmates, tree
from study_faults import (
    FOLDER,
    INTERRUPTED,
    SHORT,
    all_numbers,
    assert_kept,
    epochs,
    finished,
    folder_of,
    interrupt,
    run,
    save_checkpoint,
    totals,
    write_study,
)

from tagmates.files import read_json, read_tensors
from tagmates.study import worker
from tagmates.training import train
from tagmates.training.run import Run


def poisoned(folder: Path, trained: Any) -> None:
    """Save an epoch; after the first one of a run with ner its parameters are no numbers any more."""
    save_checkpoint(folder, trained)
    if trained.epoch == 1 and "ner" in trained.config.tasks:
        with torch.no_grad():
            trained.module.words.fill_(float("nan"))


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
