"""Where a study stands, in numbers and in lines for a terminal."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tagmates.study.opening import Study
from tagmates.study.standing import Standing
from tagmates.study.store import UNRECORDED, Found, State
from tagmates.wording import plural

SHOWN = 3  # names in a line


def training_states(study: Study, now: Standing) -> dict[str, State]:
    """Where each training of the plan stands."""
    return {planned.name: study.store.state(planned.name, now.found) for planned in now.plan}


def notes(study: Study, now: Standing, states: Mapping[str, State]) -> list[str]:
    """What the table of a plan does not say, a line each."""
    number = Counter(states.values())
    among = [f"{number[state]} {state}" for state in ("running", "begun", "broken", "unmatched") if number[state]]
    shared = any(len(planned.regimes) > 1 for planned in now.plan)
    return [
        *([f"among the pending: {', '.join(among)}"] if among else []),
        *(["equal trainings are one, counted in the first row that needs it"] if shared else []),
        *now.waiting,
        *other_folders(study, now),
    ]


def not_counted(study: Study, found: Found) -> list[str]:
    """A line for every reason why finished trainings of the plan do not count, with their names."""
    names: dict[str, list[str]] = {}
    for name, why in found.unmatched.items():
        names.setdefault(why, []).append(name)
    lines = []
    for why, some in names.items():
        shown = f"{', '.join(some[:SHOWN])}{f' and {len(some) - SHOWN} more' if len(some) > SHOWN else ''}"
        what = "the next run sets it aside and trains anew"
        if why == UNRECORDED:
            what = f"check and complete it with: tagmates study adopt {study.store.root} --data DIR"
        lines.append(f"not counted: {plural(len(some), 'finished training')} ({shown}): each {why}; {what}")
    return lines


def other_folders(study: Study, now: Standing) -> list[str]:
    """A line about the run folders that are in no plan, if there are any."""
    number = len(study.store.others({planned.name for planned in now.plan}))
    folders = plural(number, "run folder")
    if number and now.waiting:
        return [f"{folders} not in the plan so far: of other settings, or of oracle sets that are not known yet"]
    if number:
        return [f"{folders} belong{'s' if number == 1 else ''} to other settings of this study and count nowhere"]
    return []


def count_trainings(study: Study, now: Standing) -> dict[str, Any]:
    """Planned, done, failed and pending trainings by regime and in all."""
    rows: dict[str, dict[str, int]] = {}
    for regime in study.settings.regimes:
        n = now.of(regime)
        pending = n.planned - n.done - n.failed
        rows[regime] = {"planned": n.planned, "done": n.done, "failed": n.failed, "pending": pending}
    total = Counter[str]()
    for row in rows.values():
        total.update(row)
    return {"regimes": rows, "total": {key: total[key] for key in ("planned", "done", "failed", "pending")}}
