"""Experiment trackers: a function for each, which begins a run of its own; the packages are those that are installed.

A group (in MLflow an experiment) is a study, and a run is a training. Its numbers are those of ``metrics.jsonl``, a
step for each epoch; at the end come the final scores.
"""

import io
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, assert_never

from tagmates.errors import ConfigError

TrackerKind = Literal["wandb", "trackio", "mlflow", "tensorboard"]
PROJECT = "tagmates"  # of groups, where a tracker has projects above them
SUFFIX = ".tagmates"  # of our event files, which are written again when a training is
MLFLOW_BATCH = 100  # parameters of a request

Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A training for a tracker. ``key`` stays the same when it is resumed, and changes when it is trained anew."""

    group: str
    name: str
    key: str
    settings: Mapping[str, str | int | float | bool]
    events: Path  # the folder for files of events, if the tracker writes such


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run of a tracker that has been begun; ``last_epoch`` is the last that an earlier process gave to it."""

    log: Callable[[int, Numbers], None]  # the numbers of an epoch
    close: Callable[[int, Numbers | None], None]  # the final scores after so many epochs; None if it was interrupted
    last_epoch: int = 0


Begin = Callable[[TrackedRun], OpenRun]


def begin_with(kind: TrackerKind) -> Begin:
    """The function that begins runs of this tracker. Raises ConfigError if its package is not installed."""
    try:
        if kind == "wandb":
            import wandb  # noqa: PLC0415  (whichever is installed)

            return partial(_begin_wandb, wandb)
        if kind == "trackio":
            with redirect_stdout(io.StringIO()):
                import trackio  # noqa: PLC0415

            return partial(_begin_trackio, trackio)
        if kind == "mlflow":
            import mlflow  # noqa: PLC0415

            return partial(_begin_mlflow, mlflow)
        if kind == "tensorboard":
            from torch.utils import tensorboard  # noqa: PLC0415

            return partial(_begin_tensorboard, tensorboard)
    except ImportError as error:
        package = {"mlflow": "mlflow-skinny"}.get(kind, kind)
        raise ConfigError(f"{kind}: cannot be used here ({error}); pip install {package}") from None
    assert_never(kind)


def _begin_wandb(wandb: Any, run: TrackedRun) -> OpenRun:
    begun = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=run.group,
        name=run.name,
        id=run.key,
        config=dict(run.settings),
        resume="allow",
        reinit="create_new",  # several runs at a time
        settings=wandb.Settings(silent=True, console="off"),
    )

    def log(epoch: int, numbers: Numbers) -> None:
        begun.log(dict(numbers), step=epoch)

    def close(epochs: int, scores: Numbers | None) -> None:
        begun.summary.update(dict(scores or {}))
        begun.finish(exit_code=1 if scores is None else 0)

    return OpenRun(log, close, int(begun.step) - 1)


def _begin_trackio(trackio: Any, run: TrackedRun) -> OpenRun:
    with redirect_stdout(io.StringIO()):  # which is for data
        begun = trackio.init(
            project=PROJECT,
            group=run.group,
            name=f"{run.name}-{run.key[:6]}",  # a name is all that tells its runs apart
            config=dict(run.settings),
            resume="allow",
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )

    def log(epoch: int, numbers: Numbers) -> None:
        begun.log(dict(numbers), step=epoch)

    def close(epochs: int, scores: Numbers | None) -> None:
        if scores:
            begun.log(dict(scores), step=epochs)
        with redirect_stdout(io.StringIO()):
            begun.finish()
        with suppress(AttributeError):
            trackio.context_vars.current_run.set(None)  # or it is finished again at exit, which prints to stdout

    return OpenRun(log, close, int(getattr(begun, "_next_step", 1)) - 1)


def _begin_mlflow(mlflow: Any, run: TrackedRun) -> OpenRun:
    entities = mlflow.entities
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(run.group)
    number = experiment.experiment_id if experiment is not None else client.create_experiment(run.group)
    found = client.search_runs([number], filter_string=f"tags.tagmates_key = '{run.key}'", max_results=1)
    last = 0
    if found:
        name = found[0].info.run_id
        client.update_run(name, status="RUNNING")
        last = max((metric.step for metric in client.get_metric_history(name, "loss")), default=0)
    else:
        name = client.create_run(number, tags={"tagmates_key": run.key}, run_name=run.name).info.run_id
        params = [entities.Param(_plain(key), str(value)) for key, value in run.settings.items()]
        for start in range(0, len(params), MLFLOW_BATCH):
            client.log_batch(name, params=params[start : start + MLFLOW_BATCH])

    def log(epoch: int, numbers: Numbers) -> None:
        now = int(time.time() * 1000)
        metrics = [entities.Metric(_plain(key), value, now, epoch) for key, value in numbers.items()]
        client.log_batch(name, metrics=metrics)

    def close(epochs: int, scores: Numbers | None) -> None:
        log(epochs, scores or {})
        client.set_terminated(name, "KILLED" if scores is None else "FINISHED")

    return OpenRun(log, close, last)


def _plain(key: str) -> str:
    """A key with the characters that MLflow allows."""
    return re.sub(r"[^\w./ -]", "_", key)


def _begin_tensorboard(tensorboard: Any, run: TrackedRun) -> OpenRun:
    for path in run.events.glob(f"*{SUFFIX}"):
        path.unlink()
    writer = tensorboard.SummaryWriter(str(run.events), filename_suffix=SUFFIX)
    writer.add_text("settings", "\n".join(f"    {key} = {value}" for key, value in run.settings.items()))

    def log(epoch: int, numbers: Numbers) -> None:
        for key, value in numbers.items():
            writer.add_scalar(key, value, epoch)
        writer.flush()

    def close(epochs: int, scores: Numbers | None) -> None:
        log(epochs, scores or {})
        writer.close()

    return OpenRun(log, close)
