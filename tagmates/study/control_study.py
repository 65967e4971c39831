"""The control of a study, opened as a study in a folder of its own beside it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from tagmates.data.task_data import data_difference
from tagmates.errors import ConfigError, TagmatesError
from tagmates.study.control import Control, control_at, control_folders, with_own_name
from tagmates.study.locate import OpenedStudy, open_study
from tagmates.study.status import current_status
from tagmates.study.store import Store

AnyStudy = TypeVar("AnyStudy", bound=OpenedStudy)


def open_control(study: AnyStudy, control: Control, overrides: Sequence[str] = ()) -> AnyStudy:
    """The control of a study, as a study in a folder of its own beside it. Raises ConfigError."""
    root = with_own_name(study.store.root)
    if control_at(root) is not None:
        raise ConfigError(f"--{control.kind}: {root} is a control's folder itself; name the study's file or folder")
    return replace(
        study,
        name=control.name(study.name),
        settings=control.settings(study.settings, overrides),
        store=Store(root.with_name(control.name(root.name))),
    )


def find_control(study: OpenedStudy) -> tuple[OpenedStudy | None, list[str]]:
    """The control of a study that has the most finished runs, and a line on every other one that has some.

    Controls of other settings or other sentences than the study has now are passed by, with a line that says so.
    """
    fitting: list[tuple[int, OpenedStudy]] = []
    lines = []
    for folder, control in control_folders(study.store.root):
        try:
            found = open_study(folder)
            done = len(current_status(found.settings, found.tasks, found.store).found.done)
            why = _why_unlike(study, found, control) if done else ""
        except TagmatesError as error:
            lines.append(f"{error}; this control is not set beside the study")
            continue
        if why:
            lines.append(f"{folder}: this control {why}; --beside sets it beside the study all the same")
        elif done:
            fitting.append((done, found))
    if not fitting:
        return None, lines
    _, chosen = max(fitting, key=lambda each: each[0])
    others = [found.store.root for _, found in fitting if found is not chosen]
    return chosen, [*lines, *(f"{folder}: is a control too; --beside sets it beside the study" for folder in others)]


def _why_unlike(study: OpenedStudy, found: OpenedStudy, control: Control) -> str:
    """How a control differs from that of the study as it is now; empty where it does not."""
    now = control.settings(study.settings)
    often = {"epoch_updates": found.settings.training.epoch_updates}  # how often dev is scored may be chosen
    ours = (now.model, now.training.model_copy(update=often), now.vectors)
    if ours != (found.settings.model, found.settings.training, found.settings.vectors):
        return "was made with other settings of the study"
    what = data_difference(study.store.task_data(), found.store.task_data())
    return f"was trained on other data: {what}" if what else ""
