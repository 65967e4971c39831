"""Partners for every task before anything is trained, from the training data alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import fmean
from typing import Any

from tagmates.config import Settings
from tagmates.data.affinity import Affinity, TrainingData
from tagmates.data.indexing import IndexedSplit
from tagmates.formatting import percent
from tagmates.study.affinities import StudyAffinities
from tagmates.study.gains import Gain, gains_before
from tagmates.study.plan import combination_of
from tagmates.study.records import Runs
from tagmates.study.settings import Method


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A helper for a task, and what it is expected to gain the task over training it alone, in points of F1."""

    task: str
    helper: str
    gain: Gain
    affinity: Affinity
    data: TrainingData  # of the helper
    information_place: int  # 1 for the helper with the most information, of those of the task
    mutual_place: int  # 1 for the helper whose tags say most about the task's


class Checked(Settings):
    """How good such suggestions were where it could be checked (``bench/replay.py`` finds it)."""

    tasks: int  # of the paper's grids: tasks times methods
    first_gains: int  # for how many of them the first suggestion was better than alone
    share: float  # of the gain that the best partner of each task has, reached by taking the first
    independent_tasks: int  # likewise, of the grid of Bingel and Søgaard (2017)
    independent_first_gains: int
    independent_share: float


@cache
def checked() -> Checked:
    """The figures that come with this package."""
    return Checked.model_validate(json.loads((resources.files("tagmates.study") / "suggest.json").read_bytes()))


def suggest(trains: Mapping[str, IndexedSplit]) -> dict[str, list[Suggestion]]:
    """For every task its helpers, the one with the highest expected gain first, given the train splits of all."""
    known = StudyAffinities.from_trains(trains)
    found = {}
    for task in trains:
        own = known.of(task)
        gains = gains_before(own, known.data[task])
        mutual = sorted((a.mutual_information for a in own), reverse=True)
        information = sorted((a.helper_information for a in own), reverse=True)
        suggestions = [
            Suggestion(
                task,
                a.helper,
                gains.gain([a.helper]),
                a,
                known.data[a.helper],
                information.index(a.helper_information) + 1,
                mutual.index(a.mutual_information) + 1,
            )
            for a in own
        ]
        found[task] = sorted(suggestions, key=lambda each: -each.gain.mean)
    return found


def pair_gains(tasks: Sequence[str], method: Method, runs: Runs) -> dict[tuple[str, str], float]:
    """By (task, helper) the gain in dev F1 that the finished pairs of a study show, by this method of sharing."""
    found = {}
    for task in tasks:
        alone = runs.scores(combination_of(method, [task], tasks), task, "dev")
        for helper in tasks:
            pair = runs.scores(combination_of(method, [task, helper], tasks), task, "dev")
            if helper != task and alone and pair:
                found[task, helper] = fmean(pair) - fmean(alone)
    return found


def reasons(suggestion: Suggestion, number: int) -> str:
    """The reasons for the rank of a helper among all helpers of a task, in words."""
    a, data = suggestion.affinity, suggestion.data
    told = f"normalised mutual information {a.mutual_information:.2f}"
    brought = f"{data.tokens:,} tokens with {data.entropy:.1f} bits each"
    shared = f"{percent(a.shared_words)} % of the tokens of {a.task} are words that {a.helper} has too. "
    if a.mutual_information == 0:
        text = f"{shared}Its tags say nothing about those of {a.task} ({told}). "
    elif number == 1:
        text = f"{shared}What its tags say about those of {a.task}: {told}. "
    else:
        place = _place(suggestion.mutual_place, number)
        text = f"{shared}Its tags say {place} about those of {a.task} ({told}). "
    if data.tags == 1:
        return f"{text}It brings no information ({data.tokens:,} tokens, all with the same tag)."
    if number == 1:
        return f"{text}It brings {brought}."
    return f"{text}It brings {_place(suggestion.information_place, number)} information ({brought})."


def how_often_right() -> str:
    """How good such suggestions were where it could be checked, in a sentence."""
    known = checked()
    return (
        "Checked on published grids of pairs: the first suggestion was better than training alone for "
        f"{known.first_gains} of {known.tasks} tasks of the study of 2018, on which the constants were fitted, and "
        f"taking it reached {100 * known.share:.0f} % of the gain that the best partner of each task has. On an "
        f"independent grid (Bingel and Søgaard, 2017) it was better for {known.independent_first_gains} of "
        f"{known.independent_tasks} tasks and reached {100 * known.independent_share:.0f} %."
    )


def suggestions_json(suggestions: Mapping[str, Sequence[Suggestion]]) -> dict[str, Any]:
    """A JSON object: for every task its helpers in order, and how good such suggestions were."""
    return {
        "tasks": {
            task: [
                {
                    "helper": each.helper,
                    "gain": round(each.gain.mean, 3),
                    "interval_80": [round(end, 3) for end in each.gain.interval()],
                    "probability": round(each.gain.probability, 3),
                    "shared_words": round(each.affinity.shared_words, 4),
                    "mutual_information": round(each.affinity.mutual_information, 4),
                    "helper_tokens": each.data.tokens,
                    "helper_entropy": round(each.data.entropy, 3),
                }
                for each in some
            ]
            for task, some in suggestions.items()
        },
        "checked": checked().model_dump(mode="json"),
    }


def _place(place: int, number: int) -> str:
    if place == 1:
        return "the most"
    return "the least" if place == number else f"the {_ordinal(place)}-most"


def _ordinal(place: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place % 10 if place % 100 not in (11, 12, 13) else 0, "th")
    return f"{place}{ending}"
