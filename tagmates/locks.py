"""Locks of files; the system releases a lock when its process ends, however it ends."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from tagmates.errors import NoLocksError, TagmatesError
from tagmates.failures import LOCK_ERRORS

MOUNTS = Path("/proc/self/mounts")


def take_lock(
    path: Path, *, busy: TagmatesError | None = None, advice: str = "choose a folder on another disk"
) -> AbstractContextManager[BaseFileLock]:
    """Lock a file, which is made if it is missing; leaving the context that is returned releases it, in any thread.

    If another process holds the lock, raises ``busy``, or waits if that is None. Raises NoLocksError, with ``advice``,
    if the file system of its folder has no locks, as some network file systems; OSError if the file cannot be made.
    """
    # not filelock's soft locks, because that of a killed process would remain
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        return lock.acquire(blocking=busy is None)
    except Timeout:
        if busy is None:
            raise
        raise busy from None
    except OSError as error:
        if error.errno not in LOCK_ERRORS:
            raise
        with suppress(OSError):
            path.unlink()
        raise NoLocksError(f"{path.parent}: its file system has no file locks ({error.strerror}); {advice}") from None


def why_locks_fail(folder: Path, lock_name: str) -> str:
    """Why processes on other machines may work in this folder unseen: there are no locks, or they hold here only.

    Empty if no reason is found. The file of the lock is made and stays. Raises OSError if it cannot be made.
    """
    try:
        take_lock(folder / lock_name).__exit__(None, None, None)
    except NoLocksError:
        return "has no file locks"
    kind, options = _mount_of(folder.resolve())
    local = {"nolock", "localflock", "local_lock=all", "local_lock=flock"}.intersection(options)
    return f"({kind}, {min(local)}) has locks that other machines do not see" if local else ""


def _mount_of(folder: Path) -> tuple[str, list[str]]:
    """The kind of a folder's file system, and the options that it is mounted with, as far as the system tells."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", []
    mounts = [line.replace("\\040", " ").rsplit(" ", 4) for line in lines]  # only the first two fields may have spaces
    above = [mount for mount in mounts if len(mount) == 5 and folder.is_relative_to(_place(mount[0]))]
    if not above:
        return "", []
    _, kind, options, _, _ = max(above, key=lambda mount: len(_place(mount[0])))
    return kind, options.split(",")


def _place(device_and_place: str) -> str:
    """Where a line of the table of mounts says that it is mounted."""
    return device_and_place[device_and_place.index(" /") + 1 :] if " /" in device_and_place else device_and_place
