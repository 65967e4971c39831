"""Disks that are full or may only be read: nothing that is done is lost or changes."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Outcome, ended, refused, remount, start, tagmates
from study_faults import KEPT, LOCAL, PROCESSES, SHORT, all_numbers, assert_kept, finished, no_traceback, write_study


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
