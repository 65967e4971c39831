"""A last training on train and dev together, as long as the run that found out how long it should be."""

from collections.abc import Iterator
from pathlib import Path

from tagmates.config import RunConfig
from tagmates.data.corpora import load_indexed, load_split
from tagmates.data.indexing import IndexedTask
from tagmates.data.task_data import data_difference, task_data
from tagmates.data.tasks import load_tasks, require_tasks
from tagmates.errors import ConfigError, ModelError
from tagmates.files import read_json
from tagmates.settings_parsing import parse
from tagmates.training.device import choose_device
from tagmates.training.folds import begun_folds
from tagmates.training.loop import Event
from tagmates.training.metrics import METRICS_FILE, read_metrics
from tagmates.training.start import start_of
from tagmates.training.train import train_on


def final_config(run: Path) -> tuple[RunConfig, str]:
    """The settings of a training on train and dev together, as long as ``run`` needed, and where its data are.

    It makes as many updates as ``run`` had made in the epoch whose weights it kept. There is no dev set to halve the
    learning rate by, so it falls linearly to 0, unless it is constant; the last weights are kept.
    """
    for name in ("config.json", "result.json", METRICS_FILE, "environment.json"):
        if not (run / name).is_file():
            raise ConfigError(f"{run}: has no {name}; --final needs the folder of a finished run (of tagmates train)")
    config = parse(RunConfig, read_json(run / "config.json"), str(run / "config.json"))
    result = read_json(run / "result.json")
    data = str(read_json(run / "environment.json").get("data", ""))
    epochs = read_metrics(run)
    epoch = result["epochs"] if config.training.weights == "last" else result["best_epoch"]
    if not 0 < epoch <= len(epochs):
        raise ModelError(
            f"{run / METRICS_FILE}: has no epoch {epoch}; --final needs the whole folder of a finished run"
        )
    schedule = "constant" if config.training.schedule == "constant" else "linear"
    changed = {"max_updates": epochs[epoch - 1]["updates"], "schedule": schedule, "weights": "last", "select": ""}
    return config.model_copy(update={"training": config.training.model_copy(update=changed)}), data


def changed_data(run: Path, config: RunConfig, data: str) -> str:
    """The first difference between the data now and those of a finished run; "" if there is none.

    The runs of a cross-validation are not compared, because each has a part of the data only, and neither are runs
    of ``train --final``, which have dev in train.
    """
    result = read_json(run / "result.json")
    if begun_folds(run.parent) is not None or "dev" not in result:
        return ""
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    now = {name: task_data(tasks[name], own) for name, own in load_indexed(tasks, config.tasks).items()}
    return data_difference(result.get("task_data", {}), now)


def train_final(
    config: RunConfig, folder: Path, data: str, *, device: str = "auto", force: bool = False, lock: bool = True
) -> Iterator[Event]:
    """Train on the train and dev splits of all tasks together, without a dev set; yields the events."""
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    indexed = {}
    for name in config.tasks:
        task = tasks[name]
        train = [s for split in ("train", "dev") if task.part(split) for s in load_split(task, split)]
        test = {"test": load_split(task, "test")} if task.test is not None else {}
        indexed[name] = IndexedTask.of({"train": train, **test})
    start = start_of(config, data, folder)
    target = choose_device(device)
    yield from train_on(config, folder, data, tasks, indexed, start, device=target, force=force, lock=lock)
