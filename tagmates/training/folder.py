"""The folder of a run: the files that may be in it, and the lock that keeps other processes out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagmates.errors import BusyError, ConfigError, ModelError
from tagmates.failures import what_to_do
from tagmates.locks import take_lock
from tagmates.training.metrics import METRICS_FILE

RUN_FILES = (
    "config.json",
    "environment.json",
    "vocabulary.json",
    "encoder.json",
    "tokenizer.json",
    METRICS_FILE,
    "train.log",
    "checkpoint.safetensors",
    "model.safetensors",
    "vectors.safetensors",
    "best.safetensors",
    "counts.npz",
    "README.md",
    "result.json",
    "forgetting.json",
)
EPOCH_FILES = "epoch-*.safetensors"  # weights of other epochs that are the best of some task
NO_LOCKS_ADVICE = "give --no-lock if no other process works there, or choose a folder on another disk"
LOCK = ".lock"  # it is never removed, because two processes could then hold a lock of that name
WRITTEN_NAMES = {LOCK, "failed.json", *RUN_FILES}


def check_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """Raise ConfigError if the folder is not empty, unless its run is to be resumed or overwritten."""
    try:
        held = {path.name for path in folder.iterdir()} - {LOCK} if folder.exists() else set()
    except OSError as error:
        raise _unusable(folder, error) from None
    run_files = held & {"config.json", "environment.json", "train.log"}
    if held and not (resume or force):
        raise ConfigError(
            f"{folder}: is not empty; continue with --resume, overwrite its run with --force "
            "(in Python resume=True, force=True), or choose another"
        )
    if resume and held and not run_files:
        raise ConfigError(
            f"{folder}: holds no tagmates run to resume; choose its folder, or another one without --resume"
        )
    if force and held.intersection(RUN_FILES) and len(run_files) < 3:
        raise ConfigError(f"{folder}: holds no tagmates run to overwrite, but files of the same names; choose another")


def check_files(folder: Path) -> None:
    """Raise ModelError if a file that a run writes cannot be read, or if its name belongs to something else.

    It may belong to a folder, which a file cannot replace, to a pipe, which could be read for ever, or to a broken
    link.
    """
    try:
        with os.scandir(folder) as entries:
            wrong = [entry.name for entry in entries if entry.name in WRITTEN_NAMES and not _is_readable(entry)]
    except FileNotFoundError:
        if folder.is_symlink():
            raise ModelError(f"{folder}: is a link to nothing; remove it") from None
        return
    except NotADirectoryError:
        raise ModelError(f"{folder}: is no folder; remove it") from None
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror}); {what_to_do(error)}") from None
    for name in wrong:
        raise ModelError(f"{folder / name}: is no file that can be read; remove it, or check its permissions")


def _is_readable(entry: os.DirEntry[str]) -> bool:
    # the other files are replaced, or a message says that the folder cannot be written to
    is_written = entry.name in (LOCK, "train.log") and os.access(Path(entry.path).parent, os.W_OK)
    needed = os.R_OK | os.W_OK if is_written else os.R_OK
    # a file that another process is just writing may have been renamed by now
    return entry.is_file() and (os.access(entry, needed) or not os.path.lexists(entry))


def _unusable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{folder}: cannot be used as output folder ({error.strerror}); choose another")


def make_folder(folder: Path) -> None:
    """Make the folder if it is missing. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None


@contextmanager
def lock_folder(folder: Path, *, lock: bool = True) -> Iterator[None]:
    """Lock the folder, so that no other process trains its run; the system releases the lock of a killed process.

    Raises BusyError if another process trains there, NoLocksError if the file system has no locks, and ConfigError if
    the folder cannot be used. Without ``lock`` nothing is done.
    """
    if not lock:
        yield
        return
    busy = BusyError(f"{folder}: another process is training there; wait for it, or choose another folder")
    try:
        lock_held = take_lock(folder / LOCK, busy=busy, advice=NO_LOCKS_ADVICE)
    except OSError as error:
        raise _unusable(folder, error) from None
    with lock_held:
        yield


def clear_folder(folder: Path) -> None:
    """Remove the files that a run writes, and no others. Raises ConfigError."""
    try:
        for path in (*(folder / name for name in RUN_FILES), *folder.glob(EPOCH_FILES)):
            if path.name != "train.log":  # which is open for writing
                path.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None
