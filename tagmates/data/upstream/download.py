"""Download a file over HTTP. Interrupted transfers are resumed, and the file is verified before it is put in place."""

import hashlib
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tagmates.data.upstream.partial import Origin, Partial
from tagmates.data.upstream.server import (
    MANUAL_ADVICE,
    BrokenOffError,
    OtherPartError,
    content_range,
    read_some,
    request_file,
)
from tagmates.errors import DataError
from tagmates.failures import what_to_do
from tagmates.locks import take_lock

BLOCK_SIZE = 1 << 16  # bytes
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """The number of bytes that have arrived, and the total, None if the server does not say."""

    name: str
    done: int
    total: int | None


def download(
    url: str,
    path: Path,
    *,
    limit: int = 1 << 30,
    timeout: float = 30.0,
    sha256: str = "",
    git_blob: str = "",
    pause: float = 1.0,
) -> Iterator[DownloadProgress]:
    """Download to ``path``; yield the progress after every block.

    An incomplete file is kept beside it as ``NAME.part``. An interrupted transfer is resumed a few times: first at
    once, then after ``pause`` seconds, then after twice as many, and so on; the next call resumes it too. An existing
    file with the given checksum is not downloaded again; without a checksum it is, and replaced. ``limit`` is the
    largest size in bytes; ``timeout`` is the time in seconds to wait for an answer or the next block. Raises DataError.
    A file with a wrong checksum is not kept.
    """
    partial = Partial(path)
    verified = bool(sha256 or git_blob)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _download_lock(path):
            if verified and path.is_file() and _difference(path, sha256, git_blob) is None:
                yield DownloadProgress(path.name, path.stat().st_size, path.stat().st_size)
                return
            yield from _transfer(url, partial, limit=limit, timeout=timeout, verified=verified, pause=pause)
            difference = _difference(partial.file, sha256, git_blob)
            if difference is not None:
                partial.discard()
                raise DataError(f"{url}: {difference}; it is not kept; try again later, or {MANUAL_ADVICE}")
            partial.finish()
    except OSError as error:  # errors of the network are DataErrors already
        what = error.strerror or error
        raise DataError(
            f"{path}: cannot be written ({what}); {what_to_do(error)}, or choose another place; "
            "what has arrived is kept"
        ) from None


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal. Raises DataError if it cannot be read."""
    with _reading(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_of(path: Path) -> str:
    """The hash of the git blob with the content of a file, in hexadecimal. Raises DataError if it cannot be read."""
    with _reading(path) as file:
        head = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        return hashlib.file_digest(file, lambda: head).hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[io.BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); give a file") from None


def _difference(path: Path, sha256: str, git_blob: str) -> str | None:
    """A message if the checksum of the file is not the known one; None if they agree or none is known."""
    for kind, known, compute in (("sha256", sha256, sha256_of), ("git blob hash", git_blob, git_blob_of)):
        if known and (found := compute(path)) != known.lower():
            return f"has the {kind} {found}, not {known.lower()}, so it is another file or a damaged one"
    return None


@contextmanager
def _download_lock(path: Path) -> Iterator[None]:
    """Keep other processes from downloading to the same place. If this process is killed, the lock is released."""
    busy = DataError(f"{path}: another process is downloading it; wait until it is done, then try again")
    with take_lock(path.with_name(f".{path.name}.lock"), busy=busy):
        yield


def _transfer(
    url: str, partial: Partial, *, limit: int, timeout: float, verified: bool, pause: float
) -> Iterator[DownloadProgress]:
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt > 1:
            time.sleep(pause * 2 ** (attempt - 2))
        try:
            yield from _attempt(url, partial, limit=limit, timeout=timeout, verified=verified)
            return
        except OtherPartError as error:
            partial.discard()
            reason = str(error)
        except BrokenOffError as error:
            reason = str(error)
    raise DataError(
        f"{url}: the transfer broke off {ATTEMPTS} times ({reason}); {partial.size:,} bytes have arrived and are kept: "
        f"repeat the command to continue, or {MANUAL_ADVICE}"
    )


def _attempt(url: str, partial: Partial, *, limit: int, timeout: float, verified: bool) -> Iterator[DownloadProgress]:
    """Download the rest of the file. Raises BrokenOffError if its end is not reached."""
    before = partial.origin(url, verified=verified)
    done = partial.size
    if before is not None and done == before.total:
        return  # everything had arrived before the interruption
    with request_file(url, done, before.validator if before else "", timeout) as response:
        start, end, total = content_range(response)
        origin = Origin.of(url, response.headers, total)
        if start == 0:
            partial.begin(origin)
        elif before is None or start != done or not before.is_continued_by(origin):
            raise OtherPartError("the server sent a part that was not requested")
        done, known = start, max(end or 0, total or 0)
        yield DownloadProgress(partial.path.name, done, total)
        with partial.file.open("ab") as file:
            while max(done, known) <= limit and (
                chunk := read_some(response, BLOCK_SIZE if end is None else min(BLOCK_SIZE, end - done))
            ):
                file.write(chunk)
                file.flush()
                done += len(chunk)
                yield DownloadProgress(partial.path.name, done, total)
    if max(done, known) > limit:
        partial.discard()
        raise DataError(f"{url}: is larger than {limit:,} bytes, which is the limit; it is not kept; {MANUAL_ADVICE}")
    if done < known:
        raise BrokenOffError(f"the connection was closed {known - done:,} bytes before the end")
