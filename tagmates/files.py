"""Atomic writing of files (beside their place, synced, then renamed), and reading with clear errors."""

import json
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tagmates.errors import DiskError, ModelError
from tagmates.failures import MISSING_FOLDER_ERRORS, NAME_TAKEN_ERRORS, RESOURCE_ERRORS, is_out_of_memory, what_to_do

log = logging.getLogger("tagmates")
UNFINISHED = ".new"  # ends the name of a file that is being written
UNFINISHED_AGE = 3600  # seconds, after which such a file is of a process that was killed
_UNFINISHED_NAME = re.compile(r"\.[0-9a-f]{16}\.new")
ESCAPED = "backslashreplace"  # error handler for file names that are not UTF-8; JSON reads them back unchanged
Value = TypeVar("Value")


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the content of ``path``; if that fails, as on a full disk, it stays as it was, and DiskError says why.

    Several processes may write the same file: it is then what one of them wrote, as a whole.
    """
    beside = path.with_name(f".{token_hex(8)}{UNFINISHED}")
    try:
        with beside.open("xb") as file:
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
    _remove_unfinished(path.parent)


def _remove_unfinished(folder: Path) -> None:
    """Remove what processes that were killed had begun to write."""
    with suppress(OSError):  # the folder may not be readable
        for path in [path for path in folder.iterdir() if _UNFINISHED_NAME.fullmatch(path.name) and path.is_file()]:
            if time.time() - path.stat().st_mtime > UNFINISHED_AGE:
                path.unlink()


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
