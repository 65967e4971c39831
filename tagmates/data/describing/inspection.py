"""Look at the files of a folder: which hold tagged sentences, in which format, and which of them belong together."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tagmates.data.describing.sniffing import READ, Layout, sniff, words_in
from tagmates.data.describing.tables import sign_of
from tagmates.data.formats.huggingface import splits_in
from tagmates.data.tasks import SPLITS, Split
from tagmates.errors import ConfigError, DataError
from tagmates.wording import listing, plural

MOST_FILES = 2000
MOST_SAID = 20  # files that are left out, each with a line

_WORDS: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "learn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "val", "valid", "validation", "testa", "devtest", "tune"), "dev"),
    **dict.fromkeys(("test", "testing", "tst", "testb", "testc", "blindtest"), "test"),
}
_PARTS_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # NerTrain2 is Ner and Train
_NUMBER = re.compile(
    r"^[\W_]*(?:part|shard)?[\W_]*(?:\d+[\W_]*of[\W_]*\d+|\d{1,2}(?!\d))", re.IGNORECASE
)  # of several files
_MORE = ("set", "data", "file", "split")  # trainset
_NEVER = (".toml", ".md", ".py", ".ann", ".conf", ".arrow", ".parquet")
_ABOUT = re.compile(r"(?:README|LICEN[SC]E|CHANGES|CHANGELOG|NOTICE|AUTHORS|COPYING|CITATION)\b.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """Files (relative to a folder) that are the splits of one corpus."""

    name: str
    layout: Layout
    files: Mapping[Split, str]
    mixed: bool = False  # whether its files have different numbers of columns
    tags: Mapping[str, str] | None = None  # of parallel files, the file of tags of every file of words


def find_sources(path: Path) -> tuple[list[Source], list[str]]:
    """The corpora of a folder, or of one file, and of every file that is left out why: what was seen in it.

    Raises DataError where nothing is found, ConfigError for a folder of too many files.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; name a folder of data files")
    left_out: list[str] = []
    if path.is_file():
        seen = {path.name: _looked_at(path)}
        left_out += [f"{path}: {what}" for what in seen.values() if isinstance(what, str)]
        found = {name: layout for name, layout in seen.items() if isinstance(layout, Layout)}
    else:
        found = {name: Layout("huggingface") for name in splits_in(path)} or _files_in(path, left_out)
    sources, unclear = _together(found, path)
    left_out += unclear
    if not sources:
        raise DataError(_nothing(path, left_out))
    return sources, _at_most(left_out)


def _nothing(path: Path, left_out: Sequence[str]) -> str:
    """What to say where nothing was found: of each file what was seen in it, and which formats are read."""
    reasons = _at_most(left_out)
    seen = f": {reasons[0]}; " if len(reasons) == 1 else "".join(f"\n  {reason}" for reason in reasons) + "\n"
    formats = f"these formats are read: {READ}; else describe your files in a tasks.toml"
    return f"{path}: no file of it looks like tagged sentences{seen if reasons else '; '}{formats}"


def _at_most(left_out: Sequence[str]) -> list[str]:
    more = len(left_out) - MOST_SAID
    return [*left_out[:MOST_SAID], *([f"and {plural(more, 'file')} more"] if more > 0 else [])]


def split_of(name: str) -> tuple[Split | None, str]:
    """The split that a path names (``eng.testa`` is dev), and the path without the word that says so."""
    for match in reversed(list(re.finditer(r"[^\W_]+", name))):
        for start, word in [(0, match[0]), *((part.start(), part[0]) for part in _PARTS_OF_NAME.finditer(match[0]))]:
            bare = next(
                (word.lower().removesuffix(more) for more in _MORE if word.lower().endswith(more)), word.lower()
            )
            split = _WORDS.get(word.lower()) or _WORDS.get(bare)
            if split:
                begin = match.start() + start
                return split, name[:begin] + _NUMBER.sub("", name[begin + len(word) :])
    return None, name


def _files_in(folder: Path, left_out: list[str]) -> dict[str, Layout]:
    """How the files of a folder are written; what is left out, and why, is added to ``left_out``."""
    found: dict[str, Layout] = {}
    unknown: dict[str, str] = {}
    for file in _files(folder):
        name = file.relative_to(folder).as_posix()
        layout = _looked_at(file)
        if isinstance(layout, Layout):
            found[name] = layout
        elif layout:
            unknown[name] = layout
    annotated = {Path(name).parent.as_posix() for name in found if name.endswith(".ann")}
    found = {name: layout for name, layout in found.items() if not name.endswith(".ann")}
    for words, tags in _pairs(folder, unknown).items():
        found[words] = Layout("parallel", tags=tags)
        del unknown[words], unknown[tags]
    left_out += [f"{folder / name}: {what}" for name, what in unknown.items() if not _ABOUT.fullmatch(Path(name).name)]
    return found | {name: Layout("brat") for name in annotated}


def _pairs(folder: Path, unknown: Mapping[str, str]) -> dict[str, str]:
    """Of files that were not recognised the pairs, in one folder, that have equally many words in every line."""
    alike: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    texts: dict[str, str] = {}
    for name in unknown:
        file = folder / name
        try:
            texts[name] = file.read_text("utf-8")
        except (OSError, ValueError):
            continue
        counts = tuple(words_in(texts[name]))
        if len(counts) > 1 and max(counts) > 1:
            alike[file.parent.as_posix(), counts].append(name)
    pairs = {}
    for names in alike.values():
        if len(names) == 2:
            words, tags = sorted(names, key=lambda name: -len(set(texts[name].split())))
            if len(set(texts[tags].split())) <= max(20, len(texts[tags].split()) // 5):
                pairs[words] = tags
    return pairs


def _files(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and _is_plain(path.relative_to(folder)))
    files = list(islice(paths, MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise ConfigError(f"{folder}: holds more than {MOST_FILES:,} files; name the folder of one corpus")
    return sorted(files)


def _is_plain(path: Path) -> bool:
    return not any(part.startswith(".") or not part.isprintable() for part in path.parts)


def _together(found: Mapping[str, Layout], root: Path) -> tuple[list[Source], list[str]]:
    """Put the splits of each corpus together: all of a format if their names say so, else those of the same rest."""
    groups: dict[tuple[str, ...], dict[str, Split | None]] = defaultdict(dict)
    kinds = {name: (layout.format, layout.separator) for name, layout in found.items()}
    for name in found:
        split, rest = split_of(name)
        like = Counter(split_of(other)[0] for other in found if kinds[other] == kinds[name])
        alone = split is not None and like["train"] == 1 and like[split] == 1
        groups[(*kinds[name], "" if alone else rest)][name] = split
    sources, left_out = [], []
    for names in groups.values():
        files = {split: name for split in SPLITS for name in names if names[name] == split}
        if len(names) == 1 and (root.is_file() or not {"dev", "test"} & {*names.values()}):
            files = {"train": next(iter(names))}
        reason = _unclear(names, files)
        if reason:
            left_out.append(f"{', '.join(names)}: {reason}")
            continue
        sources.append(_source(files, found, root))
    return sources, left_out


def _unclear(names: Mapping[str, Split | None], files: Mapping[Split, str]) -> str:
    """Why the files of a group are not the splits of a corpus; "" where they are."""
    several = [split for split in SPLITS if list(names.values()).count(split) > 1]
    if several:
        return (
            f"several files are called {listing(several)}; join those of each split in one file, or say which is which"
        )
    if "train" not in files and set(names.values()) <= {"dev", "test"}:
        called = listing(list(dict.fromkeys(str(split) for split in names.values())))
        return f"called {called}, and there is no train beside it; it is never taken for training data by itself"
    if "train" not in files or len(files) < len(names):
        return "which of them is train, dev or test is not clear from their names"
    return ""


def _source(files: Mapping[Split, str], found: Mapping[str, Layout], root: Path) -> Source:
    layouts = [found[name] for name in files.values()]
    comments = [line for each in layouts for line in each.comments]
    signed = [line for each in layouts for line in each.signed]
    sign = sign_of(comments, signed)
    notes = [f"{name}: {note}" for name in files.values() for note in found[name].notes]
    lost = sum(bool(sign) and line.startswith(sign) for line in signed)
    if lost:
        notes.append(f"{lost} sentences begin with {sign!r} too, and lose their first line as if it were a comment")
    keys = {key: value for each in layouts for key, value in each.keys.items()}
    layout = replace(
        found[files["train"]],
        encoding=next((each.encoding for each in layouts if each.encoding != "utf-8"), "utf-8"),
        notes=tuple(notes),
        keys=({"comment": sign} if sign else {}) | keys,
    )
    rest = split_of(files["train"])[1]
    rest = rest.removesuffix(Path(rest).suffix or Path(rest).name)
    label = re.sub(r"[\W_]+", "_", rest).strip("_") or re.sub(r"[\W_]+", "_", root.stem).strip("_")
    tags = {name: found[name].tags for name in files.values() if found[name].tags}
    return Source(label or "tags", layout, files, len({each.columns for each in layouts}) > 1, tags or None)


def _looked_at(path: Path) -> Layout | str | None:
    """How a file is written; what was seen where it holds no tagged sentences; None for what is no file of data."""
    suffix = path.suffix.lower()
    if suffix in _NEVER or path.with_suffix(".ann").is_file():
        return Layout("brat") if suffix == ".ann" else None
    if suffix == ".spacy":
        return Layout("spacy")
    try:
        return sniff(path.read_bytes())
    except OSError as error:
        return f"cannot be read ({error.strerror})"
