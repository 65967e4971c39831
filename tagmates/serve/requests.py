"""A request's body, read and cut into sentences."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tagmates.data.tokenize import split_sentences, tokenize
from tagmates.errors import ConfigError, DataError
from tagmates.serve.settings import Limits

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # the only way in which one comes into JSON in UTF-8
_BLANK_LINE = re.compile(r"\n\s*\n")
_CHUNK_END = re.compile(r"\S(?=\s)")
_Strings = Annotated[list[str], Field(fail_fast=True)]  # one problem is enough; a million would take a gigabyte


class TooLargeError(DataError):
    """A request past a limit."""


class Question(BaseModel):
    """What to tag: one of ``text``, ``texts`` and ``words``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str | None = Field(None, description="Raw text: one document.")
    texts: _Strings | None = Field(None, description="Raw texts: a document each.")
    words: Annotated[list[_Strings], Field(fail_fast=True)] | None = Field(
        None, description="Sentences as lists of words: one document."
    )
    model: str | None = Field(None, description="Default: the first of /api/models.")
    tasks: _Strings | None = Field(None, description="Default: all of the model's.")
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

    @property
    def characters(self) -> int:
        """How many there are in all documents."""
        return len(self.text or "") + sum(map(len, self.texts or ())) + sum(sum(map(len, w)) for w in self.words or ())


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence to be tagged: the number of its document, its words and, of raw text, their offsets."""

    document: int
    words: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...] | None


def read_question(body: bytes, limits: Limits) -> Question:
    """Parse a body; DataError where it is no JSON or too large, ConfigError where it is not what a question is.

    A lone surrogate, which is no character, is read as U+FFFD.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise DataError(f"body: is not UTF-8 at byte {error.start}; send JSON in UTF-8") from None
    except RecursionError:
        raise DataError("body: is nested too deeply; lists of words are the deepest that is asked for") from None
    except json.JSONDecodeError as error:
        raise DataError(f"body: is not JSON: {error}") from None
    except ValueError:  # of Python's int, which bounds the time that it takes
        raise DataError("body: a number is too long; nothing that is asked for is a number") from None
    if _ESCAPED_SURROGATE.search(text):
        value = _without_surrogates(value, 3)
    if isinstance(value, dict):  # before pydantic, which would gather a problem for each of a million
        for key in value:
            if key not in Question.model_fields:
                raise ConfigError(f"body.{key[:80]}: is not asked for; see /openapi.json")
        for key in ("texts", "words"):
            if isinstance(given := value.get(key), list) and len(given) > limits.texts:
                raise TooLargeError(f"{key}: has {len(given):,} items; at most {limits.texts:,} a request")
    try:
        return Question.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(["body", *map(str, first["loc"])])
    raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}; see /openapi.json")


def pieces_of(question: Question, limits: Limits) -> Iterator[Piece]:
    """The sentences of a question, lazily; TooLargeError for what is past a limit."""
    texts = [question.text] if question.text is not None else question.texts or []
    for document, text in enumerate(texts):
        for start, end in sentences_in(text, limits.sentence_characters):
            where = f"text {document + 1}, the sentence at character {start}"
            _check_characters(end - start, where, limits)  # before the work of finding its words
            tokens = tokenize(text[start:end])
            words = tuple(token.text for token in tokens)
            _check_size(words, where, limits)
            yield Piece(document, words, tuple((token.start + start, token.end + start) for token in tokens))
    for number, given in enumerate(question.words or [], 1):
        _check_size(given, f"sentence {number}", limits)
        yield Piece(0, tuple(given), None)


def sentences_in(text: str, most: int) -> Iterator[tuple[int, int]]:
    """As ``split_sentences``, but lazily, with little work for each: no more than some times ``most`` characters.

    A sentence longer than ``most`` may be cut, but not to ``most`` or less. A long paragraph is split bit by bit, each
    from where a sentence begins, so that quotation marks far before it do not count.
    """
    start = 0
    for blank in _BLANK_LINE.finditer(text):
        yield from _sentences_of_paragraph(text, start, blank.start(), most)
        start = blank.end()
    yield from _sentences_of_paragraph(text, start, len(text), most)


def _sentences_of_paragraph(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    while last := _CHUNK_END.search(text, start + most, end):
        stop = last.end()
        spans = [(start + begin, start + close) for begin, close in split_sentences(text[start:stop])]
        yield from spans[:-1]
        rest = spans[-1][0]  # the last sentence may go on behind this bit
        if rest == start:
            yield start, stop
            rest = stop
        start = rest
    for begin, close in split_sentences(text[start:end]):
        yield start + begin, start + close


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
    _check_characters(sum(sizes), where, limits)


def _check_characters(number: int, where: str, limits: Limits) -> None:
    if number > limits.sentence_characters:
        raise TooLargeError(
            f"{where}: has more than {limits.sentence_characters:,} characters: break it with an empty line"
        )


def _without_surrogates(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list) and depth:
        return [_without_surrogates(item, depth - 1) for item in value]
    if isinstance(value, dict) and depth:
        return {_without_surrogates(key, 0): _without_surrogates(item, depth - 1) for key, item in value.items()}
    return value


def _no_number(name: str) -> None:
    raise DataError(f"body: is not JSON: {name} is no number of JSON")
