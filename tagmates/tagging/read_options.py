"""Where the words of an input file are: its format and layout, as given by options or recognised from the file.

``recognition`` completes the options from the first lines of a file, before the file is cut into chunks, so that all
chunks are read in the same way.
"""

import codecs
from dataclasses import dataclass, replace
from typing import Literal

from tagmates.data.formats.table import TableLayout
from tagmates.data.formats.webanno import Layers
from tagmates.data.task import TABLE_FORMATS
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion

FORMATS = (
    "auto",
    "text",
    "columns",
    "csv",
    "csv-text",
    "lines",
    "conllu",
    "conll2012",
    "webanno",
    "jsonl",
    "json",
    "brat",
    "spacy",
    "huggingface",
)
TABLE_KINDS = (*TABLE_FORMATS, "csv-text")
NAMED_FORMATS = ("spacy", "huggingface")  # read by the name of a file or folder, not from its bytes
APPEND_PLACES = ("column", "misc", "feats")
_OTHER_NAMES = {"conll": "columns"}
Append = Literal["", "auto", "column", "misc", "feats"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How the words of a file are found. Values that are empty or None are recognised from the file.

    ``kind`` is one of ``FORMATS``. ``token_column`` is the number of a column (from 1, or from -1 for the last), a name
    in the header or of a CoNLL-U column, or the key of a record. The separator ``whitespace`` stands for any run of
    white space. ``append`` says how tags are added to the input: as columns, or as keys of MISC or FEATS. ``trained``
    describes the files that the tagger was trained on, if they are known.
    """

    kind: str = "auto"
    token_column: int | str | None = None
    separator: str = ""
    comment: str | None = None
    comments_inside: bool = False
    header: bool | None = None
    sentence_columns: tuple[int | str, ...] = ()
    sentence_end: str | None = None
    markup: bool = False
    sentence_rows: bool = False  # of texts in a table: whether a cell holds all words of a sentence
    encoding: str = ""
    append: Append = ""
    trained: "ReadOptions | None" = None
    names: tuple[str, ...] = ()  # of the columns, where the file names them
    width: int = 0  # number of columns; in ``lines``, of tags after each word
    signed_width: int = 0  # lines of a table that begin like comments, but have so many cells, are rows
    layers: Layers | None = None  # of WebAnno TSV
    numbered: int = 0  # the highest number of a span in WebAnno TSV, where ``append`` needs it
    quoted: bool = False  # whether every cell of a CSV file is in quotes
    marks: frozenset[str] = frozenset()  # of the tagger, with which the words of texts are written
    raw: bool = False  # whether quotes in a table of texts are ordinary characters

    @property
    def has_sentence_marks(self) -> bool:
        """Whether a column, a cell or lines of a table say where sentences end."""
        return bool(self.sentence_columns or self.sentence_end) or self.markup

    @property
    def table(self) -> TableLayout:
        """The layout for the reader of tables."""
        column: int | str = self.token_column or 1
        return TableLayout(
            token_column=column,
            tag_column=column,
            separator=None if self.separator == "whitespace" else self.separator or "\t",
            quoted=self.kind in ("csv", "csv-text") and not self.raw,
            comment=self.comment or None,
            comments_inside=self.comments_inside,
            header=bool(self.header),
            sentence_columns=self.sentence_columns,
            sentence_end=self.sentence_end,
            markup=self.markup,
            signed_width=self.signed_width,
            names=self.names if self.header else (),
        )


def check_options(options: ReadOptions) -> ReadOptions:
    """Return the options with column numbers as integers. Raises ConfigError for options that contradict each other."""
    kind = _OTHER_NAMES.get(options.kind, options.kind)
    if kind not in FORMATS:
        raise ConfigError(f"--input {options.kind}: choose one of {', '.join(FORMATS)}{suggestion(kind, FORMATS)}")
    column = options.token_column
    if column == "" or "" in options.sentence_columns:
        raise ConfigError("--token-column, --sentence-column: is empty; name a column, or leave the option out")
    if column is not None and kind in ("text", "brat", "spacy", "webanno"):
        what = "raw text has no columns" if kind == "text" else "the words of this format are always in the same place"
        raise ConfigError(f"--token-column: {what}; leave it out, or choose another --input, such as columns")
    if isinstance(column, str) and kind not in ("jsonl", "json", "huggingface"):
        column = _number(column, "--token-column")
        if isinstance(column, str) and kind in ("lines", "conll2012"):
            raise ConfigError(f"--token-column {column}: must be a number, as columns have no names in {kind}")
        if isinstance(column, str) and kind in TABLE_KINDS and options.header is False:
            raise ConfigError(f"--token-column {column}: must be a number where no header names the columns")
    if kind in ("csv", "csv-text") and len(options.separator) > 1:
        raise ConfigError(f"--separator {options.separator}: must be one character for CSV")
    try:
        "a".encode(options.encoding or "utf-8")
        codecs.getincrementaldecoder(options.encoding or "utf-8")
    except (LookupError, ValueError):
        raise ConfigError(f"--encoding {options.encoding}: is not a text encoding; name one, such as latin-1") from None
    return replace(
        options,
        kind=kind,
        token_column=column,
        sentence_columns=tuple(_number(str(each), "--sentence-column") for each in options.sentence_columns),
    )


def table_layout(options: ReadOptions, first_line: int) -> TableLayout:
    """The layout of a chunk of a table that begins with this line. Only the first chunk has the header."""
    return replace(options.table, header=bool(options.header) and first_line == 1)


def _number(text: str, option: str) -> int | str:
    try:
        number = int(text)
    except ValueError:
        return text
    if number == 0:
        raise ConfigError(f"{option} 0: columns count from 1, or from -1 for the last")
    return number
