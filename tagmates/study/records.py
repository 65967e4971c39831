"""The records of a study's finished runs: one run, and all runs by their combination."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tagmates.data.task_data import TaskData
from tagmates.study.plan import Combination
from tagmates.study.significance import Linearised, SeedVariance, SentenceCounts, linearise, pooled_variance

Split = Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run. Scores are F1 in percent, of the weights that the run keeps."""

    name: str  # of its folder
    combination: Combination
    seed: int
    dev: Mapping[str, float]
    test: Mapping[str, float]
    updates: int
    epochs: int
    stopped: str  # patience, cap or updates
    seconds: float
    parameters: int
    counts: Mapping[str, SentenceCounts] = field(default_factory=dict)  # of the test sentences, by task
    embeddings: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)  # last, best: [tasks, size]
    task_data: Mapping[str, TaskData] = field(default_factory=dict)  # empty in records of earlier versions
    vectors: str = ""  # empty in records of earlier versions


class Runs(dict[Combination, list[RunRecord]]):
    """The runs of each combination that has one, by seed. Results that are used twice are computed once."""

    def __init__(self, records: Iterable[RunRecord] = ()) -> None:
        super().__init__()
        for record in sorted(records, key=lambda record: record.seed):
            self.setdefault(record.combination, []).append(record)
        self._noise: dict[str, SeedVariance | None] = {}
        self._linearised: dict[tuple[Combination, str], Linearised | None] = {}

    def scores(self, combination: Combination, task: str, split: Split) -> list[float]:
        """The F1 of a task in a combination, by seed, of the runs that have the split."""
        of_split = (record.dev if split == "dev" else record.test for record in self.get(combination, ()))
        return [scores[task] for scores in of_split if task in scores]

    def tested(self, combination: Combination, task: str) -> list[RunRecord]:
        """The runs of a combination that have a test score of the task."""
        return [record for record in self.get(combination, ()) if task in record.test]

    def noise(self, task: str) -> SeedVariance | None:
        """The variance of the task's test F1 between seeds, pooled over all combinations of the task."""
        if task not in self._noise:
            combinations = [combination for combination in self if task in combination.tasks]
            self._noise[task] = pooled_variance(
                [self.scores(combination, task, "test") for combination in combinations]
            )
        return self._noise[task]

    def linearised(self, combination: Combination, task: str) -> Linearised | None:
        """The linearised F1 of the combination's runs; None if a tested run has no counts."""
        key = combination, task
        if key not in self._linearised:
            tested = self.tested(combination, task)
            counts = [record.counts[task] for record in tested if task in record.counts]
            self._linearised[key] = linearise(counts) if len(counts) == len(tested) else None
        return self._linearised[key]
