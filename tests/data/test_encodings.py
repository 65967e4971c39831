"""Words that were read in a wrong encoding, and files of which some have a header, are named by `data check`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_variants import corpus, described, lines

from tagmates.data.checking.check import check_tasks
from tagmates.data.checking.encodings import read_as_utf8
from tagmates.data.describing.proposal import propose
from tagmates.data.tasks import load_tasks

ACCENTS = {"a": "ä", "o": "ö", "i": "ï", "s": "ß"}


def accented(split: str) -> str:
    """A column file in which some letters have accents."""
    rows = ["".join(f"{''.join(ACCENTS.get(c, c) for c in w)}\t{t}\n" for w, _, t in own) for own in corpus(split)]
    return "\n".join(rows)


def warned(folder: Path, kind: str) -> list[str]:
    return [each.text for each in check_tasks(described(folder)) if each.kind == kind]


@pytest.mark.parametrize("encodings", [("latin-1", "utf-8", "utf-8"), ("cp1252", "cp1252", "utf-8")])
def test_a_file_in_utf_8_that_is_read_as_latin_1_is_named(tmp_path: Path, encodings: tuple[str, ...]) -> None:
    for split, encoding in zip(("train", "dev", "test"), encodings, strict=True):
        (tmp_path / f"{split}.txt").write_bytes(accented(split).encode(encoding))
    found = warned(tmp_path, "encoding")
    assert len(found) == encodings.count("utf-8")
    assert all("in UTF-8 and read in another encoding" in text for text in found)
    assert "test.txt:" in found[-1]


def test_lines_of_two_encodings_in_one_file_are_named(tmp_path: Path) -> None:
    half = [text.encode("utf-8" if at % 2 else "latin-1") for at, text in enumerate(accented("train").split("\n\n"))]
    (tmp_path / "train.txt").write_bytes(b"\n\n".join(half))
    (tmp_path / "dev.txt").write_bytes(accented("dev").encode("latin-1"))
    (text,) = warned(tmp_path, "encoding")
    assert "train.txt:" in text


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
def test_one_right_encoding_is_no_problem(tmp_path: Path, encoding: str) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_bytes(accented(split).encode(encoding))
    assert warned(tmp_path, "encoding") == []


def test_letters_of_another_alphabet_that_are_read_as_latin_1_are_named(tmp_path: Path) -> None:
    cyrillic = {ord(latin): chr(0x430 + at) for at, latin in enumerate("abcdefghijklmnopqrstuvwxyzë")}
    for split in ("train", "dev", "test"):
        rows = [[(word.lower().translate(cyrillic), tag) for word, _, tag in own] for own in corpus(split)]
        (tmp_path / f"{split}.txt").write_bytes("\n".join(map(lines, rows)).encode("cp1251"))
    found = warned(tmp_path, "encoding")
    assert len(found) == 3
    assert all("is the file really in latin-1" in text for text in found)


@given(st.text("abcäöüßéèñçøåÅŁœ€ЖяΩ日本"))
def test_what_latin_1_makes_of_utf_8_is_read_back(word: str) -> None:
    wrong = word.encode().decode("latin-1")
    assert read_as_utf8(wrong) == ("" if word.isascii() else word)


@given(st.text("abcäöüßéèñçøåÅ", min_size=1))
def test_words_of_one_language_are_not_taken_for_others(word: str) -> None:
    assert read_as_utf8(word) == ""


@pytest.mark.parametrize("heading", ["train", "test"])
def test_a_header_in_some_files_costs_no_word_silently(tmp_path: Path, heading: str) -> None:
    for split in ("train", "dev", "test"):
        text = "and\tO\n" + "\n".join(lines([(word, tag) for word, _, tag in own]) for own in corpus(split))
        (tmp_path / f"{split}.tsv").write_text("token\tlabel\n" + text if split == heading else text)
    without = [f"{split}.tsv" for split in ("train", "dev", "test") if split != heading]
    assert f"{without[0]} and {without[1]} seem to have no header" in propose(tmp_path, "").text
    text = propose(tmp_path, "").text.replace('token_column = "token"', "token_column = 1")
    (tmp_path / "tasks.toml").write_text(text.replace('tag_column = "label"', "tag_column = 2"))
    found = [each.text for each in check_tasks(load_tasks(str(tmp_path))) if each.kind == "irregular"]
    assert [text.split("/")[-1].partition(" ")[0] for text in found] == [f"{name}:1:" for name in without]
    assert all("is skipped as the header, but 'O' is also a tag" in text for text in found)
