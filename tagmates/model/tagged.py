"""A tagged sentence, as a tagger returns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tagmates.html import sentence_html

Offsets = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence's tokens and, for every task, their tags.

    ``offsets`` are start and end (exclusive) of every token in the text; None if the sentence was given as words. If
    probabilities were asked for, there are for every task:

    - ``probabilities``: the marginal probability of each tag;
    - ``margins``: by how much the second most probable tag of each token is below the most probable one;
    - ``span_probabilities``: the probability of each span, in the order of ``Tagger.spans``, which has them too;
    - ``sequence_probabilities``: the probability of all tags of the sentence together.

    ```python
    import tagmates

    tagger = tagmates.Tagger.from_pretrained("en")
    for sentence in tagger.tag("Anna gave up. She went to Oslo.", probabilities=True):
        print(sentence.tokens, sentence.offsets)
        print(sentence.tags["upos"], sentence.probabilities["upos"])
    ```
    """

    tokens: tuple[str, ...]
    tags: Mapping[str, tuple[str, ...]]
    probabilities: Mapping[str, tuple[float, ...]] | None = None
    offsets: Offsets | None = field(default=None, compare=False)
    margins: Mapping[str, tuple[float, ...]] | None = None
    span_probabilities: Mapping[str, tuple[float, ...]] | None = None
    sequence_probabilities: Mapping[str, float] | None = None

    def _repr_html_(self) -> str:
        """A table for notebooks: a column for each token, a row for each task."""
        known = self.probabilities or {}
        rows = [
            (task, list(zip(tags, known.get(task, (None,) * len(tags)), strict=True)))
            for task, tags in self.tags.items()
        ]
        return sentence_html(self.tokens, rows)


def without_words(wanted: tuple[str, ...], probabilities: bool) -> Tagged:
    """A sentence without words."""
    nothing: dict[str, tuple[()]] = dict.fromkeys(wanted, ())
    if not probabilities:
        return Tagged((), nothing)
    certain = dict.fromkeys(wanted, 1.0)
    return Tagged((), nothing, nothing, margins=nothing, span_probabilities=nothing, sequence_probabilities=certain)


def without_tasks(tokens: tuple[str, ...], probabilities: bool) -> Tagged:
    """A sentence that was tagged for no task."""
    return replace(without_words((), probabilities), tokens=tokens)
