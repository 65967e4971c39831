"""``train --folds`` and ``train --final``: what is printed of cross-validation, and of the training on all data."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tagmates.apps.shared import say
from tagmates.config import RunConfig
from tagmates.errors import ConfigError
from tagmates.formatting import plural
from tagmates.training.final import changed_data, final_config
from tagmates.training.folds import begun_folds, sum_up_folds


def check_folds_folder(folder: Path, folds: int, *, resume: bool, force: bool) -> None:
    """Raise ConfigError unless the folder is new, or holds folds that are to be resumed or overwritten."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    known = begun_folds(folder)
    if known is None:
        raise ConfigError(f"{folder}: is not empty, and holds no folds; choose a new folder")
    if not (resume or force):
        raise ConfigError(f"{folder}: is not empty; continue with --resume, overwrite with --force, or choose another")
    if resume and known != folds:
        raise ConfigError(f"{folder}: was begun with {known} folds; repeat that number, or choose another folder")


def folds_table(config: RunConfig, folder: Path, data: str, folds: int, device: str) -> Table:
    """The scores of all folds, which are written into the folder."""
    found = sum_up_folds(config, folder, data, folds, device)
    table = Table()
    for name in ("task", *(f"fold {number + 1}" for number in range(folds)), "mean", "std", "together"):
        table.add_column(name, justify="left" if name == "task" else "right")
    for task, scores in found["tasks"].items():
        row = (*scores["f1"], scores["mean"], scores["std"], scores["together"])
        table.add_row(escape(task), *(f"{value:.2f}" for value in row))
    say(f"{folder}: folds.json, and the predictions for all sentences in {plural(len(found['tasks']), 'file')} .conll")
    return table


def settings_of_final(run: Path, folder: Path | None) -> tuple[RunConfig, str, str]:
    """The settings and the data of a last training on all data, and a message on them."""
    if folder is not None and run.resolve() == folder.resolve():
        raise ConfigError(f"--output-dir {folder}: is the run to repeat, which must stay; choose another")
    config, data = final_config(run)
    why = f"{run}: its settings, train and dev together, {plural(config.training.max_updates or 0, 'update')}"
    if different := changed_data(run, config, data):
        why += f"; {different}, and this number of updates was the best for those"
    return config, data, why
