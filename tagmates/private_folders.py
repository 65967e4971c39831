"""Folders and files that no other user can change, such as the cache."""

import atexit
import logging
import os
import stat
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile, mkdtemp

log = logging.getLogger("tagmates")
OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_CAN_ENTER = stat.S_IXGRP | stat.S_IXOTH


def cache_folder() -> Path:
    """The cache folder: ``$TAGMATES_CACHE`` or, if that is not set, ``tagmates`` in the user's folder of caches.

    If another user could change files there, a private temporary folder is used until this process ends, and a warning
    says so. Processes that this one starts find it in ``TAGMATES_CACHE``.
    """
    chosen = os.environ.get("TAGMATES_CACHE")
    named = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagmates"
    folder = named.resolve()  # once, because a link may change later
    if is_private(folder):
        return folder
    private = temporary_folder()
    os.environ["TAGMATES_CACHE"] = str(private)
    log.warning(
        "%s: other users can change this cache, so it is not used; all that is needed is made again in %s, which is "
        "removed at the end; set TAGMATES_CACHE to a folder that only you can write (chmod go-w)",
        named,
        private,
    )
    return private


@cache
def temporary_folder() -> Path:
    """A temporary folder for this process and those that it starts, which is removed when this one ends."""
    folder, owner = Path(mkdtemp(prefix="tagmates-")).resolve(), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a forked process
            rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def is_private(path: Path) -> bool:
    """Whether only this user and root can change, replace or create the file or folder at ``path``.

    It must belong to one of them, and nobody else may write to it. The same holds for the folders above it, except that
    others may write to a sticky folder such as ``/tmp``, in which nobody can rename the files of others. Below a folder
    that only this user may enter, the modes of further folders do not matter.
    """
    if not hasattr(os, "geteuid"):  # on Windows, users' folders are private
        return True
    real = Path(os.path.realpath(path))
    try:
        for parent in reversed(real.parents):
            status = parent.stat()
            shared = status.st_mode & OTHERS_CAN_WRITE and not status.st_mode & stat.S_ISVTX
            if status.st_uid not in (0, os.geteuid()) or shared:
                return False
            if not status.st_mode & OTHERS_CAN_ENTER:
                break
        status = real.lstat()
    except OSError:  # it is missing, and the folders above it decide who can create it; or it cannot be used at all
        return True
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & OTHERS_CAN_WRITE


def make_private(folder: Path) -> None:
    """Make a folder, and those above it, for this user alone, if they are missing. Raises OSError."""
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def why_closed(folder: Path) -> OSError | None:
    """The error that prevents this user from writing files into a folder, which is made if it is missing; or None."""
    try:
        make_private(folder)
        with TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error


def keep_private(path: Path) -> None:
    """Take the right to write a file from all other users. Raises OSError."""
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS_CAN_WRITE)
