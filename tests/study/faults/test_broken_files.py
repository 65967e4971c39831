"""Files of a study that are broken, missing or something else: what is done is kept, or made again."""

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import refused, tagmates, tree
from study_faults import (
    FOLDER,
    LOCAL,
    SHORT,
    all_numbers,
    assert_kept,
    finished,
    folder_of,
    interrupt,
    rows_of,
    run,
    save_checkpoint,
    status,
    totals,
    write_study,
)

from tagmates.errors import ModelError
from tagmates.study.record_reading import read_record
from tagmates.training import train
from tagmates.training.folder import LOCK, WRITTEN_NAMES


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
