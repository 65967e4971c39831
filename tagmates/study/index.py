"""A cache of the records of finished runs, in SQLite. It may be deleted and is rebuilt from the run folders."""

import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tagmates.study.plan import Combination
from tagmates.study.records import RunRecord
from tagmates.study.significance import SentenceCounts

log = logging.getLogger("tagmates")
INDEX_VERSION = 4  # of the format of its rows
# time to wait for another process that writes the index, which takes milliseconds; then the runs are read instead
LOCK_SECONDS = 0.3
Stamp = str  # of a run's files: equal while none of them changes


def read_index(path: Path, names: Iterable[str], *, counts: bool) -> dict[str, tuple[Stamp, RunRecord]]:
    """The cached records of these runs with their stamps; empty without a valid index."""
    if not path.exists():
        return {}
    query = f"SELECT name, stamp, record{', counts' if counts else ''} FROM runs"
    wanted = set(names)
    try:
        with closing(_connect(path)) as connection:
            rows = [row for row in connection.execute(query) if row[0] in wanted]
    except sqlite3.Error as error:
        log.info("%s: is unreadable (%s); the runs are read instead", path, error)
        return {}
    cached = {}
    for name, stamp, text, *blob in rows:
        with suppress(ValueError, KeyError, TypeError):  # an invalid row is written again
            cached[name] = stamp, _record(text, *blob)
    return cached


def write_index(path: Path, records: Mapping[str, tuple[Stamp, RunRecord]]) -> None:
    """Add records. An invalid index is replaced; an index that cannot be written stays as it is."""
    rows = [(name, stamp, *_row(record)) for name, (stamp, record) in records.items()]
    for _ in range(2):
        try:
            with closing(_connect(path)) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", rows)
            return
        except sqlite3.OperationalError as error:  # locked, read-only, a full disk
            log.info("%s: cannot be written (%s)", path, error)
            return
        except sqlite3.DatabaseError:
            with suppress(OSError):
                path.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != INDEX_VERSION:  # only then write, so that a read-only index can be read
            connection.executescript(
                f"BEGIN IMMEDIATE; {'DROP TABLE IF EXISTS runs;' if version else ''}"
                "CREATE TABLE IF NOT EXISTS runs (name TEXT PRIMARY KEY, stamp TEXT, record TEXT, counts BLOB);"
                f"PRAGMA user_version = {INDEX_VERSION}; COMMIT"
            )
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _row(record: RunRecord) -> tuple[str, bytes]:
    """A record as JSON, and its counts as bytes in the smallest integer type."""
    arrays = {
        task: array.astype(np.min_scalar_type(int(array.max(initial=0)))) for task, array in record.counts.items()
    }
    values: dict[str, Any] = {
        "name": record.name,
        "sharing": record.combination.sharing,
        "tasks": record.combination.tasks,
        "seed": record.seed,
        "dev": dict(record.dev),
        "test": dict(record.test),
        "updates": record.updates,
        "epochs": record.epochs,
        "stopped": record.stopped,
        "seconds": record.seconds,
        "parameters": record.parameters,
        "embeddings": dict(record.embeddings),
        "task_data": dict(record.task_data),
        "vectors": record.vectors,
        "counts": [[task, array.dtype.str, len(array)] for task, array in arrays.items()],
    }
    return json.dumps(values), b"".join(array.tobytes() for array in arrays.values())


def _record(text: str, blob: bytes | None = None) -> RunRecord:
    values = json.loads(text)
    layout = values.pop("counts")
    combination = Combination(values.pop("sharing"), tuple(values.pop("tasks")))
    record = RunRecord(combination=combination, **values)
    return record if blob is None else replace(record, counts=_counts(layout, blob))


def _counts(layout: Iterable[tuple[str, str, int]], data: bytes) -> dict[str, SentenceCounts]:
    counts, start = {}, 0
    for task, kind, sentences in layout:
        array = np.frombuffer(data, dtype=kind, count=3 * sentences, offset=start)
        counts[task] = array.reshape(-1, 3)
        start += array.nbytes
    return counts
