"""Options that several commands share, and messages on stderr."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated, NoReturn

import torch
from cyclopts import Parameter
from rich.console import Console

from tagmates.errors import ConfigError
from tagmates.formatting import plural
from tagmates.processes import available_cores
from tagmates.tracking.trackers import TrackerKind

# emoji=False: in tags, words and places, :cat: and :100: are text
talk = Console(stderr=True, emoji=False)
# characters of file names and the like that would change what a terminal shows
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
MAX_THREADS = 64  # and at most twice the number of cores, if that is more

Flag = partial(Parameter, negative="", show_default=False)  # an option without a value
# not a Path, in which the two slashes of hf:// would become one
Model = Annotated[
    str,
    Parameter(
        help="A tagger: en (comes with tagmates), hf://user/name (of the Hugging Face Hub), the folder of a finished "
        "run, or one that tagmates export made."
    ),
]
TaskNames = Annotated[str, Parameter(help="Tasks, separated by commas, or 'all'.")]
NewWordVectors = Annotated[
    str | None, Parameter(help="Vectors for words that were not in training: glove, random, or a GloVe text file.")
]
Json = Annotated[bool, Flag(name="--json", help="Print one JSON object.")]
Encoder = Annotated[
    str | None,
    Parameter(
        show_default=False,
        help="A pretrained encoder of Hugging Face transformers: a folder, hf://user/name, or an installed Python "
        "package that holds one. It is fine-tuned, or with --set model.finetune=false frozen.",
    ),
]
Device = Annotated[str, Parameter(help="auto, cpu or cuda.")]
Threads = Annotated[int | None, Parameter(help="Number of threads of a process; default: chosen by torch.")]
Track = Annotated[
    TrackerKind | None,
    Parameter(
        show_default=False,
        help="Also give the numbers of every epoch and the final scores to this experiment tracker, if it is installed "
        "(docs/trackers.md).",
    ),
]
NoLock = Annotated[
    bool, Flag(help="Do not lock the folder, for disks without file locks; then no other process may work in it.")
]

Quiet = Annotated[
    bool, Flag(help="Print no progress and no messages to stderr, only warnings, errors and what failed.")
]


def screen(width: int | None = None) -> Console:
    """Stdout for tables; ``width`` in characters, if not that of the terminal."""
    return Console(width=width, emoji=False)


def be_quiet(quiet: bool) -> None:
    """With --quiet, let ``say`` and the progress print nothing in this process."""
    talk.quiet = quiet


def with_encoder(overrides: Sequence[str] | None, encoder: str | None) -> list[str]:
    """The settings that --set gives, and that of --encoder, which wins."""
    return [*(overrides or []), *([] if encoder is None else [f"model.encoder={json.dumps(encoder)}"])]


def use_threads(threads: int | None) -> None:
    """Let torch use this number of threads in this process. Raises ConfigError if it is below 1 or too large."""
    if threads is None:
        return
    check_number("--threads", threads)
    torch.set_num_threads(threads)


def check_number(option: str, number: int) -> None:
    """Raise ConfigError if a number of threads or processes is below 1, or far above the number of cores."""
    if number < 1:
        raise ConfigError(f"{option} {number}: must be 1 or more")
    cores = available_cores()
    most = max(MAX_THREADS, 2 * cores)
    if number > most:
        raise ConfigError(f"{option} {number}: must be at most {most}; this process may use {plural(cores, 'core')}")


def say(text: str) -> None:
    """Print a line to stderr, without formatting."""
    talk.print(text.translate(CONTROLS), highlight=False, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a line to stderr, with --quiet too."""
    before, talk.quiet = talk.quiet, False
    say(text)
    talk.quiet = before


def end(code: int, text: str) -> NoReturn:
    """Print a message to stderr and exit."""
    print(text.translate(CONTROLS), file=sys.stderr)  # not with rich, whose imports need memory that may be missing
    sys.exit(code)
