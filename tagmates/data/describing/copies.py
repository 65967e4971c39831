"""Find files that repeat the sentences of other files of a corpus, so that no sentence counts twice."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.grouping import CorpusFiles, name_of
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.formats.columns import split_cells
from tagmates.data.formats.token_lines import is_token_line, read_text
from tagmates.errors import DataError
from tagmates.formatting import listing

MAX_COMPARED_FILES = 10  # of the training data of a corpus
MIN_COPIES = 10  # different sentences of a file from which on it may be called a copy
COPIED_SHARE = 0.9  # of the sentences of a file that are in a larger one of train: it is a part of it


def without_copies_of_held_out(
    corpora: list[CorpusFiles], found: Mapping[str, FileLayout], root: Path
) -> Iterator[str]:
    """Take each file out that names no split and repeats dev or test of a corpus beside it; yield a message for each.

    An ``all.txt`` beside test is such a file. Column files, CoNLL-U and JSON lines are compared, with their tags.
    """
    hashes_of = cache(lambda name: set(map(hash, _rows_of(root / name, found[name]))))
    for corpus in list(corpora):
        (name, *more) = [name for names in corpus.files.values() for name in names]
        if more or name_of(name).split:
            continue
        beside = [other for other in corpora if other is not corpus and other.folder == corpus.folder]
        for names in (other.files.get(split, []) for other in beside for split in ("test", "dev")):
            held = set().union(*map(hashes_of, names))
            shared = len(held & hashes_of(name)) if len(held) >= MIN_COPIES else 0
            if shared and shared >= COPIED_SHARE * len(held):
                there = f"{shared:,} of the {len(held):,} different sentences of {listing(names)}, with the same tags"
                yield f"{root / name}: has {there}, so it is not taken for training data"
                corpora.remove(corpus)
                break


def without_copies(corpus: CorpusFiles, found: Mapping[str, FileLayout], root: Path) -> Iterator[str]:
    """Take each file out of train that repeats another one, such as train_20 beside train; yield a message for each.

    The texts of several annotators are such files. Of column files and CoNLL-U the words are compared, of JSON lines
    the whole lines.
    """
    names = corpus.files["train"]
    if not 1 < len(names) <= MAX_COMPARED_FILES:
        return
    sentences = {name: _sentences_of(root / name, found[name]) for name in names}
    kept: list[str] = []
    for name in sorted(names, key=lambda name: -len(sentences[name])):
        own = sentences[name]
        larger = next((other for other in kept if len(own & sentences[other]) >= COPIED_SHARE * len(own)), "")
        if not larger or len(own) < MIN_COPIES:
            kept.append(name)
            continue
        shared = f"{len(own & sentences[larger]):,} of its {len(own):,} different sentences"
        yield f"{root / name}: {shared} are also in {root / larger}, so it is not added to train"
    corpus.files["train"] = [name for name in names if name in kept]


def _sentences_of(path: Path, layout: FileLayout) -> set[tuple[str, ...]]:
    """The words of the different sentences of a file; none for files that repeat themselves, such as commands.

    These are alike without being copies.
    """
    token = 1
    if layout.format == "conllu":
        token = 2
    elif layout.format == "columns" and layout.sample:
        token, _ = tokens_and_tags(layout.columns_of_sample)
    sentences = _rows_of(path, layout)
    different = {tuple(cells[token - 1] for cells in rows if len(cells) >= token) for rows in sentences}
    return different if 2 * len(different) > len(sentences) else set()


def _rows_of(path: Path, layout: FileLayout) -> list[tuple[tuple[str, ...], ...]]:
    """The rows of the sentences of a column file, without a header, and of CoNLL-U, without comments.

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
    if layout.format == "conllu":
        lines = [line for line in lines if not line.startswith("#")]
    separator = layout.separator or "\t"
    rows = ((is_token_line(line), tuple(split_cells(line, separator))) for line in lines)
    blocks = (
        tuple(cells for _, cells in block if cells != layout.heading)
        for filled, block in groupby(rows, key=lambda row: row[0])
        if filled
    )
    return [block for block in blocks if block]
