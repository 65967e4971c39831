"""Files with one sentence per line → ``Sentence``: words followed by their tags, or words and tags in two files.

``format = "lines"``: words are separated by white space, a word and its tags by the separator: ``sails/VERB``,
``sails###VERB`` or ``sails|VERB|O``. Most words determine the number of tags; in a word with more separators the first
ones belong to the word (``1/2/NUM``). ``format = "parallel"``: each line of one file has the words, the same line of
the other file their tags.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from tagmates.data.formats.columns import CELL
from tagmates.data.formats.token_lines import check_characters, pair_in, read_text, require_sentences
from tagmates.data.sentence import Sentence
from tagmates.errors import DataError
from tagmates.formatting import plural, shown

Line = tuple[int, Sequence[str]]


def read_lines(
    path: Path, *, token_column: int = 1, tag_column: int = 2, separator: str = "/", encoding: str = "utf-8"
) -> list[Sentence]:
    """Read a file of words followed by their tags. Raises DataError for a word without a tag."""
    text = read_text(path, encoding).removeprefix("\ufeff")
    lines = word_lines(text, str(path))
    width = tags_per_word((word for _, words in lines for word in words), separator)
    columns = token_column, tag_column
    found = (tagged_words(line, f"{path}:{line[0]}", columns, separator, width) for line in word_lines(text, str(path)))
    return require_sentences(found, path)


def tagged_words(line: Line, where: str, columns: tuple[int, int], separator: str, width: int) -> Sentence:
    """The sentence of a line of words, each with ``width`` tags. ``columns`` are those of the token and the tag."""
    number, words = line
    pairs = []
    for at, word in enumerate(words, start=1):
        place = f"{where}: word {at}"
        pairs.append(pair_in(split_word(word, separator, width, place), *columns, place))
    tokens, tags = zip(*pairs, strict=True)
    return Sentence(tokens, tags, number)


def read_parallel(path: Path, tags: Path, encoding: str = "utf-8") -> list[Sentence]:
    """Read a file of words and a file of tags. Raises DataError if a line does not have equally many of both."""
    files = (path, tags)
    lines = enumerate(lines_of(files, encoding), start=1)
    found = (parallel_sentence(pair, number, files) for number, pair in lines)
    return require_sentences(filter(None, found), path)


def lines_of(files: Iterable[Path], encoding: str) -> Iterator[tuple[str, ...]]:
    """Yield the lines that have the same number in these files; shorter files have empty lines at their end."""
    texts = [read_text(file, encoding).removeprefix("\ufeff") for file in files]
    return zip_longest(*(text.split("\n") for text in texts), fillvalue="")


def parallel_sentence(lines: Sequence[str], number: int, files: Sequence[Path]) -> Sentence | None:
    """The sentence of the lines with this number in the two files, of words and of tags; None if both are blank."""
    path, tags = files
    words, labels = (
        next((found for _, found in word_lines(line, str(file), number)), ())
        for line, file in zip(lines, files, strict=True)
    )
    if len(words) != len(labels):
        raise DataError(
            f"{path}:{number}: has {plural(len(words), 'word')}, but that line of {tags.name} has "
            f"{plural(len(labels), 'tag')}; give each word one tag"
        )
    return Sentence(tuple(words), tuple(labels), number) if words else None


def tags_per_word(words: Iterable[str], separator: str) -> int:
    """The number of tags after a word, for most words."""
    counts = Counter(word.count(separator) for word in words)
    return max(counts, key=lambda count: counts[count], default=0)


def split_word(word: str, separator: str, width: int, where: str) -> list[str]:
    """The word and its ``width`` tags. Raises DataError if there are fewer."""
    cells = word.rsplit(separator, width)
    if not width or len(cells) <= width:
        raise DataError(
            f"{where}: {shown(word)} needs {plural(width or 1, 'tag')} after {shown(separator)}; complete it"
        )
    return cells


def word_lines(text: str, name: str, first_line: int = 1) -> Iterator[Line]:
    """Yield the line number and the words of every line that has words."""
    for number, line in enumerate(text.split("\n"), start=first_line):
        check_characters(line.removesuffix("\r"), f"{name}:{number}")
        words = CELL.findall(line.removesuffix("\r"))
        if words:
            yield number, words
