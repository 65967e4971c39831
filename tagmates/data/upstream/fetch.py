"""Fetch the paper's tasks from a user's copies, the cache or the network, convert them, and compare with Table 1."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagmates.data.statistics import statistics
from tagmates.data.upstream.archives import extract_member
from tagmates.data.upstream.conversion import convert_task
from tagmates.data.upstream.download import DownloadProgress, download, git_blob_of, sha256_of
from tagmates.data.upstream.prepared import Provenance, UsedFile, Verified, check_replaceable, write_task
from tagmates.data.upstream.sources import Mode, PublishedFile, Source, known_sources, sources_of
from tagmates.data.upstream.table1 import Table1Number, compare
from tagmates.errors import BusyError, ConfigError, DataError, DiskError
from tagmates.failures import what_to_do
from tagmates.locks import take_lock
from tagmates.private_folders import cache_folder, is_private, keep_private

MAX_BYTES = 1 << 30  # limit for downloads and unpacked files of unknown size


@dataclass(frozen=True, slots=True)
class Downloading:
    """More of a file has arrived."""

    source: Source
    progress: DownloadProgress


@dataclass(frozen=True, slots=True)
class Found:
    """A file was found. ``verified`` says how it is known to be the published one."""

    source: Source
    file: PublishedFile
    path: Path
    sha256: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Missing:
    """A task cannot be prepared: these files of its data set were not found and may not be downloaded."""

    task: str
    source: Source
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A task cannot be prepared: a file could not be downloaded, is not the published one, or cannot be read."""

    task: str
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task was written to its folder; ``row`` is its row of ``data.statistics``."""

    folder: Path
    provenance: Provenance
    row: Mapping[str, Any]

    @property
    def numbers(self) -> tuple[Table1Number, ...]:
        """The numbers that Table 1 prints for the task, and ours."""
        return compare(self.row)


Event = Downloading | Found | Missing | Failed | Prepared


@dataclass(frozen=True, slots=True)
class _Places:
    """The places where files are looked for."""

    copies: Path | None
    cache: Path | None
    unverified: bool

    def copy(self, source: Source, name: str) -> Path | None:
        """The file with this name in the user's folder, or None."""
        places = [] if self.copies is None else [self.copies / source.name / name, self.copies / name]
        try:
            return next((path for path in places if path.is_file()), None)
        except OSError as error:  # no permission to enter its folder
            raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from None


def fetch_tasks(
    tasks: Iterable[str],
    output: Path,
    *,
    mode: Mode = "authors",
    copies: Path | None = None,
    cache: Path | None = None,
    unverified: bool = False,
    sources: Sequence[Source] | None = None,
) -> Iterator[Event]:
    """Get the files of the paper's ``tasks``, convert them and write ``OUTPUT/TASK``; yield what happens.

    A file is taken from the folder ``copies`` (or its subfolder with the name of the data set), else from ``cache`` (by
    default the user's), else downloaded into the cache. A copy whose checksum differs from the published file's is
    refused, unless ``unverified``; then only Table 1 tells whether it is right. A task is skipped if one of its files
    is not available (Missing), or is broken or cannot be downloaded (Failed). Raises ConfigError if an output folder
    holds anything else, DiskError if the disk is full.
    """
    chosen = tuple(tasks)
    if copies is not None and not copies.is_dir():
        raise ConfigError(f"--from {copies}: is not a folder; name the one with your copy of the files")
    for task in chosen:
        check_replaceable(output / task, mode)
    places = _Places(copies, cache, unverified)
    found: dict[tuple[str, str], Found] = {}  # by data set and file
    failed: dict[str, DataError] = {}  # by data set, so that it is not tried again for its next task
    with _output_lock(output):
        for task in chosen:
            needed = sources_of(task, mode, known_sources() if sources is None else sources)
            try:
                for source in needed:
                    yield from _find(source, places, found, failed)
                missing = [event for source in needed if (event := _missing(task, source, found))]
                yield from missing
                if not missing:
                    yield _prepare(task, mode, needed, found, output / task)
            except DataError as error:
                yield Failed(task, str(error))


def cached_file(source: Source, name: str, cache: Path | None = None) -> Path:
    """The path of a downloaded file in the cache. Raises ConfigError for a user without a home folder."""
    try:
        return (cache_folder() if cache is None else cache) / "upstream" / source.name / name
    except RuntimeError:
        raise ConfigError("TAGMATES_CACHE: is not set, and you have no home folder; set it to a folder") from None


def _find(
    source: Source, places: _Places, found: dict[tuple[str, str], Found], failed: dict[str, DataError]
) -> Iterator[Downloading | Found]:
    """Add the available files of a data set to ``found``. Raises DataError, which is added to ``failed``."""
    if source.name in failed:
        raise failed[source.name]
    for file in source.file:
        if (source.name, file.name) not in found:
            try:
                one = yield from _obtain(source, file, places)
            except DataError as error:
                failed[source.name] = error
                raise
            if one is not None:
                found[source.name, file.name] = one
                yield one


def _missing(task: str, source: Source, found: dict[tuple[str, str], Found]) -> Missing | None:
    names = tuple(file.name for file in source.file if (source.name, file.name) not in found)
    return Missing(task, source, names) if names else None


def _prepare(
    task: str, mode: Mode, needed: Sequence[Source], found: dict[tuple[str, str], Found], folder: Path
) -> Prepared:
    used = [found[source.name, file.name] for source in needed for file in source.file]
    try:
        splits = convert_task(task, {one.file.name: one.path for one in used}, mode)
    except DataError as error:
        doubtful = [str(one.path) for one in used if one.verified == "unverified" and one.file.url]
        if any(str(error).startswith(path) for path in doubtful):  # for example, a page that asks for a login
            raise DataError(f"{error}; the file could not be verified: delete it, and it is downloaded again") from None
        raise
    about = ("name", "title", "homepage", "licence", "terms")
    record = {
        "task": task,
        "mode": mode,
        "sources": [source.model_dump(include=set(about)) for source in needed],
        "files": [
            UsedFile(source=one.source.name, name=one.path.name, sha256=one.sha256, verified=one.verified)
            for one in used
        ],
    }
    return Prepared(folder, write_task(folder, splits, record), statistics(task, splits))


def _obtain(source: Source, file: PublishedFile, places: _Places) -> Generator[Downloading, None, Found | None]:
    """The verified file; None if there is no copy and it may not be downloaded."""
    for candidate in (file, file.substitute):
        path = places.copy(source, candidate.name) if candidate else None
        if candidate and path:
            return _verified(source, file, path, candidate, unverified=places.unverified)
    if not file.url:
        return None
    path = cached_file(source, file.name, places.cache)
    if path.is_file() and is_private(path):
        try:
            return _verified(source, file, path, file)
        except DataError:  # damaged, or from another version of tagmates: download it again
            path.unlink(missing_ok=True)
    limit = file.size or MAX_BYTES
    if not file.member:
        progresses = download(file.url, path, limit=limit, sha256=file.sha256, git_blob=file.git_blob)
        yield from (Downloading(source, progress) for progress in progresses)
    else:
        copy = places.copy(source, file.archive)
        archive = copy or path.with_name(file.archive)
        if copy is None:
            yield from (Downloading(source, progress) for progress in download(file.url, archive))
        extract_member(archive, file.member, path, limit=limit)
        if copy is None:
            archive.unlink(missing_ok=True)
    with suppress(OSError):  # it may belong to another user and still be the published file
        keep_private(path)
    return _verified(source, file, path, file)


def _verified(
    source: Source, file: PublishedFile, path: Path, known: PublishedFile, *, unverified: bool = False
) -> Found:
    """The file at ``path``, verified by the hashes of ``known``. Raises DataError if it has others."""
    sha256 = sha256_of(path)
    verified: Verified = "unverified"
    if known.sha256 == sha256:
        verified = "sha256"
    elif not known.sha256 and known.git_blob and known.git_blob == git_blob_of(path):
        verified = "git blob"
    elif (known.sha256 or known.git_blob) and not unverified:
        expected = f"sha256 {known.sha256}" if known.sha256 else f"git blob {known.git_blob}"
        size = f"{known.size:,} bytes, " if known.size else ""
        raise DataError(
            f"{path}: is not the published file, which has {size}{expected[:25]}…; it has "
            f"{path.stat().st_size:,} bytes, sha256 {sha256[:16]}…; get it again, or take it as it is with --unverified"
        )
    return Found(source, file, path, sha256, verified)


@contextmanager
def _output_lock(output: Path) -> Iterator[None]:
    """Lock the output folder. Raises BusyError if another process holds the lock."""
    busy = BusyError(f"{output}: another fetch writes here; wait for it, or choose another --output-dir")
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock_held = take_lock(output / ".lock", busy=busy)
    except OSError as error:
        advice = f"{what_to_do(error)}, or choose another --output-dir"
        raise DiskError(f"{output}: cannot be written ({error.strerror}); {advice}") from None
    with lock_held:
        yield
