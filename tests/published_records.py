"""Made-up runs whose means are the paper's and whose spreads give the paper's arrows back."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from study_folders import make_counts

from tagmates.study.compare import Cell, Comparison
from tagmates.study.plan import Combination
from tagmates.study.published import PAPER_TASKS, published
from tagmates.study.records import RunRecord

SEEDS = (1, 2, 3)
EMBEDDED = {"te_dec": 0.2, "te_enc": 5.0}  # how far seeds move the task embeddings of All: hardly, and much


@dataclass(frozen=True, slots=True)
class Score:
    """The mean F1 of a task in a combination and its population deviation over the three seeds."""

    mean: float
    std: float

    def at(self, seed: int) -> float:
        """Three scores of just this mean and deviation, one for each seed."""
        return self.mean + (seed - 2) * self.std * 1.5**0.5


def clear_deviation(cell: Cell) -> float:
    """A deviation that gives the paper's arrow: small beside the difference, or large enough to hide it.

    An arrow needs |difference| > 1.5 (std + std of the base). All of multi_dec is compared and a base as well: its
    deviation hides its own difference to STL where it must and is small elsewhere, which is small enough for Table 6.
    """
    if cell.difference is None:
        return 0.01
    return abs(cell.difference) / 20 if cell.arrow else abs(cell.difference) / 1.5 + 0.01


def close_deviation(cell: Cell) -> float:
    """A deviation that gives the paper's arrow where 1.5 deviations give way, and others where 1.4 or 1.6 do.

    Not for Table 6, whose base is All, which deviates as well.
    """
    if cell.difference is None:
        return 0.0
    return abs(cell.difference) / (1.55 if cell.arrow else 1.45) or 0.01


def published_records(*, sentences: int = 0, deviation: Callable[[Cell], float] = clear_deviation) -> list[RunRecord]:
    """Three seeds of every combination that Tables 3-6 print, which lack All-but-one of te_dec and te_enc.

    With ``sentences``, every run has counts of so many test sentences for each of its tasks; their F1 is near its own.
    """
    scores = published_scores(deviation)
    return [_record(combination, some, seed, sentences) for combination, some in scores.items() for seed in SEEDS]


def published_scores(deviation: Callable[[Cell], float] = clear_deviation) -> dict[Combination, dict[str, Score]]:
    """The score of every task in every combination; of a task that only helps, that of STL."""
    printed: dict[Combination, dict[str, Score]] = {}
    for comparison in published().values():
        for cell in cells_of(comparison):
            printed.setdefault(cell.combination, {})[cell.task] = Score(cell.mean, deviation(cell))
    alone = {
        combination.tasks[0]: scores[combination.tasks[0]]
        for combination, scores in printed.items()
        if not combination.tasks[1:]
    }
    return {
        combination: {task: scores.get(task, alone[task]) for task in combination.tasks}
        for combination, scores in printed.items()
    }


def cells_of(comparison: Comparison) -> Iterable[Cell]:
    """All cells of a method."""
    by_task = (comparison.single, comparison.all, comparison.oracle)
    by_pair = (comparison.pairs, comparison.all_but_one)
    return chain(*(cells.values() for cells in by_task), *(cells.values() for cells in by_pair))


def _record(combination: Combination, scores: dict[str, Score], seed: int, sentences: int) -> RunRecord:
    test = {task: score.at(seed) for task, score in scores.items()}
    name = f"{combination.sharing}-{'+'.join(combination.tasks)}-{seed}"
    return RunRecord(
        name=name,
        combination=combination,
        seed=seed,
        dev={task: score + 0.2 for task, score in test.items()},
        test=test,
        updates=1000 * len(combination.tasks),
        epochs=20,
        stopped="patience",
        seconds=60.0,
        parameters=1_000_000,
        counts={task: make_counts(score, sentences, f"{name} {task}") for task, score in test.items() if sentences},
        embeddings=_embeddings(combination, seed),
    )


def _embeddings(combination: Combination, seed: int) -> dict[str, list[list[float]]]:
    if combination.sharing not in EMBEDDED or combination.tasks != PAPER_TASKS:
        return {}
    common = _draw("tasks").normal(size=(len(PAPER_TASKS), 25))
    own = _draw(f"{combination.sharing} {seed}").normal(size=common.shape)
    rows = (common + EMBEDDED[combination.sharing] * own).tolist()
    return {"last": rows, "best": rows}


def _draw(purpose: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest()))
