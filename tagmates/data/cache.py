"""A cache of loaded tasks, so that their files are read only once for many runs.

An entry is an uncompressed .npz file in ``corpora`` of the cache folder, which holds an ``IndexedTask``. Its name is a
hash of everything that decides its content: the task, its files as the system describes them, and tagmates' code.
Entries are never required: one that is missing, damaged or cannot be written costs time and nothing else.
"""

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tagmates.cache_files import write_cache_file
from tagmates.data.indexing import IndexedSplit, IndexedTask, Numbers, json_array, json_value, restore_sentences
from tagmates.data.task import Task
from tagmates.private_folders import cache_folder, is_private

log = logging.getLogger("tagmates")
SWITCH_VARIABLE = "TAGMATES_CACHE_CORPORA"
"""The environment variable that switches the cache off if it is 0."""
MAX_CACHE_SIZE = 2**30  # bytes of all entries; the paper's eleven tasks are 24 MB
MIN_FILES_SIZE = 2**18  # bytes; smaller files of a task are read as fast as an entry
MIN_FILE_AGE = 2.0  # seconds; the coarsest file systems store times in steps of two seconds
CACHED_FORMATS = ("columns", "csv", "lines", "parallel", "conllu", "conll2012", "jsonl", "json", "webanno")


def entry_of(task: Task, splits: Sequence[str]) -> Path | None:
    """The path of the entry for these splits, which need not exist; None if they are not cached.

    Not cached are small files, packed studies, formats of several files (of which the task names only one), formats
    read by other packages, and files changed in the last seconds: these may change again without a change of their
    time.
    """
    if task.format not in CACHED_FORMATS or os.environ.get(SWITCH_VARIABLE) == "0":
        return None
    try:
        parts = [part for split in splits if (part := task.part(split))]
        names = [name for part in parts for name in (*part.files(task.folder), *part.tag_files(task.folder)) if name]
        paths = [task.folder / name for name in dict.fromkeys(names)]
        found = [(os.path.abspath(path), path.stat()) for path in paths]  # noqa: PTH100  (no links: they may change)
        folder = cache_folder() / "corpora"
        if not is_private(folder):
            _warn(folder)
            return None
    except (
        OSError,
        ValueError,
        RuntimeError,
    ):  # a file is missing, which reading it will report, or there is no home folder
        return None
    newest = max(max(status.st_mtime, status.st_ctime) for _, status in found)
    total = sum(status.st_size for _, status in found)
    if (
        not all(stat.S_ISREG(status.st_mode) for _, status in found)
        or total < MIN_FILES_SIZE
        or time.time() - newest < MIN_FILE_AGE
    ):
        return None
    # with the time of the last status change, since copies may keep the old time of modification; and with the inode,
    # since a link may now lead to another file that was written in the same tick of the clock
    described = [[path, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns] for path, s in found]
    key = json.dumps(
        [_code(), list(splits), task.model_dump(mode="json", exclude={"name", "folder", "score"}), described]
    )
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"


def read_entry(entry: Path) -> IndexedTask | None:
    """The content of an entry; None if there is none, if it cannot be read, or if other users can change it."""
    if not is_private(entry):
        _warn(entry)
        return None
    try:
        with entry.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            names, digest = json_value(arrays["task"])
            splits = {name: _split({part: arrays[f"{name}/{part}"] for part in ENTRY_ARRAYS}) for name in names}
    except Exception:  # a damaged file causes errors of zipfile, zlib, numpy or json
        return None
    with suppress(OSError):
        os.utime(entry)  # entries that were used last are removed last
    return IndexedTask(splits, digest)


def write_entry(entry: Path, indexed: IndexedTask) -> None:
    """Write an entry. If the cache is then too large, remove the entries that were not used for the longest time."""
    arrays: dict[str, Numbers] = {"task": json_array([list(indexed.splits), indexed.digest])}
    for name, split in indexed.splits.items():
        line = np.array([sentence.line for sentence in split.sentences], dtype=np.int64)
        files = {file: number for number, file in enumerate(dict.fromkeys(each.file for each in split.sentences))}
        place = np.array([files[sentence.file] for sentence in split.sentences], dtype=np.int64)
        texts = (json_array(split.forms), json_array(split.tags), json_array(list(files)))
        values: tuple[Numbers, ...] = (*texts, split.form, split.tag, split.lengths, line, place)
        arrays |= {f"{name}/{part}": value for part, value in zip(ENTRY_ARRAYS, values, strict=True)}
    with suppress(OSError):
        # numpy's stub takes the arrays for allow_pickle
        write_cache_file(entry, lambda file: np.savez(file, **arrays), MAX_CACHE_SIZE)  # type: ignore[arg-type]


@cache
def _warn(path: Path) -> None:
    log.warning("%s: other users can change it, so it is not read; delete it, or take that right from them", path)


ENTRY_ARRAYS = ("forms", "tags", "files", "form", "tag", "lengths", "line", "file")
"""The arrays of a split in an entry: the fields of ``IndexedSplit``, and the sentences' lines and files."""


def _split(held: Mapping[str, Any]) -> IndexedSplit:
    texts, labels, files = (tuple(json_value(held[part])) for part in ("forms", "tags", "files"))
    form, tag, lengths = held["form"], held["tag"], held["lengths"]
    sentences = restore_sentences(texts, labels, form, tag, lengths, held["line"])
    if any(files):
        places = zip(sentences, held["file"].tolist(), strict=True)
        sentences = [replace(sentence, file=files[place]) for sentence, place in places]
    return IndexedSplit(sentences, texts, labels, form, tag, lengths)


@cache
def _code() -> str:
    """A digest of the code that reads data, so that an entry of another version is never used."""
    sha = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        sha.update(file.read_bytes())
    return sha.hexdigest()
