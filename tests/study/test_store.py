"""tagmates.study.store and record_reading: results come from the run folders, and the index is only their cache."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from study_folders import make_record, write_run, write_study

from tagmates.errors import ConfigError, ModelError
from tagmates.study import index
from tagmates.study.index import read_index, write_index
from tagmates.study.plan import Combination, Planned, make_plan
from tagmates.study.record_reading import read_record
from tagmates.study.records import RunRecord, Runs, Split
from tagmates.study.settings import StudySettings
from tagmates.study.store import Store
from tagmates.training.folder import lock_folder

TASKS = ("a", "b", "c")
STUDY = StudySettings(tasks=TASKS, vectors="random", seeds=(1, 2), sharing=("multi_dec", "te_dec"))
PLAN = make_plan(STUDY, TASKS, {})
DATA = {task: {"digest": digest, "scheme": "plain", "score": "plain"} for task, digest in (("a", "1f"), ("b", "2e"))}


def f1(combination: Combination, task: str, seed: int, split: Split) -> float:
    return 50.0 + 7 * len(combination.tasks) + TASKS.index(task) + seed / 7 + (split == "dev") / 3


def same(one: RunRecord, other: RunRecord, *, counts: bool = True) -> bool:
    """Whether two records say the same; arrays have no equality of their own."""
    fields = [name for name in RunRecord.__slots__ if name != "counts"]
    if any(getattr(one, name) != getattr(other, name) for name in fields):
        return False
    if not counts:
        return True
    return list(one.counts) == list(other.counts) and all(
        np.array_equal(array, other.counts[task]) for task, array in one.counts.items()
    )


def all_same(found: Mapping[str, RunRecord], written: Mapping[str, RunRecord], *, counts: bool = True) -> bool:
    return found.keys() == written.keys() and all(same(found[n], written[n], counts=counts) for n in written)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "study")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, RunRecord]]:
    """A study whose runs are all done, and what they say by name; never to be written to."""
    root = tmp_path_factory.mktemp("finished") / "study"
    return root, {record.name: record for record in write_study(root, STUDY, TASKS, f1)}


@pytest.fixture
def written(store: Store, finished: tuple[Path, dict[str, RunRecord]]) -> dict[str, RunRecord]:
    """The records of a copy of it."""
    shutil.copytree(finished[0], store.root)
    return finished[1]


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(folder: Path) -> RunRecord:
        raise AssertionError(f"{folder} is read again")

    monkeypatch.setattr("tagmates.study.store.read_record", read)


class TestRuns:
    def test_every_finished_run_is_found(self, store: Store, written: dict[str, RunRecord]) -> None:
        found = store.find(PLAN, counts=True)
        assert all_same(found.done, written)
        assert (found.failed, found.broken) == ({}, {})

    def test_what_was_read_is_not_read_again(
        self, store: Store, written: dict[str, RunRecord], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.find(PLAN)
        forbid_reading(monkeypatch)
        assert all_same(store.find(PLAN, counts=True).done, written)
        assert all_same(store.find(PLAN).done, written, counts=False)
        assert not any(record.counts for record in store.find(PLAN).done.values())

    def test_a_part_of_the_plan(self, store: Store, written: dict[str, RunRecord]) -> None:
        some = [planned for planned in PLAN if planned.config.seed == 2]
        assert store.find(some).done.keys() == {planned.name for planned in some}
        assert store.find([]).done == {}
        assert all_same(store.find(PLAN, counts=True).done, written)

    def test_an_empty_study(self, store: Store) -> None:
        assert store.find(PLAN).done == {}
        assert not store.root.exists()
        assert {store.state(planned.name, store.find(PLAN)) for planned in PLAN} == {"pending"}

    def test_runs_are_found_when_seeds_methods_or_settings_of_the_study_come_later(
        self, store: Store, written: dict[str, RunRecord]
    ) -> None:
        more = STUDY.model_copy(update={"seeds": (5, 2, 1), "sharing": ("te_enc", "te_dec", "multi_dec"), "k": 2.0})
        assert store.find(make_plan(more, TASKS, {})).done.keys() == written.keys()
        fewer = STUDY.model_copy(update={"seeds": (2,)})
        assert store.find(make_plan(fewer, TASKS, {})).done.keys() == {n for n in written if written[n].seed == 2}
        other = STUDY.model_copy(update={"training": STUDY.training.model_copy(update={"batch_size": 8})})
        assert store.find(make_plan(other, TASKS, {})).done == {}

    def test_a_run_without_test_sentences(self, store: Store) -> None:
        record = write_run(store.folder(PLAN[0].name), PLAN[0], {}, {"a": 40.0})
        for _ in range(2):
            found = store.find(PLAN, counts=True).done[record.name]
            assert same(found, record)
            assert (found.test, found.dev, found.counts) == ({}, {"a": 40.0}, {})

    def test_records_by_combination_are_in_the_order_of_their_seeds(self) -> None:
        records = [make_record(planned, {}) for planned in PLAN]
        found = Runs(reversed(records))
        assert {combination: [r.seed for r in some] for combination, some in found.items()} == {
            planned.combination: [1, 2] for planned in PLAN
        }


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit(path: Path, **values: Any) -> None:
    """Change some values of a JSON document, or (None) take them away."""
    known = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in known.items() if value is not None}))


def copy_over(folder: Path, other: str) -> None:
    shutil.rmtree(folder)
    shutil.copytree(folder.parent / other, folder)


def write_counts(folder: Path, counts: "np.typing.NDArray[np.int64]", task: str = "a") -> None:
    with (folder / "counts.npz").open("wb") as file:
        np.savez_compressed(file, **{f"test/{task}": counts})


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a truncated result": (lambda f: cut(f / "result.json"), "result.json: is truncated or not from tagmates"),
    "an empty result": (lambda f: (f / "result.json").write_bytes(b""), "result.json: is truncated"),
    "a list as a result": (lambda f: (f / "result.json").write_text("[]"), "result.json: is truncated or not from"),
    "a result without scores": (lambda f: edit(f / "result.json", dev=None), "result.json: is not that of a finished"),
    "a score that is none": (lambda f: edit(f / "result.json", dev={"a": 5}), "result.json: is not that of a finished"),
    "a result of another run": (lambda f: edit(f / "result.json", seed=9), "config.json is of another run"),
    "no configuration": (lambda f: (f / "config.json").unlink(), "config.json: is missing"),
    "a truncated configuration": (lambda f: cut(f / "config.json"), "config.json: is truncated"),
    "a configuration of another run": (lambda f: edit(f / "config.json", tasks=["b"]), "is of another run"),
    "another run's folder": (lambda f: copy_over(f, PLAN[1].name), f"is of another run ({PLAN[1].name})"),
    "a score that is no number": (
        lambda f: edit(f / "result.json", test={"a": {"f1": float("nan")}}),
        "F1 of a is nan",
    ),
    "counts of one dimension": (lambda f: write_counts(f, np.arange(9)), "are no counts"),
    "counts below 0": (lambda f: write_counts(f, np.array([[1, -1, 0]])), "are no counts"),
    "counts of another task": (lambda f: write_counts(f, np.array([[1, 1, 0]]), "x"), "counts.npz has other tasks"),
    "no counts": (lambda f: (f / "counts.npz").unlink(), "counts.npz: is missing or truncated"),
    "truncated counts": (lambda f: cut(f / "counts.npz"), "counts.npz: is missing or truncated"),
    "counts that are none": (
        lambda f: (f / "counts.npz").write_bytes(b"x" * 99),
        "counts.npz: is missing or truncated",
    ),
}


class TestChanges:
    @pytest.mark.parametrize("cached", [False, True])
    @pytest.mark.parametrize("damage", DAMAGE)
    def test_a_broken_run_is_named_and_the_others_stay(
        self, store: Store, written: dict[str, RunRecord], damage: str, cached: bool
    ) -> None:
        if cached:
            store.find(PLAN)
        name, (act, pattern) = PLAN[0].name, DAMAGE[damage]
        act(store.folder(name))
        for _ in range(2):
            found = store.find(PLAN, counts=True)
            assert found.broken.keys() == {name}
            assert pattern in found.broken[name]
            assert found.broken[name].startswith(str(store.folder(name)))
            assert "\n" not in found.broken[name]
            assert all_same(found.done, {n: record for n, record in written.items() if n != name})
        assert store.state(name, found) == "broken"

    def test_a_run_that_was_trained_again_is_read_again(self, store: Store, written: dict[str, RunRecord]) -> None:
        store.find(PLAN)
        planned = PLAN[0]
        new = write_run(store.folder(planned.name), planned, {"a": 99.0}, sentences=5)
        assert not same(new, written[planned.name])
        for _ in range(2):
            assert all_same(store.find(PLAN, counts=True).done, {**written, planned.name: new})

    def test_a_run_that_is_gone_is_pending(self, store: Store, written: dict[str, RunRecord]) -> None:
        store.find(PLAN)
        shutil.rmtree(store.folder(PLAN[0].name))
        (store.folder(PLAN[1].name) / "result.json").unlink()
        found = store.find(PLAN)
        assert found.done.keys() == written.keys() - {PLAN[0].name, PLAN[1].name}
        assert {store.state(p.name, found) for p in PLAN[:2]} == {"pending"}

    def test_states(self, store: Store) -> None:
        done, failed, begun, busy, pending = PLAN[:5]
        write_run(store.folder(done.name), done, {"a": 5.0})
        store.mark_failed(failed.name, "no luck", "Traceback: …")
        for planned in (begun, busy):
            store.folder(planned.name).mkdir()
            (store.folder(planned.name) / "metrics.jsonl").write_text('{"epoch": 1}\n')
        (store.folder(begun.name) / ".lock").touch()  # of a process that was killed
        with lock_folder(store.folder(busy.name)):
            found = store.find(PLAN)
            states = [store.state(p.name, found) for p in (done, failed, begun, busy, pending)]
        assert states == ["done", "failed", "begun", "running", "pending"]
        assert found.failed == {failed.name: "no luck"}
        store.forget_failure(failed.name)
        assert store.find(PLAN).failed == {}

    def test_folders_of_other_names(self, store: Store, written: dict[str, RunRecord]) -> None:
        assert Store(store.root / "none").others(written) == []
        assert store.others(written) == []
        (store.root / "runs" / "notes").mkdir()  # no run
        (store.folder(PLAN[0].name) / "result.json").write_text("no")
        assert store.set_aside(PLAN[0].name) is not None
        assert store.others(written.keys() - {PLAN[0].name, PLAN[1].name}) == [PLAN[1].name]

    def test_a_run_that_is_done_has_not_failed(self, store: Store) -> None:
        name = PLAN[0].name
        store.mark_failed(name, "no luck")
        write_run(store.folder(name), PLAN[0], {"a": 5.0})
        found = store.find(PLAN)
        assert (list(found.done), dict(found.failed)) == ([name], {})


class TestStudyFile:
    def test_says_what_the_study_is(self, store: Store) -> None:
        store.start(STUDY, "/somewhere", DATA, "random")
        assert store.settings() == (STUDY, "/somewhere")
        assert store.task_data() == DATA
        assert (store.vectors(), store.overrides()) == ("random", ())
        assert (store.root / "runs").is_dir()

    def test_is_only_touched_where_nothing_changes(self, store: Store) -> None:
        store.start(STUDY, "/somewhere", {"a": DATA["a"]}, "random")
        os.utime(store.root / "study.json", (1, 1))
        store.start(STUDY, "/somewhere", {"a": DATA["a"]}, "random")
        assert (store.root / "study.json").stat().st_mtime > 1  # the study that was last at work
        later = STUDY.model_copy(update={"seeds": (1, 2, 3)})
        store.start(later, "/elsewhere", {"b": DATA["b"]}, "random", overrides=["seeds=[1, 2, 3]"])
        assert store.settings() == (later, "/elsewhere")
        assert store.task_data() == DATA
        assert store.overrides() == ("seeds=[1, 2, 3]",)

    @pytest.mark.parametrize(
        ("key", "value", "what"),
        [
            ("digest", "3d", r"task b had other sentences \(sha256 2e, now 3d\)"),
            ("scheme", "iobes", "task b had scheme 'plain', now 'iobes'"),
            ("score", "prefix", "task b had score 'plain', now 'prefix'"),
        ],
    )
    def test_other_data_are_refused(self, store: Store, key: str, value: str, what: str) -> None:
        store.start(STUDY, "/somewhere", DATA, "random")
        before = (store.root / "study.json").read_bytes()
        with pytest.raises(ConfigError, match=rf"study\.json: was begun with other data than /new holds: {what}; give"):
            store.start(STUDY, "/new", {**DATA, "b": {**DATA["b"], key: value}}, "random")
        assert (store.root / "study.json").read_bytes() == before

    def test_other_vectors_are_refused(self, store: Store) -> None:
        store.start(STUDY, "/somewhere", DATA, "random")
        before = (store.root / "study.json").read_bytes()
        with pytest.raises(ConfigError, match=r"study\.json: was begun with vectors random, here they are glove-6b"):
            store.start(STUDY, "/somewhere", DATA, "glove-6b")
        assert (store.root / "study.json").read_bytes() == before

    def test_another_encoder_is_refused(self, store: Store) -> None:
        store.start(STUDY, "/somewhere", DATA, "encoder of sha256 12")
        message = "was begun with encoder of sha256 12, here it is encoder of sha256 34; give that one with --encoder"
        with pytest.raises(ConfigError, match=message):
            store.start(STUDY, "/somewhere", DATA, "encoder of sha256 34")

    def test_of_an_earlier_tagmates_knows_the_sentences_only(self, store: Store) -> None:
        store.start(STUDY, "/somewhere", {}, "random")
        edit(store.root / "study.json", task_data=None, set=None, digests={"a": "1f", "b": "2e"})
        assert store.task_data() == {"a": {"digest": "1f"}, "b": {"digest": "2e"}}
        with pytest.raises(ConfigError, match="task b had other sentences"):
            store.start(STUDY, "/new", {"b": {**DATA["b"], "digest": "3d"}}, "random")
        store.start(STUDY, "/somewhere", DATA, "random")
        assert store.task_data() == DATA

    @pytest.mark.parametrize("content", [{"task_data": [1]}, {"task_data": {"a": 5}}, {"digests": 5}])
    def test_data_that_are_none_are_one_line(self, store: Store, content: dict[str, Any]) -> None:
        store.start(STUDY, "/somewhere", {}, "random")
        edit(store.root / "study.json", **content)
        with pytest.raises(ModelError, match=r"study\.json: is not from tagmates") as caught:
            store.find(PLAN)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"study": 5, "data": "x"}', '{"study": {}}'])
    def test_a_foreign_one_is_one_line(self, store: Store, content: str) -> None:
        store.root.mkdir()
        (store.root / "study.json").write_text(content)
        with pytest.raises(ModelError, match=r"study\.json: is ") as caught:
            store.settings()
        assert "\n" not in str(caught.value)

    def test_one_of_a_later_version_names_the_key(self, store: Store) -> None:
        store.start(STUDY, "/somewhere", {}, "random")
        study = {**json.loads((store.root / "study.json").read_text())["study"], "lanes": 4}
        edit(store.root / "study.json", study=study)
        with pytest.raises(ConfigError, match=r"study\.json: unknown key 'lanes'"):
            store.settings()


def sqlite_table(path: Path, version: int, columns: str) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE runs ({columns})")
        connection.execute("INSERT INTO runs VALUES (" + ", ".join("'x'" for _ in columns.split(",")) + ")")
        connection.execute(f"PRAGMA user_version = {version}")


LAYOUT = "name TEXT PRIMARY KEY, stamp TEXT, record TEXT, counts BLOB"
SPOILED: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(os.urandom(5000)),
    "text": lambda path: path.write_text("name,stamp\n" * 100),
    "truncated": cut,
    "another version": lambda path: sqlite_table(path, index.INDEX_VERSION + 1, "other TEXT"),
    "rows that are none": lambda path: sqlite_table(path, index.INDEX_VERSION, LAYOUT),
}


class TestIndex:
    @pytest.mark.parametrize("how", SPOILED)
    def test_is_a_cache_and_nothing_more(
        self, store: Store, written: dict[str, RunRecord], how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.find(PLAN)
        SPOILED[how](store.root / "index.sqlite")
        assert all_same(store.find(PLAN, counts=True).done, written)
        if how != "rows that are none":  # the row stays, and so is it read until the index is deleted
            forbid_reading(monkeypatch)
        assert all_same(store.find(PLAN, counts=True).done, written)

    def test_of_another_version_of_tagmates_is_made_anew(
        self, store: Store, written: dict[str, RunRecord], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.find(PLAN)
        with monkeypatch.context() as patch:
            patch.setattr(index, "INDEX_VERSION", index.INDEX_VERSION + 1)
            assert read_index(store.root / "index.sqlite", written, counts=False) == {}
            assert all_same(store.find(PLAN, counts=True).done, written)
            assert len(read_index(store.root / "index.sqlite", written, counts=False)) == len(written)
        assert all_same(store.find(PLAN, counts=True).done, written)

    def test_that_cannot_be_written_is_done_without(self, store: Store, written: dict[str, RunRecord]) -> None:
        (store.root / "index.sqlite").mkdir()
        for _ in range(2):
            assert all_same(store.find(PLAN, counts=True).done, written)

    def test_that_another_process_writes_is_waited_for(self, store: Store, written: dict[str, RunRecord]) -> None:
        store.find(PLAN[:3])
        with closing(sqlite3.connect(store.root / "index.sqlite")) as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT * FROM runs").fetchall()  # a reader is in no one's way
            assert all_same(store.find(PLAN[:3], counts=True).done, {p.name: written[p.name] for p in PLAN[:3]})

    def test_of_another_study_is_of_no_harm(self, store: Store, written: dict[str, RunRecord], tmp_path: Path) -> None:
        other = Store(tmp_path / "other")
        write_study(other.root, STUDY, TASKS, lambda *_: 1.0)
        other.find(PLAN)
        shutil.copy(other.root / "index.sqlite", store.root / "index.sqlite")
        assert all_same(store.find(PLAN, counts=True).done, written)


counts_of = np_st.arrays(
    np.int32,
    st.tuples(st.integers(0, 9), st.just(3)),
    elements=st.sampled_from([0, 1, 255, 256, 65535, 65536, 2**31 - 1]),
)
scores_of = st.dictionaries(st.sampled_from(["a", "b", "ä b", "'; DROP"]), st.floats(0, 100), max_size=3)


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    planned: Planned = draw(st.sampled_from(PLAN))
    rows = st.lists(st.lists(st.floats(-5, 5), min_size=2, max_size=2), min_size=1, max_size=3)
    test = draw(scores_of)
    counts = draw(st.dictionaries(st.sampled_from(["a", "b", "ä b"]), counts_of, max_size=3))
    return make_record(
        planned,
        test,
        draw(scores_of),
        counts={task: some for task, some in counts.items() if task in test},
        updates=draw(st.integers(0, 10**9)),
        epochs=draw(st.integers(0, 100)),
        stopped=draw(st.sampled_from(["patience", "cap", "updates"])),
        seconds=draw(st.floats(0, 1e9)),
        parameters=draw(st.integers(0, 10**12)),
        embeddings=draw(st.dictionaries(st.sampled_from(["last", "best"]), rows)),
    )


class TestRoundTrip:
    @settings(max_examples=25)
    @given(record=records())
    def test_through_the_index(self, tmp_path_factory: pytest.TempPathFactory, record: RunRecord) -> None:
        path = tmp_path_factory.mktemp("index") / "index.sqlite"
        write_index(path, {record.name: ("stamp", record)})
        for counts in (True, False):
            ((name, (stamp, found)),) = read_index(path, [record.name], counts=counts).items()
            assert (name, stamp) == (record.name, "stamp")
            assert same(found, record, counts=counts)

    @settings(max_examples=25)
    @given(record=records())
    def test_through_a_run_folder(self, tmp_path_factory: pytest.TempPathFactory, record: RunRecord) -> None:
        planned = next(planned for planned in PLAN if planned.name == record.name)
        folder = tmp_path_factory.mktemp("runs") / planned.name
        fields = ("counts", "updates", "epochs", "stopped", "seconds", "parameters", "embeddings")
        more = {name: getattr(record, name) for name in fields}
        assert same(write_run(folder, planned, record.test, record.dev, **more), record)
        assert same(read_record(folder), record)
