"""Values and comments as they stand in a tasks.toml."""

import json
from collections.abc import Sequence


def toml_value(value: str | int | Sequence[str]) -> str:  # also for bool: true is the same in JSON and TOML
    """A value as TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def comment_text(text: str, most: int = 60) -> str:
    """A text for a comment: printable, and not too long."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
