"""The status of a study: its plan as far as it is known, and its runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tagmates.formatting import listing
from tagmates.study.compare import oracle_sets
from tagmates.study.plan import OracleSets, Planned, make_plan
from tagmates.study.published import published_oracle_sets
from tagmates.study.records import Runs
from tagmates.study.settings import METHOD_NAMES, Regime, StudySettings
from tagmates.study.store import FoundRuns, Store


def known_oracle_sets(study: StudySettings, tasks: Sequence[str], found: FoundRuns) -> OracleSets:
    """The oracle sets that are known now (setting ``oracle_sets``)."""
    if study.oracle_sets == "published":
        known = published_oracle_sets().items()
        return {key: tuple(task for task in helpers if task in tasks) for key, helpers in known if key[1] in tasks}
    return oracle_sets(study, tasks, Runs(found.done.values()))


@dataclass(frozen=True, slots=True)
class RegimeCounts:
    """The number of planned runs, and how many of them are done or have failed."""

    planned: int
    done: int
    failed: int

    @property
    def pending(self) -> int:
        """Those that are neither done nor given up."""
        return self.planned - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a study: its plan as far as it is known, and its runs."""

    plan: Sequence[Planned]
    found: FoundRuns
    oracle_sets: OracleSets
    waiting: Sequence[str]  # sentences on oracle sets that are not known yet; at most one

    @property
    def runs(self) -> Runs:
        """The finished runs by combination; found out at each call."""
        return Runs(self.found.done.values())

    def of(self, regime: Regime) -> RegimeCounts:
        """The counts of one regime; a run of several regimes is counted in the first."""
        names = {planned.name for planned in self.plan if planned.regime == regime}
        done = names & self.found.done.keys()
        failed = names & self.found.failed.keys()
        return RegimeCounts(len(names), len(done), len(failed - done))


def current_status(study: StudySettings, tasks: Sequence[str], store: Store, *, counts: bool = False) -> Status:
    """Plan the study with the oracle sets of its finished runs, and find its runs."""
    plan = make_plan(study, tasks, {})
    found = store.find(plan, counts=counts)
    sets = known_oracle_sets(study, tasks, found)
    if "oracle" not in study.regimes:
        return Status(plan, found, sets, [])
    plan = make_plan(study, tasks, sets)
    found |= store.find([planned for planned in plan if planned.regime == "oracle"], counts=counts)
    return Status(plan, found, sets, waiting_words(study, tasks, sets))


def waiting_words(study: StudySettings, tasks: Sequence[str], sets: OracleSets) -> list[str]:
    """A sentence on the oracle sets that are not known yet; no sentence if all are known."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for method in study.sharing:
        unknown = tuple(task for task in tasks if (method, task) not in sets)
        if unknown:
            lacking.setdefault(unknown, []).append(METHOD_NAMES[method])
    if not lacking:
        return []
    parts = [
        f"of {'all tasks' if len(some) == len(tasks) else listing(some)} ({listing(methods)})"
        for some, methods in lacking.items()
    ]
    return [
        f"Oracle sets are not known yet {', '.join(parts)}: a task's set is known when the task has been trained alone "
        "and in every pair, with every seed."
    ]
