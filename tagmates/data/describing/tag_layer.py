"""Layers of tags that were found in files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagmates.data.describing.toml_text import comment_text
from tagmates.data.sentence import Sentence


@dataclass(frozen=True, slots=True)
class TagLayer:
    """One layer of tags: the keys that distinguish its task from others on the same files, and a name if it has one.

    A layer that is only offered as a comment has a ``sample`` of sentences. The names of integer tags may come from
    ``files``.
    """

    keys: Mapping[str, Any]
    name: str | None = None
    notes: tuple[str, ...] = ()
    sample: Sequence[Sentence] = ()
    files: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class FoundLayers:
    """What files hold: the keys that all tasks on them share, notes on what was seen, and the layers of tags."""

    keys: Mapping[str, Any]
    seen: Sequence[str]
    layers: Sequence[TagLayer]


def types_note(what: str, labels: Mapping[str, int]) -> str:
    """The note that names the most common labels of spans, with their counts."""
    most = sorted(labels.items(), key=lambda item: -item[1])[:12]
    named = ", ".join(f"{name} ({count})" for name, count in most)
    return f'types of {what}: {comment_text(named, 100)}; types = ["…"] takes only some'
