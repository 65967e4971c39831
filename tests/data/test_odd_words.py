"""Files in which something else stands in the place of the words: it is read correctly, or named by a message."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from test_variants import Rows, corpus, described, lines, pairs, wanted, write

from tagmates.data.checking.check import check_tasks
from tagmates.data.checking.lines import irregular_lines
from tagmates.data.corpora import load_split
from tagmates.data.describing.guesses import tokens_and_tags
from tagmates.data.describing.proposal import propose
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import DataError


def odd(folder: Path) -> list[str]:
    """The warnings on odd words and lines of the folder's tasks.toml, or of the one that is proposed."""
    return [each.text for each in check_tasks(described(folder)) if each.kind in ("odd-words", "irregular")]


def plain(rows: Rows) -> list[tuple[str, str]]:
    return [(word, tag) for word, _, tag in rows]


def test_a_file_with_one_more_column_in_front_is_named(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    numbered = [lines([(at + 1, *row) for at, row in enumerate(plain(rows))]) for rows in corpus("test")]
    (tmp_path / "test.txt").write_text("\n".join(numbered))
    assert "# test.txt: the words seem to be in column 2, but in column 1 of" in propose(tmp_path, "").text
    (warning,) = odd(tmp_path)
    assert warning.endswith("test.txt: every word has a digit, such as '1'; are the words in another column?")


def test_a_file_with_other_columns_is_named(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines([(word, pos, tag) for word, pos, tag in rows]) + "\n")
    swapped = [lines([(pos, word, tag) for word, pos, tag in rows]) for rows in corpus("test")]
    (tmp_path / "test.txt").write_text("\n".join(swapped))
    assert "test.txt: the words seem to be in column 2, but in column 1 of" in propose(tmp_path, "").text
    assert any("test.txt: hardly any of its words, such as 'PROPN', are in train" in text for text in odd(tmp_path))


CHANGES: dict[str, tuple[Callable[[str, int], str], str]] = {
    "one word": (lambda word, at: "[WORD]", "all words are '[WORD]'"),
    "prefix of WikiANN": (lambda word, at: f"en:{word}", "nearly every word begins with 'en:'"),
    "CRFsuite": (lambda word, at: f"w[0]={word}", r"nearly every word begins with 'w[0]='"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_words_that_are_none_are_named_for_every_split(tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    write(
        tmp_path, lambda rows, _: lines([(change(word, at), tag) for at, (word, tag) in enumerate(plain(rows))]) + "\n"
    )
    found = [each.text for each in check_tasks(given(tmp_path)) if each.kind == "odd-words"]
    assert len(found) == 3
    assert all(message in text for text in found)


def given(folder: Path) -> dict[str, Task]:
    """The task that a tasks.toml of the user describes."""
    splits = "".join(f'{split} = "{split}.txt"\n' for split in ("train", "dev", "test"))
    (folder / "tasks.toml").write_text(f'{splits}separator = "\\t"\n[tasks.ner]\nscheme = "iob2"\n')
    return load_tasks(str(folder))


@pytest.mark.parametrize("mark", ["</s>", "[SEP]"])
def test_marks_behind_all_sentences_are_named(tmp_path: Path, mark: str) -> None:
    write(tmp_path, lambda rows, _: lines([*plain(rows), (mark, "O")]) + "\n")
    found = [each.text for each in check_tasks(given(tmp_path)) if each.kind == "odd-words"]
    assert len(found) == 3
    assert all(f"nearly every sentence ends with a mark such as '{mark}'" in text for text in found)
    length = len(corpus("dev")[0])
    assert f"{tmp_path / 'dev.txt'}:{length + 1}: nearly" in found[1]


@pytest.mark.parametrize("mark", ["<s>", "[CLS]", "#doc7", "sentence_3", "BOS", "-BOS-", "_START_"])
def test_marks_before_all_sentences_are_named(tmp_path: Path, mark: str) -> None:
    write(tmp_path, lambda rows, _: lines([(mark, "O"), *plain(rows)]) + "\n")
    found = [each.text for each in check_tasks(given(tmp_path)) if each.kind == "odd-words"]
    assert len(found) == 3
    assert all(f"nearly every sentence begins with a mark such as '{mark}'" in text for text in found)


def test_a_word_in_capitals_that_begins_all_sentences_is_no_mark(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines([("EXF", "B-LOC"), *plain(rows)]) + "\n")
    assert not [each for each in check_tasks(given(tmp_path)) if each.kind == "odd-words"]


def test_a_numbered_mark_between_documents_is_named(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, n: f"-DOCSTART-{n}\tO\n\n" * (n == 3) + lines(plain(rows)) + "\n")
    found = [each.text for each in check_tasks(given(tmp_path)) if each.kind == "irregular"]
    assert ["-DOCSTART-3" in text and "looks like a mark between documents" in text for text in found] == [True] * 3


def test_texts_as_they_are_have_no_odd_words(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    assert odd(tmp_path) == []


@pytest.mark.parametrize("number", ["{}-{}", "t{}{:03}"])
def test_numbers_of_words_are_not_the_words(tmp_path: Path, number: str) -> None:
    write(
        tmp_path,
        lambda rows, n: lines([(number.format(n + 1, at + 1), *row) for at, row in enumerate(plain(rows))]) + "\n",
    )
    (task,) = described(tmp_path).values()
    assert pairs(task, "train") == wanted("train")


def test_few_words_with_digits_may_be_words() -> None:
    assert tokens_and_tags({1: [["a1", "b2"], ["c3"]], 2: [["X", "Y"], ["X"]]}) == (1, [2])


@pytest.mark.parametrize("key", ["split", "partition"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json"])
def test_a_file_of_all_splits_never_makes_test_sentences_train(tmp_path: Path, key: str, kind: str) -> None:
    named = [(split, number, rows) for split in ("test", "train", "dev") for number, rows in enumerate(corpus(split))]
    if kind.startswith("json"):
        records = [
            {key: split, "tokens": [w for w, *_ in rows], "tags": [t for *_, t in rows]} for split, _, rows in named
        ]
        text = json.dumps(records) if kind == "json" else "\n".join(map(json.dumps, records))
    else:
        cells = [
            (split, f"{split}{n}", word, tag) for split, n, rows in named for word, tag in plain(rows) if word != '"'
        ]
        text = lines([(key, "sentence_id", "word", "tag"), *cells], "," if kind == "csv" else "\t")
    (tmp_path / f"all.{kind}").write_text(text)
    with pytest.raises(DataError, match=f"its '{key}' says which sentences are train, dev and test"):
        propose(tmp_path, "")


def test_a_column_that_repeats_the_name_of_its_file_is_no_hindrance(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        cells = [
            (split, n, word, tag) for n, rows in enumerate(corpus(split)) for word, tag in plain(rows) if word != '"'
        ]
        (tmp_path / f"{split}.csv").write_text(lines([("split", "sentence_id", "word", "tag"), *cells], ","))
    assert set(described(tmp_path)) >= {"tag"}


@pytest.mark.parametrize("header", [True, False])
def test_sentence_numbers_that_start_again_in_each_document(header: bool, tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        rows = [("doc", "sent_id", "word", "ner")] if header else []
        for number, own in enumerate(corpus(split)):
            document, sentence = (f"d{number // 2}", number % 2) if number < 6 else (f"d{number}", 0)
            rows += [(document, str(sentence), *row) for row in plain(own)]
        (tmp_path / f"{split}.tsv").write_text(lines(rows))
    (task,) = described(tmp_path).values()
    both = ("doc", "sent_id") if header else (1, 2)
    assert task.sentence_column == both
    assert odd(tmp_path) == []
    for split in ("train", "dev", "test"):
        assert [s.tokens for s in load_split(task, split)] == [tuple(w for w, _ in plain(s)) for s in corpus(split)]
    joined = list(irregular_lines(task.model_copy(update={"sentence_column": both[1]}), "train"))
    assert len(joined) == 1
    assert f"set sentence_column = {json.dumps(both)}" in joined[0]


@pytest.mark.parametrize("kind", ["words", "neither"])
def test_spans_beside_a_text_may_count_the_words_of_a_list(tmp_path: Path, kind: str) -> None:
    for split in ("train", "dev", "test"):
        records = []
        for rows in corpus(split):
            words = [word for word, *_ in rows]
            last = len(words) - 1 if kind == "words" else 500
            spans = [{"start": 0, "end": 1, "type": "PER"}, {"start": last, "end": last + 1, "type": "LOC"}]
            records.append(json.dumps({"text": " ".join(words), "tokens": words, "entities": spans}))
        (tmp_path / f"{split}.jsonl").write_text("\n".join(records))
    if kind == "neither":
        with pytest.raises(DataError, match="the text of"):
            propose(tmp_path, "")
        return
    (task,) = described(tmp_path).values()
    for sentence, rows in zip(load_split(task, "train"), corpus("train"), strict=True):
        assert sentence.labels == ("B-PER", *["O"] * (len(rows) - 2), "B-LOC")


def test_numbers_of_documents_are_named_but_not_numbers_that_are_said(tmp_path: Path) -> None:
    rows = [[("Aspirin", "B-Chem"), ("helps", "O"), (".", "O")]] * 40
    numbers = [[(str(10_000_000 + 37 * at), "O")] for at in range(12)]
    for split in ("train", "dev", "test"):
        sentences = [*rows, *(numbers if split == "train" else numbers[:1] * 12)]
        (tmp_path / f"{split}.tsv").write_text("\n".join(lines(each) + "\n" for each in sentences))
    (warning,) = odd(tmp_path)
    assert "train.tsv:201: 12 sentences are one long number each, such as '10000000', and no two are equal" in warning


def test_tags_around_documents_are_no_words_and_words_like_tags_are_kept(tmp_path: Path) -> None:
    sentence = lines([("<3", "O"), ("Rome", "B-LOC"), ("and", "O"), ("<unk>", "O"), (".", "O")])
    for split in ("train", "dev", "test"):
        document = f"<doc id='{split}'>\n" + f"{sentence}\n\n" * 4 + "</doc>\n\n"
        (tmp_path / f"{split}.conll").write_text(document * 6)
    assert odd(tmp_path) == []
    (task,) = load_tasks(str(tmp_path / "tasks.toml")).values()
    assert {sentence.tokens for sentence in load_split(task, "train")} == {("<3", "Rome", "and", "<unk>", ".")}


def test_empty_tags_are_named_as_such(tmp_path: Path) -> None:
    rows = lines([("Aspirin", "B-Chem"), ("helps", ""), (".", "")])
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text(f"{rows}\n\n" * 40)
    text = propose(tmp_path, "").text
    assert "# 240 of 360 tags are empty: write O in their place" in text
    assert "outside =" not in text


@pytest.mark.parametrize(
    ("row", "word", "tag"),
    [
        ("('{}', '{}')", "begins with '('", "ends with ')'"),
        ('"{}": "{}"', "ends with ':'", "ends with '\"'"),
        ("[{} {}]", "begins with '['", "ends with ']'"),
        ("{} {},", "", "ends with ','"),
        ("{}: {}", "ends with ':'", ""),
    ],
)
def test_signs_around_every_word_or_tag_are_named(tmp_path: Path, row: str, word: str, tag: str) -> None:
    write(tmp_path, lambda rows, _: "".join(f"{row.format(*each)}\n" for each in plain(rows)) + "\n")
    problems = list(check_tasks(described(tmp_path)))
    for kind, message in (("odd-words", word), ("odd-tags", tag)):
        found = [each.text for each in problems if each.kind == kind]
        assert bool(found) == bool(message)
        assert all(message in text for text in found)
