"""The commands ``data stats`` and ``data check``: what they print, draw and refuse."""

import errno
import json
import re
import sys
from pathlib import Path

import pytest
from command_line import (
    FILES,
    GOOD,
    PARTS,
    TASKS,
    Outcome,
    columns,
    done,
    refused,
    tagmates,
    write_corpus,
)

pytestmark = pytest.mark.usefixtures("here")


def test_statistics_as_a_table_and_as_json(corpus: Path) -> None:
    shown = done("data", "stats", "--data", corpus)
    assert re.search(r"│ pos +│ +8/3/3 │ +\d+/\d+/11 │", shown.out)
    assert shown.err == ""
    (row,) = json.loads(done("data", "stats", "--data", corpus, "--tasks", "ner", "--json").out)
    assert row["task"] == "ner"
    assert (row["sentences_train"], row["sentences_all"], row["labels"]) == (8, 14, 6)
    assert [row[f"sentences_{split}"] for split in ("train", "dev", "test")] == [8, 3, 3]
    assert row["tokens_test"] == 11
    refused(2, r"--tasks: no task 'nr' \(did you mean 'ner'\?\)", "data", "stats", "--data", corpus, "--tasks", "nr")


def test_statistics_with_figures(here: Path, corpus: Path) -> None:
    plain = done("data", "stats", "--data", corpus)
    shown = done("data", "stats", "--data", corpus, "--plot", "figures")
    assert shown.out.startswith(plain.out)
    assert "words of a task's test, %" in shown.out
    assert shown.err.splitlines() == [f"wrote figures/{name}.svg" for name in ("lengths", "tags", "overlap")]
    page = done("data", "stats", "--data", corpus, "--tasks", "ner", "--plot", "page.png", "--json")
    value = json.loads(page.out)
    assert [row["task"] for row in value["statistics"]] == ["ner"]
    assert value["overlap"][0]["types"] == 1
    assert value["unknown_words"][0]["own"] == value["unknown_words"][0]["all_tasks"]
    assert page.err == "wrote page.png\n"


def test_a_place_that_may_not_be_entered(here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def protected(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", protected)
    said = "figures: Permission denied; check its permissions, or choose another place"
    refused(1, said, "data", "stats", "--data", corpus, "--plot", "figures")


def test_figures_that_cannot_be_drawn(here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "taken").write_text("a file")
    stats = ("data", "stats", "--data", corpus, "--plot")
    refused(2, r"a\.pdf: is neither a folder nor a file that ends in \.svg or \.png", *stats, "a.pdf")
    refused(1, r"nowhere/a\.svg: cannot be written", *stats, "nowhere/a.svg")
    refused(
        1,
        "taken: File exists; something else is in its place: move that away, or choose another place",
        *stats,
        "taken",
    )
    for name in [name for name in sys.modules if name.startswith("tagmates.report.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused(2, r"needs the package matplotlib: pip install .*(\[study\]|matplotlib)", *stats, "figures")


def test_check_of_good_data_says_nothing_on_stdout(here: Path) -> None:
    numbers = {"train": range(60), "dev": range(60, 80), "test": range(80, 100)}
    parts = {
        split: columns([[(f"gull{i}", "N", "O"), ("in", "P", "O")] for i in some]) for split, some in numbers.items()
    }
    write_corpus(here / "data", tasks=f'{FILES}\nseparator = "\\t"\n[tasks.pos]\n', **parts)
    assert done("data", "check", "data") == Outcome(0, "", "1 task, 0 errors, 0 warnings\n")
    assert json.loads(done("data", "check", "data", "--json").out) == []


def test_check_warns_and_exits_0_or_finds_errors_and_exits_1(here: Path) -> None:
    two = "[tasks.pos]\ntrain = 'train.txt'\ndev = 'dev.txt'\n"
    write_corpus(here / "data", tasks=two, dev=columns([*PARTS["train"][:2], [("Zebras", "X", "O")]]))
    shown = done("data", "check", "data")
    assert shown.out.splitlines() == [
        "warning: data: task pos has no test split [missing]",
        "warning: data/dev.txt:13: tag 'X' of pos dev is not in train, so it cannot be learnt [unseen-tag]",
        "warning: data/dev.txt:1: the dev sentence is also in train (train.txt:1) [in-train]",
        "warning: data/dev.txt:6: the dev sentence is also in train (train.txt:6) [in-train]",
        "warning: data/dev.txt: dev has only 3 sentences, too few for a score to say much [small-split]",
    ]
    assert shown.err == "1 task, 0 errors, 5 warnings\n"
    write_corpus(here / "data", tasks=two + "scheme = 'iobes'\n")
    found = tagmates("data", "check", "data", "--json")
    assert found.code == 1
    problems = json.loads(found.out)
    assert [problem["level"] for problem in problems] == sorted(problem["level"] for problem in problems)
    assert {problem["kind"] for problem in problems if problem["level"] == "error"} == {"scheme"}
    assert problems[0] == {
        "level": "error",
        "kind": "scheme",
        "file": "data/train.txt",
        "line": 1,
        "task": "pos",
        "split": "train",
        "message": "'N' is not a tag of iobes; correct the tag or the scheme of pos",
    }
    assert found.err == ""


def test_check_says_much_of_one_kind_in_one_line_unless_all_is_asked_for(here: Path) -> None:
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", train=GOOD + "word\n" * 700)
    shown = tagmates("data", "check", "data")
    (line,) = (line for line in shown.out.splitlines() if line.startswith("error: data/train.txt"))
    assert line.startswith("error: data/train.txt:4: has 1 column, but the tag is in column 2; ")
    assert line.endswith(" (700 of this kind; lines 4, 5, 6, 7, 8, …) [line]")
    shown = tagmates("data", "check", "data", "--all")
    assert (
        len(re.findall(r"^error: data/train\.txt:\d+: has 1 column, but the tag is in column 2", shown.out, re.M))
        == 700
    )


def test_check_names_a_mistake_of_a_shared_file_once(here: Path) -> None:
    write_corpus(here / "data", tasks=TASKS.replace("dev.txt", "train.txt"), train=GOOD.encode() + b"\xff")
    shown = tagmates("data", "check", "data")
    assert shown.out.count("byte 0xff") == 1


def test_the_entropy_of_one_label_is_not_negative_zero(here: Path) -> None:
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", **dict.fromkeys(PARTS, "Otters\tO\n"))
    assert "-0.0" not in done("data", "stats", "--data", "data").out


def test_check_lists_every_tag_that_breaks_its_scheme(here: Path) -> None:
    write_corpus(here / "data", train=GOOD + "Mika\tN\tI-PERSON\n\n" + GOOD + "Lind\tN\tI-PERSON\n")
    shown = tagmates("data", "check", "data")
    assert [line for line in (4, 9) if f"data/train.txt:{line}: 'I-PERSON' continues" in shown.out] == [4, 9]
