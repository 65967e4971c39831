"""The preset that a run starts from: ``paper`` for the paper's tasks, ``practical`` for all other data."""

import json
from pathlib import Path

import pytest

from tagmates import ModelSettings, RunConfig, TrainingSettings, train
from tagmates.apps.cli import app
from tagmates.config import PRESETS, preset_of
from tagmates.data.tasks import default_preset, load_tasks
from tagmates.errors import ConfigError
from tagmates.settings_parsing import with_preset
from tagmates.study.settings import preset_source, read_study
from tagmates.study.store import Store

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


def study(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[str, str]:
    """Which weights a study's trainings would keep, and what is said."""
    app(["study", "plan", *args, "--print-config"], exit_on_error=False, print_error=False)
    told = capsys.readouterr()
    weights: str = json.loads(told.out)["training"]["weights"]
    return weights, told.err


def test_a_study_that_names_no_preset_takes_that_of_its_data(
    paper: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text('vectors = "random"\nregimes = ["single"]\nseeds = [1]\n', encoding="utf-8")
    assert study(capsys, "s.toml", "--data", str(paper)) == (
        "last",
        "preset paper, as these are the paper's tasks (s.toml names none, preset = ... in it chooses)\n",
    )
    for data in (str(own), "starter"):
        weights, said = study(capsys, "s.toml", "--data", data)
        assert (weights, said.startswith("preset practical, as these are not the paper's tasks")) == ("best", True)
    assert study(capsys, "s.toml", "--data", str(own), "--set", "preset=paper") == (
        "last",
        "preset paper, as --set says\n",
    )
    (tmp_path / "p.toml").write_text('preset = "paper"\n', encoding="utf-8")
    assert study(capsys, "p.toml", "--data", str(own)) == ("last", "preset paper, as p.toml says\n")


def test_a_study_goes_on_with_the_preset_it_was_begun_with(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before data of one's own had ``practical`` by default, it was ``paper``: its trainings keep their ids."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text('vectors = "random"\nregimes = ["single"]\nseeds = [1]\n', encoding="utf-8")
    Store(tmp_path / "runs" / "s").start(read_study(tmp_path / "s.toml"), str(own), {}, "random", {}, ())
    weights, said = study(capsys, "s.toml", "--data", str(own))
    assert (weights, said.partition(" (")[0]) == ("last", "preset paper, as the study was begun with it")
    assert study(capsys, "runs/s") == ("last", "preset paper, as runs/s was begun with it\n")


def test_the_studies_of_this_repository_name_their_preset() -> None:
    for path in (Path(__file__).parents[2] / "studies").glob("*.toml"):
        assert preset_source(path, ()) == str(path)


def test_a_training_in_python_says_which_preset_it_took_and_so_does_evaluate(
    paper: Path, own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ModelSettings(word_size=4, hidden_size=4)
    config = RunConfig(tasks=("upos",), vectors="random", model=small, training=TrainingSettings(max_epochs=1))
    caplog.set_level("INFO", "tagmates")
    for data, preset, whose in ((paper, "paper", "the paper's"), (own, "practical", "not the paper's")):
        train(config, tmp_path / "runs" / preset, str(data))
        assert f"preset {preset}, as these are {whose} tasks" in caplog.messages
        app(["evaluate", str(tmp_path / "runs" / preset)], exit_on_error=False, print_error=False)
        assert f"trained with preset {preset}, as its config.json says\n" in capsys.readouterr().err
    train(with_preset(config, "practical"), tmp_path / "given", str(paper))
    app(["evaluate", str(tmp_path / "given")], exit_on_error=False, print_error=False)
    assert "trained with preset practical, as its config.json says\n" in capsys.readouterr().err


def test_settings_that_are_no_preset_are_named_after_the_nearest() -> None:
    found = TrainingSettings(**PRESETS["practical"]["training"]).model_copy(update={"weights": "last"})
    assert preset_of(found) == ("practical", ['weights = "last"'])
    assert preset_of(TrainingSettings(max_epochs=3, batch_size=7)) == ("paper", [])
