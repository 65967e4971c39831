"""Guesses from values: which column holds the tokens, which columns hold tags, and the name of a layer."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from tagmates.data.notation import OUTSIDE_NAMES, find_mark
from tagmates.data.schemes import split_tag

Key = TypeVar("Key", int, str)
Column = Sequence[Sequence[str | None]]  # the values of each sentence; None is a missing label

_NUMBER = re.compile(r"[-+]?\d+(?:[-.,:/]\d+)*|_|-")
_CALLED_TAGS = re.compile(r"(?:tag|label)s?(?:_ids?)?$", re.IGNORECASE)  # the end of the name of a column
MIN_IDS = 20  # values from which on a column may be one of IDs
# names of keys and columns that hold words, also in German, French, Spanish, Italian, Portuguese and Dutch
TOKEN_NAMES = (
    *("tokens", "words", "token", "word", "forms", "form", "tokenized_text"),
    *("wort", "wörter", "mot", "mots", "palabra", "palabras", "parola", "parole", "palavra", "palavras", "woord"),
)
TEXT_NAMES = ("text", "data.text", "sentence", "content", "full_text")  # of whole texts

_KNOWN_TAGS: Mapping[str, Collection[str]] = {
    name: tags.split()
    for name, tags in {
        "upos": "ADJ ADP ADV AUX CCONJ CONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X",
        "xpos": """CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP SYM TO UH VB VBD
            VBG VBN VBP VBZ WDT WP WP$ WRB . , : ; ( ) -LRB- -RRB- `` '' " # $ HYPH NFP ADD AFX GW XX""",
        "chunk": "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP",
        "ner": """PER PERS PERSON LOC LOCATION ORG ORGANIZATION MISC GPE NORP FAC DATE TIME MONEY PERCENT EVENT PRODUCT
            LAW LANGUAGE WORK_OF_ART QUANTITY ORDINAL CARDINAL""",
    }.items()
}


def tokens_and_tags(columns: Mapping[Key, Column]) -> tuple[Key, list[Key]]:
    """The column that looks like tokens, and the columns that look like tags (at least one if there are two columns).

    Tokens are the first column with many different values that are not numbers. Tags have few different values, or the
    prefixes of spans; numbers are tags only if their column is called so, as ``ner_tags``, or if there are no others. A
    column with one value throughout each sentence, such as a document's name, is neither.
    """
    kinds = {key: len(_counted(column)) for key, column in columns.items()}
    words = {
        key: n
        for key, n in kinds.items()
        if not _is_numeric(columns[key]) and not _are_ids(columns[key]) and _varies(columns[key])
    } or kinds
    named = [key for key in words if str(key).rpartition(".")[2].lower() in TOKEN_NAMES]
    token = named[0] if named else next(key for key, n in words.items() if 2 * n >= max(words.values()))
    others = [key for key in columns if key != token]
    few = max(20, kinds[token] // 3)
    tags = [
        key
        for key in others
        if (key in words and (kinds[key] <= few or find_mark(_counted(columns[key]))))
        or (_CALLED_TAGS.search(str(key)) and 1 < kinds[key] <= few)
    ]
    tags = tags or [
        key for key in others if 1 < kinds[key] <= few
    ]  # if there are none: columns of numbers, such as 0 and 1
    return token, tags or others[-1:]


def layer_name(tags: Mapping[str, int]) -> str | None:
    """upos, xpos, chunk or ner if nine in ten of the tags, by their counts, belong to it; else None."""
    bare: Counter[str] = Counter()
    mark = find_mark(Counter(tags))
    for tag, count in tags.items():
        found = split_tag(tag, mark) if mark else None
        if found:
            bare[found[1].upper()] += count
        elif tag.lower() not in OUTSIDE_NAMES:
            bare[tag] += count
    spans = ("chunk", "ner")
    for name, known in _KNOWN_TAGS.items():
        if (name in spans) == (mark is not None) and bare and sum(bare[tag] for tag in known) >= 0.9 * bare.total():
            return name
    return None


def is_known_tag(text: str) -> bool:
    """Whether this is a part of speech, universal or of the Penn Treebank, in capitals."""
    return text in _KNOWN_TAGS["upos"] or text in _KNOWN_TAGS["xpos"]


def are_universal(tags: Iterable[str]) -> bool:
    """Whether nine in ten of these tags are universal parts of speech, or ``_``."""
    fitting = [tag == "_" or tag in _KNOWN_TAGS["upos"] for tag in tags]
    return sum(fitting) >= 0.9 * len(fitting)


def _counted(column: Column) -> Counter[str]:
    return Counter(value for sentence in column for value in sentence if value is not None)


def _is_numeric(column: Column) -> bool:
    return all(_NUMBER.fullmatch(value) for value in _counted(column))


def _are_ids(column: Column) -> bool:
    """Whether all values are ASCII and have a digit, and none occurs twice, such as t1, t2, …"""
    counts = _counted(column)
    many = counts.total() >= MIN_IDS and len(counts) == counts.total()
    return many and all(each.isascii() and re.search(r"\d", each) for each in counts)


def _varies(column: Column) -> bool:
    longer = [sentence for sentence in column if len(sentence) > 1]
    if not longer:
        return len(column) == 1 or len(_counted(column)) > 1
    return any(len(set(sentence)) > 1 for sentence in longer)
