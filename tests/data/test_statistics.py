"""The paper's Table 1 from the real data, and its definitions on sentences that one can count by hand."""

import json
import math

import pytest
from real_data import DATA, PAPER, needs_real_data

from tagmates.data.sentence import Sentence
from tagmates.data.statistics import label_entropy, statistics, table1, token_type_ratio
from tagmates.data.tasks import load_tasks


def test_definitions_by_hand() -> None:
    train = [Sentence(("The", "the", "cat"), ("D", "D", "N")), Sentence(("Cat",), ("N",))]
    test = [Sentence(("dog",), ("X",))]
    assert token_type_ratio(train) == 4 / 2  # types are lower-cased
    assert label_entropy(train) == pytest.approx(math.log(2))  # nats
    row = statistics("t", {"train": train, "test": test})
    assert (row["sentences_train"], row["sentences_all"]) == (2, 3)
    assert (row["tokens_train"], row["tokens_test"], row["sentences_test"]) == (4, 1, 1)
    assert not {"tokens_dev", "sentences_dev"} & row.keys()
    assert row["token_type_all"] == 5 / 3
    assert row["labels"] == 3  # of all splits
    assert row["label_entropy"] == pytest.approx(math.log(2))  # of train


@needs_real_data
def test_every_printed_cell_of_table_1() -> None:
    published = json.loads((DATA / "table1.json").read_text())["tasks"]
    known = load_tasks(str(PAPER))
    rows = {row["task"]: row for row in table1(known, known)}
    assert list(rows) == list(published)
    cells = 0
    for task, entry in published.items():
        paper = entry["paper_table1"]
        assert rows[task]["labels"] == paper["labels"]
        assert round(rows[task]["label_entropy"], 1) == paper["label_entropy"]
        cells += 2
        # the sentences and ratios of a data set with two tasks are printed once, for the first
        if task not in ("xpos", "supsense", "semtr"):
            assert rows[task]["sentences_train"] == paper["sentences_train"]
            assert rows[task]["sentences_all"] == paper["sentences_all"]
            assert round(rows[task]["token_type_train"], 1) == paper["token_type_train"]
            assert round(rows[task]["token_type_all"], 1) == paper["token_type_all"]
            cells += 4
    assert cells == 54
