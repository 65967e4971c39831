"""Group the files of a folder into the splits of corpora, by their names.

Files whose names have the same rest beside the split belong together; so do files that are the only ones of their
splits in their folder, or in all folders.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tagmates.data.describing.file_names import FileName, Held, name_of, names_split, squeezed, with_glued
from tagmates.data.task import SPLITS, Split
from tagmates.formatting import in_order, listing

_MIN_PARTS = 3  # so many files that differ only in a number are probably parts of one corpus


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


def group_files(kinds: Mapping[str, object], others: Collection[str]) -> tuple[list[CorpusFiles], list[str]]:
    """The corpora of these files, and a message for each file that is left out.

    ``kinds`` maps each file with tagged sentences to its format; all files of a corpus have the same format. ``others``
    are files that could not be read; the splits that they name are not cut from train.
    """
    names = with_glued([name_of(path) for path in kinds])
    trained = {name.folder for name in names if name.split == "train"}
    several = [name for name in names if name.folder in trained and name.names_several_splits]
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
        _find_waits(corpus, [*lost, *filter(names_split, unread)])
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
            apart[squeezed(name.rest)].append(name)
        unsplit = {name.split for name in group} == {None}
        documents = len(apart) >= _MIN_PARTS and all(name.is_numbered_document for name in group)
        joined = documents or any(name.is_numbered_of_total for name in group)
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
    return len(train) > 1 or all(name.is_numbered_of_total for name in names)


def _called(names: Sequence[FileName]) -> str:
    return ", ".join(name.path for name in names)


def _find_waits(corpus: CorpusFiles, names: Sequence[FileName]) -> None:
    """Note splits that the corpus lacks although a file for them exists and was left out."""
    for name in names:
        for split in ("dev", "test") if name.split == "held" else (name.split,):
            near = name.folder == corpus.folder and (name.suffix == corpus.suffix or name.bare == corpus.bare)
            if split in ("dev", "test") and split not in corpus.files and near:
                corpus.waits.setdefault(split, name.path)
