"""Where a study stands, in numbers and in lines for a terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagmates.formatting import listing, plural
from tagmates.study.control import control_folders
from tagmates.study.locate import Study
from tagmates.study.run_files import has_epochs, why_no_tagger
from tagmates.study.status import Standing
from tagmates.study.store import UNRECORDED_DATA, Found, State

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
        *(f"control: {folder}" for folder, _ in control_folders(study.store.root)),
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
        if why == UNRECORDED_DATA:
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


@dataclass(frozen=True, slots=True)
class Lost:
    """Finished trainings whose scores are there, but not all that they had beside them, by name."""

    taggers: Mapping[str, str]  # why they cannot tag
    epochs: Sequence[str]  # whose epochs are not all told


def what_is_lost(study: Study, now: Standing) -> Lost:
    """Look at the files of every finished training, without reading what is long."""
    done = now.found.done
    taggers = {name: why for name in done if (why := why_no_tagger(study.store.folder(name))) is not None}
    epochs = [name for name, record in done.items() if not has_epochs(study.store.folder(name), record.epochs)]
    return Lost(taggers, epochs)


def lost_lines(lost: Lost, finished: int) -> list[str]:
    """At most two lines about what is lost of so many finished trainings."""
    lines = []
    again = "to have one again, move its folder away and run the study"
    if len(lost.taggers) == finished > 1 and len(set(lost.taggers.values())) == 1:  # a copy of the scores alone
        lines.append(f"no tagger in any of {finished} finished trainings: their scores count; {again}")
    elif lost.taggers:
        some = [f"{name} ({why})" for name, why in lost.taggers.items()]
        lines.append(f"no tagger in {_few(some)}: the scores count; {again}")
    if lost.epochs:
        lines.append(f"no whole metrics.jsonl in {_few(lost.epochs)}: the scores count, learning curves are lost")
    return lines


def _few(names: Sequence[str], most: int = 3) -> str:
    more = len(names) - most
    return listing(names) if more <= 0 else f"{', '.join(names[:most])} and {plural(more, 'other training')}"


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
