"""A study of two tasks that takes a second, for tests of the commands on studies."""

import json
from collections.abc import Sequence
from pathlib import Path

from command_line import write_corpus

TINY_STUDY = """
preset = "{preset}"
data = "corpus"
sharing = {sharing}
seeds = {seeds}
vectors = "random"
{more}[model]
hidden_size = 8
character_hidden_size = 4
[training]
max_epochs = {max_epochs}
batch_size = 4
"""


def write_tiny_study(
    place: Path,
    more: str = "",
    *,
    preset: str = "paper",
    sharing: Sequence[str] = ("multi_dec", "te_dec"),
    seeds: Sequence[int] = (1,),
    max_epochs: int = 2,
) -> None:
    """Write ``tiny.toml`` and its corpus into a folder; ``more`` are further lines of the file."""
    write_corpus(place / "corpus")
    lists = {"sharing": json.dumps(list(sharing)), "seeds": json.dumps(list(seeds))}
    text = TINY_STUDY.format(preset=preset, **lists, max_epochs=max_epochs, more=more)
    (place / "tiny.toml").write_text(text, encoding="utf-8")
