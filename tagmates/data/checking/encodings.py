"""Warn about words that were read in a wrong encoding, so that other characters stand in place of the right ones."""

import codecs
from collections.abc import Iterator, Mapping, Sequence

from tagmates.data.checking.problems import Problem
from tagmates.data.corpora import location
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.formatting import plural, shown

WESTERN = ("iso8859-1", "cp1252", "iso8859-15")  # of languages that write few letters beyond ASCII
MOST_ASCII = 0.5  # the share of letters that are ASCII in text of these languages, at least; it is far higher
MIN_WORDS = 50  # with fewer words in a split, their letters are not counted


def check_encoding(task: Task, splits: Mapping[str, Sequence[Sentence]]) -> Iterator[Problem]:
    """Yield at most one warning for each split."""
    for split, sentences in splits.items():
        if found := _wrong_encoding(task, split, sentences):
            yield Problem.of("warning", "encoding", task, split, found)


def _wrong_encoding(task: Task, split: str, sentences: Sequence[Sentence]) -> str:
    """What shows that a split was read in a wrong encoding; "" if nothing does."""
    if _is_western(task.encoding) and sum(len(sentence.tokens) for sentence in sentences) >= MIN_WORDS:
        letters = [letter for sentence in sentences for word in sentence.tokens for letter in word if letter.isalpha()]
        if sum(map(str.isascii, letters)) < MOST_ASCII * len(letters):
            word = next(iter(_foreign_words(sentences)))
            return (
                f"{location(task, split, sentences[0], 0)}: most letters have accents, as in {shown(word)}: is the "
                f"file really in {task.encoding}, and not in an encoding such as cp1251 or gbk?"
            )
    repaired = {word: right for word in _foreign_words(sentences) if (right := read_as_utf8(word))}
    if repaired:
        places = [(each, at) for each in sentences for at, word in enumerate(each.tokens) if word in repaired]
        sentence, at = places[0]
        word = sentence.tokens[at]
        return (
            f"{location(task, split, sentence, at)}: {shown(word)} seems to be {shown(repaired[word])}, in UTF-8 and "
            f"read in another encoding ({plural(len(places), 'such word')}); save all files of the task as UTF-8"
        )
    return ""


def read_as_utf8(word: str) -> str:
    """The word whose UTF-8 was read as Latin-1 or Windows-1252 and gave this one; "" if there is none."""
    for encoding in ("cp1252", "latin-1"):
        try:
            right = word.encode(encoding).decode()
        except UnicodeError:
            continue
        if right != word and all(map(_is_usual, right)):
            return right
    return ""


def _is_usual(character: str) -> bool:
    """Whether this is a character of today's larger languages, so that chance is no likely reason for it."""
    code = ord(character)
    usual = ((0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3CE), (0x410, 0x45F), (0x2010, 0x203A), (0x20AC, 0x20AC))
    return any(first <= code <= last for first, last in usual) or 0x3040 <= code <= 0xD7A3


def _foreign_words(sentences: Sequence[Sentence]) -> dict[str, None]:
    """The different words with characters beyond ASCII, in their order."""
    return {word: None for sentence in sentences for word in sentence.tokens if not word.isascii()}


def _is_western(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name in WESTERN
    except LookupError:  # which is reported elsewhere
        return False
