"""What the README promises is run as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tagmates import RunConfig
from tagmates.apps.cli import app
from tagmates.data.describing.proposal import propose
from tagmates.data.tasks import load_tasks
from tagmates.study.settings import read_study

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_first_block_has_exactly_the_two_commands() -> None:
    assert blocks("sh")[0].split("\n") == ["make demo", "make test", ""]


def test_the_python_lines_run(tmp_path: Path) -> None:
    (code,) = blocks("python")
    # the same lines with a training that is as short as can be
    short = "training=tagmates.TrainingSettings(max_epochs=1), model=tagmates.ModelSettings(hidden_size=8))"
    assert code.count("seed=1)") == 1
    code = code.replace("seed=1)", f"seed=1, {short}")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "'Oslo'" in done.stdout and "[Span(start=1, end=3, label='')]" in done.stdout
    assert len(done.stdout.splitlines()) == 2


def test_the_toml_of_own_tasks_is_what_init_writes_for_these_sentences(tmp_path: Path) -> None:
    """But for the names of the tasks."""
    lines = blocks("text")[1]
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).write_text(lines, encoding="utf-8")
    (tmp_path / "guessed.toml").write_text(propose(tmp_path, "").text, encoding="utf-8")
    (tmp_path / "tasks.toml").write_text(blocks("toml")[1], encoding="utf-8")
    tasks, guessed = load_tasks(str(tmp_path)), load_tasks(str(tmp_path / "guessed.toml"))
    assert list(tasks) == ["pos", "food"]
    for ours, theirs in zip(tasks.values(), guessed.values(), strict=True):
        assert ours.model_dump(exclude={"name"}) == theirs.model_dump(exclude={"name"})


def test_the_toml_of_a_study_is_read(tmp_path: Path) -> None:
    text, _ = blocks("toml")
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    assert read_study(tmp_path / "own.toml").training.max_epochs == 50


@pytest.mark.parametrize("command", ["train", "evaluate", "tag", "data check", "data stats", "data fetch"])
def test_the_commands_have_only_options_that_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = re.findall(rf"tagmates {command} [^\n`]*", README)
    assert lines
    app([*command.split(), "--help"])
    shown = capsys.readouterr().out
    for option in re.findall(r"--[a-z-]+", " ".join(lines)):
        assert option in shown


def test_the_paper_preset_is_the_default() -> None:
    assert RunConfig(tasks=("com",)).training.weights == "last"
