"""A list of the paper's tasks, with the state of their files on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tagmates.data.tasks import PAPER_SCHEMES
from tagmates.data.upstream.fetch import cached_file
from tagmates.data.upstream.prepared import provenance_of
from tagmates.data.upstream.sources import Mode, Source, known_sources, sources_of

State = Literal["here", "downloaded", "to be downloaded", "needs your copy"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A task, one of its data sets, and whether this is on this machine.

    ``size`` is the sum of the known sizes of the published files in bytes; ``size_known`` says whether all are known.
    """

    task: str
    source: Source
    state: State
    size: int
    size_known: bool


def list_tasks(mode: Mode, output: Path, cache: Path | None = None) -> list[Listed]:
    """All of the paper's tasks. The state is "here" for tasks that were fetched into ``output`` in this mode."""
    return [
        Listed(
            task,
            source,
            _state(task, source, mode, output, cache),
            sum(file.size or 0 for file in source.file),
            all(file.size is not None for file in source.file),
        )
        for task in PAPER_SCHEMES
        for source in sources_of(task, mode, known_sources())
    ]


def _state(task: str, source: Source, mode: Mode, output: Path, cache: Path | None) -> State:
    made = provenance_of(output / task)
    if made is not None and made.mode == mode:
        return "here"
    if not source.downloadable:
        return "needs your copy"
    if all(cached_file(source, file.name, cache).is_file() for file in source.file):
        return "downloaded"
    return "to be downloaded"
