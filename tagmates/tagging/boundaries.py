"""Where input can be cut so that the sentences that come out stay the same."""

import re
from json import JSONDecodeError

from tagmates.data.formats.json_list import check_rest, is_cut, list_items, list_start
from tagmates.data.formats.jsonl import not_json
from tagmates.data.formats.table import table_rows
from tagmates.data.tokenize import split_sentences
from tagmates.errors import DataError
from tagmates.tagging.read_options import ReadOptions, table_layout

SENTENCE_WINDOW = 2**13  # bytes that are searched for the end of a sentence
_BLANK_LINE = re.compile(rb"\n[ \t\r\v\f]*\n")
# before a sentence "#" may begin a comment, inside one it is a word; so a byte more must be known
_ROW_END = re.compile(rb"\n(?!#)(?=[\s\S])")
_WHITE_SPACE = re.compile(rb"[ \t\v\f\n]")  # not \r, since \n may follow it


def end_of_chunk(block: bytes, size: int, options: ReadOptions, line: int) -> int:
    """The length of the chunk that this block begins with, in bytes; 0 if it cannot end inside the block."""
    if options.kind == "text":
        return _end_in_text(block, size)
    if options.kind in ("csv", "csv-text") or options.has_sentence_marks:
        return _end_in_table(block, size, options, line)
    if options.kind == "conllu":
        found = _BLANK_LINE.search(block, size) or _BLANK_LINE.search(block)
        return found.end() if found else 0
    return _end_in_rows(block, size)


def end_in_list(
    block: bytes, size: int, name: str, line: int, record: int, *, in_object: bool, ended: bool
) -> tuple[int, int]:
    """The length of the chunk of a JSON list that this block begins with, in bytes, and the number of its items.

    The length is 0 if the first item does not end inside the block. ``record`` is the number of the first item; only
    the block that begins the file has item 1. ``in_object`` says that the file is an object around the list, ``ended``
    that the block ends the file. Raises DataError if the first item, or what stands behind the last one, is not JSON.
    """
    text = block.decode(errors="surrogateescape")  # it may end in the middle of a character
    length = items = 0
    try:
        at = list_start(text, name) if record == 1 else 0
        start = 0
        for item in list_items(text, at, first=record == 1):
            end = length + len(text[start : item.end].encode(errors="surrogateescape"))
            if end == len(block):
                break  # the rest of the list is not there
            start, at, length, items = item.end, item.end, end, items + 1
            if size <= length < len(block):
                return length, items
        if ended:
            check_rest(text, at, name, in_object=in_object)
            length = len(block)
    except (JSONDecodeError, RecursionError) as error:
        whole = isinstance(error, RecursionError) or ended or not is_cut(error, text)
        if whole and not items:
            raise not_json(error, name, line, record) from None
    return length, items


def _end_in_table(block: bytes, size: int, options: ReadOptions, line: int) -> int:
    """The end of a sentence, after ``size`` if possible, else the last one before it. Rows in quotes stay whole."""
    lines = block[: block.rfind(b"\n") + 1].split(b"\n")
    starts = [0]
    for each in lines:
        starts.append(starts[-1] + len(each) + 1)
    best, before, texts = 0, None, options.kind == "csv-text"
    try:
        text = b"\n".join(lines).decode(errors="replace")
        for row in table_rows(text, table_layout(options, line), "", first_line=line):
            at = starts[row.line - line]
            if before is not None and (texts or row.sentence != before):
                best = at
            before = row.sentence
            if best >= size:
                break
    except DataError:
        pass  # the block may end inside quotes; real mistakes are reported when the chunk is read
    return best


def _end_in_text(block: bytes, size: int) -> int:
    if found := _BLANK_LINE.search(block, size):
        return found.end()
    if end := _sentence_end(block[size : size + SENTENCE_WINDOW]):
        return size + end
    if found := _WHITE_SPACE.search(block, size):
        return found.end()
    end = size
    while end < size + 3 and block[end] & 0xC0 == 0x80:  # in the middle of a character
        end += 1
    return end + (block[end - 1 : end + 1] == b"\r\n")


def _end_in_rows(block: bytes, size: int) -> int:
    """The end of a row, after ``size`` if possible, else the last one; 0 if the first line does not end."""
    found = _BLANK_LINE.search(block, size) or _ROW_END.search(block, size)
    if found:
        return found.end()
    ends = [found.end() for found in _ROW_END.finditer(block)]
    return ends[-1] if ends else block.rfind(b"\n") + 1


def _sentence_end(window: bytes) -> int:
    """The end of the first sentence of a paragraph that continues after it; 0 if there is none."""
    text = window.decode(errors="surrogateescape")  # it may begin and end in the middle of a character
    spaces = [place.start() for place in re.finditer(r"\s", text)]
    if not spaces:
        return 0
    ends = [end for _, end in split_sentences(text[spaces[0] : spaces[-1]])]
    return len(text[: spaces[0] + ends[0]].encode(errors="surrogateescape")) if len(ends) > 1 else 0


def missing_line_ends(last: bytes, kind: str) -> str:
    """The line ends to add after the ``last`` bytes of a file, so that its last sentence ends with the file."""
    if last.endswith((b"\n\n", b"\n\r\n")) or (last.endswith(b"\n") and kind in ("lines", "jsonl")):
        return ""
    return "\n" if last.endswith(b"\n") or kind in ("lines", "jsonl") else "\n\n"
