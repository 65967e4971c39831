"""The identifier of a run: a hash of everything that decides its numbers."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tagmates.config import RunConfig

# fmt: off
FORMER_TRAINING_SETTINGS = {  # of an earlier tagmates
    "batch_size", "sampling", "temperature", "bucketed", "loss_weights", "learning_rate", "transition_l2", "clip_norm",
    "max_epochs", "halving_patience", "stopping_patience", "epoch_updates", "max_updates", "weights", "unknown_rate",
}
FORMER_MODEL_SETTINGS = {
    "word_size", "character_size", "character_hidden_size", "character_layers", "character_dropout", "hidden_size",
    "layers", "dropout", "task_size",
}
# fmt: on


def run_id(config: RunConfig, data_hashes: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits: equal for equal settings, data and vectors, wherever and however the run runs."""
    # only settings that differ from the defaults, so that a new setting changes no id; the path of the vectors is left
    # out, because their content is in data_hashes, and so is that of a pretrained encoder
    excluded: dict[str, Any] = {"vectors": True, "model": {"encoder"}}
    settings = config.model_dump(mode="json", exclude_defaults=True, exclude=excluded)
    if not settings.get("model", True):  # the encoder was the only setting
        del settings["model"]
    return _short_hash(settings, data_hashes)


def former_run_id(config: RunConfig, data_hashes: Mapping[str, Any]) -> str:
    """The id that the run has in folders of an earlier tagmates, which are still recognised.

    It hashes all settings of that time, defaults too, and no newer ones. ``data_hashes`` are those of that time: the
    digest and the score rule of every task, without its scheme.
    """
    every: dict[str, Any] = dict.fromkeys(("tasks", "sharing", "seed"), True)
    parts = {"model": FORMER_MODEL_SETTINGS, "training": FORMER_TRAINING_SETTINGS}
    settings = config.model_dump(mode="json", include={**every, **parts})
    return _short_hash(settings, data_hashes)


def _short_hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
