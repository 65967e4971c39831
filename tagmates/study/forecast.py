"""The gains of a study's tasks by the model of gains, after the runs so far: the best combination, and how sure it is.

The model (``study.gains``) combines what the training data predict with the dev F1 of every finished run. So it
gives a prediction for every combination of the study, even if no run of it is done.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tagmates.formatting import interval_text, plural, points
from tagmates.study.affinities import StudyAffinities
from tagmates.study.gain_spread import gains_given
from tagmates.study.gains import ALONE, Floats, Gain, Helpers, TaskGains, gains_before
from tagmates.study.plan import Combination, OracleSets, combination_of, regime_combinations
from tagmates.study.recommend import describe
from tagmates.study.records import RunRecord, Runs
from tagmates.study.settings import Method, StudySettings
from tagmates.study.significance import pooled_variance

DRAWS = 2000  # of all gains of a task
NOISE_FREEDOM = 4  # degrees of freedom that the expected variance between seeds counts for


@dataclass(frozen=True, slots=True)
class Forecast:
    """The prediction of the model of gains for one task: the combination with the highest expected gain on dev.

    ``gain`` is its gain over training the task alone, in points of F1; for the task alone it is exactly 0.
    ``probability`` is that of being the best of all combinations of the study. ``regret`` is how much more the best of
    them gains on average, in points of F1, which further runs may still find.

    ```python
    import tagmates

    for forecast in tagmates.Study.open("own.toml").forecast():
        low, high = forecast.gain.interval()
        print(forecast.task, forecast.best.tasks, forecast.gain.mean, low, high, forecast.probability)
    ```
    """

    task: str
    best: Combination
    runs: int  # of the best combination; 0 if it is only predicted
    gain: Gain
    probability: float
    regret: float
    gains: Mapping[Method, TaskGains]  # of all combinations


def forecast(
    study: StudySettings, tasks: Sequence[str], affinities: StudyAffinities, runs: Runs, sets: OracleSets
) -> list[Forecast]:
    """The forecast of each task of a study, by the methods of sharing that have a finished run, or else by all."""
    records = [record for some in runs.values() for record in some]
    planned = [s for regime in study.regimes for s in regime_combinations(study, tasks, regime, sets)]
    begun = [method for method in study.sharing if any(combination.sharing == method for combination in runs)]
    tables = {
        method: gains_after(affinities, records, method, [s.tasks for s in planned if s.sharing == method])
        for method in begun or study.sharing
    }
    return [_forecast(task, tasks, runs, {method: table[task] for method, table in tables.items()}) for task in tasks]


def _forecast(task: str, order: Sequence[str], runs: Runs, gains: Mapping[Method, TaskGains]) -> Forecast:
    combinations, means = _combinations(task, order, gains)
    drawn = draw_gains(list(gains.values()), np.random.default_rng(0))
    place = int(means.argmax())
    best = combinations[place]
    method = best.sharing if best.sharing != "stl" else next(iter(gains))
    return Forecast(
        task,
        best,
        len(runs.scores(best, task, "dev")),
        gains[method].gain(set(best.tasks) - {task}),
        float(np.mean([combinations[winner] == best for winner in drawn.argmax(1)])),
        regret_of(means, drawn),
        gains,
    )


def _combinations(
    task: str, order: Sequence[str], gains: Mapping[Method, TaskGains]
) -> tuple[list[Combination], Floats]:
    """All combinations of all methods, the task alone once for each, and their expected gains."""
    combinations = [
        combination_of(method, {task, *each}, order) for method, some in gains.items() for each in some.sets
    ]
    return combinations, np.concatenate([some.means() for some in gains.values()])


def draw_gains(gains: Sequence[TaskGains], random: np.random.Generator) -> Floats:
    """The gains of a task in all combinations of some methods, drawn from their distributions, a row for each draw.

    Every version of numpy draws the same, since a covariance has a single symmetric root.
    """
    drawn = []
    for each in gains:
        values, vectors = np.linalg.eigh(each.covariance)
        root = vectors * np.sqrt(values.clip(0)) @ vectors.T
        drawn.append(each.means() + random.standard_normal((DRAWS, len(root))) @ root @ each.rows.T)
    return np.concatenate(drawn, axis=1)


def regret_of(means: Floats, drawn: Floats) -> float:
    """How much more than the combination with the highest mean the best one gains, on average over draws."""
    return float(drawn.max(1).mean() - drawn[:, int(means.argmax())].mean())


def gains_after(
    affinities: StudyAffinities, done: Iterable[RunRecord], method: Method, joint: Iterable[Collection[str]]
) -> dict[str, TaskGains]:
    """The gains of every task by this method of sharing, after these runs.

    ``joint`` are the tasks of the joint combinations whose gains are asked for, besides those of the runs. The noise
    between seeds is estimated from the runs for each task, the spread of gains for all tasks together.
    """
    runs: dict[str, list[tuple[Helpers, float]]] = defaultdict(list)
    by_combination: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in sorted(done, key=lambda record: record.name):
        for task, f1 in record.dev.items():
            by_combination[task][str(record.combination)].append(f1)
            if record.combination.sharing in (method, "stl"):
                runs[task].append((frozenset(record.combination.tasks) - {task}, f1))
    named = [frozenset(tasks) for tasks in joint]
    expected = {}
    for task, data in affinities.data.items():
        alone = [f1 for helpers, f1 in runs[task] if helpers == ALONE]
        spread = pooled_variance(list(by_combination[task].values()))
        sets = {*(tasks - {task} for tasks in named if task in tasks), *(helpers for helpers, _ in runs[task])}
        before = gains_before(
            affinities.of(task),
            data,
            alone=float(np.mean(alone)) if alone else None,
            sets=sorted(sets, key=sorted),
        )
        if spread is not None:  # a few runs do not tell it, and two may even be equal
            noise = (NOISE_FREEDOM * before.noise + spread.df * spread.value) / (NOISE_FREEDOM + spread.df)
            before = replace(before, noise=noise)
        expected[task] = before
    return gains_given(expected, runs)


def forecast_sentence(expected: Forecast, tasks: Sequence[str]) -> str:
    """The forecast in words, in a study of ``tasks``."""
    how = "By the model of gains, from all dev scores so far and the training data"
    chance = f"the best of all combinations with probability {expected.probability:.2f}"
    regret = f"the truly best combination gains {points(expected.regret)} points more than this one on average"
    if len(expected.best.tasks) == 1:
        return f"{how}: no combination is expected to gain; alone is {chance}; {regret}."
    measured = f"{plural(expected.runs, 'run')} so far" if expected.runs else "predicted, not trained yet"
    return (
        f"{how}: {describe(expected.best, expected.task, tasks)} ({measured}) is expected to gain "
        f"{points(expected.gain.mean, signed=True)} points of dev F1 (80 % interval "
        f"{interval_text(*expected.gain.interval())}); it is {chance}; {regret}."
    )


def forecast_json(expected: Forecast) -> dict[str, Any]:
    """The forecast as a JSON object."""
    return {
        "sharing": expected.best.sharing,
        "tasks": list(expected.best.tasks),
        "runs": expected.runs,
        "gain": round(expected.gain.mean, 3),
        "interval_80": [round(end, 3) for end in expected.gain.interval()],
        "probability_best": round(expected.probability, 3),
        "expected_regret": round(expected.regret, 3),
    }
