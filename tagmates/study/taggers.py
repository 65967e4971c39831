"""The taggers of a grouping: where they are, or will be, and how they are trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tagmates.config import RunConfig
from tagmates.data.task_data import data_difference
from tagmates.errors import ModelError
from tagmates.files import read_json
from tagmates.study.locate import OpenedStudy
from tagmates.study.plan import Combination, config_of, run_name
from tagmates.study.records import Runs
from tagmates.study.run_files import first_with_tagger, why_no_tagger
from tagmates.study.task_cache import data_of_task
from tagmates.training.loop import Event
from tagmates.training.train import train_events

FOLDER = "taggers"  # in the study's folder: runs that were trained for their tagger, which the study does not count


@dataclass(frozen=True, slots=True)
class StudyTagger:
    """A tagger with a study's settings: its folder, its configuration, and whether it is trained, or at least begun."""

    folder: Path
    config: RunConfig
    is_trained: bool
    is_begun: bool = False


def study_tagger(study: OpenedStudy, runs: Runs, combination: Combination) -> StudyTagger:
    """The tagger of a combination: a finished run of the study that still has one, or else a folder of its own."""
    config = config_of(study.settings, combination).model_copy(update={"seed": study.settings.seeds[0]})
    if runs.get(combination):
        run = first_with_tagger(study.store, runs[combination])
        if run.has_tagger:
            return StudyTagger(run.folder, config.model_copy(update={"seed": run.seed}), is_trained=True)
    folder = study.store.root / FOLDER / run_name(config)
    return StudyTagger(folder, config, _is_trained(study, folder), (folder / "config.json").exists())


def _is_trained(study: OpenedStudy, folder: Path) -> bool:
    """Whether a tagger was trained there on the study's data, and is still whole."""
    try:
        then = read_json(folder / "result.json").get("task_data", {})
        return why_no_tagger(folder) is None and not data_difference(study.store.task_data(), then)
    except (ModelError, AttributeError, TypeError):
        return False


def train_study_tagger(study: OpenedStudy, tagger: StudyTagger, device: str = "auto") -> Iterator[Event]:
    """Train the tagger in its folder, from its last finished epoch, and yield the events.

    Raises ConfigError where the data are missing or are not those of the study, ModelError for a damaged folder.
    """
    study.require_data()
    study.store.check_data(study.data, {task: data_of_task(study.data, task) for task in tagger.config.tasks})
    yield from train_events(tagger.config, tagger.folder, study.data, device=device, resume=True, lock=study.store.lock)
    why = why_no_tagger(tagger.folder)
    if (tagger.folder / "result.json").exists() and why is not None:
        raise ModelError(f"{tagger.folder}: its training has ended, but {why}; delete the folder and train again")
