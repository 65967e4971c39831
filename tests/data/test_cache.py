"""tagmates.data.cache: it always gives what the files contain now, even if the cache is damaged or unusable."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tagmates.data import cache, corpora
from tagmates.data.corpora import load_corpora, load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence
from tagmates.data.task import Part, Task
from tagmates.errors import DataError
from tagmates.private_folders import cache_folder

FIRST = "Fog\tB-x\nand\tI-x\nrain\tO\n\n\nFog\tO\n"


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own that takes every file at once; the folder of its entries."""
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(cache.SWITCH_VARIABLE)
    monkeypatch.setattr(cache, "MIN_FILES_SIZE", 0)
    monkeypatch.setattr(cache, "MIN_FILE_AGE", 0)
    return tmp_path / "cache" / "corpora"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "a.tsv").write_text(FIRST)
    (tmp_path / "b.tsv").write_text("Snow\tB-x\n\nice\tO\n")
    part = Part(file="b.tsv")
    return Task(name="x", train=Part(file="a.tsv"), dev=part, test=part, folder=tmp_path, scheme="iob2")


def load(task: Task) -> IndexedTask:
    return load_indexed({"x": task}, ["x"])["x"]


def same(one: IndexedTask, other: IndexedTask) -> bool:
    """Whether everything is equal, types of numbers included."""
    assert list(one.splits) == list(other.splits)
    for split, mine in one.splits.items():
        theirs = other.splits[split]
        assert (mine.sentences, mine.forms, mine.tags) == (theirs.sentences, theirs.forms, theirs.tags)
        for name in ("form", "tag", "lengths"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), strict=True)
    return one.digest == other.digest


def reads_files(monkeypatch: pytest.MonkeyPatch, task: Task) -> bool:
    """Whether a load of the task reads its files."""
    read = []
    original = corpora.read_file
    with monkeypatch.context() as patch:
        patch.setattr(corpora, "read_file", lambda *given: read.append(given) or original(*given))
        load(task)
    return bool(read)


def test_the_second_time_nothing_is_read(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(task)
    assert first.splits["train"].sentences == [
        Sentence(("Fog", "and", "rain"), ("B-x", "I-x", "O"), 1), Sentence(("Fog",), ("O",), 6)
    ]  # fmt: skip
    assert len(list(entries.iterdir())) == 1
    assert not reads_files(monkeypatch, task)
    assert same(load(task), first)
    assert load_corpora({"x": task}, ["x"])["x"] == {s: p.sentences for s, p in first.splits.items()}


def test_a_link_to_another_file_of_the_same_moment(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two files that were unpacked together, only their numbers on the disk tell which one is meant."""
    train = task.folder / "a.tsv"
    train.rename(task.folder / "one.tsv")
    (task.folder / "two.tsv").write_text(FIRST.replace("Fog", "Hot"))
    real = Path.stat

    def at_one_moment(path: Path, **given: Any) -> os.stat_result:
        found = real(path, **given)
        times = {"st_atime_ns": 0, "st_mtime_ns": 0, "st_ctime_ns": 0}
        return os.stat_result([*found[:7], 0, 0, 0], times)

    for name, word in (("one.tsv", "Fog"), ("two.tsv", "Hot")):
        train.unlink(missing_ok=True)
        train.symlink_to(name)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", at_one_moment)
            assert load(task).splits["train"].forms[0] == word
    assert len(list(entries.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"scheme": "plain"}, {"convert_to": "iobes"}, {"train": Part(file="a.tsv", sentences="2-")}, {"test": None},
        {"dev": Part(file="a.tsv")}, {"token_column": 2, "tag_column": 1, "scheme": "plain"}, {"separator": None},
        {"comment": "#"}, {"encoding": "latin-1"},
    ],
)  # fmt: skip
def test_what_decides_what_is_read(
    entries: Path, task: Task, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(task)
    other = Task(**{**{name: getattr(task, name) for name in Task.model_fields}, **change})
    assert reads_files(monkeypatch, other)
    assert not reads_files(monkeypatch, other)
    monkeypatch.setenv(cache.SWITCH_VARIABLE, "0")
    held = load(other)
    monkeypatch.delenv(cache.SWITCH_VARIABLE)
    assert same(load(other), held)


def test_a_changed_file_is_read_again(entries: Path, task: Task) -> None:
    load(task)
    path = task.folder / "a.tsv"
    before = path.stat()
    path.write_text(FIRST.replace("rain", "hail"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as copies do that keep times; the size is the same
    assert load(task).splits["train"].sentences[0].tokens == ("Fog", "and", "hail")


def test_other_code_reads_again(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    load(task)
    monkeypatch.setattr(cache, "_code", lambda: "later")
    assert reads_files(monkeypatch, task)


def test_what_is_not_cached(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MIN_FILES_SIZE", 2**18), ("MIN_FILE_AGE", 60.0)):
        with monkeypatch.context() as patch:
            patch.setattr(cache, name, value)
            load(task)
    with monkeypatch.context() as patch:
        patch.setenv(cache.SWITCH_VARIABLE, "0")
        load(task)
    assert not entries.exists()


def test_a_file_that_changes_while_it_is_read(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    original = corpora.read_file

    def read(task: Task, path: Path) -> list[Sentence]:
        found = original(task, path)
        with path.open("a") as file:
            file.write("\n\nlate\tO\n")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(corpora, "read_file", read)
        load(task)
    assert not entries.exists()
    assert load(task).splits["train"].sentences[-1].tokens == ("late",)


def test_a_damaged_entry_is_made_anew(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(task)
    (entry,) = entries.iterdir()
    whole = entry.read_bytes()
    for damaged in (b"", whole[:-30], whole[: len(whole) // 2], b"x" * 99, *_with_a_flipped_byte(whole)):
        entry.write_bytes(damaged)
        assert same(load(task), first)
    entry.write_bytes(whole[:99])
    assert reads_files(monkeypatch, task)
    assert not reads_files(monkeypatch, task)


def _with_a_flipped_byte(whole: bytes) -> list[bytes]:
    return [whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :] for at in range(0, len(whole), 97)]


def test_an_entry_of_numbers_that_do_not_fit(entries: Path, task: Task) -> None:
    first = load(task)
    (entry,) = entries.iterdir()
    with np.load(entry) as arrays:
        held = dict(arrays)
    for name, array in (("train/lengths", np.array([3, 2])), ("train/form", np.array([0, 1, 2, 9])), ("dev/tag", None)):
        changed = {**held, name: array} if array is not None else {k: v for k, v in held.items() if k != name}
        with entry.open("wb") as file:
            np.savez(file, **changed)
        assert same(load(task), first)


def test_an_entry_that_others_can_change_is_made_anew(
    entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(task)
    (entry,) = entries.iterdir()
    entry.chmod(0o620)
    assert reads_files(monkeypatch, task)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{entry}: other users can change it")
    assert not reads_files(monkeypatch, task)
    if os.geteuid() == 0:
        os.chown(entry, 12345, -1)
        assert reads_files(monkeypatch, task)
        assert not reads_files(monkeypatch, task)


def test_a_folder_of_entries_that_others_can_change_is_not_used(
    entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(task)
    entries.chmod(0o1777)
    for _ in range(2):
        assert reads_files(monkeypatch, task)
    assert len(caplog.messages) == 1  # said once
    entries.chmod(0o700)
    assert not reads_files(monkeypatch, task)


@pytest.mark.parametrize("what", ["a file", "no home"])
def test_a_cache_that_cannot_be(
    entries: Path, task: Task, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "a file":
        (tmp_path / "cache").write_text("")
    else:
        monkeypatch.delenv("TAGMATES_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert load(task).splits["dev"].sentences
    (task.folder / "b.tsv").unlink()
    with pytest.raises(DataError, match=r"b\.tsv: cannot be read"):
        load(task)


def test_a_full_disk_leaves_nothing(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert load(task).splits["dev"].sentences
    assert list(entries.iterdir()) == []


def test_what_was_not_used_for_longest_goes_first(entries: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [task.model_copy(update={"comment": sign}) for sign in "!?"]
    for number, other in enumerate(tasks):
        load(other)
        os.utime(cache.entry_of(other, ["train", "dev", "test"]) or "", (number, number))
    load(tasks[0])  # used now
    size = sum(entry.stat().st_size for entry in entries.iterdir())
    monkeypatch.setattr(cache, "MAX_CACHE_SIZE", size)
    load(task)
    assert len(list(entries.iterdir())) == 2
    assert [reads_files(monkeypatch, other) for other in (task, tasks[0])] == [False, False]


def test_several_at_once(entries: Path, task: Task) -> None:
    """Who reads while others write finds an entry whole, or none."""
    first = load(task)
    (entry,) = entries.iterdir()

    def turn(number: int) -> bool:
        if number % 3 == 0:
            cache.write_entry(entry, first)
        elif number % 7 == 0:
            entry.unlink(missing_ok=True)
        held = cache.read_entry(entry)
        return held is None or same(held, first)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(turn, range(200)))
    load(task)
    assert list(entries.iterdir()) == [entry]


def test_where_caches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("TAGMATES_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/somebody/.cache/tagmates")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert cache_folder() == Path("/var/cache/tagmates")
    monkeypatch.setenv("TAGMATES_CACHE", "")
    assert cache_folder() == Path("/var/cache/tagmates")
    monkeypatch.setenv("TAGMATES_CACHE", "/scratch/mine")
    assert cache_folder() == Path("/scratch/mine")
