"""What a tagger is given, texts or lists of words, as sentences in chunks of bounded size."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set

from tagmates.data.tokenize import sentences_of
from tagmates.errors import DataError
from tagmates.formatting import shown
from tagmates.model.network import BATCH_TOKENS
from tagmates.model.tagged import Offsets


def words_of_texts(
    texts: Iterable[str | Sequence[str]], marks: Container[str]
) -> Iterator[tuple[tuple[str, ...], Offsets | None]]:
    """The words of every sentence, and their offsets if it came as text; such words have these ``marks``."""
    for text in texts:
        if isinstance(text, str):
            for sentence in sentences_of(text, marks):
                yield tuple(token.text for token in sentence), tuple((token.start, token.end) for token in sentence)
        else:
            words = tuple(text) if isinstance(text, Iterable) and not is_unordered(text) else None
            if words is None or not all(isinstance(word, str) for word in words):
                raise DataError(f"{shown(repr(text))}: is neither text nor a list of words; give a str, or strs")
            yield words, None


def is_unordered(value: object) -> bool:
    """Whether iterating over a value gives keys, names of columns, or words in no order."""
    return isinstance(value, Mapping | Set) or hasattr(value, "columns")


def chunks(
    sentences: Iterable[tuple[tuple[str, ...], Offsets | None]],
) -> Iterator[list[tuple[tuple[str, ...], Offsets | None]]]:
    """Consecutive sentences, about BATCH_TOKENS tokens at a time."""
    chunk = []
    tokens = 0
    for sentence in sentences:
        chunk.append(sentence)
        tokens += len(sentence[0]) + 1  # so that a chunk cannot grow without end by sentences that have no words
        if tokens >= BATCH_TOKENS:
            yield chunk
            chunk, tokens = [], 0
    if chunk:
        yield chunk
