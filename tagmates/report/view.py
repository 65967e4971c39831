"""All that a report is made from, and how it is gathered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagmates.data.statistics import table1
from tagmates.data.tasks import load_tasks
from tagmates.errors import DataError
from tagmates.study.compare import Comparison, compare
from tagmates.study.driver import standing
from tagmates.study.opening import Study
from tagmates.study.published import PAPER_TASKS, published
from tagmates.study.recommend import Advice, advise
from tagmates.study.record import Record, by_setting
from tagmates.study.settings import Method, Regime, StudySettings


@dataclass(frozen=True, slots=True)
class Report:
    """A study as far as it is done; everything else in this room turns it into text and pictures."""

    name: str
    settings: StudySettings
    tasks: tuple[str, ...]  # in the study's order
    comparisons: Mapping[Method, Comparison]
    records: Sequence[Record]
    progress: Mapping[Regime, tuple[int, int]]  # runs done, runs planned
    failed: Mapping[str, str] = field(default_factory=dict)  # run -> why
    waiting: Sequence[str] = ()  # what cannot be planned yet, in words: oracle sets whose pairs are not done
    advice: Sequence[Advice] = ()  # one for every task
    published: Mapping[Method, Comparison] = field(default_factory=dict)  # the paper's cells, where the tasks are its
    statistics: Sequence[Mapping[str, Any]] = ()  # a row of the paper's Table 1 for every task (data.statistics)
    beside: "Report | None" = None  # another study of the same tasks to set beside this one


def make_report(study: Study, beside: "Report | None" = None) -> Report:
    """Read what is there of a study and compare it. Without its data at hand, the report lacks their statistics."""
    settings, tasks = study.settings, study.tasks
    now = standing(settings, tasks, study.store, counts=True)
    records = list(now.found.done.values())
    progress: dict[Regime, tuple[int, int]] = {}
    for regime in settings.regimes:
        names = [planned.name for planned in now.plan if planned.regime == regime]
        progress[regime] = sum(name in now.found.done for name in names), len(names)
    try:
        statistics = table1(load_tasks(study.data), tasks)
    except DataError:
        statistics = []
    return Report(
        name=study.name,
        settings=settings,
        tasks=tasks,
        comparisons=compare(settings, tasks, records, now.oracle_sets),
        records=records,
        progress=progress,
        failed={**now.found.failed, **now.found.broken},
        waiting=now.waiting,
        advice=advise(settings, tasks, by_setting(records), now.oracle_sets),
        published=published() if set(tasks) <= set(PAPER_TASKS) else {},
        statistics=statistics,
        beside=beside,
    )
