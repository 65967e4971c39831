"""Folders as they are downloaded: data beside notebooks and settings, and files with the faults that people leave."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_variants import Rows, corpus, described, lines, pairs, wanted, write

from tagmates.data.checking.check import check_tasks
from tagmates.data.describing.proposal import propose
from tagmates.data.describing.record_layers import _flat, _keys
from tagmates.data.formats.records import LocatedRecord
from tagmates.errors import DataError

QUOTE = '"'


def plain(rows: Rows) -> list[tuple[str, str]]:
    return [(word, tag) for word, _, tag in rows]


def test_notebooks_and_settings_are_no_data(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    cell = {"cell_type": "code", "source": ["print(1)"], "outputs": [{"name": "stdout"}]}
    (tmp_path / "train.ipynb").write_text(json.dumps({"cells": [cell] * 3, "metadata": {}}))
    settings = [f"{key} = {value}" for key in ("seed", "lang", "size") for value in ("0", "null", '"en"')]
    (tmp_path / "ner.cfg").write_text("[training]\n" + "\n".join(settings) + "\n\n[model]\n" + "\n".join(settings))
    found = propose(tmp_path, "")
    assert found.tasks == ("ner",)
    assert found.left_out == (f"{tmp_path / 'ner.cfg'}: holds settings (name = value), and no tagged words",)


def test_a_corpus_without_tagged_sentences_does_not_keep_init_from_another(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    records = [{"kind": "cell", "lines": ["a"], "marks": [1]}, *({"kind": "cell", "lines": ["a", "b"]} for _ in "abcd")]
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    found = propose(tmp_path, "")
    assert found.tasks == ("ner",)
    (left_out,) = found.left_out
    assert left_out.startswith(f"{tmp_path / 'notes.jsonl'}:")


def test_few_lines_that_begin_with_a_blank_are_errors_and_hide_no_corpus(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows), " ") + "\n")
    text = (tmp_path / "train.txt").read_text()
    (tmp_path / "train.txt").write_text(text.replace("in O\n", "  O\n", 1))  # a word that is a blank
    first = text.split("\n").index("in O") + 1
    tasks = described(tmp_path)
    errors = [each.text for each in check_tasks(tasks) if each.level == "error"]
    assert errors[0].startswith(f"{tmp_path / 'train.txt'}:{first}: has 1 column, but the tag is in column 2")


def test_csv_whose_blank_lines_have_a_tag_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("-DOCSTART-,O\n,O\n" + "Ylva,B-PER\nsleeps,O\n,O\n" * 30)
    errors = [each.text for each in check_tasks(described(tmp_path)) if each.kind == "empty"]
    assert (
        f"{tmp_path / 'train.csv'}:2: the token in column 1 is empty; fill it in, write a blank line if a" in errors[0]
    )


def test_marks_of_documents_that_are_numbered_like_words(tmp_path: Path) -> None:
    def text(rows: Rows, number: int) -> str:
        mark = "0\t-DOCSTART-\tO\n\n" if number % 10 == 0 else ""
        return mark + lines([(at, *row) for at, row in enumerate(plain(rows))]) + "\n"

    write(tmp_path, text)
    tasks = described(tmp_path)
    assert pairs(tasks["ner"], "train") == wanted("train")
    (tmp_path / "train.txt").write_text((tmp_path / "train.txt").read_text() + "7\tlast\n")
    with pytest.raises(DataError, match="has 2 columns"):  # the lines are read one by one now
        pairs(tasks["ner"], "train")
    assert {each.kind for each in check_tasks(tasks) if each.level == "error"} == {"line"}


TRIGGERS = [("Ylva", "B-PER"), ("Lund", "I-PER"), ("moved", "T-0"), ("quickly", "T-0"), ("to", "T-1"), ("Bonn", "O")]
CHUNKS = [("Ylva", "B-PER"), ("Lund", "I-PER"), ("moves", "VBZ"), ("to", "TO"), ("Bonn", "NNP"), (".", ".")]


@pytest.mark.parametrize("rows", [TRIGGERS, CHUNKS])
def test_tags_of_spans_among_others_are_named(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text((lines(rows) + "\n") * 20)
    found = propose(tmp_path, "")
    assert 'scheme = "plain"  # some tags have B- or I-, others do not; every word counts by itself' in found.text
    assert "tags begin with B- or I-, and the others do not" in found.remarks[0]
    (warning,) = [each.text for each in check_tasks(described(tmp_path)) if each.kind == "plain-spans"]
    assert "tags begin with B- or I-, and the others do not" in warning


def test_an_i_without_its_label_is_an_error_and_not_a_label(tmp_path: Path) -> None:
    change = {"B-PER": "B_PS", "B-LOC": "B_LC", "I-PER": "I", "I-LOC": "I", "O": "O"}
    write(tmp_path, lambda rows, _: lines([(word, change[tag]) for word, tag in plain(rows)]) + "\n")
    tasks = described(tmp_path)
    (task,) = tasks.values()
    assert (task.scheme, task.mark) == ("iob2", "B_")
    assert any("'I' continues no span" in each.text for each in check_tasks(tasks) if each.level == "error")


@pytest.mark.parametrize("label", ["LOC", "PER"])
def test_spans_that_share_a_word_are_named_whatever_their_labels(label: str, tmp_path: Path) -> None:
    record = {"text": "The match Oslo-Paris was long .", "label": [[10, 14, "LOC"], [15, 20, label]]}
    (tmp_path / "train.jsonl").write_text((json.dumps(record) + "\n") * 5)
    warning = next(each.text for each in check_tasks(described(tmp_path)) if "shares a word" in each.text)
    assert f"'{label}' at 15-20 shares a word with 'LOC' at 10-14, which is kept alone" in warning


def test_bare_tags_have_the_same_scheme_in_all_files(tmp_path: Path) -> None:
    often = [("Ylva", "PER"), ("Lund", "PER"), ("sees", "O"), ("Bonn", "LOC"), ("again", "O"), (".", "O")]
    seldom = [("Ylva", "PER"), ("sees", "O"), ("Bonn", "LOC"), ("again", "O"), (".", "O")]
    (tmp_path / "wiki.tsv").write_text((lines(often) + "\n") * 30)
    (tmp_path / "novel.tsv").write_text((lines(seldom) + "\n") * 30 + lines(often))
    assert [task.scheme for task in described(tmp_path).values()] == ["io", "io"]
    (tmp_path / "wiki.tsv").unlink()
    assert [task.scheme for task in described(tmp_path).values()] == ["plain"]


def test_bos_and_eos_are_named(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines([("BOS", "O"), *plain(rows), ("EOS", "O")]) + "\n")
    found = [each.text for each in check_tasks(described(tmp_path)) if each.kind == "odd-words"]
    assert len(found) == 3
    assert all("begins with a mark such as 'BOS'" in text for text in found)


def test_a_folder_called_train_decides_for_all_its_documents(tmp_path: Path) -> None:
    for split, names in {"train": ("A1", "Law", "R1TST"), "dev": ("A7",), "test": ("A8",)}.items():
        (tmp_path / split).mkdir()
        for name in names:
            (tmp_path / split / f"{name}.conll").write_text(
                "".join(lines(plain(rows)) + "\n" for rows in corpus(split)).replace("Ylva", name)
            )
    (task,) = described(tmp_path).values()
    assert task.train is not None
    assert task.train.file == ("train/A1.conll", "train/Law.conll", "train/R1TST.conll")
    assert {split: task.part(split).file for split in ("dev", "test")} == {
        "dev": "dev/A7.conll",
        "test": "test/A8.conll",
    }


def test_a_part_of_train_is_not_read_twice(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    sentences = [lines(plain(rows), " ") for rows in corpus("train")]
    (tmp_path / "train_20.txt").write_text("\n".join(sentences[::3]))
    found = propose(tmp_path, "")
    assert 'train = "train.txt"' in found.text
    (left_out,) = found.left_out
    assert left_out.startswith(f"{tmp_path / 'train_20.txt'}: 10 of its 10 different sentences are also in {tmp_path}")


def test_a_bad_line_is_said_and_does_not_keep_dev_from_being_proposed(tmp_path: Path) -> None:
    sentences = [lines(plain(rows)) for rows in corpus("train")]
    (tmp_path / "train.txt").write_text("\n".join(sentences[:20]) + "bn\n" + "\n".join(sentences[20:]))
    found = propose(tmp_path, "")
    bad = sum(map(len, (text.split("\n") for text in sentences[:20])))
    assert found.remarks[-1].startswith(f"ner: cannot be read so: {tmp_path / 'train.txt'}:{bad}: has 1 column")
    assert 'dev = { file = "train.txt", sentences = "' in found.text
    assert 'scheme = "iob2"' in found.text


def test_brat_documents_with_a_wrong_offset_are_proposed_and_checked(tmp_path: Path) -> None:
    for number, end in enumerate([4, 400, 4, 500]):
        (tmp_path / f"d{number}.txt").write_text("Ylva paints in Bonn .\n")
        (tmp_path / f"d{number}.ann").write_text(f"T1\tPER 0 {end}\tYlva\n")
    tasks = described(tmp_path)
    errors = [each.text for each in check_tasks(tasks) if each.kind == "line"]
    assert [text[: text.index(": ")] for text in errors] == [str(tmp_path / "d1.ann:1"), str(tmp_path / "d3.ann:1")]


def test_hidden_tags_of_a_test_set_are_named(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    (tmp_path / "test.txt").write_text(
        "".join(lines([(row[0], "O") for row in rows]) + "\n" for rows in corpus("test"))
    )
    total = sum(map(len, corpus("test")))
    assert f"ner: all {total} tags of test are O: are the true ones hidden?" in propose(tmp_path, "").remarks


REFUSED = {
    "words with places": (
        "x.tokens",
        "".join(f"{n}1 {n}00 4 Ylva\n{n}2 {n}05 6 paints\n{n}3 {n}12 2 in\n\n" for n in range(1, 31)),
        "places and lengths, but no tags",
    ),
    "N-Triples": ("x.nt", '<http://a/1> <http://b/text> "Ylva paints"@en .\n' * 30, "is RDF, as NIF uses it"),
    "WebAnno TSV 2": ("x.tsv", "#id=1\n#text=Ylva paints\n1-1\tYlva\tB-PER\n1-2\tpaints\tO\n\n" * 30, "TSV 1 or 2"),
    "spaCy's parses": (
        "x.json",
        json.dumps([["Boats sail home.", {"heads": [1, 1, 1], "deps": ["nsubj", "ROOT", "advmod"]}]] * 9),
        "neither two lists of one length",
    ),
    "names and courts": (
        "x.json",
        json.dumps({"topics": ["Civil law", "Court rules"], "sides": ["JOHN DOE", "ACME"]}),
        "neither two lists of one length",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_holds_no_tagged_words_is_refused_by_name(case: str, tmp_path: Path) -> None:
    name, text, reason = REFUSED[case]
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=re.escape(reason)):
        propose(tmp_path, "")


def test_comments_that_have_as_many_columns_as_words(tmp_path: Path) -> None:
    def text(rows: Rows, number: int) -> str:
        return (
            f"#\thttp://a.example/{number}\t[2010-01-{number % 30:02}]\t\n"
            + lines([(at, word, tag, "O") for at, (word, tag) in enumerate(plain(rows), start=1)])
            + "\n"
        )

    write(tmp_path, text)
    tasks = described(tmp_path)
    assert list(tasks) == ["ner"]
    assert pairs(tasks["ner"], "train") == wanted("train")


def parallel(folder: Path, names: Sequence[str]) -> None:
    layers = (0, 2, 1)
    for name, layer in zip(names, layers, strict=False):
        text = "".join(" ".join(row[layer] for row in rows) + "\n" for rows in corpus("train"))
        (folder / name).write_text(text)


def test_two_files_of_tags_beside_one_of_words_are_layers(tmp_path: Path) -> None:
    parallel(tmp_path, ["train.words.txt", "train.tags.txt", "train.pos.txt"])
    for name in ("dev.words.txt", "dev.pos.txt"):
        (tmp_path / name).write_text((tmp_path / name.replace("dev", "train")).read_text())
    tasks = described(tmp_path)
    assert sorted(tasks) == ["ner", "upos"]
    rows = corpus("train")
    assert pairs(tasks["upos"], "dev") == [[(word, pos) for word, pos, _ in own] for own in rows]
    assert pairs(tasks["ner"], "train") == [[(word, tag) for word, _, tag in own] for own in rows]
    assert "# dev.words.txt seems to be dev, and was left out" in propose(tmp_path, "").text


def test_three_files_with_as_many_different_words_are_named(tmp_path: Path) -> None:
    for name in ("train.a.txt", "train.b.txt", "train.c.txt"):
        (tmp_path / name).write_text(f"{name[6]} b\nb b {name[6]}\n" * 40)
    with pytest.raises(DataError, match=r"train\.a\.txt: has as many words on each line as train\.b\.txt and"):
        propose(tmp_path, "")


def test_documents_of_equal_length_are_not_words_and_tags(tmp_path: Path) -> None:
    parallel(tmp_path, ["book1.txt", "other.txt", "book2.txt"])
    (tmp_path / "other.txt").unlink()
    with pytest.raises(DataError, match="no file of it looks like tagged sentences"):
        propose(tmp_path, "")


def test_a_first_word_with_a_tag_is_no_header(tmp_path: Path) -> None:
    rows = [("Oslo", "B-GEO", "B-GPE"), ("is", "O", "O"), (".", "O", "O")]
    others = [("Bo", "B-PER", "B-PER"), ("runs", "O", "O"), (".", "O", "O")]
    (tmp_path / "train.tsv").write_text(lines(rows) + "\n" + (lines(others) + "\n") * 60)
    tasks = described(tmp_path)
    assert [task.header for task in tasks.values()] == [False, False]
    assert pairs(next(iter(tasks.values())), "train")[0][0] == ("Oslo", "B-GEO")
    for heading in ("Ord\tGrund\tPOS\n", "word\tlemma\tupos\n"):
        cells = lines([(row[0], row[0].lower(), "NN" if row[0].isalpha() else ".") for row in rows])
        (tmp_path / "train.tsv").write_text(heading + (cells + "\n") * 60)
        assert all(task.header for task in described(tmp_path).values())
    tags = [(word, tag) for word, tag in [("Wow", "INTJ"), *[("it", "PRON"), ("runs", "VERB")] * 40]]
    (tmp_path / "train.tsv").write_text(lines(tags))
    (task,) = described(tmp_path).values()
    assert not task.header


def test_layers_of_lists_stand_beside_spans(tmp_path: Path) -> None:
    tags = {"upos": ["PROPN", "VERB", "PUNCT"], "name": ["B-PER", "O", "O"]}
    spans = {"name": [{"start": 0, "end": 1, "label": "PER"}], "verb": [{"start": 1, "end": 2, "label": "MOVE"}]}
    record = {"tokens": ["Bo", "ran", "."], "tags": tags, "spans": spans}
    (tmp_path / "train.jsonl").write_text((json.dumps(record) + "\n") * 20)
    tasks = described(tmp_path)
    assert {name: (task.tag_column, task.scheme) for name, task in tasks.items()} == {
        "upos": ("tags.upos", "plain"),
        "name": ("tags.name", "iob2"),
        "spans.verb": ("spans.verb", "iob2"),
    }
    assert pairs(tasks["spans.verb"], "train")[0] == [("Bo", "O"), ("ran", "B-MOVE"), (".", "O")]


def test_a_mark_of_documents_does_not_hide_csv(tmp_path: Path) -> None:
    rows = '"Ask",O\n""",""",I-ORG\n"Bo",I-ORG\n".",O\n\n'
    (tmp_path / "train.csv").write_text("-DOCSTART-\n\n" + rows * 30)
    (task,) = described(tmp_path).values()
    assert task.format == "csv"
    assert pairs(task, "train")[0] == [("Ask", "O"), ('","', "I-ORG"), ("Bo", "I-ORG"), (".", "O")]


@pytest.mark.parametrize("changed", [0, 2])
def test_annotators_of_the_same_text_are_not_joined(changed: int, tmp_path: Path) -> None:
    for user in ("1", "2", "3"):
        text = "".join(lines(plain(rows)) + "\n" for rows in corpus("train"))
        (tmp_path / f"user{user}.bio").write_text(text.replace("B-PER", "O", changed * int(user)))
    found = propose(tmp_path, "")
    assert len(found.left_out) == 2
    assert all("30 of its 30 different sentences are also in" in text for text in found.left_out)


def test_the_name_of_a_folder_does_not_leave_its_files_out(tmp_path: Path) -> None:
    (tmp_path / "train_test_split").mkdir()
    write(tmp_path / "train_test_split", lambda rows, _: lines(plain(rows)) + "\n")
    assert propose(tmp_path, "").tasks == ("ner",)


def test_copies_of_copies_are_left_out(tmp_path: Path) -> None:
    texts = [lines(plain(rows)) for rows in [*corpus("train"), *corpus("dev")]]
    for name, part in {"a": texts[:30], "b": texts[30:50], "c": texts[30:50]}.items():
        (tmp_path / f"train_{name}.txt").write_text("\n".join(part))
    found = propose(tmp_path, "")
    assert [text.partition(": ")[0] for text in found.left_out] == [str(tmp_path / "train_c.txt")]


@pytest.mark.parametrize(
    ("names", "kept"), [(("1.0", "1.1", "1.2"), ["1.2"]), (("v1", "v2", "v3"), ["v3"]), (("a", "b"), None)]
)
def test_of_several_releases_the_largest_is_kept(
    names: tuple[str, ...], kept: list[str] | None, tmp_path: Path
) -> None:
    for at, name in enumerate(names):
        texts = [lines(plain(rows)) for rows in corpus("train")[: 20 + 2 * at]]
        changed = slice(at, None, 6)
        texts[changed] = [text.replace("Ylva", f"Ylva{at}").replace("item", f"piece{at}") for text in texts[changed]]
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.conll").write_text("\n".join(texts))
    found = propose(tmp_path, "")
    used = sorted(set(re.findall(r"[\w.]+(?=/data.conll)", re.sub("#.*", "", found.text))))
    assert used == (list(names) if kept is None else kept)
    assert len(found.left_out) == (0 if kept is None else len(names) - 1)


def test_a_broken_row_that_is_a_sentence_is_left_out(tmp_path: Path) -> None:
    rows = "['Bo', 'met', 'Ada'];['B-PER', 'O', 'B-PER']\n['in', 'Oslo', '.'];['O', 'B-LOC', 'O']\n"
    (tmp_path / "train.csv").write_text(f"tokens;tags\n{rows * 20}[];[]\n['a', 'b'];['O']\n")
    found = propose(tmp_path, "")
    assert any("cannot be read so" in text for text in found.remarks)
    assert "3 different tags" in found.text


def test_a_file_of_train_and_dev_is_left_out_beside_train(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n", "tweets.{}")
    (tmp_path / "tweets.traindev").write_text((tmp_path / "tweets.train").read_text() * 2)
    found = propose(tmp_path, "")
    assert found.tasks == ("ner",)
    assert found.left_out == (
        "tweets.traindev: seems to hold several splits, as its name says, and there is a train beside it",
    )


def test_whole_files_beside_documents_have_their_own_splits(tmp_path: Path) -> None:
    for split, names in {"train": ("Law1", "Word", "train"), "dev": ("Sea2", "dev"), "test": ("Sky3", "test")}.items():
        (tmp_path / split).mkdir()
        for name in names:
            text = "".join(lines(plain(rows)) + "\n" for rows in corpus(split))
            (tmp_path / split / f"{name}.conll").write_text(text.replace("Ylva", name if name[0].isupper() else "Ylva"))
    tasks = described(tmp_path)
    splits = [tuple(task.part(split).file for split in ("train", "dev", "test")) for task in tasks.values()]
    assert sorted(splits, key=str) == [
        ("train/train.conll", "dev/dev.conll", "test/test.conll"),
        (("train/Law1.conll", "train/Word.conll"), "dev/Sea2.conll", "test/Sky3.conll"),
    ]


def test_tags_that_are_joined_are_named(tmp_path: Path) -> None:
    rows = [("hamelekh", "O^B-PER"), ("David", "E-PER"), ("bebeyt", "O^O"), ("lehem", "O"), (".", "O")]
    (tmp_path / "train.bmes").write_text((lines(rows) + "\n") * 30)
    found = propose(tmp_path, "")
    assert 'scheme = "plain"  # words have several tags' in found.text
    assert any("words have several tags, joined by '^'" in text for text in found.remarks)


def test_rare_keys_are_not_looked_at(tmp_path: Path) -> None:
    names = [f"Ada{number}" for number in range(2000)]
    records = [{"text": f"Bo met {name} .", "label": {"name": {name: [[7, 6 + len(name)]]}}} for name in names]
    located = [LocatedRecord(_flat(record), number, "") for number, record in enumerate(records)]
    assert _keys(located) == ["text", "label"]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records[:150]))
    (task,) = described(tmp_path).values()
    assert task.tag_column == "label"
    assert pairs(task, "train")[0] == [("Bo", "O"), ("met", "O"), ("Ada0", "B-name"), (".", "O")]


SPANS = {
    "Presidio": {
        "full_text": "Bo runs .",
        "masked": "{{name}} runs .",
        "spans": [{"entity_type": "PER", "entity_value": "Bo", "start_position": 0, "end_position": 2}],
    },
    "pairs of places": {"text": "Bo runs .", "entities": [{"name": "Bo", "span": [0, 2], "type": "PER"}]},
}


@pytest.mark.parametrize("tool", SPANS)
def test_spans_of_further_tools(tool: str, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text((json.dumps(SPANS[tool]) + "\n") * 20)
    (task,) = described(tmp_path).values()
    assert pairs(task, "train")[0] == [("Bo", "B-PER"), ("runs", "O"), (".", "O")]


def table(*rows: str) -> str:
    """Forty sentences of these rows."""
    return ("".join(f"{row}\n" for row in rows) + "\n") * 40


KEPT: dict[str, tuple[dict[str, str], list[str]]] = {
    "a word that is a hash": ({"train.txt": table("cost\tVBD", "#\t#", "5\tCD")}, ["cost", "#", "5"]),
    "a numbered mark of documents": ({"train.txt": table("1\tThe\tO", "2\t-DOCSTART-\tO")}, ["The", "-DOCSTART-"]),
    "a column of hashes": ({"train.txt": table("Bo\t#\tB-PER", "ran\t#\tO")}, ["Bo", "ran"]),
    "a column of lengths": ({"train.txt": table("Bo\t2\t1", "ran\t3\t0")}, ["Bo", "ran"]),
    "signs of equality": ({"train.txt": table("Bo = B-PER", "ran = O")}, ["Bo", "ran"]),
    "comments as of WebAnno": ({"train.txt": table("#id=1", "#text=Bo ran", "Bo\tB-PER", "ran\tO")}, ["Bo", "ran"]),
    "tags beside another text": (
        {"train.jsonl": '{"text": "A headline here", "words": ["Bo", "ran"], "tags": ["B-PER", "O"]}\n' * 40},
        ["Bo", "ran"],
    ),
    "a span beside offsets": (
        {"train.jsonl": '{"text": "Bo ran", "spans": [{"begin": 0, "end": 2, "label": "PER", "span": [1, 2]}]}\n' * 40},
        ["Bo", "ran"],
    ),
    "numbered parallel files": (
        {"seq0.txt": "Bo ran on\nhe sat\n" * 40, "seq1.txt": "B-PER O O\nO O\n" * 40},
        ["Bo", "ran", "on"],
    ),
    "parallel files that begin like XML": (
        {"seq.in": "<unk> Bo ran\nhe sat\n" * 40, "seq.out": "O B-PER O\nO O\n" * 40},
        ["<unk>", "Bo", "ran"],
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_only_looks_like_another_format_is_read(case: str, tmp_path: Path) -> None:
    files, words = KEPT[case]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    task = next(iter(described(tmp_path).values()))
    assert [word for word, _ in pairs(task, "train")[0]] == words


@pytest.mark.parametrize(
    "names",
    [
        ("x_train_train.txt", "x_train_dev.txt", "x_train_test.txt"),
        ("train.txt", "train_dev.txt", "test.txt"),
        ("training/nerTrain.txt", "training/nerDev.txt", "training/nerTest.txt"),
        ("development/nerTrain.txt", "development/nerDev.txt", "test/nerTest.txt"),
        ("train-dev-test/train.txt", "train-dev-test/dev.txt", "train-dev-test/test.txt"),
    ],
)
def test_splits_are_told_by_the_last_word(names: tuple[str, str, str], tmp_path: Path) -> None:
    for split, name in zip(("train", "dev", "test"), names, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("".join(lines(plain(rows)) + "\n" for rows in corpus(split)))
    (task,) = described(tmp_path).values()
    assert tuple(getattr(task.part(split), "file", None) for split in ("train", "dev", "test")) == names


def test_layers_in_a_folder_called_train_are_not_joined(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "chunk.txt").write_text(table("Bo\tB-NP", "ran\tB-VP"))
    (tmp_path / "train" / "pos.txt").write_text(table("Ada\tPROPN", "sat\tVERB"))
    assert list(described(tmp_path)) == ["chunk", "upos"]


@pytest.mark.parametrize(
    "rows",
    [
        ("I\ten", "see\ten", "the\ten", "ghar\thi", "mera\thi", ".\tO"),
        ("Ko\tNOUN", "cat\tNOUN", "sat\tVERB", "on\tADP", ".\tO"),
    ],
)
def test_layers_with_few_words_outside_stay_plain(rows: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(table(*rows))
    (task,) = described(tmp_path).values()
    assert task.scheme == "plain"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(("width", "missing"), [(2, "the last column"), (1, "")])
def test_a_test_file_without_tags_is_left_out(*, header: bool, width: int, missing: str, tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(rows) + "\n", head="word\tpos\ttag\n" if header else "")
    bare = "".join(lines([row[:width] for row in rows]) + "\n" for rows in corpus("test"))
    (tmp_path / "test.txt").write_text("\t".join(["word", "pos"][:width]) * header + "\n" * header + bare)
    found = propose(tmp_path, "")
    assert len(found.tasks) == 2
    assert "\ntest = " not in found.text
    lacks = "the column 'tag'" if header else missing
    assert found.left_out[0].startswith(f"{tmp_path / 'test.txt'}: {f'lacks {lacks} of train.txt' if missing else ''}")
    for task in described(tmp_path).values():
        assert pairs(task, "dev") == wanted("dev", 1 if task.scheme == "plain" else 2)


@pytest.mark.parametrize("name", [b"gr\xf6\xdfe-test.txt", b"a\x01b-test.txt"])
def test_files_whose_names_cannot_be_shown_are_named(name: bytes, tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n", "x-{}.txt")
    (tmp_path / "x-test.txt").rename(tmp_path / os.fsdecode(name))
    found = propose(tmp_path, "")
    (left_out,) = found.left_out
    assert left_out.endswith("test.txt: its name has characters that cannot be shown; rename it")
    assert left_out.isprintable()
    assert "\ntest = " not in found.text


def test_comments_with_as_many_cells_as_rows_are_known_by_the_numbers_of_words(tmp_path: Path) -> None:
    write(
        tmp_path,
        lambda rows, at: (
            f"#\thttp://x{at}\t[2010]\n" + lines([(n, row[0], row[2]) for n, row in enumerate(rows, 1)]) + "\n"
        ),
    )
    (task,) = described(tmp_path).values()
    assert pairs(task, "train") == wanted("train")


def test_a_table_of_r_is_named(tmp_path: Path) -> None:
    rows = "".join(f'"{at}" {at // 9} "w\\"{at}" "O"\n' for at in range(1, 60))
    (tmp_path / "train.txt").write_text(f'"sentence" "word" "tag"\n{rows}')
    with pytest.raises(DataError, match=r"as R's write\.table writes: write it with sep = "):
        propose(tmp_path, "")


def test_colons_between_words_and_tags(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: " ".join(f"{word}:{tag}" for word, tag in plain(rows)) + "\n")
    (task,) = described(tmp_path).values()
    assert pairs(task, "train") == wanted("train")


PAIRS = [["Ada sat .", {"entities": [[0, 3, "PER"]]}], ["Bo ran .", {"entities": [[0, 2, "PER"]]}]]


@pytest.mark.parametrize(
    "value",
    [
        {"classes": ["PER"], "annotations": [None, *PAIRS]},
        [{"document": text, "tokens": [{"text": text[:end], "start": 0, "end": end, "entityLabel": label}]}
         for text, spans in PAIRS for _, end, label in spans["entities"]],
    ],
)  # fmt: skip
def test_exports_of_tools(value: object, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(json.dumps(value))
    (task,) = described(tmp_path).values()
    assert [labels for *_, labels in map(_words_and_labels, pairs(task, "train"))] == [("B-PER", "O", "O")] * 2


def _words_and_labels(sentence: list[tuple[str, str | None]]) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    words, labels = zip(*sentence, strict=True)
    return words, labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"train": [{"tokens": ["a"], "tags": ["O"]}], "test": [{"tokens": ["b"], "tags": ["O"]}]}', "several splits"),
        ('{"text": "Ada sat", "annotations": [{"label": 1, "start_offset": 0, "end_offset": 3}]}\n', "labels = "),
    ],
)
def test_records_that_need_a_hand_are_told_what_to_do(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(content)
    try:
        found = propose(tmp_path, "").text
    except DataError as error:
        found = str(error)
    assert message in found


def test_cells_of_several_lines_beside_words(tmp_path: Path) -> None:
    write(
        tmp_path,
        lambda rows, at: "".join(
            f'{at},"{word.replace(chr(34), chr(34) * 2)}",{tag},"a note\nof two lines"\n' for word, tag in plain(rows)
        ),
        "{}.csv",
        "id,word,tag,note\n",
    )
    (task,) = described(tmp_path).values()
    assert task.name == "tag"
    for split in ("train", "dev", "test"):
        assert pairs(task, split) == wanted(split)


def test_layers_in_misc_are_tasks_if_there_are_no_others(tmp_path: Path) -> None:
    def row(at: int, word: str, pos: str, tag: str) -> str:
        return "\t".join([str(at), word, *"_______", f"pos={pos}|NER={tag}"]) + "\n"

    write(tmp_path, lambda rows, _: "".join(row(at, *own) for at, own in enumerate(rows, 1)) + "\n", "{}.conllu")
    tasks = described(tmp_path)
    assert {name: task.tag_column for name, task in tasks.items()} == {"pos": "misc:pos", "ner": "misc:NER"}
    assert pairs(tasks["ner"], "train") == wanted("train")


def test_a_header_called_whitespace_is_a_name(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n", head="word\twhitespace\n")
    (task,) = described(tmp_path).values()
    assert (task.tag_column, task.separator) == ("whitespace", "\t")


def test_copies_are_found_in_any_encoding(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines([(word.replace("o", "ö"), tag) for word, tag in plain(rows)]) + "\n")
    content = (tmp_path / "train.txt").read_text().encode("latin-1")
    (tmp_path / "train.txt").write_bytes(content)
    (tmp_path / "train_20.txt").write_bytes(b"\n\n".join(content.split(b"\n\n")[:20]) + b"\n\n")
    found = propose(tmp_path, "")
    assert any("train_20.txt: 20 of its 20 different sentences are also in" in text for text in found.left_out)


def test_a_header_that_begins_with_a_hash_is_a_header(tmp_path: Path) -> None:
    numbers = iter(range(10_000))
    write(
        tmp_path,
        lambda rows, at: lines([(next(numbers), at, *own) for own in plain(rows)]),
        head="#\tsentence_id\ttoken\tlabel\n",
    )
    (task,) = described(tmp_path).values()
    assert (task.token_column, task.tag_column, task.sentence_column) == ("token", "label", "sentence_id")
    assert pairs(task, "train") == wanted("train")


@pytest.mark.parametrize("sign", ["/", ":"])
def test_lines_whose_first_word_has_no_tag_keep_init_from_nothing(sign: str, tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    words = " ".join(f"w{at}{sign}T{at % 3}" for at in range(25))
    (tmp_path / "features.svm").write_text("".join(f"s{at} {words}\n" for at in range(20)))
    assert propose(tmp_path, "").tasks == ("ner",)


def test_times_are_no_words_with_tags(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("6:00 7:15 8:30\n7:00 8:15 9:30 10:45 11:00\n" * 20)
    with pytest.raises(DataError, match="looks like tagged sentences"):
        propose(tmp_path, "")


@pytest.mark.parametrize("name", ["document", "message", "tweet"])
def test_the_text_with_the_spans_is_the_longer_one(name: str, tmp_path: Path) -> None:
    record = {name: "doc-1", "body": "Ada sings in Oslo .", "spans": [[0, 3, "PER"], [13, 17, "LOC"]]}
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(record)}\n" * 3)
    (task,) = described(tmp_path).values()
    assert task.token_column == "body"


def test_other_names_of_the_last_column_are_no_lack(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n", head="word\tlabel\n")
    (tmp_path / "train.txt").write_text("word\tpos\ttag\n" + "".join(lines(rows) + "\n" for rows in corpus("train")))
    (task,) = described(tmp_path).values()
    assert [pairs(task, split) for split in ("train", "dev")] == [wanted("train"), wanted("dev")]


def test_more_columns_of_dev_and_test_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(rows) + "\n")
    bare = "".join(lines([row[:2] for row in rows]) + "\n" for rows in corpus("train"))
    (tmp_path / "train.txt").write_text(bare)
    (task,) = described(tmp_path).values()
    assert [pairs(task, split) for split in ("train", "dev")] == [wanted("train", 1), wanted("dev", 1)]


def test_objects_with_numbers_for_labels_beside_tags_are_no_layer(tmp_path: Path) -> None:
    record = {"tokens": ["Ada", "sat"], "tags": ["B-PER", "O"], "boxes": [{"start": 0, "end": 1, "label": 3}]}
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(record)}\n" * 3)
    assert list(described(tmp_path)) == ["ner"]


@pytest.mark.parametrize("tags", ["[1, 0, 0]", "[1 0 0]", "(1, 0, 0)", "[1.0, 0.0, 0.0]", "[True, False, False]"])
def test_lists_of_numbers_beside_a_text(tags: str, tmp_path: Path) -> None:
    rows = "".join(f'"Ada met w{at}","{tags}"\n' for at in range(40))
    (tmp_path / "train.csv").write_text(f"sentence,label_seq\n{rows}")
    (task,) = described(tmp_path).values()
    assert [label for _, label in pairs(task, "train")[0]] == re.findall(r"[\w.]+", tags)


SPLITS_INSIDE = {
    "Prodigy": lambda word, split: json.dumps({"text": word, "spans": [], "meta": {"split": split}}) + "\n",
    "a column without a header": lambda word, split: f"{split}\t{word}\tO\n{split}\tsat\tB-X\n\n",
}


@pytest.mark.parametrize("case", SPLITS_INSIDE)
def test_splits_that_are_named_inside_a_file(case: str, tmp_path: Path) -> None:
    content = "".join(SPLITS_INSIDE[case](f"w{at}", "test" if at > 30 else "train") for at in range(40))
    (tmp_path / "data.jsonl").write_text(content)
    with pytest.raises(DataError, match="says which sentences are train, dev and test"):
        propose(tmp_path, "")


def test_splits_in_comments(tmp_path: Path) -> None:
    row = "1\tAda\t_\tPROPN\t_\t_\t_\t_\t_\t_\n\n"
    text = "".join(f"# split = {'test' if at > 30 else 'train'}\n{row}" for at in range(40))
    (tmp_path / "data.conllu").write_text(text)
    with pytest.raises(DataError, match="its '# split' says which sentences are train, dev and test"):
        propose(tmp_path, "")


@pytest.mark.parametrize("head", ["", "doc\tspan_start\tspan_end\tmention\ttype\n"])
def test_tables_of_spans(head: str, tmp_path: Path) -> None:
    rows = "".join(
        f"{at}\t{at % 7}\t{at % 7 + len(word)}\t{word}\tPER\n" for at, word in enumerate(["Ada", "Ann Lee"] * 20)
    )
    (tmp_path / "train.tsv").write_text(head + rows)
    with pytest.raises(DataError, match="is a table of spans"):
        propose(tmp_path, "")


def test_words_with_their_offsets_are_words(tmp_path: Path) -> None:
    def rows_of(rows: Rows) -> str:
        starts = [sum(len(word) + 1 for word, *_ in rows[:at]) for at in range(len(rows))]
        own = [(word, start, start + len(word), tag) for start, (word, tag) in zip(starts, plain(rows), strict=True)]
        return lines(own) + "\n"

    write(tmp_path, lambda rows, _: rows_of(rows))
    (task,) = described(tmp_path).values()
    assert pairs(task, "train") == wanted("train")


def test_sentences_with_a_column_for_each_predicate(tmp_path: Path) -> None:
    def row(at: int, own: tuple[str, str, str], predicates: int) -> str:
        return "\t".join([str(at), own[0], own[1], "_", own[2], *["A0" if at == 1 else "_"] * predicates]) + "\n"

    write(tmp_path, lambda rows, n: "".join(row(at, own, n % 3) for at, own in enumerate(rows, 1)) + "\n", "{}.conll")
    tasks = described(tmp_path)
    assert pairs(tasks["ner"], "train") == wanted("train")


def test_standard_global_columns_hide_no_features(tmp_path: Path) -> None:
    row = "\t".join(["1", "Ada", "_", "{}", "_", "_", "0", "_", "_", "NER={}"]) + "\n\n"
    head = "# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC\n"
    (tmp_path / "train.conllu").write_text(head + (row.format("PROPN", "B-PER") + row.format("VERB", "O")) * 20)
    assert "misc:NER" in propose(tmp_path, "").text


def test_marks_of_documents_without_a_dash_behind(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, at: f"-DOCSTART FILE {at}.xml\n\n" + lines(plain(rows)) + "\n")
    (task,) = described(tmp_path).values()
    assert pairs(task, "train") == wanted("train")


@pytest.mark.parametrize("plainly", [True, False])
def test_a_header_that_is_repeated_is_no_word(plainly: bool, tmp_path: Path) -> None:
    """Files that were put together have the header of each."""

    def text(rows: Rows, at: int) -> str:
        own = [*([("Token", "NER")] * (2 if at % 14 else 1) if at % 7 == 0 else []), *plain(rows)]
        quoted = "".join(f'"{word.replace(QUOTE, QUOTE * 2)}","{tag}"\n' for word, tag in own)
        return (lines(own) if plainly else quoted) + "\n"

    write(tmp_path, text)
    (task,) = described(tmp_path).values()
    assert task.table.is_plain == plainly
    assert pairs(task, "train") == wanted("train")
    assert "line" not in {problem.kind for problem in check_tasks({"x": task})}


def test_json_whose_keys_are_names_of_sentences(tmp_path: Path) -> None:
    def named(rows: Rows, at: int) -> str:
        words, tags = zip(*plain(rows), strict=True)
        return f'{"{" if not at else ","}"doc-{at}": {json.dumps({"tokens": words, "tags": tags})}'

    write(tmp_path, named, "{}.json")
    for path in tmp_path.glob("*.json"):
        path.write_text(path.read_text() + "}")
    with pytest.raises(DataError, match=r"train.json: is one JSON object, whose keys \(doc-0, .*write a list"):
        propose(tmp_path, "")


def test_which_of_two_files_is_dev_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    (tmp_path / "dev.txt").rename(tmp_path / "eval.txt")
    (tmp_path / "test.txt").rename(tmp_path / "heldout.txt")
    found = propose(tmp_path, "")
    assert found.left_out == ("eval.txt, heldout.txt: which of them is dev is not clear; name it in tasks.toml",)
    assert "is used as" not in found.text


@pytest.mark.parametrize("name", ["all.txt", "corpus.txt"])
def test_a_file_with_the_test_sentences_is_not_for_training(name: str, tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    (tmp_path / name).write_text("".join((tmp_path / f"{split}.txt").read_text() for split in ("test", "train")))
    found = propose(tmp_path, "")
    assert found.tasks == ("ner",)
    assert re.search(
        rf"{name}: has \d+ of the \d+ different sentences of test.txt, with the same tags, so it", found.left_out[0]
    )
    assert name not in re.sub("#.*", "", found.text)


def test_what_stands_beside_data_in_repositories_is_no_data(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    (tmp_path / "requirements.txt").write_text("spacy-lookups-data>=1.0.0,<1.1.0\n")
    (tmp_path / "MANIFEST.in").write_text("include README\ninclude LICENSE\n")
    (tmp_path / "paths").write_text("".join(f"{at:06b}\tword{at}\t{at % 7}\n" for at in range(100)))
    (tmp_path / "de-1.0").mkdir()
    (tmp_path / "de-1.0" / "meta.json").write_text('{"lang": "de", "spacy_version": ">=2.0"}')
    (tmp_path / "other" / "vocab").mkdir(parents=True)
    (tmp_path / "other" / "vocab" / "strings.json").write_text("[]")
    (tmp_path / "other" / "meta.json").write_text("7")
    for name in ("vocab/strings.json", "ner/moves"):
        (tmp_path / "de-1.0" / name).parent.mkdir(parents=True)
        (tmp_path / "de-1.0" / name).write_text("a,b,c\n" * 9)
    for name in ("one", "two"):
        settings = "".join(f'  "{name} {at}": true,\n' for at in range(40))
        (tmp_path / f"{name}.json").write_text(f"{{\n{settings}}}\n")
        (tmp_path / f"{name}_script").write_text("#!/bin/sh\n" + "".join(f"{name} {at % 3}\n" for at in range(40)))
    found = propose(tmp_path, "")
    assert found.tasks == ("ner",)
    assert any(text.endswith("paths: is a list of words with counts: no word occurs twice") for text in found.left_out)
    assert any(text.endswith("de-1.0: is a model of spaCy") for text in found.left_out)
    assert any("other/meta.json: " in text for text in found.left_out)


def test_the_last_column_is_that_of_tags_where_lines_have_more_or_fewer(tmp_path: Path) -> None:
    def row(word: str, pos: str, tag: str) -> str:
        reading = ["*"] if word.startswith("item") else [word, word.upper()]  # MeCab does not know how it is read
        return "\t".join([word, pos, *reading, tag]) + "\n"

    write(tmp_path, lambda rows, _: "".join(row(*own) for own in rows) + "\n")
    tasks = described(tmp_path)
    assert list(tasks)[-1] == "last_column"
    (task,) = (task for task in tasks.values() if task.tag_column == -1)
    assert pairs(task, "train") == wanted("train")


@pytest.mark.parametrize("names", [("sentences.txt", "train_labels.txt"), ("train.txt", "labels.txt")])
def test_parallel_files_of_which_one_names_the_split(names: tuple[str, str], tmp_path: Path) -> None:
    for name, at in zip(names, (0, 2), strict=True):
        (tmp_path / name).write_text("".join(" ".join(own[at] for own in rows) + "\n" for rows in corpus("train")))
    (task,) = described(tmp_path).values()
    assert task.format == "parallel"
    assert pairs(task, "train") == wanted("train")[: len(pairs(task, "train"))]


def test_words_about_programs_and_numbers_beside_ids_are_data(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n", head="#!/bin/sh\tO\n\n")
    assert propose(tmp_path, "").tasks == ("ner",)
    numbers = iter(range(10_000))
    write(
        tmp_path,
        lambda rows, _: lines([(f"d{next(numbers)}.0", word, int(tag != "O")) for word, tag in plain(rows)]) + "\n",
    )
    (task,) = described(tmp_path).values()
    assert task.tag_column == 3


def test_a_few_lost_cells_are_mistakes(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(rows) + "\n")
    text = (tmp_path / "train.txt").read_text()
    (tmp_path / "train.txt").write_text(text.replace("Ylva\tPROPN\t", "Ylva\t", 1))
    tasks = described(tmp_path)
    assert [task.tag_column for task in tasks.values()] == [2, 3]
    errors = [each.text for each in check_tasks(tasks) if each.level == "error"]
    assert any(re.search(r"train.txt:\d+: has 2 columns", text) for text in errors)


def test_parallel_files_of_equally_many_lines_pair_within_their_split(tmp_path: Path) -> None:
    for split, names in {"train": "train", "dev": "testa", "test": "testb"}.items():
        rows = corpus(split)[:12]
        (tmp_path / f"{names}.words.txt").write_text(
            "".join(" ".join(word for word, _, _ in own) + "\n" for own in rows)
        )
        (tmp_path / f"{names}.tags.txt").write_text("".join(" ".join(tag for _, _, tag in own) + "\n" for own in rows))
    (task,) = described(tmp_path).values()
    assert task.format == "parallel"
    for split in ("train", "dev", "test"):
        assert pairs(task, split) == wanted(split)[:12]


@pytest.mark.parametrize("tests", [["test.txt"], ["test.txt", "gold.test.txt"]])
def test_what_other_taggers_said_about_test_is_not_for_training(tests: list[str], tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    rows = [[(word, "O" if word == "Ylva" else tag) for word, tag in plain(own)] for own in corpus("test")]
    said = "".join(lines(own) + "\n" for own in rows)
    (tmp_path / "submissions").mkdir()
    for name in ("predictions.txt", "submissions/ours", "submissions/theirs"):
        (tmp_path / name).write_text(said)
    for name in tests[1:]:
        (tmp_path / name).write_text((tmp_path / "test.txt").read_text())
    found = propose(tmp_path, "")
    assert found.tasks == ("ner",)
    why = "20 of its 20 different sentences are also in"
    names = {text.partition(":")[0].rpartition("/")[2] for text in found.left_out if why in text}
    assert names >= {"ours", "theirs"}
    assert "predictions" not in found.text
    assert ("gold.test.txt: is called test, but so is test.txt" in str(found.left_out)) == (len(tests) > 1)


@pytest.mark.parametrize("name", ["all", "train_20"])
@pytest.mark.parametrize("ending", ["conllu", "jsonl"])
def test_copies_are_found_in_conllu_and_json_lines(name: str, ending: str, tmp_path: Path) -> None:
    def record(rows: Rows, _: int) -> str:
        words, tags = zip(*plain(rows), strict=True)
        return json.dumps({"tokens": words, "tags": tags}) + "\n"

    def block(rows: Rows, number: int) -> str:
        return (
            f"# sent_id = {number}\n"
            + "".join(
                "\t".join([str(at), word, *"____", "_", "_", "_", f"NER={tag}"]) + "\n"
                for at, (word, _, tag) in enumerate(rows, 1)
            )
            + "\n"
        )

    sentence = record if ending == "jsonl" else block
    write(tmp_path, sentence, f"{{}}.{ending}")
    copied = [*corpus("test"), *corpus("train")] if name == "all" else corpus("train")[:20]
    (tmp_path / f"{name}.{ending}").write_text("".join(sentence(rows, 1000 + at) for at, rows in enumerate(copied)))
    found = propose(tmp_path, "")
    why = "of the 20 different sentences of test" if name == "all" else "of its 20 different sentences are also in"
    assert any(f"{name}.{ending}: " in text and why in text for text in found.left_out)
    assert f"{name}.{ending}" not in re.sub("#.*", "", found.text)


def test_files_with_the_names_of_integers_are_not_called_left_out(tmp_path: Path) -> None:
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]

    def record(rows: Rows, _: int) -> str:
        words, tags = zip(*plain(rows), strict=True)
        return json.dumps({"tokens": words, "ner_tags": list(map(names.index, tags))}) + "\n"

    write(tmp_path, record, "{}.jsonl")
    (tmp_path / "label2id.json").write_text(json.dumps({name: at for at, name in enumerate(names)}))
    found = propose(tmp_path, "")
    assert found.left_out == ()
    assert '"B-PER"' in found.text


def test_a_first_word_with_its_tag_is_no_header(tmp_path: Path) -> None:
    rows = [("Ada", "B-NAME"), ("Ann", "M-NAME"), ("Lee", "E-NAME"), ("naps", "O")]
    sentences = [rows[:1] + rows[2:], *([("Bo", "E-NAME"), ("Ek", "M-NAME"), ("is", "O"), ("in", "O")],) * 9]
    (tmp_path / "train.txt").write_text("\n".join(map(lines, sentences)))
    assert "header = true" not in propose(tmp_path, "").text


@pytest.mark.parametrize("tags", ["B-X E-X O I-X O", "B-X I-X E-X O I-X"])
def test_the_scheme_has_the_letters_of_many_tags(tags: str, tmp_path: Path) -> None:
    rows = [(f"w{at}", tag) for at, tag in enumerate(tags.split())]
    (tmp_path / "train.txt").write_text((lines(rows) + "\n") * 20)
    found = propose(tmp_path, "").text
    assert 'scheme = "iobes"' in found
    assert 'score = "spans"' in found


def test_a_column_of_numbers_beside_tags_is_named(tmp_path: Path) -> None:
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]

    def text(rows: Rows, _: int) -> str:
        return lines([(at, word, pos, names.index(tag)) for at, (word, pos, tag) in enumerate(rows, 1)]) + "\n"

    write(tmp_path, text)
    found = propose(tmp_path, "")
    why = "column 4 of train.txt is left out, since it has only numbers, most of them 0: if it is a layer, add a task"
    assert found.tasks == ("upos",)
    assert any(why in each for each in found.remarks)
    assert "column 1 of" not in found.text


def test_records_with_two_equal_parts_are_records(tmp_path: Path) -> None:
    def text(rows: Rows, _: int) -> str:
        words, tags = zip(*plain(rows), strict=True)
        return json.dumps({part: {"tokens": words, "tags": tags} for part in ("en", "de")}) + "\n"

    write(tmp_path, text, "{}.jsonl")
    assert pairs(described(tmp_path)["ner"], "train") == wanted("train")


def test_other_tags_of_the_test_sentences_are_another_task(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(plain(rows)) + "\n")
    other = "".join(lines([(word, pos) for word, pos, _ in rows]) + "\n" for rows in corpus("test"))
    (tmp_path / "pos.txt").write_text(other)
    found = propose(tmp_path, "")
    assert found.left_out == ()
    assert len(found.tasks) == 2


def test_one_slip_among_few_tags_does_not_change_the_scheme(tmp_path: Path) -> None:
    sentences = [[("red", "B-FOOD"), ("onion", "I-FOOD"), (".", "O")], [("oil", "B-FOOD"), (".", "O")]] * 4
    sentences[3] = [("oil", "S-FOOD"), (".", "O")]
    (tmp_path / "train.txt").write_text("\n".join(map(lines, sentences)))
    assert 'scheme = "iob2"  # as most tags say, but not followed in 1 of' in propose(tmp_path, "").text


def test_spans_on_hypertext_are_read_if_there_is_no_mark_up(tmp_path: Path) -> None:
    value = {"start": 0, "end": 3, "text": "Ada", "hypertextlabels": ["PER"]}
    results = [{"result": [{"type": "hypertextlabels", "value": value}]}]
    record = {"data": {"text": "Ada sleeps in Oslo ."}, "annotations": results}
    (tmp_path / "train.json").write_text(json.dumps([record] * 9))
    assert "iob2" in propose(tmp_path, "").text
    (tmp_path / "train.json").write_text(json.dumps([{**record, "data": {"text": "<p>Ada sleeps.</p>"}}] * 9))
    with pytest.raises(DataError, match="its spans are on HTML"):
        propose(tmp_path, "")


def test_a_tab_may_indent_lines_with_blanks_between_the_columns(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: "".join("\t" + " ".join(row) + "\n" for row in rows) + "\n")
    tasks = described(tmp_path)
    assert [task.tag_column for task in tasks.values()] == [2, 3]
    assert pairs(tasks["ner"], "train") == wanted("train")


def test_i_and_o_alone_mark_spans(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines([(word, "O" if tag == "O" else "I") for word, tag in plain(rows)]) + "\n")
    (task,) = described(tmp_path).values()
    assert task.scheme == "iob1"


def test_texts_with_digits_are_no_ids(tmp_path: Path) -> None:
    rows = [(f"物损{number}其他物损受损", "-X-", "B-物" if number % 3 else "O") for number in range(60)]
    (tmp_path / "train.conll").write_text("".join(lines([row]) + "\n" for row in rows))
    (task,) = described(tmp_path).values()
    assert (task.token_column, task.tag_column) == (1, 3)


def test_sentences_of_a_single_word_are_named(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: "".join(lines([row]) + "\n" for row in plain(rows)))
    found = [each for each in check_tasks(described(tmp_path)) if each.kind == "odd-words"]
    assert [each.line for each in found] == [1, 1, 1]
    count = sum(map(len, corpus("train")))
    assert f"{count} of {count} sentences have a single word; if a blank line" in found[0].text


@pytest.mark.parametrize("behind", ["\t", "\t\t"])
def test_tabs_behind_all_lines_are_no_columns(behind: str, tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: "".join(" ".join(row) + behind + "\n" for row in rows) + "\n")
    tasks = described(tmp_path)
    assert [task.tag_column for task in tasks.values()] == [2, 3]
    assert pairs(tasks["ner"], "dev") == wanted("dev")


def test_a_blank_before_one_word_changes_no_separator(tmp_path: Path) -> None:
    write(tmp_path, lambda rows, _: lines(rows) + "\n")
    text = (tmp_path / "train.txt").read_text()
    (tmp_path / "train.txt").write_text(text.replace("Ylva\t", " Ylva\t", 1))
    tasks = described(tmp_path)
    assert (tasks["ner"].separator, tasks["ner"].dev.file) == ("\t", "dev.txt")
    assert [each.kind for each in check_tasks({"ner": tasks["ner"]}) if each.kind == "white-space"] == ["white-space"]
