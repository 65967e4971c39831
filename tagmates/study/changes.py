"""Changed settings: the effect of a call of ``study run`` on a folder that was started with other settings."""

from tagmates.errors import ConfigError, TagmatesError
from tagmates.formatting import plural
from tagmates.study.locate import OpenedStudy
from tagmates.study.plan import make_plan
from tagmates.study.settings import StudySettings, setting_differences
from tagmates.study.status import current_status


def check_change(study: OpenedStudy) -> list[str]:
    """Sentences on the settings of ``study`` that differ from those in its folder, and the effect on its runs.

    Raises ConfigError if runs would leave the study because of ``--set``, not because its file was edited.
    """
    store = study.store
    try:
        former, _ = store.settings()
    except TagmatesError:  # the study is new, or its file is invalid, which is reported when it starts
        return []
    differing = setting_differences(former, study.settings)
    changed = [f"{key} = {old} (now {new})" for key, old, new in differing]
    if not changed:
        return []
    what = f"{store.root}: was begun with {', '.join(changed)}"
    left_out = _left_out(study, former)
    if not left_out:
        return [f"{what}; all its runs stay in the study"]
    runs = plural(len(left_out), "run")
    known = store.overrides()
    if study.overrides != known:
        repeat = f", or repeat {_given(known)}" if known else ""
        raise ConfigError(
            f"{what}; {runs} there would leave the study; "
            f"give this one a folder of its own, as --output-dir {store.root}-trial{repeat}"
        )
    return [f"{what}; {runs} of these settings stay in their folders, but are not counted any more"]


def _given(overrides: tuple[str, ...]) -> str:
    return " ".join(f"--set {text}" for text in overrides)


def _left_out(study: OpenedStudy, former: StudySettings) -> list[str]:
    """The runs in the folder that were in its plan and are not in the plan of ``study``."""
    before = current_status(former, former.tasks, study.store)
    # with the former oracle sets, since with another seed they are unknown at first
    kept = {planned.name for planned in make_plan(study.settings, study.tasks, before.oracle_sets)}
    planned = {planned.name for planned in before.plan}
    return [name for name in study.store.others(kept) if name in planned]
