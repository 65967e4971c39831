"""BRAT stand-off files → ``Sentence``: a text, DOC.txt, and annotations of its characters, DOC.ann.

The text is split into sentences and words as ``tagmates tag`` splits text, and annotations become tags of words (see
``standoff``). Offsets count the characters (Unicode code points) of the file. brat counts a Windows line end as one
character, other tools as two, some count as JavaScript does (see ``offsets``), and some leave out a byte order mark; a
document is read in the first way in which all its offsets fit the text. Relations, events, attributes, modifications,
normalisations, equivalences and notes (R, E, A, M, N, * and #) are skipped.
"""

import re
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate, compress, pairwise
from pathlib import Path

from tagmates.data.formats.offsets import COUNTS, Count, counts_of
from tagmates.data.formats.standoff import Annotation, Document, Words, check_types, remarks_on, tag_words
from tagmates.data.formats.token_lines import read_text, require_sentences
from tagmates.data.schemes import Scheme
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError
from tagmates.formatting import shown

_ANNOTATION = re.compile(r"(T\S*)\t(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)\t(.*)", re.ASCII | re.DOTALL)


def read_brat(
    path: Path, *, scheme: Scheme = "iob2", types: Collection[str] = (), encoding: str = "utf-8"
) -> list[Sentence]:
    """Read a document (DOC.ann or DOC.txt), or a folder of documents sorted by name, with tags in ``scheme``.

    If ``types`` are named, only annotations of these types are read. A sentence's ``line`` is its number, from 1.
    Raises DataError for files that are missing or broken, offsets that do not fit the text, and types that never occur.
    """
    documents = list(read_documents(path, encoding))
    check_types(types, Counter(each.label for document in documents for each in document.annotations), str(path))
    found = (parts for document in documents for _, *parts in tag_words(document, types, scheme))
    sentences = (Sentence(tokens, tags, number) for number, (tokens, tags) in enumerate(found, start=1))
    return require_sentences(sentences, path, "give documents with text")


def brat_remarks(path: Path, *, types: Collection[str] = (), encoding: str = "utf-8") -> Iterator[str]:
    """Yield a remark, with FILE:LINE, for each annotation that tags cannot express exactly."""
    for document in read_documents(path, encoding):
        yield from remarks_on(document, types)


def read_documents(path: Path, encoding: str = "utf-8") -> Iterator[Document]:
    """Yield the documents of a folder, sorted by name, or the document of one .ann or .txt file."""
    found = annotation_files(path)
    if not found:
        raise DataError(f"{path}: holds no .ann file; give a folder of DOC.txt and DOC.ann")
    for ann in found:
        text = read_text(ann.with_suffix(".txt"), encoding)
        if "\0" in text:
            raise DataError(f"{ann.with_suffix('.txt')}: has a NUL character; give a text file, or name its encoding")
        lines = read_text(ann, encoding).removeprefix("\ufeff").split("\n")
        yield _document_that_fits(text, lines, str(ann))


def annotation_files(path: Path) -> list[Path]:
    """The .ann files of a folder, sorted by name, or the one of a .ann or .txt file; none for other files."""
    if path.is_dir():
        return sorted(path.glob("*.ann"))
    return [path.with_suffix(".ann")] if path.suffix in (".ann", ".txt") else []


def _document_that_fits(text: str, lines: Sequence[str], name: str) -> Document:
    """The document in the first way of counting in which all offsets fit. Raises the error of the first way if none."""
    starts = [(text, "")]
    starts += [(text[1:], "leave out the byte order mark")] if text.startswith("\ufeff") else []
    ways = [(each, count, how) for count in counts_of(text) for each, how in starts]
    errors = []
    for each, count, left_out in ways:
        try:
            document = _document(each, lines, name, count)
        except DataError as error:
            errors.append(error)
            continue
        how = " and ".join(filter(None, (left_out, str(count) if count != COUNTS[0] else "")))
        if how:
            document.notes.append(f"{name}: its offsets {how}, and are read so")
        return document
    raise errors[0]


def _document(text: str, lines: Sequence[str], name: str, count: Count) -> Document:
    # a byte order mark that counts belongs to no word
    words = Words.of(" " + text[1:] if text.startswith("\ufeff") else text)
    return Document(text, words, list(_annotations(lines, name, text, words, count)), [])


def _annotations(lines: Sequence[str], name: str, text: str, words: Words, count: Count) -> Iterator[Annotation]:
    # runs of white space are cut to one character: otherwise many annotations of a long run would take hours
    kept = bytes(not (before.isspace() and character.isspace()) for before, character in pairwise(f" {text}"))
    short = "".join(compress(text, kept))
    counted = None if count == COUNTS[0] else count.places(text)
    place = array("L", accumulate(kept, initial=0))  # the position of every character of the text in the shortened text
    for number, raw in enumerate(lines, start=1):
        line = raw.removesuffix("\r")
        where = f"{name}:{number}"
        if not line.strip() or line[0] in "REAMN*#":
            continue
        match = _ANNOTATION.fullmatch(line)
        if match is None:
            raise DataError(
                f"{where}: is not a BRAT annotation; write T1, tab, type and offsets, tab, the text they cover"
            )
        fragments = [tuple(map(int, fragment.split())) for fragment in match[3].split(";")]
        if counted is not None:
            fragments = [tuple(counted.get(each, len(text) + 1) for each in fragment) for fragment in fragments]
        order = [offset for fragment in fragments for offset in fragment]
        if order != sorted(order) or any(start == end for start, end in fragments) or order[-1] > len(text):
            raise DataError(
                f"{where}: the offsets {match[3][:40]} do not ascend, or leave the text of {len(text)} characters; "
                "correct them"
            )
        covered = " ".join(short[place[start] : place[end]] for start, end in fragments)
        if covered.split() != match[4].split():
            raise DataError(
                f"{where}: the text is {shown(match[4])}, but {shown(covered)} stands at {match[3][:40]}; correct the "
                "offsets (they count characters; \\r\\n is one or two), or restore the text that was annotated"
            )
        first, last = words.under(order[0], order[-1], where)
        yield Annotation(match[1], match[2], tuple((a, b) for a, b in fragments), first, last, where)
