"""The result of a finished run: weights, scores, counts and card. ``result.json``, written last, means "done"."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tagmates.config import RunConfig
from tagmates.data.indexing import digest
from tagmates.data.schemes import OUTSIDE
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.files import write_atomically, write_json, write_tensors, write_text
from tagmates.installed import VERSION
from tagmates.model.pretrained import epoch_file
from tagmates.training.card import model_card
from tagmates.training.checkpoint import remove_checkpoint
from tagmates.training.metrics import write_metrics
from tagmates.training.run import Run
from tagmates.training.scores import TaskScores, signature


def write_result(folder: Path, run: Run, reason: str) -> dict[str, Any]:
    """Test the weights that the configuration chooses and write all final files.

    ``reason`` says why training ended. Returns the content of ``result.json``, which is written last.
    """
    last = {name: p.detach().clone() for name, p in run.module.named_parameters()}
    splits = [split for split in ("dev", "test") if split in run.corpora]
    per_task = _scores_per_task(run, splits) if run.config.training.weights == "best_per_task" else None
    if run.config.training.weights != "last":
        run.load(run.best)
    scores = per_task or {split: run.evaluate(split) for split in splits}
    result: dict[str, Any] = {
        "run_id": run.id,
        "tasks": run.config.tasks,
        "sharing": run.config.sharing,
        "seed": run.config.seed,
        "task_data": run.task_data,
        "vectors": run.start.name,
        "stopped": reason,
        "epochs": run.epoch,
        "best_epoch": run.schedule.best_epoch,
        **({} if per_task is None else {"best_epochs": run.best_epochs()}),
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
    write_tensors(folder / "model.safetensors", run.module.tensors())
    if any(not torch.equal(run.best[name], p) for name, p in run.module.named_parameters()):
        write_tensors(folder / "best.safetensors", run.best)
    for epoch, kept in run.best_of_tasks.items():
        if epoch != run.schedule.best_epoch:
            write_tensors(folder / epoch_file(epoch), run.module.tensors() | kept)
    write_atomically(folder / "counts.npz", _counts(scores))
    write_metrics(folder, run.history)
    write_text(folder / "README.md", model_card(run, result))
    write_json(folder / "result.json", result)
    remove_checkpoint(folder)  # there is nothing left to resume
    return result


def _scores_per_task(run: Run, splits: Sequence[str]) -> dict[str, dict[str, TaskScores]]:
    """The scores of every task with the weights of its own best epoch."""
    found: dict[str, dict[str, TaskScores]] = {split: {} for split in splits}
    for epoch, kept in run.best_of_tasks.items():
        run.load(kept)
        own = [task for task, best in run.best_epochs().items() if best == epoch]
        for split in splits:
            scores = run.evaluate(split)
            found[split] |= {task: scores[task] for task in own if task in scores}
    return {
        split: {task: by_task[task] for task in run.config.tasks if task in by_task} for split, by_task in found.items()
    }


def _task_embeddings(run: Run, parameters: Mapping[str, Tensor]) -> list[list[float]]:
    """One row per task: its embedding (te_dec), or the vector of its task token (te_enc)."""
    found: list[list[float]] = run.module.task_rows(parameters, run.vocabulary).tolist()
    return found


def summary(scores: TaskScores) -> dict[str, float | int]:
    """The scores of a task for ``result.json``: ratios in percent, and counts."""
    total = scores.total
    return {
        "precision": total.precision,
        "recall": total.recall,
        "f1": total.f1,
        "tp": total.tp,
        "fp": total.fp,
        "fn": total.fn,
    }


def task_signature(
    config: RunConfig, run_id: str, task: Task, split: str, gold: Sequence[Sentence], *, weights: str = ""
) -> str:
    """The signature of a run's score on the gold sentences of one split of a task.

    ``weights`` says which were scored, if not those that the settings name.
    """
    return signature(
        version=VERSION,
        task=task.name,
        split=split,
        outside=task.trained_outside,
        reading=task.score,
        decoding="viterbi",
        token="counted" if config.sharing == "te_enc" and task.trained_outside == OUTSIDE else "none",
        weights=weights or config.training.weights,
        data=digest({split: list(gold)})[:12],
        run=run_id,
    )


def _counts(scores: Mapping[str, Mapping[str, TaskScores]]) -> bytes:
    """A compressed .npz of every sentence's tp, fp and fn: ``split/task`` -> [sentences, 3]."""
    arrays = {
        f"{split}/{task}": s.sentences.astype(np.int32)
        for split, by_task in scores.items()
        for task, s in by_task.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
