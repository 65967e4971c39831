"""Adoption of finished runs of an earlier version: check that they were trained on these data, complete their records.

Their ``result.json`` does not name the data. But ``run_id`` is a hash of settings, sentences, score rules and vectors,
and the counts of each sentence add up to its gold units (which depend on the scheme if labels are missing). If both are
the same with the given data, the run was trained and scored on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tagmates.batching.vectors import NO_VECTORS, Vectors, find_vectors
from tagmates.config import RunConfig
from tagmates.data.corpora import load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.task import Task
from tagmates.data.task_data import TaskData, task_data
from tagmates.data.tasks import load_tasks
from tagmates.errors import ModelError, TagmatesError
from tagmates.files import read_json, write_json
from tagmates.formatting import plural
from tagmates.settings_parsing import parse
from tagmates.study.record_reading import read_record
from tagmates.study.store import Store
from tagmates.training.preparation import run_ids, vocabulary_of
from tagmates.training.scores import GoldUnits, Numbers, gold_tags
from tagmates.training.start import Start


@dataclass(frozen=True, slots=True)
class Adoption:
    """The result of adopting the finished runs in a study's folder, by name."""

    completed: Sequence[str]
    complete: Sequence[str]  # already before
    refused: Mapping[str, str]  # run -> reason


def adopt(store: Store, source: str, names: Sequence[str]) -> Adoption:
    """Complete the records of the finished runs that were trained on these tasks of ``source``. No score changes.

    Raises ConfigError if the study was started with other data, DataError if these are invalid, DiskError if a record
    cannot be written.
    """
    tasks = load_tasks(source)
    data = _Data(source, tasks, load_indexed(tasks, names))
    store.check_data(source, data.task_data)
    completed, complete, refused = [], [], {}
    for name in store.finished():
        path = store.folder(name) / "result.json"
        try:
            result = read_json(path)
            if "task_data" in result:
                complete.append(name)
                continue
            more = _recognised(path.parent, result, data)
        except TagmatesError as error:
            refused[name] = str(error)
        else:
            write_json(path, {**result, **more})
            completed.append(name)
    store.add_task_data(data.task_data)
    return Adoption(completed, complete, refused)


def adoption_notes(outcome: Adoption) -> list[str]:
    """Lines for people on the results for all finished runs."""
    number = plural(len(outcome.completed), "finished run")
    return [
        *(f"not completed: {name}: {why}" for name, why in outcome.refused.items()),
        f"records of {number} completed, {len(outcome.complete)} were complete, {len(outcome.refused)} do not fit",
    ]


@dataclass(frozen=True)
class _Data:
    """The data of all runs, and values that are computed once from them."""

    source: str
    tasks: Mapping[str, Task]
    indexed: Mapping[str, IndexedTask]
    vectors: dict[str, Vectors] = field(default_factory=dict)
    units: dict[tuple[str, str], Numbers] = field(default_factory=dict)

    @cached_property
    def task_data(self) -> dict[str, TaskData]:
        return {name: task_data(self.tasks[name], indexed) for name, indexed in self.indexed.items()}

    def vectors_of(self, source: str) -> Vectors:
        if source not in self.vectors:
            self.vectors[source] = find_vectors(source, self.source)
        return self.vectors[source]

    def units_of(self, task: str, split: str) -> Numbers:
        """The number of gold units of each sentence."""
        if (task, split) not in self.units:
            tags = gold_tags(self.indexed[task].splits[split].sentences, self.tasks[task])
            self.units[task, split] = GoldUnits.of(tags, (), self.tasks[task].score).support
        return self.units[task, split]


def _recognised(folder: Path, result: Mapping[str, Any], data: _Data) -> dict[str, Any]:
    """The entries that the record of a run lacks; raises TagmatesError if the data do not match."""
    record = read_record(folder)
    config = parse(RunConfig, read_json(folder / "config.json"), str(folder / "config.json"))
    own = {task: data.task_data[task] for task in config.tasks if task in data.task_data}
    for task in config.tasks:
        if task not in own:
            raise ModelError(f"task {task} is not in {data.source}")
    # GloVe may not have been available where the run was trained
    had_none = read_json(folder / "environment.json").get("vectors") == "random"
    start = Start(NO_VECTORS if had_none else data.vectors_of(config.vectors))
    _, former = run_ids(config, own, start.digest(vocabulary_of(config, data.tasks, data.indexed, start).words))
    if result.get("run_id") != former:
        raise ModelError(
            f"its run_id is {result.get('run_id')}, and would be {former} with these data and vectors {start.name}"
        )
    for task in config.tasks:
        units = data.units_of(task, "dev")
        dev = result["dev"].get(task, {})
        if dev.get("tp", 0) + dev.get("fn", 0) != units.sum():
            raise ModelError(f"its dev counts of {task} do not add up to the {units.sum()} units in {data.source}")
    for task, counts in record.counts.items():
        if not np.array_equal(counts[:, 0] + counts[:, 2], data.units_of(task, "test")):
            raise ModelError(f"its test counts of {task} do not add up to the units of its sentences in {data.source}")
    return {"task_data": own, "vectors": start.name}
