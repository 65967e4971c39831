"""Partly annotated sentences: from the file to training, scores, predictions and a packed study."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from command_line import TINY, done, refused
from helpers import make_corpora, make_run
from torch.testing import assert_close

from tagmates.config import Sharing
from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import load_corpora, load_split
from tagmates.data.indexing import digest
from tagmates.data.sentence import Sentence
from tagmates.data.statistics import label_entropy, statistics
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.training.baseline import most_frequent
from tagmates.training.loop import EpochEnded, Updated, train_side_by_side
from tagmates.training.run import Run

TOML = """
train = "a.tsv"
dev = "a.tsv"
test = "b.tsv"
[tasks.pos]
[tasks.ner]
tag_column = 3
scheme = "iob2"
"""
# one sentence has no POS tag, and in test none has a name
TRAIN = "Mara\tPROPN\tB-PER\nsails\tVERB\tO\nslowly\t_\t_\n\nIda\t_\tB-PER\nVik\t_\tI-PER\nnods\t_\tO\n"
TEST = "Mara\tPROPN\t_\nnods\t_\t_\n\nhere\t_\t_\n"


@pytest.fixture(autouse=True)
def here(here: Path) -> Path:
    """A working directory with tasks that are partly annotated."""
    write()
    return here


def write(toml: str = TOML, train: str = TRAIN, test: str = TEST) -> None:
    for name, text in (("tasks.toml", toml), ("a.tsv", train), ("b.tsv", test)):
        Path(name).write_text(text, encoding="utf-8")


def labels(task: Task, split: str = "train") -> list[tuple[str | None, ...]]:
    return [sentence.labels for sentence in load_split(task, split)]


# ------------------------------------------------------------------------------------------------- reading


def test_an_underscore_is_no_label() -> None:
    tasks = load_tasks("tasks.toml")
    assert labels(tasks["pos"]) == [("PROPN", "VERB", None), (None, None, None)]
    assert labels(tasks["ner"]) == [("B-PER", "O", None), ("B-PER", "I-PER", "O")]
    assert labels(tasks["ner"], "test") == [(None, None), (None,)]


@pytest.mark.parametrize(("unlabelled", "expected"), [("?", ["N", "_", None]), ("", ["N", "_", "?"])])
def test_another_tag_or_none_says_so(unlabelled: str, expected: list[str | None]) -> None:
    write(f'unlabelled = "{unlabelled}"\n[tasks.x]\ntrain = "a.tsv"\n', "a\tN\nb\t_\nc\t?\n")
    (found,) = labels(load_tasks("tasks.toml")["x"])
    assert list(found) == expected


def test_conllu_has_words_without_a_feature() -> None:
    rows = ["a\ta\tNOUN\t_\tNumber=Sing\t0\troot\t_\tX=1", "b\tb\t_\t_\t_\t1\tdep\t_\t_"]
    toml = 'format = "conllu"\ntrain = "a.tsv"\n[tasks]\n' + "".join(
        f'{name} = {{ tag_column = "{column}"{more} }}\n'
        for name, column, more in (
            ("upos", "upos", ""), ("number", "feats:Number", ""), ("x", "misc:X", ', unlabelled = "_"')
        )
    )  # fmt: skip
    write(toml, "".join(f"{number}\t{row}\n" for number, row in enumerate(rows, 1)))
    tasks = load_tasks("tasks.toml")
    assert labels(tasks["upos"]) == [("NOUN", None)]
    assert labels(tasks["number"]) == [("Sing", "_")]
    assert labels(tasks["x"]) == [("1", None)]


def test_a_task_without_any_label() -> None:
    write(train="Mara\t_\tO\nsails\t_\tO\n")
    said = r"a.tsv: no token of pos train has a label; label some, or set unlabelled to another tag than '_'"
    refused(1, said, "train", "--data", "tasks.toml", "--tasks", "pos,ner", *TINY, "--output-dir", "run")
    problems = [problem for problem in check_tasks(load_tasks("tasks.toml")) if problem.kind == "no-label"]
    assert [(problem.task, problem.split) for problem in problems if problem.level == "error"] == [
        ("pos", "train"),
        ("pos", "dev"),
    ]


def test_statistics_count_labels() -> None:
    train = [Sentence(("a", "b", "c"), ("X", None, "Y")), Sentence(("a",))]
    row = statistics("t", {"train": train})
    assert (row["labels"], row["sentences_train"], row["token_type_train"]) == (2, 2, 4 / 3)
    assert row["label_entropy"] == label_entropy([Sentence(("a", "b"), ("X", "Y"))])
    assert most_frequent(train, [Sentence(("a", "b", "c"))]) == [["X", "X", "Y"]]


# ------------------------------------------------------------------------------------------------- the commands


def test_from_the_file_to_the_predictions() -> None:
    problems = list(check_tasks(load_tasks("tasks.toml")))
    assert {problem.kind for problem in problems if problem.level == "error"} == {"overlap"}  # one file is all splits
    assert ("pos", "test") in {(problem.task, problem.split) for problem in problems if problem.kind == "no-label"}
    done("train", "--data", "tasks.toml", "--tasks", "pos,ner", *TINY, "--output-dir", "run")
    found = json.loads(done("evaluate", "run", "--json", "--baseline", "--output", "out").out)["tasks"]
    assert [found[task]["support"] for task in ("pos", "ner")] == [1, 0]
    assert found["ner"]["types"] == {}  # whatever was predicted
    assert found["pos"]["baseline"]["f1"] == 100
    rows = [line.split("\t") for line in Path("out/pos.conll").read_text().splitlines() if line]
    assert [row[:2] for row in rows] == [["Mara", "PROPN"], ["nods", "_"], ["here", "_"]]
    assert {row[2] for row in rows} <= {"PROPN", "VERB"}
    assert "pos" in done("data", "stats", "--data", "tasks.toml").out


def test_a_packed_study_knows_what_has_no_label() -> None:
    # a tag _ that is a label stays one in the pack
    write(TOML + 'convert_to = "iobes"\n[tasks.odd]\nunlabelled = "?"\n')
    Path("s.toml").write_text('data = "tasks.toml"\nvectors = "random"\nseeds = [1]\n')
    done("study", "pack", "s.toml", "--output", "s.pack")
    ours, theirs = load_tasks("s.pack"), load_tasks("tasks.toml")
    for task, splits in load_corpora(theirs, theirs).items():
        packed = load_corpora(ours, [task])[task]
        for split, sentences in splits.items():
            assert [s.labels for s in packed[split]] == [s.labels for s in sentences]
        assert digest(packed) == digest(splits)
    assert labels(ours["ner"])[0] == ("S-PER", "O", None)
    assert labels(ours["odd"])[0] == ("PROPN", "VERB", "_")


# ------------------------------------------------------------------------------------------------- training


def runs() -> Iterator[Run]:
    """With and without tokens that lack a label; some decoders have equally many labels."""
    tags = {"pos": ["A", "B", "C"], "ner": ["O", "B-X", "I-X"]}
    kinds: list[tuple[Sharing, float]] = [("multi_dec", 0.4), ("multi_dec", 0), ("te_dec", 0.4), ("te_enc", 0.4)]
    for seed, (sharing, share) in enumerate(kinds):
        yield make_run(make_corpora(seed, tags, unlabelled=share), sharing, seed=seed)


def losses_of(some: list[Run]) -> dict[str, list[float]]:
    """The losses of the first twenty updates of every run."""
    found: dict[str, list[float]] = {run.id: [] for run in some}
    for event in train_side_by_side(some, len(some)):
        if isinstance(event, Updated):
            found[event.run.id].append(event.loss)
        if all(len(losses) >= 20 for losses in found.values()):
            return {name: losses[:20] for name, losses in found.items()}
    raise AssertionError("a training ended before twenty updates")


def test_lanes_with_and_without_all_labels_are_as_each_alone() -> None:
    together = losses_of(list(runs()))
    for run in runs():
        assert_close(torch.tensor(together[run.id]), torch.tensor(losses_of([run])[run.id]), rtol=1e-5, atol=0)


def test_labels_are_learned_from_the_tokens_that_have_one() -> None:
    """Of the labels in training two in three are left out; a tag is its word's."""
    draw = random.Random(1)

    def sentence(share: float) -> Sentence:
        numbers = draw.choices(range(12), k=draw.randint(2, 8))
        tags = tuple("ABC"[n % 3] if draw.random() < share else None for n in numbers)
        return Sentence(tuple(f"w{n}" for n in numbers), tags)

    splits = {"train": [sentence(1 / 3) for _ in range(80)], "dev": [sentence(1.0) for _ in range(20)]}
    run = make_run({"x": splits}, "stl", training={"learning_rate": 0.02, "max_epochs": 5})
    scores = [event.line["dev_mean"] for event in train_side_by_side([run]) if isinstance(event, EpochEnded)]
    assert max(scores) > 90  # of chance 33
