"""Lines for people about the status of a study, besides the counts of its plan."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tagmates.formatting import listing, plural
from tagmates.study.control import control_folders
from tagmates.study.locate import OpenedStudy
from tagmates.study.record_reading import UNRECORDED_DATA
from tagmates.study.status import Status
from tagmates.study.store import FoundRuns, State

MAX_LISTED_NAMES = 3


def plan_notes(study: OpenedStudy, now: Status, states: Mapping[str, State]) -> list[str]:
    """Lines about what the counts of a plan do not show."""
    number = Counter(states.values())
    among = [f"{number[state]} {state}" for state in ("running", "begun", "broken", "unmatched") if number[state]]
    shared = any(len(planned.regimes) > 1 for planned in now.plan)
    return [
        *([f"among the pending: {', '.join(among)}"] if among else []),
        *(["a run that several rows need is counted in the first of them"] if shared else []),
        *now.waiting,
        *other_folders(study, now),
        *(f"control: {folder}" for folder, _ in control_folders(study.store.root)),
    ]


def not_counted(study: OpenedStudy, found: FoundRuns) -> list[str]:
    """A line for every reason why finished runs of the plan do not count, with their names."""
    names: dict[str, list[str]] = {}
    for name, why in found.unmatched.items():
        names.setdefault(why, []).append(name)
    lines = []
    for why, some in names.items():
        what = "`study run` sets it aside and trains it again"
        if why == UNRECORDED_DATA:
            what = f"check and complete it with: tagmates study adopt {study.store.root} --data DIR"
        lines.append(f"not counted: {plural(len(some), 'finished run')} ({_few(some)}): each {why}; {what}")
    return lines


def other_folders(study: OpenedStudy, now: Status) -> list[str]:
    """A line about the run folders that are in no plan, if there are any."""
    number = len(study.store.others({planned.name for planned in now.plan}))
    folders = plural(number, "run folder")
    if number and now.waiting:
        return [f"{folders} not in the plan so far: of other settings, or of oracle sets that are not known yet"]
    if number:
        return [f"{folders} belong{'s' if number == 1 else ''} to other settings of this study and count nowhere"]
    return []


def missing_files(without_tagger: Mapping[str, str], without_epochs: Sequence[str], finished: int) -> list[str]:
    """At most two lines about files that are missing from the finished runs, whose number is ``finished``.

    ``without_tagger`` gives the reason for each run that cannot tag; ``without_epochs`` are the runs that lack lines
    about their epochs.
    """
    lines = []
    again = "to have one again, move its folder away and run the study"
    if len(without_tagger) == finished > 1 and len(set(without_tagger.values())) == 1:  # a copy without the taggers
        lines.append(f"no tagger in any of {finished} finished runs: their scores count; {again}")
    elif without_tagger:
        some = [f"{name} ({why})" for name, why in without_tagger.items()]
        lines.append(f"no tagger in {_few(some)}: the scores count; {again}")
    if without_epochs:
        lines.append(f"no whole metrics.jsonl in {_few(without_epochs)}: the scores count, learning curves are lost")
    return lines


def _few(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED_NAMES
    return listing(names) if more <= 0 else f"{', '.join(names[:MAX_LISTED_NAMES])} and {plural(more, 'other run')}"
