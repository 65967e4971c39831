"""Settings from files, presets and ``key=value`` texts; a ConfigError says which key is wrong and why."""

import json
import os
import re
import reprlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from tagmates.config import PRESETS, ModelSettings, RunConfig, Settings, is_encoder_name, is_vectors_name, preset_of
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion

AnySettings = TypeVar("AnySettings", bound=Settings)


def resolve(
    preset: str,
    file: Path | None,
    overrides: Sequence[str],
    given: Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
) -> RunConfig:
    """The configuration of a run: preset, settings of its base, file, overrides (``key.key=value``) and given values.

    Where several of them set a value, the later one wins.

    Raises ConfigError for an unknown preset or key (with the nearest name), a wrong type or a wrong combination.
    """
    values = merge_preset(preset, base or {}, "--preset")
    _merge(values, read_settings(file) if file is not None else {})
    for text in overrides:
        override(values, text)
    _merge(values, {key: value for key, value in given.items() if value is not None})
    config = parse(RunConfig, values, "configuration")
    check_preset(preset, config.model, "--preset")
    config = config.model_copy(update={"model": with_encoder_path(config.model, Path())})
    if is_vectors_name(config.vectors):
        return config
    # the same file must be found from any directory
    return config.model_copy(update={"vectors": os.path.abspath(os.path.expanduser(config.vectors))})  # noqa: PTH100, PTH111


def merge_preset(preset: Any, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings of a preset, which ``values`` replace or complete; ConfigError for an unknown preset."""
    if not isinstance(preset, str) or preset not in PRESETS:
        hint = suggestion(str(preset), PRESETS)
        raise ConfigError(f"{where} {preset}: no such preset{hint}; choose from {', '.join(PRESETS)}")
    merged: dict[str, Any] = json.loads(json.dumps(PRESETS[preset]))
    _merge(merged, values)
    return merged


def with_preset(config: RunConfig, preset: str, base: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration, with the values of its base, and then of the preset, for settings that it was not given."""
    values = merge_preset(preset, base or {}, "preset")
    _merge(values, config.model_dump(exclude_unset=True))
    return parse(RunConfig, values, "configuration")


def check_preset(preset: str, model: ModelSettings, where: str) -> None:
    """Raise ConfigError for the preset ``pretrained`` without an encoder that is fine-tuned."""
    if preset == "pretrained" and not model.is_finetuned:
        why = "model.finetune is false: choose preset practical" if model.encoder else "give --encoder (model.encoder)"
        raise ConfigError(f"{where} pretrained: is for fine-tuning a pretrained encoder; {why}")


def with_encoder_path(model: ModelSettings, folder: Path) -> ModelSettings:
    """The settings with an absolute path, if the encoder is a folder; a relative one is relative to ``folder``.

    The same encoder is then found from any directory. Other names, as of a package or on the Hub, stay as they are.
    """
    if not model.encoder or model.encoder.startswith("hf://") or is_encoder_name(model.encoder):
        return model
    path = os.path.abspath(folder / os.path.expanduser(model.encoder))  # noqa: PTH100, PTH111
    is_path = os.sep in model.encoder or os.path.isdir(path)  # noqa: PTH112
    return model.model_copy(update={"encoder": path}) if is_path else model


def train_options(config: RunConfig) -> list[str]:
    """The options of ``tagmates train`` from which ``resolve`` makes this configuration."""
    preset, _ = preset_of(config.training)
    start = parse(RunConfig, merge_preset(preset, {"tasks": config.tasks}, "preset"), "preset")
    changed = [
        f"{part}.{key}={json.dumps(value)}"
        for part in ("model", "training")
        for key, value in _single_values(getattr(config, part)).items()
        if value != _single_values(getattr(start, part)).get(key)
    ]
    named = {"preset": preset, "tasks": ",".join(config.tasks), "sharing": config.sharing, "seed": str(config.seed)}
    options = [text for key, value in named.items() for text in (f"--{key}", value)]
    options += ["--vectors", config.vectors] if config.vectors != start.vectors else []
    return options + [text for each in changed for text in ("--set", each)]


def _single_values(settings: Settings) -> dict[str, Any]:
    """The values of settings by key; the key of a value in a table is ``table.key``."""
    found: dict[str, Any] = {}
    for key, value in settings.model_dump(mode="json").items():
        found |= {f"{key}.{inner}": own for inner, own in value.items()} if isinstance(value, dict) else {key: value}
    return found


def override(values: dict[str, Any], text: str) -> None:
    """Set the value that ``text`` (``key.key=value``) gives; ConfigError if it does not have that form."""
    key, equals, right = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: write key=value, for instance training.batch_size=16")
    value = _parse_value(right.strip())
    parts = key.strip().split(".")
    # names of tasks and tags may have dots: training.loss_weights.TASK, training.tag_weights.TASK.TAG
    last = {"loss_weights": 2, "tag_weights": 3}.get(parts[1] if parts[0] == "training" and parts[1:] else "")
    if last is not None and parts[last:]:
        parts[last:] = [".".join(parts[last:])]
    for part in reversed(parts):
        value = {part: value}
    _merge(values, value)


def parse(kind: type[AnySettings], values: Mapping[str, Any], where: str) -> AnySettings:
    """Validate ``values`` as settings of this kind.

    Raises ConfigError, which names ``where``, the key, the reason and the nearest known key.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = error.errors()
    # an unknown key is the likeliest cause of the other problems
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        raise ConfigError(f"{where}: unknown key {_shown('.'.join(path))}{_suggested_key(kind, path)}")
    # a union adds the type that it tried to the path
    if path and path[-1] in ("int", "str", "float"):
        path.pop()
    message = "is missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
    given = "" if first["type"] in ("missing", "value_error") else f", not {_shown(first['input'])}"
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        given += suggestion(first["input"], re.findall("'(.*?)'", first["ctx"]["expected"]))
    raise ConfigError(f"{where}: {'.'.join(path) + ': ' if path else ''}{message}{given}")


def _shown(value: Any) -> str:
    """The value as Python writes it, shortened to fit a message."""
    try:
        text = repr(value) if isinstance(value, str) and len(value) < 80 else reprlib.repr(value)
    except ValueError:  # Python writes no integers of more than 4,300 digits
        text = "a number of thousands of digits"
    return text


def _suggested_key(kind: type[BaseModel], path: Sequence[str]) -> str:
    """A hint to append to an error: a key of this name in another table, else the most similar key."""
    *tables, name = path
    places = [[*above, table] for above in (tables, tables[:-1]) for table in _known_keys(kind, above)]
    found = next((".".join([*place, name]) for place in places if name in _known_keys(kind, place)), None)
    return f" (did you mean {found!r}?)" if found else suggestion(name, _known_keys(kind, tables))


def _known_keys(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys of the settings at ``path`` below ``kind``."""
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
    """The settings in a TOML file, or in a JSON file such as a run's ``config.json``; ConfigError if it is neither."""
    if path.suffix != ".json":
        return read_toml(path)
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid JSON ({error}); correct it there") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: is no JSON object; give a run's config.json or a TOML file")
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; ConfigError says what is wrong, and where."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: is not valid TOML: it is nested too deeply; make it simpler") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(f"{path}: is not valid TOML: {error}{_unquoted_key(text, str(error))}") from None


def _unquoted_key(text: str, error: str) -> str:
    """A hint to append to an error of tomllib: the key in the line that it names, if its letters need quotes."""
    place = re.search(r"at line (\d+)", error)
    line = text.split("\n")[int(place[1]) - 1] if place else ""
    head = line.partition("]")[0].partition("[")[2] if line.lstrip().startswith("[") else line.partition("=")[0]
    parts = (part.strip() for part in head.split("."))
    bare = next((part for part in parts if not part.isascii() and part[0] not in "\"'"), None)
    return f'; a key with letters other than a to z stands in quotes: "{bare}"' if bare else ""


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = dict(value) if isinstance(value, Mapping) else value


def _parse_value(text: str) -> Any:
    """The value that the text is in TOML, or the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # ValueError: TOMLDecodeError, or a number of thousands of digits
        return text
