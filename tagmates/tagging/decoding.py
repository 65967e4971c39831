"""The bytes of an input file as UTF-8, read ahead as far as they are needed."""

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import BinaryIO

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.sniffing import READABLE_FORMATS, sniff, why_packed
from tagmates.data.formats.decompression import ByteStream, unpacked_stream
from tagmates.data.formats.json_list import is_cut, list_items, list_start
from tagmates.errors import DataError
from tagmates.tagging.read_options import ReadOptions

HEAD_SIZE = 2**16  # bytes of a file from which its format is recognised
MAX_UNCUT_SIZE = 2**26  # bytes of a record, a row of CSV or another unit that is never cut
_RECORD_START = re.compile(r'\{|\[\s*"')  # of an object, or of a text and its spans
_BYTE_ORDER_MARKS = {  # the longer one first: that of UTF-32 begins with that of UTF-16
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}


@dataclass(slots=True)
class ByteSource:
    """An open file. ``buffer`` holds bytes that were read ahead, as UTF-8; ``error`` is set if the rest is not text."""

    stream: ByteStream
    name: str
    encoding: str
    byte_order_mark: bytes = b""
    raw: bytes = b""
    buffer: bytes = b""
    error: DataError | None = None
    lines: int = 0  # number of lines that were decoded
    decoder: codecs.IncrementalDecoder | None = field(default=None)

    def fill(self, size: int) -> None:
        """Read until the buffer has this many bytes, or to the end of the file."""
        while len(self.buffer) < size and self.error is None:
            data = self.raw or self.stream.read(size - len(self.buffer))
            self.raw = b""
            self.buffer += data if self.decoder is None else self._decoded(data, self.decoder)
            if not data:
                return

    def fill_all(self) -> None:
        """Read the rest of the file."""
        size = HEAD_SIZE
        while len(self.buffer) >= size and self.error is None:
            size = 2 * len(self.buffer)
            self.fill(size)

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


def open_source(file: BinaryIO, name: str, options: ReadOptions) -> ByteSource:
    """A source with its first bytes in the buffer; of a packed file, with those that were packed.

    The encoding is that of the byte order mark, else the given one, else what the first bytes look like.
    """
    stream = unpacked_stream(file, name)
    raw = stream.read(HEAD_SIZE)
    if options.kind == "auto" and (packed := why_packed(raw)):
        raise DataError(f"{name}: {packed}; these formats are read: raw text, {READABLE_FORMATS}")
    mark = next((sign for sign in _BYTE_ORDER_MARKS if raw.startswith(sign)), b"")
    encoding = _BYTE_ORDER_MARKS.get(mark, "")
    said = codecs.lookup(options.encoding).name.removesuffix("-sig") if options.encoding else ""
    if said and not said.startswith("utf"):
        encoding, mark = said, b""
    elif not encoding:
        layout = sniff(raw) if not said and len(raw) >= 16 and 4 * raw.count(0) > len(raw) else None
        seen = layout.encoding if isinstance(layout, FileLayout) and layout.encoding.startswith("utf") else ""
        encoding = said or seen or _trained_encoding(raw, options)
    encoding += "-le" if encoding in ("utf-16", "utf-32") else ""
    source = ByteSource(stream, name, encoding, mark, raw[len(mark) :])
    if encoding != "utf-8":
        source.decoder = codecs.getincrementaldecoder(encoding)()
    else:
        source.buffer, source.raw = source.raw, b""
    source.fill(HEAD_SIZE // 4)
    return source


def _trained_encoding(raw: bytes, options: ReadOptions) -> str:
    """UTF-8, unless these bytes are not UTF-8 and the tagger was trained on files in another encoding."""
    known = options.trained.encoding if options.trained is not None else ""
    try:
        raw[: raw.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return codecs.lookup(known).name if known else "utf-8"
    return "utf-8"


def head_of(source: ByteSource, kind: str) -> bytes:
    """The first lines of a source; if it may hold records, at least the first record."""
    size = HEAD_SIZE
    while _ends_in_record(source.buffer.decode(errors="surrogateescape"), kind) and size <= MAX_UNCUT_SIZE:
        size *= 2
        source.fill(size)
        if len(source.buffer) < size:
            return source.buffer
    head = source.buffer[: max(HEAD_SIZE, size)]
    return head if len(head) < HEAD_SIZE // 4 else head[: head.rfind(b"\n") + 1] or head


def _ends_in_record(head: str, kind: str) -> bool:
    """Whether the head ends inside a record of JSON lines, or inside the first item of a JSON list."""
    start, line_end, _ = head.lstrip().partition("\n")
    if kind != "json" and _RECORD_START.match(start):
        if not line_end:
            return True
        try:
            json.loads(start)
        except (ValueError, RecursionError):
            pass  # an object over several lines may hold a list
        else:
            return False
    if not start.startswith(("{", "[")):
        return False
    try:
        next(list_items(head, list_start(head, "")), None)
    except json.JSONDecodeError as error:
        return is_cut(error, head)
    except (DataError, RecursionError):
        pass
    return False
