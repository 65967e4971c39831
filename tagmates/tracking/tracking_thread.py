"""Give the numbers of runs to an experiment tracker while they are trained, in a thread of its own."""

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from tagmates.study.driver import Poll, Started, Stopped
from tagmates.study.session import Event as StudyEvent
from tagmates.study.store import Store
from tagmates.tracking.follower import Follower
from tagmates.tracking.trackers import Begin, TrackerKind, begin_with
from tagmates.training.loop import Ended, EpochEnded
from tagmates.training.loop import Event as TrainingEvent

log = logging.getLogger("tagmates")
CLOSING_SECONDS = 60  # that a tracker has to send the rest


class Tracking:
    """Follows run folders in a thread of its own; a tracker that fails or hangs never holds up a training."""

    def __init__(self, begin: Begin, kind: str) -> None:
        self._queue: SimpleQueue[tuple[Path | None, bool]] = SimpleQueue()
        self._kind = kind
        self._thread = threading.Thread(target=self._work, args=(Follower(begin),), daemon=True)
        self._thread.start()

    def look(self, folder: Path) -> None:
        """Let the thread look for new epochs in a folder."""
        self._queue.put((folder, False))

    def end(self, folder: Path) -> None:
        """Let the thread end this run."""
        self._queue.put((folder, True))

    def close(self) -> None:
        """End all runs, and wait some time for the tracker."""
        self._queue.put((None, True))
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive():
            log.warning(
                "%s: does not answer, so some numbers may be missing there; tagmates export-metrics sends them again",
                self._kind,
            )

    def _work(self, follower: Follower) -> None:
        try:
            while True:
                waiting = [self._queue.get()]
                with suppress(Empty):
                    while True:
                        waiting.append(self._queue.get_nowait())
                for folder, is_over in dict.fromkeys(waiting):
                    if folder is None:
                        follower.end_all()
                        return
                    if is_over:
                        follower.end(folder)
                    else:
                        follower.follow(folder)
        except Exception as error:  # of the tracker, whatever it is
            said = " ".join(str(error).split())[:300]
            log.warning(
                "%s: failed (%s: %s), so nothing more is given to it; training goes on, and tagmates export-metrics "
                "sends the numbers afterwards",
                self._kind,
                type(error).__name__,
                said,
            )


def begin_tracking(kind: TrackerKind | None) -> AbstractContextManager["Tracking | None"]:
    """Tracking by this tracker, ended when the context is left. Raises ConfigError if it is not installed."""
    return nullcontext() if kind is None else _tracking(begin_with(kind), kind)


@contextmanager
def _tracking(begin: Begin, kind: TrackerKind) -> Iterator[Tracking]:
    tracking = Tracking(begin, kind)
    try:
        yield tracking
    finally:
        tracking.close()


def track_training(events: Iterator[TrainingEvent], folder: Path, tracking: Tracking | None) -> Iterator[TrainingEvent]:
    """Yield the events of a training, and let its folder be followed."""
    for event in events:
        if tracking is not None and isinstance(event, EpochEnded):
            tracking.look(folder)
        elif tracking is not None and isinstance(event, Ended):
            tracking.end(folder)
        yield event


def track_study(events: Iterator[StudyEvent], store: Store, tracking: Tracking | None) -> Iterator[StudyEvent]:
    """Yield the events of a study, and let the folders of its runs be followed while this call trains them."""
    running: dict[str, Path] = {}
    for event in events:
        if tracking is not None and isinstance(event, Started):
            running[event.planned.name] = store.folder(event.planned.name).resolve()
        elif tracking is not None and isinstance(event, Stopped):
            folder = running.pop(event.planned.name, None)
            if folder is not None and event.outcome.state != "busy":
                tracking.end(folder)
        elif tracking is not None and isinstance(event, Poll):
            for folder in running.values():
                tracking.look(folder)
        yield event
