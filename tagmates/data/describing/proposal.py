"""A TOML file of tasks for files that were looked at: what was guessed, why, and what was seen, for a user to check."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tagmates.data.corpora import place, read_part
from tagmates.data.describing.guesses import layer_name
from tagmates.data.describing.inspection import Source, find_sources
from tagmates.data.describing.layers import layers_of, shown
from tagmates.data.schemes import Writing, is_tag_of, violations_in
from tagmates.data.sentence import Sentence
from tagmates.data.spelling import Spelling, spelling_of
from tagmates.data.tasks import Part, Task
from tagmates.errors import ConfigError, DataError
from tagmates.wording import plural

BROKEN = 5  # of the tags that break a scheme, those that are listed
_SPANS = ("brat", "webanno", "conll2012", "spacy")  # formats whose spans become tags of a scheme of our choice
_HEADING = (
    "# Guessed from the files by `tagmates data init`, for you to check; then let `tagmates data check` read this file."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The text of a TOML file, the names of its tasks, what was left out of it and why, and what breaks a scheme."""

    text: str
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]
    broken: tuple[str, ...]


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
    wrong: list[str] = []
    for source in sources:
        shared, tables = _describe(source, root)
        lines += shared if len(sources) == 1 else [line for line in shared if line.startswith("#")]
        for wanted, table, broken in tables:
            name = next(each for each in _variants(wanted, source.name) if each not in names)
            names.append(name)
            wrong += [f"{name}: {text}" for text in broken]
            repeated = [] if len(sources) == 1 else [line for line in shared if line and not line.startswith("#")]
            lines += ["", f"[tasks.{_key(name)}]", *repeated, *table]
        lines.append("")
    text = "\n".join(lines)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{str(path)!r}: TOML cannot hold a path that is not UTF-8; rename it") from None
    return Proposal(text, tuple(names), tuple(left_out), tuple(wrong))


def _describe(source: Source, root: Path) -> tuple[list[str], list[tuple[str, list[str], list[str]]]]:
    """The lines that the tasks of a source share; for each task its name, its own lines, and what breaks its scheme."""
    keys, seen, layers = layers_of(source, root)
    parts = [Part(file=file, tags=(source.tags or {}).get(file, "")) for file in dict.fromkeys(source.files.values())]
    tables: list[tuple[str, list[str], list[str]]] = []
    counts: list[int] = []
    for layer in layers:
        values = {key: None if value == "whitespace" else value for key, value in {**keys, **layer.keys}.items()}
        task = Task(name="x", folder=root, **{**values, "unlabelled": ""})
        sentences, broken = _read(task, parts)
        counts = counts or [len(part) for part in sentences]
        everything = [sentence for part in sentences for sentence in part]
        # one line that cannot be read must not make a layer plain
        sample = _sample(task, source) if broken else []
        used = Counter(tag for sentence in everything for tag in sentence.labels if tag is not None)
        spelling = spelling_of([*everything, *sample])
        # where no tag but O and _ says that a word is nothing, _ says that nobody has labelled it
        blanks = used["_"] if "outside" not in values and spelling.writing.outside != "_" else 0
        if blanks:
            sentences = [[_without_blanks(sentence) for sentence in part] for part in sentences]
            spelling = spelling_of([*map(_without_blanks, [*everything, *sample])])
        name = layer.name or layer_name(used) or (source.name if len(layers) == 1 else _called(layer.keys))
        table = [f"# {note}" for note in (*broken, *layer.notes)]
        table += [f"{key} = {_toml(value)}" for key, value in layer.keys.items() if key != "scheme"]
        if blanks:
            on = f"_ stands on {blanks:,} of {used.total():,} tokens"
            table += [f'# {on}: taken for no label; if it says that a word is nothing, add outside = "_"']
            del used["_"]
        often = ", ".join(shown(tag) for tag, _ in used.most_common(6))
        table += [f"# {plural(len(used), 'different tag')}: {often}{', …' if len(used) > 6 else ''}"] if used else []
        if task.format in _SPANS or "scheme" in values:
            table += [f"scheme = {_toml(task.scheme)}  # as the spans are written here"]
            tables.append((name, table, []))
            continue
        if "outside" in values:
            spelling = replace(spelling, writing=replace(spelling.writing, outside=str(values["outside"])))
        else:
            table += _outside(spelling, used)
        wrong, broken_sentences, known = _wrong(task, source, spelling.writing, sentences)
        spelling = replace(spelling, helps=spelling.helps and known)
        table += _scheme(spelling, wrong, broken_sentences, len(everything), numbered="labels" in layer.keys)
        tables.append((name, table, _listed(wrong)))
    sizes = zip(source.files.values(), counts, strict=False)
    shared = [f"# {shown(file, 200)}: {plural(count, 'sentence')}" for file, count in sizes if count]
    shared += [f"# {shown(note, 300)}" for note in (*source.layout.notes, *seen)]
    shared += [f"{key} = {_toml(value)}" for key, value in keys.items() if key != "scheme"]
    return [*shared, *_parts(source, counts)], tables


def _called(keys: Mapping[str, Any]) -> str:
    """The key of a layer that nothing names, or column and its number."""
    column = keys["tag_column"]
    return f"column{column}" if isinstance(column, int) else str(column)


def _sample(task: Task, source: Source) -> list[Sentence]:
    """The sentences of a column file's first lines, without those that have other numbers of columns."""
    if task.format != "columns":
        return []
    token, tag = (number - (number > 0) for number in (int(task.token_column), int(task.tag_column)))
    return [
        Sentence(tuple(cells[token] for cells in rows), tuple(cells[tag] for cells in rows))
        for rows in source.layout.sample
    ]


def _without_blanks(sentence: Sentence) -> Sentence:
    return replace(sentence, tags=tuple(None if tag == "_" else tag for tag in sentence.labels))


def _outside(spelling: Spelling, used: Counter[str]) -> list[str]:
    """The line that says which tag is nothing, unless it is ``O``."""
    outside = spelling.writing.outside
    if outside == "O":
        return []
    if not outside:
        return [f'outside = ""  # O stands on {used["O"]:,} of {used.total():,} tokens, and looks like a label']
    on = f"{shown(outside)} stands on {used[outside]:,} of {used.total():,} tokens"
    return [f"outside = {_toml(outside)}  # {on}: taken to say that a word is nothing, and not scored"]


def _wrong(
    task: Task, source: Source, writing: Writing, sentences: Sequence[Sequence[Sentence]]
) -> tuple[list[str], int, bool]:
    """The tags that break the scheme, where and why; in how many sentences; and whether the scheme has all of them."""
    found, broken, known = [], 0, True
    for file, part in zip(source.files.values(), sentences, strict=False):
        own = task.model_copy(update={"folder": Path(), "train": Part(file=file)})
        for sentence in part:
            wrong = list(violations_in(sentence.labels, writing))
            broken += bool(wrong)
            for index, text in wrong:
                found.append(f"{place(own, 'train', sentence, index)}: {text}")
                known = known and is_tag_of(sentence.labels[index] or "", writing)
    return found, broken, known


def _listed(wrong: Sequence[str]) -> list[str]:
    more = len(wrong) - BROKEN
    return [*wrong[:BROKEN], *([f"and {more:,} more: `tagmates data check --all` names them"] if more > 0 else [])]


def _scheme(spelling: Spelling, wrong: Sequence[str], broken: int, sentences: int, *, numbered: bool) -> list[str]:
    """The lines of the scheme and of the mark, why they are thought so, and what breaks them."""
    writing = spelling.writing
    if writing.scheme == "plain":
        if not spelling.words:
            return ['scheme = "plain"  # no tag could be read: name the scheme of yours']
        if not spelling.looks_like_io or numbered:
            return ['scheme = "plain"  # the tags have no B- and I-, so every word counts by itself']
        why = f"{spelling.repeated:,} of {spelling.tagged:,} tagged words have the tag of the word before"
        if spelling.labels > 1:
            return [f'scheme = "io"  # {why}: taken for one span; with "plain" every word counts by itself']
        return [f'scheme = "plain"  # every word counts by itself; {why}: with "io" such neighbours are one span']
    lines = [f"mark = {_toml(writing.mark)}"] if writing.mark != "B-" else []
    if not wrong:
        return [f'scheme = "{writing.scheme}"  # all {sentences} sentences follow it', *lines]
    lines += [f"# breaks it: {shown(text, 200)}" for text in _listed(wrong)]
    if spelling.helps:
        lines += ['# (to read such tags as conlleval does, leave scheme out and set score = "prefix")']
    count = f"not followed in {broken} of {sentences} sentences"
    return [f'scheme = "{writing.scheme}"  # as most tags say, but {count}', *lines]


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
