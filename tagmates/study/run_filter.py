"""A filter for the runs of a plan: by sharing, regime, tasks, seeds and shard."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tagmates.config import Sharing
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion
from tagmates.study.plan import Planned
from tagmates.study.settings import Regime, StudySettings


@dataclass(frozen=True, slots=True)
class RunFilter:
    """A filter for runs; empty means any. A joint method includes the tasks alone that it is compared with."""

    sharing: Sequence[Sharing] = ()
    regimes: Sequence[Regime] = ()
    tasks: Sequence[str] = ()  # a run is selected if all its tasks are among them
    seeds: Sequence[int] = ()
    shard: tuple[int, int] = (1, 1)  # (2, 8): the second of eight shards

    def __call__(self, plan: Sequence[Planned]) -> list[Planned]:
        """The selected runs, in the order of the plan."""
        return [planned for planned in plan if self._selects(planned)]

    def _selects(self, planned: Planned) -> bool:
        config = planned.config
        sharing = [*self.sharing, "stl"] if self.sharing else []
        return (
            (not sharing or config.sharing in sharing)
            and (not self.regimes or not set(self.regimes).isdisjoint(planned.regimes))
            and (not self.tasks or set(config.tasks) <= set(self.tasks))
            and (not self.seeds or config.seed in self.seeds)
            and _shard_of(planned, self.shard[1]) == self.shard[0]
        )


def select(
    study: StudySettings,
    known_tasks: Sequence[str],
    *,
    sharing: Iterable[str] = (),
    regimes: Iterable[str] = (),
    tasks: Iterable[str] = (),
    seeds: Iterable[int | str] = (),
    shard: tuple[int, int] = (1, 1),
) -> RunFilter:
    """The selection of these names, checked against a study of the tasks ``known_tasks``. Raises ConfigError."""
    _check_shard(shard, f"{shard[0]}/{shard[1]}")
    return RunFilter(
        sharing=_check("--sharing", sharing, ["stl", *study.sharing]),
        regimes=_check("--regime", regimes, study.regimes),
        tasks=_check("--tasks", tasks, known_tasks),
        seeds=[int(seed) for seed in _check("--seeds", map(str, seeds), [str(seed) for seed in study.seeds])],
        shard=shard,
    )


def _check(option: str, names: Iterable[str], known: Sequence[str]) -> list[Any]:
    """The names as a list; ConfigError for an unknown one."""
    given = list(names)
    for name in given:
        if name not in known:
            raise ConfigError(f"{option}: there is no {name!r}{suggestion(name, known)}; there are {', '.join(known)}")
    return given


def _shard_of(planned: Planned, parts: int) -> int:
    """The number of a run's shard, by the hash at the end of its name, so that a longer plan does not change it."""
    return int(planned.name.rpartition("-")[2], 16) % parts + 1


def parse_shard(text: str) -> tuple[int, int]:
    """``2/8`` as numbers; ConfigError for anything else."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    shard = (int(found[1]), int(found[2])) if found else (0, 0)
    _check_shard(shard, text)
    return shard


def _check_shard(shard: tuple[int, int], text: str) -> None:
    if not 1 <= shard[0] <= shard[1]:
        raise ConfigError(f"--shard {text}: write PART/PARTS, for instance 2/8")
