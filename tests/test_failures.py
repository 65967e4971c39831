"""tagmates.failures, files and locks: errors of the system, and folders that are trusted."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from tagmates.errors import BusyError, DiskError, ModelError, NoLocksError, OutOfMemoryError, TagmatesError
from tagmates.failures import LOCK_ERRORS, is_out_of_memory, memory_errors, what_to_do
from tagmates.files import read_json, write_atomically
from tagmates.locks import take_lock
from tagmates.private_folders import cache_folder, is_private, make_private

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
TOO_MUCH = 2**60  # bytes


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user can reach: pytest's own are closed to them."""
    folder = Path(mkdtemp(prefix="reachable-"))
    folder.chmod(0o755)
    yield folder
    rmtree(folder)


# --- advice ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room"), (errno.EDQUOT, "make room"), (errno.EACCES, "permissions"),
        (errno.EPERM, "permissions"), (errno.ENOENT, "folder is missing"), (errno.ENOTDIR, "folder is missing"),
        (errno.EROFS, "writable"), (errno.EMFILE, "ulimit -n"), (errno.EIO, "disk"), (errno.EISDIR, "move that away"),
        (errno.EFBIG, "ulimit -f"), (errno.ENOMEM, "memory"), (errno.EPIPE, "check that place"),
    ],
)  # fmt: skip
def test_advice_fits_the_error(number: int, advice: str) -> None:
    assert advice in what_to_do(OSError(number, os.strerror(number)))
    assert ("room" in what_to_do(OSError(number, ""))) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_a_folder_that_is_gone_is_not_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="its folder is missing: restore it") as caught:
        write_atomically(tmp_path / "gone" / "file", b"")
    assert "room" not in str(caught.value)
    assert "whole" not in str(caught.value)


def test_what_is_in_the_place_of_a_file_is_trouble_of_its_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(ModelError, match="something else is in its place"):
        write_atomically(tmp_path / "file", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_several_write_at_once_is_what_one_of_them_wrote(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([number]) * 5000 for number in range(4)]

    def write(content: bytes) -> None:
        for _ in range(30):
            write_atomically(path, content)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, contents))
    assert [*tmp_path.iterdir()] == [path]


def test_what_a_killed_process_had_begun_to_write_is_removed_later(tmp_path: Path) -> None:
    old, new, own = (tmp_path / name for name in (f".{'a' * 16}.new", f".{'b' * 16}.new", ".notes.new"))
    for path in (old, new, own):
        path.touch()
    for path in (old, own):
        os.utime(path, (0, 0))
    (tmp_path / f".{'c' * 16}.new").mkdir()
    os.utime(tmp_path / f".{'c' * 16}.new", (0, 0))
    write_atomically(tmp_path / ("x" * 250), b"")
    assert (old.exists(), new.exists(), own.exists()) == (False, True, True)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="it is no file"):
        read_json(tmp_path / "pipe")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_what_passes_does_not_speak_against_a_file(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files, or no memory: a study would set aside what is whole."""
    (tmp_path / "x.json").write_text("{}")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            read_json(tmp_path / "x.json")
    assert read_json(tmp_path / "x.json") == {}


# --- memory ----------------------------------------------------------------------------------------------------------


def ask_python() -> object:
    return bytes(TOO_MUCH)


def ask_numpy() -> object:
    return np.zeros(TOO_MUCH, dtype=np.uint8)


def ask_torch() -> object:
    return torch.empty(TOO_MUCH, dtype=torch.uint8)


def ask_the_system() -> object:
    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


@pytest.mark.parametrize("ask", [ask_python, ask_numpy, ask_torch, ask_the_system])
def test_each_library_has_its_own_way_to_say_that_memory_is_short(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(OutOfMemoryError, match="there is not enough memory") as caught, memory_errors():
        ask()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [ValueError("x"), RuntimeError("shapes"), OSError(errno.ENOSPC, ""), KeyError("out of memory")]
)
def test_other_errors_are_let_through(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)), memory_errors():
        raise error


# --- locks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", sorted(LOCK_ERRORS))
@pytest.mark.parametrize("wait", [False, True])
def test_a_disk_without_locks_is_said_at_once(
    number: int, wait: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(NoLocksError, match=rf"{tmp_path}: its file system has no file locks \(.*\); look elsewhere"):
        take_lock(tmp_path / ".lock", busy=None if wait else BusyError("busy"), advice="look elsewhere")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    busy = BusyError("another process has it")
    with take_lock(tmp_path / ".lock"), pytest.raises(BusyError, match="another process has it"):
        take_lock(tmp_path / ".lock", busy=busy)
    with take_lock(tmp_path / ".lock", busy=busy):
        pass


# --- whom a folder is trusted with -----------------------------------------------------------------------------------


def test_what_nobody_else_can_change_is_private(reachable: Path) -> None:
    assert is_private(reachable)  # in /tmp, which is sticky
    assert is_private(reachable / "not" / "there")
    (reachable / "file").write_text("")
    (reachable / "file").chmod(0o644)
    assert is_private(reachable / "file")


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777, 0o2775])
def test_what_others_can_write_is_not(reachable: Path, mode: int) -> None:
    inner = reachable / "outer" / "inner"
    inner.mkdir(parents=True, mode=0o755)
    (reachable / "outer").chmod(mode)
    assert not is_private(reachable / "outer")
    sticky = bool(mode & 0o1000)
    assert is_private(inner) == sticky  # nobody can rename what is another's
    assert is_private(inner / "new") == sticky
    (reachable / "outer").chmod(0o755)
    assert is_private(inner)
    inner.chmod(mode)
    assert not is_private(inner)


def test_below_a_closed_folder_nobody_else_comes(reachable: Path) -> None:
    inner = reachable / "home" / "cache" / "tagmates"
    inner.mkdir(parents=True, mode=0o755)
    (reachable / "home" / "cache").chmod(0o775)
    assert not is_private(inner)
    (reachable / "home").chmod(0o700)
    assert is_private(inner)
    assert not is_private(reachable / "home" / "cache")


@as_root
def test_what_belongs_to_another_is_not_private(reachable: Path) -> None:
    inner = reachable / "outer" / "inner"
    inner.mkdir(parents=True, mode=0o755)
    for theirs in (inner, reachable / "outer"):
        os.chown(theirs, 12345, -1)
        assert not is_private(inner)
        assert not is_private(inner / "new")
        os.chown(theirs, 0, -1)
    assert is_private(inner)


@as_root
def test_a_link_is_what_it_leads_to(reachable: Path) -> None:
    (reachable / "theirs").mkdir(mode=0o755)
    os.chown(reachable / "theirs", 12345, -1)
    (reachable / "mine").mkdir(mode=0o755)
    for name in ("theirs", "mine"):
        (reachable / f"to-{name}").symlink_to(reachable / name)
        assert is_private(reachable / f"to-{name}") == (name == "mine")


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_a_folder_that_is_made_is_private(reachable: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_private(reachable / "a" / "b")
        make_private(reachable / "a" / "b")
    finally:
        os.umask(before)
    assert is_private(reachable / "a" / "b")
    assert (reachable / "a").stat().st_mode & 0o777 == 0o700


CHILD = """
import os, subprocess, sys
from tagmates.private_folders import cache_folder
print(cache_folder(), flush=True)
(cache_folder() / "kept").write_text("x")
print(cache_folder(), flush=True)
if len(sys.argv) == 1:
    subprocess.run([sys.executable, "-c", os.environ["CHILD"], "again"], check=True)
    if os.fork() == 0:
        sys.exit(0)  # runs what is to be done at exit, which is not this one's to do
    os.wait()
    assert (cache_folder() / "kept").exists()
"""


@pytest.mark.slow
def test_a_cache_of_all_users_is_replaced_for_a_process_and_those_that_it_starts(reachable: Path) -> None:
    (reachable / "cache").mkdir()
    (reachable / "cache").chmod(0o1777)
    environment = {**os.environ, "TAGMATES_CACHE": str(reachable / "cache"), "CHILD": CHILD}
    done = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folders = set(done.stdout.split())
    assert len(folders) == 1
    private = Path(folders.pop())
    assert private.parent != reachable / "cache"
    assert not private.exists()
    assert list((reachable / "cache").iterdir()) == []
    warnings = done.stderr.splitlines()
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{reachable / 'cache'}: other users can change this cache")
    assert "TAGMATES_CACHE" in warnings[0]


def test_a_link_to_the_cache_is_followed_once(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (reachable / "real").mkdir()
    (reachable / "link").symlink_to(reachable / "real")
    monkeypatch.setenv("TAGMATES_CACHE", str(reachable / "link"))
    assert cache_folder() == reachable / "real"


def test_nothing_is_said_of_a_cache_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "file" / "cache"))
    assert cache_folder() == tmp_path / "file" / "cache"
    with suppress(TagmatesError), pytest.raises(OSError, match=r"Not a directory|File exists"):
        make_private(cache_folder())
