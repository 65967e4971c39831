"""The taggers of a grouping: where they are, or will be, and how they are trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tagmates.config import RunConfig
from tagmates.errors import ConfigError
from tagmates.study.locate import OpenedStudy
from tagmates.study.plan import Setting, config_of, run_name
from tagmates.study.records import Runs
from tagmates.study.run_files import first_with_tagger, why_no_tagger
from tagmates.training.loop import Event
from tagmates.training.train import train_events

FOLDER = "taggers"  # in the study's folder: runs of settings that the study does not plan


@dataclass(frozen=True, slots=True)
class StudyTagger:
    """A tagger with a study's settings: its folder, its configuration, and whether it is trained."""

    folder: Path
    config: RunConfig
    is_trained: bool


def study_tagger(study: OpenedStudy, runs: Runs, setting: Setting) -> StudyTagger:
    """The tagger of a setting: a finished run of the study that still has one, or else a folder of its own."""
    config = config_of(study.settings, setting).model_copy(update={"seed": study.settings.seeds[0]})
    if runs.get(setting):
        run = first_with_tagger(study.store, runs[setting])
        if run.has_tagger:
            return StudyTagger(run.folder, config.model_copy(update={"seed": run.seed}), is_trained=True)
    folder = study.store.root / FOLDER / run_name(config)
    return StudyTagger(folder, config, is_trained=(folder / "result.json").exists() and why_no_tagger(folder) is None)


def train_study_tagger(study: OpenedStudy, tagger: StudyTagger, device: str = "auto") -> Iterator[Event]:
    """Train the tagger in its folder, from its last finished epoch, and yield the events."""
    if not study.data:
        raise ConfigError("--data: is missing; the study's file does not say where its data are")
    yield from train_events(tagger.config, tagger.folder, study.data, device=device, resume=True, lock=study.store.lock)
