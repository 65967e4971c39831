"""A finished run as a study reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tagmates.data.task_data import TaskData
from tagmates.study.plan import Setting

Counts = npt.NDArray[np.integer]  # [sentences, 3]: true positives, false positives, false negatives


@dataclass(frozen=True, slots=True)
class Record:
    """Scores are F1 in percent, of the weights that the run keeps."""

    name: str  # of its folder
    setting: Setting
    seed: int
    dev: Mapping[str, float]
    test: Mapping[str, float]
    updates: int
    epochs: int
    stopped: str  # patience, cap or updates
    seconds: float
    parameters: int
    counts: Mapping[str, Counts] = field(default_factory=dict)  # of the test sentences, by task
    embeddings: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)  # last, best: [tasks, size]
    task_data: Mapping[str, TaskData] = field(default_factory=dict)  # by task; empty in records of an earlier tagmates
    vectors: str = ""  # likewise
