"""``tagmates train``: --set, --config and --preset take effect, and are refused where they cannot."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import TASKS, done, numbers, tagmates, training_of, write_corpus
from tiny_encoders import tiny_bert

from tagmates.config import ModelSettings, RunConfig, TrainingSettings
from tagmates.settings_parsing import train_options, with_preset

pytestmark = pytest.mark.usefixtures("here")


# key: value, other settings that let it matter
SETTINGS: dict[str, tuple[object, dict[str, object]]] = {
    "seed": (2, {}),
    "sharing": ("te_dec", {}),
    "model.word_size": (7, {}),
    "model.character_size": (7, {}),
    "model.character_hidden_size": (7, {}),
    "model.character_layers": (1, {}),
    "model.character_dropout": (0, {}),
    "model.hidden_size": (7, {}),
    "model.layers": (1, {}),
    "model.dropout": (0, {}),
    "model.task_size": (7, {"sharing": "te_dec"}),
    "training.batch_size": (2, {}),
    "training.batch_per_task": (True, {}),
    "training.sampling": ("proportional", {}),
    "training.temperature": (5, {"training.sampling": "temperature"}),
    "training.bucketed": (True, {"training.batch_size": 2}),
    "training.loss_weights.ner": (0.1, {}),
    "training.learning_rate": (0.01, {}),
    "training.schedule": ("linear", {"training.max_updates": 4}),
    "training.transition_l2": (1, {}),
    "training.clip_norm": (0.01, {}),
    "training.max_epochs": (3, {}),
    "training.patience": (
        "strict",
        {"training.learning_rate": 1e-9, "training.stopping_patience": 1, "training.max_epochs": 3},
    ),
    "training.min_epoch_updates": (9, {}),
    "training.min_learning_rate": (
        1e-9,
        {"training.learning_rate": 1e-9, "training.halving_patience": 0, "training.max_epochs": 3},
    ),
    "training.halving_patience": (0, {"training.learning_rate": 1e-9, "training.max_epochs": 3}),
    "training.stopping_patience": (1, {"training.learning_rate": 0.3, "training.max_epochs": 8}),
    "training.epoch_updates": (3, {}),
    "training.max_updates": (3, {}),
    "training.weights": ("best", {"training.learning_rate": 0.3, "training.max_epochs": 8}),
    "training.unknown_rate": (0.5, {}),
    "training.tag_weights.ner.O": (0.1, {}),
    "training.select": ("ner", {"training.learning_rate": 0.3, "training.weights": "best", "training.max_epochs": 8}),
    "training.optimizer": ("adamw", {"training.weight_decay": 0.5}),
    "training.weight_decay": (0.5, {"training.optimizer": "adamw"}),
    "training.warmup": (0.5, {"training.schedule": "linear"}),
    "training.accumulation": (2, {"model.layers": 1}),
    "training.encoder_learning_rate": (0.1, {"model.encoder": "ENCODER"}),
    "model.encoder": ("ENCODER", {}),
    "model.finetune": (False, {"model.encoder": "ENCODER"}),
    "model.pooling": ("mean", {"model.encoder": "ENCODER"}),
    "base": ("TRAINED", {}),
    "training.freeze": ("encoder", {"base": "TRAINED"}),
}


BASE: dict[str, object] = {
    "vectors": "random",
    "model.hidden_size": 8,
    "model.word_size": 6,
    "model.character_size": 5,
    "model.character_hidden_size": 4,
    "training.batch_size": 4,
    "training.max_epochs": 2,
}


@pytest.fixture(scope="module")
def train_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, object]], tuple[Any, ...]]:
    """Train with settings, once for equal ones: the numbers that came out."""
    place = tmp_path_factory.mktemp("settings")
    # ner has fewer sentences than pos, or sampling would not matter
    fewer = TASKS.replace("[tasks.ner]", '[tasks.ner]\ntrain = {file = "train.txt", sentences = "3-5"}')
    data = write_corpus(place / "data", tasks=fewer)
    sets = [part for key, value in BASE.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    paper = ("--preset", "paper", "--threads", "1")
    trained = place / "trained"
    done("train", "--data", data, "--tasks", "pos", "--sharing", "stl", *paper, *sets, "--output-dir", trained)
    paths = {"ENCODER": str(tiny_bert(place / "encoder")), "TRAINED": str(trained)}
    known: dict[str, tuple[Any, ...]] = {}

    def run(settings: dict[str, object]) -> tuple[Any, ...]:
        key = json.dumps(settings, sort_keys=True)
        if key not in known:
            folder = place / str(len(known))
            values = {name: paths.get(str(value), value) for name, value in settings.items()}
            sets = [part for name, value in values.items() for part in ("--set", f"{name}={json.dumps(value)}")]
            done("train", "--data", data, "--tasks", "pos,ner", *paper, *sets, "--output-dir", folder)
            known[key] = numbers(folder)
        return known[key]

    return run


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_takes_effect(train_with: Callable[[dict[str, object]], tuple[Any, ...]], key: str) -> None:
    value, others = SETTINGS[key]
    assert train_with({**BASE, **others}) != train_with({**BASE, **others, key: value})


def test_no_setting_is_forgotten_above() -> None:
    others = ("model", "training", "tasks", "vectors", "kept")  # kept follows from tasks and base
    names = {name for name in RunConfig.model_fields if name not in others}
    names |= {f"model.{name}" for name in ModelSettings.model_fields}
    names |= {f"training.{name}" for name in TrainingSettings.model_fields}
    assert {re.sub(r"((?:loss|tag)_weights).*", r"\1", key) for key in SETTINGS} == names


@pytest.mark.parametrize(
    "setting",
    [
        "model.hidden_size=100000000000",
        "model.hidden_size=99999999999999999999999",
        "training.batch_size=99999999999999999999999",
    ],
)
def test_a_setting_beyond_all_measure_is_one_line(corpus: Path, setting: str) -> None:
    outcome = tagmates(*training_of(corpus, "new", "--set", "training.sampling=temperature", "--set", setting))
    assert outcome.code in (1, 2)
    assert outcome.err.startswith("tagmates: ")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(tasks=("upos", "chunk")),
        RunConfig(tasks=("upos",), sharing="stl", seed=7, vectors="random"),
        with_preset(RunConfig(tasks=("upos", "chunk"), sharing="te_dec"), "practical"),
        with_preset(RunConfig(tasks=("upos",), sharing="stl", model=ModelSettings(encoder="hf://a/b")), "pretrained"),
        with_preset(RunConfig(tasks=("upos",), model=ModelSettings(encoder="/a b", finetune=False)), "practical"),
        RunConfig(
            tasks=("upos", "chunk"),
            model=ModelSettings(hidden_size=8, dropout=0.25),
            training=TrainingSettings(max_updates=100, schedule="linear", loss_weights={"chunk": 2.0}, weights="best"),
        ),
    ],
)
def test_the_options_of_train_give_the_configuration_back(config: RunConfig) -> None:
    found = done("train", *train_options(config), "--data", "starter", "--print-config")
    assert RunConfig.model_validate_json(found.out) == config
