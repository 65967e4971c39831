"""A job of a study, which is one run to train in its folder, and how it ended."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from tagmates.config import RunConfig
from tagmates.data.task_data import TaskData
from tagmates.errors import BusyError, DiskError, ModelError, NoLocksError, OtherDataError, TagmatesError
from tagmates.failures import DISK_ERRORS, is_out_of_memory, out_of_memory
from tagmates.files import write_error

Ending = Literal["done", "busy", "paused", "error", "crash", "broken", "disk", "memory"]


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a worker must be told to train a run; the rest is in files."""

    name: str
    config: RunConfig
    root: Path  # of the study
    data: str
    task_data: Mapping[str, TaskData]  # those of the study, to notice other data on another machine
    vectors: str  # the study's, as ``start_found`` names them
    device: str
    threads: int | None
    deadline: float | None  # seconds since 1970
    lock: bool = True  # whether the run folder is locked


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    ``busy``: another process trains the run. ``paused``: it stopped at the end of an epoch and can be resumed.
    ``error``: it failed, and would fail again. ``crash``: it failed for a reason that may pass. ``broken``: a file in
    its folder is damaged, or of other data. ``disk``: nothing can be written. ``memory``: there is too little memory
    for the runs that train side by side.
    """

    name: str
    state: Ending
    message: str = ""
    traceback: str = ""


ENDING_OF_ERROR: Mapping[type[Exception], Ending] = {
    BusyError: "busy",
    DiskError: "disk",
    NoLocksError: "disk",  # all other runs would fail too
    ModelError: "broken",
    OtherDataError: "broken",  # this study cannot use the folder
}


def outcome_of_error(name: str, error: Exception) -> Outcome:
    """The outcome of a job whose run this error ended."""
    message, trace = str(error), "".join(traceback.format_exception(error))
    for kind, ending in ENDING_OF_ERROR.items():
        if isinstance(error, kind):
            return Outcome(name, ending, message)
    if isinstance(error, TagmatesError):
        return Outcome(name, "error", message, trace)
    if is_out_of_memory(error) and not isinstance(error, torch.OutOfMemoryError):  # which is about a GPU's memory
        return Outcome(name, "memory", f"{name}: {out_of_memory(error)}")
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return Outcome(name, "disk", str(write_error(error.filename or name, error)))
    return Outcome(name, "crash", f"{type(error).__name__}: {error}", trace)
