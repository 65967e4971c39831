"""The affinities of a study's tasks, kept in its folder, so that its gains can be predicted without its data."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True, slots=True)
class StudyAffinities:
    """The size of each task's training data, and the affinity of every pair, by the train splits of a study."""

    data: Mapping[str, TrainingData]
    pairs: Sequence[Affinity]

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
    known = _kept(store, tasks)
    if known is not None:
        return known
    found = StudyAffinities.from_trains({task: indexed_task(source, task).splits["train"] for task in tasks})
    with suppress(TagmatesError):  # the folder may be read-only
        write_json(store.root / FILE, asdict(found))
    return found


def find_affinities(store: Store, source: str, tasks: Sequence[str]) -> StudyAffinities | None:
    """As ``study_affinities``; None if the data are needed, but are not available or not those of the study."""
    known = _kept(store, tasks)
    if known is not None:
        return known
    try:
        if not source or not set(tasks) <= set(tasks_of(source)):
            return None
        now = {task: data_of_task(source, task) for task in tasks}
    except TagmatesError:
        return None
    return None if data_difference(store.task_data(), now) else study_affinities(store, source, tasks)


def _kept(store: Store, tasks: Sequence[str]) -> StudyAffinities | None:
    with suppress(OSError, ValueError):
        kept = TypeAdapter(StudyAffinities).validate_json(read_file(store.root / FILE))
        if list(kept.data) == list(tasks):
            return kept
    return None
