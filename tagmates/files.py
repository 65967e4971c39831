"""Atomic writing of files (beside their place, synced, then renamed), reading with clear errors, the cache folder."""

import atexit
import json
import logging
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile, mkdtemp
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tagmates.errors import DiskError, ModelError
from tagmates.failures import MISSING_FOLDER_ERRORS, NAME_TAKEN_ERRORS, RESOURCE_ERRORS, is_out_of_memory, what_to_do

log = logging.getLogger("tagmates")
ESCAPED = "backslashreplace"  # error handler for file names that are not UTF-8; JSON reads them back unchanged
OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_CAN_ENTER = stat.S_IXGRP | stat.S_IXOTH
Value = TypeVar("Value")


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of ``path``; if that fails, as on a full disk, it stays as it was, and DiskError says why."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:  # Ctrl-C too must leave no half-written file
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if not isinstance(error, OSError) or is_out_of_memory(error):
            raise
        raise write_error(path, error) from None


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, atomically; bytes of file names that are not UTF-8 are escaped."""
    write_atomically(path, text.encode(errors=ESCAPED))


def write_error(path: object, error: OSError) -> DiskError | ModelError:
    """The error to raise if ``path`` cannot be written.

    It is a ModelError if something else has that name, because only that folder is affected.
    """
    whole = "" if error.errno in MISSING_FOLDER_ERRORS else "files that were saved before are complete; "
    text = f"{path}: cannot be written ({error.strerror or error}); {whole}{what_to_do(error)} and try again"
    return ModelError(text) if error.errno in NAME_TAKEN_ERRORS else DiskError(text)


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


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document atomically; bytes of file names that are not UTF-8 are escaped."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ModelError if the file is missing, truncated or something else."""
    return _read(path, lambda: _object(read_file(path)))


def read_file(path: Path) -> bytes:
    """The content of a file. Raises OSError, or ValueError for anything but a regular file, such as a pipe."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no file")
        return file.read()


def json_object(path: Path, content: bytes) -> dict[str, Any]:
    """The JSON object in ``content``, which was read from ``path``; ModelError if it is none."""
    return _read(path, lambda: _object(content))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors as safetensors, atomically."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(plain, dict(metadata or {}) or None))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file; ModelError if it is missing, damaged or not from tagmates."""

    def read() -> tuple[dict[str, Tensor], dict[str, str]]:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118

    return _read(path, read)


def _object(content: bytes) -> dict[str, Any]:
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return value


def _read(path: Path, read: Callable[[], Value]) -> Value:
    try:
        return read()
    except FileNotFoundError:
        raise ModelError(f"{path}: is missing; give the folder of a tagmates run") from None
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno in RESOURCE_ERRORS:
            raise  # the file itself may be fine
        if "os error 12" in str(error):  # ENOMEM, as safetensors reports it
            raise MemoryError(f"{path}: {error}") from None
        raise ModelError(
            f"{path}: is truncated or not from tagmates ({error}); train again or restore the file"
        ) from None
