"""Name the formats that are known but not read, so that their users learn what to do instead."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from tagmates.data.describing.guesses import TEXT_NAMES, TOKEN_NAMES
from tagmates.formatting import first_of, shown

MIN_COUNTED = 50  # rows; so many words of a text are never all different
MIN_NOTED = 5  # columns beyond which one of # alone is taken for the sign before notes
_SPLITS = ("train", "training", "dev", "development", "valid", "validation", "val", "test")
_I2B2 = re.compile(r'c=".*" \d+:\d+ \d+:\d+(?:,\d+:\d+ \d+:\d+)*\|\|t=".*')
_PUBTATOR = re.compile(r"([^|\s]+)\|t\|")
# without a type, such marks may also stand around whole sentences
_OPENNLP = re.compile(r"<START:[^\s<>]+> .*? <END>|[^\s>]\s+<START> .*? <END>|<START> .*? <END>\s+[^\s<]")
_TRIPLE = re.compile(r"(?:<\S+>|_:\S+) <\S+> (?:<\S+>|_:\S+|\".*\"\S*) \.")
_ROW_OF_R = re.compile(r'"\d+"(?: (?:"(?:[^"\\]|\\.)*"|[^\s"]+))+')
_SETTING = re.compile(r"\s*\S+ = .*")
_OFFSET = re.compile(
    r"(?:[a-z]+[ _-])?(?:begin|start|end|stop)[ _-]?(?:offset|index|char|pos(?:ition)?)?|offset", re.IGNORECASE
)


def unread_record(record: Any) -> str:
    """What a JSON record is if it is in a known format that is not read, with advice; "" for all others."""
    if isinstance(record, list) and record and all(isinstance(item, dict) for item in record):
        return (
            f"is JSON, whose sentences are lists of words that are objects (with {first_of(record[0])}), as Stanza "
            'trains from: write {"tokens": […], "tags": […]} for each sentence'
        )
    if isinstance(record, dict) and {"context", "start_position", "end_position"} <= record.keys():
        return (
            "is JSON of questions about names (start_position, end_position), as for MRC-NER: write each sentence "
            'once, with all its spans, {"text": …, "spans": [[0, 4, "PER"]]}'
        )
    if isinstance(record, dict) and isinstance(record.get("paragraphs"), list):
        return (
            "is JSON as spaCy 2 trained from: python -m spacy convert FILE FOLDER makes a .spacy of it, which is read"
        )
    lists = record.items() if isinstance(record, dict) else ()
    splits = [
        key
        for key, value in lists
        if key.lower() in _SPLITS and isinstance(value, list) and value and isinstance(value[0], dict | list)
    ]
    return f"is JSON with several splits ({first_of(splits)}): write each into a file of its own" if splits[1:] else ""


def _is_numbered(record: Mapping[str, Any]) -> bool:
    """Whether numbers are the keys of an object, or of all objects in it, and lead to lists or objects."""
    objects = [record, *(record.values() if all(isinstance(value, dict) for value in record.values()) else ())]
    return any(
        len(each) > 1 and all(key.isdecimal() and isinstance(value, list | dict) for key, value in each.items())
        for each in objects
    )


def numbered_records(value: Any) -> str:
    """The reason to refuse an object in which numbers lead to the sentences; "" for all others."""
    if not isinstance(value, dict) or not _is_numbered(value):
        return ""
    return (
        f"is JSON with the keys {first_of(value)}, in which numbers lead to the sentences, as pandas writes it: write "
        'a list of objects, one for each sentence (orient="records")'
    )


def named_records(value: Any) -> str:
    """The reason to refuse an object that has several records by their names; "" for all others.

    These are objects with the same keys, of words or texts. Two or three may be parts of one record: their names must
    have numbers.
    """
    if reason := numbered_records(value):
        return reason
    own = list(value.values()) if isinstance(value, dict) else []
    if len(own) < 2 or not all(isinstance(each, dict) and each.keys() == own[0].keys() for each in own):
        return ""
    if {key.lower() for key in value} <= {*_SPLITS}:
        return f"is JSON with several splits ({first_of(value)}): write each into a file of its own"
    named = any(key.lower() in (*TOKEN_NAMES, *TEXT_NAMES) for key in own[0])
    if not named or (len(own) < 4 and not all(re.search(r"\d", key) for key in value)):
        return ""
    return (
        f"is one JSON object, whose keys ({first_of(value)}) lead to the sentences: write a list of the objects, or "
        "one on each line"
    )


def unread_format(lines: Sequence[str]) -> str:
    """What these lines are if they are in a known format that is not read, with advice; "" for all others."""
    filled = [line for line in lines if line.strip()]
    if not filled:
        return ""
    checks = (
        _program,
        _i2b2,
        _pubtator,
        _quoted_by_r,
        _table_of_spans_in,
        _webanno_2,
        _triples,
        _control_characters,
        _opennlp,
    )
    return next(filter(None, (check(filled) for check in checks)), "")


def _program(lines: Sequence[str]) -> str:
    is_row = "\t" in lines[0] or lines[0].split()[-1] in ("O", "_")
    found = lines[0].startswith("#!/") and not is_row
    return f"is a program, as its first line says, {shown(lines[0])}" if found else ""


def _table_of_spans_in(lines: Sequence[str]) -> str:
    return table_of_spans(re.split(r"[,;\t]", lines[0]))


def _i2b2(lines: Sequence[str]) -> str:
    if not all(map(_I2B2.fullmatch, lines)):
        return ""
    return (
        "lists concepts as i2b2 and n2c2 do, which is not read: write each text as a line of JSON with its spans, "
        '{"text": …, "spans": [[0, 4, "problem"]]}'
    )


def _pubtator(lines: Sequence[str]) -> str:
    title = _PUBTATOR.match(lines[0])
    if not title or len(lines) < 2 or not lines[1].startswith(f"{title[1]}|a|"):
        return ""
    return (
        "is PubTator, which is not read: write each document as a line of JSON with its title and abstract as one "
        'text, and its spans, {"text": …, "spans": [[0, 4, "Disease"]]}'
    )


def _quoted_by_r(lines: Sequence[str]) -> str:
    if len(lines) < 2 or not all(map(_ROW_OF_R.fullmatch, lines[1:])):
        return ""
    return (
        'has cells in quotes with spaces between them, as R\'s write.table writes: write it with sep = "\\t", quote = '
        "FALSE, row.names = FALSE"
    )


def _webanno_2(lines: Sequence[str]) -> str:
    pairs = zip(lines, lines[1:], lines[2:], strict=False)
    found = any(a.startswith("#id=") and b.startswith("#text=") and re.match(r"\d+(?:-\d+)?\t", c) for a, b, c in pairs)
    return "is WebAnno TSV 1 or 2, which is not read: export it as TSV 3" if found else ""


def _triples(lines: Sequence[str]) -> str:
    found = re.match(r"@prefix \S*: <", lines[0]) or all(map(_TRIPLE.fullmatch, map(str.strip, lines)))
    return "is RDF, as NIF uses it, which is not read: write one word on each line with its tag" if found else ""


def _control_characters(lines: Sequence[str]) -> str:
    if 2 * sum("\x02" in line and "\t" in line for line in lines) <= len(lines):
        return ""
    return (
        "has the character U+0002 between the words and between the tags of a line, as PaddleNLP writes them: put "
        "spaces in its place"
    )


def _opennlp(lines: Sequence[str]) -> str:
    return opennlp_in(lines) if 2 * sum(_OPENNLP.search(line) is not None for line in lines) >= len(lines) else ""


def opennlp_in(lines: Sequence[str]) -> str:
    """The reason to refuse lines with the mark-up of OpenNLP; "" for all others."""
    if not any(map(_OPENNLP.search, lines)):
        return ""
    return (
        "has the mark-up of OpenNLP, <START:type> … <END>, which is not read: write one word a line with its tag, "
        "B-type, I-type or O"
    )


def settings_in(lines: Sequence[str]) -> str:
    """The reason to refuse lines that may be settings, ``name = value``; "" for all others."""
    filled = [line for line in lines if line.strip()]
    entries = [line for line in filled if not line.startswith(("[", "#", ";"))]
    names = [line.partition("=")[0].strip() for line in entries]
    headed = any(re.fullmatch(r"\[.*\]", line.strip()) for line in filled) or len({*names}) == len(names)
    found = entries and headed and all(map(_SETTING.fullmatch, entries))
    return "holds settings (name = value), and no tagged words" if found else ""


def table_of_spans(heading: Sequence[str]) -> str:
    """The reason to refuse a table whose columns are the offsets of spans; "" if its heading names no such."""
    offsets = [name for name in heading if _OFFSET.fullmatch(name.strip())]
    if len(offsets) < 2 or any(name.lower() in TOKEN_NAMES for name in heading):
        return ""
    return (
        f"is a table of spans (its columns {' and '.join(offsets[:2])} are offsets): write each text with its spans as "
        'a line of JSON, {"text": …, "spans": [[0, 4, "PER"]]}'
    )


def rows_of_spans(rows: Sequence[Sequence[str]]) -> str:
    """The reason to refuse rows that each hold the text of a span between its offsets; "" for words that follow."""
    columns = list(zip(*rows, strict=True))
    numbers = [list(map(int, column)) for column in columns if all(map(_is_offset, column))]
    for starts, ends in combinations(numbers, 2):
        lengths = [end - start for start, end in zip(starts, ends, strict=True)]
        if not all(length > 0 for length in lengths) or len({*lengths}) < 2:
            continue
        fits = any(
            sum(len(cell) == length for cell, length in zip(column, lengths, strict=True)) >= 0.95 * len(rows)
            for column in columns
            if any(map(str.isalpha, column))
        )
        gaps = [start - end for end, start in zip(ends, starts[1:], strict=False)]
        if fits and 2 * sum(0 <= gap <= 1 for gap in gaps) < len(gaps):
            return (
                "is a table of spans (each row has the text between two offsets): write each text with its spans as a "
                'line of JSON, {"text": …, "spans": [[0, 4, "PER"]]}'
            )
    return ""


def _is_offset(cell: str) -> bool:
    return cell.isascii() and cell.isdecimal() and len(cell) <= 9


def words_with_counts(rows: Sequence[Sequence[str]]) -> str:
    """The reason to refuse rows that each hold another word and its count, as of Brown clusters; else ""."""
    columns = list(zip(*rows, strict=True))
    if len(rows) < MIN_COUNTED or not all(map(str.isdecimal, columns[-1])):
        return ""
    words = [column for column in columns if not all(map(str.isdecimal, column))]
    different = words and all(len({*column}) == len(rows) for column in words)
    return "is a list of words with counts: no word occurs twice" if different else ""


def words_with_places(rows: Sequence[Sequence[str]]) -> str:
    """The reason to refuse rows that hold notes, or a word, its length and further numbers, but no tag; else ""."""
    columns = list(zip(*rows, strict=True))
    if len(columns) > MIN_NOTED and any({*column} == {"#"} for column in columns):
        return (
            "has a # and a note on each line, as notes in stand-off annotation have: write one word on each line with "
            "its tag"
        )
    words = [column for column in columns if not all(map(str.isdecimal, column))]
    if len(words) != 1 or len(rows) < 2:
        return ""
    lengths = [str(len(word)) for word in words[0]]
    measured = len({*lengths}) > 1 and any(
        sum(map(str.__eq__, column, lengths)) >= 0.95 * len(rows) for column in columns
    )
    numbers = [list(map(int, column)) for column in columns if all(map(str.isdecimal, column))]
    if not measured or not any(len({*column}) == len(rows) and column == sorted(column) for column in numbers):
        return ""
    return "has words with their places and lengths, but no tags: write one word a line with its tag"
