"""The header of a table: whether the first row names the columns."""

import re
from collections import Counter
from collections.abc import Sequence

from tagmates.data.describing.guesses import TOKEN_NAMES, is_known_tag
from tagmates.data.describing.sentence_columns import SENTENCE_NAME
from tagmates.data.schemes import are_span_tags

_TOKEN = re.compile(rf"{'|'.join(TOKEN_NAMES)}|text|terms?", re.IGNORECASE)
_TAG = re.compile(
    r"(?:u|x|c|fine|coarse)?[-_ ]?pos(?:tag)?s?|[^\W_]*[-_ ]?(?:tags?|labels?|ner|iob|bio)(?:[-_ ]?\w+)?|ne[-_l]\S*|"
    r"nel-\S*|chunks?|lemmas?|entit\w*|named[-_ ]entit\w*|sent\w*(?:[-_ ]?\S+)?|misc|ids?|feats?|dep\w*|head|lang\w*|"
    r"[eé]tiquettes?|etiquetas?|etichett[ae]",
    re.IGNORECASE,
)
_SPAN_TAG = re.compile(r"[BIESLUMW]-\S+")


def looks_like_header(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a row names the columns and is not a word. ``others`` are the following rows, with as many columns.

    It does if it names one column as tokens and another as tags or sentences; if the tags below mark spans and its own
    does not; or if, in all of several columns with few values, its value never occurs again. A row whose last cell is a
    known part of speech, or which has a tag of a span among such tags, is a word.
    """
    names = [cell.strip() for cell in cells]
    others_named = (name for name in names if _TAG.fullmatch(name) or SENTENCE_NAME.fullmatch(name))
    if any(map(_TOKEN.fullmatch, names)) and any(others_named):
        return True
    if len(others) < 20 or any(len(row) != len(cells) for row in others):
        return False
    below = [Counter(column) for column in zip(*others, strict=True)]
    few = [at for at, column in enumerate(below) if 1 < len(column) <= max(20, len(others) // 5)]
    spans = [at for at in few if are_span_tags({*below[at]} - {"_"})]
    marked = (at for at in few if any(map(_SPAN_TAG.fullmatch, below[at])))
    if any(_SPAN_TAG.fullmatch(names[at]) for at in marked) or _is_word_with_tag(names):
        return False
    if any(names[at].isidentifier() and not are_span_tags({names[at], "B-x"}) for at in spans):
        return True
    return len(few) > 1 and all(re.match(r"[^\W\d]", names[at]) and cells[at] not in below[at] for at in few)


def _is_word_with_tag(names: Sequence[str]) -> bool:
    """Whether the last cell of a row is a known part of speech, and no cell is the name of a column of tags."""
    return names[-1] != names[0] and is_known_tag(names[-1]) and not any(map(_TAG.fullmatch, names))


def names_words(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is a header by its names, and most cells of the column that it calls words are one word."""
    if not rows or not looks_like_header(rows[0], []):
        return False
    at = next(at for at, cell in enumerate(rows[0]) if _TOKEN.fullmatch(cell.strip()))
    return 2 * sum(" " in row[at].strip() for row in rows) < len(rows)
