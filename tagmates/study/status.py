"""Where a study stands: its plan as far as it can be told, and what is there of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tagmates.formatting import listing
from tagmates.study.compare import oracle_sets
from tagmates.study.plan import OracleSets, Planned, make_plan
from tagmates.study.published import published_oracle_sets
from tagmates.study.runs import Runs
from tagmates.study.settings import METHOD_NAMES, Regime, StudySettings
from tagmates.study.store import Found, Store


def known_oracle_sets(study: StudySettings, tasks: Sequence[str], found: Found) -> OracleSets:
    """The oracle sets that can be told by now (setting ``oracle_sets``)."""
    if study.oracle_sets == "published":
        return published_oracle_sets()
    return oracle_sets(study, tasks, Runs(found.done.values()))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many trainings are planned, and of these done and given up."""

    planned: int
    done: int
    failed: int

    @property
    def pending(self) -> int:
        """Those that are neither done nor given up."""
        return self.planned - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands: its plan as far as it can be told, and what is there of it."""

    plan: Sequence[Planned]
    found: Found
    oracle_sets: OracleSets
    waiting: Sequence[str]  # in words: oracle sets that cannot be told yet; at most one sentence

    def of(self, regime: Regime) -> Counts:
        """The trainings of one regime; one that several need is counted in the first."""
        names = {planned.name for planned in self.plan if planned.regime == regime}
        done = names & self.found.done.keys()
        failed = names & self.found.failed.keys()
        return Counts(len(names), len(done), len(failed - done))


def standing(study: StudySettings, tasks: Sequence[str], store: Store, *, counts: bool = False) -> Standing:
    """Plan the study with the oracle sets that its finished runs tell."""
    plan = make_plan(study, tasks, {})
    found = store.find(plan, counts=counts)
    sets = known_oracle_sets(study, tasks, found)
    if "oracle" not in study.regimes:
        return Standing(plan, found, sets, [])
    plan = make_plan(study, tasks, sets)
    found |= store.find([planned for planned in plan if planned.regime == "oracle"], counts=counts)
    return Standing(plan, found, sets, waiting_words(study, tasks, sets))


def waiting_words(study: StudySettings, tasks: Sequence[str], sets: OracleSets) -> list[str]:
    """A sentence on the oracle sets that cannot be told yet, methods that lack the same together; none: no sentence."""
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
