"""What a tagger has forgotten after training on other tasks: the dev F1 of its tasks before and after."""

from dataclasses import dataclass
from pathlib import Path

from tagmates.errors import DataError
from tagmates.files import write_json
from tagmates.model.pretrained import read_config
from tagmates.training.evaluation import evaluate


@dataclass(frozen=True, slots=True)
class Remembered:
    """The dev F1, in percent, of a task that the base already had."""

    before: float  # of the base
    after: float
    trained: bool  # whether the task was trained along


def measure_forgetting(folder: Path, data: str, device: str = "cpu") -> dict[str, Remembered]:
    """The tasks of the base of a finished run that have a dev set in ``data``; also written to ``forgetting.json``.

    Empty if no task of the base has one.
    """
    config = read_config(folder)
    try:
        before = evaluate(config.base, split="dev", data=data, device=device).scores
    except DataError:  # no task of the base has a dev set in these data
        return {}
    after = evaluate(folder, split="dev", data=data, device=device).scores
    found = {
        task: Remembered(scores.total.f1, after[task].total.f1, task in config.tasks) for task, scores in before.items()
    }
    tasks = {task: {"before": one.before, "after": one.after, "trained": one.trained} for task, one in found.items()}
    write_json(folder / "forgetting.json", {"base": config.base, "dev": tasks})
    return found
