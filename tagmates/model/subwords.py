"""Sub-words: how the tokenizer of a pretrained encoder spells a word, and what it puts around a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tagmates.errors import ModelError
from tagmates.formatting import shown
from tagmates.installed import get_extra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"
MAX_SPECIAL = 8  # special tokens before or after a sentence
MAX_WORD = 256  # characters; of a longer word, which is none, the beginning is read


@dataclass(frozen=True)
class Subwords:
    """A tokenizer of the package ``tokenizers`` as JSON, and the numbers of its special tokens."""

    tokenizer: str = field(repr=False)
    before: tuple[int, ...]  # the special tokens before a sentence, such as [CLS]
    after: tuple[int, ...]  # those after it, such as [SEP]
    padding: int
    unknown: int
    space: str = ""  # what is put before a word, so that it is spelled as in running text: a space or nothing

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return make_tokenizer(self.tokenizer)

    def spell(self, word: str) -> list[int]:
        """The numbers of a word's sub-words; a word of which the tokenizer leaves nothing is the unknown sub-word."""
        # half of a pair of surrogates is no character
        text = word[:MAX_WORD].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        try:
            found: list[int] = self._tokenizer.encode(
                [self.space + text], is_pretokenized=True, add_special_tokens=False
            ).ids
        except Exception as error:  # tokenizers raises Exception itself
            raise ModelError(
                f"{TOKENIZER_FILE}: cannot spell {shown(word)} ({str(error)[:200]}); restore the file"
            ) from None
        return found[: 4 * MAX_WORD] or [self.unknown]  # a character has at most four bytes

    def check_size(self, rows: int, where: str) -> None:
        """Raise ModelError if some sub-word has no row in an encoder's table of this size."""
        own = (*self.before, *self.after, self.padding, self.unknown)
        largest = max(*own, *self._tokenizer.get_vocab(with_added_tokens=True).values())
        if largest >= rows:
            raise ModelError(
                f"{where}: its tokenizer has a sub-word of number {largest}, and its table of sub-words {rows} rows; "
                "the tokenizer is not that of this encoder"
            )

    def to_json(self) -> dict[str, Any]:
        """The numbers of the special tokens and the space before a word as a JSON object."""
        numbers = {"before": self.before, "after": self.after, "padding": self.padding, "unknown": self.unknown}
        return {**numbers, "space": self.space}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], tokenizer: str, where: str) -> "Subwords":
        """The sub-words of a model folder. Raises ModelError if the files do not fit, or are not from tagmates."""
        try:
            numbers = [*values["before"], *values["after"], values["padding"], values["unknown"]]
            if not all(type(number) is int and number >= 0 for number in numbers):
                raise ValueError("a special token is no number")
            if max(len(values["before"]), len(values["after"])) > MAX_SPECIAL:
                raise ValueError("it has too many special tokens")
            space = values.get("space", "")  # which the first folders do not name
            if space not in ("", " "):
                raise ValueError("what is put before a word is no space")
            before, after, (padding, unknown) = tuple(values["before"]), tuple(values["after"]), numbers[-2:]
            found = cls(tokenizer, before, after, padding, unknown, space)
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
