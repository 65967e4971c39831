"""tagmates.data.formats.brat: annotations of characters become tags of words, with remarks where these differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_split
from tagmates.data.formats.brat import brat_remarks, read_brat
from tagmates.data.tasks import load_tasks
from tagmates.data.tokenize import sentences_of
from tagmates.errors import DataError

TEXT = "Ada Ek sails to Port Ness. She naps.\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(annotations: str, text: str = TEXT, name: str = "doc") -> Path:
        (tmp_path / f"{name}.txt").write_bytes(text.encode())
        (tmp_path / f"{name}.ann").write_bytes(annotations.encode())
        return tmp_path

    return writer


def tagged(folder: Path, **settings: Any) -> list[str]:
    return [
        " ".join(f"{token}/{tag}" for token, tag in zip(s.tokens, s.tags or (), strict=True))
        for s in read_brat(folder, **settings)
    ]


def broken(folder: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_brat(folder, **settings)
    return str(caught.value)


class TestTags:
    def test_entities(self, write: Write) -> None:
        folder = write("T1\tPER 0 6\tAda Ek\nT2\tLOC 16 25\tPort Ness\nR1\tIn Arg1:T1 Arg2:T2\n#1\tNote T1\tsure\n\n")
        assert tagged(folder) == [
            "Ada/B-PER Ek/I-PER sails/O to/O Port/B-LOC Ness/I-LOC ./O",
            "She/O naps/O ./O",
        ]
        assert [s.line for s in read_brat(folder)] == [1, 2]
        assert list(brat_remarks(folder)) == []

    def test_other_lines_are_skipped(self, write: Write) -> None:
        lines = ["E1\tSail:T2 Who:T1", "A1\tSure T1", "M1\tSure E1", "N1\tReference T1 Wiki:3\tAda", "*\tEquiv T1 T2"]
        assert "B-" not in " ".join(tagged(write("\n".join(lines))))

    def test_scheme_and_types(self, write: Write) -> None:
        folder = write("T1\tPER 0 6\tAda Ek\nT2\tLOC 16 25\tPort Ness\n")
        assert tagged(folder, scheme="iobes", types=["LOC"])[0] == "Ada/O Ek/O sails/O to/O Port/B-LOC Ness/E-LOC ./O"
        assert broken(folder, types=["LOCK"]).endswith(
            "no annotation is of type 'LOCK' (did you mean 'LOC'?); there are PER, LOC"
        )

    def test_documents_in_the_order_of_their_names(self, write: Write) -> None:
        write("", "Late.", "b")
        folder = write("T1\tPER 0 3\tAda\n", "Ada.", "a")
        assert tagged(folder) == ["Ada/B-PER ./O", "Late/O ./O"]
        assert tagged(folder / "a.ann") == tagged(folder / "a.txt") == ["Ada/B-PER ./O"]

    def test_characters_are_code_points_of_the_file_as_it_stands(self, write: Write) -> None:
        """Windows line ends are two, an emoji or a letter beyond the first plane one, a byte order mark one."""
        folder = write("\ufeffT1\tPER 7 10\tAda\r\nT2\tLOC 13 18\t𝒪slo!\r\n", "\ufeff😀🤖\r\n\r\nAda 𝒪 𝒪slo!\r\n")
        assert tagged(folder) == ["😀🤖/O", "Ada/B-PER 𝒪/O 𝒪slo/B-LOC !/I-LOC"]

    @pytest.mark.parametrize(
        ("offsets", "said"),
        [
            ("5 9;14 18", "count characters beyond U+FFFF as two, as JavaScript does"),
            ("5 9;13 17", "count characters beyond U+FFFF as two, as JavaScript does and \\r\\n as one"),
            ("3 7;11 15", "count \\r\\n as one"), ("3 7;12 16", ""),
        ],
    )  # fmt: skip
    def test_other_counts_are_tried(self, offsets: str, said: str, write: Write) -> None:
        folder = write(f"T1\tPER {offsets}\tKito Ylva\n", "😀🤖 Kito &\r\n Ylva")
        assert "Kito/B-PER" in tagged(folder)[0]
        assert [said in text for text in brat_remarks(folder) if "its offsets" in text] == ([True] if said else [])

    def test_quotes_become_those_of_tag(self, write: Write) -> None:
        assert tagged(write('T1\tX 0 5\t"Ada"\n', '"Ada" naps')) == ["``/B-X Ada/I-X ''/I-X naps/O"]


class TestRemarks:
    def test_a_part_of_a_word(self, write: Write) -> None:
        folder = write("T1\tPER 1 4\tda \nT2\tLOC 16 23\tPort Ne\n")
        assert tagged(folder)[0].startswith("Ada/B-PER Ek/O sails/O to/O Port/B-LOC Ness/I-LOC")
        assert [text.partition("doc.ann")[2] for text in brat_remarks(folder)] == [
            ":1: T1 begins or ends inside a word; the whole word is marked",
            ":2: T2 begins or ends inside a word; the whole word is marked",
        ]

    def test_gaps(self, write: Write) -> None:
        folder = write("T1\tPER 0 3;7 12\tAda sails\n")
        assert tagged(folder)[0].startswith("Ada/B-PER Ek/I-PER sails/I-PER to/O")
        assert [text.partition(".ann")[2] for text in brat_remarks(folder)] == [
            ":1: T1 has gaps; it is marked from its first word to its last"
        ]

    def test_a_gap_of_white_space_is_none(self, write: Write) -> None:
        folder = write("T1\tLOC 0 4;5 9\tPort Ness\n", "Port\nNess")
        assert tagged(folder) == ["Port/B-LOC Ness/I-LOC"]
        assert list(brat_remarks(folder)) == []

    def test_the_longest_is_kept_and_among_equals_the_first(self, write: Write) -> None:
        folder = write(
            "T1\tSHIP 20 24\tNess\nT2\tLOC 16 25\tPort Ness\nT3\tORG 0 3\tAda\nT4\tPER 0 3\tAda\n".replace(
                "20 24", "21 25"
            )
        )
        assert tagged(folder)[0] == "Ada/B-ORG Ek/O sails/O to/O Port/B-LOC Ness/I-LOC ./O"
        assert sorted(text.partition(".ann")[2] for text in brat_remarks(folder)) == [
            ":1: T1 shares a word with T2, which is kept alone",
            ":4: T4 shares a word with T3, which is kept alone",
        ]
        assert tagged(folder, types=["SHIP"])[0].endswith("Port/O Ness/B-SHIP ./O")  # alone it is in nobody's way

    def test_the_same_annotation_twice_needs_no_remark(self, write: Write) -> None:
        assert list(brat_remarks(write("T1\tPER 0 3\tAda\nT2\tPER 0 3\tAda\n"))) == []

    def test_sentences_are_joined(self, write: Write) -> None:
        folder = write("T1\tTALE 16 30\tPort Ness. She\n")
        (one,) = read_brat(folder)
        assert len(one) == 10
        assert [text.partition(".ann")[2] for text in brat_remarks(folder)] == [
            ":1: T1 reaches into another sentence; the sentences are joined"
        ]

    def test_data_check_says_them_as_warnings(self, write: Write, tmp_path: Path) -> None:
        write("T1\tPER 1 3\tda\n")
        (tmp_path / "t.toml").write_text('[tasks.ner]\nformat = "brat"\ntrain = "."\ndev = "."\ntest = "."\n')
        task = load_tasks(str(tmp_path / "t.toml"))["ner"]
        assert (task.scheme, task.score) == ("iob2", "spans")
        assert load_split(task, "train")[0].tags == ("B-PER", "O", "O", "O", "O", "O", "O")
        found = [problem for problem in check_tasks({"ner": task}) if "inside a word" in problem.text]
        assert [problem.level for problem in found] == ["warning"] * 3
        assert found[0].text.startswith(f"{tmp_path / 'doc.ann'}:1: T1 ")


class TestBroken:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                "T1\tPER 0 3\tAdb",
                "the text is 'Adb', but 'Ada' stands at 0 3; correct the offsets (they count characters",
            ),
            ("T1\tPER 0 99\tAda", "the offsets 0 99 do not ascend, or leave the text of 37 characters; "),
            ("T1\tPER 3 0\tAda", "the offsets 3 0 do not ascend"),
            ("T1\tPER 0 0\t", "the offsets 0 0 do not ascend"),
            ("T1\tPER 4 6;0 3\tEk Ada", "the offsets 4 6;0 3 do not ascend"),
            ("T1\tPER 3 4\t ", "covers no word; "),
            ("T1 PER 0 3 Ada", "is not a BRAT annotation; write T1, tab, type and offsets, tab, the text"),
            ("T1\tPER 0 3", "is not a BRAT annotation"),
        ],
    )
    def test_lines(self, line: str, message: str, write: Write) -> None:
        folder = write(f"#1\tNote T1\t-\n{line}\n")
        assert broken(folder).startswith(f"{folder / 'doc.ann'}:2: {message}")

    def test_files(self, write: Write, tmp_path: Path) -> None:
        assert broken(tmp_path).startswith(f"{tmp_path}: holds no .ann file; ")
        folder = write("", " \n")
        assert broken(folder).startswith(f"{tmp_path}: holds no sentence; ")
        (folder / "doc.txt").unlink()
        assert broken(folder).startswith(f"{tmp_path / 'doc.txt'}: cannot be read")
        assert broken(tmp_path / "none").startswith(f"{tmp_path / 'none'}: holds no .ann file")

    @given(
        ann=st.binary(max_size=30) | st.text("T1\tX 0123;a\n", max_size=30).map(str.encode), text=st.binary(max_size=20)
    )
    def test_any_bytes_give_sentences_or_a_data_error(self, ann: bytes, text: bytes, tmp_path_factory: Any) -> None:
        folder = tmp_path_factory.getbasetemp() / "any-brat"
        folder.mkdir(exist_ok=True)
        (folder / "a.ann").write_bytes(ann)
        (folder / "a.txt").write_bytes(text)
        try:
            sentences = read_brat(folder)
        except DataError as error:
            assert str(error).startswith(str(folder))
        else:
            assert all(len(s.tokens) == len(s.tags or ()) > 0 < s.line for s in sentences)


words = st.lists(st.sampled_from(["Ada", "naps", "😀", "It's", "U.S.", "Oslo.", "(so)"]), min_size=1, max_size=8)


@given(words=words, data=st.data())
def test_every_word_of_the_text_is_tagged_once_and_spans_come_back(
    words: list[str], data: st.DataObject, tmp_path_factory: Any
) -> None:
    """Annotations of whole words that do not touch: the marked words are exactly those they cover."""
    text = " ".join(words)
    tokens = [token for sentence in sentences_of(text) for token in sentence]
    marked = data.draw(st.lists(st.booleans(), min_size=len(tokens), max_size=len(tokens)))
    lines = [f"T{i}\tX {t.start} {t.end}\t{text[t.start : t.end]}" for i, t in enumerate(tokens) if marked[i]]
    folder = tmp_path_factory.getbasetemp() / "spans-brat"
    folder.mkdir(exist_ok=True)
    (folder / "a.ann").write_text("\n".join(lines), encoding="utf-8")
    (folder / "a.txt").write_text(text, encoding="utf-8")
    sentences = read_brat(folder, scheme="plain")
    assert [token for s in sentences for token in s.tokens] == [token.text for token in tokens]
    assert [tag == "X" for s in sentences for tag in s.tags or ()] == marked
    assert list(brat_remarks(folder)) == []
