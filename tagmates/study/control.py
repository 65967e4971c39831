"""The controls of a study: its trainings once more, all with equally many updates (protocol section 3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from tagmates.config import TrainingSettings
from tagmates.errors import ConfigError
from tagmates.settings_parsing import override, parse
from tagmates.study.settings import StudySettings

Kind = Literal["equal-updates", "equal-exposure"]
EPOCH_UPDATES = 100  # until dev is scored again; COM alone is at its best within two hundred (docs/runs/paper)
EPOCHS = 10  # at least, where there are few updates
FIXED = ("schedule", "max_updates", "weights", "batch_per_task")  # what a control sets, whatever the study says
FOLDER = re.compile(r"(.+)-(equal-updates|equal-exposure)-([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Control:
    """How all trainings of a study are made equally long.

    With ``equal-updates`` each makes as many updates, its learning rate falls linearly whatever the dev score does, and
    the weights of the best epoch on dev are tested. With ``equal-exposure``, each update besides has as many sentences
    of every task of the training as one of the task alone.
    """

    kind: Kind
    updates: int

    def settings(self, study: StudySettings, overrides: Sequence[str] = ()) -> StudySettings:
        """The same study trained in this way.

        ConfigError where a setting of the study does not go with it, or one of ``overrides`` (``key=value``, which the
        study has taken in already) is one that the control fixes.
        """
        asked: dict[str, Any] = {}
        for text in overrides:
            override(asked, text)
        for key in FIXED:
            if key in asked.get("training", {}):
                raise ConfigError(f"--set training.{key}: is fixed by --{self.kind}; leave one of the two out")
        training = study.training
        values = {
            **training.model_dump(),
            "schedule": "linear",
            "max_updates": self.updates,
            "epoch_updates": training.epoch_updates or min(EPOCH_UPDATES, -(-self.updates // EPOCHS)),
            "weights": "best",
            "batch_per_task": training.batch_per_task or self.kind == "equal-exposure",
        }
        return study.model_copy(update={"training": parse(TrainingSettings, values, f"--{self.kind}")})

    def name(self, study: str) -> str:
        """The name of this control of a study, and of its folder."""
        return f"{study}-{self.kind}-{self.updates}"


def control_at(folder: Path) -> tuple[str, Control] | None:
    """The study's name and the control, if a folder is called as a control's folder is."""
    found = FOLDER.fullmatch(named(folder).name)
    return None if found is None else (found[1], Control(cast(Kind, found[2]), int(found[3])))


def control_folders(study: Path) -> list[tuple[Path, Control]]:
    """The controls that were begun beside a study's folder, by name."""
    folder = named(study)
    found = [(path.parent, control_at(path.parent)) for path in sorted(folder.parent.glob("*-equal-*-*/study.json"))]
    return [(path, known[1]) for path, known in found if known is not None and known[0] == folder.name]


def named(folder: Path) -> Path:
    """The same folder, written so that its last part is its name."""
    return folder.resolve() if folder.name in ("", "..") else folder
