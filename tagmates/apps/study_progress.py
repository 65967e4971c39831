"""The progress of ``study run``, on stderr: a live panel on a terminal, else a line for each run."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import fmean

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tagmates.apps.shared import say, talk
from tagmates.apps.study_options import say_notes
from tagmates.formatting import duration
from tagmates.study.driver import Poll, Stage, Started, Stopped
from tagmates.study.plan import Planned
from tagmates.study.run_size import Sizes, training_size
from tagmates.study.session import Begun, Event, Summary
from tagmates.study.store import Store


@dataclass(slots=True)
class _Progress:
    """The state of the study in this call, by the events so far."""

    store: Store
    sizes: Sizes
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    failed: int = 0
    todo: dict[str, Planned] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)  # name -> when it started
    elsewhere: int = 0
    tokens: float = 0.0  # that the finished runs have been trained on
    epochs: list[int] = field(default_factory=list)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=5))

    def take(self, event: Event) -> str | None:
        """Follow an event; returns a line if a run has ended."""
        if isinstance(event, Stage):
            self.todo = {planned.name: planned for planned in event.todo}
            self.done, self.failed = event.done, event.failed
        elif isinstance(event, Started):
            self.running[event.planned.name] = time.monotonic()
        elif isinstance(event, Poll):
            self.elsewhere = len(event.elsewhere)
        elif isinstance(event, Stopped):
            return self._ended(event)
        return None

    def _ended(self, event: Stopped) -> str | None:
        name = event.planned.name
        spent = duration(time.monotonic() - self.running.pop(name, self.began))
        if event.record is not None:
            self.done += 1
            self.todo.pop(name, None)
            self.epochs.append(event.record.epochs)
            self.tokens += training_size(event.planned.config, self.sizes, event.record.epochs)[1]
            scores = event.record.test or event.record.dev
            text = " ".join(f"{task} {f1:.2f}" for task, f1 in scores.items())
            return f"done {name}: {text} ({event.record.epochs} epochs, {event.record.stopped}, {spent})"
        state = event.outcome.state
        if state in ("busy", "done"):
            return None
        if state == "paused":
            return f"paused {name}, which will be continued"
        if event.again:
            return f"retried {name}: {event.outcome.message}"
        self.failed += 1
        self.todo.pop(name, None)
        return f"failed {name}: {event.outcome.message}"

    def left(self) -> str:
        """The time left in this stage, by the speed of the runs that were done in this call."""
        if not self.tokens or not self.todo:
            return "unknown until a run has ended" if self.todo else "-"
        epochs = fmean(self.epochs)
        pending = sum(training_size(planned.config, self.sizes, epochs)[1] for planned in self.todo.values())
        return f"about {duration(pending * (time.monotonic() - self.began) / self.tokens)}"

    def headline(self) -> str:
        """Counts and the time left."""
        parts = [f"{self.done} done", f"{len(self.running)} running", f"{self.failed} failed"]
        if self.elsewhere:
            parts.append(f"{self.elsewhere} running elsewhere")
        waiting = len(self.todo) - len(self.running) - self.elsewhere
        return ", ".join([*parts, f"{max(waiting, 0)} waiting", f"time left in this stage: {self.left()}"])

    def panel(self) -> Group:
        """The live panel."""
        table = Table.grid(padding=(0, 2))
        for name, started in self.running.items():
            epochs = self.store.epochs(name)
            mean = epochs[-1].get("dev_mean") if epochs else None
            score = "" if mean is None else f"dev F1 {mean:.2f}"
            table.add_row(f"  {name}", f"epoch {len(epochs) + 1}", score, duration(time.monotonic() - started))
        return Group(Text(self.headline()), table, *(Text(f"  {line}", style="dim") for line in self.last))


def show_study(events: Iterator[Event], store: Store) -> Summary:
    """Show the events of ``Study.run`` as they come; returns the last of them."""
    begun = next(events)
    assert isinstance(begun, Begun)
    say_notes(begun.notes)
    progress = _Progress(store, begun.sizes)
    with Live(console=talk, refresh_per_second=2, transient=True, auto_refresh=talk.is_terminal) as live:
        for event in events:
            if isinstance(event, Summary):
                break
            line = progress.take(event)
            if line is not None and talk.is_terminal:
                progress.last.append(line)
            elif line is not None:
                say(f"{line}; {progress.headline()}")
            if talk.is_terminal:
                live.update(progress.panel())
    assert isinstance(event, Summary)
    return event
