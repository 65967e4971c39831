"""The plan of a study: the runs that it needs (protocol section 5)."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tagmates.config import VECTOR_SOURCES, RunConfig, Sharing
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion
from tagmates.settings_parsing import parse
from tagmates.study.settings import REGIMES, Method, Regime, StudySettings


@dataclass(frozen=True, slots=True)
class Combination:
    """Tasks that are trained together, in the study's order, and how they share; one task alone is ``stl``."""

    sharing: Sharing
    tasks: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.sharing} {'+'.join(self.tasks)}"


OracleSets = Mapping[tuple[Method, str], tuple[str, ...]]  # method, task -> its helpers


@dataclass(frozen=True, slots=True)
class Planned:
    """One run of a study, and the regimes that need it."""

    name: str  # of its folder: readable, and unique for its settings
    config: RunConfig
    regimes: tuple[Regime, ...]

    @property
    def regime(self) -> Regime:
        """The first regime that needs it, in which it is counted."""
        return self.regimes[0]

    @property
    def combination(self) -> Combination:
        """The tasks that are trained together, and how they share."""
        return Combination(self.config.sharing, self.config.tasks)


def combination_of(method: Method, tasks: Collection[str], order: Sequence[str]) -> Combination:
    """The combination of these tasks with a method. One task alone is ``stl``, so equal configurations are equal."""
    chosen = tuple(task for task in order if task in tasks)
    return Combination("stl" if len(chosen) == 1 else method, chosen)


def regime_combinations(
    study: StudySettings, tasks: Sequence[str], regime: Regime, oracle_sets: OracleSets
) -> Iterator[Combination]:
    """The combinations of one regime, possibly with duplicates; for ``oracle``, those whose set is known."""
    for method in study.sharing:
        if regime == "single":
            yield from (combination_of(method, [task], tasks) for task in tasks)
        elif regime == "pair":
            yield from (combination_of(method, [a, b], tasks) for i, a in enumerate(tasks) for b in tasks[i + 1 :])
        elif regime == "all":
            yield combination_of(method, tasks, tasks)
        elif regime == "all_but_one":
            rest = ([task for task in tasks if task != left_out] for left_out in tasks)
            yield from (combination_of(method, some, tasks) for some in rest if some)
        else:
            known = ((task, oracle_sets.get((method, task))) for task in tasks)
            yield from (
                combination_of(method, [task, *helpers], tasks) for task, helpers in known if helpers is not None
            )


def make_plan(study: StudySettings, tasks: Sequence[str], oracle_sets: OracleSets) -> list[Planned]:
    """All runs of the study without duplicates, by regime and then by seed.

    Raises ConfigError if ``training.loss_weights`` names a task that the study does not have.
    """
    for task in study.training.loss_weights:
        if task not in tasks:
            hint = f"{suggestion(task, tasks)}, no task of this study; name one of {', '.join(tasks)}"
            raise ConfigError(f"training.loss_weights names {task!r}{hint}")
    needed: dict[tuple[Combination, int], list[Regime]] = {}
    for regime in [r for r in REGIMES if r in study.regimes]:
        combinations = list(dict.fromkeys(regime_combinations(study, tasks, regime, oracle_sets)))
        for seed in study.seeds:
            for combination in combinations:
                needed.setdefault((combination, seed), []).append(regime)
    configs = {
        combination: config_of(study, combination)
        for combination in dict.fromkeys(combination for combination, _ in needed)
    }
    planned = []
    for (combination, seed), regimes in needed.items():
        config = configs[combination].model_copy(update={"seed": seed})  # the study's settings have been validated
        planned.append(Planned(run_name(config), config, tuple(regimes)))
    return planned


def config_of(study: StudySettings, combination: Combination) -> RunConfig:
    """The settings of a run of the study, with the seed still to be set."""
    weights = {task: w for task, w in study.training.loss_weights.items() if task in combination.tasks}
    select = study.training.select if study.training.select in combination.tasks else ""
    values = {
        "tasks": combination.tasks,
        "sharing": combination.sharing,
        "vectors": study.vectors,
        "model": study.model,
        "training": study.training.model_copy(update={"loss_weights": weights, "select": select}),
    }
    return parse(RunConfig, values, str(combination))


def run_name(config: RunConfig) -> str:
    """The folder name of a run: readable, with a hash of its settings at the end."""
    # only values that differ from the defaults, so that a new setting renames no run; and no paths
    values = config.model_dump(mode="json", exclude_defaults=True)
    if config.vectors not in VECTOR_SOURCES:
        values["vectors"] = "file"
    if config.model.encoder:
        values["model"]["encoder"] = "pretrained"
    text = json.dumps(values, sort_keys=True)
    tasks = "+".join(config.tasks) if len(config.tasks) <= 3 else f"{len(config.tasks)}-tasks"
    tasks = re.sub(r"[^\w.+-]", "_", tasks[:40])
    return f"{config.sharing}-{tasks}-{config.seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
