"""The progress of tagging, on stderr: a bar on a terminal, else a line from time to time."""

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tagmates.formatting import duration
from tagmates.tagging.tagged_chunks import TaggedChunk

LINE_INTERVAL = 30  # seconds between two lines


def show_tagging(
    results: Iterable[TaggedChunk], console: Console, total: int | None, skipped: int = 0
) -> Iterator[TaggedChunk]:
    """Yield the results; meanwhile show how much of the input is done, the speed, and the time that is left.

    ``total`` is the size of the input in bytes, if it is known; ``skipped`` bytes were tagged before. Nothing is shown
    for input of one chunk.
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
            size, tokens, now = size + len(result.chunk.data), tokens + result.tokens, time.monotonic()
            speed = f"{tokens / max(now - began, 1e-9):,.0f} tokens/s"
            if console.is_terminal:
                bar.start()
                bar.update(tagging, completed=size, speed=speed)
            elif now - said >= LINE_INTERVAL:
                said = now
                of, left = "", ""
                if total is not None:
                    seconds = (now - began) / max(size - skipped, 1) * max(total - size, 0)
                    of, left = f" of {decimal(total)}", f", {duration(seconds)} left"
                console.print(f"{decimal(size)}{of}, {speed}{left}", highlight=False, soft_wrap=True)
    finally:
        if console.is_terminal:
            bar.stop()
