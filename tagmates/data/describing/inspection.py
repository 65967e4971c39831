"""Look at the files of a folder: which hold tagged sentences, in which format, and which of them belong together."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tagmates.data.formats.conllu import CONLLU_COLUMNS, CONLLULEX_COLUMNS
from tagmates.data.formats.huggingface import splits_in
from tagmates.data.formats.jsonl import leaves_of
from tagmates.data.formats.rows import DOCSTART
from tagmates.data.tasks import SPLITS, Split
from tagmates.errors import ConfigError, DataError

MOST_FILES = 2000
_HEAD = 2**17  # characters of a file that say what it is

_WORDS: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "val", "valid", "validation", "testa"), "dev"),
    **dict.fromkeys(("test", "testing", "tst", "testb"), "test"),
}
_NEVER = (".toml", ".md", ".py", ".ann", ".arrow", ".parquet", ".gz", ".zip")
_ID = re.compile(r"\d+(?:[-.]\d+)?", re.ASCII)

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written, as far as its first lines tell, and the cells of these, sentence by sentence."""

    format: str
    separator: str = ""  # as in TOML
    columns: int = 0
    comment: str = ""
    heading: tuple[str, ...] = ()  # the names of the columns, where a comment line tells
    encoding: str = "utf-8"
    notes: tuple[str, ...] = ()
    sample: Sequence[Rows] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Files (relative to a folder) that are the splits of one corpus; a lone one is train, whatever its name."""

    name: str
    layout: Layout
    files: Mapping[Split, str]
    mixed: bool = False  # whether its files have different numbers of columns


def find_sources(path: Path) -> tuple[list[Source], list[str]]:
    """The corpora of a folder, or of one file, and why files that look like data are left out.

    Raises DataError where nothing is found, ConfigError for a folder of too many files.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; name a folder of data files")
    unread: list[str] = []
    if path.is_file():
        found = {path.name: _looked_at(path, unread)}
    else:
        found = {name: Layout("huggingface") for name in splits_in(path)}
        found = found or {file.relative_to(path).as_posix(): _looked_at(file, unread) for file in _files(path)}
        annotated = {Path(name).parent.as_posix() for name in found if name.endswith(".ann")}
        found |= {name: Layout("brat") for name in annotated}
    sources, unclear = _together({name: layout for name, layout in found.items() if layout}, path.stem)
    left_out = unread + unclear
    if not sources:
        reason = f": {'; '.join(left_out)}" if left_out else ""
        raise DataError(f"{path}: no file of it looks like tagged sentences{reason}; describe yours in a tasks.toml")
    return sources, left_out


def split_of(name: str) -> tuple[Split | None, str]:
    """The split that a path names (``eng.testa`` is dev), and the path without the word that says so."""
    for match in reversed(list(re.finditer(r"[^\W_]+", name))):
        split = _WORDS.get(match[0].lower())
        if split:
            return split, name[: match.start()] + name[match.end() :]
    return None, name


def _files(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and _is_plain(path.relative_to(folder)))
    files = list(islice(paths, MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise ConfigError(f"{folder}: holds more than {MOST_FILES:,} files; name the folder of one corpus")
    return sorted(files)


def _is_plain(path: Path) -> bool:
    return not any(part.startswith(".") or not part.isprintable() for part in path.parts)


def _together(found: Mapping[str, Layout], default: str) -> tuple[list[Source], list[str]]:
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
        if len(names) == 1:
            files = {"train": next(iter(names))}
        if "train" not in files or len(files) < len(names):
            left_out.append(f"{', '.join(names)}: which of them is train, dev or test is not clear from their names")
            continue
        layouts = [found[name] for name in files.values()]
        layout = replace(
            layouts[0] if len(names) == 1 else found[files["train"]],
            comment=min((each.comment for each in layouts if each.comment), key=len, default=""),
            encoding=next((each.encoding for each in layouts if each.encoding != "utf-8"), "utf-8"),
            notes=tuple(f"{name}: {note}" for name in files.values() for note in found[name].notes),
        )
        rest = split_of(files["train"])[1]
        rest = rest.removesuffix(Path(rest).suffix or Path(rest).name)
        label = re.sub(r"[\W_]+", "_", rest).strip("_") or re.sub(r"[\W_]+", "_", default).strip("_")
        sources.append(Source(label or "tags", layout, files, len({each.columns for each in layouts}) > 1))
    return sources, left_out


def _looked_at(path: Path, unread: list[str]) -> Layout | None:
    """How a file is written; None for what holds no tagged sentences, and for what is added to ``unread``."""
    try:
        return _sniff(path)
    except OSError as error:
        unread.append(f"{path}: cannot be read ({error.strerror})")
        return None


def _sniff(path: Path) -> Layout | None:
    """Likewise; raises OSError."""
    if path.suffix.lower() in _NEVER or path.with_suffix(".ann").is_file():
        return None
    data = path.read_bytes()
    encoding, notes = _encoding(data)
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text[:_HEAD].split("\n")]
    lines = lines[: -1 if len(text) > _HEAD else None]
    layout = _json_lines(lines) or _conllu(lines) or _columns(lines) if "\0" not in text[:_HEAD] else None
    return layout and replace(layout, encoding=encoding, notes=(*layout.notes, *notes))


def _encoding(data: bytes) -> tuple[str, tuple[str, ...]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", ()
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        good = sum(byte >= 0xC2 for byte in data.decode(errors="ignore").encode())
        if data.decode(errors="replace").count("\ufffd") <= good:
            return "utf-8", (f"line {line} has a byte that is not UTF-8, as the rest is: repair it",)
        return "latin-1", (f"line {line} is not UTF-8; latin-1 reads any bytes: look whether its letters are right",)
    return "utf-8", ()


def _json_lines(lines: Sequence[str]) -> Layout | None:
    """Objects with two lists that are as long as each other."""
    try:
        record = json.loads(next((line for line in lines if line.strip()), ""))
    except (ValueError, RecursionError):
        return None
    lists = [value for _, value in leaves_of(record) if isinstance(value, list)] if isinstance(record, dict) else []
    alike = len({len(value) for value in lists}) < len(lists)
    return Layout("jsonl") if alike else None


def _conllu(lines: Sequence[str]) -> Layout | None:
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    fitting = [cells for cells in rows if len(cells) >= len(CONLLU_COLUMNS) and _ID.fullmatch(cells[0])]
    if not rows or len(fitting) < 0.9 * len(rows):
        return None
    lex = len(fitting[0]) == len(CONLLU_COLUMNS) + len(CONLLULEX_COLUMNS)
    return Layout("conllu", columns=len(CONLLU_COLUMNS + CONLLULEX_COLUMNS) if lex else 10, sample=[fitting])


def _columns(lines: Sequence[str]) -> Layout | None:
    """The first separator that gives nine in ten lines the same number of columns, two or more."""
    for separator in ("\t", "whitespace", ",", ";", "|"):
        rows = [(line, _cells(line, separator)) for line in lines]
        counts = Counter(len(cells) for line, cells in rows if line.strip() and not line.startswith("#"))
        width, _ = max(counts.items(), key=lambda item: item[1], default=(0, 0))
        if not 2 <= width <= 100:
            continue
        comments: list[str] = []
        sentences = list(_sentences(rows, width, separator, comments))
        found = [cells for sentence in sentences for cells in sentence]
        fitting = [[cells for cells in sentence if len(cells) == width] for sentence in sentences]
        other = len(found) - sum(map(len, fitting))
        # one endless sentence, or lines that begin with blanks, are lists of something else
        if other * 10 > len(found) or (len(sentences) == 1 and len(found) > 200) or _is_indented(lines):
            continue
        sign = ("# " if all(line.startswith("# ") for line in comments) else "#") if comments else ""
        heads = (tuple(line.removeprefix(sign).split("\t")) for line in comments)
        heading = next((names for names in heads if len(names) == width and all(names)), ())
        notes = [f"{other} of the first {len(found)} lines have not {width} columns"] if other else []
        skipped = sum(bool(sign) and sentence[0][0].startswith(sign) for sentence in sentences)
        if skipped:
            notes.append(
                f"{skipped} sentences begin with {sign!r} too, and lose their first line as if it were a comment"
            )
        sample = [sentence for sentence in fitting if sentence]
        return Layout("columns", separator, width, sign, heading, notes=tuple(notes), sample=sample)
    return None


def _cells(line: str, separator: str) -> list[str]:
    return re.findall(r"[^ \t\v\f]+", line) if separator == "whitespace" else line.split(separator)


def _sentences(
    rows: Sequence[tuple[str, list[str]]], width: int, separator: str, comments: list[str]
) -> Iterator[list[list[str]]]:
    """Yield sentences of cells; the lines before them that are comments are added to ``comments``."""
    sentence: list[list[str]] = []
    for line, cells in [*rows, ("", [])]:
        if not line.strip() or line.split(maxsplit=1)[0] == DOCSTART:
            if sentence:
                yield sentence
            sentence = []
        elif (
            not sentence
            and line.startswith("#")
            and (len(cells) != width or (separator == "\t" and line.startswith("# ")))
        ):
            comments.append(line)
        else:
            sentence.append(cells)


def _is_indented(lines: Sequence[str]) -> bool:
    return any(line.startswith(" ") and line.strip() for line in lines)
