"""Train the pending runs of a study, stage by stage. It can be stopped and resumed without losing finished epochs."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from tagmates.errors import DiskError, ModelError, OutOfMemoryError
from tagmates.study.claims import Claims
from tagmates.study.engine import Submit
from tagmates.study.job import Job, Outcome
from tagmates.study.plan import Planned
from tagmates.study.records import RunRecord
from tagmates.study.settings import StudySettings
from tagmates.study.status import current_status
from tagmates.study.store import Store

log = logging.getLogger("tagmates")
POLL_SECONDS = 0.5  # between two checks of the running jobs


@dataclass(frozen=True, slots=True)
class Started:
    """A run was given to a worker."""

    planned: Planned


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run has ended. If it is not done (no ``record``), ``outcome`` has the reason; ``again``: it is retried."""

    planned: Planned
    outcome: Outcome
    record: RunRecord | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Poll:
    """No run has ended since the last check; ``elsewhere`` are runs that another driver trains."""

    elsewhere: Sequence[Planned]


@dataclass(frozen=True, slots=True)
class Stage:
    """The next runs begin. ``done`` and ``failed`` count all selected runs that can be planned by now."""

    todo: Sequence[Planned]
    done: int
    failed: int


Event = Started | Stopped | Poll | Stage
Select = Callable[[Sequence[Planned]], Sequence[Planned]]
# (pending runs, runs that are running here or elsewhere, records of done runs by name) -> the next run, or None to end
Choose = Callable[[Sequence[Planned], Sequence[Planned], Mapping[str, RunRecord]], Planned | None]


@dataclass(slots=True)
class Driver:
    """Trains the selected runs of a study. Several drivers may share a study's folder."""

    study: StudySettings
    tasks: Sequence[str]
    store: Store
    select: Select
    job: Callable[[Planned], Job]
    engine: Callable[[], AbstractContextManager[Submit]]
    workers: int
    retries: int = 2
    retry_failed: bool = False
    deadline: float | None = None
    choose: Choose | None = None  # None: the runs begin in the order of the plan
    records: dict[str, RunRecord] = field(default_factory=dict)  # of runs that are done, by name
    tries: Counter[str] = field(default_factory=Counter)
    pausing: bool = False  # the deadline is near: no further run is started
    unselected: Sequence[Planned] = ()  # runs of the study that only other drivers train
    claims: Claims = field(init=False)  # on the runs that it has started; without a budget none

    def run(self) -> Generator[Event, None, None]:
        """Train the pending runs and yield events.

        Raises DiskError if files cannot be written, OutOfMemoryError if the memory is too small.
        """
        if self.retry_failed:
            now = current_status(self.study, self.tasks, self.store)
            for planned in self.select(now.plan):
                if planned.name in now.found.failed:
                    self.store.forget_failure(planned.name)
        self.claims = Claims(self.store.root, self.store.lock and self.choose is not None)
        with self.claims, self.engine() as submit:
            while not (self.pausing or self._is_late()):
                now = current_status(self.study, self.tasks, self.store)
                chosen, found = self.select(now.plan), now.found
                self.records |= found.done
                selected = {planned.name for planned in chosen}
                self.unselected = [planned for planned in now.plan if planned.name not in selected]
                todo = found.pending(chosen)
                first = [planned for planned in todo if planned.regime != "oracle"]
                done = sum(planned.name in found.done for planned in chosen)
                failed = sum(planned.name in found.failed for planned in chosen)
                yield Stage(first or todo, done, failed)
                if not todo:
                    return
                for planned in first or todo:
                    if planned.name in found.broken:
                        self._set_aside(planned.name, found.broken[planned.name])
                    elif planned.name in found.unmatched:
                        folder = self.store.folder(planned.name)
                        self._set_aside(planned.name, f"{folder}: {found.unmatched[planned.name]}")
                yield from self._stage(first or todo, submit)

    def _stage(self, todo: Sequence[Planned], submit: Submit) -> Iterator[Event]:
        """Train these runs until each is done or has failed, here or elsewhere, or the deadline has passed."""
        queue = list(todo)
        elsewhere: list[Planned] = []
        running: dict[Future[Outcome], Planned] = {}
        while (queue or elsewhere or running) and not self._is_late():
            if len(running) < self.workers:
                yield from self._fill(queue, elsewhere, running, submit)
            if running:
                ended, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            else:
                ended = set()
                time.sleep(POLL_SECONDS)
            for future in ended:
                planned = running.pop(future)
                event = self._ended(planned, future)
                self.claims.give_up(planned.name)
                if event.outcome.state == "paused":
                    self.pausing = True
                    queue, elsewhere = [], []
                elif self.pausing:
                    pass  # nothing is waited for or begun again
                elif event.outcome.state == "busy":
                    elsewhere.append(planned)
                elif event.again:
                    queue.insert(0, planned)
                yield event
            if not (ended or self.pausing):
                with self.claims.turn():
                    free = [planned for planned in elsewhere if not self._is_taken(planned.name)]
                queue += free  # done or failed there
                elsewhere = [planned for planned in elsewhere if planned not in free]
                yield Poll(elsewhere)

    def _fill(
        self,
        queue: list[Planned],
        elsewhere: list[Planned],
        running: dict[Future[Outcome], Planned],
        submit: Submit,
    ) -> list[Event]:
        """Give runs of ``queue`` to the free workers, while no other driver of the budget chooses."""
        events: list[Event] = []
        with self.claims.turn():
            others: list[Planned] = []
            if self.choose is not None:  # a budget is that of all drivers together
                events += self._look_around(queue, elsewhere)
                unknown = (planned for planned in self.unselected if planned.name not in self.records)
                others = [planned for planned in unknown if self._found(planned.name) == "taken"]
            while queue and len(running) < self.workers:
                planned = (
                    queue[0]
                    if self.choose is None
                    else self.choose(queue, [*running.values(), *elsewhere, *others], self.records)
                )
                if planned is None:
                    self.pausing = True
                    queue.clear()
                    elsewhere.clear()
                    break
                queue.remove(planned)
                why = self.store.why_failed(planned.name)
                if why is not None:  # another driver has marked it as failed since the last check
                    events.append(Stopped(planned, Outcome(planned.name, "error", why)))
                    continue
                self.claims.claim(planned.name)
                running[submit(self.job(planned))] = planned
                events.append(Started(planned))
        return events

    def _is_taken(self, name: str) -> bool:
        """Whether another driver trains the run, or is about to."""
        return self.claims.is_claimed(name) or self.store.is_busy(name)

    def _look_around(self, queue: list[Planned], elsewhere: list[Planned]) -> Iterator[Event]:
        """Take from ``queue`` what another driver has done, and to ``elsewhere`` what one is training."""
        for planned in list(queue):
            found = self._found(planned.name)
            if found is not None:
                queue.remove(planned)
            if found == "done":
                yield Stopped(planned, Outcome(planned.name, "done"), self.records[planned.name])
            elif found == "taken":
                elsewhere.append(planned)

    def _found(self, name: str) -> Literal["done", "taken"] | None:
        """What another driver has made of a run since the last look; if it is done, its record is kept."""
        is_taken = self._is_taken(name)  # asked first: if it has just ended, its result is there
        if not (self.store.folder(name) / "result.json").exists():
            return "taken" if is_taken else None
        try:
            self.records[name] = self.store.read(name)
        except ModelError:  # a broken one is set aside by who trains it
            return None
        return "done"

    def _ended(self, planned: Planned, future: "Future[Outcome]") -> Stopped:
        name = planned.name
        try:
            outcome = future.result()
        except Exception as error:  # each engine has its own exception for a dead worker
            outcome = Outcome(name, "crash", f"its worker died ({error or type(error).__name__})")
        if outcome.state == "done":
            try:
                self.records[name] = self.store.read(name)
                return Stopped(planned, outcome, self.records[name])
            except ModelError as error:
                outcome = Outcome(name, "broken", str(error))
        if outcome.state == "disk":
            raise DiskError(outcome.message)
        if outcome.state == "memory":
            raise OutOfMemoryError(f"{outcome.message}, with fewer --workers; finished epochs are saved")
        if outcome.state == "broken":
            self._set_aside(name, outcome.message)
        if outcome.state in ("crash", "broken"):
            self.tries[name] += 1
            if self.tries[name] <= self.retries:
                return Stopped(planned, outcome, again=True)
        if outcome.state in ("error", "crash", "broken"):
            self.store.mark_failed(name, outcome.message, outcome.traceback)
        return Stopped(planned, outcome)

    def _set_aside(self, name: str, why: str) -> None:
        target = self.store.set_aside(name)
        if target is not None:
            log.warning("%s; the run is trained again, and its old files are in %s", why, target)

    def _is_late(self) -> bool:
        return self.deadline is not None and time.time() >= self.deadline
