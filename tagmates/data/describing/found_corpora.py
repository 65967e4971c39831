"""Find the corpora of a folder: which files of tagged sentences belong together, and which are left out."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tagmates.data.describing.copies import without_copies, without_copies_of_held_out
from tagmates.data.describing.corpus_columns import columns_of_tags, lacking_columns, other_places, unused_columns
from tagmates.data.describing.file_layout import FileLayout
from tagmates.data.describing.file_names import FileName, name_of
from tagmates.data.describing.grid import comment_sign
from tagmates.data.describing.grouping import CorpusFiles, group_files
from tagmates.data.describing.inspection import files_in, layouts_in
from tagmates.data.describing.sniffing import READABLE_FORMATS
from tagmates.data.formats.decompression import read_bytes
from tagmates.data.task import Split
from tagmates.errors import DataError
from tagmates.formatting import listing, plural, visible

MAX_LISTED_FILES = 20  # files that are left out and named one by one


@dataclass(frozen=True, slots=True)
class FoundCorpus:
    """The files of one corpus (relative to a folder), by split."""

    name: str
    layout: FileLayout
    files: Mapping[Split, tuple[str, ...]]
    mixed: bool = False  # whether its files have different numbers of columns
    tags: Mapping[str, str] | None = None  # for parallel files: file of words -> file of tags
    waits: Mapping[Split, str] = field(default_factory=dict)  # splits that some other file seems to hold

    @property
    def every_file(self) -> list[str]:
        """The files of all splits, each once."""
        return list(dict.fromkeys(name for names in self.files.values() for name in names))

    @property
    def first_file(self) -> str:
        """The first file of train."""
        return self.files["train"][0]


def find_corpora(path: Path) -> tuple[list[FoundCorpus], list[str]]:
    """The corpora of a folder, or of one file, and for each file that is left out, what was seen in it.

    Raises DataError if nothing is found, ConfigError for a folder with too many files.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; name a folder of data files")
    folder = path if path.is_dir() else path.parent
    found, refused = layouts_in(path)
    sources, unclear = _together(found, refused, folder)
    # files of tagged sentences first
    left_out = [*unclear, *(f"{folder / _visible_name(name)}: {why}" for name, why in refused.items() if why)]
    if not sources:
        raise DataError(_nothing(path, left_out))
    return sources, _at_most(left_out)


def _visible_name(name: str) -> str:
    return name if name.isprintable() else visible(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _nothing(path: Path, left_out: Sequence[str]) -> str:
    """The message if nothing was found: what was seen in each file, and which formats are read."""
    reasons = _at_most(left_out or _documentation(path))
    seen = f": {reasons[0]}; " if len(reasons) == 1 else "".join(f"\n  {reason}" for reason in reasons) + "\n"
    formats = f"these formats are read: {READABLE_FORMATS}; else describe your files in a tasks.toml"
    return f"{path}: no file of it looks like tagged sentences{seen if reasons else '; '}{formats}"


def _documentation(path: Path) -> list[str]:
    """Files that are taken for documentation, so that nobody wonders why a folder seems to be empty."""
    files = [file for file in files_in(path) if file.suffix.lower() == ".md"] if path.is_dir() else []
    return [f"{file}: is taken for documentation, as all files .md, and is not looked into" for file in files]


def _at_most(left_out: Sequence[str]) -> list[str]:
    more = len(left_out) - MAX_LISTED_FILES
    return [*left_out[:MAX_LISTED_FILES], *([f"and {plural(more, 'file')} more"] if more > 0 else [])]


def _together(
    found: Mapping[str, FileLayout], unknown: Collection[str], root: Path
) -> tuple[list[FoundCorpus], list[str]]:
    """Group the files into corpora."""
    # perhaps only some files of a corpus have CSV quotes
    blanks = any(layout.separator == "whitespace" for layout in found.values())
    kinds = {
        name: (
            layout.format.replace("csv", "columns"),
            "whitespace" if blanks and _has_single_cells(layout) else layout.separator,
        )
        for name, layout in found.items()
    }
    corpora, left_out = group_files(kinds, unknown)
    for corpus in corpora:
        left_out += _without_tags(corpus, found, root)
    left_out += without_copies_of_held_out(corpora, found, root)
    for corpus in corpora:
        left_out += without_copies(corpus, found, root)
    return [source for corpus in corpora for source in _sources(corpus, found, root)], left_out


def _without_tags(corpus: CorpusFiles, found: Mapping[str, FileLayout], root: Path) -> Iterator[str]:
    """Take each file out of dev and test that lacks the last columns of train, which hold tags; yield a message."""
    first = corpus.files["train"][0]
    tags = columns_of_tags(found[first])
    for split in ("dev", "test"):
        for name in corpus.files.get(split, []):
            lacking = lacking_columns(found[name], found[first])
            if lacking and max(tags) > found[name].columns:
                corpus.files[split] = [other for other in corpus.files[split] if other != name]
                corpus.waits[split] = name
                yield f"{root / name}: lacks {lacking} of {first}; tasks whose tags it has may name it"
    corpus.files = {split: names for split, names in corpus.files.items() if names}


def _has_single_cells(layout: FileLayout) -> bool:
    """Whether a file with tabs could be read with white space as separator: there is no other in its cells."""
    single = (cell.split() == [cell] for rows in layout.sample for cells in rows for cell in cells)
    return layout.format == "columns" and layout.separator == "\t" and not layout.keys and all(single)


def _sources(corpus: CorpusFiles, found: Mapping[str, FileLayout], root: Path) -> Iterator[FoundCorpus]:
    """Yield the corpus; for parallel files, one for each file of tags beside the words of train."""
    source = _source(corpus, found, root)
    layers = found[source.first_file].tags
    if not layers:
        yield source
    for layer in layers:
        same = {name: [tags for tags in found[name].tags if _is_layer(tags, layer)] for name in source.every_file}
        if len(layers) == 1:
            same |= {name: [*found[name].tags] for name in same if len(found[name].tags) == 1}
        tags = {name: own[0] for name, own in same.items() if own}
        files = {split: tuple(name for name in names if name in tags) for split, names in source.files.items()}
        lacking = {split: names[0] for split, names in source.files.items() if not files[split]}
        name = source.name if len(layers) == 1 else _label(name_of(layer), root)
        files = {split: names for split, names in files.items() if names}
        yield replace(source, name=name, files=files, tags=tags, waits={**source.waits, **lacking})


def _is_layer(tags: str, layer: str) -> bool:
    """Whether two files of tags of different splits are of the same layer, by their names."""
    return name_of(tags).bare == name_of(layer).bare


def _source(corpus: CorpusFiles, found: Mapping[str, FileLayout], root: Path) -> FoundCorpus:
    files = [name for names in corpus.files.values() for name in names]
    layouts = [found[name] for name in files]
    first = found[files[0]]
    sign = comment_sign([line for each in layouts for line in each.comments], _signed(layouts))
    encoding, more = _encoding_of(root, {name: found[name].encoding for name in files})
    layout = replace(
        first,
        format="csv" if any(each.format == "csv" for each in layouts) else first.format,
        # see ``_has_single_cells``
        separator=first.separator if len({each.separator for each in layouts}) == 1 else "whitespace",
        encoding=encoding,
        notes=(*corpus.notes, *_notes_on(files, found, sign), *more),
        keys=({"comment": sign} if sign else {}) | {key: own for each in layouts for key, own in each.keys.items()},
    )
    splits = {split: tuple(names) for split, names in corpus.files.items()}
    # of two files, one may have all columns of the other
    others = [each for each in layouts if each.columns != first.columns]
    mixed = not all(lacking_columns(each, first) or lacking_columns(first, each) for each in others)
    return FoundCorpus(_label(corpus, root), layout, splits, mixed, waits=corpus.waits)


def _signed(layouts: Iterable[FileLayout]) -> list[str]:
    """The lines of words of all files that could be mistaken for comments."""
    return [line for each in layouts for line in each.signed]


def _label(name: CorpusFiles | FileName, root: Path) -> str:
    """The name of a corpus or layer: that of its files without their splits, else that of the folder."""
    rest = name.bare.removesuffix(f".{name.suffix}") if name.suffix != name.bare else ""
    names = (re.sub(r"[\W_]+", "_", name).strip("_") for name in (rest, root.stem))
    return next(filter(None, names), "tags")


def _notes_on(files: Sequence[str], found: Mapping[str, FileLayout], sign: str) -> Iterator[str]:
    """Yield notes on the files of a corpus whose comments begin with a sign ("" for no comments)."""
    layouts = {name: found[name] for name in files}
    for name, layout in layouts.items():
        yield from (f"{name}: {note}" for note in layout.notes)
    lost = sum(bool(sign) and line.startswith(sign) for line in _signed(layouts.values()))
    if lost:
        begin = f"{plural(lost, 'sentence')} {'begins' if lost == 1 else 'begin'}"
        yield f"{begin} with {sign!r} too, so the first line is skipped like a comment"
    yield from other_places(found, files)
    yield from unused_columns(found[files[0]], files[0])
    headings = {layout.heading for layout in layouts.values() if layout.keys.get("header")}
    without = [name for name, layout in layouts.items() if not headings & {layout.heading, _first_row(layout)}]
    if without and len(without) < len(files):
        names = f"{listing(without)} {'seems' if len(without) == 1 else 'seem'} to have no header"
        yield f"{names}, others have: write one into each, or the first word is skipped as if it were one"


def _first_row(layout: FileLayout) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in layout.sample[0][0]) if layout.sample else ()


def _encoding_of(root: Path, encodings: Mapping[str, str]) -> tuple[str, list[str]]:
    """The encoding of the files of a corpus, and a note if they have several. ASCII files fit every 8-bit encoding."""
    if len(set(encodings.values())) > 1 and set(encodings.values()) <= {"utf-8", "latin-1", "cp1252"}:
        encodings = {
            name: encoding
            for name, encoding in encodings.items()
            if encoding != "utf-8" or not read_bytes(root / name).isascii()
        }
    if set(encodings.values()) == {"latin-1", "cp1252"}:  # the two differ only in bytes that latin-1 text does not use
        return "cp1252", []
    different = list(dict.fromkeys(encodings.values()))
    if len(different) == 1:
        return different[0], []
    named = [f"{next(name for name, own in encodings.items() if own == each)} {each}" for each in different]
    return different[0], [f"the files have different encodings ({', '.join(named)}): convert them to one"]
