"""What the offsets of a text count: its characters (Unicode code points), or something else, as in some tools.

In JavaScript a character beyond U+FFFF, such as an emoji, counts as two. Text fields of browsers, and brat, count a
Windows line end (``\\r\\n``) as one. Some tools give the last character of a span in place of its end.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True, slots=True)
class Count:
    """How offsets count: ``wide`` characters, beyond U+FFFF, as two; a Windows line end, ``joined``, as one.

    With ``inclusive`` ends, the end of a span is the offset of its last character.
    """

    wide: bool = False
    joined: bool = False
    inclusive: bool = False

    def places(self, text: str) -> dict[int, int]:
        """The number of the character at every offset; an offset inside a character that counts as two has none."""
        sizes = (self._size(before, character) for before, character in pairwise(f" {text}"))
        return {offset: number for number, offset in enumerate(accumulate(sizes, initial=0))}

    def _size(self, before: str, character: str) -> int:
        if self.joined and before == "\r" and character == "\n":
            return 0
        return 2 if self.wide and character > "\uffff" else 1

    def __str__(self) -> str:
        wide = "characters beyond U+FFFF as two, as JavaScript does" if self.wide else ""
        if self.inclusive:
            return "include the last character of a span"
        joined = r"\r\n as one, as brat and text fields of browsers do" if self.joined else ""
        return f"count {' and '.join(filter(None, (wide, joined))) or 'characters'}"


COUNTS = (Count(), Count(wide=True), Count(joined=True), Count(wide=True, joined=True))
INCLUSIVE = Count(inclusive=True)


def counts_of(text: str) -> list[Count]:
    """The ways of counting that give different offsets in this text, that of characters first."""
    wide, joined = max(text, default="") > "\uffff", "\r\n" in text
    return [count for count in COUNTS if wide >= count.wide and joined >= count.joined]


def are_alike(text: str) -> bool:
    """Whether all ways of counting give the same offsets in this text."""
    return "\r\n" not in text and (text.isascii() or counts_of(text) == [COUNTS[0]])
