"""Estimates the constants of the model of gains on the published grids of pairs.

    python bench/fit_gains.py --data "$TAGMATES_DATA" [--write tagmates/study/gains.json]

The three grids of the paper (Tables 3-5) are of the same tasks, so that they count as one grid: the likelihoods of the
three are averaged. The constants are those of the highest marginal likelihood, with weak priors that keep variances
away from 0. The noise of a seed is that of the finished runs in docs/runs/paper.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from finished import study_folder
from rounds import arguments
from scipy.optimize import minimize

from tagmates.data.affinity import Affinity, TrainingData, affinities, describe_training_data
from tagmates.data.corpora import load_indexed
from tagmates.data.tasks import load_tasks
from tagmates.study.gains import TYPICAL_ERROR, TYPICAL_TOKENS, Floats, GainPrior, GainPriors, features
from tagmates.study.locate import open_study
from tagmates.study.published import PAPER_TASKS, published
from tagmates.study.status import current_status

RUNS = 3  # behind every published mean
PRIOR_LOG_VARIANCE = (np.log(0.3), 2.0)  # mean and standard deviation


@dataclass(frozen=True)
class Grid:
    """Published gains: task, helper -> points of F1; the F1 of each task alone; and of every task with all others."""

    gains: Mapping[tuple[str, str], float]
    alone: Mapping[str, float]
    everything: Mapping[str, float]


def grids() -> dict[str, Grid]:
    """The paper's three, by method."""
    found: dict[str, Grid] = {}
    for method, table in published().items():
        alone = {task: table.single[task].mean for task in PAPER_TASKS}
        gains = {(task, helper): cell.mean - alone[task] for (helper, task), cell in table.pairs.items()}
        everything = {task: table.all[task].mean - alone[task] for task in PAPER_TASKS}
        found[method] = Grid(gains, alone, everything)
    return found


def load_data(data: str) -> tuple[list[Affinity], dict[str, TrainingData]]:
    """Of the paper's tasks."""
    indexed = load_indexed(load_tasks(data), PAPER_TASKS)
    trains = {task: indexed[task].splits["train"] for task in PAPER_TASKS}
    return affinities(trains), {task: describe_training_data(train) for task, train in trains.items()}


def seed_variances(folder: Path) -> dict[str, float]:
    """Variance of test F1 between seeds of every task, pooled over the finished runs of a study's folder."""
    study = open_study(folder)
    runs = current_status(study.settings, study.tasks, study.store).runs
    noise = {task: runs.noise(task) for task in study.tasks}
    return {task: known.value for task, known in noise.items() if known is not None}


def fit(
    some: Sequence[Grid],
    pairs: Sequence[Affinity],
    data: Mapping[str, TrainingData],
    variances: Mapping[str, float],
    *,
    scored: bool,
    without: str = "",
) -> GainPrior:
    """The constants that fit these grids, leaving out all that is said of the task ``without``."""
    kept = [a for a in pairs if without not in (a.task, a.helper)]
    tasks = [a.task for a in kept]
    x = np.concatenate([features([a], data[a.task]) for a in kept])
    same = np.array(tasks)[:, None] == np.array(tasks)
    seeds = np.array([variances[task] / RUNS for task in tasks])
    noise = (
        np.diag(seeds) + same * seeds[:, None]
    )  # the F1 alone, from which all gains of a task are counted, has it too
    size = np.log([data[task].tokens / TYPICAL_TOKENS for task in tasks])
    gains = [np.array([grid.gains[a.task, a.helper] for a in kept]) for grid in some]
    errors = [np.log([max(100 - grid.alone[task], 0.1) / TYPICAL_ERROR for task in tasks]) for grid in some]

    def parts(values: Floats, error: Floats) -> tuple[Floats, Floats]:
        scale = np.exp((values[0] * error if scored else 0) + values[1] * size)
        recipient, pair = np.exp(values[5:])
        covariance = (recipient * same + pair * np.eye(len(kept))) * np.outer(scale, scale) + noise
        return scale, covariance

    def loss(values: Floats) -> float:
        total = 0.0
        for gain, error in zip(gains, errors, strict=True):
            scale, covariance = parts(values, error)
            root = np.linalg.cholesky(covariance)
            rest = np.linalg.solve(root, gain - x @ values[2:5] * scale)
            total += rest @ rest / 2 + np.log(np.diag(root)).sum()
        middle, width = PRIOR_LOG_VARIANCE
        penalty = (values[:2] ** 2).sum() + (values[2:5] ** 2).sum() + (((values[5:] - middle) / width) ** 2).sum()
        return float(total / len(some) + penalty / 2)

    best = minimize(loss, np.r_[0.5, -0.1, 0.0, 0.1, 0.0, np.full(2, PRIOR_LOG_VARIANCE[0])], method="L-BFGS-B").x
    exponents = (float(best[0]) if scored else 0.0, float(best[1]))
    joint, rest = _fit_sets(some, data, exponents, without)
    scales = {
        t: np.exp(
            exponents[0] * np.log((100 - some[0].alone[t]) / TYPICAL_ERROR)
            + exponents[1] * np.log(d.tokens / TYPICAL_TOKENS)
        )
        for t, d in data.items()
    }
    spread = median(variances[task] / scales[task] ** 2 for task in variances if task != without)
    return GainPrior(
        error_exponent=_rounded(exponents[0]),
        size_exponent=_rounded(exponents[1]),
        weights=tuple(map(_rounded, best[2:5])),
        recipient=_rounded(np.exp(best[5])),
        pair=_rounded(np.exp(best[6])),
        joint=tuple(map(_rounded, joint)),
        set=_rounded(rest),
        noise=_rounded(spread),
    )


def _fit_sets(
    some: Sequence[Grid], data: Mapping[str, TrainingData], exponents: tuple[float, float], without: str
) -> tuple[tuple[float, float], float]:
    """How the gain from all other tasks follows from the mean gain of pairs: intercept, slope, variance of the rest."""
    rows, values = [], []
    for grid in some:
        for task in data:
            if task == without:
                continue
            scale = ((100 - grid.alone[task]) / TYPICAL_ERROR) ** exponents[0] * (
                data[task].tokens / TYPICAL_TOKENS
            ) ** exponents[1]
            rows.append([1.0, np.mean([grid.gains[task, h] for h in data if h not in (task, without)]) / scale])
            values.append(grid.everything[task] / scale)
    found, *_ = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)
    rest = np.array(values) - np.array(rows) @ found
    return (float(found[0]), float(found[1])), float((rest**2).sum() / (len(rest) - 2))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Fit, print, and write if asked."""
    options = arguments(__doc__, data="", write="", runs="docs/runs/paper.jsonl.xz")
    pairs, data = load_data(options.data)
    variances = seed_variances(study_folder(options.runs))
    some = list(grids().values())
    priors = GainPriors(
        **{name: fit(some, pairs, data, variances, scored=name == "scored") for name in ("scored", "unscored")}
    )
    text = json.dumps(priors.model_dump(mode="json"), indent=1)
    print(text)
    if options.write:
        Path(options.write).write_text(text + "\n")


if __name__ == "__main__":
    main()
