"""Text to be tagged, read lazily; tagged sentences, written as they come."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol, TextIO, TypeVar

from tagmates.data.formats.columns import format_columns
from tagmates.data.sentence import Span
from tagmates.data.tokenize import sentences_of
from tagmates.errors import DataError
from tagmates.tagging.chunks import Piece, name_of, read_pieces
from tagmates.tagging.reading import Reading, Words, words_in

DIGITS = 4  # of a probability


class TaggedSentence(Protocol):
    """Tokens, and per task a tag for each and, if known, its probability."""

    @property
    def tokens(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def tags(self) -> Mapping[str, Sequence[str]]: ...  # noqa: D102

    @property
    def probabilities(self) -> Mapping[str, Sequence[float]] | None: ...  # noqa: D102

    @property
    def offsets(self) -> Sequence[tuple[int, int]] | None: ...  # noqa: D102


Sentence = TypeVar("Sentence", bound=TaggedSentence)


def read_input(files: Sequence[str], how: str | Reading) -> Iterator[tuple[str, ...]]:
    """The sentences of files (``-`` is stdin) as words; ``how`` they are read may be a format alone, as text.

    Raises DataError for a file that cannot be read or is not text, and where no word was found at all.
    """
    empty = True
    for piece in read_pieces(files, how):
        for words in read_piece(piece):
            empty = False
            yield words.tokens
    if empty:
        raise no_words(files)


def read_piece(piece: Piece) -> Iterator[Words]:
    """The sentences of a piece.

    Text is read paragraph by paragraph: a blank line ends a sentence. Raises the piece's own error, and DataError for
    what is not UTF-8, after the paragraphs or sentences before it.
    """
    return words_of(piece, *lines_of(piece))


def lines_of(piece: Piece) -> tuple[list[str], DataError | None]:
    """The lines of a piece with their ends, up to one that is no text, and the error that this is."""
    if piece.error:
        raise piece.error
    lines: list[str] = []
    try:
        lines.extend(_decoded(piece))
    except DataError as wrong:
        return lines, wrong
    return lines, None


def words_of(piece: Piece, lines: Sequence[str], error: DataError | None = None) -> Iterator[Words]:
    """The sentences of the lines of a piece; those that an ``error`` follows before it is raised."""
    lines = list(lines)
    while error and lines and lines[-1].strip() and piece.reading.kind not in ("lines", "jsonl"):
        lines.pop()  # of a sentence that does not end
    if piece.reading.kind == "text":
        yield from _paragraphs(lines, piece.characters)
    else:
        yield from words_in(lines, piece.reading, piece.name, piece.line)
    if error:
        raise error


def no_words(files: Iterable[str]) -> DataError:
    """What to raise where nothing is to be tagged."""
    return DataError(f"{', '.join(map(name_of, files))}: holds no word to tag; give a file or pipe text in")


def conll_heading(tasks: Sequence[str], *, probabilities: bool = False) -> str:
    """A comment line that names the columns of ``write_conll``."""
    return "# " + "\t".join(["token", *tasks, *(f"P({task})" for task in tasks if probabilities)]) + "\n"


def write_conll(sentences: Iterable[TaggedSentence], tasks: Sequence[str], stream: TextIO) -> None:
    """A word a line: the token, a column per task and, where they are known, one per task with the probabilities."""
    for text in format_columns(_rows(sentence, tasks) for sentence in sentences):
        stream.write(text)


def write_json_lines(
    sentences: Iterable[Sentence],
    tasks: Sequence[str],
    stream: TextIO,
    spans: Callable[[Sentence], Mapping[str, Sequence[Span]]] | None = None,
) -> None:
    """A sentence a line: ``{"tokens": [...], "tags": {"upos": [...], ...}}``; its other parts if they are known.

    These are ``"offsets"`` of the words in the text, ``"probabilities"`` of the tags, and their ``spans``, in tokens.
    """
    for sentence in sentences:
        record: dict[str, Any] = {"tokens": sentence.tokens}
        if sentence.offsets is not None:
            record["offsets"] = sentence.offsets
        record["tags"] = {task: sentence.tags[task] for task in tasks}
        if sentence.probabilities is not None:
            known = sentence.probabilities
            record["probabilities"] = {task: [round(p, DIGITS) for p in known[task]] for task in tasks}
        if spans is not None:
            record["spans"] = {
                task: [{"start": span.start, "end": span.end, "label": span.label} for span in own]
                for task, own in spans(sentence).items()
            }
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def _rows(sentence: TaggedSentence, tasks: Sequence[str]) -> Iterator[tuple[str, ...]]:
    known = sentence.probabilities or {}
    chances = ((f"{p:.{DIGITS}f}" for p in known[task]) for task in tasks if task in known)
    return zip(sentence.tokens, *(sentence.tags[task] for task in tasks), *chances, strict=True)


def _decoded(piece: Piece) -> Iterator[str]:
    before = piece.column  # bytes of the first line that are in other pieces
    for number, line in enumerate(BytesIO(piece.data), piece.line):
        if b"\0" in line:
            raise DataError(f"{piece.name}:{number}: has a NUL character; give a text file, or name its --encoding")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            place = f"{piece.name}:{number}: is not UTF-8 (byte {before + error.start + 1})"
            raise DataError(f"{place}; convert it first, or name its --encoding, as latin-1") from None
        before = 0


def _paragraphs(lines: Iterable[str], start: int) -> Iterator[Words]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
            continue
        text = "".join(paragraph)
        yield from _shifted(text, start)
        start += len(text) + len(line)
        paragraph = []
    yield from _shifted("".join(paragraph), start)


def _shifted(text: str, start: int) -> Iterator[Words]:
    for sentence in sentences_of(text):
        yield Words(
            tuple(token.text for token in sentence),
            offsets=tuple((token.start + start, token.end + start) for token in sentence),
        )
