"""The two basic records of tagmates: a sentence with its tags, and a span of a sentence."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens with one tag each: None for a token without a label.

    ``tags`` is None for a sentence without any annotation. ``line`` is the line number of its first token in its file,
    0 if it comes from no file. ``file`` is the name of the file if its split has several files, else "".
    """

    tokens: tuple[str, ...]
    tags: tuple[str | None, ...] | None = None
    line: int = 0
    file: str = ""

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """The tag of every token, None for a token without a label."""
        return (None,) * len(self.tokens) if self.tags is None else self.tags


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The tokens ``start`` to ``end`` (exclusive) of a sentence, labelled ``label``.

    ``probability``, if it is known, is that of exactly this span in a tagger's distribution over tag sequences.
    """

    start: int
    end: int
    label: str
    probability: float | None = field(default=None, compare=False, repr=False)


def task_token(task: str) -> str:
    """The token that te_enc puts before a sentence (protocol section 1)."""
    return f"<<{task}>>"
