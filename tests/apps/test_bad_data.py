"""Data that cannot be used end a command in one line with file and line."""

import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import FILES, GOOD, SMALL, TINY, done, numbers, refused, tagmates, write_corpus

pytestmark = pytest.mark.usefixtures("here")


BROKEN: dict[str, tuple[dict[str, bytes | str | None], str]] = {
    "a missing file": ({"train": None}, r"train\.txt: cannot be read \(No such file or directory\); check"),
    "an empty file": ({"dev": b""}, r"dev\.txt: holds no sentence; give"),
    "only blank lines": ({"test": "\n \n\n"}, r"test\.txt: holds no sentence; give"),
    "too few columns": ({"train": GOOD + "Gulls\tN\n"}, r"train\.txt:4: has 2 columns, but the tag is in column 3; "),
    "no tag at all": ({"train": "Gulls\nsleep\n\n" + GOOD}, r"train\.txt:1: has 1 column, but the tag is in column"),
    "an empty tag": ({"dev": "Gulls\tN\t\n"}, r"dev\.txt:1: the tag in column 3 is empty; fill it in"),
    "an empty token": ({"dev": GOOD + "\tN\tO\n"}, r"dev\.txt:4: the token in column 1 is empty; fill it in"),
    "bytes of Latin-1": ({"test": GOOD.encode() + b"Vard\xf8\tN\tO\n"}, r"test\.txt:4: byte 0xf8 is not utf-8; name"),
    "UTF-16": ({"train": GOOD.encode("utf-16")}, r"train\.txt:1: byte 0xff is not utf-8; name"),
    "a NUL": ({"train": GOOD + "a\0b\tN\tO\n"}, r"train\.txt:4: has a NUL character; give"),
    "lines that end in a bare CR": ({"train": GOOD.replace("\n", "\r")}, r"train\.txt:1: has a line end inside"),
    "a continuation of nothing": (
        {"train": GOOD + "Mika\tN\tO\nLind\tN\tI-PERSON\n"},
        r"train\.txt:5: 'I-PERSON' continues no span; correct the tag or the scheme of ner",
    ),
    "a tag of no scheme": ({"dev": "Mika\tN\tPERSON\n"}, r"dev\.txt:1: 'PERSON' is not a tag of iob2; correct"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_data_are_one_line_with_file_and_line(here: Path, case: str) -> None:
    files, pattern = BROKEN[case]
    write_corpus(here / "data", **files)
    refused(1, "data/" + pattern, "train", "--data", "data", "--tasks", "pos,ner", *TINY, "--output-dir", "new")
    refused(1, "data/" + pattern, "data", "stats", "--data", "data", "--tasks", "ner")
    checked = tagmates("data", "check", "data")
    assert checked.code == 1
    assert re.search("^error: data/" + pattern, checked.out, re.MULTILINE)
    assert re.fullmatch(r"2 tasks, \d+ errors?, \d+ warnings?\n", checked.err)


@pytest.mark.parametrize(
    ("toml", "pattern"),
    [
        ("", r"names no tasks; add a table \[tasks\.NAME\]"),
        ("tasks = 5", r"names no tasks; add a table"),
        ("[task.pos]\ntrain = 'train.txt'", r"unknown key 'task' \(did you mean 'tasks'\?\); names no tasks"),
        ("[tasks.pos]\ndev = 'dev.txt'", r"tasks\.pos: has no train split; add train = "),
        ("[tasks.pos]\ntrian = 'train.txt'", r"tasks\.pos: unknown key 'trian' \(did you mean 'train'\?\)"),
        ("[tasks.pos]\nname = 'x'\ntrain = 'train.txt'", r"tasks\.pos: unknown key 'name'; a task's name is that"),
        ("[tasks]\npos = 'train.txt'", r"tasks\.pos: must be a table with train, dev and test"),
        ("[tasks.pos]\ntrain = 5", r"tasks\.pos: train: "),
        ("[tasks.pos]\ntrain = 'train.txt'\nscheme = 'iob'", r"tasks\.pos: scheme: Input should be 'iob1', 'iob2'"),
        ("[tasks.pos]\ntrain = {file = 'train.txt', sentences = 'many'}", r"tasks\.pos: train\.sentences: "),
        ("[tasks.pos]\ntrain = 'train.txt'\n[tasks.pos]\ntrain = 'train.txt'", r"is not valid TOML: .*twice"),
        ("[tasks.pos]\ntrain = 'a'\n[tasks.'pos']\ntrain = 'a'", r"is not valid TOML: .*twice"),
        ("[tasks.pos]\ntrain = 'a'\ndev = 'b'\nvalidation = 'b'", r"tasks\.pos: has both dev and validation"),
        ("[tasks.all]\ntrain = 'train.txt'", r"tasks\.all: a task's name .* is not 'all'"),
        ("[tasks.'a b']\ntrain = 'train.txt'", r"tasks\.a b: a task's name has no white space"),
        ("[tasks.'../b']\ntrain = 'train.txt'", r"tasks\.\.\./b: a task's name has no white space, comma or slash"),
        ("[tasks.pos]\ntrain = nothing", r"is not valid TOML: .*line 2"),
    ],
)
def test_a_wrong_file_of_tasks_is_exit_code_2(here: Path, toml: str, pattern: str) -> None:
    write_corpus(here / "data", tasks=toml)
    for args in (
        ("train", "--data", "data", "--tasks", "pos", *TINY, "--output-dir", "new"),
        ("data", "stats", "--data", "data"),
        ("data", "check", "data/tasks.toml"),
    ):
        refused(2, r"data/tasks\.toml: " + pattern, *args)


@pytest.mark.parametrize(
    ("data", "code", "pattern"),
    [
        ("nowhere", 1, "nowhere: no such file or folder; --data takes 'starter', a TOML file, a packed study"),
        ("empty", 1, "empty: holds no tasks.toml and none of the folders upos, xpos, chunk"),
        ("words.txt", 2, "words.txt: is not valid TOML"),
    ],
)
def test_data_that_are_no_data(here: Path, trained: Path, data: str, code: int, pattern: str) -> None:
    (here / "empty").mkdir()
    (here / "words.txt").write_text("Otters juggle\n")
    for args in (
        ("train", "--tasks", "pos", *TINY, "--output-dir", "new", "--data", data),
        ("evaluate", trained, "--data", data),
        ("data", "stats", "--data", data, "--json"),
        ("data", "check", data, "--json"),
    ):
        refused(code, re.escape(pattern), *args)


def test_a_task_without_dev_cannot_be_trained_and_one_of_the_paper_needs_train(here: Path) -> None:
    write_corpus(here / "data", tasks="[tasks.pos]\ntrain = 'train.txt'\ntest = 'test.txt'\n")
    common = ("--tasks", "pos", *TINY, "--output-dir", "new")
    refused(1, "data: task pos has no dev split; add one", "train", "--data", "data", *common)
    (here / "paper" / "upos").mkdir(parents=True)
    shutil.copy(here / "data" / "dev.txt", here / "paper" / "upos" / "dev.conll")
    refused(1, r"paper/upos: has no train\.conll; a task needs", "train", "--data", "paper", *common)


def test_the_environment_names_the_data(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMATES_DATA", str(corpus))
    assert [row["task"] for row in json.loads(done("data", "stats", "--json").out)] == ["pos", "ner"]
    assert len(json.loads(done("data", "stats", "--json", "--data", "starter").out)) == 11


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (None, r"v\.txt: vectors cannot be read \(No such file or directory\); give 'glove', 'random' or a file"),
        ("", r"v\.txt: holds no vectors"),
        ("otters 1 2 3\n", r"v\.txt: vectors have 3 dimensions, model\.word_size is 50; set one to the other"),
        ("otters 1 2 3\nsleep 1 2\n", r"v\.txt:2: has 2 numbers where the first line has 3"),
        ("otters 1 x 3\n", r"v\.txt:1: is not a word followed by finite numbers"),
        ("otters 1 nan 3\n", r"v\.txt:1: is not a word followed by finite numbers"),
        (b"otters 1 2 \xff\n", r"v\.txt: is not UTF-8"),
    ],
)
def test_broken_vectors_are_refused(here: Path, corpus: Path, content: str | bytes | None, pattern: str) -> None:
    if content is not None:
        (here / "v.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    common = ("train", "--data", corpus, "--tasks", "pos", *SMALL, "--output-dir", "new")
    refused(1, pattern, *common, "--vectors", "v.txt")
    refused(1, "vectors cannot be read", *common, "--vectors", corpus)


def test_vectors_of_the_right_size_are_used(here: Path, corpus: Path) -> None:
    (here / "v.txt").write_text("the 1 2 3\notters -1 0 1\n")
    common = ("train", "--data", corpus, "--tasks", "pos", *SMALL, "--set", "model.word_size=3", "--output-dir")
    done(*common, "with", "--vectors", "v.txt")
    done(*common, "without", "--vectors", "random")
    assert json.loads((here / "with" / "environment.json").read_text())["vectors"] == str((here / "v.txt").resolve())
    assert numbers(here / "with") != numbers(here / "without")
    result = json.loads((here / "with" / "result.json").read_text())
    scored = json.loads(done("evaluate", "with", "--vectors", "v.txt", "--json").out)
    assert scored["tasks"]["pos"]["f1"] == result["test"]["pos"]["f1"]


@pytest.mark.parametrize(
    "line", ["tag_column = 0", "separator = ''", "comment = ''", "format = 'conllu'\ntag_column = 'uposs'"]
)
def test_columns_that_cannot_work_name_the_file_of_tasks(here: Path, line: str) -> None:
    write_corpus(here / "data", tasks=f"[tasks.pos]\n{FILES}\n{line}\n")
    for args in (("data", "check", "data"), ("data", "stats", "--data", "data")):
        refused(2, r"data/tasks\.toml: tasks\.pos: ", *args)


def test_a_tag_that_cannot_be_converted_has_a_place(here: Path) -> None:
    tasks = f"[tasks.ner]\n{FILES}\ntag_column = 3\nscheme = 'iob2'\nconvert_to = 'plain'\n"
    write_corpus(here / "data", tasks=tasks, train=GOOD + "Mika\tN\tB\n")
    refused(1, r"data/train\.txt:4: ", "data", "stats", "--data", "data")


def test_an_empty_data_argument_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(here)  # --data "$TAGMATES_DATA" where that is not set must not mean the working directory
    refused(2, "--data: is empty", "data", "stats", "--data", "")
