"""Input cut into pieces that can be tagged apart, however long it is and however little in it ends.

A piece ends where the sentences that come out stay the same: at a blank line; where there is none for long, after a
sentence; else at white space, and at worst in the middle of a word. That depends on the bytes from its start on and on
nothing else, so whoever reads the same input again makes the same pieces.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tagmates.data.tokenize import split_sentences
from tagmates.errors import DataError

SIZE = 2**17  # bytes of a piece, and what is left of its paragraph; never twice as many
HEAD = 2**14  # bytes of a file that show the form of its rows
WINDOW = 2**13  # bytes that are searched for the end of a sentence

_BLANK_LINE = re.compile(rb"\n[ \t\r\v\f]*\n")
_ROW_END = re.compile(rb"\n(?!# )")  # before a sentence "# " begins a comment, inside one it is a word
_INSIDE = bytes(range(0x80, 0xC0))  # bytes in UTF-8 that begin no character
_WHITE_SPACE = re.compile(rb"[ \t\v\f\n]")  # not \r, which may have its \n behind it


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of one file; the first is byte ``column`` of line ``line``, from 0 and from 1.

    An ``error`` stands where nothing more could be read. ``characters`` stand before it in the file. ``head`` is how a
    file of rows begins, so that all its pieces are read in the same way.
    """

    name: str
    line: int = 1
    column: int = 0
    data: bytes = b""
    error: DataError | None = None
    characters: int = 0
    head: bytes = b""


def read_pieces(files: Iterable[str], kind: str, size: int = SIZE) -> Iterator[Piece]:
    """The pieces of files (``-`` is stdin), lazily; together they are the files, but for their byte order marks.

    ``kind`` is text, or anything else for rows. What cannot be read is a piece with an error, and the last: a file, or
    a line of words that is longer than a piece can be.
    """
    for file in files:
        name = name_of(file)
        try:
            if sys.stdin is None and file == "-":
                raise DataError(f"{name}: is closed; give a file or pipe text in")
            with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
                yield from _pieces(stream, name, kind, size)
            continue
        except DataError as wrong:
            error = wrong
        except OSError as wrong:
            error = DataError(f"{name}: cannot be read ({wrong.strerror}); give a text file, or '-' for stdin")
        yield Piece(name, error=error)
        return


def size_of(files: Iterable[str]) -> int | None:
    """How many bytes the files hold together; None where one, such as stdin, will not say."""
    paths = list(map(Path, files))
    return sum(path.stat().st_size for path in paths) if all(map(Path.is_file, paths)) else None


def name_of(file: str) -> str:
    """What messages call a file."""
    return "standard input" if file == "-" else file


def _pieces(stream: BinaryIO, name: str, kind: str, size: int) -> Iterator[Piece]:
    line, column, characters, rest, head = 1, 0, 0, b"", b""
    while block := rest + stream.read(2 * size - len(rest)):
        ended = len(block) < 2 * size
        if (line, column) == (1, 0):
            block = block.removeprefix(b"\xef\xbb\xbf")
            head = b"" if kind == "text" else block if len(block) < HEAD else block[: block.rfind(b"\n", 0, HEAD) + 1]
        end = len(block) if ended else _end_in_text(block, size) if kind == "text" else _end_in_rows(block, size)
        if not end:
            raise DataError(f"{name}:{line}: is longer than {2 * size} bytes; write one token a line")
        data, rest = block[:end], block[end:]
        yield Piece(name, line, column, data, characters=characters, head=head)
        if ended:
            return
        characters += len(data.translate(None, _INSIDE))
        last = data.rfind(b"\n") + 1
        line, column = line + data.count(b"\n"), len(data) - last + (0 if last else column)


def _end_in_text(block: bytes, size: int) -> int:
    if found := _BLANK_LINE.search(block, size):
        return found.end()
    if end := _sentence_end(block[size : size + WINDOW]):
        return size + end
    if found := _WHITE_SPACE.search(block, size):
        return found.end()
    end = size
    while end < size + 3 and block[end] & 0xC0 == 0x80:  # in the midst of a character
        end += 1
    return end + (block[end - 1 : end + 1] == b"\r\n")


def _end_in_rows(block: bytes, size: int) -> int:
    """0 where the first line does not end."""
    found = _BLANK_LINE.search(block, size) or _ROW_END.search(block, size)
    return found.end() if found else block.rfind(b"\n") + 1


def _sentence_end(window: bytes) -> int:
    """Where a sentence ends in the midst of a paragraph; 0 where none does."""
    text = window.decode(errors="surrogateescape")  # may begin and end in the midst of a character
    spaces = [place.start() for place in re.finditer(r"\s", text)]
    if not spaces:
        return 0
    ends = [end for _, end in split_sentences(text[spaces[0] : spaces[-1]])]
    return len(text[: spaces[0] + ends[0]].encode(errors="surrogateescape")) if len(ends) > 1 else 0
