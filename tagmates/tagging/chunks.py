"""Input cut into pieces that can be tagged apart, however long it is and however little in it ends.

A piece ends where the sentences that come out stay the same: at a blank line; where there is none for long, after a
sentence; else at white space, and at worst in the middle of a word. That depends on the bytes from its start on and on
nothing else, so whoever reads the same input again makes the same pieces.
"""

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from tagmates.data.describing.sniffing import READ, Layout, sniff
from tagmates.data.formats.table import rows_of
from tagmates.data.tokenize import split_sentences
from tagmates.errors import ConfigError, DataError
from tagmates.tagging.appending import check_append
from tagmates.tagging.reading import WHOLE, Reading, check_reading, table_of
from tagmates.tagging.recognising import recognised
from tagmates.tagging.whole_files import documents_in, whole_kind, whole_sentences

SIZE = 2**17  # bytes of a piece, and what is left of its paragraph; never twice as many
MOST = 2**26  # bytes of what is never cut: a record, a row of CSV, a sentence whose rows are numbered
HEAD = 2**16  # bytes of a file that show how it is written
WINDOW = 2**13  # bytes that are searched for the end of a sentence

_MARKS = {  # the longer one first: that of UTF-32 begins with that of UTF-16
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_BLANK_LINE = re.compile(rb"\n[ \t\r\v\f]*\n")
_ROW_END = re.compile(rb"\n(?!# )")  # before a sentence "# " begins a comment, inside one it is a word
_INSIDE = bytes(range(0x80, 0xC0))  # bytes in UTF-8 that begin no character
_WHITE_SPACE = re.compile(rb"[ \t\v\f\n]")  # not \r, which may have its \n behind it
_TEXT = Reading("text")


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of one file, as UTF-8; the first is byte ``column`` of line ``line``, from 0 and from 1.

    An ``error`` stands where nothing more could be read. ``characters`` stand before it in the file. ``reading`` is how
    the file is written, ``note`` says it in words with the first piece, as far as it was recognised. ``before`` is
    what an output that repeats the files has before this piece: a byte order mark, or the end of the file before.
    """

    name: str
    line: int = 1
    column: int = 0
    data: bytes = b""
    error: DataError | None = None
    characters: int = 0
    reading: Reading = _TEXT
    note: str = ""
    before: str = ""


def read_pieces(files: Iterable[str], how: str | Reading, size: int = SIZE) -> Iterator[Piece]:
    """The pieces of files (``-`` is stdin), lazily; together they are the files, but for their byte order marks.

    ``how`` they are written may be a format alone, as text; what it leaves open is recognised. Of formats that are read
    as a whole the pieces are JSON lines of their words. What cannot be read is a piece with an error, and the last.
    Raises ConfigError for what does not go together with a file.
    """
    reading = check_reading(Reading(how) if isinstance(how, str) else how)
    before = ""
    for number, file in enumerate(files):
        name = name_of(file)
        try:
            if sys.stdin is None and file == "-":
                raise DataError(f"{name}: is closed; give a file or pipe text in")
            last, piece = b"", Piece(name)
            for piece in _of_file(file, name, reading, size):
                check_append(piece.reading, name, more=number > 0)
                yield replace(piece, before=before) if number and reading.append else piece
                before = "" if piece.data else before
                last = (last + piece.data)[-4:]
            before = _end_of(last, piece.reading.kind) if last else before
            continue
        except DataError as wrong:
            error = wrong
        except OSError as wrong:
            error = DataError(f"{name}: cannot be read ({wrong.strerror}); give a text file, or '-' for stdin")
        yield Piece(name, error=error)
        return


def _end_of(last: bytes, kind: str) -> str:
    """What is missing between the ``last`` bytes of a file and the next file, so that no sentence goes on there."""
    if last.endswith((b"\n\n", b"\n\r\n")) or (last.endswith(b"\n") and kind in ("lines", "jsonl")):
        return ""
    return "\n" if last.endswith(b"\n") or kind in ("lines", "jsonl") else "\n\n"


def size_of(files: Iterable[str]) -> int | None:
    """How many bytes the files hold together; None where one, such as stdin, will not say, or is read as a whole."""
    paths = list(map(Path, files))
    plain = all(path.is_file() and not whole_kind(path) for path in paths)
    return sum(path.stat().st_size for path in paths) if plain else None


def name_of(file: str) -> str:
    """What messages call a file."""
    return "standard input" if file == "-" else file


def _of_file(file: str, name: str, reading: Reading, size: int) -> Iterator[Piece]:
    path = Path(file)
    kind = reading.kind
    if file != "-" and kind in ("auto", "brat", "spacy", "huggingface"):
        kind = (whole_kind(path) or kind) if kind == "auto" else kind
        if kind == "brat":
            for number, document in enumerate(documents_in(path)):
                note = "the text of a BRAT document" if reading.kind == "auto" and not number else ""
                for piece in _of_file(str(document), str(document), replace(reading, kind="text"), size):
                    yield replace(piece, note=note)
            return
        if kind in WHOLE:
            yield from _of_whole(path, None, name, replace(reading, kind=kind), size)
            return
    elif kind in ("brat", "spacy", "huggingface"):
        raise ConfigError(f"--input {kind}: reads a file or folder by its name, not standard input")
    with nullcontext(sys.stdin.buffer) if file == "-" else path.open("rb") as stream:
        source = _opened(stream, name, reading)
        full, note = recognised(reading, _head_of(source), name)
        full = replace(full, encoding=source.encoding)
        if full.kind in WHOLE:
            yield from _of_whole(None, source, name, full, size)
            return
        note = note if reading.kind != full.kind else ""
        before = "\ufeff" if source.mark and full.append else ""
        for number, piece in enumerate(_pieces(source, name, full, size)):
            yield piece if number else replace(piece, note=note, before=before)
    if source.error:
        yield Piece(name, error=source.error, reading=full)


@dataclass(slots=True)
class _Source:
    """Bytes that were read ahead, as UTF-8, and where more come from; an ``error`` where what comes is no text."""

    stream: BinaryIO
    name: str
    encoding: str
    mark: bytes = b""
    raw: bytes = b""
    buffer: bytes = b""
    error: DataError | None = None
    lines: int = 0  # that have been decoded
    decoder: codecs.IncrementalDecoder | None = field(default=None)

    def fill(self, size: int) -> None:
        """Read until so many bytes are there, or all."""
        while len(self.buffer) < size and self.error is None:
            data = self.raw or self.stream.read(size - len(self.buffer))
            self.raw = b""
            self.buffer += data if self.decoder is None else self._decoded(data, self.decoder)
            if not data:
                return

    def fill_all(self) -> None:
        """Read all that is left."""
        size = SIZE
        while self.error is None:
            self.fill(size)
            if len(self.buffer) < size:
                return
            size = 2 * len(self.buffer)

    def _decoded(self, data: bytes, decoder: codecs.IncrementalDecoder) -> bytes:
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode(self.encoding, "ignore")
            line = self.lines + text.count("\n") + 1
            self.error = DataError(
                f"{self.name}:{line}: is not {self.encoding}; name the right --encoding, or repair it"
            )
        self.lines += text.count("\n")
        return text.encode(errors="surrogatepass")


def _opened(stream: BinaryIO, name: str, reading: Reading) -> _Source:
    """The source, its first bytes in the buffer, and its encoding: as its mark says, as was said, or as is seen."""
    raw = stream.read(HEAD)
    packed = sniff(raw[:64]) if reading.kind == "auto" else ""
    if isinstance(packed, str) and packed.startswith("is packed"):
        raise DataError(f"{name}: {packed}; these formats are read: raw text, {READ}")
    mark = next((sign for sign in _MARKS if raw.startswith(sign)), b"")
    encoding = _MARKS.get(mark, "")
    said = codecs.lookup(reading.encoding).name.removesuffix("-sig") if reading.encoding else ""
    if said and not said.startswith("utf"):
        encoding, mark = said, b""
    elif not encoding:
        layout = sniff(raw) if not said and len(raw) >= 16 and 4 * raw.count(0) > len(raw) else ""
        seen = layout.encoding if isinstance(layout, Layout) and layout.encoding.startswith("utf") else ""
        encoding = said or seen or _as_trained(raw, reading)
    encoding += "-le" if encoding in ("utf-16", "utf-32") else ""
    source = _Source(stream, name, encoding, mark, raw[len(mark) :])
    if encoding != "utf-8":
        source.decoder = codecs.getincrementaldecoder(encoding)()
    else:
        source.buffer, source.raw = source.raw, b""
    source.fill(HEAD // 4)
    return source


def _as_trained(raw: bytes, reading: Reading) -> str:
    """UTF-8, unless these bytes are none and the tagger learnt from files in another encoding."""
    known = reading.trained.encoding if reading.trained is not None else ""
    try:
        raw[: raw.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return codecs.lookup(known).name if known else "utf-8"
    return "utf-8"


def _head_of(source: _Source) -> bytes:
    """The first lines; of what may be a record the first at least."""
    size = HEAD
    while source.buffer.lstrip()[:1] in (b"{", b"[") and b"\n" not in source.buffer and size <= MOST:
        size *= 2
        source.fill(size)
        if len(source.buffer) < size:
            return source.buffer
    head = source.buffer[: max(HEAD, size)]
    return head if len(head) < HEAD // 4 else head[: head.rfind(b"\n") + 1] or head


def _of_whole(path: Path | None, source: _Source | None, name: str, reading: Reading, size: int) -> Iterator[Piece]:
    """Pieces of JSON lines, a sentence each, of what is read as a whole; ``line`` is the number of the first."""
    check_append(reading, name)
    text = ""
    if source is not None:
        source.fill_all()
        if source.error:
            raise source.error
        text = _decoded(source.buffer, name)
    as_lines = replace(reading, kind="jsonl", token_column="tokens", header=None)
    data: list[bytes] = []
    line, length = 1, 0
    note = {"json": "a JSON list", "spacy": ".spacy", "huggingface": "a data set of Hugging Face"}[reading.kind]
    for sentence in whole_sentences(path, text, reading, name):
        data.append(sentence)
        length += len(sentence)
        if length >= size:
            yield Piece(name, line, data=b"".join(data), reading=as_lines, note=note)
            line, length, note, data = line + len(data), 0, "", []
    if data:
        yield Piece(name, line, data=b"".join(data), reading=as_lines, note=note)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{name}:{line}: is not UTF-8; name its --encoding, or convert it first") from None


def _pieces(source: _Source, name: str, reading: Reading, size: int) -> Iterator[Piece]:
    line, column, characters = 1, 0, 0
    kind = reading.kind
    uncut = kind in ("jsonl", "lines", "csv", "csv-text", "conllu") or reading.sentence_column is not None
    most = max(2 * size, MOST) if uncut else 2 * size
    length = 2 * size
    while True:
        source.fill(length)
        if not source.buffer:
            return
        ended = len(source.buffer) < length
        if ended and source.error:
            return
        block = source.buffer[:length]
        end = len(block) if ended else _end_of_piece(block, size, reading, line)
        if not end and length < most:
            length = min(2 * length, most)
            continue
        if not end:
            what = "one token a line" if kind == "columns" else "shorter lines, or fewer of them without a blank line"
            raise DataError(f"{name}:{line}: is longer than {length} bytes; write {what}")
        data, source.buffer = source.buffer[:end], source.buffer[end:]
        yield Piece(name, line, column, data, characters=characters, reading=reading)
        length = 2 * size
        characters += len(data.translate(None, _INSIDE))
        last = data.rfind(b"\n") + 1
        line, column = line + data.count(b"\n"), len(data) - last + (0 if last else column)


def _end_of_piece(block: bytes, size: int, reading: Reading, line: int) -> int:
    """Where a piece ends; 0 where it cannot end in this block."""
    if reading.kind == "text":
        return _end_in_text(block, size)
    if reading.kind in ("csv", "csv-text") or reading.sentence_column is not None or reading.sentence_end:
        return _end_in_table(block, size, reading, line)
    if reading.kind == "conllu":
        found = _BLANK_LINE.search(block, size) or _BLANK_LINE.search(block)
        return found.end() if found else 0
    return _end_in_rows(block, size)


def _end_in_table(block: bytes, size: int, reading: Reading, line: int) -> int:
    """Where a sentence ends, after ``size`` if that can be had; a row must not be cut in its quotes."""
    lines = block[: block.rfind(b"\n") + 1].split(b"\n")
    starts = [0]
    for each in lines:
        starts.append(starts[-1] + len(each) + 1)
    best, before, texts = 0, None, reading.kind == "csv-text"
    try:
        text = b"\n".join(lines).decode(errors="replace")
        for row in rows_of(text, table_of(reading, line), "", first_line=line, line_ends=texts):
            at = starts[row.line - line]
            if before is not None and (texts or row.sentence != before):
                best = at
            before = row.sentence
            if best >= size:
                break
    except DataError:
        pass  # the block may end inside quotes; what is wrong in earnest is said when the piece is read
    return best


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
