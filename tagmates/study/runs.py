"""The finished runs of a study by setting, and what is to be known of each setting and task."""

from collections.abc import Iterable
from typing import Literal

from tagmates.study.plan import Setting
from tagmates.study.record import Record
from tagmates.study.significance import Linearised, SeedVariance, linearise, pooled_variance

Split = Literal["dev", "test"]


class Runs(dict[Setting, list[Record]]):
    """The runs of every setting that has one, by seed. What is asked of them twice is computed once."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        super().__init__()
        for record in sorted(records, key=lambda record: record.seed):
            self.setdefault(record.setting, []).append(record)
        self._noise: dict[str, SeedVariance | None] = {}
        self._linearised: dict[tuple[Setting, str], Linearised | None] = {}

    def scores(self, setting: Setting, task: str, split: Split) -> list[float]:
        """The F1 of a task in a setting, by seed; of runs that have the split."""
        of_split = (record.dev if split == "dev" else record.test for record in self.get(setting, ()))
        return [scores[task] for scores in of_split if task in scores]

    def tested(self, setting: Setting, task: str) -> list[Record]:
        """The runs of a setting that have a test score of the task."""
        return [record for record in self.get(setting, ()) if task in record.test]

    def noise(self, task: str) -> SeedVariance | None:
        """The variance of a task's test F1 between seeds, pooled over all settings that have it."""
        if task not in self._noise:
            settings = [setting for setting in self if task in setting.tasks]
            self._noise[task] = pooled_variance([self.scores(setting, task, "test") for setting in settings])
        return self._noise[task]

    def linearised(self, setting: Setting, task: str) -> Linearised | None:
        """What a comparison needs of the test counts; None where some tested run of the setting has none."""
        key = setting, task
        if key not in self._linearised:
            tested = self.tested(setting, task)
            counts = [record.counts[task] for record in tested if task in record.counts]
            self._linearised[key] = linearise(counts) if len(counts) == len(tested) else None
        return self._linearised[key]
