"""Cross-validation, for little data that have no dev set.

Of N folds, each is the test set once. The next fold is then the dev set, and all others are the training set. So every
sentence is tagged once by a tagger that has never seen it, neither in training nor in the choice of its epoch.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import torch

from tagmates.config import RunConfig
from tagmates.data.corpora import load_split
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks, require_tasks
from tagmates.errors import ConfigError, DataError, ModelError
from tagmates.files import read_json, write_json
from tagmates.model.tagger import Tagger
from tagmates.seeding import generator
from tagmates.training.device import choose_device
from tagmates.training.evaluation import write_predictions
from tagmates.training.folder import clear_folder, make_folder
from tagmates.training.loop import Event
from tagmates.training.scores import score_sentences
from tagmates.training.start import start_of
from tagmates.training.train import train_on

SUMMARY = "folds.json"
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
    """Put the sentences of the tasks' train and dev splits into folds, drawn by ``seed``.

    Sentences with the same words are in the same fold, in all tasks, so that none is a training sentence of one task
    and a test sentence of another. Therefore folds may differ in size. Raises ConfigError for fewer than three folds,
    and DataError for a task with fewer different sentences than folds.
    """
    if folds < MIN_FOLDS:
        raise ConfigError(
            f"--folds {folds}: give {MIN_FOLDS} or more: one to test, one to choose the epoch, one to train"
        )
    sentences: dict[str, list[Sentence]] = {}
    chosen: dict[tuple[str, ...], int] = {}  # words of a sentence -> its fold
    for name in names:
        splits = [split for split in ("train", "dev") if tasks[name].part(split) is not None]
        sentences[name] = [sentence for split in splits for sentence in load_split(tasks[name], split)]
        different = dict.fromkeys(sentence.tokens for sentence in sentences[name])
        if len(different) < folds:
            raise DataError(
                f"task {name}: has {len(different)} different sentences, too few for {folds} folds; give fewer folds"
            )
        new = [tokens for tokens in different if tokens not in chosen]
        sizes = Counter(chosen[tokens] for tokens in different if tokens in chosen)
        order = torch.randperm(len(new), generator=generator(seed, "folds")).tolist()
        for place in order:  # into the fold in which this task has the fewest so far
            fold = min(range(folds), key=lambda number: sizes[number])
            chosen[new[place]] = fold
            sizes[fold] += 1
        if any(not sizes[number] for number in range(folds)):  # its sentences are those of a task before it
            raise DataError(f"task {name}: a fold has none of its sentences; give fewer folds, or another --seed")
    return {name: TaskFolds(own, [chosen[sentence.tokens] for sentence in own]) for name, own in sentences.items()}


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
    """Train a run for each fold in ``folder/fold-N``; yields the events of all. Finished folds are not repeated.

    With ``force``, the folds that the folder holds are removed first.
    """
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    target = choose_device(device)
    made = make_folds(tasks, config.tasks, folds, config.seed)
    start = start_of(config, data, folder)
    make_folder(folder)
    if force or begun_folds(folder) is None:
        for place in folder.glob("fold-*") if force else ():
            clear_folder(place)
        write_json(folder / SUMMARY, {"folds": folds, "seed": config.seed})
    for number in range(folds):
        indexed = {name: own.splits(number, folds) for name, own in made.items()}
        place = folder / f"fold-{number + 1}"
        yield from train_on(config, place, data, tasks, indexed, start, device=target, force=force, lock=lock)


def begun_folds(folder: Path) -> int | None:
    """The number of folds that were begun in a folder; None if it holds no folds."""
    try:
        return int(read_json(folder / SUMMARY)["folds"])
    except (ModelError, KeyError, TypeError, ValueError):
        return None


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
    per_task = config.training.weights == "best_per_task"
    vectors = None if config.model.encoder else config.vectors
    for number in range(folds):
        place = folder / f"fold-{number + 1}"
        result = read_json(place / "result.json")
        tagger = None
        for name, own in made.items():
            scores[name].append(result["test"][name]["f1"])
            where = [i for i, fold in enumerate(own.fold) if fold == number]
            if tagger is None or per_task:
                target = choose_device(device)
                tagger = Tagger.from_pretrained(place, device=target, vectors=vectors, task=name if per_task else None)
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
            "together": score_sentences(own.sentences, predicted[name], tasks[name]).total.f1,
        }
    write_json(folder / SUMMARY, summary)
    return summary
