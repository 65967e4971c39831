"""Recognise the format of a file from its first lines, or describe what was seen in it instead."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.guesses import are_universal
from tagmates.data.describing.json_records import json_layout
from tagmates.data.describing.tables import table_in
from tagmates.data.describing.unread_formats import (
    opennlp_in,
    rows_of_spans,
    settings_in,
    table_of_spans,
    unread_format,
    words_with_counts,
    words_with_places,
)
from tagmates.data.formats.columns import CELL
from tagmates.data.formats.conll2012 import is_document_mark
from tagmates.data.formats.conllu import (
    CONLLU_COLUMNS,
    CONLLU_ID,
    CONLLULEX_COLUMNS,
    SPACES_ADVICE,
    plus_columns,
    separated_by_spaces,
)
from tagmates.data.formats.decompression import LFS_ADVICE, LFS_START
from tagmates.data.formats.sentence_lines import tags_per_word
from tagmates.data.formats.webanno import WEBANNO_FIRST_LINE

READABLE_FORMATS = (
    "column files, CSV, CoNLL-U and CoNLL-U Plus, CoNLL-2012, JSON and JSON lines (lists of words, or texts with spans "
    "as of doccano, Label Studio and Prodigy), sentences a line (word/TAG), WebAnno TSV 3, .spacy, BRAT, folders of "
    "Hugging Face data sets"
)
MAX_ODD_WORDS = 0.05  # the share of words without a tag, in lines of word/TAG; the reader names them
MIN_ALIKE_LINES = 0.9  # the share of lines with equally many words in parallel files
_HEAD_SIZE = 2**17  # characters of a file that are inspected
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip, or a spreadsheet",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
_STANDOFF = re.compile(r"\s*T\d+\t\S+ \d+ \d+(?:;\d+ \d+)*\t")
_SPACED_RANGE = re.compile(r"^\d+[-.]\d+ ", re.MULTILINE)  # of CoNLL-U with spaces; in a column file it would be a word
_UNUSED_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"


def sniff(data: bytes) -> FileLayout | UnreadFile:
    """The layout of a file with these bytes, or what was seen if no tagged sentences are found."""
    if packed := why_packed(data):
        return UnreadFile(packed)
    encoding, notes = _utf_16(data) or _utf_8_or_latin_1(data)
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    if not text.strip():
        return UnreadFile("is empty", "text")
    head = text[:_HEAD_SIZE]
    if "\0" in head:
        return UnreadFile(f"has {head.count(chr(0)):,} zero bytes in its first {len(head):,}: it is not text")
    if "\n" not in head and "\r" in head:
        head = head.replace("\r", "\n")
        notes = (*notes, "its lines end with \\r alone, as on old Macintosh computers: convert them to \\n first")
    lines = [line.removesuffix("\r") for line in head.split("\n")]
    lines = lines[: -1 if len(text) > _HEAD_SIZE else None]
    layout = _format_of(lines, text)
    if isinstance(layout, UnreadFile):
        return layout
    return replace(layout, encoding=encoding, notes=(*layout.notes, *notes))


def _format_of(lines: Sequence[str], text: str) -> FileLayout | UnreadFile:
    if text.startswith("#FORMAT=WebAnno"):
        other = UnreadFile("is WebAnno TSV of another version than 3: export it as TSV 3", "format")
        return FileLayout("webanno") if text.startswith(WEBANNO_FIRST_LINE) else other
    if any(line.startswith("#begin document") for line in lines[:100]):
        return _brackets(lines)
    if text.lstrip()[:1] in ("{", "[") and (found := json_layout(lines, text)):
        return UnreadFile(found) if isinstance(found, str) else found
    return _why_unread(lines, text) or _conllu(lines) or _sentence_lines(lines) or _table(lines, text)


def _why_unread(lines: Sequence[str], text: str) -> UnreadFile | None:
    if reason := unread_format(lines):
        return UnreadFile(reason, "format")
    spaced = _SPACED_RANGE.search(text) and separated_by_spaces(lines)
    reason = opennlp_in(lines) or settings_in(lines) or (SPACES_ADVICE if spaced else "")
    return UnreadFile(reason) if reason else None


def _table(lines: Sequence[str], text: str) -> FileLayout | UnreadFile:
    if _STANDOFF.match(text):
        return UnreadFile("is stand-off annotation as of BRAT: call it DOC.ann, beside DOC.txt")
    found = table_in(lines, text)
    if isinstance(found, UnreadFile):
        return found
    rows = [cells for sentence in found.sample for cells in sentence]
    if reason := table_of_spans(found.heading) or rows_of_spans(rows):
        return UnreadFile(reason, "format")
    reason = words_with_places(rows) or words_with_counts(rows)
    return UnreadFile(reason) if reason else found


def why_packed(data: bytes) -> str:
    """What these bytes are if they are no text: a pointer of Git LFS, a PDF, or packed; else ""."""
    if data.startswith(LFS_START):
        return LFS_ADVICE
    if data.startswith(b"%PDF"):
        return "is a PDF: save its text in a text file"
    kind = next((name for sign, name in _PACKED.items() if data.startswith(sign)), "")
    return f"is packed ({kind}): unpack it, or save it as text" if kind else ""


def _utf_16(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """UTF-16 or UTF-32 and notes; None if it is neither."""
    if data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        return "utf-32", ()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", ()
    even, odd = data[:_HEAD_SIZE:2].count(0), data[1:_HEAD_SIZE:2].count(0)
    pairs = max(1, min(len(data), _HEAD_SIZE) // 2)
    if max(even, odd) > 0.3 * pairs and min(even, odd) < 0.02 * pairs:
        name = "utf-16-le" if odd > even else "utf-16-be"
        return name, (f"half of its bytes are zero: it is read as {name}, UTF-16 without a byte order mark",)
    return None


def _utf_8_or_latin_1(data: bytes) -> tuple[str, tuple[str, ...]]:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        good = sum(byte >= 0xC2 for byte in data.decode(errors="ignore").encode())
        if data.decode(errors="replace").count("\ufffd") <= good:
            return "utf-8", (f"line {line} has a byte that is not UTF-8, unlike the rest: repair it",)
        # these bytes are control characters in latin-1, but quotes, dashes and the euro sign in cp1252
        windows = any(0x80 <= byte < 0xA0 for byte in data) and not any(byte in data for byte in _UNUSED_IN_CP1252)
        name = "cp1252" if windows else "latin-1"
        return name, (f"line {line} is not UTF-8; it is read as {name}: check whether its letters are right",)
    return "utf-8", ()


def _brackets(lines: Sequence[str]) -> FileLayout | UnreadFile:
    rows = [(line, CELL.findall(line)) for line in lines if not is_document_mark(line)]
    sample = [[cells for _, cells in block] for block in _blocks(rows)]
    widths = Counter(len(cells) for sentence in sample for cells in sentence)
    if not widths or min(widths) < 11:
        return UnreadFile(
            f"has CoNLL-2012's '#begin document', but lines of {min(widths, default=0)} cells, which has 11 or more",
            "format",
        )
    return FileLayout("conll2012", columns=min(widths), sample=sample)


def _blocks(rows: Sequence[tuple[str, list[str]]]) -> Iterator[list[tuple[str, list[str]]]]:
    block: list[tuple[str, list[str]]] = []
    for line, cells in [*rows, ("", [])]:
        if line.strip():
            block.append((line, cells))
        elif block:
            yield block
            block = []


def _conllu(lines: Sequence[str]) -> FileLayout | None:
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    names = plus_columns("\n".join(lines))
    named = [cells for cells in rows if len(cells) == len(names)]
    if "FORM" in map(str.upper, names) and rows and len(named) >= 0.9 * len(rows):
        return FileLayout("conllu", columns=len(names), heading=names, sample=[named])
    fitting = [cells for cells in rows if len(cells) >= len(CONLLU_COLUMNS) and CONLLU_ID.fullmatch(cells[0])]
    if not rows or len(fitting) < 0.9 * len(rows):
        return None
    lex = len(fitting[0]) == len(CONLLU_COLUMNS) + len(CONLLULEX_COLUMNS)
    words = [cells for cells in fitting if cells[0].isdecimal()]
    longer = len(fitting[0]) > len(CONLLU_COLUMNS) and not lex
    if longer and len(words) == len(fitting) and not are_universal(cells[3] for cells in fitting):
        return None  # in CoNLL-2009, whose columns are others, lemmas stand there; it has no ranges of words
    return FileLayout("conllu", columns=min(map(len, words or fitting)), sample=[fitting])


def _sentence_lines(lines: Sequence[str]) -> FileLayout | None:
    """One sentence per line, if nearly every word is followed by the same separator and one of a few tags.

    The reader names the other words. The sentences of NLTK's Brown corpus begin with a tab.
    """
    sentences = [CELL.findall(line) for line in lines if line.strip()]
    words = [word for sentence in sentences for word in sentence]
    if len(words) < max(20, 2 * len(sentences)) or len(sentences) < 2 or any("\t" in line.strip() for line in lines):
        return None
    for separator in ("###", "|", "/", "_", ":"):
        width = tags_per_word(words, separator)
        split = [[word.rsplit(separator, width) for word in sentence] for sentence in sentences]
        cells = [word for sentence in split for word in sentence if len(word) > width and all(word)]
        if not width or len(words) - len(cells) > MAX_ODD_WORDS * len(words):
            continue
        whole = [sentence for sentence in split if all(len(word) > width and all(word) for word in sentence)]
        tags = {word[-1] for word in cells}
        # 7:30 is a time
        if whole and len(tags) <= max(20, len(words) // 5) and not (separator == ":" and any(map(str.isdecimal, tags))):
            return FileLayout("lines", separator, width + 1, sample=whole)
    return None


def parallel_layout(words: str, tags: str, name: str) -> FileLayout | None:
    """The layout of two texts, words and their tags in the file ``name``; None if they are not parallel.

    On nearly all lines, both have equally many words; the reader names the others. There are few different tags.
    """
    lines, others = ([CELL.findall(line) for line in text.split("\n")] for text in (words, tags))
    pairs = [(own, other) for own, other in zip(lines, others, strict=False) if own or other]
    alike = [pair for pair in pairs if len(pair[0]) == len(pair[1])]
    if len(lines) != len(others) or len(pairs) < 2 or len(alike) < MIN_ALIKE_LINES * len(pairs):
        return None
    used = [tag for _, other in alike for tag in other]
    if max(len(own) for own, _ in alike) < 2 or len({*used}) > max(20, len(used) // 5):
        return None
    sample = [[[word, tag] for word, tag in zip(own, other, strict=True)] for own, other in alike]
    return FileLayout("parallel", columns=2, tags=(name,), sample=sample)
