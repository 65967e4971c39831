"""The checkpoint of a run: everything that the next epoch needs, in one file that every epoch replaces."""

import json
from pathlib import Path

from torch import Tensor

from tagmates.errors import ModelError
from tagmates.files import read_tensors, write_tensors
from tagmates.training.metrics import write_metrics
from tagmates.training.run import Run
from tagmates.training.schedule import Schedule


def save_checkpoint(folder: Path, run: Run) -> None:
    """Save everything that the next epoch needs, and write the metrics of the epochs so far."""
    parameters = dict(run.module.named_parameters())
    tensors: dict[str, Tensor] = {f"model/{name}": p for name, p in parameters.items()}
    if not run.schedule.is_best:
        tensors |= {f"best/{name}": tensor for name, tensor in run.best.items()}
    for epoch, kept in run.best_of_tasks.items():
        if epoch not in (run.epoch, run.schedule.best_epoch):
            tensors |= {f"epoch {epoch}/{name}": tensor for name, tensor in kept.items()}
    adam = run.optimizer.state_dict()["state"]
    for number, name in enumerate(_optimized(run)):
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
    write_tensors(_path(folder), tensors, {"state": json.dumps(state)})
    write_metrics(folder, run.history)


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a finished run, if it has one."""
    _path(folder).unlink(missing_ok=True)


def _path(folder: Path) -> Path:
    return folder / "checkpoint.safetensors"


def _optimized(run: Run) -> list[str]:
    """The names of the parameters in the order of the optimizer, which numbers them."""
    names = {id(parameter): name for name, parameter in run.module.named_parameters()}
    return [names[id(parameter)] for group in run.optimizer.param_groups for parameter in group["params"]]


def _keeps_tasks(run: Run) -> bool:
    return run.config.training.weights == "best_per_task" and bool(run.history)


def load_checkpoint(folder: Path, run: Run) -> None:
    """Bring the run to the state of the folder's checkpoint, if there is one.

    Raises ModelError if the checkpoint is damaged or belongs to another run.
    """
    path = _path(folder)
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
        adam = {i: {key: tensors[f"adam/{name}/{key}"] for key in keys} for i, name in enumerate(_optimized(run))}
        run.epoch, run.updates, run.seconds = state["epoch"], state["updates"], state["seconds"]
        run.history = state["history"]
        run.schedule = Schedule(
            state["learning_rate"], state["scores"], state["plateau_best"], state["flat_epochs"], run.schedule.strict
        )
        device = run.module.device
        run.best = {name: tensors.get(f"best/{name}", parameters[name]).to(device) for name in names}
        run.best_of_tasks = {}
        for epoch in sorted(set(run.best_epochs().values())) if _keeps_tasks(run) else ():
            if epoch == run.schedule.best_epoch:
                run.best_of_tasks[epoch] = run.best
            else:
                where = "model" if epoch == run.epoch else f"epoch {epoch}"
                run.best_of_tasks[epoch] = {name: tensors[f"{where}/{name}"].to(device).clone() for name in names}
        run.load(parameters)
    except (LookupError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path}: is not a checkpoint of this run ({error}); start again with --force") from None
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": adam, "param_groups": groups})
