"""``study recommend --taggers --train``: trainings that are interrupted or fail, and other data."""

import json
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    PARTS,
    after_epoch,
    columns,
    done,
    ended,
    numbers,
    read_epochs,
    refused,
    start,
    tagmates,
    write_corpus,
)
from tiny_study import write_tiny_study

from tagmates import api
from tagmates.errors import TrainingError
from tagmates.training.loop import Ended, Event

ONE_TAGGER = ("study", "recommend", "tiny.toml", "--taggers", "1")


def begin(place: Path, max_epochs: int = 2) -> None:
    """Begin a study of pairs and train no run of it."""
    regimes = "regimes = ['single', 'pair']\n"
    write_tiny_study(place, regimes, preset="practical", sharing=["multi_dec"], max_epochs=max_epochs)
    done("study", "run", "tiny.toml", "--engine", "local", "--budget", "0")


@pytest.fixture
def untrained(here: Path) -> Path:
    """A study that has begun, without a single run."""
    begin(here)
    return here / "runs" / "tiny"


def test_what_is_trained_for_json_is_trained_in_it(untrained: Path) -> None:
    before = json.loads(done(*ONE_TAGGER, "--json").out)["taggers"][0]
    assert not before["trained"]
    assert shlex.split(before["command"])[:2] == ["tagmates", "train"]
    after = json.loads(done(*ONE_TAGGER, "--train", "--json").out)["taggers"][0]
    assert (after["trained"], after["command"], after["folder"]) == (True, "", before["folder"])


def test_a_training_that_is_interrupted_goes_on_to_the_same_tagger(
    untrained: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(*ONE_TAGGER, "--train")
    (folder,) = (untrained / "taggers").iterdir()
    shutil.move(folder, here / "at once")
    with monkeypatch.context() as patch:
        after_epoch(patch, 1, lambda: signal.raise_signal(signal.SIGINT))
        outcome = tagmates(*ONE_TAGGER, "--train")
    assert outcome.code == 130
    assert "interrupted; finished epochs are saved, the same command continues" in outcome.err
    assert not (folder / "result.json").exists()
    (command,) = (line for line in done(*ONE_TAGGER).out.splitlines() if line.startswith("tagmates train "))
    assert command.endswith(" --resume")
    done(*ONE_TAGGER, "--train")
    assert numbers(folder) == numbers(here / "at once")


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 4])
def test_a_training_that_is_killed_goes_on_to_the_same_tagger(epochs: int, here: Path) -> None:
    begin(here, max_epochs=8)
    done(*ONE_TAGGER, "--train")
    (folder,) = (here / "runs" / "tiny" / "taggers").iterdir()
    shutil.move(folder, here / "at once")
    process = start(*ONE_TAGGER, "--train")
    read_epochs(process, epochs)
    process.kill()
    process.communicate()
    assert not (folder / "result.json").exists()
    found = ended(start(*ONE_TAGGER, "--train"))
    assert found.code == 0, found.err
    assert numbers(folder) == numbers(here / "at once")


def test_a_training_that_fails_is_not_called_trained(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[Event]:
        yield Ended(None, "", TrainingError("the loss is nan"))  # type: ignore[arg-type]

    monkeypatch.setattr(api, "train_study_tagger", fail)
    outcome = tagmates(*ONE_TAGGER, "--train")
    assert (outcome.code, "the loss is nan" in outcome.err) == (1, True)
    assert ": trained" not in outcome.out


def test_a_tagger_that_is_damaged_or_of_other_data_is_not_called_trained(untrained: Path) -> None:
    done(*ONE_TAGGER, "--train")
    (folder,) = (untrained / "taggers").iterdir()
    (folder / "model.safetensors").rename(folder / "kept")
    assert "to train pos and ner" in done(*ONE_TAGGER).out
    outcome = tagmates(*ONE_TAGGER, "--train")
    assert outcome.code == 1
    assert "model.safetensors is missing; delete the folder and train again" in outcome.err
    (folder / "kept").rename(folder / "model.safetensors")
    assert ": trained" in done(*ONE_TAGGER).out
    result = json.loads((folder / "result.json").read_text())
    result["task_data"]["pos"]["digest"] = "0" * 64
    (folder / "result.json").write_text(json.dumps(result))
    assert "to train pos and ner" in done(*ONE_TAGGER).out


def test_taggers_are_trained_on_the_data_of_the_study(untrained: Path, here: Path) -> None:
    write_corpus(here / "other", train=columns(PARTS["train"][1:]))
    outcome = tagmates(*ONE_TAGGER, "--train", "--data", "other")
    assert outcome.code == 2
    assert "was begun with other data than other holds: task pos had other sentences" in outcome.err
    assert not (untrained / "taggers").exists()
    refused(2, "--device tpu: choose auto", *ONE_TAGGER, "--train", "--device", "tpu")
