"""Options that the commands ``study ...`` share, and the study that they name."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.api import Study
from tagmates.apps.shared import Flag, say
from tagmates.errors import ConfigError

Where = Annotated[
    Path | None, Parameter(help="A study's TOML file or its folder; default: the study in runs/ that was begun last.")
]
Data = Annotated[
    str | None,
    Parameter(help="As --data of train; default: the data that the study's file names, else $TAGMATES_DATA."),
]
PackedStudy = Annotated[
    Path | None,
    Parameter(help="A packed study (see study pack): its data and, if no study is named, the study itself."),
]
Folder = Annotated[Path | None, Parameter(help="The study's folder; default: runs/NAME for the file NAME.toml.")]
Set = Annotated[list[str] | None, Flag(name="--set", help="A setting of the study, for example seeds=[1]; repeatable.")]
EqualUpdates = Annotated[
    int | None,
    Parameter(
        help="A control of training length, in a folder of its own beside that of the study: the same runs, but each "
        "makes exactly this number of updates; the learning rate falls linearly, and the weights of the best epoch on "
        "dev are tested."
    ),
]
EqualExposure = Annotated[
    int | None,
    Parameter(
        help="As --equal-updates, but every update has training.batch_size sentences of each task, as "
        "if it were trained alone."
    ),
]
Json = Annotated[bool, Flag(name="--json", help="Print one JSON object.")]


def open_control(study: Study, updates: int | None, exposure: int | None) -> Study:
    """The control that --equal-updates or --equal-exposure names; the study itself if both are None."""
    if updates is not None and exposure is not None:
        raise ConfigError("--equal-updates and --equal-exposure: are two controls; give one of them")
    if updates is not None:
        return study.control("equal-updates", updates)
    return study if exposure is None else study.control("equal-exposure", exposure)


def say_notes(notes: Iterable[str]) -> None:
    """Print each note as a line to stderr."""
    for text in notes:
        say(text)
