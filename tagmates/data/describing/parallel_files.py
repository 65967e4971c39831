"""Find parallel files: one holds the words of sentences, another one their tags, line by line."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.file_names import name_of
from tagmates.data.describing.json_records import JSON_START
from tagmates.data.describing.sniffing import parallel_layout
from tagmates.data.formats.token_lines import read_text
from tagmates.data.schemes import are_span_tags
from tagmates.errors import DataError
from tagmates.formatting import listing

MAX_ALIKE_FILES = 10  # of a folder with equally many lines, among which parallel files are looked for
WORDS_PER_TAG = 2  # so many times more different words than tags has the file of words beside several files of tags


def parallel_files(folder: Path, unknown: Collection[str]) -> tuple[dict[str, FileLayout], dict[str, str]]:
    """The layouts of parallel files, by the file of words: of files of one folder that were not recognised.

    Also a message for each file with as many words on each line as others, if it is not clear which of them holds the
    words.
    """
    texts = _texts(folder, unknown)
    layouts = _layouts_of_pairs(texts)
    partners: dict[str, set[str]] = defaultdict(set)
    for words, tags in layouts:
        partners[words].add(tags)
        partners[tags].add(words)
    found: dict[str, FileLayout] = {}
    for words in dict.fromkeys(words for words, _ in layouts):
        layers = tuple(tags for own, tags in layouts if own == words)
        alone = partners[words] == {*layers} and all(partners[tags] <= {words, *layers} for tags in layers)
        most = max(_different(texts[tags]) for tags in layers)
        if alone and (len(layers) == 1 or _different(texts[words]) >= WORDS_PER_TAG * most):
            found[words] = replace(layouts[words, layers[0]], tags=layers)
    clear = {name for words, layout in found.items() for name in (words, *layout.tags)}
    unclear = {
        name: f"has as many words on each line as {listing(sorted(others))}, so it is not clear which holds the words: "
        'write a task with format = "parallel" and train = { file = "WORDS", tags = "TAGS" } for each layer of tags'
        for name, others in partners.items()
        if name not in clear
    }
    return found, unclear


def _texts(folder: Path, names: Collection[str]) -> dict[str, str]:
    """The texts of the files that may hold words or tags, line by line."""
    texts = {}
    for name in (name for name in names if not name.lower().endswith((".xml", ".html"))):
        with suppress(DataError):
            text = read_text(folder / name, "utf-8").replace("\r\n", "\n").rstrip()
            if not JSON_START.match(text) and not text.startswith("#!/"):
                texts[name] = text
    return texts


def _layouts_of_pairs(texts: Mapping[str, str]) -> dict[tuple[str, str], FileLayout]:
    """The layout of each two files that may be parallel, by the file with more different words and the other one."""
    alike: dict[tuple[Path, int], list[str]] = defaultdict(list)  # by folder and number of lines
    for name, text in texts.items():
        alike[Path(name).parent, text.count("\n")].append(name)
    layouts = {}
    for names in alike.values():
        for pair in _likely_pairs(names if len(names) <= MAX_ALIKE_FILES else ()):
            words, tags = sorted(pair, key=lambda name: -_different(texts[name]))
            documents = len({re.sub(r"\d+", "", name) for name in pair}) == 1 and not are_span_tags(texts[tags].split())
            if not documents and (layout := parallel_layout(texts[words], texts[tags], tags)):
                layouts[words, tags] = layout
    return layouts


def _different(text: str) -> int:
    """The number of different words."""
    return len({*text.split()})


def _likely_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of files with equally many lines, those of one split if there are such."""
    pairs = list(combinations(names, 2))
    within = [pair for pair in pairs if len({name_of(name).split for name in pair}) == 1]
    paired = {name for pair in within for name in pair}
    return [pair for pair in pairs if pair in within or not paired & {*pair}]
