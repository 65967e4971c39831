"""tagmates.data.formats.columns: which files are read, which are refused, and the messages."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import DATA, PAPER, UPSTREAM

from tagmates.data.formats.columns import format_columns, parse_columns, read_columns
from tagmates.data.formats.conllu import read_conllu
from tagmates.data.sentence import Sentence
from tagmates.errors import ConfigError, DataError

TWO = "Rain NN\nfalls VBZ\n\nGood JJ\n"


def parse(text: str, **layout: Any) -> list[Sentence]:
    return list(parse_columns(text.split("\n"), "f", **layout))


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, message: str, **layout: Any) -> None:
    """``read_columns`` raises a DataError that begins with the path and has ``message`` right after it."""
    with pytest.raises(DataError) as caught:
        read_columns(path, **layout)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "; " in str(caught.value)  # advice


class TestColumns:
    def test_sentences_know_their_lines(self) -> None:
        assert parse(TWO) == [Sentence(("Rain", "falls"), ("NN", "VBZ"), 1), Sentence(("Good",), ("JJ",), 4)]

    def test_lines_may_bring_their_line_ends(self) -> None:
        assert list(parse_columns(TWO.splitlines(keepends=True), "f")) == parse(TWO)

    @pytest.mark.parametrize(
        "text", [TWO.replace("\n", "\r\n"), "\ufeff" + TWO, TWO.rstrip(), TWO.replace("\n\n", "\n \t\n\n")]
    )
    def test_line_ends_and_byte_order_marks_do_not_matter(self, text: str, tmp_path: Path) -> None:
        sentences = read_columns(write(tmp_path / "f", text))
        assert [(s.tokens, s.tags) for s in sentences] == [(s.tokens, s.tags) for s in parse(TWO)]

    def test_other_line_separators_are_data(self) -> None:
        assert parse("a\x85b\tX\u2028Y\nc\fd\tZ", separator="\t") == [
            Sentence(("a\x85b", "c\fd"), ("X\u2028Y", "Z"), 1)
        ]

    def test_white_space_without_a_separator_is_ascii(self) -> None:
        assert parse("  10\u00a0000 \t CD  ") == [Sentence(("10\u00a0000",), ("CD",), 1)]

    def test_a_separator_leaves_other_white_space_in_the_cells(self) -> None:
        assert parse("New York\tB-LOC\n \tO", separator="\t") == [Sentence(("New York", " "), ("B-LOC", "O"), 1)]

    def test_columns_count_from_either_end(self) -> None:
        assert parse("1 Rain NN O", token_column=2, tag_column=-1) == [Sentence(("Rain",), ("O",), 1)]
        assert parse("O Rain", token_column=-1, tag_column=1) == [Sentence(("Rain",), ("O",), 1)]
        assert parse("Rain", tag_column=1) == [Sentence(("Rain",), ("Rain",), 1)]

    def test_docstart_lines_end_sentences_anywhere(self) -> None:
        text = "-DOCSTART- -X- O O\n\na O\n-DOCSTART-\nb O\n-DOCSTART- -X- O"
        assert parse(text) == [Sentence(("a",), ("O",), 3), Sentence(("b",), ("O",), 5)]

    def test_comments_stand_only_before_a_sentence(self) -> None:
        assert parse("# id 1\n# a\nNo. O\n# O\n1 O\n\n# b", comment="#") == [Sentence(("No.", "#", "1"), ("O",) * 3, 3)]
        assert parse("# O") == [Sentence(("#",), ("O",), 1)]

    @pytest.mark.parametrize(
        ("text", "layout", "message"),
        [
            ("a O\nb", {}, "f:2: has 1 column, but the tag is in column 2; "),
            ("a b", {"tag_column": -3}, "f:1: has 2 columns, but the tag is in column -3; "),
            ("a", {"token_column": 2, "tag_column": 1}, "f:1: has 1 column, but the token is in column 2; "),
            ("a", {"tag_column": -1}, "f:1: has 1 column, so column -1 is the token, not a tag; "),
            ("\n\tO", {"separator": "\t"}, "f:2: the token in column 1 is empty; "),
            ("a\t", {"separator": "\t"}, "f:1: the tag in column 2 is empty; "),
            ("a\0 O", {}, "f:1: has a NUL character; "),
            ("a O\rb O\rc O", {}, "f:1: has a line end inside a line; "),
        ],
    )
    def test_broken_lines(self, text: str, layout: dict[str, Any], message: str) -> None:
        with pytest.raises(DataError) as caught:
            parse(text, **layout)
        assert str(caught.value).startswith(message)

    @pytest.mark.parametrize("layout", [{"token_column": 0}, {"tag_column": 0}, {"separator": ""}, {"comment": ""}])
    def test_layouts_that_cannot_work(self, layout: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=r"columns count from 1|give None"):
            parse_columns([], "f", **layout)


class TestFiles:
    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        refused(tmp_path / "none", ": cannot be read (No such file or directory)")
        refused(tmp_path, ": cannot be read (Is a directory)")
        refused(tmp_path / "a\0b", ": cannot be read")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        path = write(tmp_path / "f", TWO)
        path.chmod(0)
        refused(path, ": cannot be read (Permission denied)")

    def test_encodings(self, tmp_path: Path) -> None:
        path = write(tmp_path / "f", "a O\ncaf\u00e9 O\n".encode("latin-1"))
        refused(path, ":2: byte 0xe9 is not utf-8")
        refused(path, ":2: byte 0xe9 is not utf-8-sig", encoding="utf-8-sig")
        refused(path, ": 'klingon' is not a text encoding", encoding="klingon")
        refused(path, ": 'base64' is not a text encoding", encoding="base64")
        assert read_columns(path, encoding="latin-1")[0].tokens == ("a", "caf\u00e9")
        utf16 = write(tmp_path / "g", TWO.encode("utf-16"))
        assert read_columns(utf16, encoding="utf-16") == parse(TWO)
        refused(write(tmp_path / "h", TWO.encode("utf-16-le")), ":1: has a NUL character")

    @pytest.mark.parametrize("text", ["", "\n \n", "\ufeff", "-DOCSTART- O\n"])
    def test_a_file_without_sentences(self, text: str, tmp_path: Path) -> None:
        refused(write(tmp_path / "f", text), ": holds no sentence")

    @given(content=st.binary(max_size=60) | st.text("a \t\n\r\0#-\u2028", max_size=20).map(str.encode))
    def test_any_bytes_give_sentences_or_a_data_error(self, content: bytes, tmp_path_factory: Any) -> None:
        path = write(tmp_path_factory.getbasetemp() / "any", content)
        for read in (read_columns, read_conllu):
            try:
                sentences = read(path)
            except DataError as error:
                assert str(error).startswith(str(path))
            else:
                assert all(len(s.tokens) == len(s.tags or ()) > 0 < s.line for s in sentences)


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0"), min_size=1, max_size=5)
tables = st.lists(st.lists(st.tuples(cells, st.sampled_from(["O", "B-x", "``"])), min_size=1, max_size=4), max_size=4)


class TestFormat:
    def test_an_empty_line_follows_every_sentence(self) -> None:
        assert list(format_columns([[("a", "O"), ("b", "X")], [["c", "O"]]])) == ["a\tO\nb\tX\n\n", "c\tO\n\n"]

    @given(table=tables)
    def test_round_trip(self, table: list[list[tuple[str, str]]]) -> None:
        read = parse("".join(format_columns(table)), separator="\t")
        assert [list(zip(s.tokens, s.tags or (), strict=True)) for s in read] == table

    @pytest.mark.parametrize(
        ("row", "separator", "message"),
        [
            (["a b", "O"], " ", "could not be read back"),
            (["a", ""], "\t", "could not be read back"),
            (["-DOCSTART-", "O"], "\t", "could not be read back"),
            (["\u00a0"], "\t", "could not be read back"),
            (["a:", "O"], "::", "could not be read back"),
            ([], "\t", "could not be read back"),
            (["a\nb", "O"], "\t", "has a line end"),
            (["a\r", "O"], "\t", "has a line end"),
            (["a\0", "O"], "\t", "has a NUL"),
        ],
    )
    def test_cells_that_could_not_be_read_back(self, row: list[str], separator: str, message: str) -> None:
        with pytest.raises(DataError, match=f"^sentence 2, row 1: .*{message}"):
            list(format_columns([[("a", "O")], [row]], separator))

    def test_a_sentence_without_tokens(self) -> None:
        with pytest.raises(DataError, match=r"^sentence 1: has no tokens"):
            list(format_columns([[]]))

    def test_an_empty_separator(self) -> None:
        with pytest.raises(ConfigError, match="empty separator"):
            list(format_columns([], ""))


def row(number: str, form: str, upos: str = "X", feats: str = "_", misc: str = "_") -> str:
    return "\t".join([number, form, form.lower(), upos, "XP", feats, "0", "root", "_", misc])


CONLLU = "\n".join(
    [
        "# sent_id = 1",
        row("1-2", "Don't", "_"),
        row("1", "Do", "AUX", "Mood=Imp|VerbForm=Fin"),
        row("2", "n't", "PART", misc="SpaceAfter=No|Gloss=a=b|Flag"),
        row("2.1", "you", "PRON"),
        "",
        "# sent_id = 2",
        row("1", "#", "SYM"),
        row("2", "1 000", "NUM"),
        "",
    ]
)


class TestConllu:
    @pytest.mark.parametrize(
        ("column", "tags"),
        [
            ("upos", [("AUX", "PART"), ("SYM", "NUM")]),
            ("xpos", [("XP", "XP"), ("XP", "XP")]),
            ("lemma", [("do", "n't"), ("#", "1 000")]),
            ("deprel", [("root", "root"), ("root", "root")]),
            ("feats", [("Mood=Imp|VerbForm=Fin", "_"), ("_", "_")]),
            ("feats:VerbForm", [("Fin", "_"), ("_", "_")]),
            ("misc:Gloss", [("_", "a=b"), ("_", "_")]),
            ("misc:Flag", [("_", "_"), ("_", "_")]),
        ],
    )
    def test_columns(self, column: str, tags: list[tuple[str, ...]], tmp_path: Path) -> None:
        assert read_conllu(write(tmp_path / "f", CONLLU), column=column) == [
            Sentence(("Do", "n't"), tags[0], 3),
            Sentence(("#", "1 000"), tags[1], 8),
        ]

    def test_the_columns_of_conllulex(self, tmp_path: Path) -> None:
        path = write(tmp_path / "f", row("1", "Rain") + "\t_" * 8 + "\tO-N-n.PHENOMENON\n")
        assert read_conllu(path, column="lextag") == [Sentence(("Rain",), ("O-N-n.PHENOMENON",), 1)]
        with pytest.raises(DataError, match=":3: has 10 columns, but the lextag is in column 19; "):
            read_conllu(write(path, CONLLU), column="lextag")

    @pytest.mark.parametrize(
        ("column", "nearest"),
        [
            ("poss", "xpos"),
            ("feats:", "feats"),
            ("upos:x", "upos"),
        ],
    )
    def test_unknown_columns(self, column: str, nearest: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=f"no CoNLL-U column is called '{column}'; the nearest is '{nearest}' of"):
            read_conllu(write(tmp_path / "some.conllu", CONLLU), column=column)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("# a\nRain NN", ":2: has 1 column, but CoNLL-U has 10"),
            (row("1", "a")[:-2], ":1: has 9 columns, but CoNLL-U has 10, separated by tabs; is it a column file"),
            (
                row("1", "a").replace("\t", " ", 1),
                ":1: has 9 columns, but CoNLL-U has 10, separated by tabs; write a tab",
            ),
            (row("1", "a") + "\n" + row("1", "b"), ":2: the ID is '1', but 2 comes next"),
            (row("x", "a"), ":1: the ID is 'x', but 1 comes next"),
            (row("1", ""), ":1: the form in column 2 is empty"),
            (row("1", "a", ""), ":1: the upos in column 4 is empty"),
            ("# only a comment\n", ": holds no sentence"),
        ],
    )
    def test_broken_files(self, text: str, message: str, tmp_path: Path) -> None:
        path = write(tmp_path / "f", text)
        with pytest.raises(DataError) as caught:
            read_conllu(path)
        assert str(caught.value).startswith(f"{path}{message}")

    @pytest.mark.parametrize("column", ["upos", "xpos"])
    def test_the_papers_reading(self, column: str) -> None:
        if not DATA.is_dir():
            pytest.skip(f"{DATA} is missing")
        read = read_conllu(UPSTREAM / "ud_english_r1.3" / "en-ud-dev.conllu", column=column)
        expected = read_columns(PAPER / column / "dev.conll", separator="\t")
        assert [(s.tokens, s.tags) for s in read] == [(s.tokens, s.tags) for s in expected]
