"""Options of ``tag`` and ``rank`` that say how the words of a file are found."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from tagmates.tagging.read_options import ReadOptions


@Parameter(name="*")  # each field is an option of the command
@dataclass(frozen=True, slots=True)
class Reading:
    """How the words of a file are found."""

    token_column: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Where the words are: the number of a column (from 1, or -1 for the last) or its name; in "
            "JSON and huggingface the key of a list of words or of a text. "
            "[default: as in the model's training, else recognised]",
        ),
    ] = None
    separator: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Separator of columns: a character, 'tab' or 'whitespace'; in lines, the separator of a word and its "
            "tags. [default: recognised]",
        ),
    ] = ""
    comment: Annotated[
        str | None, Parameter(help="Skip lines before a sentence that begin with this. [default: '# ', or recognised]")
    ] = None
    header: Annotated[
        bool | None, Parameter(help="Whether the first line of columns or csv names the columns. [default: recognised]")
    ] = None
    sentence_column: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            show_default=False,
            help="In columns and csv, a column whose value changes with each sentence. If sentence numbers start again "
            "in each document, give the option twice, for the documents and for the sentences. [default: recognised]",
        ),
    ] = ()
    encoding: Annotated[
        str, Parameter(show_default=False, help="Encoding of the input: utf-8, latin-1, utf-16, … [default: utf-8]")
    ] = ""

    def options(self, kind: str) -> ReadOptions:
        """The options of reading for this format."""
        return ReadOptions(
            kind=kind,
            token_column=self.token_column,
            separator="\t" if self.separator == "tab" else self.separator,
            comment=self.comment,
            header=self.header,
            sentence_columns=self.sentence_column,
            encoding=self.encoding,
        )


RECOGNISED = Reading()  # from the file, or as in training
