"""What a call of ``study run`` changes in a folder where the study was begun with other settings."""

from collections.abc import Iterator
from typing import Any

from tagmates.config import Settings
from tagmates.errors import ConfigError, TagmatesError
from tagmates.formatting import plural
from tagmates.study.locate import OpenedStudy
from tagmates.study.plan import make_plan
from tagmates.study.settings import StudySettings
from tagmates.study.status import standing


def check_change(study: OpenedStudy) -> list[str]:
    """In words, how the settings of ``study`` differ from those in its folder, and what that does to the trainings.

    Raises ConfigError where trainings would leave the study because of ``--set`` and not because its file was edited.
    """
    store = study.store
    try:
        former, _ = store.settings()
    except TagmatesError:  # nothing has begun, or its file is broken: beginning says so
        return []
    changed = list(_differences(former, study.settings))
    if not changed:
        return []
    what = f"{store.root}: was begun with {', '.join(changed)}"
    left_out = _left_out(study, former)
    if not left_out:
        return [f"{what}; all its trainings stay in the study"]
    trainings = plural(len(left_out), "training")
    known = store.overrides()
    if study.overrides != known:
        repeat = f", or repeat {_given(known)}" if known else ""
        raise ConfigError(
            f"{what}; {trainings} there would leave the study; "
            f"give this one a folder of its own, as --output-dir {store.root}-trial{repeat}"
        )
    return [f"{what}; {trainings} of these settings stay in their folders, but are not counted any more"]


def _given(overrides: tuple[str, ...]) -> str:
    return " ".join(f"--set {text}" for text in overrides)


def _left_out(study: OpenedStudy, former: StudySettings) -> list[str]:
    """The trainings begun in the folder that its plan had, and the plan of ``study`` has not."""
    before = standing(former, former.tasks, study.store)
    # oracle sets as they were: with another seed they are unknown for a while
    kept = {planned.name for planned in make_plan(study.settings, study.tasks, before.oracle_sets)}
    planned = {planned.name for planned in before.plan}
    return [name for name in study.store.others(kept) if name in planned]


def _differences(former: Settings, now: Settings, prefix: str = "") -> Iterator[str]:
    """Each setting that differs, as it was and as it is; where the data are is no setting."""
    for key in type(now).model_fields:
        old, new = getattr(former, key), getattr(now, key)
        if isinstance(new, Settings):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new and key != "data":
            yield f"{prefix}{key} = {_shown(old)} (now {_shown(new)})"


def _shown(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
