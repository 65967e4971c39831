"""tagmates.study.driver with simulated workers: the first run, retries, failures, waits, stops."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tagmates.errors import DiskError, TagmatesError
from tagmates.files import write_json
from tagmates.processes import WorkerContext
from tagmates.study import driver as driving
from tagmates.study.claims import Claims
from tagmates.study.driver import Choose, Driver, Event, Poll, Stage, Started, Stopped
from tagmates.study.engine import Submit, open_engine
from tagmates.study.job import Job, Outcome
from tagmates.study.plan import Planned, make_plan
from tagmates.study.records import RunRecord
from tagmates.study.settings import StudySettings
from tagmates.study.status import current_status
from tagmates.study.store import Store
from tagmates.training.folder import lock_folder

TASKS = ("one", "two", "three")
STUDY = StudySettings(tasks=TASKS, regimes=("single", "pair", "oracle"), seeds=(1, 2), vectors="random")
FIRST = make_plan(STUDY, TASKS, {})  # what can be planned before any run is done
NAME = FIRST[0].name
HELPED = {"one": ("two", "three")}  # task -> whom it learns better with, in the made-up scores
ORACLE = "multi_dec-one+two+three"
FOR_EVER = 120  # seconds after which a process that was started is taken to be dead

How = Callable[["Workers", Job], Outcome]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "POLL_SECONDS", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "study")


def write_run(store: Store, planned: Planned) -> None:
    """A finished run as a worker leaves it, with scores that make oracle sets of ``HELPED``."""
    config = planned.config
    scores = {t: {"f1": 50.0 + 10 * any(o in HELPED.get(t, ()) for o in config.tasks)} for t in config.tasks}
    folder = store.folder(planned.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config.model_dump(mode="json"))
    np.savez(folder / "counts.npz", **{f"test/{task}": np.zeros((1, 3), np.int32) for task in config.tasks})
    result = {"sharing": config.sharing, "tasks": config.tasks, "seed": config.seed, "dev": scores, "test": scores}
    more = {"updates": 1, "epochs": 1, "stopped": "cap", "seconds": 1.0, "parameters": 1}
    write_json(folder / "result.json", {**result, **more})


class Workers:
    """An engine that ends a job at once, as told for its tries one after the other; done where nothing is told."""

    def __init__(self, store: Store, told: dict[str, Sequence[How]] | None = None) -> None:
        self.store = store
        self.told = {name: list(hows) for name, hows in (told or {}).items()}
        self.jobs: list[str] = []
        self.planned: dict[str, Planned] = {}

    def job(self, planned: Planned) -> Job:
        self.planned[planned.name] = planned
        return Job(planned.name, planned.config, self.store.root, "", {}, "random", "cpu", 1, None)

    @contextmanager
    def __call__(self) -> Iterator[Submit]:
        yield self.submit

    def submit(self, job: Job) -> "Future[Outcome]":
        self.jobs.append(job.name)
        future: Future[Outcome] = Future()
        how = self.told[job.name].pop(0) if self.told.get(job.name) else done
        try:
            future.set_result(how(self, job))
        except Exception as error:
            future.set_exception(error)
        return future

    def drive(self, *, retry_failed: bool = False, deadline: float | None = None) -> list[Event]:
        """Everything that happens in one call, with two workers and two retries."""
        driver = Driver(STUDY, TASKS, self.store, list, self.job, self, 2, retry_failed=retry_failed, deadline=deadline)
        return list(driver.run())

    def found_done(self) -> set[str]:
        return set(current_status(STUDY, TASKS, self.store).found.done)


def done(workers: Workers, job: Job) -> Outcome:
    write_run(workers.store, workers.planned[job.name])
    return Outcome(job.name, "done")


def died(workers: Workers, job: Job) -> Outcome:
    raise RuntimeError("killed by signal 9")


def crashed(workers: Workers, job: Job) -> Outcome:
    return Outcome(job.name, "crash", "ValueError: of all things", "Traceback ...")


def failed(workers: Workers, job: Job) -> Outcome:
    return Outcome(job.name, "error", "the loss is nan", "Traceback ...")


def busy(workers: Workers, job: Job) -> Outcome:
    return Outcome(job.name, "busy", "another process")


def paused(workers: Workers, job: Job) -> Outcome:
    return Outcome(job.name, "paused")


def full(workers: Workers, job: Job) -> Outcome:
    return Outcome(job.name, "disk", "result.json: cannot be written (No space left on device)")


def truncated(workers: Workers, job: Job) -> Outcome:
    """Done, but what it says cannot be read."""
    done(workers, job)
    (workers.store.folder(job.name) / "result.json").write_text('{"epochs": 3, ')
    return Outcome(job.name, "done")


def ended(events: Sequence[Event], name: str) -> list[tuple[str, bool]]:
    """How each try of a run ended, and whether it was to be tried again."""
    return [(e.outcome.state, e.again) for e in events if isinstance(e, Stopped) and e.planned.name == name]


def reason(store: Store, name: str) -> dict[str, str]:
    return json.loads((store.folder(name) / "failed.json").read_text())


def test_every_run_is_trained_once_and_what_others_tell_last(store: Store) -> None:
    workers = Workers(store)
    events = workers.drive()
    assert set(Counter(workers.jobs).values()) == {1}
    assert workers.jobs[: len(FIRST)] == [planned.name for planned in FIRST]
    assert [name.rsplit("-", 2)[0] for name in workers.jobs[len(FIRST) :]] == [ORACLE, ORACLE]
    stages = [(len(e.todo), e.done, e.failed) for e in events if isinstance(e, Stage)]
    assert stages == [(12, 0, 0), (2, 12, 0), (0, 14, 0)]
    assert workers.found_done() == set(workers.jobs)


def test_what_is_done_is_not_done_again(store: Store) -> None:
    Workers(store).drive()
    workers = Workers(store)
    assert [type(event) for event in workers.drive()] == [Stage]
    assert workers.jobs == []


def test_no_more_runs_at_a_time_than_there_are_workers(store: Store) -> None:
    workers = Workers(store)
    open_jobs: list[tuple[Job, Future[Outcome]]] = []

    def submit(job: Job) -> "Future[Outcome]":
        open_jobs.append((job, Future()))
        return open_jobs[-1][1]

    @contextmanager
    def engine() -> Iterator[Submit]:
        yield submit

    most = 0
    for _ in Driver(STUDY, TASKS, store, list, workers.job, engine, 3).run():
        most = max(most, len(open_jobs))
        if len(open_jobs) == 3 or most == 3:
            job, future = open_jobs.pop(0) if open_jobs else (None, None)
            if job is not None and future is not None:
                future.set_result(done(workers, job))
    assert most == 3
    assert len(workers.found_done()) == 14


@pytest.mark.parametrize("how", [died, crashed])
def test_what_may_pass_is_tried_again(store: Store, how: How) -> None:
    workers = Workers(store, {NAME: [how, how]})
    events = workers.drive()
    assert ended(events, NAME) == [("crash", True), ("crash", True), ("done", False)]
    assert workers.jobs[:3] == [NAME, FIRST[1].name, NAME]  # before what comes after it
    assert len(workers.found_done()) == 14


@pytest.mark.parametrize(
    ("how", "tries", "error"),
    [
        (died, 3, "its worker died (killed by signal 9)"),
        (crashed, 3, "ValueError: of all things"),
        (failed, 1, "the loss is nan"),
    ],
)
def test_a_run_that_always_fails_is_left_and_the_others_go_on(store: Store, how: How, tries: int, error: str) -> None:
    workers = Workers(store, {NAME: [how] * 100})
    workers.drive()
    assert workers.jobs.count(NAME) == tries
    assert workers.found_done() == {planned.name for planned in FIRST} - {NAME}
    assert reason(store, NAME)["error"] == error
    assert reason(store, NAME)["traceback"] == ("" if how is died else "Traceback ...")

    again = Workers(store)
    events = again.drive()
    assert again.jobs == []
    assert [(e.done, e.failed) for e in events if isinstance(e, Stage)] == [(11, 1)]

    wanted = Workers(store)
    wanted.drive(retry_failed=True)
    assert wanted.jobs[0] == NAME
    assert len(wanted.found_done()) == 14
    assert not (store.folder(NAME) / "failed.json").exists()


def test_a_run_that_another_driver_trains_is_waited_for(store: Store) -> None:
    store.folder(NAME).mkdir(parents=True)
    workers = Workers(store, {NAME: [busy, lambda *_: Outcome(NAME, "done")]})
    driver = Driver(STUDY, TASKS, store, list, workers.job, workers, 2)
    looks = 0
    with lock_folder(store.folder(NAME)):
        for event in driver.run():
            if isinstance(event, Poll):
                assert [planned.name for planned in event.elsewhere] == [NAME]
                looks += 1
                if looks == 3:
                    break
    assert workers.jobs.count(NAME) == 1
    write_run(store, FIRST[0])  # as the other driver has by now
    assert ended(workers.drive(), NAME) == []
    assert len(workers.found_done()) == 14


def test_nothing_is_waited_for_when_the_budget_is_spent(store: Store) -> None:
    """Another driver takes a run that this one has just begun, while nothing else may be begun."""
    begun: list[str] = []

    def choose(pending: Sequence[Planned], running: Sequence[Planned], done: Mapping[str, RunRecord]) -> Planned | None:
        begun.extend(planned.name for planned in pending[:1] if not running)
        return None if running else pending[0]

    workers = Workers(store, {NAME: [busy]})
    events = list(Driver(STUDY, TASKS, store, list, workers.job, workers, 2, choose=choose).run())
    assert begun == workers.jobs == [NAME]
    assert ended(events, NAME) == [("busy", False)]
    assert not any(isinstance(event, Poll) for event in events)


def test_a_budget_counts_what_other_drivers_have_done_and_are_training(store: Store) -> None:
    """All of them together make the trainings that one alone would make."""
    theirs, busy_there = FIRST[3], FIRST[5]
    store.folder(busy_there.name).mkdir(parents=True)
    workers = Workers(store)
    seen: list[tuple[set[str], set[str]]] = []

    def choose(pending: Sequence[Planned], running: Sequence[Planned], done: Mapping[str, RunRecord]) -> Planned | None:
        seen.append((set(done), {planned.name for planned in running}))
        if not (store.folder(theirs.name) / "result.json").exists():
            write_run(store, theirs)  # as another driver does meanwhile
        return None if len(done) + len(running) >= 4 else pending[0]

    driver = Driver(STUDY, TASKS, store, list, workers.job, workers, 1, choose=choose)
    with lock_folder(store.folder(busy_there.name)):
        events = list(driver.run())
    assert all(busy_there.name in running for _, running in seen)
    assert theirs.name not in seen[0][0]
    assert all(theirs.name in done for done, _ in seen[1:])
    assert ended(events, theirs.name) == [("done", False)]
    assert theirs.name not in workers.jobs
    assert len(workers.jobs) == 2  # with the one that is done there and the one that runs there: four


def within(number: int) -> Choose:
    """The first pending run, until so many are done or under way."""
    return lambda pending, running, done: pending[0] if len(done) + len(running) < number else None


def begin_within(number: int, root: Path, signs: Mapping[str, Any]) -> None:
    """Another process with this budget: it chooses when it is asked to hurry, and its worker is slow to begin."""
    store = Store(root)
    workers = Workers(store)

    def choose(pending: Sequence[Planned], running: Sequence[Planned], done: Mapping[str, RunRecord]) -> Planned | None:
        signs["choosing"].set()
        signs["hurry"].wait()
        return within(number)(pending, running, done)

    def submit(job: Job) -> "Future[Outcome]":
        future: Future[Outcome] = Future()

        def work() -> None:
            signs["go"].wait()
            future.set_result(done(workers, job))

        threading.Thread(target=work, daemon=True).start()
        return future

    @contextmanager
    def engine() -> Iterator[Submit]:
        yield submit

    for event in Driver(STUDY, TASKS, store, list, workers.job, engine, 1, choose=choose).run():
        if isinstance(event, Started):
            signs["started"].set()


@pytest.mark.parametrize(("number", "is_killed"), [pytest.param(1, False, marks=pytest.mark.slow), (3, True)])
def test_two_processes_with_one_budget_never_start_more_than_it_allows(
    number: int, is_killed: bool, store: Store
) -> None:
    """One is still choosing when the other comes, and has not yet locked its run's folder when the other chooses."""
    context = WorkerContext()
    signs = {name: context.Event() for name in ("choosing", "hurry", "started", "go")}
    other = context.Process(target=begin_within, args=(number, store.root, signs), daemon=True)
    other.start()
    assert signs["choosing"].wait(FOR_EVER)
    workers = Workers(store)

    def hurry(plan: Sequence[Planned]) -> Sequence[Planned]:
        signs["hurry"].set()
        return plan

    def drive() -> list[Event]:
        return list(Driver(STUDY, TASKS, store, hurry, workers.job, workers, 2, choose=within(number)).run())

    drive()
    assert signs["started"].wait(FOR_EVER)
    assert workers.jobs == [planned.name for planned in FIRST[1:number]]  # the other process has the first
    if is_killed:
        other.kill()
        other.join()
        drive()  # its claim has ended with it
        assert workers.jobs[-1] == NAME
    else:
        signs["go"].set()
        other.join()
    assert workers.found_done() == {planned.name for planned in FIRST[:number]}


def test_drivers_of_different_parts_of_a_study_share_its_budget(store: Store) -> None:
    """What one has begun or done counts for the other, although the other would not train it."""
    ours, theirs = ([planned for planned in FIRST if planned.config.seed == seed] for seed in (1, 2))
    workers = Workers(store)

    def choose(pending: Sequence[Planned], running: Sequence[Planned], done: Mapping[str, RunRecord]) -> Planned | None:
        if not done:
            write_run(store, theirs[0])  # as the other driver does meanwhile
        return within(4)(pending, running, done)

    def select(_: Sequence[Planned]) -> Sequence[Planned]:
        return ours

    with Claims(store.root, True) as other:
        with other.turn():
            other.claim(theirs[1].name)
        list(Driver(STUDY, TASKS, store, select, workers.job, workers, 1, choose=choose).run())
    assert workers.jobs == [planned.name for planned in ours[:2]]


def test_a_claim_ends_with_its_run_or_its_driver(store: Store) -> None:
    with Claims(store.root, True) as mine, Claims(store.root, True) as yours, Claims(store.root, False) as none:
        with mine.turn(), none.turn():
            mine.claim("one")
            mine.claim("two")
            none.claim("two")
        with yours.turn():
            assert [yours.is_claimed(name) for name in ("one", "two", "three")] == [True, True, False]
            assert not none.is_claimed("one")
        mine.give_up("one")
        yours.give_up("two")  # which it does not have
        with yours.turn():
            assert [yours.is_claimed(name) for name in ("one", "two")] == [False, True]
        mine.__exit__(None, None, None)
        with yours.turn():
            assert not yours.is_claimed("two")
            yours.claim("two")


def test_a_folder_that_takes_no_claims_is_named(store: Store) -> None:
    store.root.mkdir()
    (store.root / "claims").write_text("")
    with pytest.raises(TagmatesError, match=r"claims/\.turn: cannot be written"), Claims(store.root, True).turn():
        pass


def test_waiting_for_another_driver_uses_up_no_tries(store: Store) -> None:
    workers = Workers(store, {NAME: [busy, busy, busy, died, busy, died]})
    events = workers.drive()
    assert ended(events, NAME)[-3:] == [("busy", False), ("crash", True), ("done", False)]
    assert len(workers.found_done()) == 14


def test_a_run_that_another_driver_gave_up_is_not_tried_here_too(store: Store) -> None:
    workers = Workers(store)
    late = FIRST[-1].name

    def gives_up(_: Workers, job: Job) -> Outcome:
        store.mark_failed(late, "the loss is nan", "Traceback there")
        return done(workers, job)

    workers.told = {NAME: [gives_up]}
    events = workers.drive()
    assert late not in workers.jobs
    assert ended(events, late) == [("error", False)]
    assert reason(store, late)["traceback"] == "Traceback there"


def test_a_pause_starts_nothing_more(store: Store) -> None:
    workers = Workers(store, {NAME: [paused], FIRST[1].name: [died]})
    events = workers.drive()
    assert workers.jobs == [NAME, FIRST[1].name]
    assert {e.planned.name for e in events if isinstance(e, Stopped)} == set(workers.jobs)
    assert not (store.folder(FIRST[1].name) / "failed.json").exists()


def test_after_the_deadline_nothing_is_started(store: Store) -> None:
    workers = Workers(store)
    assert workers.drive(deadline=time.time()) == []
    assert workers.jobs == []


def test_at_the_deadline_what_runs_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(driving.time, "time", lambda: clock[0])
    workers = Workers(store)

    def late(_: Workers, job: Job) -> Outcome:
        clock[0] = 20.0
        return done(workers, job)

    workers.told = {FIRST[3].name: [late]}
    workers.drive(deadline=10.0)
    assert len(workers.jobs) == 4
    assert len(workers.found_done()) == 4


def test_a_full_disk_ends_it_and_fails_no_run(store: Store) -> None:
    workers = Workers(store, {FIRST[2].name: [full]})
    with pytest.raises(DiskError, match="No space left"):
        workers.drive()
    assert workers.found_done() >= {NAME, FIRST[1].name}
    assert not list(store.root.rglob("failed.json"))


def test_a_broken_run_is_set_aside_and_trained_anew(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    Workers(store).drive()
    path = store.folder(NAME) / "result.json"
    path.write_bytes(path.read_bytes()[:20])
    workers = Workers(store)
    workers.drive()
    assert workers.jobs == [NAME]
    (aside,) = (store.root / "set-aside").iterdir()
    assert aside.name.startswith(NAME)
    assert len((aside / "result.json").read_bytes()) == 20
    assert str(path) in caplog.text
    assert str(aside) in caplog.text
    assert len(workers.found_done()) == 14


def test_a_run_that_is_broken_every_time_fails_after_its_tries(store: Store) -> None:
    workers = Workers(store, {NAME: [truncated] * 100})
    events = workers.drive()
    assert ended(events, NAME) == [("broken", True), ("broken", True), ("broken", False)]
    assert "result.json" in reason(store, NAME)["error"]
    assert len(list((store.root / "set-aside").iterdir())) == 3
    assert len(workers.found_done()) == 11


def test_what_another_driver_has_trained_anew_is_not_set_aside(store: Store) -> None:
    write_run(store, FIRST[0])
    assert store.set_aside(NAME) is None
    assert NAME in current_status(STUDY, TASKS, store).found.done
    (store.folder(NAME) / "counts.npz").unlink()
    assert store.set_aside(NAME) is not None
    assert store.set_aside(NAME) is None  # the other driver was first
    assert not store.folder(NAME).exists()


def test_a_run_is_not_set_aside_while_it_is_trained(store: Store) -> None:
    write_run(store, FIRST[0])
    (store.folder(NAME) / "counts.npz").write_bytes(b"")
    with lock_folder(store.folder(NAME)):
        assert store.set_aside(NAME) is None
    assert store.folder(NAME).exists()


class BreakingPool:
    """A pool of pebble's that breaks while a job is on its way, and forgets it."""

    made: ClassVar[list[object]] = []

    def __init__(self, *_: object, **__: object) -> None:
        self.active = True
        self.made.append(self)

    def schedule(self, function: object, args: object) -> "Future[Any]":
        self.active = False
        return Future()

    def stop(self) -> None:
        self.active = False

    def join(self) -> None:
        pass


def test_no_job_waits_for_ever_when_the_pool_of_processes_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pebble.ProcessPool", BreakingPool)
    BreakingPool.made.clear()
    with open_engine("processes", 2, "cpu") as submit:
        with pytest.raises(BrokenProcessPool):
            submit(None).result(timeout=60)  # type: ignore[arg-type]
        first = submit(None)  # type: ignore[arg-type]
        submit(None)  # type: ignore[arg-type]
        with pytest.raises(BrokenProcessPool):
            first.result(timeout=60)
    assert len(BreakingPool.made) == 3
