"""Inspect the files of a folder: which hold tagged sentences, and in which format."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from unicodedata import category

from tagmates.data.describing.file_layout import FileLayout, UnreadFile
from tagmates.data.describing.file_names import name_of
from tagmates.data.describing.parallel_files import parallel_files
from tagmates.data.describing.sniffing import sniff
from tagmates.data.describing.split_column import split_column
from tagmates.data.formats.decompression import read_bytes
from tagmates.data.formats.huggingface import splits_in
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import in_order, listing, name_advice, shown

MAX_FILES = 2000

_CODE_SUFFIXES = (".py", ".ipynb", ".js", ".css", ".java", ".cpp")  # .ts and .sh are also codes of languages
_IGNORED_SUFFIXES = (".toml", ".md", ".ann", ".conf", ".arrow", ".parquet", *_CODE_SUFFIXES)
_PACKAGING_NAMES = ("requirements.txt", "MANIFEST.in", "Makefile", "Dockerfile", "setup.cfg")
_MODEL_FILE = "vocab/strings.json"  # that every model of spaCy has
_BACKUP_SUFFIXES = (".bak", ".orig", ".swp", "~")
_README_NAME = re.compile(r"(?:README|LICEN[SC]E|CHANGES|CHANGELOG|NOTICE|AUTHORS|COPYING|CITATION)\b.*", re.IGNORECASE)


def layouts_in(path: Path) -> tuple[dict[str, FileLayout], dict[str, str]]:
    """The layout of each file of a folder, or of one file, and what was seen in the others ("" for a README)."""
    if path.is_dir():
        splits = {name: FileLayout("huggingface") for name in splits_in(path)}
        return (splits, {}) if splits else _of_folder(path)
    seen = _looked_at(path)
    found = {path.name: seen} if isinstance(seen, FileLayout) else {}
    return found, {path.name: seen} if isinstance(seen, str) else {}


def _of_folder(folder: Path) -> tuple[dict[str, FileLayout], dict[str, str]]:
    found: dict[str, FileLayout] = {}
    unread: dict[str, str] = {}
    refused: dict[str, str] = {}
    names = [file.relative_to(folder).as_posix() for file in files_in(folder)]
    inside = {name.removesuffix(_MODEL_FILE) for name in names if f"/{name}".endswith(f"/{_MODEL_FILE}")} - {""}
    models = [name for name in sorted(inside) if _is_spacy_model(folder / name)]
    refused |= dict.fromkeys(models, "is a model of spaCy")
    for name in [name for name in names if not name.startswith(tuple(models))]:
        file = folder / name
        if any(category(character) in ("Cc", "Cs") for character in name):
            refused[name] = f"its name has characters that cannot be shown; {name_advice()}"
        elif name.endswith(_BACKUP_SUFFIXES):
            refused[name] = "is a copy that an editor made"
        elif isinstance(layout := _looked_at(file), FileLayout):
            found[name] = layout
        elif layout:
            unread[name] = layout
    for link in sorted(path for path in folder.rglob("*") if path.is_symlink() and not path.exists()):
        refused[link.relative_to(folder).as_posix()] = "is a link to a file that does not exist"
    documents = [name for name in found if name.endswith(".ann")]
    annotated, mixed = _folders_of_documents(documents)
    found = {name: layout for name, layout in found.items() if not name.endswith(".ann")}
    beside = {Path(name).parent for name in documents}
    texts = [name for name in unread if name.endswith(".txt") and Path(name).parent in beside]
    unread |= dict.fromkeys(texts, "is a text without a .ann beside it, so it has no annotations")
    pairs, unclear = parallel_files(folder, unread)
    paired = {name for words, layout in pairs.items() for name in (words, *layout.tags)}
    refused |= {name: why for name, why in unread.items() if name not in paired} | unclear | mixed
    found |= pairs
    refused |= {name: "" for name in refused if _README_NAME.fullmatch(Path(name).name)}
    return found | {name: FileLayout("brat") for name in annotated}, refused


def _is_spacy_model(folder: Path) -> bool:
    with suppress(OSError, ValueError, RecursionError):
        description = json.loads((folder / "meta.json").read_bytes())
        return isinstance(description, dict) and "spacy_version" in description
    return False


def _folders_of_documents(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The folders of BRAT documents, and those with documents of several splits, with what to do about them."""
    splits: dict[str, set[str]] = defaultdict(set)
    for name in names:
        split = name_of(Path(name).name).split
        splits[Path(name).parent.as_posix()] |= {split} if split else set()
    mixed = {
        own: f"its documents are called {listing(sorted(called))}; put those of a split into a folder"
        for own, called in splits.items()
        if len(called) > 1
    }
    return [own for own in splits if own not in mixed], mixed


def files_in(folder: Path) -> list[Path]:
    """The files of a folder and of those in it, in natural order, without hidden ones.

    Raises ConfigError if there are more than ``MAX_FILES``.
    """
    paths = (path for path in folder.rglob("*") if path.is_file() and _is_visible(path.relative_to(folder)))
    files = list(islice(paths, MAX_FILES + 1))
    if len(files) > MAX_FILES:
        raise ConfigError(f"{folder}: holds more than {MAX_FILES:,} files; name the folder of one corpus")
    return [folder / name for name in in_order([file.relative_to(folder).as_posix() for file in files])]


def _is_visible(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _looked_at(path: Path) -> FileLayout | str | None:
    """The layout of a file; what was seen in it if it has no tagged sentences; None if it is not a data file."""
    suffix = path.suffix.lower()
    if suffix in _IGNORED_SUFFIXES or path.name in _PACKAGING_NAMES or path.with_suffix(".ann").is_file():
        return FileLayout("brat") if suffix == ".ann" else None
    if path.stem == "INITIAL_CAS":
        return "is a document before anyone annotated it, as INCEpTION exports it"
    if suffix == ".spacy":
        return FileLayout("spacy")
    try:
        return _sniffed(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except DataError as error:
        return str(error).removeprefix(f"{path}: ")


def _sniffed(path: Path) -> FileLayout | str:
    data = read_bytes(path)
    found = sniff(data)
    if path.suffix.lower() in (".yml", ".yaml"):
        return "is YAML, which is not read"
    if isinstance(found, UnreadFile):
        return found.seen
    name = split_column(data.decode(found.encoding, "replace"), found)
    if name:
        return f"its {shown(name)} says which sentences are train, dev and test: write each split into its own file"
    return found
