"""The two records that every room speaks of: a sentence with its tags, and a span of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens with one tag each: None for a token without a label.

    ``tags`` is None for text that nobody has tagged, as if every one of them were. ``line`` is the number of its first
    token's line in the file it came from, 0 if it came from none. ``file`` is that file's name where its split has
    several, else empty.
    """

    tokens: tuple[str, ...]
    tags: tuple[str | None, ...] | None = None
    line: int = 0
    file: str = ""

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """The tag of every token, None where it has no label."""
        return (None,) * len(self.tokens) if self.tags is None else self.tags


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The tokens ``start`` to ``end`` (exclusive) of a sentence, labelled ``label``."""

    start: int
    end: int
    label: str


def task_token(task: str) -> str:
    """The token that te_enc puts before a sentence (protocol section 1)."""
    return f"<<{task}>>"
