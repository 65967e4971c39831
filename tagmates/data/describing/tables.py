"""Recognise a table from the lines of a file: its separator, comments, header and sentence boundaries."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from os.path import commonprefix
from typing import Any

from tagmates.data.formats.columns import CELL, split_cells
from tagmates.data.formats.rows import DOCSTART
from tagmates.data.formats.table import MARKUP, SENTENCE_MARK, words_and_tags
from tagmates.data.schemes import are_span_tags
from tagmates.errors import DataError
from tagmates.formatting import shown

MAX_SENTENCE_WORDS = 200  # if the only sentence of a file has more words, its sentence ends are probably missing
_TOKEN = re.compile(r"tokens?|words?|forms?|text|wort|mot|palabra|terms?", re.IGNORECASE)
_TAG = re.compile(
    r"(?:u|x|c|fine|coarse)?[-_ ]?pos(?:tag)?s?|[^\W_]*[-_ ]?(?:tags?|labels?|ner|iob|bio)(?:[-_ ]?\w+)?|ne[-_l]\S*|"
    r"nel-\S*|chunks?|lemmas?|entit\w*|named[-_ ]entit\w*|sent\w*(?:[-_ ]?\S+)?|misc|ids?|feats?|dep\w*|head|lang\w*",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"sent(?:ence)?s?(?:[-_ #:]*(?:#|idx|id|no|nr|num|number|index))?", re.IGNORECASE)
_SENTENCE_ENDS = ("EndOfSentence", "PySBDSegment")  # in the files of HIPE
_MARKS = "#%<=*@;"  # the first characters of comments and document marks


@dataclass(frozen=True, slots=True)
class SniffedTable:
    """A table as its first lines show it; see ``FileLayout`` in ``sniffing``."""

    separator: str
    quoted: bool
    width: int
    heading: tuple[str, ...]
    keys: Mapping[str, Any]
    comments: tuple[str, ...]
    signed: tuple[str, ...]
    notes: tuple[str, ...]
    sample: Sequence[Sequence[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    cells: list[str]


def table_in(lines: Sequence[str], text: str) -> SniffedTable | str:
    """The table in the lines of a text; if they are none, a description of what was seen."""
    for separator in (",", ";", "\t", "|"):
        if (rows_of_words := _sentence_rows(lines, separator)) is not None:
            return rows_of_words
    reasons: list[str] = []
    for separator in (",", ";", "\t"):
        rows = _csv_rows(lines, separator)
        if rows and (found := _looked_at(rows, separator, text, quoted=True)) and isinstance(found, SniffedTable):
            return found
    for separator in ("\t", "whitespace", ",", ";", "|"):
        rows = [_Line(number, line, split_cells(line, separator)) for number, line in enumerate(lines, start=1)]
        found = _looked_at(rows, separator, text, quoted=False)
        if isinstance(found, SniffedTable):
            return found
        reasons += [found] if found else []
    line = next((line.strip() for line in lines if line.strip()), "")
    if re.match(r"<[?!]?[A-Za-z]", line) and not (reasons and MARKUP.fullmatch(line)):
        return f"is XML or HTML, which is not read (it begins with {shown(line)}): write one word a line with its tags"
    return "; ".join(reasons[:1]) or f"has no columns that are equally many in its lines; the first is {shown(line)}"


def _sentence_rows(lines: Sequence[str], separator: str) -> SniffedTable | None:
    """The table, if each row is a sentence: in nearly all rows, two columns have equally many words, one of them tags.

    In the sample, the cells of other columns are repeated beside each word.
    """
    quoted = any('"' in line for line in lines)
    rows: list[list[str]] = []
    try:
        text = (line + "\n" for line in lines)
        rows.extend(
            csv.reader(text, delimiter=separator, strict=True) if quoted else (t[:-1].split(separator) for t in text)
        )
    except csv.Error:
        if len(rows) < 50:  # otherwise the lines that were read end inside a cell
            return None
    rows = [row for row in rows if any(map(str.strip, row))]
    width = len(rows[-1]) if rows else 0
    if len(rows) < 2 or not 2 <= width <= 20 or sum(len(row) == width for row in rows) < 0.95 * len(rows):
        return None
    rows = [row for row in rows if len(row) == width]
    best: tuple[int, int, int] | None = None
    for tag in range(width):
        for token in range(width):
            words = _words_in(rows[1:], token, tag) if token != tag else []
            total = sum(map(len, words))
            if len(words) < 0.8 * len(rows[1:]) or total < 2 * len(words):
                continue
            forms, tags = ({pair[at] for sentence in words for pair in sentence} for at in (0, 1))
            if len(tags) <= max(20, total // 5) and len(tags) < len(forms) and (not best or len(forms) > best[0]):
                best = len(forms), token, tag
    if best is None:
        return None
    _, token, tag = best
    sentences = {id(row): found[0] for row in rows if (found := _words_in([row], token, tag))}
    header = is_header_of_sentences(rows, token, tag)
    heading = tuple(cell.strip() for cell in rows[0]) if header else ()
    sample = []
    for row in rows[header:]:
        if id(row) in sentences:
            columns = [_words_of(row, token, at) or [row[at]] * len(sentences[id(row)]) for at in range(width)]
            columns[token] = [pair[0] for pair in sentences[id(row)]]
            if all(len(column) == len(columns[token]) for column in columns):
                sample.append([list(cells) for cells in zip(*columns, strict=True)])
    keys: dict[str, Any] = {"sentence_rows": True} | ({"header": True} if header else {})
    return SniffedTable(separator, quoted, width, heading, keys, (), (), (), sample) if sample else None


def _words_in(rows: Sequence[Sequence[str]], token: int, tag: int) -> list[list[tuple[str, str]]]:
    """The words and tags of each row that has equally many of both."""
    found = []
    for row in rows:
        tags = _words_of(row, token, tag)
        words = _words_of(row, tag, token)
        if words and len(words) == len(tags):
            found.append(list(zip(words, tags, strict=True)))
    return found


def _words_of(row: Sequence[str], beside: int, at: int) -> list[str]:
    """The words in a cell; none if it is a broken list, or if the other cell has another number of words."""
    try:
        others, words = words_and_tags(row[beside], row[at], "")
    except DataError:
        return []
    return words if len(words) == len(others) else []


def is_header_of_sentences(rows: Sequence[Sequence[str]], token: int, tag: int) -> bool:
    """Whether the first row names the columns, in files where each row is a sentence: its tag occurs nowhere else."""
    first = rows[0][tag].strip()
    return len(first.split()) == 1 and not any(
        first in CELL.findall(row[tag]) or repr(first) in row[tag] for row in rows[1:] if len(row) > tag
    )


def looks_like_header(cells: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a row names the columns and is not a word. ``others`` are the following rows, with as many columns.

    It does if it names one column as tokens and another as tags; if the tags below mark spans and its own does not; or
    if, in all of several columns with few values, its value never occurs again.
    """
    names = [cell.strip() for cell in cells]
    if sum(map(bool, map(_TOKEN.fullmatch, names))) and any(map(_TAG.fullmatch, names)):
        return True
    if len(others) < 20 or any(len(row) != len(cells) for row in others):
        return False
    below = [Counter(column) for column in zip(*others, strict=True)]
    few = [at for at, column in enumerate(below) if 1 < len(column) <= max(20, len(others) // 5)]
    spans = [at for at in few if are_span_tags({*below[at]} - {"_"})]
    if any(names[at].isidentifier() and not are_span_tags({names[at], "B-x"}) for at in spans):
        return True
    return len(few) > 1 and all(re.match(r"[^\W\d]", names[at]) and cells[at] not in below[at] for at in few)


def comment_sign(comments: Sequence[str], signed: Sequence[str]) -> str:
    """The common beginning of all comments, if possible one that no line of words has; "" if there is none."""
    shared = commonprefix(list(comments))  # noqa: RUF071  (of lines, not of paths)
    longest = re.match(r"(?:.*[^\w\s])?\s*", shared, re.DOTALL)
    sign = re.match(r"([^\w\s])\1*\s?", shared)  # for example "# " or ";; "
    start = sign[0] if sign else shared[:1]
    longer = longest[0] if longest else ""
    words = re.match(r"[^\w\s]+\s*\w+\s", shared)
    candidates = [start, longer, words[0] if words else ""]
    free = [sign for sign in candidates if sign and not any(line.startswith(sign) for line in signed)]
    return (free or [start])[0] if shared[:1] and shared[0] in _MARKS else ""


def _csv_rows(lines: Sequence[str], separator: str) -> list[_Line]:
    """The rows of CSV, if quotes or a header leave no doubt that it is CSV; else none."""
    rows: list[_Line] = []
    quotes = re.compile(rf'(?:^|{separator})"(?:[^"]|"")*(?:{separator}|"")(?:[^"]|"")*"(?={separator}|$)')
    quoted = any(quotes.search(line) for line in lines if '"' in line)
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True)
    number = 1
    try:
        for cells in reader:
            rows.append(_Line(number, lines[number - 1], cells))
            number = reader.line_num + 1
    except csv.Error:
        if number < len(lines) - 50:  # but not in the last lines that were read
            return []
    full = [row.cells for row in rows if any(map(str.strip, row.cells))]
    if any("\n" in cell for cells in full for cell in cells) or not full:
        return []
    width = len(full[0])
    wrapped = all(re.fullmatch(r'(?:"[^"]*"[,;\t]?)+', row.text) for row in rows if row.text.strip())
    named = separator != "\t" and looks_like_header(full[0], full[1:])
    alike = width > 1 and sum(len(cells) == width for cells in full) >= 0.95 * len(full)
    return rows if alike and (quoted or wrapped or named) else []


def _looked_at(rows: Sequence[_Line], separator: str, text: str, *, quoted: bool) -> SniffedTable | str:
    """The table that the rows are with this separator; a reason why not; or "" if they cannot be one."""
    rows, markup = _without_markup(rows)
    full = [row for row in rows if row.text.strip() and any(map(str.strip, row.cells))]
    full = [row for row in full if row.text.split(maxsplit=1)[0] != DOCSTART]
    words = [row for row in full if row.text[0] != "#" and not MARKUP.fullmatch(row.text.strip())]
    counts = Counter(len(row.cells) for row in words)
    width, most = max(counts.items(), key=lambda item: item[1], default=(0, 0))
    if not 2 <= width <= 100:
        return ""
    last = {row.cells[-1] for row in full if len(row.cells) == width and not row.text.startswith("#")}
    comments, inside, sentences = _divided(rows, width, separator, last)
    found = [row for sentence in sentences for row in sentence]
    fitting = [row for row in found if len(row.cells) == width]
    odd = [row for row in found if len(row.cells) != width]
    indented = sum(row.text.startswith(" ") for row in full)
    listed = bool(indented) and (separator != "whitespace" or len(sentences) < 2 or not _is_shifted(full))
    prose = separator in ",;|" and len(sentences) == 1 and sum(" " in row.text for row in full) > 0.5 * len(full)
    padded = separator == "\t" and _is_padded(
        fitting, width
    )  # with white space as separator, the cells have no spaces around them
    if not fitting or listed or padded or prose:
        return ""
    if len(odd) * 10 > len(found):
        return (
            _uneven(counts, width, odd[0], separator) if most >= max(10, 0.5 * len(found)) and len(counts) <= 5 else ""
        )
    keys: dict[str, Any] = {"markup": True} if markup else {}
    heading: tuple[str, ...] = ()
    if looks_like_header(fitting[0].cells, [row.cells for row in fitting[1:500]]):
        heading = tuple(cell.strip() for cell in fitting[0].cells)
        keys["header"] = True
        sentences = [kept for sentence in sentences if (kept := [row for row in sentence if row is not fitting[0]])]
    sample = [[row.cells for row in sentence if len(row.cells) == width] for sentence in sentences]
    sample = [sentence for sentence in sample if sentence]
    keys |= _sentence_keys(sample, heading)
    if "sentence_column" in keys:
        sample = _by_column(sample, keys["sentence_column"] - 1)
        keys["sentence_column"] = heading[keys["sentence_column"] - 1] if heading else keys["sentence_column"]
    elif len(sample) == 1 and "sentence_end" not in keys and (reason := _endless(sample[0], inside, text)):
        return reason
    if not sample:
        return ""
    sign = comment_sign(comments + inside, [])
    inside = [line for line in inside if sign and line.startswith(sign)]
    keys |= {"comments_inside": True} if inside else {}
    signed = [sentence[0].text for sentence in sentences if sentence[0].text[:1] in _MARKS]
    if inside:
        signed = [row.text for row in found if row.text[:1] in _MARKS]
    places = ", ".join(str(row.number) for row in odd[:5])
    notes = [f"{len(odd)} of the first {len(found)} lines have not {width} columns: line {places}"] if odd else []
    if not heading and comments:
        heads = (tuple(re.sub("^# ?", "", line).split("\t")) for line in comments)
        heading = next((names for names in heads if len(names) == width and all(names)), ())
    return SniffedTable(
        separator, quoted, width, heading, keys, tuple(comments + inside), tuple(signed), tuple(notes), sample
    )


def _without_markup(rows: Sequence[_Line]) -> tuple[Sequence[_Line], bool]:
    """The rows with blank rows instead of the tag <s> and without other tags; and whether <s> occurs at all."""
    if not any(SENTENCE_MARK.fullmatch(row.text.strip()) for row in rows):
        return rows, False
    kept = [row for row in rows if not MARKUP.fullmatch(row.text.strip()) or SENTENCE_MARK.fullmatch(row.text.strip())]
    return [_Line(row.number, "", []) if MARKUP.fullmatch(row.text.strip()) else row for row in kept], True


def _endless(sentence: Sequence[Sequence[str]], inside: Sequence[str], text: str) -> str:
    """The reason to think that the only sentence of a file is several; "" if it may be one."""
    mark = next((line for line in inside if line[0] == "<"), None)
    if mark:
        return (
            f"has no blank line, but lines such as {shown(mark)}: put a blank line after each sentence in their place"
        )
    words = sum(1 for line in text.split("\n") if line.strip())
    return (
        ""
        if len(sentence) <= MAX_SENTENCE_WORDS
        else (f"has no blank line: one sentence of {words:,} words; put a blank line after each sentence")
    )


def _is_shifted(rows: Sequence[_Line]) -> bool:
    """Whether all lines begin with equally many spaces; if not, they may be a list with levels."""
    return len({len(row.text) - len(row.text.lstrip(" ")) for row in rows}) == 1


def _uneven(counts: Mapping[int, int], width: int, odd: _Line, separator: str) -> str:
    """The reason why lines with different numbers of cells are not a table."""
    others = ", ".join(f"{count} of {size}" for size, count in sorted(counts.items()) if size != width)
    by = "white space" if separator == "whitespace" else shown(separator)
    return (
        f"{counts[width]} lines have {width} columns by {by}, but {others}, as in line {odd.number}, "
        f"{shown(odd.text)}: is there a separator in a word or in a tag? Put tabs between the columns"
    )


def _divided(
    rows: Sequence[_Line], width: int, separator: str, last: set[str]
) -> tuple[list[str], list[str], list[list[_Line]]]:
    """The comments before sentences, the comments inside, and the sentences; ``last``: last cells of other lines."""
    comments: list[str] = []
    inside: list[str] = []
    sentences: list[list[_Line]] = [[]]
    for row in rows:
        if not any(map(str.strip, row.cells)) or row.text.split(maxsplit=1)[0] == DOCSTART:
            sentences.append([])
        elif _is_comment(row, width, separator, last):
            (inside if sentences[-1] else comments).append(row.text)
        else:
            sentences[-1].append(row)
    return comments, inside, [sentence for sentence in sentences if sentence]


def _is_comment(row: _Line, width: int, separator: str, last: set[str]) -> bool:
    other = len(row.cells) != width or row.cells[-1] not in last
    if row.text.startswith("#"):
        spaced = row.text.startswith("# ")
        return len(row.cells) != width or (spaced and (separator == "\t" or other))
    marked = MARKUP.fullmatch(row.text.strip()) is not None or (row.text[0] in _MARKS and len(row.cells) == 1)
    return marked and other


def _is_padded(rows: Sequence[_Line], width: int) -> bool:
    blank = any(cell != cell.strip(" ") for row in rows for cell in row.cells)
    return blank and all(len(CELL.findall(row.text)) == width for row in rows)


def _sentence_keys(sample: Sequence[Sequence[Sequence[str]]], heading: Sequence[str]) -> dict[str, Any]:
    """The key for sentence ends not marked by blank lines: ``sentence_column`` (a number) or ``sentence_end``."""
    rows = [cells for sentence in sample for cells in sentence]
    for word in _SENTENCE_ENDS:
        if any(word in cell.split("|") for cells in rows for cell in cells[1:]):
            return {"sentence_end": word}
    named = [at for at, name in enumerate(heading, start=1) if _SENTENCE.fullmatch(name)]
    if named:
        return {"sentence_column": named[0]}
    if len(sample) > 1 or len(rows) <= 20:
        return {}
    for at, column in enumerate(zip(*rows, strict=True), start=1):
        runs = [value for value, _ in groupby(column)]
        if (
            len(runs) == len(set(runs))
            and len(rows) / MAX_SENTENCE_WORDS < len(runs) <= len(rows) / 3
            and len(runs) > 1
        ):
            return {"sentence_column": at}
    return {}


def _by_column(sample: Sequence[Sequence[list[str]]], index: int) -> list[list[list[str]]]:
    sentences: list[list[list[str]]] = []
    before = ""
    for block in sample:
        for at, cells in enumerate(block):
            value = cells[index].strip()
            if not sentences or at == 0 or (value and value != before):
                sentences.append([])
            before = value or before
            sentences[-1].append(cells)
    return sentences
