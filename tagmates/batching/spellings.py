"""Marks that corpora write in different ways: a tagger reads a mark that it does not know as the one that it knows.

The Penn Treebank writes quotation marks as `` and '' and brackets as -LRB- and -RRB-, other corpora write them as they
stand in the text, straight or curly. The words of a raw text (``tagmates.data.tokenize``) have the treebank's quotes.
"""

from collections.abc import Container, Iterator
from dataclasses import replace

from tagmates.data.indexing import IndexedSplit

# a mark, and other ways to write it, the likeliest first
_WAYS = {
    "``": ('"', "“", "„", "«"),
    "''": ('"', "”", "“", "»"),
    '"': ("''", "``", "”", "“"),
    "“": ("``", '"'),
    "„": ("``", '"'),
    "”": ("''", '"'),
    "`": ("‘", "'"),
    "‘": ("`", "'"),
    "'": ("’",),
    "’": ("'",),
    "(": ("-LRB-",),
    ")": ("-RRB-",),
    "[": ("-LSB-",),
    "]": ("-RSB-",),
    "{": ("-LCB-",),
    "}": ("-RCB-",),
    "-LRB-": ("(",),
    "-RRB-": (")",),
    "-LSB-": ("[",),
    "-RSB-": ("]",),
    "-LCB-": ("{",),
    "-RCB-": ("}",),
    "...": ("…",),
    "…": ("...",),
    "--": ("—", "–"),
    "—": ("--", "–"),
    "–": ("--", "—"),
}


def spelled_as_known(split: IndexedSplit, words: Container[str]) -> IndexedSplit:
    """The split with the marks that ``words`` (lower-cased) has, where they are other ways to write the split's own.

    Only what the tagger reads changes: the sentences of the split keep their tokens.
    """
    forms = tuple(_known(form, words) for form in split.forms)
    return split if forms == split.forms else replace(split, forms=forms)


def _known(form: str, words: Container[str]) -> str:
    if form.lower() in words:
        return form
    return next((other for other in _other_ways(form) if other.lower() in words), form)


def _other_ways(form: str) -> Iterator[str]:
    if form in _WAYS:
        yield from _WAYS[form]
    elif "'" in form:  # n't, 's
        yield form.replace("'", "’")
    elif "’" in form:
        yield form.replace("’", "'")
