"""A proposed tasks.toml for files: what was guessed, why, and what was seen, for the user to check."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tagmates.data.corpora import location, read_part
from tagmates.data.describing.found_corpora import FoundCorpus, find_corpora
from tagmates.data.describing.guesses import is_known_tag, layer_name
from tagmates.data.describing.layers import layers_of
from tagmates.data.describing.readable import readable_sentences
from tagmates.data.describing.remarks import Tokens, leaks, masked_tags, odd_labels, tag_counts, unseen_tags
from tagmates.data.describing.scheme_lines import io_line, listed, outside_lines, scheme_lines, unlabelled_lines
from tagmates.data.describing.splits import cut_ranges, several, split_lines
from tagmates.data.describing.tag_layer import TagLayer
from tagmates.data.describing.toml_text import comment_text, toml_value
from tagmates.data.formats.records import NO_LABEL
from tagmates.data.notation import NotationEstimate, estimate_notation
from tagmates.data.schemes import Notation, is_tag_of, violations_in
from tagmates.data.sentence import Sentence
from tagmates.data.task import Part, Split, Task
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import name_advice, plural

_NO_LABEL = str(NO_LABEL)  # as training code with subwords writes it
_HEADING = (
    "# Guessed from the files by `tagmates data init`, for you to check; then let `tagmates data check` read this file."
    "\n# The names of the tasks are suggestions, too: [tasks.NAME] may have any name."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The text of a tasks.toml and the names of its tasks, with messages on what was found.

    ``left_out`` names files that were left out and why, ``broken`` tags that break their scheme. ``remarks`` are about
    test sentences in train of another corpus, tags that train lacks, and tags that are only numbers.
    """

    text: str
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]
    broken: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _BareTags:
    """Tags without B- and I-: their notation, and the different ones."""

    estimate: NotationEstimate
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Table:
    """A task: its preferred name, lines, and messages. If ``offered``, it is written as a comment.

    ``scheme`` are the lines of its scheme, behind ``lines``; the first may change when all tasks are known.
    """

    name: str
    lines: list[str]
    scheme: list[str] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    offered: bool = False
    bare: _BareTags | None = None


@dataclass(frozen=True, slots=True)
class _Described:
    """The lines that the tasks of a corpus share, its tasks, and the tokens of the sentences of each split.

    The names of integer tags come from ``files``.
    """

    shared: list[str]
    tables: list[_Table]
    words: dict[Split, list[Tokens]]
    files: list[Path]


def propose(path: Path, folder: str) -> Proposal:
    """Inspect the files of a folder, or one file, and describe them; ``folder`` is the name of the folder in the TOML.

    Raises DataError if nothing looks like tagged sentences, ConfigError for a folder with too many files.
    """
    sources, left_out = find_corpora(path)
    root = path if path.is_dir() else path.parent
    lines = [
        _HEADING,
        *([f"folder = {toml_value(folder)}", ""] if folder else [""]),
    ]
    names: list[str] = []
    wrong: list[str] = []
    described = _describe_all(sources, root, left_out)
    used = tuple(f"{file}: " for _, each in described for file in each.files)
    left_out = [text for text in left_out if not text.startswith(used)]
    called = Counter(source.name for source, _ in described)
    words = [(source.name if called[source.name] == 1 else source.first_file, each.words) for source, each in described]
    remarks = list(leaks(words))
    lines += [f"# {comment_text(text, 300)}" for text in remarks]
    remarks += [note for source, _ in described for note in source.layout.notes]
    offered: list[str] = []
    for source, each in described:
        shared = each.shared
        lines += shared if len(described) == 1 else [line for line in shared if line.startswith("#")]
        repeated = [] if len(described) == 1 else [line for line in shared if not line.startswith("#")]
        for table in each.tables:
            name = next(each for each in _variants(table.name, source.name) if each not in (*names, *offered))
            (offered if table.offered else names).append(name)
            wrong += [f"{name}: {text}" for text in table.broken]
            remarks += [f"{name}: {text}" for text in table.remarks]
            own = [f"[tasks.{_key(name)}]", *repeated, *table.lines, *table.scheme, *table.closing]
            lines += ["", *([f"# {line}" for line in own] if table.offered else own)]
        lines.append("")
    text = "\n".join(lines)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{str(path)!r}: TOML cannot hold a path that is not UTF-8; {name_advice()}") from None
    return Proposal(text, tuple(names), tuple(left_out), tuple(wrong), tuple(remarks))


def _describe_all(
    sources: Sequence[FoundCorpus], root: Path, left_out: list[str]
) -> list[tuple[FoundCorpus, _Described]]:
    """The corpora with their descriptions. One that turns out to hold no tagged sentences is added to ``left_out``.

    Raises DataError if no corpus is left.
    """
    described: list[tuple[FoundCorpus, _Described]] = []
    errors: list[DataError] = []
    for source in sources:
        try:
            described.append((source, _describe(source, root)))
        except DataError as error:
            errors.append(error)
    if not described:
        raise errors[0]
    left_out += map(str, errors)
    _agree([(table, table.bare) for _, each in described for table in each.tables if table.bare])
    return described


def _agree(layers: Sequence[tuple[_Table, _BareTags]]) -> None:
    """Give layers with the same bare tags one scheme: io if one of them looks like it and the others repeat tags."""
    spans = [bare.tags for _, bare in layers if bare.estimate.looks_like_io and bare.estimate.distinct > 1]
    for table, bare in layers:
        if sum(map(is_known_tag, bare.tags)) > 1:  # parts of speech
            continue
        alike = any(bare.tags <= tags or tags <= bare.tags for tags in spans)
        if alike and bare.estimate.repeated and bare.estimate.distinct > 1 and not bare.estimate.advice_on_plain:
            why = "" if bare.estimate.looks_like_io else "; another layer with these tags repeats them more often"
            table.scheme[0] = io_line(bare.estimate, why)


def _describe(source: FoundCorpus, root: Path) -> _Described:
    found = layers_of(source, root)
    keys = found.keys
    tags = source.tags or {}
    parts = [
        Part(file=_alone(names), tags=_alone(tuple(tags[name] for name in names if name in tags)))
        for names in source.files.values()
    ]
    words: dict[Split, list[Tokens]] = {}
    tables: list[_Table] = []
    counts: list[int] = []
    for layer in found.layers:
        values = {**keys, **layer.keys, "unlabelled": ""}
        if values.get("separator") == "whitespace":
            values["separator"] = None
        task = Task(name="x", folder=root, **values)
        if layer.sample:
            tables.append(_offer(layer))
            continue
        sentences, broken = _read(task, parts)
        if not any(counts):
            counts = [len(part) for part in sentences]
            words = {split: [s.tokens for s in part] for split, part in _by_split(source, sentences).items()}
        table = _table(source, task, layer, sentences, broken)
        name = table.name or (source.name if len(found.layers) == 1 else _called(layer.keys))
        tables.append(replace(table, name=name))
    sizes = zip(source.files.values(), counts, strict=False)
    shared = [f"# {comment_text(several(files), 200)}: {plural(count, 'sentence')}" for files, count in sizes if count]
    shared += [f"# {comment_text(note, 300)}" for note in (*source.layout.notes, *found.seen)]
    shared += [f"{key} = {toml_value(value)}" for key, value in keys.items() if key != "scheme"]
    files = [file for layer in found.layers for file in layer.files]
    return _Described([*shared, *split_lines(source, counts, root)], tables, words, files)


def _table(
    source: FoundCorpus,
    task: Task,
    layer: TagLayer,
    sentences: list[list[Sentence]],
    broken: list[str],
) -> _Table:
    """The table of a layer with these sentences of each split; its name is "" if nothing tells it.

    ``broken`` are the errors of files that cannot be read.
    """
    known_outside = task.outside if "outside" in task.model_fields_set else None
    everything = [sentence for part in sentences for sentence in part]
    # a line that cannot be read must not make a layer plain
    sample = _sample(task, source) if broken and not everything else []
    used = tag_counts(everything or sample)
    estimate = estimate_notation([*everything, *sample])
    # if _ is not the outside tag, it means that a word has no label
    blank = _NO_LABEL if used[_NO_LABEL] else "_"
    blanks = used[blank] if known_outside is None and estimate.notation.outside != blank else 0
    if blanks:
        sentences = [[_without(blank, sentence) for sentence in part] for part in sentences]
        estimate = estimate_notation([_without(blank, sentence) for sentence in [*everything, *sample]])
    name = layer.name or layer_name(used) or ""
    table = [f"# {note}" for note in (*broken, *layer.notes)]
    table += [f"{key} = {toml_value(value)}" for key, value in layer.keys.items() if key != "scheme"]
    if blanks:
        table += unlabelled_lines(blank, used)
        del used[blank]
    table += [f"# {plural(len(used), 'different tag')}: {_often(used)}"] if used else []
    if "scheme" in task.model_fields_set:
        table += [f"scheme = {toml_value(task.scheme)}  # as the spans are written here"]
        return _Table(name, table, remarks=broken)
    if known_outside is not None:
        estimate = replace(estimate, notation=replace(estimate.notation, outside=known_outside))
    else:
        table += outside_lines(estimate, used)
    wrong, broken_sentences, known = _wrong(task, source, estimate.notation, sentences)
    estimate = replace(estimate, lenient=estimate.lenient if known else "")
    numbered = "labels" in layer.keys
    scheme = scheme_lines(estimate, wrong, broken_sentences, len(everything), numbered=numbered)
    splits = _by_split(source, sentences)
    remarks = [*odd_labels(used, estimate), *unseen_tags(splits), *masked_tags(splits)]
    closing = [f"# {comment_text(text, 300)}" for text in remarks]
    bare = None if numbered or not estimate.is_plain else _BareTags(estimate, frozenset(used))
    return _Table(name, table, scheme, closing, listed(wrong), [*broken, *remarks], bare=bare)


def _often(used: Counter[str]) -> str:
    often = ", ".join(comment_text(tag) for tag, _ in used.most_common(6))
    return f"{often}{', …' if len(used) > 6 else ''}"


def _alone(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names if len(names) > 1 else "".join(names)


def _by_split(source: FoundCorpus, sentences: Sequence[Sequence[Sentence]]) -> dict[Split, Sequence[Sentence]]:
    """The sentences of each proposed split."""
    splits: dict[Split, Sequence[Sentence]] = dict(zip(source.files, sentences, strict=True))
    train = splits["train"]
    ranges = cut_ranges(source, len(train))
    return splits | {split: train[first - 1 : last] for split, (first, last) in ranges.items()}


def _offer(layer: TagLayer) -> _Table:
    """A task that is offered as a comment; its tags are taken from a sample of sentences."""
    used = tag_counts(layer.sample)
    nothing = "_" if used["_"] >= used["O"] else "O"  # a layer of spans may tag every other word with O
    notation = replace(estimate_notation(layer.sample).notation, outside=nothing)
    blanks = used["_"] if nothing == "O" else 0
    del used["_"], used[nothing]
    lines = [f"{key} = {toml_value(value)}" for key, value in layer.keys.items()]
    lines += [f"outside = {toml_value(nothing)}"] if nothing != "O" else []
    lines += ['unlabelled = "_"  # a word without this key has no label'] if blanks else []
    lines += [f"scheme = {toml_value(notation.scheme)}"] if notation.scheme != "plain" else []
    lines += [f"mark = {toml_value(notation.mark)}"] if notation.mark != "B-" else []
    notes = [*layer.notes, f"tags of the first sentences: {_often(used)}"]
    return _Table(layer.name or _called(layer.keys), [*(f"# {note}" for note in notes), *lines], offered=True)


def _called(keys: Mapping[str, Any]) -> str:
    """The name of a layer without a better one: its key, or "column" and its number."""
    column = keys["tag_column"]
    return f"column{column}" if isinstance(column, int) else str(column)


def _sample(task: Task, source: FoundCorpus) -> list[Sentence]:
    """The sentences seen in a file of columns, lines or parallel lines, without lines that do not fit; else []."""
    if task.format not in ("columns", "lines", "parallel"):
        return []
    names = list(source.layout.heading)
    token, tag = (
        names.index(column) if isinstance(column, str) else column - (column > 0)
        for column in (task.token_column, task.tag_column)
    )
    return [
        Sentence(tuple(cells[token] for cells in rows), tuple(cells[tag] for cells in rows))
        for rows in source.layout.sample
    ]


def _without(blank: str, sentence: Sentence) -> Sentence:
    return replace(sentence, tags=tuple(None if tag == blank else tag for tag in sentence.labels))


def _wrong(
    task: Task, source: FoundCorpus, notation: Notation, sentences: Sequence[Sequence[Sentence]]
) -> tuple[list[str], int, bool]:
    """Messages on tags that break the scheme, the number of their sentences, and whether the scheme has these tags."""
    found, broken, known = [], 0, True
    for files, part in zip(source.files.values(), sentences, strict=False):
        own = task.model_copy(update={"train": Part(file=files[0])})
        for sentence in part:
            # empty tags are errors of the file, and not of the scheme
            wrong = [each for each in violations_in(sentence.labels, notation) if sentence.labels[each[0]]]
            broken += bool(wrong)
            for index, text in wrong:
                place = location(own, "train", sentence, index).removeprefix(f"{task.folder}/")
                found.append(f"{place}: {text}")
                known = known and is_tag_of(sentence.labels[index] or "", notation)
    return found, broken, known


def _read(task: Task, parts: Sequence[Part]) -> tuple[list[list[Sentence]], list[str]]:
    """The sentences of each part (if one cannot be read, those that can), and the errors."""
    sentences: list[list[Sentence]] = []
    broken = []
    for part in parts:
        try:
            sentences.append(read_part(task, part))
        except DataError as error:
            files = [task.folder / name for name in part.files(task.folder)]
            sentences.append([sentence for file in files for sentence in readable_sentences(task, file)])
            broken.append(f"cannot be read so: {comment_text(str(error), 300)}")
    return sentences, broken


def _variants(name: str, source: str) -> Iterator[str]:
    """Yield possible names of a task: the preferred one, then with the name of its corpus, then with a number."""
    name = re.sub(r"[\s,/\\]+", "_", name)
    if name not in ("all", "*"):
        yield name
    yield f"{source}_{name}" if name != source else f"{name}_1"
    yield from (f"{source}_{name}_{number}" for number in range(2, 10_000))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)
