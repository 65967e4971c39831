"""A layer of tags that was found in files, and how texts of files are shown in the comments of tasks.toml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagmates.data.sentence import Sentence


@dataclass(frozen=True, slots=True)
class TagLayer:
    """One layer of tags: the keys that distinguish its task from others on the same files, and a name if it has one.

    A layer that is only offered as a comment has a ``sample`` of sentences.
    """

    keys: Mapping[str, Any]
    name: str | None = None
    notes: tuple[str, ...] = ()
    sample: Sequence[Sentence] = ()


def comment_text(text: str, most: int = 60) -> str:
    """A text for a comment: printable, and not too long."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
