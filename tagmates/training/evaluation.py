"""Score the tagger of a run folder on a split of its own data, or of other data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tagmates.config import TrainingSettings
from tagmates.data.corpora import load_split, paths_of
from tagmates.data.formats.columns import format_columns
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS, Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError, ModelError
from tagmates.files import read_json, write_atomically
from tagmates.formatting import first_of, points
from tagmates.html import table_html
from tagmates.model.pretrained import find_model
from tagmates.model.tagger import Tagger
from tagmates.training.device import choose_device
from tagmates.training.predict import gold_of, predict, score_tasks
from tagmates.training.result import summary, task_signature
from tagmates.training.scores import Scores, TaskScores


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores and predictions of one split.

    ``scores`` has for each task ``total`` (``precision``, ``recall`` and ``f1`` in percent, counts) and ``by_type``;
    ``predicted`` has the tags of each sentence of ``gold``, and ``signatures`` say how the scores were computed.

    ```python
    import tagmates

    evaluation = tagmates.evaluate("en", split="dev", data="starter")
    print({task: round(scores.total.f1, 2) for task, scores in evaluation.scores.items()})
    ```
    """

    folder: Path
    split: str
    tasks: Mapping[str, Task]
    names: tuple[str, ...]
    gold: Mapping[str, Sequence[Sentence]]
    predicted: Mapping[str, Sequence[Sequence[str]]]  # without task tokens
    scores: Mapping[str, TaskScores]
    signatures: Mapping[str, str]
    training: TrainingSettings  # of the tagger
    seen: bool = False  # whether the tagger was trained on this split, as one of ``train --final`` was on dev

    def _repr_html_(self) -> str:
        """The scores of every task, for notebooks."""
        rows = [
            [
                task,
                *(points(value) for value in (own.total.precision, own.total.recall, own.total.f1)),
                f"{own.total.support:,}",
            ]
            for task, own in self.scores.items()
        ]
        return table_html(("task", "precision", "recall", "F1", "support"), rows, f"{self.folder.name}, {self.split}")

    def to_json(self, baseline: Mapping[str, TaskScores] | None = None) -> dict[str, Any]:
        """The scores in percent, counts, types and signature of every task."""
        result: dict[str, dict[str, Any]] = {}
        for name, scores in self.scores.items():
            result[name] = {
                **summary(scores),
                "support": scores.total.support,
                "types": {label: {**_counts(s), "f1": s.f1} for label, s in scores.by_type.items()},
                "signature": self.signatures[name],
            }
            if baseline is not None:
                result[name]["baseline"] = summary(baseline[name])
        return {"run": str(self.folder), "split": self.split, "tasks": result}


def evaluate(
    model: str | Path,
    *,
    split: str = "test",
    data: str | None = None,
    device: str = "cpu",
    vectors: str | None = None,
    per_task: bool = True,
) -> Evaluation:
    """Score the tagger of a run folder on one split of the data it was trained on, or of ``data``.

    ``vectors`` are for words that were not in training, as in ``Tagger.from_pretrained``. With
    ``training.weights = "best_per_task"``, each task is scored with its own weights; without ``per_task``, all tasks
    are scored with those of ``model.safetensors``. Tasks without that split are left out. Raises ModelError for a
    folder without a finished tagger, ConfigError for an unknown split, and DataError if no task has the split or the
    data are missing.

    ```python
    import tagmates

    print(tagmates.evaluate("en", split="dev", data="starter").scores["upos"].total.f1)
    ```
    """
    if split == "validation":
        split = "dev"
    if split not in SPLITS:
        raise ConfigError(f"--split {split}: choose train, dev or test")
    folder = find_model(model)
    load = partial(Tagger.from_pretrained, folder, device=choose_device(device), vectors=vectors)
    tagger = load()
    run_id, source = _origin(folder, data)
    tasks = _tasks_with(split, tagger.tasks, source, own=data is None)
    gold = {name: load_split(task, split) for name, task in tasks.items()}
    weights: str = tagger.config.training.weights
    if weights == "best_per_task" and per_task and (folder / "environment.json").exists():
        scores: dict[str, TaskScores] = {}
        predicted: dict[str, list[list[str]]] = {}
        for name in tasks:
            own_scores, own_predicted = _score(load(task=name), {name: gold[name]}, tasks)
            scores |= own_scores
            predicted |= own_predicted
    else:
        if weights == "best_per_task":  # those of a single epoch, the only ones that an exported model has
            weights = "one_epoch_of_best_per_task"
        scores, predicted = _score(tagger, gold, tasks)
    signatures = {
        name: task_signature(tagger.config, run_id, task, split, gold[name], weights=weights)
        for name, task in tasks.items()
    }
    seen = data is None and (split == "train" or (split == "dev" and not _has_dev_scores(folder)))
    return Evaluation(
        folder, split, tasks, tuple(tasks), gold, predicted, scores, signatures, tagger.config.training, seen
    )


def _tasks_with(split: str, names: Sequence[str], source: str, *, own: bool) -> dict[str, Task]:
    """The tasks of a tagger that have this split in the data at ``source``; ``own``: these are the data of its run.

    Raises DataError if there is none, or if a task is missing from the tagger's own data.
    """
    known = load_tasks(source)
    missing = [name for name in names if name not in known]
    if missing and own:
        raise DataError(f"{source}: task {missing[0]} of this run is no longer there; give --data")
    if len(missing) == len(names):
        raise DataError(
            f"{source}: has no task {first_of(names)}, as the tagger has, but {first_of(known)}; give the tasks "
            "that you mean the names that they have in the tagger"
        )
    tasks = {name: known[name] for name in names if name in known and known[name].part(split) is not None}
    if not tasks:
        raise DataError(f"{source}: has no {split} split for any of {', '.join(names)}; give another --split or --data")
    return tasks


def _has_dev_scores(folder: Path) -> bool:
    """Whether the run in this folder has scores of dev.

    All runs have them, except those of ``train --final``. A folder that is no run counts as having them.
    """
    result = folder / "result.json"
    return not result.is_file() or "dev" in read_json(result)


def _score(
    tagger: Tagger, gold: Mapping[str, Sequence[Sentence]], tasks: Mapping[str, Task]
) -> tuple[dict[str, TaskScores], dict[str, list[list[str]]]]:
    """The scores and the predicted tags of these tasks' sentences."""
    parts = [(name, IndexedSplit.of(sentences)) for name, sentences in gold.items()]
    corpus, tables = tagger.index_sentences(parts, cached=True)
    (found,) = predict([tagger.module], [corpus], [tables])
    token = tagger.module.sharing == "te_enc"
    scores = score_tasks(found, gold_of(corpus, gold, tasks, token=token))
    labels = {name: tagger.vocabulary.labels[tagger.vocabulary.decoder_of(name)] for name in gold}
    predicted: dict[str, list[list[str]]] = {name: [] for name in gold}
    pairs = ((name, sentence) for name, sentences in gold.items() for sentence in sentences)
    for (name, sentence), start in zip(pairs, (corpus.starts + token).tolist(), strict=True):
        predicted[name].append([labels[name][k] for k in found[start : start + len(sentence)]])
    return scores, predicted


def _origin(folder: Path, data: str | None) -> tuple[str, str]:
    """The id of the folder's run, and the data to score its tagger on."""
    # an exported model has no environment.json, but the result of its run
    record = folder / ("environment.json" if (folder / "environment.json").exists() else "result.json")
    values = read_json(record)
    if data is None and record.name == "result.json":
        raise ConfigError(f"{folder}: does not say where the data of its run are; give --data")
    try:
        return str(values["run_id"]), data or str(values["data"])
    except (KeyError, TypeError):
        raise ModelError(f"{record}: is not from tagmates; give the folder of a tagmates run") from None


def predictions(evaluation: Evaluation, folder: Path, *, force: bool = False) -> Iterator[Path]:
    """Write a file ``TASK.conll`` (token, gold, predicted) for every task into ``folder``; yields their paths.

    Raises ConfigError if one of them exists, unless ``force`` overwrites it, and for a file of the evaluated data.
    """
    paths = {name: folder / f"{name}.conll" for name in evaluation.gold}
    for name, path in paths.items():
        task = evaluation.tasks[name]
        if path.exists() and any(file.exists() and path.samefile(file) for file in _files_of(task)):
            raise ConfigError(f"{path}: is a file of the data of task {name}; choose another folder")
        if path.exists() and not force:
            raise ConfigError(f"{path}: exists; overwrite it with --force, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        sentences = evaluation.gold[name]
        write_predictions(path, sentences, evaluation.predicted[name], evaluation.tasks[name])
        yield path


def _files_of(task: Task) -> Iterator[Path]:
    """The files of all splits of a task."""
    for split in SPLITS:
        yield from paths_of(task, split)


def write_predictions(path: Path, gold: Sequence[Sentence], predicted: Sequence[Sequence[str]], task: Task) -> None:
    """Write a file with a row for every token: the token, its gold tag and the predicted tag."""
    none = task.no_label or "_"
    tags = [[none if tag is None else tag for tag in sentence.labels] for sentence in gold]
    rows = (zip(s.tokens, *both, strict=True) for s, *both in zip(gold, tags, predicted, strict=True))
    write_atomically(path, "".join(format_columns(rows)).encode())


def _counts(scores: Scores) -> dict[str, int]:
    return {"tp": scores.tp, "fp": scores.fp, "fn": scores.fn}
