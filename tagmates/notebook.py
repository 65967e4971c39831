"""The progress of trainings and studies in a notebook, or in a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from tagmates.formatting import duration, plural
from tagmates.html import bar_html, table_html
from tagmates.study.driver import Stage, Started, Stopped
from tagmates.study.session import Summary
from tagmates.training.loop import Ended, EpochEnded, Updated

PAUSE = 0.3  # seconds between two drawings
LINES = 8  # epochs, or runs of a study, below the bar

AnyEvent = TypeVar("AnyEvent")


class _Display(Protocol):
    """Where the progress is drawn; each call replaces what the one before has drawn."""

    def show(self, page: str, line: str) -> None: ...

    def close(self) -> None: ...


class _Notebook:
    """An output of a cell, which is changed in place."""

    def __init__(self, display: Any, html: Any) -> None:
        self._html = html
        self._handle = display(html(""), display_id=True)

    def show(self, page: str, line: str) -> None:
        self._handle.update(self._html(page))

    def close(self) -> None:
        """The last drawing stays."""


class _Terminal:
    """The last line of a terminal."""

    def show(self, page: str, line: str) -> None:
        print(f"\r\x1b[K{line[:120]}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        print(file=sys.stderr)


class _Nowhere:
    """Neither a notebook nor a terminal."""

    def show(self, page: str, line: str) -> None: ...

    def close(self) -> None: ...


class _Course:
    """How far a training or a study is, by its events so far."""

    def __init__(self) -> None:
        self.done, self.total, self.text = 0, 1, "reading the data"
        self.heads: tuple[str, ...] = ()
        self.rows: list[tuple[str, ...]] = []
        self._began = time.monotonic()

    def take(self, event: object) -> bool:
        """Follow an event; whether it is one that must be drawn at once."""
        if isinstance(event, Updated):
            run = event.run
            self.done, self.total = run.step, len(run.batches)
            self.text = f"epoch {run.epoch + 1}, update {run.updates:,}, {self._spent()}"
        elif isinstance(event, EpochEnded):
            self._epoch(event.line)
        elif isinstance(event, Ended):
            self.done, self.text = self.total, f"ended ({event.error or event.reason}), {self._spent()}"
        elif isinstance(event, Stage):
            self.done = event.done
            self.total = event.done + event.failed + len(event.todo)
            self.text = self._runs()
        elif isinstance(event, Started):
            self.text = f"{self._runs()}, training {event.planned.name}"
        elif isinstance(event, Stopped):
            self.done += event.record is not None
            self.heads = ("run", "ended")
            self.rows.append((event.planned.name, "done" if event.record is not None else "not done"))
            self.text = self._runs()
        elif isinstance(event, Summary):
            self.done, self.total = event.done, event.planned
            self.text = f"{self._runs()}, ended"
        return not isinstance(event, Updated)

    def page(self) -> str:
        """The bar, and the last epochs or runs below it."""
        below = table_html(self.heads, self.rows[-LINES:]) if self.rows else ""
        return bar_html(self.done, self.total, self.text) + below

    def _epoch(self, line: dict[str, Any]) -> None:
        self.heads = ("epoch", "updates", "loss", "dev F1", *line["dev"])
        scores = (line["dev_mean"], *line["dev"].values())
        shown = ("–" if score is None else f"{score:.2f}" for score in scores)  # a final run has no dev set
        self.rows.append((str(line["epoch"]), f"{line['updates']:,}", f"{line['loss']:.3f}", *shown))
        dev = f"dev F1 {line['dev_mean']:.2f}, " if line["dev"] else ""
        self.text = f"epoch {line['epoch']}, {dev}{self._spent()}"

    def _runs(self) -> str:
        return f"{self.done:,} of {plural(self.total, 'run')} done, {self._spent()}"

    def _spent(self) -> str:
        return duration(time.monotonic() - self._began)


def progress(events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
    """Yield the events of a training or of a study, and show its progress.

    In a notebook, a bar with the last epochs or runs below it is an output of the cell; neither ipywidgets nor an
    extension is needed, and the last state stays in the saved notebook. In a terminal it is a line on stderr, and
    elsewhere nothing is shown.

    ```python
    import tagmates

    study = tagmates.Study.open("own.toml")
    for event in tagmates.progress(study.run()):
        pass
    print(type(event).__name__)
    ```
    """
    course, display, drawn = _Course(), _display(), 0.0
    try:
        for event in events:
            if course.take(event) or time.monotonic() - drawn > PAUSE:
                display.show(course.page(), course.text)
                drawn = time.monotonic()
            yield event
    finally:
        display.close()


def _display() -> _Display:
    if "ipykernel" in sys.modules:  # a kernel runs this process
        from IPython.display import HTML, display  # noqa: PLC0415  (a notebook has it)

        return _Notebook(display, HTML)
    return _Terminal() if sys.stderr is not None and sys.stderr.isatty() else _Nowhere()
