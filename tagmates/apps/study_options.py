"""What the commands of ``tagmates study`` have in common: options, and the study that they name."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.api import Study
from tagmates.apps.shared import say
from tagmates.errors import ConfigError

Where = Annotated[
    Path | None, Parameter(help="A study's TOML file, or its folder; default: the study in runs/ that last began.")
]
Data = Annotated[
    str | None, Parameter(help="As --data of train; default: what the study's file says, else $TAGMATES_DATA.")
]
PackedStudy = Annotated[
    Path | None, Parameter(help="A packed study (see study pack): its data and, with no study named, the study too.")
]
Folder = Annotated[Path | None, Parameter(help="The study's folder; default: runs/NAME of the file NAME.toml.")]
Set = Annotated[
    list[str] | None, Parameter(name="--set", negative="", help="A setting of the study, e.g. seeds=[1]; repeatable.")
]
EqualUpdates = Annotated[
    int | None,
    Parameter(
        help="The study's control, in a folder of its own beside the study's: the same trainings, each of exactly so "
        "many updates, with a learning rate that falls linearly, and the weights of the best epoch on dev."
    ),
]
EqualExposure = Annotated[
    int | None,
    Parameter(
        help="As --equal-updates, and every update has training.batch_size sentences of each task, as many as alone."
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]


def open_control(study: Study, updates: int | None, exposure: int | None) -> Study:
    """The control that --equal-updates or --equal-exposure asks for, else the study itself."""
    if updates is not None and exposure is not None:
        raise ConfigError("--equal-updates and --equal-exposure: are two controls; give one of them")
    if updates is not None:
        return study.control("equal-updates", updates)
    return study if exposure is None else study.control("equal-exposure", exposure)


def say_notes(notes: Iterable[str]) -> None:
    """Print a line for each to stderr."""
    for text in notes:
        say(text)
