"""A local copy of a Hugging Face data set → ``Sentence``: written by ``save_to_disk``, or a snapshot from the Hub.

``save_to_disk`` writes a folder of Arrow files for each split. On the Hub the files are called
``SPLIT-00000-of-00001.parquet``, ``data/SPLIT-…`` or ``CONFIG/SPLIT-…``. A split is named by its path in the folder,
such as ``train`` or ``en/train``. The features stored with the data give the names of integer class labels.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagmates.data.formats.arrow import read_batches, values_of
from tagmates.data.formats.records import ANSWER_KEYS, LocatedRecord, Record, RecordKeys, sentences_of_records
from tagmates.data.formats.token_lines import require_sentences
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

_SHARD = re.compile(r"(?P<split>.*?)(?:-\d+-of-(?P<shards>\d+)(?:-[0-9a-f]+)?|\d+)?\.(?:arrow|parquet)")


def read_huggingface(
    path: Path,
    *,
    token_key: str = "tokens",
    tag_key: str = "tags",
    labels: Sequence[str] = (),
    scheme: Scheme = "plain",
    types: Collection[str] = (),
    elsewhere: Iterable[bool] = (),
) -> list[Sentence]:
    """Read the split at ``path``. Keys are as in JSON lines; a sentence's ``line`` is the number of its row, from 1.

    ``labels`` names integer tags if the features do not; ``elsewhere`` tells of other splits (see ``ends_of``). Raises
    ConfigError if pyarrow is not installed, DataError for files that are missing, incomplete or broken, for rows that
    ``sentences_of_records`` refuses, and for a split without a sentence.
    """
    keys, records = huggingface_records(path, RecordKeys(token_key, tag_key, labels, scheme, types))
    return require_sentences(sentences_of_records(records, keys, str(path), elsewhere), path, "name another split")


def huggingface_records(path: Path, keys: RecordKeys) -> tuple[RecordKeys, Iterator[LocatedRecord]]:
    """The keys, with the names that the features give to integer tags, and every row of a split as a record."""
    rows = read_rows(path, (keys.tokens, keys.tags))
    first = next(rows, None)
    if first is not None and not keys.labels:
        names = class_names(first[1], keys.tags) or class_names(first[1], f"{keys.tags}.label")
        keys = replace(keys, labels=names)
    numbered = enumerate(chain([first] if first else [], rows), start=1)
    return keys, (LocatedRecord(record, number, f"{path}: sentence {number}") for number, (record, _) in numbered)


def read_rows(path: Path, keys: Sequence[str] = ()) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    """Yield every row of a split, with the features of its file.

    If ``keys`` are given, rows have only their columns, and those of Prodigy's answers.
    """
    columns = {key.partition(".")[0] for key in keys}
    for file in _data_files(path):
        features: Mapping[str, Any] | None = None
        for batch in read_batches(file, columns, ANSWER_KEYS):
            features = _features(batch, file) if features is None else features
            for row in zip(*map(values_of, batch.columns), strict=True):
                yield dict(zip(batch.schema.names, row, strict=True)), features


def splits_in(folder: Path) -> list[str]:
    """The names of the splits in a folder; "." if the folder itself is a split; none if it is not a data set."""
    if (folder / "state.json").is_file():
        return ["."]
    saved = [path.parent.name for path in folder.glob("*/state.json")]
    shards = [path for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet") for path in folder.glob(pattern)]
    return sorted({*saved, *(_split_of(path.relative_to(folder)) for path in shards)})


def class_names(features: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The names of the integer labels of a column, from 0; empty if the features do not name them."""
    found = _inner(_feature(features, key))
    names = found.get("names") if isinstance(found, Mapping) else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _feature(features: Any, key: str) -> Any:
    """The feature of a key, in which a dot is a part of a name or goes into a struct; None if there is none."""
    inside = _inner(features)
    if not isinstance(inside, Mapping) or key in inside:
        return inside[key] if isinstance(inside, Mapping) else None
    parts = ((key[:at], key[at + 1 :]) for at, sign in enumerate(key) if sign == "." and key[:at] in inside)
    return next((found for first, rest in parts if (found := _feature(inside[first], rest)) is not None), None)


def _inner(feature: Any) -> Any:
    """The feature of the items of a list; any other feature unchanged."""
    while (isinstance(feature, Mapping) and "_type" in feature and "feature" in feature) or (
        isinstance(feature, list) and len(feature) == 1
    ):
        feature = feature[0] if isinstance(feature, list) else feature["feature"]
    return feature


def _split_of(path: Path) -> str:
    match = _SHARD.fullmatch(path.name)
    split = match["split"] if match else path.stem
    parts = [part for part in (*path.parent.parts, split) if part]
    return "/".join(part for part in parts if part != "data") or "."


def _data_files(path: Path) -> list[Path]:
    """The files of a split, in the order of their rows. Raises DataError if some are missing."""
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(path.glob("*.arrow")) or sorted(path.glob("*.parquet"))
    else:
        shards = sorted([*path.parent.glob("*.parquet"), *path.parent.glob("data/*.parquet")])
        found = [file for file in shards if (match := _SHARD.fullmatch(file.name)) and match["split"] == path.name]
    if not found:
        there = splits_in(path if path.is_dir() else path.parent)
        hint = f"there are {', '.join(there)}" if there else "give a folder of save_to_disk, or of parquet files"
        raise DataError(f"{path}: is not a split of a Hugging Face data set; {hint}")
    matches = [match for file in found if (match := _SHARD.fullmatch(file.name))]
    if len({match["split"] for match in matches}) > 1:
        raise DataError(f"{path}: holds several splits; name one of {', '.join(splits_in(path))}")
    shards_said = {int(match["shards"]) for match in matches if match["shards"]}
    if shards_said and shards_said != {len(found)}:
        raise DataError(f"{found[0]}: is one of {max(shards_said)} files, and {len(found)} are there; copy all of them")
    return found


def _features(batch: "RecordBatch", file: Path) -> Mapping[str, Any]:
    """The features in the schema of the file, or in the ``dataset_info.json`` beside it."""
    texts = [(batch.schema.metadata or {}).get(b"huggingface", b"")]
    info = file.with_name("dataset_info.json")
    if info.is_file():
        texts.append(info.read_bytes())
    for text in texts:
        try:
            found = json.loads(text or b"{}")
        except (ValueError, RecursionError):
            continue  # integer tags then need labels, which the reader reports
        found = found.get("info", found) if isinstance(found, dict) else {}
        features = found.get("features") if isinstance(found, dict) else None
        if isinstance(features, dict) and features:
            return features
    return {}
