"""The data sets of the paper's tasks, from ``sources.toml``: title, licence, files, hashes."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from tagmates.config import Settings
from tagmates.settings_parsing import parse, read_toml

Mode = Literal["authors", "clean"]
"""``authors``: exactly the files of the paper's authors; ``clean``: what they meant."""
MODES: tuple[Mode, ...] = ("authors", "clean")


class PublishedFile(Settings):
    """A published file. Its hashes are of the file itself, even if it is in an archive."""

    name: str
    size: int | None = Field(None, description="bytes, where known")
    sha256: str = ""
    git_blob: str = ""
    url: str = Field("", description="of the file or of its archive; empty: it may not be downloaded")
    member: str = Field("", description="the file's path in the archive at url; empty: url is not an archive")
    substitute: "PublishedFile | None" = Field(None, description="a file of the user that is accepted instead")

    @property
    def archive(self) -> str:
        """The name of its archive, "" if it is in none."""
        return Path(urlsplit(self.url).path).name if self.member else ""


class Source(Settings):
    """A data set, and the tasks that are made from it in each mode."""

    name: str
    title: str
    homepage: str
    licence: str
    terms: str
    obtain: str = Field("", description="how to get it, if it may not be downloaded")
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
    """The data sets that a task is made from in this mode."""
    return [source for source in sources if task in source.tasks(mode)]
