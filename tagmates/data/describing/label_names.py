"""Find the names of integer tags in the files that data sets have beside their records.

These are ``label.json`` (``{"O": 0, "B-PER": 1}``, as tner writes it), ``id2label.json`` (``{"0": "O"}``, also inside a
``config.json``), a JSON list or a text file with a name a line, and of the Hugging Face Hub ``dataset_infos.json`` and
the data card (README.md).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_MAX_SIZE = 2**20  # bytes of a file that may hold names
_NAMED = re.compile(
    r"(?:\w+[-_])?(?:labels?|tags?|id2label|label2id|config|classes)[\w-]*\.(?:json|txt)|dataset_infos?\.json",
    re.IGNORECASE,
)
_CARD_NAME = r"\s*'?(\d+)'?:[ ]*(\S+)[ ]*\n"


def names_beside(folders: Iterable[Path], key: str, count: int) -> tuple[tuple[str, ...], list[Path]]:
    """The names of the integer tags of a key, from 0, and the files that have them; ``count`` of them are needed.

    Both are empty if no file of the folders has so many names, or if two have different ones.
    """
    found = [(names, path) for folder in folders for path, names in _names_in(folder, key) if len(names) >= count]
    if not found or len({names for names, _ in found}) > 1:
        return (), []
    return found[0][0], [path for _, path in found]


def _names_in(folder: Path, key: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for path in sorted(folder.iterdir()):
        named = path.name == "README.md" or _NAMED.fullmatch(path.name)
        if not named or not path.is_file() or path.stat().st_size > _MAX_SIZE:
            continue
        if names := _names_of(path, key):
            yield path, names


def _names_of(path: Path, key: str) -> tuple[str, ...]:
    """The names in a file; none if two are the same."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.name == "README.md":
        names = _of_card(text, key)
    else:
        names = _of_json(text, key) if path.suffix.lower() == ".json" else tuple(text.split())
    return names if len({*names}) == len(names) else ()


def _of_card(text: str, key: str) -> tuple[str, ...]:
    """The names of a feature in the YAML of a data card."""
    own = re.search(rf"\bname: {re.escape(key)}\n(?:(?!\s*- name:).*\n)*?\s*names:\n((?:{_CARD_NAME})+)", text)
    pairs = re.findall(_CARD_NAME, own[1]) if own else []
    return _in_order({name.strip("'\""): int(number) for number, name in pairs})


def _of_json(text: str, key: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if features := _features_in(value):
        feature = features.get(key)
        inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
        value = inner.get("names") if isinstance(inner, dict) else None
    if isinstance(value, dict) and isinstance(value.get("id2label"), dict):
        value = value["id2label"]
    if isinstance(value, dict) and all(key.isdecimal() and isinstance(name, str) for key, name in value.items()):
        value = {name: int(key) for key, name in value.items()}
    if isinstance(value, dict):
        return _in_order(value) if all(type(number) is int for number in value.values()) else ()
    return tuple(value) if _are_names(value) else ()


def _features_in(value: Any) -> Mapping[str, Any]:
    """The features of a data set, or of the first of its configurations, as ``dataset_infos.json`` has them."""
    places = [value, *value.values()] if isinstance(value, dict) else []
    features = (each.get("features") for each in places if isinstance(each, dict))
    return next((each for each in features if isinstance(each, dict)), {})


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


def _in_order(numbers: Mapping[str, int]) -> tuple[str, ...]:
    """The names by their numbers; empty unless these are 0, 1, 2, …."""
    ordered = sorted(numbers, key=lambda name: numbers[name])
    return tuple(ordered) if sorted(numbers.values()) == [*range(len(numbers))] else ()
