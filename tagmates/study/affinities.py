"""The affinities of a study's tasks, kept in its folder, so that its gains can be predicted without its data."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import permutations
from typing import Self

from pydantic import TypeAdapter

from tagmates.data.affinity import Affinity, TrainingData, affinities, describe_training_data
from tagmates.data.indexing import IndexedSplit
from tagmates.data.task_data import data_difference
from tagmates.errors import TagmatesError
from tagmates.files import read_file, write_json
from tagmates.study.store import Store
from tagmates.study.task_cache import data_of_task, indexed_task, tasks_of

FILE = "affinities.json"
MAX_TOKENS = 10**12  # more than any corpus has tokens


@dataclass(frozen=True, slots=True)
class StudyAffinities:
    """The size of each task's training data, and the affinity of every pair, by the train splits of a study."""

    data: Mapping[str, TrainingData]
    pairs: Sequence[Affinity]
    digests: Mapping[str, str] = field(default_factory=dict)  # of each task's sentences, where they are known

    @classmethod
    def from_trains(cls, trains: Mapping[str, IndexedSplit]) -> Self:
        """From the train split of every task."""
        return cls({task: describe_training_data(train) for task, train in trains.items()}, affinities(trains))

    def of(self, task: str) -> list[Affinity]:
        """The affinities of a task with each of its helpers."""
        return [pair for pair in self.pairs if pair.task == task]


def study_affinities(store: Store, source: str, tasks: Sequence[str]) -> StudyAffinities:
    """The affinities of a study's tasks: those in its folder, or else those of the data, which are then kept there.

    Raises DataError or ConfigError if the data are needed and cannot be read.
    """
    digests = {task: indexed_task(source, task).digest for task in tasks}
    known = _kept(store, tasks, digests)
    if known is not None:
        return known
    made = StudyAffinities.from_trains({task: indexed_task(source, task).splits["train"] for task in tasks})
    found = replace(made, digests=digests)
    with suppress(TagmatesError):  # the folder may be read-only
        write_json(store.root / FILE, asdict(found))
    return found


def find_affinities(store: Store, source: str, tasks: Sequence[str]) -> StudyAffinities | None:
    """As ``study_affinities``; None if the data are needed, but are not available or not those of the study."""
    begun_with = store.task_data()
    known = _kept(store, tasks, {task: data["digest"] for task, data in begun_with.items() if "digest" in data})
    if known is not None:
        return known
    try:
        if not source or not set(tasks) <= set(tasks_of(source)):
            return None
        now = {task: data_of_task(source, task) for task in tasks}
    except TagmatesError:
        return None
    return None if data_difference(begun_with, now) else study_affinities(store, source, tasks)


def _kept(store: Store, tasks: Sequence[str], digests: Mapping[str, str]) -> StudyAffinities | None:
    """Those in the study's folder; None where they are not whole, or of other sentences than these."""
    with suppress(OSError, ValueError):
        kept = TypeAdapter(StudyAffinities).validate_json(read_file(store.root / FILE))
        same = all(kept.digests.get(task) == digest for task, digest in digests.items())
        if same and _is_whole(kept, tasks):
            return kept
    return None


def _is_whole(kept: StudyAffinities, tasks: Sequence[str]) -> bool:
    """Whether these are numbers of all the tasks and of each of their pairs, once, such as training data can have."""
    return (
        list(kept.data) == list(tasks)
        and [(pair.task, pair.helper) for pair in kept.pairs] == list(permutations(tasks, 2))
        and all(0 < data.tokens < MAX_TOKENS and 0 < data.tags <= data.tokens for data in kept.data.values())
        and all(0 <= data.entropy < math.inf for data in kept.data.values())
        and all(0 <= pair.shared_words <= 1 and 0 <= pair.mutual_information <= MAX_TOKENS for pair in kept.pairs)
        and all(0 <= pair.helper_information < math.inf and -1 <= pair.rank <= 1 for pair in kept.pairs)
    )
