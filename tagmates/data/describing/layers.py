"""The layers of tags in files, format by format, and the keys of tasks.toml that read them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import Any

from tagmates.data.describing.found_corpora import FoundCorpus
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.describing.record_layers import layers_of_records
from tagmates.data.describing.tag_layer import FoundLayers, TagLayer, types_note
from tagmates.data.describing.toml_text import comment_text
from tagmates.data.formats.brat import read_documents
from tagmates.data.formats.conll2012 import are_brackets
from tagmates.data.formats.conllu import CONLLU_COLUMNS, CONLLULEX_COLUMNS, conllu_column, feature_in
from tagmates.data.formats.docbin import docs_in, layers_in
from tagmates.data.formats.table import column_name
from tagmates.data.formats.token_lines import read_text
from tagmates.data.formats.webanno import features_in, webanno_document
from tagmates.data.sentence import Sentence
from tagmates.data.task import RECORD_FORMATS
from tagmates.errors import DataError
from tagmates.formatting import listing

_CONLLU = {"upos": 3, "xpos": 4, "lexcat": 11, "ss": 13, "lextag": 18}  # the layers of tags, and their columns from 0
_MIN_FEATURE_SHARE = 0.05  # of the words; a feature that fewer words have is not offered as a task
_MAX_FEATURES = 6  # that are offered
_UNDERSCORE_OUTSIDE = {name: {"outside": "_"} for name in ("lexcat", "ss")}  # columns of STREUSLE


def layers_of(source: FoundCorpus, root: Path) -> FoundLayers:
    """The layers of tags of a corpus."""
    layout = source.layout
    keys = {"format": layout.format} if layout.format != "columns" else {}
    keys |= {"encoding": layout.encoding} if layout.encoding != "utf-8" else {}
    found = _layers_of(source, root)
    return replace(found, keys={**keys, **found.keys})


def _layers_of(source: FoundCorpus, root: Path) -> FoundLayers:
    layout = source.layout
    if layout.format in ("columns", "csv", "lines"):
        return _of_columns(source)
    if layout.format == "conllu":
        plus = layout.heading and tuple(map(str.lower, layout.heading)) != CONLLU_COLUMNS
        return _of_plus(source) if plus else _of_conllu(source, root)
    if layout.format in RECORD_FORMATS:
        return layers_of_records(source, root)
    if layout.format == "parallel":
        return FoundLayers({}, ["words and tags are in two files, line by line"], [TagLayer({})])
    return FoundLayers({}, [], _of_spans_beside(source, root))


def _of_spans_beside(source: FoundCorpus, root: Path) -> list[TagLayer]:
    """The layers of formats that mark spans in their own way."""
    if source.layout.format == "conll2012":
        return _of_brackets(source)
    if source.layout.format == "webanno":
        return _of_webanno(source, root)
    if source.layout.format == "spacy":
        return _of_docbin(source, root)
    return [TagLayer({}, notes=_types(source, root))]


def _of_columns(source: FoundCorpus) -> FoundLayers:
    layout = source.layout
    heading = layout.heading if layout.keys.get("header") else ()
    # a column without a name of its own, such as pandas' index, is called by its number
    names: Sequence[Any] = [column_name(at + 1, heading) for at in range(layout.columns)]
    columns = {names[number - 1]: column for number, column in layout.columns_of_sample.items()}
    end = layout.keys.get("sentence_end")
    columns = {
        name: column
        for name, column in columns.items()
        if not any("\n" in cell or (end and end in cell.split("|")) for cells in column for cell in cells)
    }
    token, tags = tokens_and_tags(columns)
    seen = [
        f"{layout.columns} columns; {token} looks like tokens, {listing([str(tag) for tag in tags])} like tags",
        *(f"  {comment_text(' | '.join(cells), 100)}" for cells in layout.sample[0][:3]),
    ]
    if layout.keys.get("header"):
        seen.append(f"the first line is taken for a header: {comment_text(' | '.join(layout.heading), 100)}")
    keys = {**layout.keys, "separator": layout.separator, "token_column": token}
    if source.mixed:  # the files have different numbers of columns, but all have a last one
        note = "the files have different numbers of columns, so this is the last of each"
        return FoundLayers(keys, seen, [TagLayer({"tag_column": -1}, notes=(note,))])
    called: Sequence[str | None] = layout.heading or (None,) * layout.columns
    layers = []
    for tag in tags:
        last = layout.uneven and tag == layout.columns
        name = called[list(names).index(tag)] or ("last_column" if last else None)
        own: dict[str, Any] = {"tag_column": -1 if last else tag}
        notes = ["the last column; not all lines have as many columns"] if last else []
        if are_brackets(cell for sentence in columns[tag] for cell in sentence):
            notes = ["brackets over several lines, as in CoNLL-2012, are spans"]
            if layout.format == "columns" and not layout.keys:
                own |= {"format": "conll2012", "scheme": "iob2"}
            else:
                what = f"without {listing(list(layout.keys))}" if layout.keys else "without quotes"
                notes.append(f"they are only read from a column file {what}")
        layers.append(TagLayer(own, name, tuple(notes)))
    return FoundLayers(keys, seen, layers)


def _of_plus(source: FoundCorpus) -> FoundLayers:
    """CoNLL-U Plus: the columns named in its first line that look like tags."""
    names = source.layout.heading
    rows = [
        cells for sentence in source.layout.sample for cells in sentence if "-" not in cells[0] and "." not in cells[0]
    ]
    used = {name.upper(): Counter(cells[at] for cells in rows) for at, name in enumerate(names)}
    no_layer = ("ID", "FORM", "LEMMA", "HEAD", "FEATS", "MISC", "DEPS", "DEPREL")
    few = max(20, len(rows) // 5)
    there = [
        name for name, values in used.items() if name not in no_layer and 1 < len(values) <= few and "LEMMA" not in name
    ]
    spans = {"PARSEME:MWE": {"scheme": "iob2"}}
    layers = [TagLayer({"tag_column": name, **spans.get(name, {})}, _short(name)) for name in there or ["UPOS"]]
    return FoundLayers({}, [f"# global.columns names {comment_text(' '.join(names), 100)}"], layers)


def _short(name: str) -> str:
    """The name of a task for a column of CoNLL-U Plus or a key: PARSEME:MWE becomes mwe, and misc:NER ner."""
    return name.rpartition(":")[2].lower()


def _of_brackets(source: FoundCorpus) -> list[TagLayer]:
    rows = [cells for sentence in source.layout.sample for cells in sentence]
    layers = [TagLayer({"tag_column": 5, "scheme": "plain"}, "pos")] if len({cells[4] for cells in rows}) > 1 else []
    return layers + ([TagLayer({"tag_column": 11}, "ner")] if len({cells[10] for cells in rows}) > 1 else [])


def _of_webanno(source: FoundCorpus, root: Path) -> list[TagLayer]:
    path = root / source.first_file
    text = read_text(path, source.layout.encoding).removeprefix("\ufeff")
    layers = []
    for name in features_in(text):
        document, _ = webanno_document(path, name, source.layout.encoding)
        single = all(each.last == each.first + 1 for each in document.annotations)
        plain = single and len(document.annotations) == len(document.words.tokens)  # a value for every word
        layer = name.partition(".")[0]
        alone = sum(each.partition(".")[0] == layer for each in features_in(text)) == 1
        unnamed = not alone and {each.label for each in document.annotations} == {layer}  # another feature has values
        if document.annotations and not unnamed:
            layers.append(
                TagLayer({"tag_column": name, **({"scheme": "plain"} if plain else {})}, name.replace(".", "_"))
            )
    if not layers:
        raise DataError(f"{path}: has no annotation in any of its layers of spans; annotate some")
    return layers


def _of_docbin(source: FoundCorpus, root: Path) -> list[TagLayer]:
    columns = dict.fromkeys(column for doc in docs_in(root / source.first_file) for column in layers_in(doc))
    spans = [column for column in columns if column == "ent" or column.startswith("spans:")]
    if not columns:
        raise DataError(f"{root / source.first_file}: has no entities, no spans and no tags; annotate some")
    return [
        TagLayer({"tag_column": column} | ({} if column in spans else {"scheme": "plain"}), column.replace(":", "_"))
        for column in columns
    ]


def _of_conllu(source: FoundCorpus, root: Path) -> FoundLayers:
    rows = [cells for sentence in source.layout.sample for cells in sentence if cells[0].isdigit()]
    used = {name: {cells[at] for cells in rows if at < len(cells)} - {"_", ""} for name, at in _CONLLU.items()}
    words, features = _features(source, root)
    seen = ["also there for tag_column:"]
    seen += [
        f"  {line}" for line in wrap(", ".join(["lemma", "deprel", *sorted(features)]), 100, break_on_hyphens=False)
    ]
    seen += ['  (with feats: and misc: add outside = "_", which words without the key have)'] if features else []
    names = [name for name, values in used.items() if len(values) > 1] or (["upos"] if used["upos"] else [])
    layers = [TagLayer({"tag_column": name, **_UNDERSCORE_OUTSIDE.get(name, {})}, name) for name in names]
    layers += _without_names(rows, source.layout.columns)
    filled = {name: values for name, values in features.items() if _is_filled(values, words)}
    if not layers:  # the only tags may be in MISC, as tagmates tag --append writes them
        alone = [name for name in filled if name.startswith("misc:")]
        layers = [TagLayer({"tag_column": name}, _short(name)) for name in alone or ["upos"]]
        filled = {name: values for name, values in filled.items() if name not in alone}
    for name in sorted(filled, key=lambda name: -filled[name].total())[:_MAX_FEATURES]:
        note = f"on {filled[name].total():,} of {words:,} words of train; take the # away to have it as a task"
        sample = _sentences_of(rows, *conllu_column(name))
        layers.append(TagLayer({"tag_column": name}, _short(name), (note,), sample))
    return FoundLayers({}, seen, layers)


def _without_names(rows: Sequence[Sequence[str]], width: int) -> list[TagLayer]:
    """The columns of tags behind those that CoNLL-U, or CoNLL-U-Lex, names."""
    lex = len(CONLLU_COLUMNS + CONLLULEX_COLUMNS)
    layers = []
    for at in range(lex if width >= lex else len(CONLLU_COLUMNS), width):
        used = {cells[at] for cells in rows}
        if 1 < len(used) <= max(20, len(rows) // 5):
            note = f"column {at + 1}, which CoNLL-U does not have, is called by its number"
            layers.append(TagLayer({"tag_column": at + 1}, notes=(note,)))
    return layers


def _features(source: FoundCorpus, root: Path) -> tuple[int, dict[str, Counter[str]]]:
    """The number of words in train, and for each feature of FEATS and MISC the counts of its values."""
    cells: Counter[tuple[str, str]] = Counter()
    for file in source.files["train"]:
        for line in read_text(root / file, source.layout.encoding).split("\n"):
            row = line.removesuffix("\r").split("\t")
            if len(row) >= len(CONLLU_COLUMNS) and row[0].isdecimal():
                cells.update((("feats", row[5]), ("misc", row[9])))
    found: dict[str, Counter[str]] = {}
    for (column, cell), count in sorted(cells.items()):
        for part in cell.split("|"):
            name, sign, value = part.partition("=")
            if sign and name and value:
                found.setdefault(f"{column}:{name}", Counter())[value] += count
    return sum(count for (column, _), count in cells.items() if column == "feats"), found


def _is_filled(values: Counter[str], words: int) -> bool:
    """Whether a feature may be worth a task: it is on many words and has several values, which recur."""
    return values.total() >= _MIN_FEATURE_SHARE * words and 1 < len(values) <= max(20, values.total() // 10)


def _sentences_of(rows: Sequence[Sequence[str]], column: int, feature: str) -> list[Sentence]:
    """The sentences of rows of CoNLL-U, with the values of a feature as tags."""
    sentences: list[list[Sequence[str]]] = []
    for row in rows:
        if row[0] == "1" or not sentences:
            sentences.append([])
        sentences[-1].append(row)
    return [
        Sentence(tuple(row[1] for row in own), tuple(feature_in(row[column], feature) for row in own))
        for own in sentences
    ]


def _types(source: FoundCorpus, root: Path) -> tuple[str, ...]:
    used: Counter[str] = Counter()
    for file in source.every_file:
        with suppress(DataError):  # which the task repeats when it is read
            for document in read_documents(root / file, source.layout.encoding):
                used.update(annotation.label for annotation in document.annotations)
    return (types_note("annotations", used),)
