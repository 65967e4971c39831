"""tagmates finds out which sequence-tagging tasks learn better together, and trains the taggers that come out of it."""

from importlib.metadata import version

__version__ = version("tagmates")

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
