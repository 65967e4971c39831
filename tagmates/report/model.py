"""The content of a report, and how it is gathered from a study's folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagmates.study.affinities import find_affinities
from tagmates.study.compare import Comparison, compare
from tagmates.study.forecast import Forecast, forecast
from tagmates.study.grouping import Grouping, groupings
from tagmates.study.locate import OpenedStudy
from tagmates.study.published import published, published_statistics
from tagmates.study.recommend import Advice, advise
from tagmates.study.records import Runs
from tagmates.study.settings import Method, Regime, StudySettings
from tagmates.study.status import current_status


@dataclass(frozen=True, slots=True)
class Report:
    """A study as far as it is done. The rest of this package turns it into text, tables and figures."""

    name: str
    settings: StudySettings
    tasks: tuple[str, ...]  # in the study's order
    comparisons: Mapping[Method, Comparison]
    runs: Runs
    progress: Mapping[Regime, tuple[int, int]]  # runs done, runs planned
    failed: Mapping[str, str] = field(default_factory=dict)  # run -> why
    waiting: Sequence[str] = ()  # sentences on oracle sets that are not known yet; at most one
    advice: Sequence[Advice] = ()  # one for every task
    forecasts: Sequence[Forecast] = ()  # one for every task; empty if the training data are not known
    groupings: Sequence[Grouping] = ()  # for every number of taggers; empty likewise
    published: Mapping[Method, Comparison] = field(
        default_factory=dict
    )  # the paper's cells, if the tasks are the paper's
    statistics: Sequence[Mapping[str, Any]] = ()  # a row of the paper's Table 1 for every task (data.statistics)
    beside: "Report | None" = None  # another study of the same tasks to compare with
    vectors: str = ""  # vectors that the runs started from, as study.json names them; empty: as in the settings

    @property
    def total_progress(self) -> tuple[int, int]:
        """The number of finished and of planned runs in all regimes."""
        counts = self.progress.values()
        return sum(done for done, _ in counts), sum(planned for _, planned in counts)

    @property
    def is_tested(self) -> bool:
        """Whether any run has a test score."""
        return any(record.test for runs in self.runs.values() for record in runs)


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report on disk: the path of its page, the advice for every task, and ``notes``.

    The notes are sentences for people: what the study is compared with, and which finished runs do not count.

    ```python
    import tagmates

    written = tagmates.Study.open("own.toml").report()
    print("the report is in", written.page)
    for advice in written.advice:
        print(advice.task, advice.verdict)
    ```
    """

    page: Path
    advice: Sequence[Advice]
    notes: Sequence[str]


def make_report(study: OpenedStudy, beside: "Report | None" = None) -> Report:
    """Read the finished runs of a study and compare them. The data of the study are not needed."""
    settings, tasks = study.settings, study.tasks
    now = current_status(settings, tasks, study.store, counts=True)
    runs = now.runs
    counts = {regime: now.of(regime) for regime in settings.regimes}
    description = study.store.description()
    known = description.get("statistics", {})
    statistics = [known[task] for task in tasks if task in known]
    affinities = find_affinities(study.store, study.data, tasks) if len(tasks) > 1 else None
    forecasts = forecast(settings, tasks, affinities, runs, now.oracle_sets) if affinities is not None else []
    return Report(
        name=study.name,
        settings=settings,
        tasks=tasks,
        comparisons=compare(settings, tasks, runs, now.oracle_sets),
        runs=runs,
        progress={regime: (n.done, n.planned) for regime, n in counts.items()},
        failed={**now.found.failed, **now.found.broken, **now.found.unmatched},
        waiting=now.waiting,
        advice=advise(settings, tasks, runs, now.oracle_sets),
        forecasts=forecasts,
        groupings=groupings(forecasts) if forecasts else [],
        published=published() if _is_papers(tasks, known) else {},
        statistics=statistics,
        beside=beside,
        vectors=str(description.get("vectors", "")),
    )


def _is_papers(tasks: Sequence[str], statistics: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether these tasks are the paper's, by name and by the number of training sentences (Table 1)."""
    sizes = {row["task"]: row["sentences_train"] for row in published_statistics()}
    return all(
        task in sizes and abs(statistics.get(task, {}).get("sentences_train", 0) / sizes[task] - 1) < 0.01
        for task in tasks
    )
