"""The kernels in C (``kernels/``), compiled on first use; where there is no compiler, torch does what they do."""

import ctypes
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger("tagmates")
SOURCES = ("gru.c", "crf.c", "vector.h")
# the kernels' own exp needs neither errno nor traps; NaN and infinity stay what they are
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC")


class Layer(ctypes.Structure):
    """The arrays of GRU layers, as ``gru.c`` declares them."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("lanes", "positions", "size", "steps")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "offsets", "rows", "mirror", "hidden_weight", "hidden_bias", "gates", "candidate", "before", "states",
                "d_states", "d_state", "d_from_state", "panels",
            )
        ),
    ]  # fmt: skip


class Chain(ctypes.Structure):
    """The arrays of CRFs, as ``crf.c`` declares them."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("decoders", "positions", "rows", "tags", "steps")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "offsets", "lengths", "emissions", "start", "end", "weights", "row_max", "into", "alpha", "scale",
                "source", "sums", "ending", "marginals", "ratio", "best", "underflows", "panels",
            )
        ),
        ("smallest", ctypes.c_double),
    ]  # fmt: skip


class Gold(ctypes.Structure):
    """The arrays of scores of given tags, as ``crf.c`` declares them."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("decoders", "positions", "rows", "tags", "steps")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "offsets", "lengths", "emissions", "transitions", "start", "end", "gold", "score", "d_emissions",
                "d_transitions", "d_start", "d_end",
            )
        ),
    ]  # fmt: skip


def library_for(*values: Tensor) -> ctypes.CDLL | None:
    """The compiled kernels where they can take these tensors: float32 on a CPU."""
    suits = all(value.device.type == "cpu" and value.dtype == torch.float32 for value in values)
    return kernels() if suits else None


def call(function: Any, kind: type[ctypes.Structure], **values: int | float | Tensor | None) -> int | None:
    """Call a kernel with a structure of these numbers and contiguous arrays; what it returns, if anything."""
    for name, value in values.items():
        assert not isinstance(value, Tensor) or value.is_contiguous(), name
    fields = {name: value.data_ptr() if isinstance(value, Tensor) else value for name, value in values.items()}
    returned: int | None = function(ctypes.byref(kind(**fields)))
    return returned


@cache
def kernels() -> ctypes.CDLL | None:
    """The compiled kernels; None where there is no compiler, or with ``TAGMATES_NATIVE=0``."""
    if os.environ.get("TAGMATES_NATIVE") == "0":
        return None
    compiler = shlex.split(os.environ.get("CC") or shutil.which("cc") or "")  # CC may come with arguments
    if not compiler:
        log.info("no native kernels (no C compiler here): torch does without, more slowly")
        return None
    sources = {name: files("tagmates.model").joinpath("kernels", name).read_bytes() for name in SOURCES}
    # OpenMP's functions come from the runtime that torch has loaded, so that both use the same threads
    for flags in ((*FLAGS, "-fopenmp"), (*FLAGS, "-Wno-unknown-pragmas")):
        try:
            library = ctypes.CDLL(str(_built(sources, compiler, flags)))
        except (OSError, subprocess.SubprocessError) as error:
            log.info("no native kernels with %s (%s)", flags[-1], error)
            continue
        for name in ("gru_panels", "crf_panels"):
            getattr(library, name).argtypes = [ctypes.c_int64, ctypes.c_int64]
            getattr(library, name).restype = ctypes.c_int64
        library.crf_score.restype = ctypes.c_int64
        for name in ("gru_forward", "gru_backward", "crf_forward", "crf_backward", "crf_viterbi", "crf_score_backward"):
            getattr(library, name).restype = None
        return library
    return None


def _built(sources: dict[str, bytes], compiler: list[str], flags: tuple[str, ...]) -> Path:
    """The library in the user's cache; by content, so that another machine or version makes its own."""
    parts = [*sources.values(), "\0".join([*compiler, *flags]).encode(), _processor()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagmates"
    path = root / f"kernels-{key}.so"
    if not path.exists():
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=root) as name:
            folder = Path(name)
            for source, text in sources.items():
                (folder / source).write_bytes(text)
            units = [source for source in sources if source.endswith(".c")]
            _run([*compiler, *flags, "-c", *units], folder)
            _run([*compiler, "-shared", "-o", "kernels.so", *(f"{unit[:-2]}.o" for unit in units)], folder)
            (folder / "kernels.so").replace(path)  # whole or not at all, whoever else builds it
    return path


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)


def _processor() -> bytes:
    """What the compiler's ``native`` depends on: a cache may be shared by unlike machines."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return b" ".join(part.encode() for part in os.uname()[3:])
    return b"\n".join(dict.fromkeys(line for line in lines if line.startswith((b"flags", b"Features", b"model name"))))
