"""BRAT stand-off → ``Sentence``: DOC.txt, and DOC.ann with the annotations of its characters.

The text becomes sentences and words as ``tagmates tag`` makes them, and one layer of tags marks each word once. So

* an annotation that begins or ends inside a word marks the whole word;
* one with gaps is marked from its first word to its last;
* of two that share a word the longer one is kept, of equal ones the first in the file;
* sentences that one annotation reaches across are joined.

Each of these is a remark of ``data check``. Offsets count characters (Unicode code points) of the file as it stands,
line ends and a byte order mark too. Relations, events, attributes, modifications, normalisations, equivalences and
notes (R, E, A, M, N, * and #) are skipped.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, pairwise
from pathlib import Path

from tagmates.config import nearest
from tagmates.data.formats.lines import read_text
from tagmates.data.schemes import Scheme, tags_of
from tagmates.data.sentence import Sentence, Span
from tagmates.data.tokenize import Token, sentences_of
from tagmates.errors import DataError
from tagmates.wording import first_of, shown

_ANNOTATION = re.compile(r"(T\S*)\t(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)\t(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text-bound annotation: its fragments in characters, and the words from ``first`` to ``last`` (exclusive)."""

    name: str
    label: str
    fragments: tuple[tuple[int, int], ...]
    first: int
    last: int
    where: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its words, the numbers of those that begin a sentence, and all its annotations."""

    text: str
    words: list[Token]
    starts: list[int]
    annotations: list[Annotation]


def read_brat(
    path: Path, *, scheme: Scheme = "iob2", types: Collection[str] = (), encoding: str = "utf-8"
) -> list[Sentence]:
    """Read a document (DOC.ann or DOC.txt) or a folder of them, in the order of their names, as tags of ``scheme``.

    Only annotations of ``types`` are read, if any are named. A sentence's ``line`` is its number, from 1. Raises
    DataError for files that are missing or broken, offsets that do not fit the text, and types that nobody used.
    """
    documents = list(read_documents(path, encoding))
    used = Counter(annotation.label for document in documents for annotation in document.annotations)
    for name in types:
        if name not in used:
            there = f"there are {first_of(used)}" if used else "there are none at all"
            raise DataError(f"{path}: no annotation is of type {name!r}{nearest(name, used)}; {there}")
    sentences: list[Sentence] = []
    for document in documents:
        kept, _ = _one_layer(document, types)
        spans = [Span(annotation.first, annotation.last, annotation.label) for annotation in kept]
        tags = tags_of(spans, len(document.words), scheme)
        inside = {number for annotation in kept for number in range(annotation.first + 1, annotation.last)}
        starts = [start for start in document.starts if start not in inside]
        for start, end in pairwise([*starts, len(document.words)]):
            tokens = tuple(word.text for word in document.words[start:end])
            sentences.append(Sentence(tokens, tags[start:end], len(sentences) + 1))
    if not sentences:
        raise DataError(f"{path}: holds no sentence; give documents with text")
    return sentences


def brat_remarks(path: Path, *, types: Collection[str] = (), encoding: str = "utf-8") -> Iterator[str]:
    """Yield where the tags say less, more or something else than the annotations: FILE:LINE, and what was done."""
    for document in read_documents(path, encoding):
        kept, remarks = _one_layer(document, types)
        yield from remarks
        for annotation in kept:
            name, words = annotation.name, document.words[annotation.first : annotation.last]
            start, end = annotation.fragments[0][0], annotation.fragments[-1][1]
            gaps = [document.text[a:b] for (_, a), (b, _) in pairwise(annotation.fragments)]
            if any(gap.strip() for gap in gaps):
                yield f"{annotation.where}: {name} has gaps; it is marked from its first word to its last"
            if words[0].start < start or end < words[-1].end:
                yield f"{annotation.where}: {name} begins or ends inside a word; the whole word is marked"
            following = bisect_right(document.starts, annotation.first)  # the next sentence
            if following < len(document.starts) and document.starts[following] < annotation.last:
                yield f"{annotation.where}: {name} reaches into another sentence; the sentences are joined"


def read_documents(path: Path, encoding: str = "utf-8") -> Iterator[Document]:
    """Yield the documents of a folder in the order of their names, or the one of which this is the .ann or .txt."""
    alone = [path.with_suffix(".ann")] if path.suffix in (".ann", ".txt") else []
    found = sorted(path.glob("*.ann")) if path.is_dir() else alone
    if not found:
        raise DataError(f"{path}: holds no .ann file; give a folder of DOC.txt and DOC.ann")
    for ann in found:
        text = read_text(ann.with_suffix(".txt"), encoding)
        if "\0" in text:
            raise DataError(f"{ann.with_suffix('.txt')}: has a NUL character; give a text file, or name its encoding")
        # a byte order mark counts, but is no part of a word
        sentences = sentences_of(" " + text[1:] if text.startswith("\ufeff") else text)
        words = [word for sentence in sentences for word in sentence]
        starts, at = [], 0
        for sentence in sentences:
            starts.append(at)
            at += len(sentence)
        lines = read_text(ann, encoding).removeprefix("\ufeff").split("\n")
        yield Document(text, words, starts, list(_annotations(lines, str(ann), text, words)))


def _annotations(lines: Sequence[str], name: str, text: str, words: Sequence[Token]) -> Iterator[Annotation]:
    starts, ends = [word.start for word in words], [word.end for word in words]
    # runs of white space are cut to one character: else many short annotations that cover a long one would take hours
    kept = bytes(not (before.isspace() and character.isspace()) for before, character in pairwise(f" {text}"))
    short = "".join(compress(text, kept))
    place = array("L", accumulate(kept, initial=0))  # of every character of the text in the short one
    for number, raw in enumerate(lines, start=1):
        line = raw.removesuffix("\r")
        where = f"{name}:{number}"
        if not line.strip() or line[0] in "REAMN*#":
            continue
        match = _ANNOTATION.fullmatch(line)
        if match is None:
            raise DataError(
                f"{where}: is no BRAT annotation; write T1, tab, type and offsets, tab, the text they cover"
            )
        fragments = [tuple(map(int, fragment.split())) for fragment in match[3].split(";")]
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
                "offsets (they count characters, also both of \\r\\n), or restore the text that was annotated"
            )
        first, last = bisect_right(ends, order[0]), bisect_left(starts, order[-1])
        if first >= last:
            raise DataError(f"{where}: covers no word; correct the offsets, or delete the annotation")
        yield Annotation(match[1], match[2], tuple((a, b) for a, b in fragments), first, last, where)


def _one_layer(document: Document, types: Collection[str]) -> tuple[list[Annotation], list[str]]:
    """The annotations of these types that mark each word at most once, and a remark for each that is left out."""
    wanted = [annotation for annotation in document.annotations if not types or annotation.label in types]
    owner: list[Annotation | None] = [None] * len(document.words)
    taken = bytearray(len(document.words))
    remarks = []
    for annotation in sorted(wanted, key=lambda each: each.first - each.last):  # the longest first; the order is stable
        first, last = annotation.first, annotation.last
        at = taken.find(1, first, last)
        longer = owner[at] if at >= 0 else None
        if longer is None:
            owner[first:last] = [annotation] * (last - first)
            taken[first:last] = b"\1" * (last - first)
        elif (first, last, annotation.label) != (longer.first, longer.last, longer.label):
            remarks.append(
                f"{annotation.where}: {annotation.name} shares a word with {longer.name}, which is kept alone"
            )
    return [each for each in wanted if owner[each.first] is each], remarks
