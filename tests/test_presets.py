"""Which preset a training starts from: the paper's tasks from ``paper``, all other data from ``practical``."""

import json
from pathlib import Path

import pytest

from tagmates import ModelSettings, RunConfig, TrainingSettings, train
from tagmates.apps.cli import app
from tagmates.config import with_preset
from tagmates.data.tasks import default_preset, load_tasks
from tagmates.errors import ConfigError

ROWS = "Ada\tN\nsings\tV\n\nMika\tN\npaints\tV\n\n"


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """A folder as ``data fetch`` makes it."""
    for task in ("upos", "mwe"):
        (tmp_path / "paper" / task).mkdir(parents=True)
        for split in ("train", "dev", "test"):
            (tmp_path / "paper" / task / f"{split}.conll").write_text(ROWS, encoding="utf-8")
    return tmp_path / "paper"


@pytest.fixture
def own(paper: Path) -> Path:
    """The same files, described by their owner."""
    toml = 'train = "train.conll"\ndev = "dev.conll"\ntest = "test.conll"\n[tasks.upos]\nfolder = "upos"\n'
    (paper.parent / "own.toml").write_text(toml.replace('folder = "upos"', 'folder = "paper/upos"'), encoding="utf-8")
    return paper.parent / "own.toml"


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[str, str]:
    """Which weights a training would keep, and what is said."""
    app(["train", "--tasks", "all", "--print-config", *args], exit_on_error=False, print_error=False)
    told = capsys.readouterr()
    weights: str = json.loads(told.out)["training"]["weights"]
    return weights, told.err


def test_the_data_choose_the_preset_and_it_is_said(paper: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, said = shown(capsys, "--data", str(paper))
    assert (weights, said.startswith("preset paper, ")) == ("last", True)
    for data in (str(own), "starter"):
        weights, said = shown(capsys, "--data", data)
        assert (weights, said.startswith("preset practical, ")) == ("best", True)


def test_a_preset_that_is_named_wins(paper: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "--data", str(paper), "--preset", "practical") == ("best", "preset practical\n")
    assert shown(capsys, "--data", str(own), "--preset", "paper") == ("last", "preset paper\n")


def test_the_settings_of_a_run_stay_what_they_are(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = RunConfig(tasks=("upos",)).model_dump(mode="json")
    del config["training"]["weights"]  # as of a run that is older than the setting
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights, said = shown(capsys, "--data", str(own), "--config", str(tmp_path / "config.json"))
    assert (weights, said) == ("last", f"settings of {tmp_path / 'config.json'}\n")


def test_the_starter_corpus_is_no_data_of_the_paper() -> None:
    assert default_preset(load_tasks("starter")) == "practical"


def test_a_preset_in_python_gives_what_the_configuration_was_not_given(own: Path, tmp_path: Path) -> None:
    config = RunConfig(
        tasks=("upos",),
        vectors="random",
        model=ModelSettings(hidden_size=4),
        training=TrainingSettings(max_epochs=1, bucketed=False),
    )
    train(config, tmp_path / "run", str(own), preset="practical")
    training = json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))["training"]
    assert (training["weights"], training["unknown_rate"]) == ("best", 0.5)
    assert (training["max_epochs"], training["bucketed"]) == (1, False)
    assert with_preset(config, "paper") == config
    with pytest.raises(ConfigError, match="preset papr: no such preset"):
        train(config, tmp_path / "other", str(own), preset="papr")
