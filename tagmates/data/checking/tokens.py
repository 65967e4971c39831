"""Check the words and tags themselves: their length, and invisible or lost characters in them."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from tagmates.data.checking.problems import Kind, Problem
from tagmates.data.corpora import location
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.formatting import shown

LONG_SENTENCE = 100  # words
LONG_TOKEN = 100  # characters

_JOINERS = re.compile(  # in emoji and in Persian and Indic words; U+200D may also end a word
    "(?<=[^\\x00-\\x7f])(?:\u200d|\u200c(?=[^\\x00-\\x7f]))"
)
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")  # the flags of England, Scotland and Wales
_VISIBLE = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")  # signs above Arabic and Syriac numbers
_INVISIBLE_CATEGORIES = frozenset(("Cc", "Cf", "Cs"))  # control, format, surrogate

_Fault = tuple[Kind, str]


def check_tokens(task: Task, splits: Mapping[str, Sequence[Sentence]]) -> Iterator[Problem]:
    """Yield warnings: long sentences and tokens; white space, invisible or lost characters; words not in NFC."""
    words = {token for sentences in splits.values() for sentence in sentences for token in sentence.tokens}
    tags = {tag for sentences in splits.values() for sentence in sentences for tag in sentence.labels if tag}
    bad_words = _faults(words, partial(_fault, "token")) | _unnormalised(words)
    bad_tags = _faults(tags, partial(_fault, "tag"))
    for split, sentences in splits.items():
        for sentence in sentences:
            yield from _check_sentence(task, split, sentence, bad_words, bad_tags)


def _check_sentence(
    task: Task, split: str, sentence: Sentence, words: Mapping[str, _Fault], tags: Mapping[str, _Fault]
) -> Iterator[Problem]:
    if len(sentence) > LONG_SENTENCE:
        text = f"the sentence has {len(sentence)} words; are sentence ends missing?"
        yield Problem.of("warning", "long-sentence", task, split, f"{location(task, split, sentence, 0)}: {text}")
    if words.keys().isdisjoint(sentence.tokens) and (not tags or tags.keys().isdisjoint(sentence.labels)):
        return
    pairs: tuple[tuple[Sequence[str | None], Mapping[str, _Fault]], ...] = (
        (sentence.tokens, words),
        (sentence.labels, tags),
    )
    for texts, bad in pairs:
        for index, word in enumerate(texts):
            if word is not None and word in bad:
                kind, message = bad[word]
                where = location(task, split, sentence, index)
                yield Problem.of("warning", kind, task, split, f"{where}: {message}")


def _faults(texts: set[str], fault: Callable[[str], _Fault | None]) -> dict[str, _Fault]:
    # words of letters and digits can only be too long
    return {text: found for text in texts if (len(text) > LONG_TOKEN or not text.isalnum()) and (found := fault(text))}


def _fault(what: str, text: str) -> _Fault | None:
    for character in text:
        if character.isspace():
            return "white-space", f"the {what} {shown(text)} has white space in it ({_name(character)})"
    for character in _FLAG.sub("", _JOINERS.sub("", text)):
        if unicodedata.category(character) in _INVISIBLE_CATEGORIES and character not in _VISIBLE:
            return "invisible", f"the {what} {shown(text)} has an invisible character in it ({_name(character)})"
    if all("\ufe00" <= character <= "\ufe0f" for character in text):  # they change the character before
        return "invisible", f"the {what} {shown(text)} has an invisible character in it ({_name(text[0])})"
    if "\ufffd" in text:
        return (
            "lost-character",
            f"the {what} {shown(text)} has U+FFFD in it: a conversion lost a character",
        )
    if len(text) > LONG_TOKEN:
        return "long-token", f"the {what} has {len(text)} characters: {shown(text)}"
    return None


def _unnormalised(words: set[str]) -> dict[str, _Fault]:
    """The words that are not in NFC and look the same as another word, with a message for each."""
    return {
        word: (
            "normalization",
            f"the token {shown(word)} also occurs in another Unicode form; convert all text to NFC",
        )
        for word in words
        if not word.isascii() and (composed := unicodedata.normalize("NFC", word)) != word and composed in words
    }


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
