"""Made-up finished runs, as records and as run folders, for tests and measurements that need no training."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tagmates.files import write_json
from tagmates.study.plan import Combination, OracleSets, Planned, make_plan
from tagmates.study.records import RunRecord, Split
from tagmates.study.settings import StudySettings
from tagmates.study.significance import SentenceCounts
from tagmates.study.store import Store

UNITS = 10  # of gold in every made-up sentence

Score = Callable[[Combination, str, int, Split], float]  # combination, task, seed, split -> F1 in percent


def make_record(
    planned: Planned,
    test: Mapping[str, float],
    dev: Mapping[str, float] | None = None,
    *,
    sentences: int = 12,
    **more: Any,
) -> RunRecord:
    """A finished run of these scores (``dev``: those of test); its counts score near them. ``more``: other fields."""
    values: dict[str, Any] = {
        "updates": 100 * len(planned.config.tasks),
        "epochs": 10,
        "stopped": "patience",
        "seconds": 12.5,
        "parameters": 1000,
        "counts": {task: make_counts(f1, sentences, f"{planned.name} {task}") for task, f1 in test.items()},
    }
    dev = dict(test if dev is None else dev)
    return RunRecord(
        planned.name, planned.combination, planned.config.seed, dev=dev, test=dict(test), **{**values, **more}
    )


def write_run(
    folder: Path, planned: Planned, test: Mapping[str, float], dev: Mapping[str, float] | None = None, **more: Any
) -> RunRecord:
    """The same as a run folder, of the files that a study reads; returns its record."""
    record = make_record(planned, test, dev, **more)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", planned.config.model_dump(mode="json"))
    arrays: dict[str, Any] = {f"test/{task}": counts for task, counts in record.counts.items()}
    with (folder / "counts.npz").open("wb") as file:
        np.savez_compressed(file, **arrays, **{f"dev/{task}": counts[:3] for task, counts in record.counts.items()})
    result = {
        "run_id": "0123456789ab",
        "tasks": record.combination.tasks,
        "sharing": record.combination.sharing,
        "seed": record.seed,
        "stopped": record.stopped,
        "epochs": record.epochs,
        "best_epoch": 1,
        "updates": record.updates,
        "seconds": record.seconds,
        "parameters": record.parameters,
        "dev": {task: {"f1": f1} for task, f1 in record.dev.items()},
    }
    if record.test:
        result["test"] = {task: {"f1": f1} for task, f1 in record.test.items()}
    if record.embeddings:
        result["task_embeddings"] = dict(record.embeddings)
    write_json(folder / "result.json", result)
    return record


def make_records(
    study: StudySettings, tasks: Sequence[str], score: Score, sets: OracleSets | None = None, **more: Any
) -> list[RunRecord]:
    """Every run of a study."""
    return [make_record(planned, *_scores(planned, score), **more) for planned in make_plan(study, tasks, sets or {})]


def write_study(
    root: Path, study: StudySettings, tasks: Sequence[str], score: Score, sets: OracleSets | None = None, **more: Any
) -> list[RunRecord]:
    """A study's folder in which every run is finished."""
    store = Store(root)
    store.start(study.model_copy(update={"tasks": tuple(tasks)}), "starter", {}, "random")
    plan = make_plan(study, tasks, sets or {})
    return [write_run(store.folder(planned.name), planned, *_scores(planned, score), **more) for planned in plan]


def make_counts(f1: float, sentences: int, purpose: str) -> SentenceCounts:
    """Counts of test sentences with ten gold and ten predicted units each, the right ones distributed at random."""
    draw = np.random.default_rng(int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest()))
    units = np.full(sentences, UNITS)
    right = draw.multivariate_hypergeometric(units, round(f1 / 100 * units.sum()))
    return np.stack([right, units - right, units - right], axis=1).astype(np.int32)


def _scores(planned: Planned, score: Score) -> tuple[dict[str, float], dict[str, float]]:
    """Of test and of dev."""
    of = {
        split: {task: score(planned.combination, task, planned.config.seed, split) for task in planned.config.tasks}
        for split in ("test", "dev")
    }
    return of["test"], of["dev"]
