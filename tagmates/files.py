"""Files that are whole or not there: written beside their place, synced, then renamed over it. Where caches are."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tagmates.errors import DiskError, ModelError
from tagmates.failures import GONE, IN_ITS_PLACE, PASSING, is_out_of_memory, what_to_do

Value = TypeVar("Value")


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``; where that fails (a full disk), it stays as it was and DiskError says why."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:  # Ctrl-C too: nothing half-written stays
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if not isinstance(error, OSError) or is_out_of_memory(error):
            raise
        raise write_error(path, error) from None


def write_error(path: object, error: OSError) -> DiskError | ModelError:
    """The error to raise where ``path`` cannot be written: what is wrong and what to do.

    A ModelError where something else is in the file's place, which is the trouble of its folder alone.
    """
    whole = "" if error.errno in GONE else "what was saved before is whole; "
    text = f"{path}: cannot be written ({error.strerror or error}); {whole}{what_to_do(error)} and try again"
    return ModelError(text) if error.errno in IN_ITS_PLACE else DiskError(text)


def cache_folder() -> Path:
    """Where to keep what can be made again: ``$TAGMATES_CACHE``, else ``tagmates`` in the user's folder of caches."""
    chosen = os.environ.get("TAGMATES_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagmates"


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document atomically."""
    write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; ModelError where the file is missing, truncated or something else."""
    return _read(path, lambda: _object(path.read_bytes()))


def json_object(path: Path, content: bytes) -> dict[str, Any]:
    """The JSON object that ``content``, which was read at ``path``, is; ModelError where it is none."""
    return _read(path, lambda: _object(content))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors as safetensors, atomically."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(plain, dict(metadata or {}) or None))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file; ModelError where it is missing, truncated or foreign."""

    def read() -> tuple[dict[str, Tensor], dict[str, str]]:
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
        if isinstance(error, OSError) and error.errno in PASSING:
            raise  # the file may be whole
        if "os error 12" in str(error):  # ENOMEM, as safetensors tells it
            raise MemoryError(f"{path}: {error}") from None
        raise ModelError(
            f"{path}: is truncated or not from tagmates ({error}); train again or restore the file"
        ) from None
