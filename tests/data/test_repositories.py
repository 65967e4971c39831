"""Folders as they are downloaded: data beside notebooks and settings, and files with the faults that people leave."""

import json
from pathlib import Path

from test_variants import Rows, described, lines, pairs, wanted, write

from tagmates.data.checking.check import check_tasks
from tagmates.data.describing.proposal import propose


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


def test_csv_with_blanks_between_its_columns(tmp_path: Path) -> None:
    def quoted(rows: Rows) -> str:
        return lines([('""""' if word == '"' else word, tag) for word, tag in plain(rows)], " ") + "\n"

    write(tmp_path, lambda rows, _: quoted(rows), "{}.csv")
    tasks = described(tmp_path)
    assert pairs(tasks["ner"], "train") == wanted("train")
