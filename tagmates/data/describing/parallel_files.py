"""Find parallel files: one holds the words of sentences, another one their tags, line by line."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
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


def parallel_files(folder: Path, unknown: Collection[str]) -> tuple[dict[str, FileLayout], dict[str, str]]:
    """The layouts of parallel files, by the file of words: of files of one folder that were not recognised.

    If several files of tags belong to one of words, also what is unclear about each of them.
    """
    texts: dict[str, str] = {}
    alike: dict[tuple[Path, int], list[str]] = defaultdict(list)  # by folder and number of lines
    for name in (name for name in unknown if not name.lower().endswith((".xml", ".html"))):
        with suppress(DataError):
            text = read_text(folder / name, "utf-8").replace("\r\n", "\n").rstrip()
            if not JSON_START.match(text) and not text.startswith("#!/"):
                texts[name] = text
                alike[Path(name).parent, text.count("\n")].append(name)
    found: dict[str, FileLayout] = {}
    partners: dict[str, list[str]] = defaultdict(list)
    for names in alike.values():
        for pair in _likely_pairs(names if len(names) <= MAX_ALIKE_FILES else ()):
            words, tags = sorted(pair, key=lambda name: -len(set(texts[name].split())))
            documents = len({re.sub(r"\d+", "", name) for name in pair}) == 1 and not are_span_tags(texts[tags].split())
            if not documents and (layout := parallel_layout(texts[words], texts[tags], tags)):
                found[words] = layout
                partners[words].append(tags)
                partners[tags].append(words)
    unclear = {
        name: f"has as many words on each line as {listing(others)}, so it is not clear which holds the words: write "
        'a task with format = "parallel" and train = { file = "WORDS", tags = "TAGS" } for each layer of tags'
        for name, others in partners.items()
        if len(others) > 1
    }
    alone = {name: layout for name, layout in found.items() if not {name, layout.tags} & unclear.keys()}
    return alone, unclear


def _likely_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of files with equally many lines, those of one split if there are such."""
    pairs = list(combinations(names, 2))
    within = [pair for pair in pairs if len({name_of(name).split for name in pair}) == 1]
    paired = {name for pair in within for name in pair}
    return [pair for pair in pairs if pair in within or not paired & {*pair}]
