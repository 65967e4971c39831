"""tagmates finds out which sequence-tagging tasks learn better together, and trains the taggers that come out of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tagmates.installed import VERSION, get_extra

__version__ = VERSION

if TYPE_CHECKING:
    from tagmates.api import Study, run_study
    from tagmates.config import ModelSettings, RunConfig, TrainingSettings
    from tagmates.errors import ConfigError, DataError, ModelError, TagmatesError, TrainingError
    from tagmates.model.tagged import Tagged
    from tagmates.model.tagger import Tagger
    from tagmates.notebook import progress
    from tagmates.report.model import WrittenReport
    from tagmates.study.forecast import Forecast
    from tagmates.study.grouping import Grouping
    from tagmates.study.overview import StudyPlan, StudyStatus
    from tagmates.study.recommend import Advice
    from tagmates.training.evaluation import Evaluation, evaluate
    from tagmates.training.train import train

__all__ = [
    "Advice",
    "ConfigError",
    "DataError",
    "Evaluation",
    "Forecast",
    "Grouping",
    "ModelError",
    "ModelSettings",
    "RunConfig",
    "Study",
    "StudyPlan",
    "StudyStatus",
    "Tagged",
    "Tagger",
    "TagmatesError",
    "TrainingError",
    "TrainingSettings",
    "WrittenReport",
    "evaluate",
    "progress",
    "run_study",
    "train",
]

_MODULES = {
    "tagmates.api": ("Study", "run_study"),
    "tagmates.notebook": ("progress",),
    "tagmates.config": ("ModelSettings", "RunConfig", "TrainingSettings"),
    "tagmates.errors": ("ConfigError", "DataError", "ModelError", "TagmatesError", "TrainingError"),
    "tagmates.model.tagged": ("Tagged",),
    "tagmates.model.tagger": ("Tagger",),
    "tagmates.report.model": ("WrittenReport",),
    "tagmates.study.forecast": ("Forecast",),
    "tagmates.study.grouping": ("Grouping",),
    "tagmates.study.overview": ("StudyPlan", "StudyStatus"),
    "tagmates.study.recommend": ("Advice",),
    "tagmates.training.evaluation": ("Evaluation", "evaluate"),
    "tagmates.training.train": ("train",),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: torch takes a second and 700 MB of addresses, which not everything needs."""
    for module, names in _MODULES.items():
        if name in names:
            try:
                return getattr(import_module(module), name)
            except ModuleNotFoundError as error:  # studies need an extra
                raise ImportError(f"tagmates.{name}: needs the package {error.name}: {get_extra('study')}") from error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
