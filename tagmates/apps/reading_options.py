"""Options of ``tag`` and ``rank`` that say how the words of a file are found."""

from typing import Annotated

from cyclopts import Parameter

from tagmates.tagging.read_options import ReadOptions

TokenColumn = Annotated[
    str | None,
    Parameter(
        allow_leading_hyphen=True,
        help="Where the words are: the number of a column (from 1, or -1 for the last) or its name; in JSON and "
        "huggingface the key of a list of words or of a text. [default: as in the model's training, else recognised]",
    ),
]
Separator = Annotated[
    str,
    Parameter(
        show_default=False,
        help="Separator of columns: a character, 'tab' or 'whitespace'; in lines, the separator of a word and its "
        "tags. [default: recognised]",
    ),
]
Comment = Annotated[
    str | None, Parameter(help="Skip lines before a sentence that begin with this. [default: '# ', or recognised]")
]
Header = Annotated[
    bool | None, Parameter(help="Whether the first line of columns or csv names the columns. [default: recognised]")
]
SentenceColumn = Annotated[
    str | None,
    Parameter(help="In columns and csv, a column whose value changes with each sentence. [default: recognised]"),
]
Encoding = Annotated[
    str, Parameter(show_default=False, help="Encoding of the input: utf-8, latin-1, utf-16, … [default: utf-8]")
]


def chosen_options(
    kind: str,
    token_column: str | None,
    separator: str,
    comment: str | None,
    header: bool | None,
    sentence_column: str | None,
    encoding: str,
) -> ReadOptions:
    """These options as those of reading."""
    return ReadOptions(
        kind=kind,
        token_column=token_column,
        separator="\t" if separator == "tab" else separator,
        comment=comment,
        header=header,
        sentence_column=sentence_column,
        encoding=encoding,
    )
