"""tagmates finds out which sequence-tagging tasks learn better together, and trains the taggers that come out of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tagmates.installed import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from tagmates.config import ModelSettings, RunConfig, TrainingSettings
    from tagmates.errors import ConfigError, DataError, ModelError, TagmatesError, TrainingError
    from tagmates.model.tagger import Tagged, Tagger
    from tagmates.training.train import train

__all__ = [
    "ConfigError",
    "DataError",
    "ModelError",
    "ModelSettings",
    "RunConfig",
    "Tagged",
    "Tagger",
    "TagmatesError",
    "TrainingError",
    "TrainingSettings",
    "train",
]

_MODULES = {
    "tagmates.config": ("ModelSettings", "RunConfig", "TrainingSettings"),
    "tagmates.errors": ("ConfigError", "DataError", "ModelError", "TagmatesError", "TrainingError"),
    "tagmates.model.tagger": ("Tagged", "Tagger"),
    "tagmates.training.train": ("train",),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: torch takes a second and 700 MB of addresses, which not everything needs."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
