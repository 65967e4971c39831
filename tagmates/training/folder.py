"""A run's folder: what it holds, how it is started, saved, resumed and finished.

``result.json`` is written last, so it means that the run is done. Until then ``checkpoint.safetensors`` holds all that
the next epoch needs, in one file that is replaced whole at the end of every epoch.
"""

import io
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import Timeout
from torch import Tensor

from tagmates import __version__
from tagmates.config import RunConfig, parse
from tagmates.data.indexing import digest
from tagmates.data.schemes import OUTSIDE
from tagmates.data.sentence import Sentence, task_token
from tagmates.data.task import Task
from tagmates.data.task_data import data_difference, reading_of
from tagmates.errors import BusyError, ConfigError, ModelError, OtherDataError
from tagmates.failures import what_to_do
from tagmates.files import read_json, read_tensors, write_atomically, write_json, write_tensors, write_text
from tagmates.kernels.dispatch import kernels_on
from tagmates.locks import take_lock
from tagmates.training.run import Run
from tagmates.training.schedule import Schedule
from tagmates.training.scores import TaskScores, signature

FILES = (
    "config.json",
    "environment.json",
    "vocabulary.json",
    "metrics.jsonl",
    "train.log",
    "checkpoint.safetensors",
    "model.safetensors",
    "best.safetensors",
    "counts.npz",
    "README.md",
    "result.json",
)
WITHOUT_LOCKS = "give --no-lock if no other process works there, or choose a folder on another disk"
LOCK = ".lock"  # held while a process trains here; stays behind, for removing it would let two in
WRITTEN = {LOCK, "failed.json", *FILES, *(f".{name}.new" for name in ("failed.json", *FILES))}


def check_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """Refuse a folder that holds something unless its run is to be resumed or overwritten. Raises ConfigError."""
    try:
        held = {path.name for path in folder.iterdir()} - {LOCK} if folder.exists() else set()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used as output folder ({error.strerror}); choose another") from None
    run_files = held & {"config.json", "environment.json", "train.log"}
    if held and not (resume or force):
        raise ConfigError(
            f"{folder}: is not empty; go on with --resume, overwrite its run with --force, or choose another"
        )
    if resume and held and not run_files:
        raise ConfigError(
            f"{folder}: holds no tagmates run to resume; choose its folder, or another one without --resume"
        )
    if force and held.intersection(FILES) and len(run_files) < 3:
        raise ConfigError(f"{folder}: holds no tagmates run to overwrite, but files of the same names; choose another")


def check_files(folder: Path) -> None:
    """Raise ModelError where something else is in the place of a file that a run writes, or one cannot be read.

    A folder, a pipe, a link to nothing: reading a pipe would never end, and nothing can be written over a folder.
    """
    try:
        with os.scandir(folder) as entries:
            wrong = [entry.name for entry in entries if entry.name in WRITTEN and not _is_readable(entry)]
    except FileNotFoundError:
        if folder.is_symlink():
            raise ModelError(f"{folder}: is a link to nothing; remove it") from None
        return
    except NotADirectoryError:
        raise ModelError(f"{folder}: is no folder; remove it") from None
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror}); {what_to_do(error)}") from None
    for name in wrong:
        raise ModelError(f"{folder / name}: is no file that can be read; remove it, or see to its permissions")


def _is_readable(entry: os.DirEntry[str]) -> bool:
    needed = os.R_OK | os.W_OK if entry.name in (LOCK, "train.log") else os.R_OK  # others are replaced
    # what is being written at this moment may be gone by now
    return entry.is_file() and (os.access(entry, needed) or not os.path.lexists(entry))


def make_folder(folder: Path) -> None:
    """Make the folder where it is missing. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used as output folder ({error.strerror}); choose another") from None


@contextmanager
def lock_folder(folder: Path, *, lock: bool = True) -> Iterator[None]:
    """Keep every other process out of the folder's run; the system lets go of it when a process is killed.

    Raises BusyError where another process trains there, NoLocksError where the file system has no locks, ConfigError
    where the folder cannot be used. Without ``lock`` nothing is done.
    """
    if not lock:
        yield
        return
    try:
        held = take_lock(folder / LOCK, alone=WITHOUT_LOCKS)
    except Timeout:
        raise BusyError(f"{folder}: another process is training there; wait for it, or choose another folder") from None
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used as output folder ({error.strerror}); choose another") from None
    try:
        yield
    finally:
        held.release()


def clear_folder(folder: Path) -> None:
    """Remove the files that a run writes and nothing else. Raises ConfigError."""
    try:
        for name in FILES:
            if name != "train.log":  # it is being written
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used as output folder ({error.strerror}); choose another") from None


def start_folder(folder: Path, run: Run, data: str) -> None:
    """Write what is known before the first update."""
    write_json(folder / "config.json", run.config.model_dump(mode="json"))
    write_json(folder / "vocabulary.json", run.vocabulary.to_json())
    environment = {
        "run_id": run.id,
        "data": data,
        "task_data": run.task_data,
        "vectors": run.vectors.source,
        "device": str(run.module.words.device),
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kernels": kernels_on(run.module.words.device),
        "tagmates": __version__,
    }
    write_json(folder / "environment.json", environment)


def save_epoch(folder: Path, run: Run) -> None:
    """Save all that the next epoch needs."""
    parameters = dict(run.module.named_parameters())
    tensors: dict[str, Tensor] = {f"model/{name}": p for name, p in parameters.items()}
    if not run.schedule.is_best:
        tensors |= {f"best/{name}": tensor for name, tensor in run.best.items()}
    adam = run.optimizer.state_dict()["state"]
    for number, name in enumerate(parameters):
        tensors |= {f"adam/{name}/{key}": value for key, value in adam.get(number, {}).items()}
    state = {
        "run_id": run.id,
        "epoch": run.epoch,
        "updates": run.updates,
        "seconds": run.seconds,
        "learning_rate": run.schedule.learning_rate,
        "scores": run.schedule.scores,
        "plateau_best": run.schedule.plateau_best,
        "flat_epochs": run.schedule.flat_epochs,
        "history": run.history,
    }
    write_tensors(folder / "checkpoint.safetensors", tensors, {"state": json.dumps(state)})
    write_metrics(folder, run)


def write_metrics(folder: Path, run: Run) -> None:
    """Write ``metrics.jsonl``: a line for every finished epoch."""
    lines = "".join(json.dumps(line) + "\n" for line in run.history)
    write_atomically(folder / "metrics.jsonl", lines.encode())


def resume_epoch(folder: Path, run: Run) -> None:
    """Put the run where the folder's checkpoint left it; a run that saved none starts anew.

    Raises ConfigError where the folder holds a run of another configuration or data, ModelError where it is broken.
    """
    check_same_run(folder, run)
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return
    tensors, metadata = read_tensors(path)
    names = [name for name, _ in run.module.named_parameters()]
    try:
        state = json.loads(metadata["state"])
        if state["run_id"] not in (run.id, run.former_id):
            raise ValueError(f"it is of run {state['run_id']}")
        parameters = {name: tensors[f"model/{name}"] for name in names}
        keys = ("step", "exp_avg", "exp_avg_sq")
        adam = {i: {key: tensors[f"adam/{name}/{key}"] for key in keys} for i, name in enumerate(names)}
        run.epoch, run.updates, run.seconds = state["epoch"], state["updates"], state["seconds"]
        run.history = state["history"]
        run.schedule = Schedule(
            state["learning_rate"], state["scores"], state["plateau_best"], state["flat_epochs"], run.schedule.strict
        )
        home = run.module.words.device
        run.best = {name: tensors.get(f"best/{name}", parameters[name]).to(home) for name in names}
        run.load(parameters)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: is not a checkpoint of this run ({error}); start anew with --force") from None
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": adam, "param_groups": groups})


def check_same_run(folder: Path, run: Run) -> None:
    """Raise ConfigError, naming the first difference, where the folder holds another run."""
    path = folder / "config.json"
    if not path.exists():
        return
    # parsed, for a setting that is younger than the folder had its default
    there, here = (
        config.model_dump(mode="json") for config in (parse(RunConfig, read_json(path), str(path)), run.config)
    )
    for key, old, new in _differences(there, here):
        raise ConfigError(
            f"{path}: was started with {key} = {old}, not {new}; repeat its settings, or start anew with --force"
        )
    for name in ("environment.json", "result.json"):
        if (folder / name).exists():
            _check_same_data(folder / name, run)


def _check_same_data(path: Path, run: Run) -> None:
    values = read_json(path)
    old, known = values.get("run_id"), values.get("task_data")
    if old in (run.id, run.former_id) and known in (None, run.task_data):
        return
    what = data_difference(known, run.task_data) if isinstance(known, dict) else ""
    raise OtherDataError(
        f"{path}: run {old} was started with other data or vectors than now (run {run.id})"
        f"{': ' if what else ''}{what}; give the same --data, or start anew with --force"
    )


def finish_folder(folder: Path, run: Run, reason: str) -> dict[str, Any]:
    """Test the weights that the configuration asks for, write everything, ``result.json`` last; returns its content."""
    last = {name: p.detach().clone() for name, p in run.module.named_parameters()}
    if run.config.training.weights == "best":
        run.load(run.best)
    scores = {split: run.scores(split) for split in ("dev", "test") if split in run.corpora}
    result: dict[str, Any] = {
        "run_id": run.id,
        "tasks": run.config.tasks,
        "sharing": run.config.sharing,
        "seed": run.config.seed,
        "task_data": run.task_data,
        "vectors": run.vectors.name,
        "stopped": reason,
        "epochs": run.epoch,
        "best_epoch": run.schedule.best_epoch,
        "updates": run.updates,
        "seconds": round(run.seconds, 1),
        "parameters": sum(p.numel() for p in run.module.parameters()),
        "signature": {
            split: {
                task: task_signature(run.config, run.id, run.tasks[task], split, run.gold[split][task])
                for task in by_task
            }
            for split, by_task in scores.items()
        },
        **{split: {task: summary(s) for task, s in by_task.items()} for split, by_task in scores.items()},
    }
    if run.config.sharing in ("te_dec", "te_enc"):
        result["task_embeddings"] = {"last": _task_embeddings(run, last), "best": _task_embeddings(run, run.best)}
    write_tensors(folder / "model.safetensors", dict(run.module.named_parameters()))
    if any(not torch.equal(run.best[name], p) for name, p in run.module.named_parameters()):
        write_tensors(folder / "best.safetensors", run.best)
    write_atomically(folder / "counts.npz", _counts(scores))
    write_metrics(folder, run)
    write_text(folder / "README.md", card(run, result))
    write_json(folder / "result.json", result)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)  # nothing is left to resume
    return result


def _task_embeddings(run: Run, parameters: Mapping[str, Tensor]) -> list[list[float]]:
    """A row for each task: its embedding (te_dec), or the word vector of its token (te_enc)."""
    if run.module.tasks is not None:
        found: list[list[float]] = parameters["tasks"].tolist()
        return found
    rows = [run.vocabulary.word_index[task_token(task).lower()] for task in run.vocabulary.tasks]
    return [parameters["words"][row].tolist() for row in rows]


def summary(scores: TaskScores) -> dict[str, float | int]:
    """What ``result.json`` says of a task's score, in percent and counts."""
    total = scores.total
    return {
        "precision": total.precision,
        "recall": total.recall,
        "f1": total.f1,
        "tp": total.tp,
        "fp": total.fp,
        "fn": total.fn,
    }


def task_signature(config: RunConfig, run_id: str, task: Task, split: str, gold: Sequence[Sentence]) -> str:
    """The signature of a run's score on the gold sentences of a task."""
    return signature(
        version=__version__,
        task=task.name,
        split=split,
        outside=task.trained_outside,
        reading=reading_of(task, {tag for sentence in gold for tag in sentence.labels}),
        decoding="viterbi",
        token="counted" if config.sharing == "te_enc" and task.trained_outside == OUTSIDE else "none",
        weights=config.training.weights,
        data=digest({split: list(gold)})[:12],
        run=run_id,
    )


def card(run: Run, result: Mapping[str, Any]) -> str:
    """A model card: what the tagger is, how it was trained, what it scores, how to use it."""
    split = "test" if "test" in result else "dev"
    rows = "\n".join(
        f"| {task} | {s['precision']:.2f} | {s['recall']:.2f} | {s['f1']:.2f} |" for task, s in result[split].items()
    )
    signatures = "\n".join(f"- `{text}`" for text in result["signature"][split].values())
    return f"""# A tagmates tagger: {", ".join(run.config.tasks)}

Sharing `{run.config.sharing}`, seed {run.config.seed}, run `{run.id}`, {result["parameters"]:,} parameters.
Trained for {run.epoch} epochs ({run.updates} updates), stopped by {result["stopped"]}.
Best epoch {result["best_epoch"]}; the weights kept are those of the {run.config.training.weights} epoch.

| task | precision | recall | F1 ({split}) |
| --- | --- | --- | --- |
{rows}

{signatures}

```python
import tagmates

tagger = tagmates.Tagger.from_pretrained("this folder")
tagger.tag(["A sentence ."])
```

Made by tagmates {__version__}. The corpora it learned from keep their own licences.
"""


def _counts(scores: Mapping[str, Mapping[str, TaskScores]]) -> bytes:
    """Per-sentence tp, fp, fn as a compressed .npz: ``split/task`` -> [sentences, 3]."""
    arrays = {
        f"{split}/{task}": s.sentences.astype(np.int32)
        for split, by_task in scores.items()
        for task, s in by_task.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _differences(there: Any, here: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    if not isinstance(there, dict) or not isinstance(here, dict):
        return [] if there == here else [(prefix.removesuffix("."), there, here)]
    keys = sorted(there.keys() | here.keys())
    return [d for key in keys for d in _differences(there.get(key), here.get(key), f"{prefix}{key}.")]
