"""The commands and files of the README are run as they are written there."""

import re
from pathlib import Path

import pytest

from tagmates import RunConfig
from tagmates.apps.cli import app
from tagmates.study.settings import read_study

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STUDIES = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 1200


def test_the_first_block_has_exactly_the_two_commands() -> None:
    assert blocks("sh")[0].split("\n") == ["make demo", "make test", ""]


def test_the_python_lines_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    # the same lines with a training that is as short as can be
    short = "training=tagmates.TrainingSettings(max_epochs=1, min_epoch_updates=1), "
    short += "model=tagmates.ModelSettings(hidden_size=8))"
    assert code.count("seed=1)") == 1
    code = code.replace("seed=1)", f"seed=1, {short}")
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    said = capsys.readouterr().out
    assert "'Oslo'" in said and "[Span(start=1, end=3, label='')]" in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("page", [README, STUDIES], ids=["README", "studies"])
def test_the_toml_of_a_study_is_read(page: str, tmp_path: Path) -> None:
    (text,) = blocks("toml", page)
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    assert read_study(tmp_path / "own.toml").training.max_epochs == 50


COMMANDS = [
    "train", "evaluate", "tag", "data init", "data check", "data list", "data fetch", "study plan", "study run",
    "study status", "study report", "study recommend", "study pack", "study adopt", "export",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_have_only_options_that_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = re.findall(rf"tagmates {command}\b[^\n`#|]*", README + STUDIES + TRAINING)
    assert lines
    app([*command.split(), "--help"])
    shown = capsys.readouterr().out
    for option in re.findall(r"--[a-z-]+", " ".join(lines)):
        assert option in shown, option


def test_the_paper_preset_is_the_default() -> None:
    assert RunConfig(tasks=("com",)).training.weights == "last"
