"""What commands have in common: options, and talk on stderr."""

import os
import sys
from typing import Annotated, NoReturn

import torch
from cyclopts import Parameter
from rich.console import Console

from tagmates.errors import ConfigError
from tagmates.formatting import plural

talk = Console(stderr=True)
MAX_THREADS = 64  # and at most twice the number of cores, if that is more

# no Path: that would make one slash of the two in hf://
Model = Annotated[str, Parameter(help="A model in the box (en), hf://user/name, or a finished run's folder.")]
Device = Annotated[str, Parameter(help="auto, cpu or cuda.")]
Threads = Annotated[int | None, Parameter(help="Threads of one process; default: torch's own choice.")]
NoLock = Annotated[
    bool,
    Parameter(
        negative="",
        help="Lock no folder, for disks that have no file locks; then no other process may work in the same folder.",
    ),
]


def use_threads(threads: int | None) -> None:
    """Let torch use so many threads in this process. Raises ConfigError for none, or for more than can be of use."""
    if threads is None:
        return
    check_number("--threads", threads)
    torch.set_num_threads(threads)


def check_number(option: str, number: int) -> None:
    """Raise ConfigError for a number of threads or processes below 1, or far above that of the cores."""
    if number < 1:
        raise ConfigError(f"{option} {number}: must be 1 or more")
    cores = os.cpu_count() or 1
    most = max(MAX_THREADS, 2 * cores)
    if number > most:
        raise ConfigError(f"{option} {number}: must be at most {most}; this machine has {plural(cores, 'core')}")


def say(text: str) -> None:
    """Print a line to stderr as it is."""
    talk.print(text, highlight=False, markup=False, soft_wrap=True)


def end(code: int, text: str) -> NoReturn:
    """Say why and exit."""
    print(text, file=sys.stderr)  # not by rich, which imports more on first use: the memory may be used up
    sys.exit(code)
