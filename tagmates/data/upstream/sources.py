"""The data sets behind the paper's tasks, as ``sources.toml`` has them: title, licence, files, hashes."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from tagmates.config import Settings, parse, read_toml

Mode = Literal["authors", "clean"]
"""``authors``: the paper's files to the last tag; ``clean``: what they meant."""
MODES: tuple[Mode, ...] = ("authors", "clean")


class PublishedFile(Settings):
    """A file as it was published; its hashes are of itself, also where an archive holds it."""

    name: str
    size: int | None = Field(None, description="bytes, where known")
    sha256: str = ""
    git_blob: str = ""
    url: str = Field("", description="of the file, or of the archive with it; empty: not to be downloaded")
    member: str = Field("", description="the file's path in the archive at url; empty: url is no archive")
    substitute: "PublishedFile | None" = Field(None, description="accepted in its place from a user's folder")

    @property
    def archive(self) -> str:
        """The name of the archive that holds it, empty where none does."""
        return Path(urlsplit(self.url).path).name if self.member else ""


class Source(Settings):
    """One data set, and the tasks that it serves in either mode."""

    name: str
    title: str
    homepage: str
    licence: str
    terms: str
    obtain: str = Field("", description="how to get it, where it is not to be downloaded")
    authors: tuple[str, ...]
    clean: tuple[str, ...]
    file: tuple[PublishedFile, ...]

    def tasks(self, mode: Mode) -> tuple[str, ...]:
        """The tasks that need it."""
        return self.authors if mode == "authors" else self.clean

    @property
    def downloadable(self) -> bool:
        """Whether every file has a URL."""
        return all(file.url for file in self.file)


class _Sources(Settings):
    source: tuple[Source, ...]


@cache
def known_sources() -> tuple[Source, ...]:
    """All data sets that the paper's tasks come from."""
    path = Path(__file__).parent / "sources.toml"
    return parse(_Sources, read_toml(path), str(path)).source


def sources_of(task: str, mode: Mode, sources: Iterable[Source]) -> list[Source]:
    """The data sets that a task needs in this mode."""
    return [source for source in sources if task in source.tasks(mode)]
