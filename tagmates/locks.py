"""Locks of files: the system lets go of them when their process ends, however it ends."""

from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock

from tagmates.errors import NoLocksError
from tagmates.failures import NO_LOCKS


def take_lock(path: Path, *, wait: bool = False, alone: str = "choose a folder on another disk") -> BaseFileLock:
    """Lock a file, which is made where it is missing; ``release()`` of what comes back ends it, in any thread.

    Raises Timeout (of filelock) where another process has it, unless told to ``wait``; NoLocksError, with the advice
    ``alone``, where the folder's file system has no locks, as some of networks; OSError.
    """
    # with soft locks in their place, the lock of a killed process would stay for ever
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=wait)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        with suppress(OSError):
            path.unlink()
        raise NoLocksError(f"{path.parent}: its file system has no file locks ({error.strerror}); {alone}") from None
    return lock
