"""Find files that repeat the sentences of other files of a corpus, so that no sentence counts twice."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.file_names import name_of
from tagmates.data.describing.grid import comment_sign
from tagmates.data.describing.grouping import CorpusFiles
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.formats.columns import split_cells
from tagmates.data.formats.token_lines import is_token_line, read_text
from tagmates.errors import DataError

MAX_COMPARED_FILES = 10  # of the training data of a corpus
MIN_COPIES = 10  # different sentences of a file from which on it may be called a copy
COPIED_SHARE = 0.9  # of the sentences of a file that are in a larger one of train: it is a part of it
RELEASED_SHARE = 0.5  # the same for files of folders such as 1.0 and 1.1: it is another release, with corrections

_RELEASE = re.compile(
    r"(?:(?<=/)|^)(?:v|version|release)?[ ._-]?\d+(?:\.\d+)+(?=/)|(?:(?<=/)|^)v\d+(?=/)", re.IGNORECASE
)
_Rows = tuple[tuple[str, ...], ...]  # the cells of a sentence


def without_copies_of_held_out(
    corpora: list[CorpusFiles], found: Mapping[str, FileLayout], root: Path
) -> Iterator[str]:
    """Take each file out that names no split and repeats a dev or test file; yield a message for each.

    These are the files that are called so in its folder or above it. A file repeats one if it has nearly all its
    sentences with the same tags, as ``all.txt``, or if nearly all its own sentences are in it, with tags of the same
    kinds: a tagger's. Other tags are another layer. Column files, CoNLL-U and JSON lines are compared.
    """
    trained = {corpus.folder for corpus in corpora if name_of(corpus.files["train"][0]).split == "train"}
    called = [name for name in found if name_of(name).split in ("dev", "test") and name_of(name).folder in trained]
    taken = [name for corpus in corpora for split in ("dev", "test") for name in corpus.files.get(split, [])]
    held_out = {name: name_of(name).folder for name in (*called, *taken)}
    contents = cache(lambda name: _contents_of(root / name, found[name]))
    for corpus in list(corpora):
        own = {name for names in corpus.files.values() for name in names}
        above = [name for name, folder in held_out.items() if name not in own and _is_in(corpus.folder, folder)]
        for name in [name for name in corpus.files["train"] if above and not name_of(name).split]:
            if reason := next(filter(None, (_why_copy(contents(name), contents(other), other) for other in above)), ""):
                yield f"{root / name}: {reason}, so it is not taken for training data"
                corpus.files["train"].remove(name)
        if not corpus.files["train"]:
            corpora.remove(corpus)
            others = (name for split in ("dev", "test") for name in corpus.files.get(split, []))
            yield from (f"{root / name}: its train is left out" for name in others)


@dataclass(frozen=True, slots=True)
class _Contents:
    """The different sentences of a file: hashes of all their cells, their words, and the values of the last cells."""

    rows: set[int]
    words: set[tuple[str, ...]]
    tags: set[str]


def _contents_of(path: Path, layout: FileLayout) -> _Contents:
    sentences = _rows_of(path, layout)
    words = _different_words(sentences, layout)
    return _Contents(set(map(hash, sentences)), words, {cells[-1] for rows in sentences for cells in rows})


def _is_in(folder: str, outer: str) -> bool:
    return not outer or f"{folder}/".startswith(f"{outer}/")


def _why_copy(file: _Contents, held: _Contents, name: str) -> str:
    """What a file repeats of the one of this name, which is held out; "" if it does not repeat it."""
    shared, size = len(held.rows & file.rows), len(held.rows)
    if size >= MIN_COPIES and shared >= COPIED_SHARE * size:
        return f"has {shared:,} of the {size:,} different sentences of {name}, with the same tags"
    shared, size = len(held.words & file.words), len(file.words)
    same_kind = 2 * len(held.tags & file.tags) > max(len(file.tags), len(held.tags))
    if size >= MIN_COPIES and shared >= COPIED_SHARE * size and same_kind:
        return f"{shared:,} of its {size:,} different sentences are also in {name}"
    return ""


def without_copies(corpus: CorpusFiles, found: Mapping[str, FileLayout], root: Path) -> Iterator[str]:
    """Take each file out of train that repeats another one, such as train_20 beside train; yield a message for each.

    The texts of several annotators are such files, and so are several releases of a corpus, of which the largest is
    kept. Of column files and CoNLL-U the words are compared, of JSON lines the whole lines.
    """
    names = corpus.files["train"]
    if not 1 < len(names) <= MAX_COMPARED_FILES:
        return
    sentences = {name: _different_words(_rows_of(root / name, found[name]), found[name]) for name in names}
    kept: list[str] = []
    for name in sorted(names, key=lambda name: -len(sentences[name])):
        own = sentences[name]
        larger = next((other for other in kept if len(own & sentences[other]) >= _share(name, other) * len(own)), "")
        if not larger or len(own) < MIN_COPIES:
            kept.append(name)
            continue
        shared = f"{len(own & sentences[larger]):,} of its {len(own):,} different sentences"
        yield f"{root / name}: {shared} are also in {root / larger}, so it is not added to train"
    corpus.files["train"] = [name for name in names if name in kept]


def _share(name: str, other: str) -> float:
    """The share of the sentences of a file from which on it repeats the other one, by their names."""
    are_releases = name != other and _RELEASE.sub("", name) == _RELEASE.sub("", other)
    return RELEASED_SHARE if are_releases else COPIED_SHARE


def _different_words(sentences: Sequence[_Rows], layout: FileLayout) -> set[tuple[str, ...]]:
    """The words of the different sentences of a file; none if they repeat each other, as commands do.

    These are alike without being copies.
    """
    token = 1
    if layout.format == "conllu":
        token = 2
    elif layout.format == "columns" and layout.sample:
        token, _ = tokens_and_tags(layout.columns_of_sample)
    different = {tuple(cells[token - 1] for cells in rows if len(cells) >= token) for rows in sentences}
    return different if 2 * len(different) > len(sentences) else set()


def _rows_of(path: Path, layout: FileLayout) -> list[_Rows]:
    """The rows of the sentences of a column file or of CoNLL-U, without a header and comments.

    A line of JSON counts as one row. Returns nothing for other formats.
    """
    plain = layout.format == "columns" and layout.keys.keys() <= {"header"}
    if not plain and layout.format not in ("conllu", "jsonl"):
        return []
    try:
        lines = read_text(path, layout.encoding).replace("\r\n", "\n").split("\n")
    except DataError:  # with a byte that is not in its encoding
        return []
    if layout.format == "jsonl":
        return [((line,),) for line in lines if line.strip()]
    sign = "#" if layout.format == "conllu" else comment_sign(layout.comments, layout.signed)
    lines = [line for line in lines if not (sign and line.startswith(sign))]
    separator = layout.separator or "\t"
    rows = ((is_token_line(line), tuple(split_cells(line, separator))) for line in lines)
    blocks = (
        tuple(cells for _, cells in block if cells != layout.heading)
        for filled, block in groupby(rows, key=lambda row: row[0])
        if filled
    )
    return [block for block in blocks if block]
