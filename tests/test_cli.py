"""The command line as a user meets it: what it prints where, how it ends, and what it leaves on the disk."""

import errno
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tagmates.apps import cli
from tagmates.config import ModelSettings, RunConfig, TrainingSettings
from tagmates.data.formats.columns import read_columns
from tagmates.data.text import read_input
from tagmates.errors import DataError, OutOfMemoryError
from tagmates.files import read_tensors
from tagmates.training import train as training
from tagmates.training.folder import lock_folder

SENTENCES = """
Otters/N/B-ANIMAL juggle/V/O small/A/O stones/N/O
The/D/O tall/A/O lighthouse/N/O of/P/O Vardo/N/B-PLACE blinks/V/O
Nobody/N/O sails/V/O to/P/O Port/N/B-PLACE Ness/N/I-PLACE in/P/O fog/N/O
Mika/N/B-PERSON paints/V/O
A/D/O red/A/O kite/N/O circles/V/O the/D/O old/A/O mill/N/O
Wet/A/O otters/N/B-ANIMAL sleep/V/O
Mika/N/B-PERSON Lind/N/I-PERSON repairs/V/O two/A/O kites/N/O near/P/O Vardo/N/B-PLACE
The/D/O fog/N/O lifts/V/O
Stones/N/O sink/V/O in/P/O the/D/O harbour/N/O of/P/O Port/N/B-PLACE Ness/N/I-PLACE
Two/A/O gulls/N/B-ANIMAL follow/V/O Mika/N/B-PERSON
Small/A/O boats/N/O sleep/V/O near/P/O the/D/O mill/N/O
Lind/N/B-PERSON sails/V/O
Old/A/O gulls/N/B-ANIMAL juggle/V/O herring/N/B-ANIMAL
The/D/O harbour/N/O blinks/V/O in/P/O fog/N/O
"""
LINES = [[tuple(cell.split("/")) for cell in line.split()] for line in SENTENCES.split("\n") if line]
PARTS = {"train": LINES[:8], "dev": LINES[8:11], "test": LINES[11:]}
FILES = "\n".join(f'{split} = "{split}.txt"' for split in PARTS)
TASKS = f'{FILES}\nseparator = "\\t"\n[tasks.pos]\n[tasks.ner]\ntag_column = 3\nscheme = "iob2"\n'
SMALL = ("--set", "model.hidden_size=8", "--set", "training.max_epochs=1", "--threads", "1")
TINY = (*SMALL, "--vectors", "random")


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said; ``preset`` is the line on stderr that says which preset it took."""

    code: int
    out: str
    err: str
    preset: str = ""


def tagmates(*args: object, stdin: bytes = b"") -> Outcome:
    """Run the command line in this process."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tagmates", *map(str, args)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    said = []
    for stream in streams:
        stream.flush()
        said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    assert isinstance(ended.value.code, int)
    out, err = said
    presets = [line for line in err.splitlines(keepends=True) if re.match("(trained with )?preset ", line)]
    for line in presets:
        err = err.replace(line, "", 1)
    return Outcome(ended.value.code, out, err, "".join(presets).strip())


def done(*args: object, stdin: bytes = b"") -> Outcome:
    """Run a command that must succeed."""
    outcome = tagmates(*args, stdin=stdin)
    assert outcome.code == 0, outcome.err
    return outcome


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its content, and every folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def refused(code: int, pattern: str, *args: object, stdin: bytes = b"") -> str:
    """Run a command that must end in one clear line, having printed and written nothing; returns the line."""
    before = tree(Path.cwd())
    outcome = tagmates(*args, stdin=stdin)
    assert re.search(pattern, outcome.err), outcome.err
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("tagmates: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    assert tree(Path.cwd()) == before
    return outcome.err


def columns(sentences: Sequence[Sequence[Sequence[str]]]) -> str:
    """Sentences as tab-separated columns."""
    return "".join("".join("\t".join(row) + "\n" for row in rows) + "\n" for rows in sentences)


def write_corpus(folder: Path, tasks: str = TASKS, **files: bytes | str | None) -> Path:
    """A corpus of two tasks; ``files`` replace its files (``train``, ``dev``, ``test``), None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tasks.toml").write_text(tasks, encoding="utf-8")
    for split, content in {**{split: columns(rows) for split, rows in PARTS.items()}, **files}.items():
        if content is not None:
            (folder / f"{split}.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def numbers(folder: Path) -> tuple[Any, ...]:
    """Everything a run came to, but for its settings, its name and the seconds it took."""
    result = json.loads((folder / "result.json").read_text())
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for record in [result, *lines]:
        del record["seconds"]
    for key in ("run_id", "signature", "seed", "sharing"):
        del result[key]
    counts = np.load(folder / "counts.npz")
    arrays = {name: counts[name].tolist() for name in counts.files}
    return result, lines, arrays, hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("data") / "corpus")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """A finished run of both tasks; never to be written to."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    done("train", "--data", corpus, "--tasks", "pos,ner", *TINY, "--output-dir", folder)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    return tmp_path


@pytest.fixture
def run(trained: Path, here: Path) -> Path:
    """A copy of the finished run in the working directory."""
    return Path(shutil.copytree(trained, here / "run")).relative_to(here)


# --- usage -----------------------------------------------------------------------------------------------------------


def test_without_arguments_and_with_help_it_explains_itself() -> None:
    for args in ((), ("--help",), ("data",)):
        shown = done(*args)
        assert shown.out.startswith("Usage: tagmates")
        assert shown.err == ""
    for command in ("train", "evaluate", "tag", "data stats", "data check"):
        assert f"Usage: tagmates {command}" in done(*command.split(), "--help").out
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done("--version").out)


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["trian"], 'Unknown command "trian"'),
        (["data", "chek"], 'Did you mean "check"'),
        (["train"], "--output-dir: is missing"),
        (["train", "--output-dir"], "--output-dir requires an argument"),
        (["train", "--output-dir", "new", "extra"], "extra"),
        (["train", "--output-dir", "new", "--epochs", "3"], "--epochs"),
        (["train", "--output-dir", "new", "--resme"], "--resume"),
        (["train", "--output-dir", "new", "--seed", "one"], '--seed: unable to convert "one" into int'),
        (["train", "--output-dir", "new", "--sharing", "te_dek"], 'Did you mean "te_dec"'),
        (["evaluate"], "RUN requires an argument"),
        (["tag"], "RUN requires an argument"),
        (["data", "check"], "requires an argument"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(args: list[str], pattern: str) -> None:
    assert refused(2, re.escape(pattern), *args).endswith("(see tagmates --help)\n")


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (["--set", "training.batch_size"], "--set training.batch_size: write key=value"),
        (["--set", "=16"], "--set =16: write key=value"),
        (["--set", ""], "write key=value"),
        (["--set", "model.hiden_size=8"], "unknown key 'model.hiden_size' (did you mean 'hidden_size'?)"),
        (["--set", "trainng.batch_size=8"], "unknown key 'trainng' (did you mean 'training'?)"),
        (["--set", "model.hidden_size=big"], "model.hidden_size: Input should be a valid integer"),
        (["--set", "model.hidden_size=0"], "model.hidden_size: Input should be greater than or equal to 1, not 0"),
        (["--set", "model.dropout=1"], "model.dropout: Input should be less than 1"),
        (["--set", "model=8"], "model: Input should be a valid dictionary"),
        (["--set", "training.learning_rate=nan"], "training.learning_rate: Input should be a finite number"),
        (["--set", "training.max_epochs=1e400"], "training.max_epochs: Input should be a finite number"),
        (["--set", "training.sampling=balancd"], "training.sampling: Input should be 'balanced'"),
        (["--set", "training.batch_size=1"], "training.batch_size 1 is smaller than the number of tasks, 2"),
        (["--set", "training.loss_weights.pso=2"], "names 'pso' (did you mean 'pos'?), no task of this run"),
        (["--set", "training.loss_weights.pos=-1"], "training.loss_weights.pos: Input should be greater"),
        (["--sharing", "stl"], "sharing 'stl' trains one task"),
        (["--preset", "papr"], "--preset papr: no such preset (did you mean 'paper'?); choose from paper, practical"),
        (["--seed", "-1"], "seed: Input should be greater than or equal to 0, not -1"),
        (["--device", "gpu"], "--device gpu: choose auto, cpu or cuda"),
        (["--resume", "--force"], "--resume and --force: choose one"),
        (["--config", "folder"], "folder: cannot be read (Is a directory)"),
        (["--config", "none.toml"], "none.toml: cannot be read (No such file or directory)"),
        (["--config", "words.txt"], "words.txt: is not valid TOML"),
        (["--config", "latin.toml"], "latin.toml: is not UTF-8 at byte 7"),
        (["--config", "wrong.toml"], "unknown key 'model.hiden' (did you mean 'hidden_size'?)"),
    ],
)
def test_a_wrong_setting_of_train_is_exit_code_2(here: Path, corpus: Path, args: list[str], pattern: str) -> None:
    (here / "folder").mkdir()
    (here / "words.txt").write_text("neither a table nor a key\n")
    (here / "latin.toml").write_bytes(b"seed = \xe9")
    (here / "wrong.toml").write_text("[model]\nhiden = 3\n")
    settings = ("--data", corpus, "--tasks", "pos,ner", "--vectors", "random", "--output-dir", "new")
    refused(2, re.escape(pattern), "train", *settings, *args)


@pytest.mark.parametrize(
    ("tasks", "pattern"),
    [
        ("pos,nre", "--tasks: no task 'nre' (did you mean 'ner'?); there are pos, ner"),
        ("pos,pos", "task 'pos' is named twice"),
        ("all,pos", "--tasks: no task 'all'"),
        (",", "--tasks: is empty; name tasks, or 'all'"),
        ("", "--tasks: is empty; name tasks, or 'all'"),
    ],
)
def test_a_wrong_list_of_tasks_is_exit_code_2(corpus: Path, tasks: str, pattern: str) -> None:
    refused(2, re.escape(pattern), "train", "--data", corpus, "--tasks", tasks, *TINY, "--output-dir", "new")


@pytest.mark.parametrize("threads", ["0", "-2"])
def test_threads_below_one_are_refused_by_every_command(corpus: Path, trained: Path, threads: str) -> None:
    pattern = f"--threads {threads}: must be 1 or more"
    own = ("--data", corpus, "--tasks", "pos", "--output-dir", "new", "--vectors", "random")
    for args in (("train", *own), ("evaluate", trained), ("tag", trained)):
        refused(2, pattern, *args, "--threads", threads, stdin=b"Otters")


def test_a_gpu_that_is_not_there_is_refused(corpus: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for args in (("train", "--data", corpus, "--tasks", "pos", *TINY, "--output-dir", "new"), ("evaluate", trained)):
        refused(2, "--device cuda: torch finds no GPU here; use --device cpu", *args, "--device", "cuda")


def test_the_command_line_wins_over_set_over_the_file_over_the_preset(here: Path, corpus: Path) -> None:
    text = "seed = 2\nsharing = 'te_dec'\n[model]\nhidden_size = 9\nlayers = 1\n[training]\nunknown_rate = 0.25\n"
    (here / "mine.toml").write_text(text)
    args = ("--preset", "practical", "--config", "mine.toml", "--set", "model.hidden_size=10", "--set", "seed=3")
    common = ("train", "--data", corpus, "--tasks", "ner", "--print-config", "--output-dir", "new")
    shown = json.loads(done(*common, *args, "--seed", "4").out)
    assert (shown["seed"], shown["sharing"], shown["tasks"]) == (4, "te_dec", ["ner"])
    assert (shown["model"]["hidden_size"], shown["model"]["layers"]) == (10, 1)
    assert (shown["training"]["unknown_rate"], shown["training"]["weights"]) == (0.25, "best")
    assert json.loads(done(*common, *args).out)["seed"] == 3
    assert [path.name for path in here.iterdir()] == ["mine.toml"]


# --- data that cannot be used ----------------------------------------------------------------------------------------

GOOD = "Otters\tN\tB-ANIMAL\nsleep\tV\tO\n\n"
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
    "a tag of no scheme": ({"dev": "Mika\tN\tPERSON\n"}, r"dev\.txt:1: 'PERSON' is no iob2 tag; correct"),
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


# --- the output folder -----------------------------------------------------------------------------------------------


def training_of(corpus: Path, folder: object, *more: object) -> tuple[object, ...]:
    return ("train", "--data", corpus, "--tasks", "pos,ner", *TINY, "--output-dir", folder, *more)


LONGER = ("--set", "training.max_epochs=4")


def after_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, act: Callable[[], object]) -> None:
    """Let something happen as soon as the end of an epoch is saved."""
    save = training.save_epoch

    def saved(folder: Path, run: Any) -> None:
        save(folder, run)
        if run.epoch == epoch:
            act()

    monkeypatch.setattr(training, "save_epoch", saved)


def interrupt(corpus: Path, folder: str, *more: object, epoch: int = 1) -> Outcome:
    """A training that is stopped by Ctrl-C at the end of an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        after_epoch(patch, epoch, lambda: signal.raise_signal(signal.SIGINT))
        return tagmates(*training_of(corpus, folder, *LONGER, *more))


def test_a_folder_in_use_is_refused_without_resume_or_force(here: Path, corpus: Path, run: Path) -> None:
    line = refused(2, "run: is not empty", *training_of(corpus, run))
    assert "--resume" in line
    assert "--force" in line
    (here / "notes").mkdir()
    (here / "notes" / "notes.txt").write_text("mine")
    refused(2, "notes: is not empty", *training_of(corpus, "notes"))
    refused(2, "notes: holds no tagmates run to resume", *training_of(corpus, "notes", "--resume"))


@pytest.mark.parametrize(
    ("folder", "pattern"),
    [
        ("file", r"file: cannot be used as output folder \(Not a directory\); choose another"),
        ("file/run", r"file/run: cannot be used as output folder \(Not a directory\); choose another"),
        ("/proc/run", r"/proc/run: cannot be used as output folder \(.*\); choose another"),
        ("x" * 300, r"x: cannot be used as output folder \(File name too long\); choose another"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--force",), ("--resume",)])
def test_a_place_that_cannot_be_a_folder_is_refused(
    here: Path, corpus: Path, folder: str, pattern: str, how: tuple[str, ...]
) -> None:
    (here / "file").write_text("mine")
    refused(2, pattern, *training_of(corpus, folder, *how))


def test_force_starts_anew_and_resume_of_an_empty_folder_starts(here: Path, corpus: Path, run: Path) -> None:
    done(*training_of(corpus, run, "--force", "--seed", "2"))
    assert json.loads((run / "result.json").read_text())["seed"] == 2
    (here / "empty").mkdir()
    done(*training_of(corpus, "empty", "--resume", "--seed", "2"))
    assert numbers(here / "empty") == numbers(run)


def test_a_wrong_setting_does_not_cost_the_run_that_force_would_replace(here: Path, corpus: Path, run: Path) -> None:
    write_corpus(here / "broken", dev=b"")
    refused(1, r"dev\.txt: holds no sentence", *training_of(here / "broken", run, "--force"))
    refused(2, "unknown key", *training_of(corpus, run, "--force", "--set", "sed=3"))


def test_a_run_that_is_done_is_shown_again(corpus: Path, run: Path) -> None:
    before = {name: content for name, content in tree(run).items() if name != "train.log"}
    shown = done(*training_of(corpus, run, "--resume"))
    assert "run: is done; nothing to resume\n" in shown.err
    assert "pos" in shown.out
    assert {name: content for name, content in tree(run).items() if name != "train.log"} == before


def test_resuming_with_another_configuration_or_other_data_is_refused(here: Path, corpus: Path, run: Path) -> None:
    for unfinished in (False, True):
        if unfinished:
            (run / "result.json").unlink()
        refused(
            2,
            r"run/config\.json: was started with seed = 1, not 2; repeat its settings, or start anew with --force",
            *training_of(corpus, run, "--resume", "--seed", "2"),
        )
        refused(
            2,
            r"run/config\.json: was started with model\.hidden_size = 8, not 9; repeat",
            *training_of(corpus, run, "--resume", "--set", "model.hidden_size=9"),
        )
        write_corpus(here / "other", train=columns(PARTS["train"][1:]))
        refused(
            2,
            r"run/environment\.json: run \w+ was started with other data or vectors than now \(run \w+\): "
            r"task pos had other sentences \(sha256 \w{12}, now \w{12}\); give the same --data",
            *training_of(here / "other", run, "--resume"),
        )


def test_a_result_that_is_truncated_is_named_and_its_run_can_be_finished_again(corpus: Path, run: Path) -> None:
    before = numbers(run)
    path = run / "result.json"
    path.write_bytes(path.read_bytes()[:100])
    refused(1, r"run/result\.json: is truncated or not from tagmates", *training_of(corpus, run, "--resume"))
    path.unlink()
    done(*training_of(corpus, run, "--resume"))
    assert numbers(run) == before


@pytest.mark.parametrize("name", ["config.json", "environment.json", "checkpoint.safetensors"])
@pytest.mark.parametrize(
    "damage", [b'{"tasks": ["po', *(pytest.param(bad, marks=pytest.mark.slow) for bad in (b"", b"\xff\xfe\0"))]
)
def test_resuming_a_damaged_run_is_refused(here: Path, corpus: Path, name: str, damage: bytes) -> None:
    interrupt(corpus, "run")
    (here / "run" / name).write_bytes(damage)
    pattern = rf"run/{name}: is truncated or not from tagmates"
    refused(1, pattern, *training_of(corpus, "run", *LONGER, "--resume"))


def test_a_checkpoint_of_other_shapes_is_refused(here: Path, corpus: Path) -> None:
    interrupt(corpus, "run")
    interrupt(corpus, "other", "--set", "model.hidden_size=9")
    shutil.copy(here / "other" / "checkpoint.safetensors", "run")
    pattern = r"run/checkpoint\.safetensors: is not a checkpoint of this run"
    refused(1, pattern, *training_of(corpus, "run", *LONGER, "--resume"))


def test_square_brackets_in_names_and_paths_stay(here: Path, corpus: Path) -> None:
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.'[bold]']\n")
    shown = done("train", "--data", "data", "--tasks", "[bold]", *TINY, "--output-dir", "runs/[red]a")
    assert "│ [bold] │" in shown.out
    assert shown.err.endswith(", in runs/[red]a\n")
    shown = done("evaluate", "runs/[red]a", "--output", "[b]p")
    assert "│ [bold] │" in shown.out
    assert "wrote [b]p/[bold].conll\n" in shown.err
    assert "|task:[bold]|" in shown.err
    assert "[bold]" in done("tag", "runs/[red]a", "--output", "table", stdin=b"Otters").out
    assert "│ [bold] │" in done("data", "stats", "--data", "data").out


# --- a model folder that is not whole --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors"])
@pytest.mark.parametrize("damage", [None, b"", b"[]", b'{"a": 1}', b"half"])
def test_a_folder_without_a_whole_tagger_is_refused(run: Path, name: str, damage: bytes | None) -> None:
    path = run / name
    if damage is None:
        path.unlink()
    elif damage == b"half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(damage)
    for args in (("evaluate", run), ("tag", run)):
        assert name in refused(1, "; ", *args, stdin=b"Otters sleep .")


def test_a_folder_that_is_no_run_is_refused(here: Path, corpus: Path) -> None:
    for command in ("evaluate", "tag"):
        refused(1, "nowhere: no such folder; give that of a tagmates run", command, "nowhere", stdin=b"a")
        refused(1, r"config\.json: is missing; give the folder of a tagmates run", command, corpus, stdin=b"a")


@pytest.mark.parametrize(
    ("key", "value", "pattern"),
    [
        ("model.hidden_size", 9, r"parameter \S+ has shape .* where the configuration and vocabulary ask for"),
        ("model.layers", 3, r"parameter \S+ has shape none"),
        ("model.layers", 0, r"config\.json: model\.layers: Input should be greater than or equal to 1"),
        ("sharing", "te_dec", r"not those of vocabulary"),
        ("sharing", "stl", r"config\.json: sharing 'stl' trains one task"),
        ("sharing", "none", r"config\.json: sharing: Input should be 'stl'"),
        ("training.speed", 1, r"config\.json: unknown key 'training\.speed'"),
        ("tasks", [], r"config\.json: tasks: "),
    ],
)
def test_a_configuration_edited_by_hand_is_refused(run: Path, key: str, value: object, pattern: str) -> None:
    config = json.loads((run / "config.json").read_text())
    *path, last = key.split(".")
    table = config
    for part in path:
        table = table[part]
    table[last] = value
    (run / "config.json").write_text(json.dumps(config))
    for command in ("evaluate", "tag"):
        refused(1, pattern, command, run, stdin=b"Otters sleep .")


# --- evaluate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "dev", "validation", "test"])
def test_evaluate_prints_one_json_object_and_talks_on_stderr(trained: Path, here: Path, split: str) -> None:
    shown = done("evaluate", trained, "--split", split, "--json", "--baseline", "--output", "p")
    evaluation = json.loads(shown.out)
    assert evaluation["split"] == split.replace("validation", "dev")
    assert list(evaluation["tasks"]) == ["pos", "ner"]
    assert shown.err == "wrote p/pos.conll\nwrote p/ner.conll\n"
    result = json.loads((trained / "result.json").read_text())
    for name, scores in evaluation["tasks"].items():
        assert scores["support"] == scores["tp"] + scores["fn"] > 0
        assert scores["support"] == sum(t["tp"] + t["fn"] for t in scores["types"].values())
        assert 0 <= scores["baseline"]["f1"] <= 100
        assert f"task:{name}|split:{evaluation['split']}|" in scores["signature"]
        for key in ("precision", "recall", "f1", "tp", "fp", "fn") if evaluation["split"] in result else ():
            assert scores[key] == result[evaluation["split"]][name][key]


def test_evaluate_prints_a_table_and_its_signatures_apart(trained: Path) -> None:
    shown = done("evaluate", trained, "--baseline")
    assert re.search(r"│ pos +│( +-?[\d.]+ │){3} +11 │", shown.out)
    assert "baseline F1" in shown.out
    assert [re.search(r"\|task:(\w+)\|", line)[1] for line in shown.err.splitlines()] == ["pos", "ner"]  # type: ignore[index]


@pytest.mark.parametrize("sharing", ["multi_dec", "te_enc"])
def test_predictions_are_three_columns_that_hold_the_gold_tags(here: Path, corpus: Path, sharing: str) -> None:
    done(*training_of(corpus, "run", "--sharing", sharing))
    done("evaluate", "run", "--output", "deep/er")
    for name, column in (("pos", 1), ("ner", 2)):
        path = here / "deep" / "er" / f"{name}.conll"
        assert {line.count("\t") for line in path.read_text().splitlines() if line} == {2}
        gold = [(s.tokens, s.tags) for s in read_columns(path, separator="\t", tag_column=2)]
        assert gold == [(tuple(row[0] for row in rows), tuple(row[column] for row in rows)) for rows in PARTS["test"]]
        predicted = read_columns(path, separator="\t", tag_column=3)
        labels = {
            cell for rows in LINES for row in rows for cell in (row[1:] if sharing == "te_enc" else row[column:][:1])
        }
        assert {tag for sentence in predicted for tag in sentence.tags or ()} <= labels


def test_evaluate_on_other_data_and_on_words_and_tags_it_never_saw(here: Path, run: Path) -> None:
    write_corpus(here / "other", test="Zebras\tX\tB-ALIEN\n\nÄpfel\tN\tO\nfallen\tV\tO\n")
    evaluation = json.loads(done("evaluate", run, "--data", "other", "--json").out)
    assert evaluation["tasks"]["pos"]["types"]["X"] == {"tp": 0, "fp": 0, "fn": 1, "f1": 0.0}
    assert evaluation["tasks"]["ner"]["support"] == 1


def test_evaluate_warns_where_spans_are_scored_word_by_word(here: Path, run: Path) -> None:
    plain = write_corpus(here / "plain", tasks=TASKS.replace('scheme = "iob2"', ""))
    shown = done("evaluate", run, "--data", plain, "--json")
    warnings = [line for line in shown.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "of ner write spans, but its scheme is plain" in warnings[0]
    assert 'set scheme = "iob2", or score = "prefix" alone' in warnings[0]
    assert json.loads(shown.out)["tasks"]["ner"]["signature"].count("|reading:plain|") == 1
    assert done("evaluate", run, "--json").err == ""


def test_evaluate_without_the_split_or_the_task(here: Path, corpus: Path, run: Path) -> None:
    refused(2, "--split tset: choose train, dev or test", "evaluate", run, "--split", "tset")
    two = "train = 'train.txt'\ndev = 'dev.txt'\n"
    write_corpus(here / "untested", tasks=f"[tasks.pos]\n{two}[tasks.ner]\ntag_column = 3\n{two}")
    refused(1, r"untested: has no test split for any of pos, ner; give another", "evaluate", run, "--data", "untested")
    done(*training_of(here / "untested", "dev-only"))
    assert "test" not in json.loads((here / "dev-only" / "result.json").read_text())
    refused(1, r"untested: has no test split", "evaluate", "dev-only")
    assert "│ pos " in done("evaluate", "dev-only", "--split", "dev").out
    write_corpus(here / "renamed", tasks=f"{FILES}\n[tasks.parts]\n")
    refused(1, "renamed: has no test split for any of pos, ner", "evaluate", run, "--data", "renamed")


def test_evaluate_cannot_write_into_a_file(here: Path, run: Path) -> None:
    (here / "file").write_text("mine")
    for place in ("file", "file/p"):
        refused(1, rf"tagmates: {place}: (File exists|Not a directory); ", "evaluate", run, "--output", place)


# --- tag -------------------------------------------------------------------------------------------------------------

TEXT = "Mika paints. Otters juggle stones!\n\nNobody sails to Port Ness"
WORDS = [["Mika", "paints", "."], ["Otters", "juggle", "stones", "!"], ["Nobody", "sails", "to", "Port", "Ness"]]


def words_of(out: str) -> list[list[str]]:
    """The words of a tagger's JSON lines."""
    return [json.loads(line)["tokens"] for line in out.split("\n") if line]


@pytest.mark.parametrize("sharing", ["multi_dec", "te_dec", "te_enc"])
def test_tag_writes_every_task_in_every_format(here: Path, corpus: Path, sharing: str) -> None:
    done(*training_of(corpus, "run", "--sharing", sharing))
    conll = done("tag", "run", stdin=TEXT.encode())
    assert conll.err == ""
    assert conll.out.startswith("# token\tpos\tner\nMika\t")
    (here / "tagged").write_text(conll.out)
    by_task = [read_columns(here / "tagged", separator="\t", tag_column=c, comment="# ") for c in (2, 3)]
    assert [list(sentence.tokens) for sentence in by_task[0]] == WORDS
    records = [
        json.loads(line) for line in done("tag", "run", "--output", "json", stdin=TEXT.encode()).out.split("\n")[:-1]
    ]
    assert [record["tokens"] for record in records] == WORDS
    for record, pos, ner in zip(records, *by_task, strict=True):
        assert record["tags"] == {"pos": list(pos.tags or ()), "ner": list(ner.tags or ())}
    table = done("tag", "run", "--output", "table", stdin=TEXT.encode()).out
    rows = [line.split() for line in table.splitlines() if "─" not in line and line.strip()]
    assert rows.count(["token", "pos", "ner"]) == 3
    assert [row for row in rows if row[0] != "token"] == [
        line.split("\t") for line in conll.out.splitlines()[1:] if line
    ]


def test_what_tag_writes_it_reads(here: Path, trained: Path) -> None:
    first = done("tag", trained, stdin=TEXT.encode()).out
    assert done("tag", trained, "--input", "conll", stdin=first.encode()).out == first
    (here / "first.conll").write_text(first)
    assert done("tag", trained, "--input", "conll", "first.conll").out == first


def test_tag_reads_stdin_files_and_both(here: Path, trained: Path) -> None:
    (here / "a.txt").write_text("Mika paints.")
    (here / "b.txt").write_text("Gulls sleep")
    for args, stdin, found in (
        ((), b"Kites fly", ["Kites"]),
        (("-",), b"Kites fly", ["Kites"]),
        (("a.txt",), b"Kites fly", ["Mika"]),
        (("b.txt", "-", "a.txt", "b.txt"), b"Kites fly", ["Gulls", "Kites", "Mika", "Gulls"]),
    ):
        out = done("tag", trained, *args, "--output", "json", stdin=stdin).out
        assert [words[0] for words in words_of(out)] == found


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"\xef\xbb\xbfMika paints\r\n\r\nGulls sleep\r\n", [["Mika", "paints"], ["Gulls", "sleep"]]),
        (b"Mika\npaints\n \t \nGulls", [["Mika", "paints"], ["Gulls"]]),
        ("Äpfel 日本 🙂\u00a0x".encode(), [["Äpfel", "日本", "🙂", "x"]]),
    ],
)
def test_byte_order_marks_and_line_ends_of_text(trained: Path, stdin: bytes, words: list[list[str]]) -> None:
    assert words_of(done("tag", trained, "--output", "json", stdin=stdin).out) == words


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"Mika\npaints\n\nGulls\n", [["Mika", "paints"], ["Gulls"]]),
        (b"Mika\tN\tO\npaints\tV\tO\n\n\nGulls\tN\tO", [["Mika", "paints"], ["Gulls"]]),
        (b"\xef\xbb\xbf# a comment\r\nMika N\r\n\r\n# another\r\nGulls N\r\n", [["Mika"], ["Gulls"]]),
        (b"-DOCSTART- O\n\n#\tN\n#x\tN\n", [["#", "#x"]]),
        ("10\u00a0000 A\n".encode(), [["10\u00a0000"]]),
    ],
)
def test_input_of_columns_with_and_without_tags(trained: Path, stdin: bytes, words: list[list[str]]) -> None:
    out = done("tag", trained, "--input", "conll", "--output", "json", stdin=stdin).out
    assert words_of(out) == words


def test_some_tasks_can_be_asked_for_in_any_order(trained: Path) -> None:
    out = done("tag", trained, "--tasks", "ner,pos", stdin=b"Mika").out
    assert out.startswith("# token\tner\tpos\n")
    assert out.count("\t") == 4
    assert done("tag", trained, "--tasks", "ner", stdin=b"Mika").out.startswith("# token\tner\n")


@pytest.mark.parametrize("output", ["conll", "json", "table"])
@pytest.mark.parametrize(
    ("code", "args", "stdin", "pattern"),
    [
        (1, [], b"", "standard input: holds no word to tag; give a file or pipe text in"),
        (1, [], b"\xef\xbb\xbf \n\r\n\t\n", "standard input: holds no word to tag"),
        (1, ["--input", "conll"], b"# only a comment\n\n", "standard input: holds no word to tag"),
        (1, ["none.txt"], b"", "none.txt: cannot be read (No such file or directory); give a text file"),
        (1, ["."], b"", ".: cannot be read (Is a directory); give a text file, or '-' for stdin"),
        (1, ["empty.txt", "-"], b"\n", "empty.txt, standard input: holds no word to tag"),
        (
            1,
            [],
            b"Gulls\nVard\xf8\n",
            "standard input:2: is not UTF-8 (byte 5); convert it first, or name its --encoding, as latin-1",
        ),
        (1, ["--input", "conll"], b"Gulls\nVard\xf8\n", "standard input:2: is not UTF-8 (byte 5)"),
        (1, [], b"Gulls\na\0b\n", "standard input:2: has a NUL character; give a text file"),
        (1, ["--input", "conll"], b"Gulls\rsleep\r", "standard input:1: has a line end inside a line"),
        (2, ["--input", "xml"], b"Gulls", "--input xml: choose one of auto, text, columns"),
        (2, ["--tasks", "pso"], b"Gulls", "--tasks: no task 'pso' (did you mean 'pos'?)"),
        (2, ["--tasks", ""], b"Gulls", "--tasks: is empty"),
        (2, ["--device", "tpu"], b"Gulls", "--device tpu: choose auto, cpu or cuda"),
        (1, ["--vectors", "none"], b"Gulls", "none: vectors cannot be read (No such file or directory)"),
    ],
)
def test_input_that_cannot_be_tagged_prints_nothing_but_the_reason(
    here: Path, trained: Path, output: str, code: int, args: list[str], stdin: bytes, pattern: str
) -> None:
    (here / "empty.txt").write_bytes(b"")
    refused(code, re.escape(pattern), "tag", trained, *args, "--output", output, stdin=stdin)


def test_an_unknown_output_is_refused_before_anything_is_read(here: Path) -> None:
    refused(2, "--output xml: choose conll, json or table", "tag", "nowhere", "--output", "xml", stdin=b"Gulls")


def test_stdin_that_is_closed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input: is closed; give a file or pipe text in"):
        list(read_input(["-"], "text"))


@pytest.mark.parametrize("option", ["--outptu", "--no-tasks", "-o"])
def test_a_dash_is_stdin_and_nothing_else_that_starts_with_one(trained: Path, option: str) -> None:
    assert done("tag", trained, "-", stdin=b"Gulls") == done("tag", trained, stdin=b"Gulls")
    refused(2, f"Unknown option: {option} ", "tag", trained, option, stdin=b"Gulls")


# --- long input ------------------------------------------------------------------------------------------------------


def test_a_sentence_of_500_words_and_a_word_of_5000_characters_simply_work(here: Path) -> None:
    long = [[(f"w{i % 40}", "NVA"[i % 3]) for i in range(500)], [("x" * 5000, "N"), ("y", "V")]]
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", **dict.fromkeys(PARTS, columns(long)))
    small = ("--set", "model.character_hidden_size=3", "--set", "model.character_size=3")
    done("train", "--data", "data", "--tasks", "pos", *TINY, *small, "--output-dir", "run")
    assert json.loads(done("evaluate", "run", "--json").out)["tasks"]["pos"]["support"] == 502
    tagged = done("tag", "run", "--input", "conll", "data/test.txt", "--output", "json").out
    assert [len(words) for words in words_of(tagged)] == [500, 2]
    text = " ".join(["word"] * 500) + "\n\n" + "z" * 5000
    out = done("tag", "run", "--output", "json", stdin=text.encode()).out
    assert [(len(words), len(words[0])) for words in words_of(out)] == [(500, 4), (1, 5000)]


# --- own tasks -------------------------------------------------------------------------------------------------------

NAMES = ("pos", "日本語", "Größe", "a.b", "[x]", "O", "B-X", "x:y|z", "-q", "<<t>>", "train", "file")


@pytest.mark.parametrize("sharing", ["multi_dec", "te_dec", "te_enc"])
@pytest.mark.parametrize("count", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_one_to_many_tasks_with_any_names(here: Path, sharing: str, count: int) -> None:
    names = NAMES[-count:]
    write_corpus(here / "data", tasks=f"{FILES}\n" + "".join(f'[tasks."{name}"]\n' for name in names))
    shown = done("train", "--data", "data", "--tasks", "all", *TINY, "--sharing", sharing, "--output-dir", "run")
    assert all(name in shown.out for name in names)
    assert list(json.loads((here / "run" / "result.json").read_text())["test"]) == list(names)
    assert list(json.loads(done("evaluate", "run", "--json", "--output", "p").out)["tasks"]) == list(names)
    assert sorted(path.name for path in (here / "p").iterdir()) == sorted(f"{name}.conll" for name in names)
    assert done("tag", "run", stdin=b"Gulls").out.startswith("\t".join(["# token", *names]) + "\nGulls\t")


def test_one_sentence_of_one_word_with_one_tag_is_enough(here: Path) -> None:
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", **dict.fromkeys(PARTS, "Otters\tO\n"))
    for sharing in ("stl", "multi_dec", "te_dec", "te_enc"):
        done("train", "--data", "data", "--tasks", "pos", *TINY, "--sharing", sharing, "--output-dir", sharing)
        assert "Gulls\tO\nsleep\tO\n" in done("tag", sharing, stdin=b"Gulls sleep").out


def test_separators_columns_comments_encodings_and_conllu(here: Path) -> None:
    latin = "% remark\nVardø N,PLACE\n# N,O\n\n".encode("latin-1")
    words = ("1-2 du _ _ _ _", "1 de de P _ Number=Sing", "2 le _ D _ _")
    conllu = "# text = x\n" + "".join("\t".join([*word.split(), *"____"]) + "\n" for word in words) + "\n"
    write_corpus(
        here / "data",
        tasks="""
[tasks.place]
train = "train.txt"
dev = "train.txt"
separator = ","
token_column = 1
tag_column = -1
comment = "% "
encoding = "latin-1"
[tasks.number]
format = "conllu"
tag_column = "feats:Number"
train = {file = "dev.txt", sentences = "1-1"}
validation = "dev.txt"
""",
        train=latin.replace(b" N", b",N"),
        dev=conllu,
    )
    done("train", "--data", "data/tasks.toml", "--tasks", "all", *TINY, "--output-dir", "run")
    vocabulary = json.loads((here / "run" / "vocabulary.json").read_text())
    assert vocabulary["labels"] == {"place": ["O", "PLACE"], "number": ["Sing", "_"]}
    assert vocabulary["words"] == ["#", "de", "le", "vardø"]


# --- settings --------------------------------------------------------------------------------------------------------

# key: value, other settings that let it matter
SETTINGS: dict[str, tuple[object, dict[str, object]]] = {
    "seed": (2, {}),
    "sharing": ("te_dec", {}),
    "model.word_size": (7, {}),
    "model.character_size": (7, {}),
    "model.character_hidden_size": (7, {}),
    "model.character_layers": (1, {}),
    "model.character_dropout": (0, {}),
    "model.hidden_size": (7, {}),
    "model.layers": (1, {}),
    "model.dropout": (0, {}),
    "model.task_size": (7, {"sharing": "te_dec"}),
    "training.batch_size": (2, {}),
    "training.batch_per_task": (True, {}),
    "training.sampling": ("proportional", {}),
    "training.temperature": (5, {"training.sampling": "temperature"}),
    "training.bucketed": (True, {"training.batch_size": 2}),
    "training.loss_weights.ner": (0.1, {}),
    "training.learning_rate": (0.01, {}),
    "training.schedule": ("linear", {"training.max_updates": 4}),
    "training.transition_l2": (1, {}),
    "training.clip_norm": (0.01, {}),
    "training.max_epochs": (3, {}),
    "training.patience": (
        "strict",
        {"training.learning_rate": 1e-9, "training.stopping_patience": 1, "training.max_epochs": 3},
    ),
    "training.min_epoch_updates": (9, {}),
    "training.min_learning_rate": (
        1e-9,
        {"training.learning_rate": 1e-9, "training.halving_patience": 0, "training.max_epochs": 3},
    ),
    "training.halving_patience": (0, {"training.learning_rate": 1e-9, "training.max_epochs": 3}),
    "training.stopping_patience": (1, {"training.learning_rate": 0.3, "training.max_epochs": 8}),
    "training.epoch_updates": (3, {}),
    "training.max_updates": (3, {}),
    "training.weights": ("best", {"training.learning_rate": 0.3, "training.max_epochs": 8}),
    "training.unknown_rate": (0.5, {}),
}
BASE: dict[str, object] = {
    "vectors": "random",
    "model.hidden_size": 8,
    "model.word_size": 6,
    "model.character_size": 5,
    "model.character_hidden_size": 4,
    "training.batch_size": 4,
    "training.max_epochs": 2,
}


@pytest.fixture(scope="module")
def train_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, object]], tuple[Any, ...]]:
    """Train with settings, once for equal ones: the numbers that came out."""
    place = tmp_path_factory.mktemp("settings")
    # ner has fewer sentences than pos, or sampling would not matter
    fewer = TASKS.replace("[tasks.ner]", '[tasks.ner]\ntrain = {file = "train.txt", sentences = "3-5"}')
    data = write_corpus(place / "data", tasks=fewer)
    known: dict[str, tuple[Any, ...]] = {}

    def run(settings: dict[str, object]) -> tuple[Any, ...]:
        key = json.dumps(settings, sort_keys=True)
        if key not in known:
            folder = place / str(len(known))
            sets = [part for name, value in settings.items() for part in ("--set", f"{name}={json.dumps(value)}")]
            paper = ("--preset", "paper", "--threads", "1")
            done("train", "--data", data, "--tasks", "pos,ner", *paper, *sets, "--output-dir", folder)
            known[key] = numbers(folder)
        return known[key]

    return run


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_takes_effect(train_with: Callable[[dict[str, object]], tuple[Any, ...]], key: str) -> None:
    value, others = SETTINGS[key]
    assert train_with({**BASE, **others}) != train_with({**BASE, **others, key: value})


def test_no_setting_is_forgotten_above() -> None:
    names = {name for name in RunConfig.model_fields if name not in ("model", "training", "tasks", "vectors")}
    names |= {f"model.{name}" for name in ModelSettings.model_fields}
    names |= {f"training.{name}" for name in TrainingSettings.model_fields}
    assert {re.sub(r"(loss_weights).*", r"\1", key) for key in SETTINGS} == names


# --- data stats and data check ---------------------------------------------------------------------------------------


def test_statistics_as_a_table_and_as_json(corpus: Path) -> None:
    shown = done("data", "stats", "--data", corpus)
    assert re.search(r"│ pos +│ +8/14 │", shown.out)
    assert shown.err == ""
    (row,) = json.loads(done("data", "stats", "--data", corpus, "--tasks", "ner", "--json").out)
    assert row["task"] == "ner"
    assert (row["sentences_train"], row["sentences_all"], row["labels"]) == (8, 14, 6)
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
    said = "figures: Permission denied; see to its permissions, or choose another place"
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
        "message": "'N' is no iobes tag; correct the tag or the scheme of pos",
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


# --- interruptions ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_keeps_the_finished_epochs(here: Path, corpus: Path) -> None:
    done(*training_of(corpus, "whole", *LONGER))
    stopped = interrupt(corpus, "run", epoch=2)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err.splitlines()[-1].startswith("tagmates: interrupted; finished epochs are saved in run: ")
    assert len((here / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    done(*training_of(corpus, "run", *LONGER, "--resume"))
    assert numbers(here / "run") == numbers(here / "whole")


@pytest.mark.parametrize("place", ["load_coded", "prepare_run", "start_folder"])
def test_ctrl_c_before_the_first_epoch(here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, place, lambda *_, **__: signal.raise_signal(signal.SIGINT))
        stopped = tagmates(*training_of(corpus, "run"))
    assert (stopped.code, stopped.out, stopped.err.count("\n")) == (130, "", 1)
    assert "tagmates: interrupted" in stopped.err
    done(*training_of(corpus, "run", "--resume"))


def test_ctrl_c_elsewhere_does_not_speak_of_epochs(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "evaluate_folder", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert tagmates("evaluate", trained) == Outcome(130, "", "tagmates: interrupted\n")


@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_the_last_checkpoint(here: Path, corpus: Path) -> None:
    done(*training_of(corpus, "whole", *LONGER))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        after_epoch(patch, 2, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1])))
        try:
            stopped = tagmates(*training_of(corpus, "run", *LONGER))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert (stopped.code, stopped.out) == (1, "")
    last = stopped.err.splitlines()[-1]
    assert re.match(
        r"tagmates: run/checkpoint\.safetensors: cannot be written \(File too large\); what was saved", last
    )
    assert "--resume" in last
    _, metadata = read_tensors(here / "run" / "checkpoint.safetensors")
    assert json.loads(metadata["state"])["epoch"] == 2
    assert not [path.name for path in (here / "run").iterdir() if path.name.endswith(".new")]
    done(*training_of(corpus, "run", *LONGER, "--resume"))
    assert numbers(here / "run") == numbers(here / "whole")


def test_a_folder_that_another_training_is_in_is_refused(here: Path, corpus: Path, run: Path) -> None:
    for how in ((), ("--resume",), ("--force",)):
        args = training_of(corpus, run, *how)
        pattern = "run: another process is training there; wait for it" if how else "run: is not empty; go on with"
        with lock_folder(run):
            refused(2, pattern, *args)
    (here / "fresh").mkdir()
    with lock_folder(here / "fresh"):
        refused(2, "fresh: another process is training there", *training_of(corpus, "fresh"))
    done(*training_of(corpus, "fresh"))  # .lock alone is an empty folder


# --- as a process of its own -----------------------------------------------------------------------------------------


LITTLE = """
import resource, sys
from tagmates.__main__ import main
from tagmates.apps import cli
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + int(sys.argv.pop(1)), -1))
main()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a limit on memory is of Linux")
@pytest.mark.parametrize("more", [pytest.param(2**20, marks=pytest.mark.slow), 2**25])
def test_too_little_memory_is_one_line(here: Path, corpus: Path, run: Path, more: int) -> None:
    """A real limit on address space, so near that torch's first arrays do not fit."""
    large = ("--set", "model.hidden_size=2000", "--vectors", "random", "--threads", "1")
    for args in (
        ("train", "--tasks", "pos", "--data", corpus, "--output-dir", "out", *large),
        *([("tag", run), ("evaluate", run)] if more == 2**20 else []),
    ):
        command = [sys.executable, "-c", LITTLE, str(more), *map(str, args)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        outcome = ended(
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=-1, stderr=-1), b"One two .\n"
        )
        if outcome.code == 0:  # a model of 8 units may find room in what Python has left
            assert args[0] != "train"
            continue
        assert outcome.code == 1, outcome.err
        assert re.fullmatch(r"tagmates: there is not enough memory \(.*\); .*\n", outcome.err), outcome.err


@pytest.mark.slow
def test_memory_that_runs_out_keeps_the_checkpoint(here: Path, corpus: Path) -> None:
    def ask() -> None:
        np.zeros(2**50)

    done(*training_of(corpus, "whole", *LONGER))
    with pytest.MonkeyPatch.context() as patch:
        after_epoch(patch, 2, ask)
        with pytest.raises(OutOfMemoryError) as caught:  # __main__ prints it and ends the process
            tagmates(*training_of(corpus, "run", *LONGER))
    assert re.fullmatch(
        r"there is not enough memory \(Unable to allocate .*\); .*--resume goes on .*", str(caught.value)
    )
    done(*training_of(corpus, "run", *LONGER), "--resume")
    assert numbers(here / "run") == numbers(here / "whole")


def start(*args: object, **streams: Any) -> subprocess.Popen[bytes]:
    """Start the command as a shell would."""
    # unbuffered, as in some containers, would hide what happens at the last flush
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-W", "error", "-m", "tagmates.apps.cli", *map(str, args)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen(command, env={**environment, "OMP_NUM_THREADS": "1"}, **streams)


def ended(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Outcome:
    out, err = process.communicate(stdin)
    return Outcome(process.returncode, (out or b"").decode(), err.decode())


def read_epochs(process: subprocess.Popen[bytes], count: int) -> None:
    """Wait until this many epochs are reported."""
    assert process.stderr is not None
    while count:
        line = process.stderr.readline()
        assert line, "the training ended early"
        count -= line.startswith(b"epoch ")


def commands(corpus: Path, trained: Path) -> list[tuple[object, ...]]:
    """One of each that prints to stdout."""
    return [
        ("evaluate", trained, "--json"),
        ("evaluate", trained),
        ("tag", trained, "--input", "conll", corpus / "test.txt"),
        ("tag", trained, "--output", "table", corpus / "test.txt"),
        ("data", "stats", "--data", corpus),
        ("data", "stats", "--data", corpus, "--json"),
        ("train", "--data", corpus, "--tasks", "pos", *TINY, "--output-dir", "new"),
        ("train", "--data", corpus, "--tasks", "pos", "--print-config", "--output-dir", "new"),
        ("--help",),
    ]


@pytest.mark.parametrize("number", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 9))])
def test_a_full_device_as_stdout_is_one_line(corpus: Path, trained: Path, number: int) -> None:
    with Path("/dev/full").open("wb") as full:
        found = ended(start(*commands(corpus, trained)[number], stdout=full))
    line = found.err.splitlines()[-1]
    assert line == f"tagmates: standard output: {os.strerror(errno.ENOSPC)}; make room, or choose another place"
    assert "Exception" not in found.err
    assert found.code == 1


@pytest.mark.slow
def test_a_reader_that_leaves_early_ends_it_quietly(trained: Path) -> None:
    text = b"The fog lifts near the old mill of Vardo .\n\n" * 2000  # more than a pipe holds
    with start("tag", trained, stdin=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(text)
        process.stdin.close()
        assert process.stdout.readline() == b"# token\tpos\tner\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", range(9))
def test_a_reader_that_is_gone_before_the_first_line(corpus: Path, trained: Path, number: int) -> None:
    with start(*commands(corpus, trained)[number]) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 1
    assert "Error" not in said
    assert "Exception" not in said


@pytest.mark.slow
def test_streams_that_are_closed(trained: Path) -> None:
    for redirect, name in (("<&-", "input"), (">&-", "output")):
        command = [sys.executable, "-m", "tagmates.apps.cli", "tag", str(trained)]
        shell = ["sh", "-c", f'"$@" {redirect}', "sh", *command]
        found = subprocess.run(shell, capture_output=True, text=True)
        assert re.fullmatch(rf"tagmates: standard {name}: is closed; .*\n", found.stderr)
        assert (found.returncode, found.stdout) == (1, "")


@pytest.mark.slow
def test_what_is_printed_is_utf_8_whatever_the_locale(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for output in ("conll", "json", "table"):
        found = ended(start("tag", trained, "--output", output, stdin=subprocess.PIPE), "Vardø".encode())
        assert (found.code, found.err) == (0, "")
        assert "Vardø" in found.out


ENDLESS = ("--set", "training.max_epochs=100000", "--set", "training.stopping_patience=100000")
SEVERAL = ("--set", "training.max_epochs=100", "--set", "training.stopping_patience=100")


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 5])
def test_sigint_in_the_middle_of_a_training(here: Path, corpus: Path, epochs: int) -> None:
    process = start(*training_of(corpus, "run", *ENDLESS))
    read_epochs(process, epochs)
    process.send_signal(signal.SIGINT)
    found = ended(process)
    assert (found.code, found.out) == (130, "")
    assert found.err.splitlines()[-1].startswith("tagmates: interrupted; finished epochs are saved in run: ")
    saved = (here / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(saved) >= epochs
    process = start(*training_of(corpus, "run", *ENDLESS, "--resume"))
    assert process.stderr is not None
    assert process.stderr.readline().split()[:2] == [b"epoch", str(len(saved) + 1).encode()]
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130


@pytest.mark.slow
def test_two_trainings_in_one_folder_and_a_lock_that_was_left(here: Path, corpus: Path) -> None:
    with start(*training_of(corpus, "run", *ENDLESS)) as process:
        read_epochs(process, 2)
        for how in ("--resume", "--force"):
            outcome = tagmates(*training_of(corpus, "run", *ENDLESS, how))
            assert (outcome.code, outcome.out) == (2, "")
            assert re.fullmatch(r"tagmates: run: another process is training there; [^\n]*\n", outcome.err)
        read_epochs(process, 2)  # goes on
        process.kill()
    assert (here / "run" / ".lock").exists()
    _, metadata = read_tensors(here / "run" / "checkpoint.safetensors")
    assert json.loads(metadata["state"])["epoch"] >= 4  # nothing was lost
    done(*training_of(corpus, "run", "--force"))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "several"
    done(*training_of(corpus, folder, *SEVERAL))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 7])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_training_ends_in_the_same_numbers(
    here: Path, corpus: Path, several: Path, epochs: int, how: int
) -> None:
    process = start(*training_of(corpus, "run", *SEVERAL))
    read_epochs(process, epochs)
    process.send_signal(how)
    process.communicate()
    assert not (here / "run" / "result.json").exists()
    found = ended(start(*training_of(corpus, "run", *SEVERAL, "--resume")))
    assert found.code == 0, found.err
    assert numbers(here / "run") == numbers(several)
    assert not [path.name for path in (here / "run").iterdir() if path.name.endswith(".new")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A tiny file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", range(4, 1000, 80))
def test_a_disk_of_any_size_loses_nothing(here: Path, corpus: Path, disk: Path, size: int) -> None:
    done(*training_of(corpus, "whole", *LONGER))
    remount(disk, f"size={size}k")
    stopped = tagmates(*training_of(corpus, disk / "run", *LONGER))
    if stopped.code:
        assert stopped.code == 1
        last = stopped.err.splitlines()[-1]
        assert re.match(r"tagmates: \S+: (cannot be written \()?No space left on device", last), last
        assert not [path.name for path in (disk / "run").iterdir() if path.name.endswith(".new")]
        if (disk / "run" / "checkpoint.safetensors").exists():
            read_tensors(disk / "run" / "checkpoint.safetensors")
    remount(disk, "size=20m")
    done(*training_of(corpus, disk / "run", *LONGER, "--resume"))
    assert numbers(disk / "run") == numbers(here / "whole")


@pytest.mark.slow
def test_a_read_only_place_is_one_line_and_stays_as_it_is(here: Path, corpus: Path, disk: Path) -> None:
    done(*training_of(corpus, disk / "run"))
    (disk / "empty").mkdir()
    remount(disk, "ro")
    refused(2, "new: cannot be used as output folder", *training_of(corpus, disk / "new"))
    for folder, how in (("empty", ()), ("run", ("--force",)), ("run", ("--resume",))):
        message = r"cannot be used as output folder \(Read-only file system\)"
        refused(2, message, *training_of(corpus, disk / folder, *how))
    for folder in ("empty", "new"):
        refused(1, "Read-only file system; |cannot be written", "evaluate", disk / "run", "--output", disk / folder)


# --- what was wrong once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", ['["all"]', '["pos,ner"]', '[" pos "]', '["pos", ""]'])
def test_tasks_in_a_configuration_are_names_and_not_lists_of_names(here: Path, corpus: Path, tasks: str) -> None:
    (here / "mine.toml").write_text(f"tasks = {tasks}\n")
    common = ("train", "--data", corpus, *TINY, "--output-dir", "new")
    refused(2, "no task ", *common, "--config", "mine.toml")
    refused(2, "no task ", *common, "--set", f"tasks={tasks}")


@pytest.mark.parametrize("content", ["[]", "null", "5"])
@pytest.mark.parametrize("name", ["config.json", "environment.json", "result.json"])
def test_resuming_a_run_with_a_foreign_json_file(corpus: Path, run: Path, name: str, content: str) -> None:
    (run / name).write_text(content)
    refused(1, rf"run/{name}: is .*not from tagmates", *training_of(corpus, run, "--resume"))


def test_a_checkpoint_of_another_run_of_the_same_shapes_is_refused(here: Path, corpus: Path) -> None:
    interrupt(corpus, "run")
    interrupt(corpus, "other", "--seed", "2")
    shutil.copy(here / "other" / "checkpoint.safetensors", "run")
    pattern = r"run/checkpoint\.safetensors: is not a checkpoint of this run"
    refused(1, pattern, *training_of(corpus, "run", *LONGER, "--resume"))


def test_a_sharing_that_does_not_fit_the_vocabulary_is_refused(run: Path) -> None:
    path = run / "config.json"
    path.write_text(path.read_text().replace('"multi_dec"', '"te_enc"'))
    for command in ("evaluate", "tag"):
        refused(1, "run/.*sharing", command, run, stdin=b"Otters sleep .")


@pytest.mark.parametrize(
    "setting",
    [
        "model.hidden_size=100000000000",
        "model.hidden_size=99999999999999999999999",
        "training.batch_size=99999999999999999999999",
    ],
)
def test_a_setting_beyond_all_measure_is_one_line(corpus: Path, setting: str) -> None:
    outcome = tagmates(*training_of(corpus, "new", "--set", "training.sampling=temperature", "--set", setting))
    assert outcome.code in (1, 2)
    assert outcome.err.startswith("tagmates: ")
    assert outcome.err.count("\n") == 1


def test_vectors_of_another_size_are_refused_by_tag(here: Path, run: Path) -> None:
    (here / "v.txt").write_text("otters 1 2 3\n")
    refused(1, r"v\.txt: vectors have 3 dimensions", "tag", run, "--vectors", "v.txt", stdin=b"Otters")


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


def test_a_run_is_evaluated_from_any_directory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(here / "data")
    done(*training_of(Path("data"), "run"))
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert "│ pos " in done("evaluate", "../run").out


def test_force_does_not_delete_what_is_no_run(here: Path, corpus: Path) -> None:
    (here / "README.md").write_text("of my project")
    (here / "config.json").write_text("{}")
    refused(2, "holds no tagmates run", *training_of(corpus, ".", "--force"))


def test_an_unfinished_run_is_called_unfinished(run: Path) -> None:
    for name in ("result.json", "model.safetensors"):
        (run / name).unlink()
    for command in ("evaluate", "tag"):
        refused(1, "run: .*not finished.* --resume", command, run, stdin=b"Otters")


def test_a_task_is_named_once_everywhere(corpus: Path, trained: Path) -> None:
    refused(2, "'pos'.* twice", "tag", trained, "--tasks", "pos,pos", stdin=b"Otters")
    refused(2, "'pos'.* twice", "data", "stats", "--data", corpus, "--tasks", "pos,pos")


def test_weights_that_are_not_finite_are_never_called_done(here: Path, corpus: Path) -> None:
    stopped = tagmates(*training_of(corpus, "run", "--set", "training.learning_rate=1e300"))
    assert stopped.code == 1
    assert not (here / "run" / "result.json").exists()


def test_a_full_disk_in_evaluate_does_not_speak_of_resuming(run: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limit[1]))
    try:
        stopped = tagmates("evaluate", run, "--output", "p")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert stopped.code == 1
    assert "p/pos.conll: cannot be written (File too large)" in stopped.err
    assert "--resume" not in stopped.err


def test_a_vocabulary_that_is_none_has_a_place(run: Path) -> None:
    (run / "vocabulary.json").write_text("{}")
    refused(1, r"run/vocabulary\.json", "tag", run, stdin=b"Otters")


def test_the_entropy_of_one_label_is_not_negative_zero(here: Path) -> None:
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", **dict.fromkeys(PARTS, "Otters\tO\n"))
    assert "-0.0" not in done("data", "stats", "--data", "data").out


def test_check_lists_every_tag_that_breaks_its_scheme(here: Path) -> None:
    write_corpus(here / "data", train=GOOD + "Mika\tN\tI-PERSON\n\n" + GOOD + "Lind\tN\tI-PERSON\n")
    shown = tagmates("data", "check", "data")
    assert [line for line in (4, 9) if f"data/train.txt:{line}: 'I-PERSON' continues" in shown.out] == [4, 9]
