"""The layers of tags that files hold, format by format, and the keys of TOML that read them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.describing.inspection import Source
from tagmates.data.formats.brat import read_documents
from tagmates.data.formats.huggingface import class_names, read_rows
from tagmates.data.formats.jsonl import leaves_of, read_records
from tagmates.errors import DataError
from tagmates.wording import listing

_CONLLU = {"upos": 3, "xpos": 4, "lexcat": 11, "ss": 13, "lextag": 18}  # the layers of tags, and their columns from 0
_BLANK_IS_NOTHING = {name: {"outside": "_"} for name in ("lexcat", "ss")}  # of STREUSLE


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of tags: the keys that tell its task from the others of its files, and a name if there is one."""

    keys: Mapping[str, Any]
    name: str | None = None
    notes: tuple[str, ...] = ()


def layers_of(source: Source, root: Path) -> tuple[dict[str, Any], list[str], list[Layer]]:
    """The keys that the tasks of a source share, what was seen, and its layers of tags."""
    layout = source.layout
    keys: dict[str, Any] = {"format": layout.format} if layout.format != "columns" else {}
    keys |= {"encoding": layout.encoding} if layout.encoding != "utf-8" else {}
    if layout.format == "columns":
        return _of_columns(source, keys)
    if layout.format == "conllu":
        return _of_conllu(source, keys)
    if layout.format == "brat":
        return keys, [], [Layer({}, notes=_types(source, root))]
    return _of_records(source, keys, root)


def _of_columns(source: Source, keys: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[Layer]]:
    layout = source.layout
    columns = {
        number: [[cells[number - 1] for cells in sentence] for sentence in layout.sample]
        for number in range(1, layout.columns + 1)
    }
    token, tags = tokens_and_tags(columns)
    seen = [
        f"{layout.columns} columns; {token} looks like tokens, {listing([str(tag) for tag in tags])} like tags",
        *(f"  {shown(' | '.join(cells), 100)}" for cells in layout.sample[0][:3]),
    ]
    keys |= {"separator": layout.separator}
    keys |= {"comment": layout.comment} if layout.comment else {}
    keys |= {"token_column": token}
    if source.mixed:  # the files have other numbers of columns: all have a last one
        note = "the files have different numbers of columns, so this is the last of each"
        return keys, seen, [Layer({"tag_column": -1}, notes=(note,))]
    return keys, seen, [Layer({"tag_column": tag}, (layout.heading or (None,) * tag)[tag - 1]) for tag in tags]


def _of_conllu(source: Source, keys: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[Layer]]:
    rows = [cells for sentence in source.layout.sample for cells in sentence if cells[0].isdigit()]
    used = {name: {cells[at] for cells in rows if at < len(cells)} - {"_", ""} for name, at in _CONLLU.items()}
    features = [
        f"{column}:{name}"
        for column, at in (("feats", 5), ("misc", 9))
        for name in sorted({part.partition("=")[0] for cells in rows for part in cells[at].split("|") if "=" in part})
    ]
    more = ["lemma", "deprel", *features]
    seen = [f"also there for tag_column: {shown(', '.join(more), 100)}"]
    seen += ['  (with feats: and misc: add outside = "_", which words without the key have)'] if features else []
    names = [name for name, values in used.items() if len(values) > 1] or ["upos"]
    return keys, seen, [Layer({"tag_column": name, **_BLANK_IS_NOTHING.get(name, {})}, name) for name in names]


def _of_records(source: Source, keys: dict[str, Any], root: Path) -> tuple[dict[str, Any], list[str], list[Layer]]:
    features: Mapping[str, Any] = {}
    records = []
    for file in source.files.values():
        if source.layout.format == "huggingface":
            for record, features in read_rows(root / file):  # noqa: B007  (one file's are as good as another's)
                records.append(dict(leaves_of(record)))
        else:
            records += [dict(leaves_of(record)) for _, record in read_records(root / file, source.layout.encoding)]
    names = {key: class_names(features, key) for key in (records[0] if records else ())}
    columns = {
        key: [[_said(item, names[key]) for item in record[key]] for record in records]
        for key in names
        if all(_is_layer(record.get(key)) for record in records)
        and any(item is not None for record in records for item in record[key])
    }
    lengths = {key: [len(values) for values in column] for key, column in columns.items()}
    alike = {key: column for key, column in columns.items() if list(lengths.values()).count(lengths[key]) > 1}
    if not alike:
        path = root / source.files["train"]
        raise DataError(f"{path}: has no two lists of one length in each object; give tokens and tags as lists")
    token, tags = tokens_and_tags(alike)
    layers = []
    for key in tags:
        named: dict[str, Any] = {"tag_column": key}
        notes = []
        numbers = Counter(item for record in records for item in record[key] if isinstance(item, int))
        if numbers and not names[key]:
            named["labels"] = [f"label{number}" for number in range(max(numbers) + 1)]
            notes = ["the tags are integers, and nothing says what they stand for: put their names here"]
            if numbers[0] == max(numbers.values()):
                named["labels"][0] = "O"
                on = f"{numbers[0]:,} of {numbers.total():,} words"
                notes.append(f'0 stands on {on} and is taken for "O", which says that a word is nothing')
        last = key.rpartition(".")[2]
        name = re.sub(r"_?(?:tags?|labels?)(?:_ids?)?$", "", last)
        layers.append(Layer(named, name or None, tuple(notes)))
    seen = [f"keys with lists: {shown(', '.join(alike), 100)}", f"  {shown(' '.join(map(str, alike[token][0])), 100)}"]
    return {**keys, "token_column": token}, seen, layers


def _said(item: str | int | None, names: Sequence[str]) -> str | None:
    if isinstance(item, int) and 0 <= item < len(names):
        return names[item]
    return item if item is None else str(item)


def _is_layer(value: Any) -> bool:
    """Whether it is a list of strings, integers and nulls, which are tokens without a label."""
    return isinstance(value, list) and {type(item) for item in value} <= {str, int, type(None)}


def _types(source: Source, root: Path) -> tuple[str, ...]:
    used = Counter(
        annotation.label
        for file in source.files.values()
        for document in read_documents(root / file, source.layout.encoding)
        for annotation in document.annotations
    )
    most = ", ".join(f"{name} ({count})" for name, count in used.most_common(12))
    return (f'types of annotations: {shown(most, 100)}; types = ["…"] takes only some',)


def shown(text: str, most: int = 60) -> str:
    """A text for a comment: printable, and not too long."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
