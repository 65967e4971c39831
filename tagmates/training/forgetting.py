"""What a tagger has forgotten after training on other tasks: the dev F1 of its tasks before and after."""

from dataclasses import dataclass
from pathlib import Path

from tagmates.batching.vocabulary import Vocabulary
from tagmates.data.schemes import OUTSIDE
from tagmates.errors import DataError
from tagmates.files import read_json, write_json
from tagmates.model.pretrained import read_config
from tagmates.training.evaluation import Evaluation, evaluate


@dataclass(frozen=True, slots=True)
class Remembered:
    """The dev F1, in percent, of a task that the base already had."""

    before: float  # of the weights from which the run started
    after: float
    trained: bool  # whether the task was trained again


def measure_forgetting(folder: Path, data: str, device: str = "cpu") -> dict[str, Remembered]:
    """The tasks of the base of a finished run that have a dev set in ``data``; also written to ``forgetting.json``.

    Tasks with other tags than the base knows are left out: their F1 says nothing. Empty if no task is left.
    """
    config = read_config(folder)
    try:
        evaluation = evaluate(config.base, split="dev", data=data, device=device, per_task=False)
    except DataError:  # no task of the base has a dev set in these data
        return {}
    known = Vocabulary.from_json(read_json(evaluation.folder / "vocabulary.json"))
    before = {task: scores for task, scores in evaluation.scores.items() if _knows_tags(known, task, evaluation)}
    if not before:
        return {}
    after = evaluate(folder, split="dev", data=data, device=device).scores
    found = {
        task: Remembered(scores.total.f1, after[task].total.f1, task in config.tasks) for task, scores in before.items()
    }
    tasks = {task: {"before": one.before, "after": one.after, "trained": one.trained} for task, one in found.items()}
    write_json(folder / "forgetting.json", {"base": config.base, "dev": tasks})
    return found


def _knows_tags(known: Vocabulary, task: str, evaluation: Evaluation) -> bool:
    """Whether the base has at least half of the tags that the task's dev set has."""
    there = {tag for sentence in evaluation.gold[task] for tag in sentence.labels if tag not in (None, OUTSIDE)}
    return 2 * len(there.intersection(known.labels[known.decoder_of(task)])) >= len(there)
