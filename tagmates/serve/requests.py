"""Reading the body of a request, and splitting its text into sentences."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tagmates.data.tokenize import split_sentences, tokenize
from tagmates.errors import ConfigError, DataError
from tagmates.model.tagged import Offsets
from tagmates.serve.settings import Limits

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # the only form of a surrogate in JSON in UTF-8
_BLANK_LINE = re.compile(r"\n\s*\n")
_CHUNK_END = re.compile(r"\S(?=\s)")
_Strings = Annotated[
    list[str], Field(fail_fast=True)
]  # stop at the first error; a million errors would take a gigabyte


class TooLargeError(DataError):
    """A request that exceeds a limit."""


class TagRequest(BaseModel):
    """The body of a request: one of ``text``, ``texts`` and ``words``, and options."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str | None = Field(None, description="Raw text: one document.")
    texts: _Strings | None = Field(None, description="Raw texts: a document each.")
    words: Annotated[list[_Strings], Field(fail_fast=True)] | None = Field(
        None, description="Sentences as lists of words: one document."
    )
    model: str | None = Field(None, description="Default: the first of /api/models.")
    tasks: _Strings | None = Field(None, description="Default: all of the model's.")
    probabilities: bool = Field(
        False, description="Whether to return the marginal probability of each tag, and the probability of each span."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(part is not None for part in (self.text, self.texts, self.words)) != 1:
            raise ValueError("give exactly one of text, texts and words")
        if self.tasks is not None and len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: names one twice; name each once")
        return self

    @property
    def documents(self) -> int:
        """The number of documents."""
        return len(self.texts) if self.texts is not None else 1

    @property
    def characters(self) -> int:
        """The number of characters in all documents."""
        return len(self.text or "") + sum(map(len, self.texts or ())) + sum(sum(map(len, w)) for w in self.words or ())


@dataclass(frozen=True, slots=True)
class RequestSentence:
    """A sentence to be tagged: the number of its document, its words and, for raw text, their offsets."""

    document: int
    words: tuple[str, ...]
    offsets: Offsets | None


def read_request(body: bytes, limits: Limits) -> TagRequest:
    """Parse a body. Raises DataError if it is not JSON or too large, ConfigError if its fields are wrong.

    A lone surrogate, which is no character, is read as U+FFFD.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise DataError(f"body: is not UTF-8 at byte {error.start}; send JSON in UTF-8") from None
    except RecursionError:
        raise DataError("body: is nested too deeply; send at most lists of words") from None
    except json.JSONDecodeError as error:
        raise DataError(f"body: is not JSON: {error}") from None
    except ValueError:  # Python limits the length of an int
        raise DataError("body: has a number that is too long; no field of a request is a number") from None
    if _ESCAPED_SURROGATE.search(text):
        value = _without_surrogates(value, 3)
    if isinstance(value, dict):  # before pydantic, which would collect an error for each of a million keys
        for key in value:
            if key not in TagRequest.model_fields:
                raise ConfigError(f"body.{key[:80]}: is not a field of a request; see /openapi.json")
        for key in ("texts", "words"):
            if isinstance(given := value.get(key), list) and len(given) > limits.texts:
                raise TooLargeError(f"{key}: has {len(given):,} items; at most {limits.texts:,} a request")
    try:
        return TagRequest.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(["body", *map(str, first["loc"])])
    raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}; see /openapi.json")


def sentences_of(request: TagRequest, limits: Limits, marks: frozenset[str]) -> Iterator[RequestSentence]:
    """The sentences of a request, lazily; those of texts have the tagger's ``marks``.

    Raises TooLargeError if one exceeds a limit.
    """
    texts = [request.text] if request.text is not None else request.texts or []
    for document, text in enumerate(texts):
        for start, end in sentences_in(text, limits.sentence_characters):
            where = f"text {document + 1}, the sentence at character {start}"
            _check_characters(end - start, where, limits)  # before it is tokenized
            tokens = tokenize(text[start:end], marks)
            words = tuple(token.text for token in tokens)
            _check_size(words, where, limits)
            yield RequestSentence(document, words, tuple((token.start + start, token.end + start) for token in tokens))
    for number, given in enumerate(request.words or [], 1):
        _check_size(given, f"sentence {number}", limits)
        yield RequestSentence(0, tuple(given), None)


def sentences_in(text: str, most: int) -> Iterator[tuple[int, int]]:
    """The spans of sentences as in ``split_sentences``, but lazily: each step reads a few times ``most`` characters.

    A sentence longer than ``most`` characters may be cut into parts that are longer than ``most``. A long paragraph is
    split in parts that begin with a sentence, so that distant quotation marks have no effect.
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
        rest = spans[-1][0]  # the last sentence may continue after this part
        if rest == start:
            yield start, stop
            rest = stop
        start = rest
    for begin, close in split_sentences(text[start:end]):
        yield start + begin, start + close


def next_sentences(sentences: Iterator[RequestSentence], tokens: int) -> list[RequestSentence]:
    """The next sentences, until they have so many tokens or there are no more."""
    taken = []
    for sentence in sentences:
        taken.append(sentence)
        tokens -= len(sentence.words)
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
    raise DataError(f"body: is not JSON: {name} is not a number in JSON")
