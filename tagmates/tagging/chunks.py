"""Input files cut into chunks that can be tagged independently, however long the input is.

A chunk ends at a blank line if there is one soon enough, else after a sentence, else at white space, and at worst in
the middle of a word. Its end depends only on the bytes from its start on. So whoever reads the same input again gets
the same chunks, which is what lets ``--resume`` continue.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from tagmates.data.formats.decompression import is_packed
from tagmates.data.formats.webanno import highest_number
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import visible
from tagmates.tagging.appending import check_append
from tagmates.tagging.boundaries import end_in_list, end_of_chunk, missing_line_ends
from tagmates.tagging.decoding import MAX_UNCUT_SIZE, ByteSource, head_of, open_source
from tagmates.tagging.read_options import NAMED_FORMATS, ReadOptions, check_options
from tagmates.tagging.recognition import recognise
from tagmates.tagging.whole_files import documents_in, sentences_of_file, whole_kind

CHUNK_SIZE = 2**17  # bytes; a chunk goes on to the end of its paragraph, but is never twice as long
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # in UTF-8, the bytes of a character after its first
_TEXT = ReadOptions("text")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive bytes of one file, as UTF-8.

    The first byte is byte ``column`` (from 0) of line ``line`` (from 1); ``characters`` is the number of characters
    before it in the file. ``record`` (from 1) is the number of the first record, in a JSON list. ``error`` is set if
    the file could not be read further. ``options`` say how the file is written; on the first chunk of a file ``note``
    says in words which format was recognised. ``before`` is the text that an output which repeats its input has before
    this chunk: a byte order mark, or the end of the previous file.
    """

    name: str
    line: int = 1
    column: int = 0
    data: bytes = b""
    error: DataError | None = None
    characters: int = 0
    record: int = 1
    options: ReadOptions = _TEXT
    note: str = ""
    before: str = ""


def read_chunks(files: Iterable[str], options: str | ReadOptions, size: int = CHUNK_SIZE) -> Iterator[Chunk]:
    """Yield the chunks of files (``-`` is stdin). Joined, they are the files without their byte order marks.

    ``options`` may also be the name of a format such as text; what they leave open is recognised from each file.
    Files of spaCy and Hugging Face give chunks of JSON lines, one sentence per line. A file that cannot be read gives
    a chunk with an error, which is the last one. Raises ConfigError for options that do not suit a file.
    """
    options = check_options(ReadOptions(options) if isinstance(options, str) else options)
    files = list(files)
    before, earlier = "", ""  # what stands between two files; the format of the first one
    for number, file in enumerate(files):
        name = display_name(file)
        try:
            if sys.stdin is None and file == "-":
                raise DataError(f"{name}: is closed; give a file or pipe text in")
            last, chunk = b"", Chunk(name)
            for chunk in _chunks_of_file(file, name, options, size):
                check_append(chunk.options, name, earlier=earlier, several=len(files) > 1)
                yield replace(chunk, before=before) if number and options.append else chunk
                before = "" if chunk.data else before
                last = (last + chunk.data)[-4:]
            before = missing_line_ends(last, chunk.options.kind) if last else before
            earlier = earlier or (chunk.options.kind if last else "")
            continue
        except DataError as wrong:
            error = wrong
        except OSError as wrong:
            error = DataError(f"{name}: cannot be read ({wrong.strerror}); give a text file, or '-' for stdin")
        yield Chunk(name, error=error)
        return


def total_size(files: Iterable[str]) -> int | None:
    """The size of all files together in bytes; None if one's is not known (stdin, packed files) or it is read whole."""
    paths = list(map(Path, files))
    plain = all(path.is_file() and not whole_kind(path) and not is_packed(path) for path in paths)
    return sum(path.stat().st_size for path in paths) if plain else None


def display_name(file: str) -> str:
    """The name of a file in messages."""
    return "standard input" if file == "-" else visible(file)


def _chunks_of_file(file: str, name: str, options: ReadOptions, size: int) -> Iterator[Chunk]:
    path = Path(file)
    kind = options.kind
    if file != "-" and kind in ("auto", "brat", "spacy", "huggingface"):
        kind = (whole_kind(path) or kind) if kind == "auto" else kind
        if kind == "brat":
            for number, document in enumerate(documents_in(path)):
                note = "the text of a BRAT document" if options.kind == "auto" and not number else ""
                for chunk in _chunks_of_file(str(document), str(document), replace(options, kind="text"), size):
                    yield replace(chunk, note=note)
            return
        if kind in NAMED_FORMATS:
            yield from _chunks_of_named_file(path, name, replace(options, kind=kind), size)
            return
    elif kind in ("brat", "spacy", "huggingface"):
        raise ConfigError(f"--input {kind}: reads a file or folder by its name, not standard input; give its path")
    with nullcontext(sys.stdin.buffer) if file == "-" else path.open("rb") as stream:
        source = open_source(stream, name, options)
        full, note = recognise(options, head_of(source, options.kind), name)
        full = replace(full, encoding=source.encoding)
        if full.kind == "webanno" and full.append:  # the numbers of all spans in a document differ
            source.fill_all()
            full = replace(full, numbered=highest_number(source.buffer.decode(errors="replace")))
        before = "\ufeff" if source.byte_order_mark and full.append else ""
        for number, chunk in enumerate(_cut(source, name, full, size)):
            yield chunk if number else replace(chunk, note=note, before=before)
    if source.error:
        yield Chunk(name, error=source.error, options=full)


def _chunks_of_named_file(path: Path, name: str, options: ReadOptions, size: int) -> Iterator[Chunk]:
    """Yield chunks of JSON lines, one sentence per line, of a file of spaCy or Hugging Face; ``line`` counts them."""
    check_append(options, name)
    as_lines = replace(options, kind="jsonl", token_column="tokens", header=None)
    data: list[bytes] = []
    line, length = 1, 0
    note = {"spacy": ".spacy", "huggingface": "a data set of Hugging Face"}[options.kind]
    for sentence in sentences_of_file(path, options, name):
        data.append(sentence)
        length += len(sentence)
        if length >= size:
            yield Chunk(name, line, data=b"".join(data), options=as_lines, note=note)
            line, length, note, data = line + len(data), 0, "", []
    if data:
        yield Chunk(name, line, data=b"".join(data), options=as_lines, note=note)


def _cut(source: ByteSource, name: str, options: ReadOptions, size: int) -> Iterator[Chunk]:
    line, column, characters, record = 1, 0, 0, 1
    in_object = source.buffer.lstrip()[:1] == b"{"
    kind = options.kind
    uncut = kind in ("jsonl", "json", "lines", "csv", "csv-text", "conllu") or options.has_sentence_marks
    most = max(2 * size, MAX_UNCUT_SIZE) if uncut else 2 * size
    length = 2 * size
    while True:
        source.fill(length)
        if not source.buffer:
            return
        ended = len(source.buffer) < length
        if ended and source.error:
            return
        block = source.buffer[:length]
        records = 0
        if kind == "json":
            end, records = end_in_list(block, size, name, line, record, in_object=in_object, ended=ended)
        else:
            end = len(block) if ended else end_of_chunk(block, size, options, line)
        if not end and length < most:
            length = min(2 * length, most)
            continue
        if not end:
            what = {"columns": "one token a line", "json": "shorter records"}.get(
                kind, "shorter lines, or fewer of them without a blank line"
            )
            raise DataError(f"{name}:{line}: is longer than {length} bytes; write {what}")
        data, source.buffer = source.buffer[:end], source.buffer[end:]
        yield Chunk(name, line, column, data, characters=characters, record=record, options=options)
        record += records
        length = 2 * size
        characters += len(data.translate(None, _CONTINUATION_BYTES))
        last = data.rfind(b"\n") + 1
        line, column = line + data.count(b"\n"), len(data) - last + (0 if last else column)
