"""The controls of a study: the same runs, all with the same number of updates (protocol section 3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from tagmates.config import TrainingSettings
from tagmates.errors import ConfigError
from tagmates.settings_parsing import override, parse
from tagmates.study.settings import StudySettings

ControlKind = Literal["equal-updates", "equal-exposure"]
EPOCH_UPDATES = 100  # between two dev scores; COM alone is best within two hundred (docs/runs/paper.jsonl.xz)
MIN_EPOCHS = 10  # if there are few updates
FIXED_SETTINGS = (
    "schedule",
    "max_updates",
    "weights",
    "batch_per_task",
)  # set by a control, not by the study
FOLDER_PATTERN = re.compile(r"(.+)-(equal-updates|equal-exposure)-([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Control:
    """A way to give all runs of a study the same length.

    With ``equal-updates`` each run makes the same number of updates, its learning rate falls linearly, and the weights
    of the best epoch on dev are tested. With ``equal-exposure`` each update also has as many sentences of each task as
    an update of the task alone.
    """

    kind: ControlKind
    updates: int

    def settings(self, study: StudySettings, overrides: Sequence[str] = ()) -> StudySettings:
        """The study with the settings of this control.

        Raises ConfigError if a setting of the study is not compatible with it, or if ``overrides`` (``key=value``,
        which the study already contains) set a value that the control fixes.
        """
        asked: dict[str, Any] = {}
        for text in overrides:
            override(asked, text)
        for key in FIXED_SETTINGS:
            if key in asked.get("training", {}):
                raise ConfigError(f"--set training.{key}: is fixed by --{self.kind}; leave one of the two out")
        training = study.training
        values = {
            **training.model_dump(),
            "schedule": "linear",
            "max_updates": self.updates,
            "epoch_updates": training.epoch_updates or min(EPOCH_UPDATES, -(-self.updates // MIN_EPOCHS)),
            "weights": "best",
            "batch_per_task": training.batch_per_task or self.kind == "equal-exposure",
        }
        return study.model_copy(update={"training": parse(TrainingSettings, values, f"--{self.kind}")})

    def name(self, study: str) -> str:
        """The name of this control of a study, and of its folder."""
        return f"{study}-{self.kind}-{self.updates}"


def control_at(folder: Path) -> tuple[str, Control] | None:
    """The name of the study and the control, if the folder is named like one of a control; else None."""
    found = FOLDER_PATTERN.fullmatch(with_own_name(folder).name)
    return None if found is None else (found[1], Control(cast(ControlKind, found[2]), int(found[3])))


def control_folders(study: Path) -> list[tuple[Path, Control]]:
    """The controls in the parent folder of a study's folder, sorted by name."""
    folder = with_own_name(study)
    found = [(path.parent, control_at(path.parent)) for path in sorted(folder.parent.glob("*-equal-*-*/study.json"))]
    return [(path, known[1]) for path, known in found if known is not None and known[0] == folder.name]


def with_own_name(folder: Path) -> Path:
    """The same folder with a path that ends in its name."""
    return folder.resolve() if folder.name in ("", "..") else folder
