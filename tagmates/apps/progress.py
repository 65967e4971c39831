"""The progress of training, on stderr: a live panel on a terminal, else a line for each epoch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tagmates.formatting import duration
from tagmates.training.loop import EpochEnded, Event, Updated
from tagmates.training.run import Run


@dataclass(slots=True)
class _Speed:
    """Tokens per second over this call."""

    tokens: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        return self.tokens / max(time.monotonic() - self.started, 1e-9)


def show_training(events: Iterator[Event], console: Console) -> Event | None:
    """Show events as they come; returns the last one, or None if there was none."""
    speed, last = _Speed(), None
    with Live(console=console, refresh_per_second=4, transient=True, auto_refresh=console.is_terminal) as live:
        live.update(Text("reading the data"))
        for last in events:
            if isinstance(last, Updated):
                speed.tokens += last.tokens
                if console.is_terminal:
                    live.update(_panel(last, speed))
            elif isinstance(last, EpochEnded):
                console.print(_epoch_line(last, speed), highlight=False, soft_wrap=True)
    return last


def _epoch_line(event: EpochEnded, speed: _Speed) -> Text:
    run, line = event.run, event.line
    begin = f"epoch {line['epoch']:>3}  updates {line['updates']}  loss {line['loss']:.3f}  {speed.rate:,.0f} tokens/s"
    begin = f"{begin}  lr {line['learning_rate']:.2g}"
    if not line["dev"]:
        return Text(f"{begin}  {_time_left(run)}")
    scores = " ".join(f"{task} {f1:.2f}" for task, f1 in line["dev"].items())
    best = (
        "best so far" if run.schedule.is_best else f"best {max(run.schedule.scores):.2f} in epoch {line['best_epoch']}"
    )
    return Text(f"{begin}  dev F1 {line['dev_mean']:.2f} ({scores})  {best}  {_time_left(run)}")


def _panel(event: Updated, speed: _Speed) -> Group:
    run = event.run
    seen = sum(map(len, run.batches[: run.step]))
    row = Table.grid(padding=(0, 2))
    row.add_row(
        f"epoch {run.epoch + 1}",
        ProgressBar(total=len(run.batches), completed=run.step, width=24),
        f"update {run.step}/{len(run.batches)} ({run.updates} in all)",
        f"loss {run.loss / max(seen, 1):.3f}",
        f"{speed.rate:,.0f} tokens/s",
        _time_left(run),
    )
    return Group(row)


def _time_left(run: Run) -> str:
    """The time left, from what it takes if no later epoch is better than the best one to what all epochs take."""
    if not run.epoch:
        return ""
    settings = run.config.training
    reason = run.why_stop()
    if reason is not None:
        return f"ends ({reason})"
    if settings.max_updates is not None:
        return f"left {duration(run.seconds / run.updates * (settings.max_updates - run.updates))}"
    each = run.seconds / run.epoch
    most = settings.max_epochs - run.epoch
    soonest = min(max(run.schedule.best_epoch + settings.stopping_patience - run.epoch, 1), most)
    return f"left {duration(each * soonest)} to {duration(each * most)}"
