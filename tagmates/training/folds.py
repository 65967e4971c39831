"""Little data: cross-validation without a dev set, and a last training on train and dev together.

Of N folds, each is the test set once. The next fold is then the dev set, and all others are the training set. So every
sentence is tagged once by a tagger that has never seen it, neither in training nor in the choice of its epoch.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import torch

from tagmates.config import RunConfig
from tagmates.data.corpora import load_split
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.task_data import reading_of
from tagmates.data.tasks import load_tasks, require_tasks
from tagmates.errors import ConfigError, DataError
from tagmates.files import read_json, write_json
from tagmates.model.tagger import Tagger
from tagmates.seeding import generator
from tagmates.settings_parsing import parse
from tagmates.training.device import choose_device
from tagmates.training.evaluation import write_predictions
from tagmates.training.loop import Event
from tagmates.training.scores import gold_tags, score
from tagmates.training.start import start_of
from tagmates.training.train import train_on

MIN_FOLDS = 3  # one to test, one to choose the epoch, one to train


@dataclass(frozen=True, slots=True)
class TaskFolds:
    """The sentences of a task's train and dev splits, and the fold of each."""

    sentences: Sequence[Sentence]
    fold: Sequence[int]

    def of(self, number: int) -> list[Sentence]:
        """The sentences of a fold."""
        return [sentence for sentence, own in zip(self.sentences, self.fold, strict=True) if own == number]

    def splits(self, number: int, folds: int) -> IndexedTask:
        """The splits in which this fold is the test set."""
        dev = (number + 1) % folds
        rest = [sentence for own in range(folds) if own not in (number, dev) for sentence in self.of(own)]
        return IndexedTask.of({"train": rest, "dev": self.of(dev), "test": self.of(number)})


def make_folds(tasks: Mapping[str, Task], names: Sequence[str], folds: int, seed: int) -> dict[str, TaskFolds]:
    """Put the sentences of the tasks' train and dev splits into folds of equal size, drawn by ``seed``.

    Tasks with the same sentences in the same order have them in the same folds. Raises ConfigError for fewer than three
    folds, and DataError for a task with fewer sentences than folds.
    """
    if folds < MIN_FOLDS:
        raise ConfigError(
            f"--folds {folds}: give {MIN_FOLDS} or more: one to test, one to choose the epoch, one to train"
        )
    found = {}
    for name in names:
        splits = [split for split in ("train", "dev") if tasks[name].part(split) is not None]
        sentences = [sentence for split in splits for sentence in load_split(tasks[name], split)]
        if len(sentences) < folds:
            raise DataError(f"task {name}: has {len(sentences)} sentences, too few for {folds} folds; give fewer folds")
        order = torch.randperm(len(sentences), generator=generator(seed, "folds"))
        fold = torch.empty(len(sentences), dtype=torch.long)
        fold[order] = torch.arange(len(sentences)) % folds
        found[name] = TaskFolds(sentences, fold.tolist())
    return found


def train_folds(
    config: RunConfig,
    folder: Path,
    data: str,
    folds: int,
    *,
    device: str = "auto",
    force: bool = False,
    lock: bool = True,
) -> Iterator[Event]:
    """Train a run for each fold in ``folder/fold-N``; yields the events of all. Finished folds are not repeated."""
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    target = choose_device(device)
    made = make_folds(tasks, config.tasks, folds, config.seed)
    start = start_of(config, data, folder)
    for number in range(folds):
        coded = {name: own.splits(number, folds) for name, own in made.items()}
        place = folder / f"fold-{number + 1}"
        yield from train_on(config, place, data, tasks, coded, start, device=target, force=force, lock=lock)


def sum_up_folds(config: RunConfig, folder: Path, data: str, folds: int, device: str = "cpu") -> dict[str, Any]:
    """The scores of all folds, which are also written to ``folds.json``, with all predictions in ``TASK.conll``.

    A row of ``TASK.conll`` is a token, its gold tag and the tag of the tagger that has never seen its sentence, in the
    order of the data. For every task: the test F1 of each fold, their mean and standard deviation, and the F1 of all
    predictions together.
    """
    tasks = load_tasks(data)
    made = make_folds(tasks, config.tasks, folds, config.seed)
    predicted: dict[str, list[tuple[str, ...]]] = {name: [()] * len(own.sentences) for name, own in made.items()}
    scores: dict[str, list[float]] = {name: [] for name in made}
    for number in range(folds):
        place = folder / f"fold-{number + 1}"
        tagger = Tagger.from_pretrained(place, device=choose_device(device))
        result = read_json(place / "result.json")
        for name, own in made.items():
            scores[name].append(result["test"][name]["f1"])
            where = [i for i, fold in enumerate(own.fold) if fold == number]
            tagged = tagger.tag([list(own.sentences[i].tokens) for i in where], [name])
            for i, sentence in zip(where, tagged, strict=True):
                predicted[name][i] = sentence.tags[name]
    summary: dict[str, Any] = {"folds": folds, "seed": config.seed, "tasks": {}}
    for name, own in made.items():
        write_predictions(folder / f"{name}.conll", own.sentences, predicted[name], tasks[name])
        summary["tasks"][name] = {
            "f1": scores[name],
            "mean": fmean(scores[name]),
            "std": pstdev(scores[name]),
            "together": _f1(own.sentences, predicted[name], tasks[name]),
        }
    write_json(folder / "folds.json", summary)
    return summary


def _f1(sentences: Sequence[Sentence], predicted: Sequence[Sequence[str]], task: Task) -> float:
    gold = gold_tags(sentences, task)
    reading = reading_of(task, set(chain.from_iterable(gold)))
    return score(gold, predicted, reading, task.trained_outside).total.f1


def final_config(run: Path) -> tuple[RunConfig, str]:
    """The settings of a training on train and dev together, as long as ``run`` needed, and where its data are.

    It makes as many updates as ``run`` had made in the epoch whose weights it kept. There is no dev set to halve the
    learning rate by, so it falls linearly to 0, unless it is constant; the last weights are kept.
    """
    config = parse(RunConfig, read_json(run / "config.json"), str(run / "config.json"))
    result = read_json(run / "result.json")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    epoch = result["epochs"] if config.training.weights == "last" else result["best_epoch"]
    schedule = "constant" if config.training.schedule == "constant" else "linear"
    changed = {"max_updates": lines[epoch - 1]["updates"], "schedule": schedule, "weights": "last", "select": ""}
    return config.model_copy(update={"training": config.training.model_copy(update=changed)}), str(
        read_json(run / "environment.json").get("data", "")
    )


def train_final(
    config: RunConfig, folder: Path, data: str, *, device: str = "auto", force: bool = False, lock: bool = True
) -> Iterator[Event]:
    """Train on the train and dev splits of all tasks together, without a dev set; yields the events."""
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    coded = {}
    for name in config.tasks:
        task = tasks[name]
        train = [s for split in ("train", "dev") if task.part(split) for s in load_split(task, split)]
        test = {"test": load_split(task, "test")} if task.test is not None else {}
        coded[name] = IndexedTask.of({"train": train, **test})
    start = start_of(config, data, folder)
    target = choose_device(device)
    yield from train_on(config, folder, data, tasks, coded, start, device=target, force=force, lock=lock)
