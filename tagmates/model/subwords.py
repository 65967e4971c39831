"""Sub-words: how the tokenizer of a pretrained encoder spells a word, and what it puts around a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tagmates.errors import ModelError
from tagmates.installed import get_extra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"
MAX_ID = 2**24  # of a sub-word


@dataclass(frozen=True)
class Subwords:
    """A tokenizer of the package ``tokenizers`` as JSON, and the numbers of its special tokens."""

    tokenizer: str = field(repr=False)
    before: tuple[int, ...]  # the special tokens before a sentence, such as [CLS]
    after: tuple[int, ...]  # those after it, such as [SEP]
    padding: int
    unknown: int

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return make_tokenizer(self.tokenizer)

    def spell(self, word: str) -> list[int]:
        """The numbers of a word's sub-words; a word of which the tokenizer leaves nothing is the unknown sub-word."""
        found: list[int] = self._tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids
        return found or [self.unknown]

    def to_json(self) -> dict[str, Any]:
        """The numbers of the special tokens as a JSON object."""
        return {"before": self.before, "after": self.after, "padding": self.padding, "unknown": self.unknown}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], tokenizer: str, where: str) -> "Subwords":
        """The sub-words of a model folder. Raises ModelError if the files do not fit, or are not from tagmates."""
        try:
            numbers = [*values["before"], *values["after"], values["padding"], values["unknown"]]
            if not all(type(number) is int and 0 <= number < MAX_ID for number in numbers):
                raise ValueError("a special token is no number")
            found = cls(tokenizer, tuple(values["before"]), tuple(values["after"]), *numbers[-2:])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{where}: is not from tagmates ({error}); restore the run folder's own file") from None
        found._tokenizer  # noqa: B018  (raises for a tokenizer that cannot be read)
        return found


def make_tokenizer(text: str) -> "Tokenizer":
    """The tokenizer with this JSON text, without truncation and padding. Raises ModelError if it is damaged."""
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ModelError(
            f"a pretrained encoder needs the packages transformers and tokenizers: {get_extra('transformers')}"
        ) from None
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises Exception itself
        raise ModelError(f"{TOKENIZER_FILE}: cannot be read ({str(error)[:200]}); restore the file") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
