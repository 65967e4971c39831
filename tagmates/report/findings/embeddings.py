"""The similarity of learned task embeddings, and whether seeds agree about it (paper section 4.4)."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import numpy as np
import numpy.typing as npt

from tagmates.report.correlation import rank_correlation
from tagmates.report.model import Report
from tagmates.study.plan import combination_of
from tagmates.study.settings import Method

Array = npt.NDArray[np.float64]


def task_similarities(report: Report, method: Method) -> list[Array]:
    """The cosines [tasks, tasks] of the task embeddings of All at the best epoch, a matrix for each seed."""
    together = combination_of(method, report.tasks, report.tasks)
    runs = report.runs.get(together, ())
    matrices = [cosines(run.embeddings["best"]) for run in runs if "best" in run.embeddings]
    return [matrix for matrix in matrices if len(matrix) == len(report.tasks) > 1 and np.isfinite(matrix).all()]


def cosines(rows: Sequence[Sequence[float]]) -> Array:
    """The cosine of every two rows; 0 if one of them is zero."""
    vectors = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return np.asarray(unit @ unit.T)


def nearest(similarities: Array) -> list[int]:
    """The index of the nearest other task of each task; of equals, the first."""
    others = similarities.copy()
    np.fill_diagonal(others, -np.inf)
    return [int(i) for i in others.argmax(axis=1)]


def neighbours(similarities: Array, a: int, b: int) -> bool:
    """Whether one of the two tasks is the nearest to the other."""
    closest = nearest(similarities)
    return closest[a] == b or closest[b] == a


def consistency(matrices: Sequence[Array]) -> float | None:
    """The agreement of seeds: the mean rank correlation of the similarities of two seeds.

    None for fewer than two seeds or three tasks.
    """
    found = [rank_correlation(_above_diagonal(a), _above_diagonal(b)) for a, b in combinations(matrices, 2)]
    correlations = [value for value in found if value is not None]
    return fmean(correlations) if correlations else None


def leaning(similarities: Array, task: int, some: Sequence[int], others: Sequence[int]) -> float:
    """The mean similarity of the task to some tasks minus that to the others, without itself."""
    return _mean_to(similarities, task, some) - _mean_to(similarities, task, others)


def _mean_to(similarities: Array, task: int, group: Sequence[int]) -> float:
    return float(np.mean([similarities[task, other] for other in group if other != task]))


def _above_diagonal(matrix: Array) -> list[float]:
    return [float(value) for value in matrix[np.triu_indices(len(matrix), k=1)]]
