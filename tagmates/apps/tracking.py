"""Give what run folders hold to an experiment tracker, while they are trained or afterwards."""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated, Any

from cyclopts import Parameter

from tagmates.apps.trackers import Begin, Numbers, OpenRun, TrackedRun, TrackerKind, begin_with
from tagmates.errors import ModelError
from tagmates.files import read_json
from tagmates.study.driver import Poll, Started, Stopped
from tagmates.study.session import Event as StudyEvent
from tagmates.study.store import Store
from tagmates.training.loop import Ended, EpochEnded
from tagmates.training.loop import Event as TrainingEvent
from tagmates.training.metrics import read_metrics

log = logging.getLogger("tagmates")
CLOSING_SECONDS = 60  # that a tracker has to send the rest
EVENTS = "tensorboard"  # the folder of TensorBoard's files in a run folder
Track = Annotated[
    TrackerKind | None,
    Parameter(
        show_default=False,
        help="Also give the numbers of every epoch and the final scores to this experiment tracker, if it is installed "
        "(docs/trackers.md).",
    ),
]


@dataclass(slots=True)
class Follower:
    """Gives the epochs of run folders to a tracker, each once; ``end`` also gives the final scores."""

    begin: Begin
    events: Path | None = None  # the folder for files of events; None: in each run folder
    opened: dict[Path, OpenRun] = field(default_factory=dict)
    given: dict[Path, int] = field(default_factory=dict)  # the last epoch that was given

    def follow(self, folder: Path) -> bool:
        """Give the epochs that have ended since the last call; returns whether there is any epoch."""
        lines = epoch_lines(folder)
        if not lines:
            return False
        if folder not in self.opened:
            self.opened[folder] = self.begin(tracked_run(folder, lines, self.events))
            self.given[folder] = self.opened[folder].last_epoch
        for line in lines:
            if line["epoch"] > self.given[folder]:
                self.opened[folder].log(line["epoch"], epoch_numbers(line))
                self.given[folder] = line["epoch"]
        return True

    def end(self, folder: Path) -> bool:
        """Give the rest and the final scores, if the run is finished; returns whether there was any epoch."""
        if not self.follow(folder):
            return False
        self.opened.pop(folder).close(self.given.pop(folder), final_scores(folder))
        return True

    def end_all(self) -> None:
        """End the runs that are still open."""
        for folder in list(self.opened):
            self.end(folder)


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


def track(kind: TrackerKind | None) -> AbstractContextManager["Tracking | None"]:
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


def tracked_run(folder: Path, lines: Sequence[Mapping[str, Any]], events: Path | None) -> TrackedRun:
    """The training in a folder, with its settings; ``lines`` are its epochs.

    Its group is the study that it belongs to, else the name of the folder that holds its own.
    """
    folder = folder.resolve()
    above = folder.parent
    group = above.parent.name if above.name == "runs" and (above.parent / "study.json").exists() else above.name
    # the first line has the seconds that the epoch took, so it is another one if the run is trained again
    first = json.dumps([group, folder.name, lines[0]], sort_keys=True)
    key = hashlib.blake2b(first.encode(), digest_size=8).hexdigest()
    place = folder / EVENTS if events is None else events / group / folder.name
    return TrackedRun(group or "tagmates", folder.name, key, _flat(read_json(folder / "config.json")), place)


def epoch_lines(folder: Path) -> list[dict[str, Any]]:
    """The metrics of a run's epochs that say which epoch they are of."""
    return [line for line in read_metrics(folder) if "epoch" in line]


def epoch_numbers(line: Mapping[str, Any]) -> Numbers:
    """The numbers of an epoch's line: ``loss``, ``learning_rate``, ``dev/TASK``, …"""
    return {key: float(value) for key, value in _flat(line).items() if key != "epoch" and _is_number(value)}


def final_scores(folder: Path) -> Numbers | None:
    """The final scores of a finished run: ``final/test/TASK/f1``, …; None if the run is not finished."""
    try:
        result = read_json(folder / "result.json")
    except ModelError:
        return None
    splits = {split: result[split] for split in ("dev", "test") if isinstance(result.get(split), dict)}
    return {key: float(value) for key, value in _flat({"final": splits}).items() if _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, str | int | float | bool]:
    """Nested values by their path, such as ``training/batch_size``; lists are written with commas."""
    flat: dict[str, str | int | float | bool] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{key}/")
        elif isinstance(value, str | int | float | bool):
            flat[f"{above}{key}"] = value
        elif value is not None:
            flat[f"{above}{key}"] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat
