"""The settings of a study: tasks, regimes, sharing methods, seeds and training settings (a TOML file)."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tagmates.config import ModelSettings, Settings, TrainingSettings, is_vectors_name
from tagmates.errors import ConfigError
from tagmates.settings_parsing import check_preset, merge_preset, override, parse, read_settings, with_encoder_path

Method = Literal["multi_dec", "te_dec", "te_enc"]
Regime = Literal["single", "pair", "all", "all_but_one", "oracle"]
REGIMES: tuple[Regime, ...] = ("single", "pair", "all", "all_but_one", "oracle")
# as the paper writes them
METHOD_NAMES: dict[Method, str] = {"multi_dec": "MULTI-DEC", "te_dec": "TE⊕DEC", "te_enc": "TE⊕ENC"}
REGIME_NAMES: dict[Regime, str] = {
    "single": "STL",
    "pair": "Pairs",
    "all": "All",
    "all_but_one": "All-but-one",
    "oracle": "Oracle",
}


class StudySettings(Settings):
    """A study (protocol section 5); ``studies/paper.toml`` is the paper's.

    ``model`` and ``training`` are by default those of the preset ``paper``. If a study's file names no preset, its data
    decide which one is used (``locate``). The other defaults suit tasks of your own.
    """

    data: str = Field("", description="as --data of train; a path is relative to this file")
    tasks: tuple[str, ...] = Field((), description="empty: all of the data")
    sharing: tuple[Method, ...] = Field(("multi_dec",), min_length=1, description="the joint methods to compare")
    regimes: tuple[Regime, ...] = Field(REGIMES, min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((1, 2, 3), min_length=1)
    oracle_sets: Literal["dev", "test", "published"] = Field(
        "dev",
        description="the F1 that chooses a task's helpers: dev, test (as the paper), or published (the paper's sets)",
    )
    k: float = Field(
        1.5,
        ge=0,
        description="standard deviations by which each mean moves towards the other in 'higher'",
    )
    std: Literal["population", "sample"] = Field("population", description="divided by n, or by n - 1")
    vectors: str = Field("glove", description="glove, random, or a GloVe text file")
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key in ("tasks", "sharing", "regimes", "seeds"):
            values = getattr(self, key)
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise ValueError(f"{key} names {twice[0]!r} twice; name each once")
        return self


def read_study(path: Path, overrides: Sequence[str] = (), preset: str = "paper") -> StudySettings:
    """The study of a TOML file with ``key.key=value`` overrides.

    The settings start from the preset that the file names, or else from ``preset``. Raises ConfigError that names the
    file and the key, with the most similar known key.
    """
    return parse_study(read_settings(path), path, overrides, preset)


def parse_study(
    values: dict[str, Any], path: Path, overrides: Sequence[str] = (), preset: str = "paper"
) -> StudySettings:
    """The study with these values, which were read from the file ``path``; see ``read_study``."""
    if "encoder" in values:  # the short way to write model.encoder
        values["model"] = {**values.get("model", {}), "encoder": values.pop("encoder")}
    for text in overrides:
        override(values, text)
    named = values.pop("preset", preset)
    merged = merge_preset(named, values, f"{path}: preset")
    keys = ", ".join(text.partition("=")[0].strip() for text in overrides)
    study = parse(StudySettings, merged, f"{path}, with --set of {keys}" if overrides else str(path))
    data = study.data if study.data in ("", "starter") else _beside(path, study.data)
    vectors = study.vectors if is_vectors_name(study.vectors) else _beside(path, study.vectors)
    check_preset(named, study.model, f"{path}: preset")
    model = with_encoder_path(study.model, path.parent)
    return study.model_copy(update={"data": data, "vectors": vectors, "model": model})


def preset_source(path: Path, overrides: Sequence[str]) -> str:
    """The source of a study's preset: the path of its TOML file, or ``--set``; empty if none names one."""
    values = read_settings(path)
    found = str(path) if "preset" in values else ""
    for text in overrides:
        given: dict[str, Any] = {}
        override(given, text)
        found = "--set" if "preset" in given else found
    return found


def setting_differences(former: Settings, now: Settings, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """The name of each setting that differs, its former and its present value; the path of the data is left out."""
    for key in type(now).model_fields:
        old, new = getattr(former, key), getattr(now, key)
        if isinstance(new, Settings):
            yield from setting_differences(old, new, f"{prefix}{key}.")
        elif old != new and key != "data":
            yield f"{prefix}{key}", _shown(old), _shown(new)


def _shown(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value) or '""'


def _beside(path: Path, value: str) -> str:
    """A path in the study file as an absolute path."""
    try:
        return os.path.abspath(path.parent / Path(value).expanduser())  # noqa: PTH100  (links stay as written)
    except RuntimeError as error:
        raise ConfigError(f"{path}: {value}: {error}") from None
