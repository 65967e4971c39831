"""``train --output-dir``: when a folder is taken, resumed, replaced or refused."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import (
    FILES,
    LONGER,
    PARTS,
    TINY,
    columns,
    done,
    interrupt,
    numbers,
    refused,
    tagmates,
    training_of,
    tree,
    write_corpus,
)

pytestmark = pytest.mark.usefixtures("here")


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
    assert "run: is finished; there is nothing to resume\n" in shown.err
    assert "pos" in shown.out
    assert {name: content for name, content in tree(run).items() if name != "train.log"} == before


def test_resuming_with_another_configuration_or_other_data_is_refused(here: Path, corpus: Path, run: Path) -> None:
    for unfinished in (False, True):
        if unfinished:
            (run / "result.json").unlink()
        refused(
            2,
            r"run/config\.json: was started with seed = 1, not 2; repeat its settings, or start again with --force",
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


def test_force_does_not_delete_what_is_no_run(here: Path, corpus: Path) -> None:
    (here / "README.md").write_text("of my project")
    (here / "config.json").write_text("{}")
    refused(2, "holds no tagmates run", *training_of(corpus, ".", "--force"))


def test_weights_that_are_not_finite_are_never_called_done(here: Path, corpus: Path) -> None:
    stopped = tagmates(*training_of(corpus, "run", "--set", "training.learning_rate=1e300"))
    assert stopped.code == 1
    assert not (here / "run" / "result.json").exists()
