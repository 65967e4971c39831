"""Tagging as a person sees it: a bar on a terminal, elsewhere a line now and then; all on stderr."""

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tagmates.apps.progress import duration
from tagmates.tagging.workers import TaggedPiece

EVERY = 30  # seconds between two lines


def show_tagging(
    results: Iterable[TaggedPiece], console: Console, total: int | None, skipped: int = 0
) -> Iterator[TaggedPiece]:
    """Yield the results and show how much of the input they are, how fast they come and how long the rest will take.

    ``total`` is the length of the input in bytes, if it is known; ``skipped`` bytes were done before. What is over
    after one piece shows nothing.
    """
    columns = (
        BarColumn(24),
        DownloadColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    bar = Progress(*columns, console=console, transient=True)
    tagging = bar.add_task("", total=total, completed=skipped, speed="")
    began = said = time.monotonic()
    size, tokens = skipped, 0
    try:
        for result in results:
            yield result
            size, tokens, now = size + len(result.piece.data), tokens + result.tokens, time.monotonic()
            speed = f"{tokens / max(now - began, 1e-9):,.0f} tokens/s"
            if console.is_terminal:
                bar.start()
                bar.update(tagging, completed=size, speed=speed)
            elif now - said >= EVERY:
                said = now
                of, left = "", ""
                if total is not None:
                    seconds = (now - began) / max(size - skipped, 1) * max(total - size, 0)
                    of, left = f" of {decimal(total)}", f", {duration(seconds)} left"
                console.print(f"{decimal(size)}{of}, {speed}{left}", highlight=False, soft_wrap=True)
    finally:
        if console.is_terminal:
            bar.stop()
