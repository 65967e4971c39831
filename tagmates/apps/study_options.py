"""Options that the commands ``study ...`` share, and the study that they name."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.api import Study
from tagmates.apps.shared import Encoder, Flag, say, with_encoder
from tagmates.errors import ConfigError
from tagmates.study.run_filter import RunFilter

Where = Annotated[
    Path | None, Parameter(help="A study's TOML file or its folder; default: the study in runs/ that was begun last.")
]
Data = Annotated[
    str | None,
    Parameter(help="As --data of train; default: the data that the study's file names, else $TAGMATES_DATA."),
]
Folder = Annotated[Path | None, Parameter(help="The study's folder; default: runs/NAME for the file NAME.toml.")]
Set = Annotated[list[str] | None, Flag(name="--set", help="A setting of the study, for example seeds=[1]; repeatable.")]


@Parameter(name="*")  # each field is an option of the command
@dataclass(frozen=True, slots=True)
class StudySource:
    """Where the study of a command and its data are, and how it differs from its file."""

    data: Data = None
    packed: Annotated[
        Path | None,
        Parameter(help="A packed study (see study pack): its data and, if no study is named, the study itself."),
    ] = None
    output_dir: Folder = None
    encoder: Encoder = None
    set_: Set = None
    equal_updates: Annotated[
        int | None,
        Parameter(
            help="A control of training length, in a folder of its own beside that of the study: the same runs, but "
            "each makes exactly this number of updates; the learning rate falls linearly, and the weights of the best "
            "epoch on dev are tested."
        ),
    ] = None
    equal_exposure: Annotated[
        int | None,
        Parameter(
            help="As --equal-updates, but every update has training.batch_size sentences of each task, as "
            "if it were trained alone."
        ),
    ] = None

    def open_base(self, where: Path | None, *, as_begun: bool = False) -> Study:
        """The study, even if a control of it is meant; ``as_begun``: without --set, as its folder was begun."""
        overrides = with_encoder(self.set_, self.encoder)
        return Study.open(
            where,
            data=self.data,
            output_dir=self.output_dir,
            packed=self.packed,
            overrides=None if as_begun and not overrides else overrides,
        )

    def open(self, where: Path | None, *, as_begun: bool = False) -> Study:
        """The study, or the control of it that is meant; its notes are printed."""
        return self.control_of(self.open_base(where, as_begun=as_begun))

    def control_of(self, study: Study) -> Study:
        """The control of a study that is meant, or the study itself; its notes are printed."""
        if self.equal_updates is not None and self.equal_exposure is not None:
            raise ConfigError("--equal-updates and --equal-exposure: are two controls; give one of them")
        if self.equal_updates is not None:
            study = study.control("equal-updates", self.equal_updates)
        elif self.equal_exposure is not None:
            study = study.control("equal-exposure", self.equal_exposure)
        say_notes(study.notes)
        return study


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Selection:
    """The runs of a study that a command means."""

    sharing: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Train only these of stl,multi_dec,te_dec,te_enc; stl (each task alone) is always added.",
        ),
    ] = ""
    regime: Annotated[
        str,
        Parameter(
            show_default=False, help="Train only these of single,pair,all,all_but_one,oracle (see docs/studies.md)."
        ),
    ] = ""
    tasks: Annotated[
        str,
        Parameter(show_default=False, help="Train only runs whose tasks are all among these, for example ner,chunk."),
    ] = ""
    seeds: Annotated[
        str, Parameter(show_default=False, help="Train only these seeds of the study, for example 1,2.")
    ] = ""

    def filter(self, study: Study, shard: tuple[int, int] = (1, 1)) -> RunFilter:
        """The filter for these runs. Raises ConfigError for names that the study does not have."""
        return study.select(
            sharing=_names(self.sharing),
            regimes=_names(self.regime),
            tasks=_names(self.tasks),
            seeds=_names(self.seeds),
            shard=shard,
        )


AS_ITS_FILE = StudySource()
ALL_RUNS = Selection()


def _names(text: str) -> list[str]:
    """The names of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def say_notes(notes: Iterable[str]) -> None:
    """Print each note as a line to stderr."""
    for text in notes:
        say(text)
