"""A study of two tasks that takes a second, for tests of the commands on studies."""

from pathlib import Path

from command_line import write_corpus

TINY_STUDY = """
preset = "paper"
data = "corpus"
sharing = ["multi_dec", "te_dec"]
seeds = [1]
vectors = "random"
[model]
hidden_size = 8
character_hidden_size = 4
[training]
max_epochs = 2
batch_size = 4
"""


def write_tiny_study(place: Path, more: str = "") -> None:
    """Write ``tiny.toml`` and its corpus into a folder; ``more`` are further lines of the file."""
    write_corpus(place / "corpus")
    head, table, rest = TINY_STUDY.partition("[model]")
    (place / "tiny.toml").write_text(head + more + table + rest, encoding="utf-8")
