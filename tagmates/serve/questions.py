"""A request's body, read and cut into sentences."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tagmates.data.tokenize import split_sentences, tokenize
from tagmates.errors import ConfigError, DataError
from tagmates.serve.settings import Limits

_SURROGATE = re.compile("[\ud800-\udfff]")


class TooLargeError(DataError):
    """A request past a limit."""


class Question(BaseModel):
    """What to tag: one of ``text``, ``texts`` and ``words``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str | None = Field(None, description="Raw text: one document.")
    texts: list[str] | None = Field(None, description="Raw texts: a document each.")
    words: list[list[str]] | None = Field(None, description="Sentences as lists of words: one document.")
    model: str | None = Field(None, description="Default: the first of /api/models.")
    tasks: list[str] | None = Field(None, description="Default: all of the model's.")
    probabilities: bool = Field(False, description="Also the marginal probability of each tag.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(part is not None for part in (self.text, self.texts, self.words)) != 1:
            raise ValueError("give exactly one of text, texts and words")
        if self.tasks is not None and len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: names one twice; name each once")
        return self

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self.texts) if self.texts is not None else 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence to be tagged: the number of its document, its words and, of raw text, their offsets."""

    document: int
    words: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...] | None


def read_question(body: bytes) -> Question:
    """Parse a body; DataError where it is no JSON, ConfigError where it is not what a question is.

    A lone surrogate, which is no character, is read as U+FFFD.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise DataError(f"body: is not UTF-8 at byte {error.start}; send JSON in UTF-8") from None
    except RecursionError:
        raise DataError("body: is nested too deeply; lists of words are the deepest that is asked for") from None
    except ValueError as error:
        raise DataError(f"body: is not JSON: {error}") from None
    try:
        return Question.model_validate(_without_surrogates(value, 3))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(["body", *map(str, first["loc"])])
    raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}; see /openapi.json")


def pieces_of(question: Question, limits: Limits) -> Iterator[Piece]:
    """The sentences of a question, lazily; TooLargeError for what is past a limit."""
    texts = [question.text] if question.text is not None else question.texts or []
    if len(question.words or texts) > limits.texts:
        raise TooLargeError(f"{len(question.words or texts):,} texts or sentences; at most {limits.texts:,} a request")
    for document, text in enumerate(texts):
        for start, end in split_sentences(text):
            tokens = tokenize(text[start:end])
            words = tuple(token.text for token in tokens)
            _check_size(words, f"text {document + 1}, the sentence at character {start}", limits)
            yield Piece(document, words, tuple((token.start + start, token.end + start) for token in tokens))
    for number, given in enumerate(question.words or [], 1):
        _check_size(given, f"sentence {number}", limits)
        yield Piece(0, tuple(given), None)


def portion(pieces: Iterator[Piece], tokens: int) -> list[Piece]:
    """The next pieces, until they hold so many tokens or there are no more."""
    taken = []
    for piece in pieces:
        taken.append(piece)
        tokens -= len(piece.words)
        if tokens <= 0:
            break
    return taken


def _check_size(words: Sequence[str], where: str, limits: Limits) -> None:
    if len(words) > limits.sentence_tokens:
        raise TooLargeError(
            f"{where}: has {len(words):,} words; at most {limits.sentence_tokens:,}: break it with an empty line"
        )
    sizes = [len(word) for word in words]
    if max(sizes, default=0) > limits.token_characters:
        raise TooLargeError(f"{where}: a word of {max(sizes):,} characters; at most {limits.token_characters:,}")
    if sum(sizes) > limits.sentence_characters:
        raise TooLargeError(f"{where}: has {sum(sizes):,} characters; at most {limits.sentence_characters:,}")


def _without_surrogates(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list) and depth:
        return [_without_surrogates(item, depth - 1) for item in value]
    if isinstance(value, dict) and depth:
        return {_without_surrogates(key, 0): _without_surrogates(item, depth - 1) for key, item in value.items()}
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
