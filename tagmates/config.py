"""Settings: frozen, typed, unknown keys are errors; the defaults are the protocol to the letter (``paper``)."""

import difflib
import hashlib
import json
import os
import re
import reprlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tagmates.errors import ConfigError

MAX_SIZE = 2**14  # of a layer; what is larger is a slip of the pen
VECTORS = ("glove", "random")
OF_FILE = "of sha256 "  # and the digits, of vectors that came from a file
Sharing = Literal["stl", "multi_dec", "te_dec", "te_enc"]


class Settings(BaseModel):
    """Base of all settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


AnySettings = TypeVar("AnySettings", bound=Settings)


class ModelSettings(Settings):
    """Sizes of the tagger (protocol section 1).

    ```python
    import tagmates

    small = tagmates.ModelSettings(hidden_size=64, layers=1)
    print(tagmates.RunConfig(tasks=("upos", "chunk"), model=small).model.hidden_size)
    ```
    """

    word_size: int = Field(50, ge=1, le=MAX_SIZE)
    character_size: int = Field(25, ge=1, le=MAX_SIZE)
    character_hidden_size: int = Field(25, ge=1, le=MAX_SIZE, description="per direction")
    character_layers: int = Field(2, ge=1, le=64)
    character_dropout: float = Field(0.25, ge=0, lt=1, description="between the layers of the character GRU")
    hidden_size: int = Field(300, ge=1, le=MAX_SIZE, description="of the word GRU, per direction")
    layers: int = Field(2, ge=1, le=64, description="of the word GRU")
    dropout: float = Field(0.5, ge=0, lt=1, description="between the layers of the word GRU")
    task_size: int = Field(25, ge=1, le=MAX_SIZE, description="task embedding of te_dec")


class TrainingSettings(Settings):
    """How a tagger is trained (protocol section 3).

    ```python
    import tagmates

    short = tagmates.TrainingSettings(max_epochs=5, learning_rate=0.005)
    print(tagmates.RunConfig(tasks=("upos", "chunk"), training=short).training.batch_size)
    ```
    """

    batch_size: int = Field(32, ge=1, le=2**20, description="sentences")
    batch_per_task: bool = Field(
        False, description="batch_size counts the sentences of each task of a batch, not of all its tasks together"
    )
    sampling: Literal["balanced", "proportional", "temperature"] = "balanced"
    temperature: float = Field(1.0, gt=0, description="of sampling: task probability ~ size ** (1 / temperature)")
    bucketed: bool = Field(False, description="put sentences of similar length into a batch")
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="per task; 1 where absent"
    )
    learning_rate: float = Field(1e-3, gt=0, description="of the first update")
    schedule: Literal["halving", "constant", "linear"] = Field(
        "halving",
        description="halving: the learning rate halves where the dev score is flat; constant: it stays; "
        "linear: it falls in equal steps, update by update, to 0 after max_updates",
    )
    transition_l2: float = Field(0.01, ge=0, description="weight of the squared CRF transitions, starts and ends")
    clip_norm: float = Field(5.0, gt=0, description="of the gradient of the summed loss, over all parameters")
    max_epochs: int = Field(100, ge=1)
    patience: Literal["lenient", "strict"] = Field(
        "lenient",
        description="lenient: an epoch that equals the best dev score counts as a best one; strict: only a higher "
        "score does, and the two patiences count from the first score above 0 on",
    )
    halving_patience: int = Field(2, ge=0, description="flat epochs before the one that halves the learning rate")
    stopping_patience: int = Field(10, ge=1, description="epochs without a best score before training stops")
    epoch_updates: int | None = Field(
        None, ge=1, description="updates of every epoch; lists that are used up are shuffled again and go on"
    )
    max_updates: int | None = Field(
        None, ge=1, description="train exactly so many updates: neither stopping_patience nor max_epochs ends it"
    )
    min_epoch_updates: int = Field(
        1,
        ge=1,
        description="an epoch is as many passes over the data as it takes to make so many updates; epoch_updates wins",
    )
    min_learning_rate: float = Field(0.0, ge=0, description="training stops when halving goes below this")
    weights: Literal["last", "best"] = Field("last", description="which epoch's weights are tested and kept")
    unknown_rate: float = Field(
        0.0, ge=0, le=1, description="how often a word seen once in training is read as unknown; 0: no unknown vector"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.schedule == "linear" and self.max_updates is None:
            raise ValueError("schedule 'linear' needs max_updates, the number of updates over which it falls to 0")
        if self.batch_per_task and self.sampling != "balanced":
            raise ValueError(
                f"batch_per_task fixes how many sentences of each task a batch has, but sampling {self.sampling!r} "
                "draws that number; choose sampling 'balanced', or leave batch_per_task out"
            )
        return self


class RunConfig(Settings):
    """Everything that decides the numbers of one training, but for the data themselves.

    ```python
    import tagmates

    config = tagmates.RunConfig(tasks=("upos", "chunk"), sharing="te_dec", seed=2)
    print(config.model_dump_json(indent=2))
    ```
    """

    tasks: tuple[str, ...] = Field(min_length=1)
    sharing: Sharing = "multi_dec"
    seed: int = Field(1, ge=0)
    vectors: str = Field("glove", description="glove, random, or a GloVe text file")
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        twice = sorted({task for task in self.tasks if self.tasks.count(task) > 1})
        if twice:
            raise ValueError(f"task {twice[0]!r} is named twice; name each task once")
        if self.sharing == "stl" and len(self.tasks) > 1:
            raise ValueError("sharing 'stl' trains one task; choose one, or multi_dec, te_dec or te_enc")
        if self.training.batch_size < len(self.tasks) and not self.training.batch_per_task:
            raise ValueError(
                f"training.batch_size {self.training.batch_size} is smaller than the number of tasks, "
                f"{len(self.tasks)}; a batch needs a sentence of each"
            )
        for task in self.training.loss_weights:
            if task not in self.tasks:
                raise ValueError(
                    f"training.loss_weights names {task!r}{nearest(task, self.tasks)}, no task of this run"
                )
        return self


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "practical": {
        "training": {
            "weights": "best",
            "bucketed": True,
            "unknown_rate": 0.5,
            "min_epoch_updates": 30,
            "min_learning_rate": 1e-5,
            "patience": "strict",
        }
    },
}


def preset_of(training: TrainingSettings) -> tuple[str, list[str]]:
    """The preset that these settings are nearest to, and those of the settings by which presets differ that are not it.

    Each of these is written as key = value.
    """
    keys = list(dict.fromkeys(key for preset in PRESETS.values() for key in preset.get("training", {})))
    wanted = {name: TrainingSettings(**preset.get("training", {})) for name, preset in PRESETS.items()}
    others = {
        name: [key for key in keys if getattr(training, key) != getattr(preset, key)] for name, preset in wanted.items()
    }
    name = min(others, key=lambda name: len(others[name]))
    return name, [f"{key} = {json.dumps(getattr(training, key))}" for key in others[name]]


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint to append to an error: the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def resolve(preset: str, file: Path | None, overrides: Sequence[str], given: Mapping[str, Any]) -> RunConfig:
    """The configuration of a run: ``given`` over ``overrides`` (``key.key=value``) over ``file`` over ``preset``.

    Raises ConfigError for an unknown preset or key (with the nearest name), a wrong type or a wrong combination.
    """
    values = merge_preset(preset, read_settings(file) if file is not None else {}, "--preset")
    for text in overrides:
        override(values, text)
    _merge(values, {key: value for key, value in given.items() if value is not None})
    config = parse(RunConfig, values, "configuration")
    if names_vectors(config.vectors):
        return config
    # the same file must be found from any directory
    return config.model_copy(update={"vectors": os.path.abspath(os.path.expanduser(config.vectors))})  # noqa: PTH100, PTH111


def names_vectors(text: str) -> bool:
    """Whether this is no path, but ``glove``, ``random``, or what a packed study calls a file's vectors."""
    return text in VECTORS or text.startswith(OF_FILE)


def merge_preset(preset: Any, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """``values`` over those of a preset; ConfigError for a preset that is not known."""
    if not isinstance(preset, str) or preset not in PRESETS:
        hint = nearest(str(preset), PRESETS)
        raise ConfigError(f"{where} {preset}: no such preset{hint}; choose from {', '.join(PRESETS)}")
    merged: dict[str, Any] = json.loads(json.dumps(PRESETS[preset]))
    _merge(merged, values)
    return merged


def with_preset(config: RunConfig, preset: str) -> RunConfig:
    """The configuration, with the preset's values for the settings that whoever made it did not give."""
    return parse(RunConfig, merge_preset(preset, config.model_dump(exclude_unset=True), "preset"), "configuration")


def override(values: dict[str, Any], text: str) -> None:
    """Put ``key.key=value`` over ``values``; ConfigError where it is not of that form."""
    key, equals, right = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: write key=value, for instance training.batch_size=16")
    value = _parse_value(right.strip())
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    _merge(values, value)


def parse(kind: type[AnySettings], values: Mapping[str, Any], where: str) -> AnySettings:
    """Validate ``values`` as settings of this kind; ConfigError names the key, the reason and the nearest known key."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = error.errors()
    # an unknown key is the likeliest reason of whatever else is wrong
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        raise ConfigError(
            f"{where}: unknown key {_shown('.'.join(path))}{nearest(path[-1], _known_keys(kind, path[:-1]))}"
        )
    # a union reports the type it tried as a last part of the path
    if path and path[-1] in ("int", "str", "float"):
        path.pop()
    message = "is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] in ("missing", "value_error") else f", not {_shown(first['input'])}"
    raise ConfigError(f"{where}: {'.'.join(path) + ': ' if path else ''}{message}{given}")


def _shown(value: Any) -> str:
    """What was given, cut to what a message can hold."""
    try:
        text = repr(value) if isinstance(value, str) and len(value) < 80 else reprlib.repr(value)
    except ValueError:  # Python writes no integers of more than 4,300 digits
        text = "a number of thousands of digits"
    return text


def _known_keys(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys of the settings that stand at ``path`` below ``kind``."""
    for part in path:
        annotation = kind.model_fields[part].annotation
        inner = next((a for a in (annotation, *get_args(annotation)) if _is_settings(a)), None)
        if inner is None:
            return []
        kind = inner
    return list(kind.model_fields)


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, or in a JSON one such as a run's ``config.json``; ConfigError if it is neither."""
    if path.suffix != ".json":
        return read_toml(path)
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: is no JSON object; give a run's config.json or a TOML file")
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; ConfigError says what is wrong and where."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: is not valid TOML: it is nested too deeply") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(f"{path}: is not valid TOML: {error}{_unquoted_key(text, str(error))}") from None


def _unquoted_key(text: str, error: str) -> str:
    """What to do where the line that an error of tomllib names has a key of other than ASCII letters without quotes."""
    place = re.search(r"at line (\d+)", error)
    line = text.split("\n")[int(place[1]) - 1] if place else ""
    head = line.partition("]")[0].partition("[")[2] if line.lstrip().startswith("[") else line.partition("=")[0]
    parts = (part.strip() for part in head.split("."))
    bare = next((part for part in parts if not part.isascii() and part[0] not in "\"'"), None)
    return f'; a key with letters other than a to z stands in quotes: "{bare}"' if bare else ""


def run_id(config: RunConfig, data_hashes: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits: equal for equal settings, data and vectors, wherever and however the run runs."""
    # what differs from the defaults only, so that a setting that is new one day changes no id; and of the vectors what
    # they hold, not where they are
    settings = config.model_dump(mode="json", exclude_defaults=True, exclude={"vectors"})
    return _short_hash(settings, data_hashes)


# fmt: off
FORMER_TRAINING = {
    "batch_size", "sampling", "temperature", "bucketed", "loss_weights", "learning_rate", "transition_l2", "clip_norm",
    "max_epochs", "halving_patience", "stopping_patience", "epoch_updates", "max_updates", "weights", "unknown_rate",
}
# fmt: on


def former_run_id(config: RunConfig, data_hashes: Mapping[str, Any]) -> str:
    """The id that a run had until the scheme of its tasks became part of it; its folder is known by it still.

    It was of all settings of that time, defaults too; one that is younger had its default. ``data_hashes`` are as they
    were then: the digest and the score rule of every task.
    """
    every: dict[str, Any] = dict.fromkeys(("tasks", "sharing", "seed", "model"), True)
    settings = config.model_dump(mode="json", include={**every, "training": FORMER_TRAINING})
    return _short_hash(settings, data_hashes)


def _short_hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = dict(value) if isinstance(value, Mapping) else value


def _parse_value(text: str) -> Any:
    """A TOML value, or the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # ValueError: TOMLDecodeError, or a number of thousands of digits
        return text
