"""Group the files of a folder into the splits of corpora, by their names.

A word of its path tells the split of a file (``eng.testa`` is dev); the rest of the path tells the corpus. Files with
the same rest belong together; so do files that are the only ones of their splits in their folder, or in all folders.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from tagmates.data.task import SPLITS, Split
from tagmates.formatting import in_order, listing

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
    **dict.fromkeys(
        ("heldout", "held", "holdout", "eval", "evaluation"), "held"
    ),  # dev or test: the one that is missing
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
_SPLIT_ENDING = re.compile(
    r"(train|devel|dev|valid|val|test)(?![^\W\d_])"
)  # at the end of a longer word, as in mytrain
# INCEpTION and WebAnno export annotation/DOCUMENT/USER.tsv: the documents of a user belong together
_ANNOTATED = re.compile(r"((?:.*/)?(?:annotation|curation))/[^/]+/([^/]+)")
_DOCUMENT = re.compile(r"(?:doc(?:ument)?|file|part|text|page|article|batch|chunk)?[\W_]*\d+", re.IGNORECASE)
_MIN_PARTS = 3  # so many files that differ only in a number are probably parts of one corpus


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
    def suffix(self) -> str:
        """The part of the rest after its last dot."""
        return self.rest.rpartition("/")[2].rpartition(".")[2]


@dataclass(slots=True)
class CorpusFiles:
    """The files of each split. ``waits``: splits that are not cut from train, since some file seems to hold them."""

    files: dict[Split, list[str]]
    folder: str
    bare: str
    suffix: str = ""
    notes: list[str] = field(default_factory=list)
    waits: dict[Split, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Bundle:
    """Files of one format with the same rest, by the split in their names."""

    kind: object
    files: dict[Split | Held | None, list[FileName]]

    @property
    def first(self) -> FileName:
        return next(iter(self.files.values()))[0]

    @property
    def is_tail(self) -> bool:
        return not {"train", None} & {*self.files}


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
        same = _squeezed(f"{found[1]}/{found[2]}")
        return FileName(path, None, same, same, path.rpartition("/")[0])
    numbered = re.sub(r"\d+", "#", path)
    return FileName(path, None, path, _squeezed(numbered), path.rpartition("/")[0])


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
    return FileName(path, split, rest, _squeezed(bare), folder)


def _squeezed(text: str) -> str:
    return re.sub(r"(?:[^\w/]|_)+", ".", text).strip(".")


def group_files(kinds: Mapping[str, object], others: Collection[str]) -> tuple[list[CorpusFiles], list[str]]:
    """The corpora of these files, and a message for each file that is left out.

    ``kinds`` maps each file with tagged sentences to its format; all files of a corpus have the same format. ``others``
    are files that could not be read; the splits that they name are not cut from train.
    """
    names = _with_glued([name_of(path) for path in kinds])
    trained = {name.folder for name in names if name.split == "train"}
    several = [
        name
        for name in names
        if name.folder in trained and _SEVERAL_SPLITS.search(name.path.rpartition("/")[2].lower())
    ]
    bundles = _bundles([name for name in names if name not in several], kinds)
    for in_folder in (True, False):
        _join_tails(bundles, in_folder=in_folder)
    heads = [bundle for bundle in bundles if not bundle.is_tail]
    tails = [bundle for bundle in bundles if bundle.is_tail]
    lost = [name for bundle in tails for names in bundle.files.values() for name in names]
    unread = [name_of(path) for path in others]
    left_out = [
        f"{name.path}: seems to hold several splits, as its name says, and there is a train beside it"
        for name in several
    ]
    corpora = []
    for bundle in heads:
        if reason := _why_not_train(bundle, heads, lost):
            left_out.append(f"{_paths(bundle)}: {reason}")
        else:
            corpora.append(_corpus(bundle, left_out))
    for bundle in tails:
        why = _why_alone(bundle, heads, tails, unread)
        for split, alone in bundle.files.items():
            called = str(split).replace("held", "heldout")
            left_out += [
                f"{name.path}: is called {called}, but {why}; it is never used as training data" for name in alone
            ]
    for corpus in corpora:
        _find_waits(corpus, [*lost, *filter(_names_split, unread)])
    return corpora, left_out


def _why_not_train(bundle: _Bundle, heads: Sequence[_Bundle], lost: Sequence[FileName]) -> str:
    """The reason not to train on files whose names say no split; "" if there is none, or if they say one."""
    if set(bundle.files) != {None}:
        return ""
    beside = [head for head in heads if "train" in head.files and head.first.folder == bundle.first.folder]
    lacking = [head for head in beside if head.kind == bundle.kind and not {"dev", "test"} <= {*head.files}]
    if lacking:
        return (
            f"may be dev or test of {_paths(lacking[0])}, but its name does not say so; it is not taken for training "
            "data"
        )
    unknown = any(name.split != "train" and name.folder == bundle.first.folder for name in lost)
    return "not named dev or test, and it is not clear which file is train" if unknown else ""


def _why_alone(bundle: _Bundle, heads: Sequence[_Bundle], tails: Sequence[_Bundle], unread: Sequence[FileName]) -> str:
    """The reason why files of dev or test are left out: they have no train, not a certain one, or one with others."""
    beside = [each for each in heads if each.first.folder == bundle.first.folder]
    alike = [each for each in beside if each.kind == bundle.kind]
    alike = [each for each in alike if "train" in each.files] or alike
    why = "it is not clear to which train it belongs"
    if not beside:
        near = [name.path for name in unread if name.split == "train" and name.folder == bundle.first.folder]
        why = f"{near[0]}, the train beside it, is left out" if near else "there is no train beside it"
    elif not alike:
        why = f"its format differs from that of {_paths(beside[0])}"
    elif len(alike) == 1 and "held" in bundle.files and {"dev", "test"} <= {*alike[0].files}:
        why = "a dev and a test exist already"
    elif len(alike) == 1 and (others := _of_same_split(bundle, [*alike, *tails])):
        are = f"so {'is' if len(others) == 1 else 'are'} {listing([name.path for name in others])}"
        why = f"{are}; name the files that are to be scored in tasks.toml"
    return why


def _of_same_split(bundle: _Bundle, others: Sequence[_Bundle]) -> list[FileName]:
    """The files of other bundles in the folder of this one that are of the same split."""
    beside = (each for each in others if each is not bundle and each.first.folder == bundle.first.folder)
    return [name for each in beside for split in bundle.files for name in each.files.get(split, [])]


def _names_split(name: FileName) -> bool:
    """Whether a whole word of a file's name says its split: a file called AccuracyEvaluation is prose."""
    words = re.split(r"[\W_]+", name.path.rpartition("/")[2].lower())
    return name.split != "held" or any(SPLIT_NAMES.get(word) == "held" for word in words)


def _with_glued(names: Sequence[FileName]) -> list[FileName]:
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


def _paths(bundle: _Bundle) -> str:
    return ", ".join(name.path for names in bundle.files.values() for name in names)


def _bundles(names: Sequence[FileName], kinds: Mapping[str, object]) -> list[_Bundle]:
    """Files with the same rest. If a split has several files, they are grouped by number if each number has a train.

    Many numbered files in folders of splits are documents of one corpus.
    """
    groups: dict[tuple[object, str], list[FileName]] = defaultdict(list)
    for name in names:
        groups[kinds[name.path], name.bare].append(name)
    _join_documents(groups)
    bundles = []
    for (kind, _), group in groups.items():
        apart: dict[str, list[FileName]] = defaultdict(list)
        for name in group:
            apart[_squeezed(name.rest)].append(name)
        unsplit = {name.split for name in group} == {None}
        documents = len(apart) >= _MIN_PARTS and all(name.is_numbered_document for name in group)
        joined = documents or any(_NUMBER_OF_TOTAL.search(name.path) for name in group)
        own = len(group) < _MIN_PARTS if unsplit else all(map(_is_whole, apart.values()))
        for part in apart.values() if own and not joined else [group]:
            files: dict[Split | Held | None, list[FileName]] = defaultdict(list)
            for name in part:
                files[name.split].append(name)
            bundles.append(_Bundle(kind, dict(files)))
    return bundles


def _join_documents(groups: dict[tuple[object, str], list[FileName]]) -> None:
    """Put a document without a number, such as train/Law.txt, to those of its folder that have one.

    It is in a folder named after a split, and has no counterpart in the folder of another split.
    """
    documents: dict[tuple[object, str], list[tuple[object, str]]] = defaultdict(list)
    for (kind, bare), group in groups.items():
        if len(group) == 1 and group[0].in_split:
            documents[kind, f"{bare.rpartition('/')[0]}/.{group[0].suffix}"].append((kind, bare))
    for own, others in documents.items():
        for other in others if own in groups else ():
            if other != own:
                groups[own] += groups.pop(other)


def _folder_of(path: str) -> str:
    """The name of the folder in which a file is."""
    return path.rpartition("/")[0].rpartition("/")[2]


def _is_whole(names: Sequence[FileName]) -> bool:
    splits = [name.split for name in names]
    return "train" in splits and len(splits) > 1 and len(splits) == len(set(splits))


def _join_tails(bundles: list[_Bundle], *, in_folder: bool) -> None:
    """Give each corpus the dev and test files with another rest if they are the only ones beside it."""
    places: dict[tuple[object, str], list[_Bundle]] = defaultdict(list)
    for bundle in bundles:
        places[bundle.kind, bundle.first.folder if in_folder else ""].append(bundle)
    for there in places.values():
        trained = [bundle for bundle in there if "train" in bundle.files]
        heads = trained or [bundle for bundle in there if None in bundle.files]
        tails = [bundle for bundle in there if bundle.is_tail]
        if len(heads) != 1:
            continue
        for split in ("dev", "test", "held"):
            having = [tail for tail in tails if split in tail.files]
            if len(having) == 1 and split not in heads[0].files:
                heads[0].files[split] = having[0].files.pop(split)
                tails = [tail for tail in tails if tail.files]
        bundles[:] = [bundle for bundle in bundles if bundle.files]


def _corpus(bundle: _Bundle, left_out: list[str]) -> CorpusFiles:
    """The corpus of a bundle with train, or with files that name no split. Unclear files are left out."""
    files = dict(bundle.files)
    notes = []
    if "train" not in files:
        files["train"] = files.pop(None)
        if len(files) > 1:
            notes.append(f"no file is called train; {_called(files['train'])} is the only one of no other split")
    left_out += [
        f"{name.path}: may repeat the sentences of the files beside it that are called {listing(list(map(str, files)))}"
        for name in files.pop(None, [])
    ]
    train = files["train"]
    corpus = CorpusFiles({}, train[0].folder, train[0].bare, train[0].suffix, notes)
    held = files.pop("held", [])
    if held:
        split: Split = "test" if "dev" in files and "test" not in files else "dev"
        if split in files:
            left_out.append(f"{_called(held)}: a dev and a test exist already")
        elif len(held) > 1 and not _are_parts(held, train):
            left_out.append(f"{_called(held)}: which of them is {split} is not clear; name it in tasks.toml")
            corpus.waits[split] = held[0].path
        else:
            files[split] = held
            notes.append(f"{_called(held)} is used as {split}")
    for split in SPLITS:
        names = files.get(split, [])
        if len(names) > 1 and split != "train" and not _are_parts(names, train):
            left_out.append(f"{_called(names)}: several files are called {split}; name those that are to be scored")
            corpus.waits[split] = names[0].path
        elif names:
            corpus.files[split] = in_order([name.path for name in names])
    return corpus


def _are_parts(names: Sequence[FileName], train: Sequence[FileName]) -> bool:
    """Whether several files of one split are its parts: train has several too, or all are numbered as 1-of-3."""
    return len(train) > 1 or all(_NUMBER_OF_TOTAL.search(name.path) for name in names)


def _called(names: Sequence[FileName]) -> str:
    return ", ".join(name.path for name in names)


def _find_waits(corpus: CorpusFiles, names: Sequence[FileName]) -> None:
    """Note splits that the corpus lacks although a file for them exists and was left out."""
    for name in names:
        for split in ("dev", "test") if name.split == "held" else (name.split,):
            near = name.folder == corpus.folder and (name.suffix == corpus.suffix or name.bare == corpus.bare)
            if split in ("dev", "test") and split not in corpus.files and near:
                corpus.waits.setdefault(split, name.path)
