"""The kernels in C as a library: compiled on first use, kept in the user's cache, and loaded."""

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from tagmates.private_folders import cache_folder, is_private, keep_private, temporary_folder, why_closed

log = logging.getLogger("tagmates")
SOURCES = ("gru.c", "crf.c", "vector.h")
# the kernels' own exp needs neither errno nor traps; NaN and infinity stay what they are
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC")
BUILD_SECONDS = 60
# the folder in which this process, or the one that started it, has compiled because the cache cannot be written
FOLDER_VARIABLE = "TAGMATES_KERNELS"


@dataclass(frozen=True, slots=True)
class Build:
    """The loaded library, or None and the problem that prevented it."""

    library: ctypes.CDLL | None
    problem: str = ""


@cache
def compiled() -> Build:
    """Compile the kernels, unless the cache has them, and load them; not with ``TAGMATES_NATIVE=0``."""
    if os.environ.get("TAGMATES_NATIVE") == "0":
        return Build(None, "TAGMATES_NATIVE=0")
    problem = ""
    # OpenMP's functions come from the runtime that torch has loaded (nothing is linked with -fopenmp), so that both
    # use the same threads
    for flags in ((*FLAGS, "-fopenmp"), (*FLAGS, "-Wno-unknown-pragmas")):
        try:
            return Build(_loaded(flags))
        except subprocess.TimeoutExpired as error:
            log.info("no compiled kernels: %s", error)
            return Build(None, f"the C compiler took more than {BUILD_SECONDS} seconds")
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip() or str(error)
            log.info("no compiled kernels with %s: %s", flags[-1], said)
            problem = f"the C compiler fails: {said.splitlines()[0][:200]}"
        except Exception as error:  # whatever is wrong with a compiler or a cache, torch can do the work
            log.info("no compiled kernels with %s: %s", flags[-1], error)
            problem = str(error)
    return Build(None, problem)


def _loaded(flags: Sequence[str]) -> ctypes.CDLL:
    """The library built with these flags, from the user's cache if it is there.

    Raises an error of the compiler, of the file system or of the loader.
    """
    command = os.environ.get("CC")
    found = shlex.split(command) if command else [shutil.which("cc") or ""]
    if not found[0]:
        raise FileNotFoundError("no C compiler (cc) here, and none in CC")
    sources = {name: files("tagmates.kernels.c").joinpath(name).read_bytes() for name in SOURCES}
    # named by its content, so that another machine, compiler or version compiles its own
    parts = [*sources.values(), "\0".join([*found, *flags]).encode(), _processor()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    path = cache_folder() / f"kernels-{key}.so"
    elsewhere = os.environ.get(FOLDER_VARIABLE)
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
        os.environ[FOLDER_VARIABLE] = str(temporary_folder())  # for the processes that this one starts
        path = temporary_folder() / path.name
    _build(path, sources, found, flags)
    if not is_private(path):  # others may have changed the folder since it was chosen
        raise PermissionError(f"{path}: other users can change it")
    return _library(path)


def _library(path: Path) -> ctypes.CDLL:
    """Load a library and declare its functions."""
    library = ctypes.CDLL(str(path))
    library.gru_panel_floats.argtypes = [ctypes.c_int64] * 3
    library.crf_panel_floats.argtypes = [ctypes.c_int64] * 2
    for name in ("gru_panel_floats", "crf_panel_floats", "crf_score"):
        getattr(library, name).restype = ctypes.c_int64
    for name in ("gru_forward", "gru_backward", "crf_forward", "crf_backward", "crf_viterbi", "crf_score_backward"):
        getattr(library, name).restype = None
    return library


def _build(path: Path, sources: Mapping[str, bytes], compiler: Sequence[str], flags: Sequence[str]) -> None:
    """Compile the sources in a folder beside ``path``, then move the library there."""
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
        made.replace(path)  # atomic, because other processes may build it at the same time


def _processor() -> bytes:
    """The processor's name and features, on which ``-march=native`` depends; unlike machines may share a cache."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return " ".join(platform.uname()).encode()
    return b"\n".join(dict.fromkeys(line for line in lines if line.startswith((b"flags", b"Features", b"model name"))))
