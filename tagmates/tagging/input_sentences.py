"""The sentences in the lines of a chunk, found by the same readers that training uses for each format."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from typing import Any

from tagmates.data.formats.conll2012 import is_document_mark
from tagmates.data.formats.conllu import conllu_reader, plus_reader
from tagmates.data.formats.jsonl import ITEM_ADVICE, LINE_ADVICE, record_of
from tagmates.data.formats.records import sentence_lengths, words_in_record
from tagmates.data.formats.sentence_lines import split_word, word_lines
from tagmates.data.formats.table import check_lines, table_rows, words_in
from tagmates.data.formats.token_lines import RowReader, cell_in, sentences_in
from tagmates.data.formats.webanno import webanno_rows
from tagmates.data.tokenize import Token, sentences_of
from tagmates.model.tagged import Offsets
from tagmates.tagging.read_options import TABLE_KINDS, ReadOptions, table_layout


@dataclass(frozen=True, slots=True)
class InputSentence:
    """The words of a sentence, and their places in the input.

    ``lines`` holds the line number of each word, counted from 0 in its chunk; for a row of CSV, that of its last line.
    ``offsets`` are the positions of each word in a text, or None where there is no text. ``in_text`` says that the
    sentence comes from a text in a record or cell, and not from a list of words. ``record_lengths`` are the numbers of
    words of all sentences of its record, if this lists the words of each.
    """

    tokens: tuple[str, ...]
    lines: tuple[int, ...] = ()
    offsets: Offsets | None = None
    in_text: bool = False
    record_lengths: tuple[int, ...] = ()


def sentences_in_lines(
    lines: Sequence[str], options: ReadOptions, name: str, first_line: int
) -> Iterator[InputSentence]:
    """Yield the sentences of a chunk. Raises DataError with ``name`` and the line number.

    ``first_line`` is the number of the chunk's first line in the file, from 1; in a JSON list, that of its first
    record. Only the chunk that begins with line 1 can have a header.
    """
    kind = options.kind
    if kind in TABLE_KINDS:
        found = _of_table(lines, options, name, first_line)
    elif kind == "lines":
        found = _of_lines(lines, options, name, first_line)
    elif kind == "jsonl":
        found = _of_records(((at, line, f"{name}:{first_line + at}") for at, line in enumerate(lines)), options)
    elif kind == "json":
        numbered = ((at, item) for at, item in enumerate(lines[1::2]) if item.strip() != "null")
        items = ((2 * at + 1, item, f"{name}: record {first_line + at}") for at, item in numbered)
        found = _of_records(items, options)
    elif kind == "webanno":
        found = _of_webanno(lines, options, name, first_line)
    elif kind == "conll2012":
        marked = ["\n" if is_document_mark(line) else line for line in lines]
        found = _of_table(marked, replace(options, separator="whitespace"), name, first_line)
    else:
        found = _of_conllu(lines, options, name, first_line)
    return found


def _of_table(lines: Sequence[str], options: ReadOptions, name: str, first_line: int) -> Iterator[InputSentence]:
    layout = table_layout(options, first_line)
    texts = options.kind == "csv-text"
    rows = table_rows("".join(lines), layout, name, first_line=first_line)
    column = int(layout.token_column)
    if texts:
        for row in rows:
            last = row.last_line - first_line
            cell = cell_in([cell or " " for cell in row.cells], column, "text", f"{name}:{row.line}")
            if not options.sentence_rows:
                yield from map(_of_tokens, sentences_of(cell, options.marks), repeat(last))
            elif words := words_in(cell, f"{name}:{row.line}"):
                yield InputSentence(tuple(words), (last,) * len(words))
        return
    for _, block in groupby(rows, key=lambda row: row.sentence):
        own = list(block)
        words = [cell_in(row.cells, column, "word", f"{name}:{row.line}") for row in own]
        for word, row in zip(words, own, strict=True):
            check_lines(row.cells, (word,), layout, f"{name}:{row.line}")
        yield InputSentence(tuple(words), tuple(row.last_line - first_line for row in own))


def _of_lines(lines: Sequence[str], options: ReadOptions, name: str, first_line: int) -> Iterator[InputSentence]:
    """Words are separated by white space. With a separator, as in ``word/TAG``, one part of each is the word."""
    separator, column = options.separator, int(options.token_column or 1)
    for number, found in word_lines("".join(lines), name, first_line):
        words = found
        if separator:
            at = f"{name}:{number}"
            words = [cell_in(split_word(word, separator, options.width, at), column, "word", at) for word in found]
        yield InputSentence(tuple(words), (number - first_line,) * len(words))


def _of_records(records: Iterable[tuple[int, str, str]], options: ReadOptions) -> Iterator[InputSentence]:
    """The sentences of records, each with its index in the lines and its place for messages."""
    for at, text, where in records:
        if text.strip():
            record = record_of(text, where, ITEM_ADVICE if options.kind == "json" else LINE_ADVICE)
            key = str(options.token_column or "tokens")
            lengths = sentence_lengths(record, key)
            for sentence in words_in_record(record, key, where, options.marks):
                yield replace(_of_sentence(sentence, at, record.get("offsets")), record_lengths=lengths)


def _of_webanno(lines: Sequence[str], options: ReadOptions, name: str, first_line: int) -> Iterator[InputSentence]:
    columns = len(options.layers.columns) if options.layers else 0
    rows = webanno_rows("".join(lines), name, columns, first_line=first_line)
    for _, block in groupby((row for row in rows if not row.is_part), key=lambda row: row.sentence):
        own = list(block)
        yield InputSentence(
            tuple(row.text for row in own),
            tuple(row.line - first_line for row in own),
            tuple((row.start, row.end) for row in own),
        )


def _of_conllu(lines: Iterable[str], options: ReadOptions, name: str, first_line: int) -> Iterator[InputSentence]:
    if options.names:
        head = f"# global.columns = {' '.join(options.names)}"
        read_row = plus_reader(head, options.names[int(options.token_column or 1) - 1], name)
    else:
        read_row = conllu_reader(int(options.token_column or 2) - 1)
    for sentence in sentences_in(lines, name, _with_line(read_row), first_line=first_line):
        yield InputSentence(sentence.tokens, tuple(int(line or 0) - first_line for line in sentence.labels))


def _with_line(read_row: RowReader) -> RowReader:
    """A reader that returns the reader's tag as the word, and the line number as its tag."""

    def read(line: str, where: str, position: int) -> tuple[str, ...]:
        row = read_row(line, where, position)
        return (row[-1], where.rpartition(":")[2]) if row else ()

    return read


def _of_sentence(sentence: Sequence[str] | Sequence[Token], line: int, offsets: Any) -> InputSentence:
    """The words of a sentence, with their offsets if it comes from a text or if the record lists them."""
    tokens = [token for token in sentence if isinstance(token, Token)]
    if tokens:
        return _of_tokens(tokens, line)
    words, lines = tuple(map(str, sentence)), (line,) * len(sentence)
    pairs = [tuple(pair) for pair in offsets if isinstance(pair, list)] if isinstance(offsets, list) else []
    if len(pairs) == len(words) and all(len(pair) == 2 and {type(at) for at in pair} == {int} for pair in pairs):
        return InputSentence(words, lines, tuple((start, end) for start, end in pairs))
    return InputSentence(words, lines)


def _of_tokens(tokens: Sequence[Token], line: int) -> InputSentence:
    places = tuple((token.start, token.end) for token in tokens)
    return InputSentence(tuple(token.text for token in tokens), (line,) * len(tokens), places, in_text=True)
