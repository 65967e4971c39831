"""Which training to do next, where there is no time for all of a study.

The tasks alone come first, with one seed, then all tasks together: one training that often beats every pair. Then
comes whatever is worth most per second. What a training is worth is its knowledge gradient (Frazier, Powell and
Dayanik, 2009): the advice for a task is the set of helpers with the highest expected gain on dev, or none; after one
more training the expectations move, and the best of them is then higher, on average, than the best of today. That
difference, summed over the tasks of the training, is its worth in points of F1.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from scipy import special

from tagmates.config import Sharing
from tagmates.data.affinity import Affinity, TrainingData, affinities, describe_training_data
from tagmates.data.indexing import IndexedSplit
from tagmates.errors import ConfigError
from tagmates.study.gains import ALONE, TaskGains, gains_before
from tagmates.study.plan import Planned
from tagmates.study.records import RunRecord
from tagmates.study.significance import pooled_variance

Gains = Mapping[str, TaskGains]  # by task

# values of a standard normal variable, each as likely as the others: the middles of 100 slices of its distribution
_NORMAL = special.ndtri((np.arange(100) + 0.5) / 100)
_DRAWS = 400  # of all gains of a task, to find out what the advice may miss


def value_of_training(gains: Gains, tasks: Sequence[str], others: Mapping[str, float] | None = None) -> float:
    """What a training of these tasks, with one more seed, is worth.

    ``others`` is the highest gain of each task that is expected from other methods of sharing.
    """
    total = 0.0
    for task in tasks:
        means, move = gains[task].means(), gains[task].move(frozenset(tasks) - {task})
        floor = (others or {}).get(task, 0.0)
        then = (means[:, None] + move[:, None] * _NORMAL).max(0).clip(min=floor).mean()
        total += float(then) - max(float(means.max()), floor)
    return total


def expected_regret(gains: TaskGains, random: np.random.Generator) -> float:
    """How much more than the advice the best set of helpers gains on average, in points of F1."""
    covariance = gains.rows @ gains.covariance @ gains.rows.T
    drawn = random.multivariate_normal(gains.means(), covariance, _DRAWS, check_valid="ignore", method="eigh")
    return float(drawn.max(1).mean() - drawn[:, int(gains.means().argmax())].mean())


@dataclass(frozen=True, slots=True)
class Budget:
    """What a study may spend: it ends at ``trainings`` done, those of earlier calls included.

    It also ends when the expected regret of the advice, on average over tasks, is at most ``until`` points of F1.
    """

    trainings: int | None = None
    until: float = 0.0

    def __post_init__(self) -> None:
        if self.trainings is not None and self.trainings < 1:
            raise ConfigError(f"--trainings {self.trainings}: must be 1 or more")
        if not 0 <= self.until < float("inf"):
            raise ConfigError(f"--until {self.until}: must be 0 or more points of F1")


@dataclass(frozen=True)
class Chooser:
    """Chooses among the pending trainings of a study, within a budget."""

    affinities: Sequence[Affinity]
    data: Mapping[str, TrainingData]
    seconds: Callable[[Planned], float]  # what a training costs, in any unit
    budget: Budget = Budget()
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), repr=False)

    def __call__(
        self, pending: Sequence[Planned], running: Sequence[Planned], done: Mapping[str, RunRecord]
    ) -> Planned | None:
        """The training to start now; None where no more is to be started."""
        if self.budget.trainings is not None and len(done) + len(running) >= self.budget.trainings:
            return None
        begun = {(planned.setting, planned.config.seed) for planned in running}
        begun |= {(record.setting, record.seed) for record in done.values()}
        first = _first(pending, {setting for setting, _ in begun}, len(self.data))
        if first is not None:
            return first
        tables = {sharing: self.gains(sharing, pending, done.values()) for sharing in _sharings(pending)}
        if self.budget.until and self._regret(tables) <= self.budget.until:
            return None
        best = {
            sharing: {task: float(g.means().max()) for task, g in gains.items()} for sharing, gains in tables.items()
        }

        def worth(planned: Planned) -> float:
            sharing = _sharing_of(planned, tables)
            others = {
                task: max((own[task] for name, own in best.items() if name != sharing), default=0.0)
                for task in planned.config.tasks
            }
            return value_of_training(tables[sharing], planned.config.tasks, others) / self.seconds(planned)

        return max(pending, key=worth)

    def gains(self, sharing: Sharing, pending: Iterable[Planned], done: Iterable[RunRecord]) -> dict[str, TaskGains]:
        """The gains of every task by this method of sharing, after what is done."""
        runs: dict[str, list[tuple[frozenset[str], float]]] = defaultdict(list)
        by_setting: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for record in sorted(done, key=lambda record: record.name):
            for task, f1 in record.dev.items():
                by_setting[task][str(record.setting)].append(f1)
                if record.setting.sharing in (sharing, "stl"):
                    runs[task].append((frozenset(record.setting.tasks) - {task}, f1))
        planned = [frozenset(p.config.tasks) for p in pending if p.config.sharing == sharing]
        found = {}
        for task, data in self.data.items():
            own = [a for a in self.affinities if a.task == task]
            alone = [f1 for helpers, f1 in runs[task] if helpers == ALONE]
            spread = pooled_variance(list(by_setting[task].values()))
            larger = [tasks - {task} for tasks in planned if task in tasks]
            before = gains_before(
                own,
                data,
                alone=float(np.mean(alone)) if alone else None,
                noise=None if spread is None else spread.value,
                sets=sorted({*larger, *(helpers for helpers, _ in runs[task])}, key=sorted),
            )
            found[task] = before.after(runs[task])
        return found

    def _regret(self, tables: Mapping[Sharing, Gains]) -> float:
        """On average over tasks, of the method that is best for each."""
        regrets = []
        for task in self.data:
            best = max(tables.values(), key=lambda gains: float(gains[task].means().max()))
            regrets.append(expected_regret(best[task], self._random))
        return float(np.mean(regrets))


def make_chooser(trains: Mapping[str, IndexedSplit], budget: Budget) -> Chooser:
    """The chooser of a study of tasks with these train splits.

    What a training costs is taken to grow with the tokens of one pass over the data of its tasks.
    """
    data = {task: describe_training_data(train) for task, train in trains.items()}

    def cost(planned: Planned) -> float:
        return float(sum(len(trains[task].form) for task in planned.config.tasks))

    return Chooser(affinities(trains), data, cost, budget)


def _first(pending: Sequence[Planned], begun: Iterable[object], size: int) -> Planned | None:
    """The next task alone, else the next training of all tasks, of settings of which no seed has begun."""
    known = set(begun)
    new = [planned for planned in pending if planned.setting not in known]
    alone = (planned for planned in new if len(planned.config.tasks) == 1)
    everything = (planned for planned in new if len(planned.config.tasks) == size)
    return next(chain(alone, everything), None)


def _sharings(pending: Iterable[Planned]) -> list[Sharing]:
    """The joint methods of the pending trainings, or that of none where only tasks alone are pending."""
    return list(dict.fromkeys(p.config.sharing for p in pending if p.config.sharing != "stl")) or ["multi_dec"]


def _sharing_of(planned: Planned, tables: Mapping[Sharing, Gains]) -> Sharing:
    """The method whose gains a training tells of; a task alone tells of all, and is counted for the first."""
    return planned.config.sharing if planned.config.sharing != "stl" else next(iter(tables))
