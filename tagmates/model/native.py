"""Which kernels there are: in C (``kernels/``, compiled on first use), in Triton (``triton_*``); else torch does it."""

import ctypes
import hashlib
import logging
import math
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from tagmates.files import cache_folder, is_private, keep_private, passing_folder, why_closed

log = logging.getLogger("tagmates")
SOURCES = ("gru.c", "crf.c", "vector.h")
# the kernels' own exp needs neither errno nor traps; NaN and infinity stay what they are
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC")
BUILD_SECONDS = 60
FOLDER = "TAGMATES_KERNELS"  # where this process or its starter has compiled because the cache cannot be written
TRITON_TOLERANCE = 1e-4  # of what torch computes, relative to the largest
LONG, FLOAT, DOUBLE = torch.int64, torch.float32, torch.float64


class Kernel:
    """What a kernel is called with: the sizes and arrays of a structure in C, in its order."""

    def __init__(self, sizes: str, **arrays: tuple[torch.dtype, str]) -> None:
        """Every array has a type and as many items as the product of these sizes and numbers."""
        self.sizes = sizes.split()
        self.arrays = {name: (dtype, shape.split()) for name, (dtype, shape) in arrays.items()}
        fields = [(name, ctypes.c_int64) for name in self.sizes] + [(name, ctypes.c_void_p) for name in self.arrays]
        self.structure = type("Structure", (ctypes.Structure,), {"_fields_": [*fields, ("number", ctypes.c_double)]})

    def call(self, function: Any, number: float = 0, **values: Any) -> int | None:
        """Call a function with these values; arrays that it does not need may be left out.

        Returns what it returns. Raises ValueError for an array of another type, layout or number of items.
        """
        fields: dict[str, Any] = {name: values[name] for name in self.sizes}
        for name, value in values.items():
            if not isinstance(value, Tensor):
                continue
            dtype, shape = self.arrays[name]
            items = math.prod(fields[size] if size in fields else int(size) for size in shape)
            if value.dtype != dtype or not value.is_contiguous() or value.numel() != items:
                raise ValueError(
                    f"{name}: {value.dtype} of shape {tuple(value.shape)} and strides {value.stride()}; expected "
                    f"contiguous {dtype} of {items} items ({' x '.join(shape)})"
                )
        pointers = {name: value.data_ptr() for name, value in values.items() if isinstance(value, Tensor)}
        returned: int | None = function(ctypes.byref(self.structure(**fields, **pointers, number=number)))
        return returned


def library_for(*values: Tensor) -> ctypes.CDLL | None:
    """The compiled kernels where they can take these tensors: float32 on a CPU, and no autocast."""
    suits = all(value.device.type == "cpu" and value.dtype == torch.float32 for value in values)
    return kernels() if suits and not torch.is_autocast_enabled("cpu") else None


def triton_for(*values: Tensor) -> bool:
    """Whether the kernels in Triton can take these tensors: float32 on a GPU where they work, and no autocast."""
    suits = all(value.is_cuda and value.dtype == torch.float32 for value in values)
    return suits and not torch.is_autocast_enabled("cuda") and triton_works(values[0].device)


def kernels_on(device: torch.device) -> str:
    """``compiled``, ``triton`` or ``torch``: whose kernels a training on this device uses."""
    if device.type == "cpu":
        return "torch" if kernels() is None else "compiled"
    return "triton" if device.type == "cuda" and triton_works(device) else "torch"


@cache
def triton_works(device: torch.device) -> bool:
    """Whether the kernels in Triton compile and compute right on this device; never with ``TAGMATES_NATIVE=0``."""
    if os.environ.get("TAGMATES_NATIVE") == "0":
        return False
    try:
        from tagmates.model.triton_trial import differences  # noqa: PLC0415

        found = differences(device)
        wrong = [f"{name} is off by {off:.1e}" for name, off in found.items() if not off < TRITON_TOLERANCE]
        if wrong:
            raise ArithmeticError(", ".join(wrong))
    except Exception as error:  # whatever is wrong with a driver or a compiler, torch does without
        log.warning("the kernels in Triton fail on %s, torch does their work, more slowly: %s", device, error)
        return False
    return True


@cache
def kernels() -> ctypes.CDLL | None:
    """The compiled kernels; None where they cannot be built, or with ``TAGMATES_NATIVE=0``."""
    if os.environ.get("TAGMATES_NATIVE") == "0":
        return None
    # OpenMP's functions come from the runtime that torch has loaded (nothing is linked with -fopenmp), so that both
    # use the same threads
    for flags in ((*FLAGS, "-fopenmp"), (*FLAGS, "-Wno-unknown-pragmas")):
        try:
            return _loaded(flags)
        except subprocess.TimeoutExpired as error:
            log.info("no native kernels: %s", error)
            _WHY[:] = [f"the C compiler took more than {BUILD_SECONDS} seconds"]
            return None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip() or str(error)
            log.info("no native kernels with %s: %s", flags[-1], said)
            _WHY[:] = [f"the C compiler fails: {said.splitlines()[0][:200]}"]
        except Exception as error:  # whatever is wrong with a compiler or a cache, torch does without
            log.info("no native kernels with %s: %s", flags[-1], error)
            _WHY[:] = [str(error)]
    return None


_WHY: list[str] = []  # what kept the kernels from being compiled, when that was last tried


def why_no_kernels() -> str:
    """Why this process has no compiled kernels."""
    if os.environ.get("TAGMATES_NATIVE") == "0":
        return "TAGMATES_NATIVE=0"
    return _WHY[0] if _WHY else "unknown"


def _loaded(flags: Sequence[str]) -> ctypes.CDLL:
    """The library built with these flags, from the user's cache if it is there."""
    command = os.environ.get("CC")
    found = shlex.split(command) if command else [shutil.which("cc") or ""]
    if not found[0]:
        raise FileNotFoundError("no C compiler (cc) here, and none in CC")
    sources = {name: files("tagmates.model").joinpath("kernels", name).read_bytes() for name in SOURCES}
    # by content, so that another machine, compiler or version makes its own
    parts = [*sources.values(), "\0".join([*found, *flags]).encode(), _processor()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    path = cache_folder() / f"kernels-{key}.so"
    elsewhere = os.environ.get(FOLDER)
    for place in (path, *([Path(elsewhere) / path.name] if elsewhere else [])):
        if place.is_file() and is_private(place):
            with suppress(OSError, AttributeError):  # damaged
                return _library(place)
    closed = why_closed(path.parent)
    if closed is not None:
        log.warning(
            "%s: cannot be written (%s), so the kernels in C are compiled for this call alone; set TAGMATES_CACHE to a "
            "folder that can be written",
            path.parent,
            closed.strerror,
        )
        os.environ[FOLDER] = str(passing_folder())  # for the processes that this one starts
        path = passing_folder() / path.name
    _build(path, sources, found, flags)
    if not is_private(path):  # as it was when the folder was chosen
        raise PermissionError(f"{path}: other users can change it")
    return _library(path)


def _library(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.gru_room.argtypes = [ctypes.c_int64] * 3
    library.crf_room.argtypes = [ctypes.c_int64] * 2
    for name in ("gru_room", "crf_room", "crf_score"):
        getattr(library, name).restype = ctypes.c_int64
    for name in ("gru_forward", "gru_backward", "crf_forward", "crf_backward", "crf_viterbi", "crf_score_backward"):
        getattr(library, name).restype = None
    return library


def _build(path: Path, sources: Mapping[str, bytes], compiler: Sequence[str], flags: Sequence[str]) -> None:
    with TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        for source, text in sources.items():
            (folder / source).write_bytes(text)
        units = [source for source in sources if source.endswith(".c")]
        objects = [f"{unit[:-2]}.o" for unit in units]
        for line in ([*compiler, *flags, "-c", *units], [*compiler, "-shared", "-o", "kernels.so", *objects]):
            subprocess.run(line, cwd=folder, check=True, capture_output=True, timeout=BUILD_SECONDS)
        made = folder / "kernels.so"
        with made.open("rb") as file:
            os.fsync(file.fileno())
        keep_private(made)
        made.replace(path)  # whole or not at all, whoever else builds it


def _processor() -> bytes:
    """What the compiler's ``native`` depends on: a cache may be shared by unlike machines."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return " ".join(platform.uname()).encode()
    return b"\n".join(dict.fromkeys(line for line in lines if line.startswith((b"flags", b"Features", b"model name"))))
