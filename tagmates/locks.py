"""Locks of files; the system releases a lock when its process ends, however it ends."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from tagmates.errors import NoLocksError, TagmatesError
from tagmates.failures import LOCK_ERRORS


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
