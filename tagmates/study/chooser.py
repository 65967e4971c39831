"""Choose the next run of a study if there is no time for all of them.

The tasks alone come first, with one seed, then all tasks together: one run that often beats every pair. Then comes the
run that is worth most per second. The value of a run is its knowledge gradient (Frazier, Powell and Dayanik, 2009). The
advice for a task is the set of helpers with the highest expected gain on dev, or none. After one more run the expected
gains change, and the highest of them will be higher, on average, than the highest now. This difference, summed over the
tasks of the run, is its value in points of F1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from scipy import special

from tagmates.errors import ConfigError
from tagmates.study.affinities import StudyAffinities
from tagmates.study.forecast import draw_gains, gains_after, regret_of
from tagmates.study.gains import TaskGains
from tagmates.study.plan import Combination, Planned
from tagmates.study.records import RunRecord
from tagmates.study.settings import Method

Gains = Mapping[str, TaskGains]  # by task

# values of a standard normal variable, each as likely as the others: the middles of 100 slices of its distribution
_NORMAL_VALUES = special.ndtri((np.arange(100) + 0.5) / 100)


def value_of_training(gains: Gains, tasks: Sequence[str], others: Mapping[str, float] | None = None) -> float:
    """The value of one more run of these tasks, with a new seed.

    ``others`` is the highest gain of each task that is expected from other methods of sharing.
    """
    total = 0.0
    for task in tasks:
        means, move = gains[task].means(), gains[task].move(frozenset(tasks) - {task})
        floor = (others or {}).get(task, 0.0)
        then = (means[:, None] + move[:, None] * _NORMAL_VALUES).max(0).clip(min=floor).mean()
        total += float(then) - max(float(means.max()), floor)
    return total


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a study: it ends when ``trainings`` runs are done, including those of earlier calls.

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
    """Chooses among the pending runs of a study, within a budget."""

    affinities: StudyAffinities
    seconds: Callable[[Planned], float]  # what a training costs, in any unit
    budget: Budget = Budget()
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), repr=False)

    def __call__(
        self, pending: Sequence[Planned], running: Sequence[Planned], done: Mapping[str, RunRecord]
    ) -> Planned | None:
        """The run to start next; None if no more are to be started. ``running`` are the runs of all processes."""
        if self.budget.trainings is not None and len(done) + len(running) >= self.budget.trainings:
            return None
        begun = {(planned.combination, planned.config.seed) for planned in running}
        begun |= {(record.combination, record.seed) for record in done.values()}
        first = _first(pending, {combination for combination, _ in begun}, len(self.affinities.data))
        if first is not None:
            return first
        spoken = [planned.combination for planned in (*pending, *running)]
        tables = {
            method: gains_after(
                self.affinities, done.values(), method, [s.tasks for s in spoken if s.sharing == method]
            )
            for method in _methods([*spoken, *(record.combination for record in done.values())])
        }
        if self.budget.until and self._regret(tables) <= self.budget.until:
            return None
        tables = {method: _awaiting(gains, method, running) for method, gains in tables.items()}
        best = {method: {task: float(g.means().max()) for task, g in gains.items()} for method, gains in tables.items()}

        def worth(planned: Planned) -> float:
            method = _method_of(planned, tables)
            others = {
                task: max((own[task] for name, own in best.items() if name != method), default=0.0)
                for task in planned.config.tasks
            }
            return value_of_training(tables[method], planned.config.tasks, others) / self.seconds(planned)

        return max(pending, key=worth)

    def _regret(self, tables: Mapping[Method, Gains]) -> float:
        """The expected regret of the advice, on average over tasks."""
        regrets = []
        for task in self.affinities.data:
            own = [gains[task] for gains in tables.values()]
            means = np.concatenate([gains.means() for gains in own])
            regrets.append(regret_of(means, draw_gains(own, self._random)))
        return float(np.mean(regrets))


def make_chooser(affinities: StudyAffinities, budget: Budget) -> Chooser:
    """The chooser of a study; what a training costs is taken to grow with the labelled tokens of its tasks."""

    def cost(planned: Planned) -> float:
        return float(sum(affinities.data[task].tokens for task in planned.config.tasks))

    return Chooser(affinities, cost, budget)


def _first(pending: Sequence[Planned], begun: Iterable[object], size: int) -> Planned | None:
    """The next task alone, else the next training of all tasks, of combinations of which no seed has begun."""
    known = set(begun)
    new = [planned for planned in pending if planned.combination not in known]
    alone = (planned for planned in new if len(planned.config.tasks) == 1)
    everything = (planned for planned in new if len(planned.config.tasks) == size)
    return next(chain(alone, everything), None)


def _awaiting(gains: Gains, method: Method, running: Iterable[Planned]) -> dict[str, TaskGains]:
    """The gains of every task, with the runs in progress counted as done: a second seed of them is worth less."""
    found = dict(gains)
    for planned in running:
        if planned.config.sharing in (method, "stl"):
            for task in planned.config.tasks:
                found[task] = found[task].awaiting([frozenset(planned.config.tasks) - {task}])
    return found


def _methods(combinations: Iterable[Combination]) -> list[Method]:
    """The joint methods of these combinations; the first of all methods if all of them are tasks alone."""
    found: dict[Method, None] = {s.sharing: None for s in combinations if s.sharing != "stl"}
    return list(found) or ["multi_dec"]


def _method_of(planned: Planned, tables: Mapping[Method, Gains]) -> Method:
    """The method whose gains a run informs; a task alone informs all methods, and is counted for the first."""
    return planned.config.sharing if planned.config.sharing != "stl" else next(iter(tables))
