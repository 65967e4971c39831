"""The split that the name of a file tells, and what its name has in common with those of other splits.

A word of its path tells the split of a file (``eng.testa`` is dev); the rest of the path tells the corpus.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from tagmates.data.task import Split

Held = Literal["held"]

SPLIT_NAMES: Mapping[str, Split | Held] = {
    **dict.fromkeys(
        (
            *("train", "training", "trn", "learn"),
            *("entrenamiento", "entrainement", "entraînement", "apprentissage", "addestramento"),
            *("treino", "treinamento"),
        ),
        "train",
    ),
    **dict.fromkeys(
        (
            *("dev", "devel", "development", "dvl", "testa", "devtest", "tune", "tuning"),
            *("val", "valid", "validate", "validation", "validación", "validacion", "validação", "validazione"),
            *("desarrollo", "développement", "developpement", "desenvolvimento", "sviluppo"),
        ),
        "dev",
    ),
    **dict.fromkeys(("test", "testing", "tst", "testb", "testc", "blindtest", "blind", "prueba", "teste"), "test"),
    # dev or test: the one that is missing
    **dict.fromkeys(("heldout", "held", "holdout", "eval", "evaluation"), "held"),
}
_PARTS_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # NerTrain2 has the parts Ner and Train
_AFTER_CAPITALS = re.compile(r"(?<=[A-Z]{2})[a-z]+")  # NERtrain has the part train
_NUMBERS = re.compile(  # numbers of the files of one split: -00000-of-00003, _2, -a-1
    r"^(?:[\W_]*(?:part|shard|section)?[\W_]*(?:\d+[\W_]*of[\W_]*\d+|\d{1,3}(?!\d)|0\d+)|[\W_]+[a-z](?![^\W_]))+",
    re.IGNORECASE,
)
_NUMBER_OF_TOTAL = re.compile(r"\d[\W_]*of[\W_]*\d", re.IGNORECASE)
_SEVERAL_SPLITS = re.compile(r"(?<![a-z])train(?:dev|val|valid|test)(?![a-z])")
_WORD_ENDINGS = ("set", "data", "file", "split")  # as in trainset
_SPLIT_ENDING = re.compile(r"(train|devel|dev|valid|val|test)(?![^\W\d_])")  # of a longer word, as in mytrain
# INCEpTION and WebAnno export annotation/DOCUMENT/USER.tsv: the documents of a user belong together
_ANNOTATED = re.compile(r"((?:.*/)?(?:annotation|curation))/[^/]+/([^/]+)")
# a number, or a hash or UUID: eight hexadecimal digits or more, at least one of them from 0 to 9
_NUMBER_OR_HASH = re.compile(r"(?<![^\W_])(?=[a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,12})*(?![^\W_])|\d+", re.IGNORECASE)
_DOCUMENT = re.compile(r"(?:doc(?:ument)?|file|part|text|page|article|batch|chunk)?[\W_]*\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FileName:
    """A path: the split that it names, its rest, the rest without numbers of parts, and the folder of its corpus."""

    path: str
    split: Split | Held | None
    rest: str
    bare: str
    folder: str

    @property
    def is_numbered_document(self) -> bool:
        """Whether the file is one of a folder of a split, and its name is a number, as 12.txt and doc-12.txt."""
        stem = self.path.rpartition("/")[2].partition(".")[0]
        return self.in_split and _DOCUMENT.fullmatch(stem) is not None

    @property
    def in_split(self) -> bool:
        """Whether the folder of the file is that of a split."""
        return _folder_of(self.path).lower() in SPLIT_NAMES

    @property
    def is_numbered_of_total(self) -> bool:
        """Whether the name says how many files there are, as in 1-of-3."""
        return _NUMBER_OF_TOTAL.search(self.path) is not None

    @property
    def names_several_splits(self) -> bool:
        """Whether a word of the file's name joins the names of splits, as traindev."""
        return _SEVERAL_SPLITS.search(self.path.rpartition("/")[2].lower()) is not None

    @property
    def suffix(self) -> str:
        """The part of the rest after its last dot."""
        return self.rest.rpartition("/")[2].rpartition(".")[2]


def name_of(path: str) -> FileName:
    """The parts of a path. Of several words that name a split, the last one counts.

    A file called eval in a folder called test is of test.
    """
    named = list(_words_of_splits(path))
    if named:
        begin, end, split = named[0]
        if split == "held":
            above = path.rpartition("/")[0].rpartition("/")[0]  # these folders do not count
            near = (each for each in named if each[0] >= len(above) and each[2] in ("dev", "test"))
            begin, end, split = next(near, named[0])
        before = path[:begin]
        if "/" not in path[begin:] and SPLIT_NAMES.get(_folder_of(path).lower()) == split:
            outer, _, inner = before.rpartition("/")  # the folder names it too, as in train/ner-train.txt
            before = f"{outer.rpartition('/')[0]}/{inner}".removeprefix("/")
        return _named(path, split, before, path[end:])
    if found := _ANNOTATED.fullmatch(path):
        same = squeezed(f"{found[1]}/{found[2]}")
        return FileName(path, None, same, same, path.rpartition("/")[0])
    numbered = _NUMBER_OR_HASH.sub("#", path)
    return FileName(path, None, path, squeezed(numbered), path.rpartition("/")[0])


def with_glued(names: Sequence[FileName]) -> list[FileName]:
    """The names, where files such as mytrain and mytest, which differ only in this, name their splits too."""
    glued: dict[str, dict[str, FileName]] = defaultdict(dict)
    for name in names:
        found = None if name.split else list(_SPLIT_ENDING.finditer(name.path.lower()))
        if found:
            split = SPLIT_NAMES[found[-1][1]]
            own = _named(name.path, split, name.path[: found[-1].start()], name.path[found[-1].end() :])
            glued[own.rest][split] = own
    sure = {own.path: own for group in glued.values() if {"train"} < {*group} for own in group.values()}
    return [sure.get(name.path, name) for name in names]


def _words_of_splits(path: str) -> Iterator[tuple[int, int, Split | Held]]:
    """Yield where the words of a path that name a split begin and end, and their split; the last word first.

    A part in capitals of a word, or behind capitals, as TST in train/A1TST.txt and test in train/HIVtest.txt, counts
    only if its folder does not name a split.
    """
    in_split = _folder_of(path).lower() in SPLIT_NAMES
    for match in reversed(list(re.finditer(r"[^\W_]+", path))):
        found = chain(_PARTS_OF_NAME.finditer(match[0]), () if in_split else _AFTER_CAPITALS.finditer(match[0]))
        parts = [(part.start(), part[0]) for part in found if not (in_split and part[0].isupper())]
        for start, word in [(0, match[0]), *parts]:
            low = word.lower()
            stem = next((low.removesuffix(ending) for ending in _WORD_ENDINGS if low.endswith(ending)), low)
            if split := SPLIT_NAMES.get(low) or SPLIT_NAMES.get(stem):
                begin = match.start() + start
                yield begin, begin + len(word), split
                break


def _named(path: str, split: Split | Held, before: str, after: str) -> FileName:
    rest, bare = before + after, before + _NUMBERS.sub("", after)
    folder = path.rpartition("/")[0]
    if "/" in after:  # it is the name of a folder
        file = after.rpartition("/")[2]
        folder = before.rpartition("/")[0]
        bare = f"{before}/*{file.rpartition('.')[2]}" if any(map(str.isdecimal, file)) else rest
    return FileName(path, split, rest, squeezed(bare), folder)


def squeezed(text: str) -> str:
    """The words of a path or of a part of it, with a dot between the words of a name."""
    return re.sub(r"(?:[^\w/]|_)+", ".", text).strip(".")


def _folder_of(path: str) -> str:
    """The name of the folder in which a file is."""
    return path.rpartition("/")[0].rpartition("/")[2]


def names_split(name: FileName) -> bool:
    """Whether a whole word of a file's name says its split: a file called AccuracyEvaluation is prose."""
    words = re.split(r"[\W_]+", name.path.rpartition("/")[2].lower())
    return name.split != "held" or any(SPLIT_NAMES.get(word) == "held" for word in words)
