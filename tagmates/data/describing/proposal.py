"""A TOML file of tasks for files that were looked at: what was guessed, why, and what was seen, for a user to check."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagmates.data.corpora import read_part
from tagmates.data.describing.guesses import layer_name, scheme_of
from tagmates.data.describing.inspection import Source, find_sources
from tagmates.data.describing.layers import layers_of, shown
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import Part, Task
from tagmates.errors import ConfigError, DataError
from tagmates.wording import plural

_SPANS = ("brat", "webanno", "conll2012", "spacy")  # formats whose spans become tags of a scheme of our choice
_HEADING = (
    "# Guessed from the files by `tagmates data init`, for you to check; then let `tagmates data check` read this file."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The text of a TOML file, the names of its tasks, and what was left out of it and why."""

    text: str
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]


def propose(path: Path, folder: str) -> Proposal:
    """Look at the files of a folder (or at one file) and describe them; ``folder`` is what the TOML calls it.

    Raises DataError where nothing looks like tagged sentences, ConfigError for a folder of too many files.
    """
    sources, left_out = find_sources(path)
    root = path if path.is_dir() else path.parent
    lines = [
        _HEADING,
        *([f"folder = {_toml(folder)}", ""] if folder else [""]),
    ]
    names: list[str] = []
    for source in sources:
        shared, tables = _describe(source, root)
        lines += shared if len(sources) == 1 else [line for line in shared if line.startswith("#")]
        for wanted, table in tables:
            name = next(each for each in _variants(wanted, source.name) if each not in names)
            names.append(name)
            repeated = [] if len(sources) == 1 else [line for line in shared if line and not line.startswith("#")]
            lines += ["", f"[tasks.{_key(name)}]", *repeated, *table]
        lines.append("")
    text = "\n".join(lines)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{str(path)!r}: TOML cannot hold a path that is not UTF-8; rename it") from None
    return Proposal(text, tuple(names), tuple(left_out))


def _describe(source: Source, root: Path) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The lines of what the tasks of a source share, and for each task its name and its own lines."""
    keys, seen, layers = layers_of(source, root)
    parts = [Part(file=file, tags=(source.tags or {}).get(file, "")) for file in dict.fromkeys(source.files.values())]
    tables = []
    counts: list[int] = []
    for layer in layers:
        values = {key: None if value == "whitespace" else value for key, value in {**keys, **layer.keys}.items()}
        task = Task(name="x", folder=root, **{**values, "unlabelled": ""})
        sentences, broken = _read(task, parts)
        counts = counts or [len(part) for part in sentences]
        tags = [sentence.labels for part in sentences for sentence in part]
        used = Counter(tag for sentence in tags for tag in sentence if tag is not None)
        blanks = [] if "unlabelled" in values else _blanks(used)
        if blanks and 2 * used["_"] <= used.total():
            tags = [tuple(None if tag == "_" else tag for tag in sentence) for sentence in tags]
            del used["_"]
        said = task.format in _SPANS or "scheme" in values
        scheme, why = (task.scheme, "as the spans are written here") if said else scheme_of(tags)
        name = layer.name or layer_name(used) or (source.name if len(layers) == 1 else _called(layer.keys))
        table = [f"# {note}" for note in (*broken, *layer.notes)]
        table += [f"{key} = {_toml(value)}" for key, value in layer.keys.items() if key != "scheme"] + blanks
        often = ", ".join(shown(tag) for tag, _ in used.most_common(6))
        table += [f"# {plural(len(used), 'different tag')}: {often}{', …' if len(used) > 6 else ''}"] if used else []
        table += [f"scheme = {_toml(scheme)}  # {why}"]
        tables.append((name, table))
    sizes = zip(source.files.values(), counts, strict=False)
    shared = [f"# {shown(file, 200)}: {plural(count, 'sentence')}" for file, count in sizes if count]
    shared += [f"# {shown(note, 300)}" for note in (*source.layout.notes, *seen)]
    shared += [f"{key} = {_toml(value)}" for key, value in keys.items() if key != "scheme"]
    return [*shared, *_parts(source, counts)], tables


def _called(keys: Mapping[str, Any]) -> str:
    """The key of a layer that nothing names, or column and its number."""
    column = keys["tag_column"]
    return f"column{column}" if isinstance(column, int) else str(column)


def _blanks(used: Counter[str]) -> list[str]:
    """What to say of ``_``: on most tokens it is a tag, as other columns write ``O``; on some it says nothing."""
    if not used["_"]:
        return []
    on = f"_ stands on {used['_']:,} of {used.total():,} tokens"
    if 2 * used["_"] > used.total():
        return [f'unlabelled = ""  # {on}: taken for a tag; without this line it would be no label']
    return [f'# {on}: taken for no label; if it is a tag, add unlabelled = ""']


def _read(task: Task, parts: Sequence[Part]) -> tuple[list[list[Sentence]], list[str]]:
    """The sentences of each file, none of one that cannot be read, and why that is."""
    sentences: list[list[Sentence]] = []
    broken = []
    for part in parts:
        try:
            sentences.append(read_part(task, part))
        except DataError as error:
            sentences.append([])
            broken.append(f"cannot be read so: {shown(str(error), 300)}")
    return sentences, broken


def _parts(source: Source, counts: Sequence[int]) -> Iterator[str]:
    """The lines of the splits; where files lack dev, it is the end of train, and for one file alone test is too."""
    total = counts[0] if counts else 0
    tags = source.tags or {}
    tenth = max(1, total // 10)
    ranges = {}
    if "dev" not in source.files and total > 2:
        ends = {"dev": total} if "test" in source.files else {"dev": total - tenth, "test": total}
        ranges = {split: (end - tenth + 1, end) for split, end in ends.items()}
        ranges = {"train": (1, ranges["dev"][0] - 1), **ranges}
        which = "dev and test are" if "test" in ranges else "dev is"
        yield f"# no file is called dev, so {which} the end of {shown(source.files['train'])}"
    elif "dev" not in source.files:
        yield '# there is no dev split: add one, dev = "FILE"'
    for split in ("train", "dev", "test"):
        if split in ranges:
            first, last = ranges[split]
            file = _toml(source.files["train"])
            more = f", tags = {_toml(tags[source.files['train']])}" if tags else ""
            yield f'{split} = {{ file = {file}{more}, sentences = "{first}-{last}" }}'
        elif split in source.files and tags:
            file = source.files[split]
            yield f"{split} = {{ file = {_toml(file)}, tags = {_toml(tags[file])} }}"
        elif split in source.files:
            yield f"{split} = {_toml(source.files[split])}"


def _variants(name: str, source: str) -> Iterator[str]:
    """Names that a task may have: as wanted, then with that of its files, then with a number."""
    name = re.sub(r"[\s,/\\]+", "_", name)
    if name not in ("all", "*"):
        yield name
    yield f"{source}_{name}" if name != source else f"{name}_1"
    yield from (f"{source}_{name}_{number}" for number in range(2, 10_000))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: str | int | Sequence[str]) -> str:  # of bool too: JSON's true is TOML's
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
