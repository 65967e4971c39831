"""Recognise a table from the lines of a file: its separator, comments, header and sentence boundaries."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from os.path import commonprefix
from typing import Any

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.guesses import TOKEN_NAMES, is_known_tag
from tagmates.data.describing.sentence_columns import MAX_SENTENCE_WORDS, SENTENCE_NAME, by_sentence_keys
from tagmates.data.describing.sentence_rows import sentence_rows_in
from tagmates.data.formats.columns import CELL, split_cells
from tagmates.data.formats.rows import is_document_line
from tagmates.data.formats.table import MARKUP, SENTENCE_MARK, is_several_rows
from tagmates.data.schemes import are_span_tags
from tagmates.formatting import shown

_TOKEN = re.compile(rf"{'|'.join(TOKEN_NAMES)}|text|terms?", re.IGNORECASE)
_TAG = re.compile(
    r"(?:u|x|c|fine|coarse)?[-_ ]?pos(?:tag)?s?|[^\W_]*[-_ ]?(?:tags?|labels?|ner|iob|bio)(?:[-_ ]?\w+)?|ne[-_l]\S*|"
    r"nel-\S*|chunks?|lemmas?|entit\w*|named[-_ ]entit\w*|sent\w*(?:[-_ ]?\S+)?|misc|ids?|feats?|dep\w*|head|lang\w*|"
    r"[eé]tiquettes?|etiquetas?|etichett[ae]",
    re.IGNORECASE,
)
_SEPARATOR_LINE = re.compile(r"sep=.", re.IGNORECASE)
_SPAN_TAG = re.compile(r"[BIESLUMW]-\S+")
_SENTENCE_KEYS = {"sentence_column", "sentence_end"}
MIN_COMMON_COLUMNS = 5  # of sentences that have different numbers of columns
_MARK_CHARACTERS = "#%<=*@;"  # the first characters of comments and document marks


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    cells: list[str]


def table_in(lines: Sequence[str], text: str) -> FileLayout | UnreadFile:
    """The table in the lines of a text, or what was seen if they are none.

    A first line ``sep=;``, which tells Excel the separator, is read as a comment.
    """
    if not lines or not _SEPARATOR_LINE.fullmatch(lines[0]):
        return _table_in(lines, text)
    found = _table_in(["", *lines[1:]], text)
    return replace(found, keys={"comment": "sep=", **found.keys}) if isinstance(found, FileLayout) else found


def _table_in(lines: Sequence[str], text: str) -> FileLayout | UnreadFile:
    for separator in (",", ";", "\t", "|"):
        if (rows_found := sentence_rows_in(lines, separator)) is not None:
            return rows_found
    reasons: list[str] = []
    for separator in (",", ";", "\t"):
        rows = _csv_rows(lines, separator)
        if rows and (found := _looked_at(rows, separator, text, quoted=True)):
            return UnreadFile(found) if isinstance(found, str) else found
    for separator in ("\t", ", ", "; ", "whitespace", ",", ";", "|"):
        rows = [_Line(number, line, split_cells(line, separator)) for number, line in enumerate(lines, start=1)]
        found = _looked_at(_with_common_columns(rows), separator, text, quoted=False)
        if isinstance(found, FileLayout):
            return found
        reasons += [found] if found else []
    line = next((line.strip() for line in lines if line.strip()), "")
    if re.match(r"<[?!]?[A-Za-z]", line) and not (reasons and MARKUP.fullmatch(line)):
        return UnreadFile(
            f"is XML or HTML, which is not read (it begins with {shown(line)}): write one word a line with its tags"
        )
    if reasons:
        return UnreadFile(reasons[0])
    single = all(len(CELL.findall(line)) < 2 for line in lines)
    seen = "has one word on each line, without tags" if single else "has no columns that are equally many in its lines"
    return UnreadFile(f"{seen}; the first is {shown(line)}", "text")


def _with_common_columns(rows: Sequence[_Line]) -> Sequence[_Line]:
    """The rows with the columns that all have, if each sentence has its own number, as in CoNLL-2005 and CoNLL-2009.

    These have one more column for each predicate of the sentence. Other rows stay as they are.
    """
    filled = [(bool(row.text.strip()), row) for row in rows if not row.text.startswith("#")]
    blocks = [[row for _, row in block] for is_row, block in groupby(filled, key=lambda each: each[0]) if is_row]
    widths = [{len(row.cells) for row in block} for block in blocks]
    least = min(map(min, widths), default=0)
    long = sum(len(block) for block in blocks if len(block) > 2)
    uniform = all(len(own) == 1 for own in widths) and len({min(own) for own in widths}) > 1
    if not uniform or least < MIN_COMMON_COLUMNS or 2 * long < len(filled):
        return rows
    return [_Line(row.number, row.text, row.cells[:least]) for row in rows]


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
    if any(_SPAN_TAG.fullmatch(names[at]) for at in spans) or _is_word_with_tag(names):
        return False
    if any(names[at].isidentifier() and not are_span_tags({names[at], "B-x"}) for at in spans):
        return True
    return len(few) > 1 and all(re.match(r"[^\W\d]", names[at]) and cells[at] not in below[at] for at in few)


def _is_word_with_tag(names: Sequence[str]) -> bool:
    """Whether the last cell of a row is a known part of speech, and no cell is the name of a column of tags."""
    return names[-1] != names[0] and is_known_tag(names[-1]) and not any(map(_TAG.fullmatch, names))


def comment_sign(comments: Sequence[str], signed: Sequence[str]) -> str:
    """The common beginning of all comments, if possible one that no line of words has; "" if there is none."""
    shared = commonprefix(list(comments))  # noqa: RUF071  (of lines, not of paths)
    longest = re.match(r"(?:.*[^\w\s])?\s*", shared, re.DOTALL)
    sign = re.match(r"([^\w\s])\1*\s?", shared)  # for example "# " or ";; "
    start = sign[0] if sign else shared[:1]
    longer = longest[0] if longest else ""
    words = re.match(r"[^\w\s]+\s*\w+\s", shared)
    candidates = [start, longer, words[0] if words else ""]
    free = [sign for sign in candidates if sign and not _begins_with(sign, signed)]
    return (free or [start])[0] if re.match(r"[^\w\s]", shared) else ""


def _csv_rows(lines: Sequence[str], separator: str) -> list[_Line]:
    """The rows of CSV, if quotes or a header leave no doubt that it is CSV; else none."""
    rows: list[_Line] = []
    # a quote that is written twice, or a separator that is in quotes
    twice, inside = (
        any(re.search(rf'(?:^|{separator})"(?:[^"]|"")*{sign}(?:[^"]|"")*"(?={separator}|$)', line) for line in lines)
        for sign in ('""', separator)
    )
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            rows.append(_Line(number, lines[number - 1], cells))
            number = reader.line_num + 1
    except csv.Error:
        if number < len(lines) - 50:  # but not in the last lines that were read
            return []
    full = [row.cells for row in rows if any(map(str.strip, row.cells)) and not is_document_line(row.text)]
    if not full or any(is_several_rows(cell, separator, len(cells)) for cells in full for cell in cells):
        return []
    if _has_blanks_behind(lines, separator) and not (twice or inside):
        return []
    width = len(full[0])
    wrapped = all(re.fullmatch(r'(?:"[^"]*"[,;\t]?)+', row.text) for row in rows if row.text.strip())
    named = separator in (",", ";") and looks_like_header(full[0], full[1:])
    alike = sum(len(cells) == width for cells in full) / len(full)
    split = Counter(line.count(separator) for line in lines if line.strip())  # "<tab>" may also be two cells
    quoted = twice or (inside and alike > max(split.values()) / split.total())
    return rows if width > 1 and alike >= 0.95 and (quoted or wrapped or named) else []


def _has_blanks_behind(lines: Sequence[str], separator: str) -> bool:
    """Whether nearly every separator has a blank behind it, which CSV would read as a part of the next cell."""
    count = sum(line.count(separator) for line in lines)
    blanks = sum(line.count(f"{separator} ") for line in lines)
    return count > 0 and blanks > 0.95 * count


def _looked_at(rows: Sequence[_Line], separator: str, text: str, *, quoted: bool) -> FileLayout | str:
    """The table that the rows are with this separator; a reason why not; or "" if they cannot be one."""
    rows, markup = _without_markup(rows)
    full = [row for row in rows if row.text.strip() and any(map(str.strip, row.cells))]
    full = [row for row in full if not is_document_line(row.text)]
    words = [row for row in full if row.text[0] != "#" and not MARKUP.fullmatch(row.text.strip())]
    counts = Counter(len(row.cells) for row in words)
    width, most = max(counts.items(), key=lambda item: item[1], default=(0, 0))
    if not 2 <= width <= 100:
        return ""
    last = {row.cells[-1] for row in full if len(row.cells) == width and not row.text.startswith("#")}
    numbered = _are_numbered(full)
    comments, inside, sentences = _divided(
        rows,
        lambda row: _is_comment(row, width, separator, last, numbered=numbered),
        width,
        _sign_of_first(rows, width),
    )
    found = [row for sentence in sentences for row in sentence]
    fitting = [row for row in found if len(row.cells) == width]
    odd = [row for row in found if len(row.cells) != width]
    named = looks_like_header(full[0].cells, [])
    indented = sum(row.text.startswith(" ") and bool(row.cells[0].strip()) for row in full[named:])
    listed = indented * 10 > len(full) and (separator != "whitespace" or len(sentences) < 2 or not _is_shifted(full))
    blanks = sum(" " in row.text for row in full)
    prose = len(sentences) == 1 and (
        len(found) < width
        if separator == "whitespace"
        else separator != "\t" and blanks > 0.5 * len(full) and not _names_words(fitting)
    )
    padded = separator == "\t" and _is_padded(
        fitting, width
    )  # with white space as separator, the cells have no spaces around them
    if not fitting or listed or padded or prose:
        return _whole_texts([[row.cells for row in fitting]]) if quoted and prose and fitting else ""
    if len(odd) * 10 > len(found):
        clear = most >= max(10, 0.5 * len(found)) and len(counts) <= 5
        return _uneven(counts, width, odd, separator) if clear else ""
    keys: dict[str, Any] = {"markup": True} if markup else {}
    heading: tuple[str, ...] = ()
    if looks_like_header(fitting[0].cells, [row.cells for row in fitting[1:500]]):
        heading = tuple(cell.strip() for cell in fitting[0].cells)
        keys["header"] = True
        sentences = [kept for sentence in sentences if (kept := [row for row in sentence if row is not fitting[0]])]
    sample = [[row.cells for row in sentence if len(row.cells) == width] for sentence in sentences]
    sample = [sentence for sentence in sample if sentence]
    more, sample = by_sentence_keys(sample, heading)
    keys |= more
    reason = _whole_texts(sample) if sample and separator != "whitespace" else ""
    if not reason and len(sample) == 1 and not _SENTENCE_KEYS & {*keys}:
        reason = _endless(sample[0], inside, text, len(heading) > 0)
    if not sample or reason:
        return reason
    sign = comment_sign(comments + inside, [])
    inside = [line for line in inside if sign and line.startswith(sign)]
    keys |= {"comments_inside": True} if inside else {}
    signed = [sentence[0].text for sentence in sentences if sentence[0].text[:1] in _MARK_CHARACTERS]
    if inside:
        signed = [row.text for row in found if row.text[:1] in _MARK_CHARACTERS]
    if sign and all(MARKUP.fullmatch(line.strip()) for line in comments + inside) and _begins_with(sign, signed):
        keys = {**{key: value for key, value in keys.items() if key != "comments_inside"}, "markup": True}
        comments, inside = [], []
    places = ", ".join(str(row.number) for row in odd[:5])
    notes = [f"{len(odd)} of the first {len(found)} lines have not {width} columns: line {places}"] if odd else []
    if not heading and comments:
        heading = _names_in(comments, width)
    return FileLayout(
        "csv" if quoted else "columns",
        separator,
        width,
        heading,
        notes=tuple(notes),
        sample=sample,
        comments=tuple(comments + inside),
        signed=tuple(signed),
        keys=keys,
    )


def _names_in(comments: Sequence[str], width: int) -> tuple[str, ...]:
    """The names of the columns, each one word, from the first comment that has so many; none if no comment has."""
    heads = (tuple(re.sub("^# ?", "", line).split("\t")) for line in comments)
    return next((names for names in heads if len(names) == width and all(re.fullmatch(r"\S+", n) for n in names)), ())


def _begins_with(sign: str, lines: Sequence[str]) -> bool:
    """Whether a word would be skipped if lines with this sign were comments."""
    return any(line.startswith(sign) for line in lines)


def _without_markup(rows: Sequence[_Line]) -> tuple[Sequence[_Line], bool]:
    """The rows with blank rows instead of the tag <s> and without other tags; and whether <s> occurs at all."""
    if not any(SENTENCE_MARK.fullmatch(row.text.strip()) for row in rows):
        return rows, False
    kept = [row for row in rows if not MARKUP.fullmatch(row.text.strip()) or SENTENCE_MARK.fullmatch(row.text.strip())]
    return [_Line(row.number, "", []) if MARKUP.fullmatch(row.text.strip()) else row for row in kept], True


def _endless(sentence: Sequence[Sequence[str]], inside: Sequence[str], text: str, header: bool) -> str:
    """The reason to think that the only sentence of a file is several; "" if it may be one."""
    mark = next((line for line in inside if line[0] == "<"), None)
    if mark:
        return (
            f"has no blank line, but lines such as {shown(mark)}: put a blank line after each sentence in their place"
        )
    words = sum(1 for line in text.split("\n") if line.strip()) - header
    return (
        ""
        if len(sentence) <= MAX_SENTENCE_WORDS
        else (f"has no blank line: one sentence of {words:,} words; put a blank line after each sentence")
    )


def _whole_texts(sample: Sequence[Sequence[Sequence[str]]]) -> str:
    """The reason to think that rows hold texts and not words; "" if they do not."""
    columns = list(zip(*(cells for sentence in sample for cells in sentence), strict=True))
    for at, column in enumerate(columns, start=1):
        texts = list(dict.fromkeys(cell for cell in column if len(cell.split()) > 2))
        if 2 * len(texts) > len(column):
            return (
                f"has whole texts in column {at}, such as {shown(texts[0])}: write one word a line with its tags; or "
                "export texts with spans as JSON"
            )
    return ""


def _names_words(rows: Sequence[_Line]) -> bool:
    """Whether the first row is a header by its names, and most cells of the column that it calls words are one word."""
    if not rows or not looks_like_header(rows[0].cells, []):
        return False
    at = next(at for at, cell in enumerate(rows[0].cells) if _TOKEN.fullmatch(cell.strip()))
    return 2 * sum(" " in row.cells[at].strip() for row in rows) < len(rows)


def _is_shifted(rows: Sequence[_Line]) -> bool:
    """Whether all lines begin with equally many spaces; if not, they may be a list with levels."""
    return len({len(row.text) - len(row.text.lstrip(" ")) for row in rows}) == 1


def _uneven(counts: Mapping[int, int], width: int, odd: Sequence[_Line], separator: str) -> str:
    """The reason why lines with different numbers of cells are not a table."""
    others = ", ".join(f"{count} of {size}" for size, count in sorted(counts.items()) if size != width)
    by = "white space" if separator == "whitespace" else shown(separator)
    advice = "is there a separator in a word or in a tag? Put tabs between the columns"
    if len({row.text for row in odd}) == 1:
        advice = "if it divides sentences, put a blank line in its place"
    elif all(len(row.cells) == 1 for row in odd):
        advice = "give each word its tags, and begin lines that are no words with #"
    return (
        f"{counts[width]} lines have {width} columns by {by}, but {others}, as in line {odd[0].number}, "
        f"{shown(odd[0].text)}: {advice}"
    )


def _sign_of_first(rows: Sequence[_Line], width: int) -> str:
    """The sign that begins the first lines of most sentences, if these have another number of cells; else ""."""
    first = [
        row
        for before, row in pairwise([_Line(0, "", []), *rows])
        if any(map(str.strip, row.cells)) and not any(map(str.strip, before.cells))
    ]
    odd = [row.text for row in first if len(row.cells) != width]
    sign = re.match(r"([^\w\s])\1*", commonprefix(odd))  # noqa: RUF071  (of lines, not of paths)
    return sign[0] if sign and 2 * len(odd) > len(first) else ""


def _divided(
    rows: Sequence[_Line], is_comment: Callable[[_Line], bool], width: int, sign: str
) -> tuple[list[str], list[str], list[list[_Line]]]:
    """The comments before sentences, the comments inside, and the sentences.

    Lines of another width before sentences are comments, too, if they begin with ``sign``.
    """
    comments: list[str] = []
    inside: list[str] = []
    sentences: list[list[_Line]] = [[]]
    for row in rows:
        if not any(map(str.strip, row.cells)) or is_document_line(row.text):
            sentences.append([])
        elif is_comment(row) or (sign and not sentences[-1] and len(row.cells) != width and row.text.startswith(sign)):
            (inside if sentences[-1] else comments).append(row.text)
        else:
            sentences[-1].append(row)
    return comments, inside, [sentence for sentence in sentences if sentence]


def _is_comment(row: _Line, width: int, separator: str, last: set[str], *, numbered: bool) -> bool:
    """Whether a line is a comment. ``last`` are the last cells of others; ``numbered``: all words have numbers."""
    other = len(row.cells) != width or row.cells[-1] not in last
    if row.text.startswith("#"):
        spaced = re.match("#+ ", row.text) is not None
        # GermEval's "#", address, date
        alone = not row.cells[0].strip("#") and (numbered or (len(row.cells) > 2 and not row.cells[-1]))
        return len(row.cells) != width or (spaced and (separator == "\t" or other)) or alone
    marked = MARKUP.fullmatch(row.text.strip()) is not None or (row.text[0] in _MARK_CHARACTERS and len(row.cells) == 1)
    return marked and other


def _are_numbered(rows: Sequence[_Line]) -> bool:
    """Whether all rows begin with a number, except several that begin with # alone: a header would be only one."""
    first = [row.cells[0] for row in rows]
    signs = sum(not cell.strip("#") for cell in first)
    return signs > 1 and all(cell.isdecimal() for cell in first if cell.strip("#"))


def _is_padded(rows: Sequence[_Line], width: int) -> bool:
    blank = any(cell != cell.strip(" ") for row in rows for cell in row.cells)
    return blank and all(len(CELL.findall(row.text)) == width for row in rows)
