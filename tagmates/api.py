"""A study in Python: open it, plan it, run it, see how far it is, write its report, ask for recommended partners.

Nothing here prints. Records and events have ``notes``, which are sentences for people.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tagmates.errors import ConfigError, ModelError
from tagmates.formatting import plural, suggestion
from tagmates.processes import available_cores
from tagmates.study.affinities import find_affinities
from tagmates.study.chooser import Budget
from tagmates.study.control import Control, ControlKind
from tagmates.study.control_study import open_control
from tagmates.study.cost import Cost, cost_to_do
from tagmates.study.engine import EngineKind
from tagmates.study.forecast import Forecast, forecast
from tagmates.study.grouping import Grouping, groupings
from tagmates.study.locate import OpenedStudy, open_study
from tagmates.study.overview import StudyPlan, StudyStatus, plan_of, status_of
from tagmates.study.plan import Combination
from tagmates.study.recommend import Advice, advise_on
from tagmates.study.run_files import FinishedRun, first_with_tagger
from tagmates.study.run_filter import RunFilter, select
from tagmates.study.session import Event, run_session
from tagmates.study.status import current_status
from tagmates.study.taggers import StudyTagger, study_tagger, train_study_tagger
from tagmates.training.loop import Event as TrainingEvent

if TYPE_CHECKING:
    from tagmates.report.model import WrittenReport


@dataclass(frozen=True, slots=True)
class Study(OpenedStudy):
    """A study: its tasks, ways of sharing a tagger, combinations to train, seeds, and the folder of its runs.

    Its attributes are ``name``, ``settings``, ``tasks``, ``data`` (empty if their place is not known yet), ``store``
    (``store.root`` is the folder), ``preset`` (the preset that its settings start from, and why) and ``notes``
    (sentences about how it was opened). Every method reads the folder again, so that several processes may work on one
    study.

    ```python
    import tagmates
    from tagmates.study.driver import Stopped

    study = tagmates.Study.open("own.toml")
    for event in study.run(study.select(regimes=["single", "pair"]), time_limit=1500):
        if isinstance(event, Stopped) and event.record is not None:
            print(event.record.name, event.record.test)
    ```
    """

    given: tuple[str, ...] = ()  # the overrides that ``open`` was called with
    notes: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        where: str | Path | None = None,
        *,
        data: str | Path | None = None,
        output_dir: str | Path | None = None,
        packed: str | Path | None = None,
        overrides: Sequence[str] | None = None,
    ) -> Self:
        """Open the study of a TOML file or of a study's folder; None: the study in ``runs/`` that was begun last.

        ``data`` is as in ``train``; by default the data that the study's file names, else those that it was begun with,
        else ``$TAGMATES_DATA``. ``output_dir`` is the study's folder, by default ``runs/NAME`` for the file
        ``NAME.toml``. ``packed`` is a packed study (``tagmates study pack``), for its data and, if ``where`` is None,
        also for the study itself. ``overrides`` are settings that replace those of the file, each as ``key.key=value``;
        by default those with which its folder was begun. Nothing is written. Raises ConfigError, DataError, or
        ModelError if there is no study.
        """
        opened = open_study(
            None if where is None else Path(where),
            output_dir=None if output_dir is None else Path(output_dir),
            data=None if data is None else str(data),
            packed=None if packed is None else Path(packed),
            overrides=overrides,
            fallback=os.environ.get("TAGMATES_DATA", ""),
        )
        here = f"study {opened.name}, in {opened.store.root}"
        notes: tuple[str, ...] = ()
        if where is None:
            notes = (here,)
        elif overrides is None and not Path(where).is_dir() and opened.overrides:
            notes = (f"{here}, with {' '.join(f'--set {text}' for text in opened.overrides)}, as it was begun",)
        values = {field.name: getattr(opened, field.name) for field in fields(OpenedStudy)}
        return cls(**values, given=tuple(overrides or ()), notes=notes)

    def control(self, kind: ControlKind, updates: int) -> Self:
        """A control of training length, in a folder of its own beside the study's: the same runs, all equally long.

        ``kind`` is ``equal-updates`` or ``equal-exposure``. Each run makes exactly ``updates`` updates; with
        ``equal-exposure``, every update also has ``training.batch_size`` sentences of each task (protocol section
        3). Raises ConfigError for a setting that cannot be combined with it.
        """
        if updates < 1:
            raise ConfigError(f"--{kind}: must be 1 or more updates, not {updates}")
        made = open_control(self, Control(kind, updates), self.given)
        training = made.settings.training
        each = f", each with {training.batch_size} sentences of every task" if training.batch_per_task else ""
        note = (
            f"this is the control of {self.name}, in {made.store.root}: every run makes "
            f"{plural(updates, 'update')}{each}; the learning rate falls linearly to 0; dev is scored every "
            f"{plural(training.epoch_updates or 1, 'update')}, and the weights that are best on dev are tested"
        )
        return replace(made, notes=(*self.notes, note))

    def plan(self) -> StudyPlan:
        """The runs that the study needs, and how many are done. The data are not needed."""
        return plan_of(self)

    def cost(self, plan: StudyPlan, workers: int | None = None) -> Cost | None:
        """The cost of the pending runs of ``plan`` with this number of workers (by default one for each core).

        The speed is that of the study's runs so far; for the ways of sharing in ``plan.unmeasured``, as many trainings
        as will run at a time are timed for some seconds. None if all runs are done, or if the place of the data is not
        known.
        """
        if not self.data:
            return None
        return cost_to_do(plan.runs, self.store, plan.found, self.data, self.tasks, workers or available_cores())

    def select(
        self,
        *,
        sharing: Iterable[str] = (),
        regimes: Iterable[str] = (),
        tasks: Iterable[str] = (),
        seeds: Iterable[int | str] = (),
        shard: tuple[int, int] = (1, 1),
    ) -> RunFilter:
        """A part of the study's runs, for ``run``; an argument that is left out selects all.

        ``sharing`` and ``regimes`` are names; with a joint method, the runs of the tasks alone are selected too,
        because they are what it is compared with. A run is selected if all its tasks are among ``tasks``.
        ``shard=(2, 8)`` is the second of eight parts; a run is in the same part every time. Raises ConfigError for
        names that are not in the study.
        """
        return select(
            self.settings, self.tasks, sharing=sharing, regimes=regimes, tasks=tasks, seeds=seeds, shard=shard
        )

    def run(
        self,
        selection: RunFilter | None = None,
        *,
        engine: EngineKind | None = None,
        workers: int | None = None,
        lanes: int | None = None,
        time_limit: float | None = None,
        retries: int = 2,
        retry_failed: bool = False,
        device: str = "auto",
        threads: int = 1,
        lock: bool = True,
        budget: Budget | None = None,
    ) -> Generator[Event, None, None]:
        """Train the pending runs of a selection (None: of the whole study), and yield events.

        The first event is ``Begun``, the last ``Summary``; between them come ``Stage``, ``Started``, ``Stopped`` and
        ``Poll``. The generator can be closed at any time: the workers end, and at most one epoch of each run is lost.
        The same call continues: finished runs are not repeated, and the others resume. Several calls may share a
        folder.

        ``engine`` is ``processes`` (``workers`` runs at a time, by default one for each core; the default on a CPU),
        ``local`` (``lanes`` runs side by side in this process; the default on a GPU) or ``ray``. ``time_limit`` (in
        seconds) ends the call cleanly. A run whose worker crashed is tried again ``retries`` times; a run that failed
        in an earlier call is tried again only with ``retry_failed``. ``device`` is ``auto``, ``cpu`` or ``cuda``, and
        ``threads`` the number of threads of a run. ``lock=False`` is for disks without file locks; then no other
        process may work in the folder.

        With a ``budget``, the next run is always the one that is expected to improve the advice most per second, and
        the call ends when the budget is spent (``tagmates.study.chooser``). All runs are runs of the study's plan.

        Raises ConfigError at once for arguments that cannot work. Raises, while running, ConfigError for data or
        settings that differ from those of the folder, DiskError if files cannot be written, and OutOfMemoryError.
        """
        study = replace(self, store=replace(self.store, lock=lock))
        return run_session(
            study,
            RunFilter() if selection is None else selection,
            engine=engine,
            workers=workers,
            lanes=lanes,
            time_limit=time_limit,
            retries=retries,
            retry_failed=retry_failed,
            device=device,
            threads=threads,
            budget=budget,
        )

    def status(self) -> StudyStatus:
        """Which runs are done, running, failed (and why) and pending. The data are not needed."""
        return status_of(self)

    def report(
        self, output: str | Path | None = None, beside: "str | Path | OpenedStudy | None" = None
    ) -> "WrittenReport":
        """Write the report on all runs so far, with tables and figures, into the folder ``output``.

        By default the folder is ``report`` in the study's folder. ``beside`` is another study of the same tasks to
        compare with, or its folder; by default the study's control, if it has finished runs. Raises ConfigError if the
        two have no task in common, ModelError if the study has not begun.
        """
        from tagmates.report.writing import report_study  # noqa: PLC0415  (an extra, and slow to import)

        other = Study.open(beside) if isinstance(beside, str | Path) else beside
        return report_study(self, Path(output or self.store.root / "report"), other)

    def recommend(self, task: str) -> Advice:
        """The recommended partners of a task by the evidence so far. Raises ConfigError for an unknown task."""
        if task not in self.tasks:
            known = ", ".join(self.tasks)
            raise ConfigError(f"--task: there is no {task!r}{suggestion(task, self.tasks)}; there are {known}")
        return self._advice([task])[0]

    def recommend_all(self) -> list[Advice]:
        """The recommended partners of every task by the evidence so far."""
        return self._advice(self.tasks)

    def _advice(self, tasks: Sequence[str]) -> list[Advice]:
        self.store.description()  # there must be a study
        now = current_status(self.settings, self.tasks, self.store, counts=True)
        return [advise_on(self.settings, self.tasks, now.runs, now.oracle_sets, task) for task in tasks]

    def forecast(self) -> list[Forecast]:
        """The expected best combination of every task, by the runs so far and the training data (the model of gains).

        Empty if the training data are not available now and were not when the study ran. Raises ModelError if the study
        has not begun.
        """
        self.store.description()  # there must be a study
        now = current_status(self.settings, self.tasks, self.store)
        affinities = find_affinities(self.store, self.data, self.tasks)
        runs = now.runs
        return forecast(self.settings, self.tasks, affinities, runs, now.oracle_sets) if affinities else []

    def groupings(self) -> list[Grouping]:
        """The best way to serve all tasks with at most N taggers, for every N from 1 to the number of tasks.

        The best way has the highest mean of the expected dev F1 of ``forecast``. Empty if ``forecast`` is empty.
        """
        return groupings(self.forecast())

    def tagger(self, combination: Combination) -> StudyTagger:
        """The tagger of a combination, whether it is trained or not; ``train`` trains it."""
        now = current_status(self.settings, self.tasks, self.store)
        return study_tagger(self, now.runs, combination)

    def train(self, tagger: StudyTagger, device: str = "auto") -> Iterator[TrainingEvent]:
        """Train a tagger that ``tagger`` returned, from its last finished epoch if there is one, and yield events."""
        return train_study_tagger(self, tagger, device)

    def finished_run(self, combination: Combination) -> FinishedRun:
        """The finished run of a combination with the lowest seed; runs whose folder has the weights come first.

        ``Tagger.from_pretrained`` loads the tagger from its ``folder``. Raises ModelError if no run is finished.
        """
        now = current_status(self.settings, self.tasks, self.store)
        runs = now.runs.get(combination)
        if not runs:
            raise ModelError(f"{self.store.root}: has no finished run of {combination}; run the study")
        return first_with_tagger(self.store, runs)


def run_study(
    where: str | Path | None = None,
    *,
    data: str | Path | None = None,
    output_dir: str | Path | None = None,
    overrides: Sequence[str] | None = None,
    workers: int | None = None,
    device: str = "auto",
    time_limit: float | None = None,
) -> Study:
    """Open a study, train all its pending runs, and return it; ``Study.run`` has more options, and yields events.

    ``where``, ``data``, ``output_dir`` and ``overrides`` are as in ``Study.open``, and ``workers``, ``device`` and
    ``time_limit`` (in seconds) as in ``Study.run``. It continues after a run fails: see ``Study.status``. Raises
    TagmatesError.

    ```python
    import tagmates

    study = tagmates.run_study("own.toml", workers=2)
    print(study.status().total.done, "runs are done")
    print(study.recommend("chunk").sentence)
    ```
    """
    study = Study.open(where, data=data, output_dir=output_dir, overrides=overrides)
    with closing(study.run(workers=workers, device=device, time_limit=time_limit)) as events:
        for _ in events:
            pass
    return study
