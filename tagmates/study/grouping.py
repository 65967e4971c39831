"""Which taggers to train to serve all tasks of a study with at most so many (task grouping; Standley et al., 2020).

A tagger is trained on a set of tasks and serves some of them: the others only help. Every task is served by one tagger.
The grouping with the highest mean expected F1 on dev is searched among all sets of tasks and all methods of sharing, by
the model of gains (``study.forecast``); a study of more tasks than ``MAX_EXACT_TASKS`` merges the two best groups again
and again instead, and its taggers have no tasks that only help.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, combinations
from statistics import fmean

import numpy as np
import numpy.typing as npt

from tagmates.formatting import listing
from tagmates.study.forecast import Forecast
from tagmates.study.gains import Floats, Helpers
from tagmates.study.plan import Combination, combination_of
from tagmates.study.settings import METHOD_NAMES, Method

MAX_EXACT_TASKS = 12  # the search takes 3 ** tasks steps
TIE = 1e-9  # of summed F1, which is rounding


@dataclass(frozen=True, slots=True)
class Group:
    """A tagger, and the expected dev F1 of each task that it serves."""

    combination: Combination
    f1: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Taggers that together serve all tasks of a study: each task has one of them.

    ```python
    import tagmates

    for number, grouping in enumerate(tagmates.Study.open("own.toml").groupings(), 1):
        print(number, grouping.mean, [group.combination.tasks for group in grouping.groups])
    ```
    """

    groups: Sequence[Group]
    alone: Mapping[str, float]  # the expected dev F1 of each task if it is trained alone

    @property
    def mean(self) -> float:
        """The mean expected dev F1 of all tasks."""
        return fmean(f1 for group in self.groups for f1 in group.f1.values())


def groupings(forecasts: Sequence[Forecast]) -> list[Grouping]:
    """For every number of taggers, from 1 to that of the tasks, the best grouping with at most so many."""
    if not forecasts:
        return []
    return _search(forecasts) if len(forecasts) <= MAX_EXACT_TASKS else _merge(forecasts)


def _alone(forecast: Forecast) -> float:
    """The expected dev F1 of a task alone, on average over the methods, whose runs all say something of it."""
    return float(np.clip(fmean(gains.mean[gains.alone] for gains in forecast.gains.values()), 0, 100))


def _expected_f1(forecast: Forecast, method: Method, sets: Sequence[Helpers]) -> Floats:
    """The expected dev F1 of a task with each of these sets of helpers."""
    return np.clip(_alone(forecast) + np.array(forecast.gains[method].expected(sets)), 0, 100)


def _search(forecasts: Sequence[Forecast]) -> list[Grouping]:
    """The best groupings; a set of tasks is a number whose bits are the tasks."""
    tasks, full = [each.task for each in forecasts], 2 ** len(forecasts)
    alone = {each.task: _alone(each) for each in forecasts}
    names = [frozenset(task for t, task in enumerate(tasks) if number >> t & 1) for number in range(full)]
    value = np.full(full, -np.inf)  # of serving a set of tasks by one tagger: their summed F1
    groups: list[Group | None] = [None] * full  # the tagger that does
    for method in forecasts[0].gains:
        f1 = np.full((len(tasks), full), np.nan)
        for t, each in enumerate(forecasts):
            trained = [number for number in range(full) if number >> t & 1]
            f1[t, trained] = _expected_f1(each, method, [names[number] - {each.task} for number in trained])
        for number in sorted(range(1, full), key=int.bit_count):  # of equals, the tagger of fewer tasks
            served, sums = _subsets(number), _subset_sums(number, f1[:, number])
            for place in np.flatnonzero(sums > value[served] + TIE).tolist():
                helped = [t for t in range(len(tasks)) if served[place] >> t & 1]
                value[served[place]] = sums[place]
                groups[served[place]] = Group(
                    combination_of(method, names[number], tasks), {tasks[t]: float(f1[t, number]) for t in helped}
                )
    total = np.full((full, len(tasks) + 1), -np.inf)  # of serving a set by at most so many taggers
    total[0] = 0
    first = np.zeros((full, len(tasks) + 1), dtype=np.int64)  # the set that the tagger of its first task serves
    for number in range(1, full):
        lowest = number & -number
        served = _subsets(number ^ lowest) | lowest
        sums = value[served, None] + total[number ^ served, :-1]
        total[number, 1:], first[number, 1:] = sums.max(0), served[sums.argmax(0)]
    found: list[Grouping] = []
    for most in range(1, len(tasks) + 1):
        if found and total[-1, most] <= total[-1, most - 1] + TIE:
            found.append(found[-1])
            continue
        left, chosen = full - 1, list[Group | None]()
        while left:
            own = int(first[left, most - len(chosen)])
            chosen.append(groups[own])
            left ^= own
        found.append(Grouping([group for group in chosen if group is not None], alone))
    return found


def _subsets(number: int) -> npt.NDArray[np.int64]:
    """All subsets of a set, the empty one first."""
    found = np.zeros(1, dtype=np.int64)
    for t in range(number.bit_length()):
        if number >> t & 1:
            found = np.concatenate([found, found | 1 << t])
    return found


def _subset_sums(number: int, values: Floats) -> Floats:
    """The sum of the values of each subset, in the order of ``_subsets``; the empty one is worth nothing."""
    found = np.zeros(1)
    for t in range(number.bit_length()):
        if number >> t & 1:
            found = np.concatenate([found, found + values[t]])
    found[0] = -np.inf
    return found


def _merge(forecasts: Sequence[Forecast]) -> list[Grouping]:
    """From a tagger for each task, merge the two whose merger is expected to be best, until there is one tagger."""
    by_task = {each.task: each for each in forecasts}
    order = list(by_task)

    @cache
    def group(served: Helpers) -> Group:
        made = []
        for method in forecasts[0].gains:
            f1 = {
                task: float(_expected_f1(by_task[task], method, [served - {task}])[0])
                for task in order
                if task in served
            }
            made.append(Group(combination_of(method, served, order), f1))
        return max(made, key=lambda each: sum(each.f1.values()))

    def total(some: Sequence[Helpers]) -> float:
        return sum(sum(group(served).f1.values()) for served in some)

    def better(one: Sequence[Helpers], other: Sequence[Helpers]) -> Sequence[Helpers]:
        return other if total(other) > total(one) + TIE else one

    parts = [frozenset([task]) for task in order]
    found: list[Sequence[Helpers]] = [parts]
    while len(parts) > 1:
        merged = max(combinations(parts, 2), key=lambda two: total([two[0] | two[1]]) - total(two))
        parts = [part for part in parts if part not in merged] + [merged[0] | merged[1]]
        found.append(parts)
    alone = {each.task: _alone(each) for each in forecasts}
    return [Grouping([group(served) for served in some], alone) for some in accumulate(reversed(found), better)]


def describe_group(group: Group) -> str:
    """The tasks of a tagger, those that only help in brackets, and how they share."""
    helpers = [task for task in group.combination.tasks if task not in group.f1]
    text = listing(list(group.f1)) + (f" ({listing(helpers)})" if helpers else "")
    how = "alone" if group.combination.sharing == "stl" else METHOD_NAMES[group.combination.sharing]
    return f"{text}, {how}"
