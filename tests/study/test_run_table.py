"""tagmates.study.run_table: the finished runs of a study as one file, and as a folder again."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from study_folders import write_run, write_study

from tagmates.errors import ModelError
from tagmates.study.plan import make_plan
from tagmates.study.run_table import collect_runs, lay_out_runs, read_table
from tagmates.study.settings import StudySettings
from tagmates.study.status import current_status
from tagmates.study.store import Store

TASKS = ("pos", "ner")
STUDY = StudySettings(tasks=TASKS, seeds=(1, 2), regimes=("single", "pair"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A finished study with the files of its runs that a table keeps."""
    folder = tmp_path / "own"
    write_study(folder, STUDY, TASKS, lambda combination, task, seed, split: 60.0 + seed + len(combination.tasks))
    for run in (folder / "runs").iterdir():
        (run / "metrics.jsonl").write_text('{"epoch": 1, "dev_mean": 60.5}\n{"epoch": 2, "dev_mean": 61.0}\n')
        (run / "environment.json").write_text('{\n  "data": "/home/me/corpus",\n  "torch": "2"\n}\n')
        (run / "model.safetensors").write_bytes(b"large")
    return Store(folder)


def files_of(folder: Path) -> dict[str, bytes]:
    kept = ("config.json", "result.json", "metrics.jsonl", "counts.npz")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.name in kept}


def test_what_is_laid_out_is_what_was_collected(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    names = store.finished()
    assert sorted(collect_runs(store, table).added) == names
    other = Store(tmp_path / "again")
    assert sorted(lay_out_runs(table, other.root).added) == names
    assert files_of(other.root) == files_of(store.root)
    assert b"/home/me" not in b"".join(path.read_bytes() for path in other.root.rglob("*.json"))
    assert b"/home/me" not in lzma.decompress(table.read_bytes())
    assert not list(other.root.rglob("model.safetensors"))
    found, known = (current_status(STUDY, TASKS, each).runs for each in (other, store))
    assert found.keys() == known.keys()
    for combination in known:
        assert [run.test for run in found[combination]] == [run.test for run in known[combination]]


@pytest.mark.parametrize("settings", [{"vectors": "/home/me/v.txt"}, {"model": {"encoder": "/home/me/encoder"}}])
def test_files_of_the_user_are_named_without_their_folders(settings: dict[str, Any], tmp_path: Path) -> None:
    """The report of the runs that are laid out again is that of the study."""
    name = "encoder of sha256 12" if "model" in settings else "of sha256 12"
    study = StudySettings.model_validate({**STUDY.model_dump(), "data": "/home/me/corpus", **settings})
    store = Store(tmp_path / "own")
    write_study(store.root, study, TASKS, lambda *_: 60.0)
    description = json.loads((store.root / "study.json").read_text())
    places = [
        "data=/home/me/corpus",
        "vectors = /home/me/v.txt",
        'model={encoder="/home/me/e"}',
        "model.encoder=/home/me/e",
    ]
    own = {"set": [*places, "k=2", "model.hidden_size=8"], "data": "/home/me/corpus", "vectors": name}
    (store.root / "study.json").write_text(json.dumps({**description, **own}))
    for run in (store.root / "runs").iterdir():
        result = json.loads((run / "result.json").read_text())
        (run / "result.json").write_text(json.dumps({**result, "vectors": name}))
        (run / "environment.json").write_text('{"vectors": "/home/me/v.txt", "data": "/home/me/corpus"}')
    collect_runs(store, tmp_path / "table.xz")
    assert b"/home/me" not in lzma.decompress((tmp_path / "table.xz").read_bytes())
    other = Store(tmp_path / "again")
    assert sorted(lay_out_runs(tmp_path / "table.xz", other.root).added) == store.finished()
    again, known = (current_status(each.settings()[0], TASKS, each) for each in (other, store))
    assert sorted(again.found.done) == sorted(known.found.done) == store.finished()
    assert other.description()["set"] == ["k=2", "model.hidden_size=8"]
    assert other.settings()[0].vectors == ("v.txt" if "vectors" in settings else "glove")


def test_a_damaged_list_of_epochs_is_left_out(store: Store, tmp_path: Path) -> None:
    """As for a run of which only the scores are left."""
    name = store.finished()[0]
    (store.folder(name) / "metrics.jsonl").write_text('{"epoch": 1, "dev_m')
    collect_runs(store, tmp_path / "own.jsonl.xz")
    _, rows = read_table(tmp_path / "own.jsonl.xz")
    assert len(rows) == 6
    assert [each for each in rows if "metrics" not in rows[each]] == [name]


def test_runs_are_added_and_nothing_is_twice(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    assert len(collect_runs(store, table).added) == 6
    before = table.read_bytes()
    again = collect_runs(store, table)
    assert (again.added, len(again.kept)) == ([], 6)
    assert table.read_bytes() == before
    more = STUDY.model_copy(update={"seeds": (3,)})
    for planned in make_plan(more, TASKS, {}):
        write_run(store.folder(planned.name), planned, dict.fromkeys(planned.config.tasks, 62.0))
    assert len(collect_runs(store, table).added) == 3
    partly = tmp_path / "partly"
    first = lay_out_runs(table, partly).added
    (partly / "runs" / first[0] / "result.json").unlink()
    third = lay_out_runs(table, partly)
    assert (third.added, len(third.kept)) == ([first[0]], 8)


def test_runs_on_other_data_are_refused_and_the_table_stays(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    store.add_task_data({"a": {"digest": "0" * 64}})
    collect_runs(store, table)
    before = table.read_bytes()
    store.add_task_data({"a": {"digest": "1" * 64}})
    with pytest.raises(
        ModelError, match=r"own\.jsonl\.xz: its runs were trained on other data than those in .*: task a"
    ):
        collect_runs(store, table)
    assert table.read_bytes() == before


def test_runs_of_other_settings_are_refused_in_both_directions(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    collect_runs(store, table)
    before = table.read_bytes()
    path = store.root / "study.json"
    path.write_text(path.read_text().replace('"hidden_size": 300', '"hidden_size": 40'))
    why = r"own\.jsonl\.xz: its runs were trained with model\.hidden_size = 300, those in .*own with 40; take another"
    with pytest.raises(ModelError, match=why):
        collect_runs(store, table)
    with pytest.raises(ModelError, match=why):
        lay_out_runs(table, store.root)
    assert table.read_bytes() == before
    path.write_text(path.read_text().replace('"hidden_size": 40', '"hidden_size": 300').replace("[1, 2]", "[1, 2, 3]"))
    assert len(lay_out_runs(table, store.root).kept) == 6


def test_another_result_of_the_same_run_is_refused_and_the_table_stays(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    collect_runs(store, table)
    before = table.read_bytes()
    path = store.folder(store.finished()[0]) / "result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({**result, "updates": result["updates"] + 1}))
    with pytest.raises(ModelError, match=r"own\.jsonl\.xz: has run .* with another result than .*; remove one of them"):
        collect_runs(store, table)
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xz",
        lzma.compress(b""),
        lzma.compress(b"[1]\n"),
        lzma.compress(b'{"study": 3}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "../../outside", "counts": {}}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "..", "counts": {}}\n'),
        lzma.compress(b'{"study": {}}\n{"counts": {}}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "a"}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "a", "counts": {"test/pos": [1, 2]}}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "a", "counts": {"test/pos": [[1, 2, 1e300]]}}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "a", "counts": {}, "config": {}, "result": 3}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "a", "counts": {}, "config": {}}\n'),
        lzma.compress(b'{"study": {}}\n{"name": "a", "counts": {}, "config": {}, "result": {}, "environment": 5}\n'),
        lzma.compress(b'{"study": {}}\n' + b"[" * 100_000),
        lzma.compress(b" " * 2**23),
    ],
    ids=[
        "empty",
        "other",
        "nothing",
        "list",
        "number",
        "outside",
        "above",
        "nameless",
        "no counts",
        "two counts",
        "no integer",
        "a number as result",
        "no result",
        "a number as environment",
        "deep",
        "bomb",
    ],
)
def test_a_damaged_or_hostile_table_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    table.write_bytes(content)
    with pytest.raises(ModelError, match=r"own\.jsonl\.xz: is not a table of runs"):
        lay_out_runs(table, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
    assert not (tmp_path / "outside").exists()


def test_a_truncated_table_is_refused(store: Store, tmp_path: Path) -> None:
    table = tmp_path / "own.jsonl.xz"
    collect_runs(store, table)
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(ModelError, match="is not a table of runs"):
        read_table(table)
