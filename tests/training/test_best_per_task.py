"""Weights of the best epoch of every task, and one task that decides: ``training.weights`` and ``training.select``."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from command_line import TASKS, done, tagmates, write_corpus
from safetensors.torch import load_file

from tagmates import ModelSettings, RunConfig, Tagger, TrainingSettings
from tagmates.training.evaluation import evaluate
from tagmates.training.loop import EpochEnded
from tagmates.training.train import train_events

SMALL = ModelSettings(hidden_size=8, character_hidden_size=4, word_size=6)
RATE = 0.02


def config(**training: object) -> RunConfig:
    given = {"learning_rate": RATE, "max_epochs": 9, "batch_size": 4, "weights": "best_per_task", **training}
    return RunConfig(
        tasks=("pos", "ner"), vectors="random", model=SMALL, training=TrainingSettings.model_validate(given)
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_corpus(tmp_path_factory.mktemp("data") / "corpus"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: str) -> Path:
    """The folder of a run of ``config()``; never to be written to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(config(), folder, data)
    return folder


def result_of(folder: Path) -> dict[str, object]:
    result: dict[str, object] = json.loads((folder / "result.json").read_text())
    return result


def train(settings: RunConfig, folder: Path, data: str) -> dict[str, object]:
    """The content of ``result.json``; a folder with a checkpoint is continued."""
    for _ in train_events(settings, folder, data, device="cpu", resume=folder.exists()):
        pass
    return result_of(folder)


def parameters_after(settings: RunConfig, folder: Path, data: str) -> dict[int, dict[str, torch.Tensor]]:
    """The parameters after each epoch of the same run."""
    found = {}
    for event in train_events(settings, folder, data, device="cpu"):
        if isinstance(event, EpochEnded):
            found[event.run.epoch] = {n: p.detach().clone() for n, p in event.run.module.named_parameters()}
    return found


def test_evaluation_scores_every_task_with_its_own_weights(tmp_path: Path, data: str, whole: Path) -> None:
    result = result_of(whole)
    found = evaluate(whole, split="dev")
    assert [*found.scores] == ["pos", "ner"]
    for task in ("pos", "ner"):
        assert found.scores[task].total.f1 == result["dev"][task]["f1"]  # type: ignore[index]
        assert found.signatures[task] == result["signature"]["dev"][task]  # type: ignore[index]
    done("export", whole, tmp_path / "exported", "--task", "pos")
    exported = evaluate(tmp_path / "exported", split="dev", data=data)
    assert exported.scores["pos"].total.f1 == result["dev"]["pos"]["f1"]  # type: ignore[index]
    assert "weights:one_epoch_of_best_per_task" in exported.signatures["pos"]


def test_every_task_is_tested_with_its_own_best_epoch(tmp_path: Path, data: str, whole: Path) -> None:
    settings = config()
    result = result_of(whole)
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    dev = {task: [line["dev"][task] for line in lines] for task in settings.tasks}
    best = {task: max(range(9), key=lambda i: (scores[i], i)) + 1 for task, scores in dev.items()}
    assert result["best_epochs"] == best
    assert len(set(best.values())) == 2, "choose another rate: the tasks must differ here"
    for task, scores in dev.items():
        assert result["dev"][task]["f1"] == max(scores)  # type: ignore[index]
    after = parameters_after(settings, tmp_path / "again", data)
    for task, epoch in best.items():
        tagger = Tagger.from_pretrained(whole, task=task)
        for name, parameter in tagger.module.named_parameters():
            assert torch.equal(parameter, after[epoch][name])
        done("export", whole, tmp_path / task, "--task", task, "--vectors", "0")
        exported = load_file(tmp_path / task / "model.safetensors")
        assert all(torch.equal(exported[name], after[epoch][name]) for name in exported)


def test_an_interrupted_run_keeps_the_same_epochs(tmp_path: Path, data: str, whole: Path) -> None:
    settings = config()
    for event in train_events(settings, tmp_path / "half", data, device="cpu"):
        if isinstance(event, EpochEnded) and event.run.epoch == 4:
            break
    train(settings, tmp_path / "half", data)
    names = {path.name for path in whole.iterdir()}
    assert names == {path.name for path in (tmp_path / "half").iterdir()}
    for name in names:
        if name.endswith(("safetensors", "npz")):
            assert (whole / name).read_bytes() == (tmp_path / "half" / name).read_bytes(), name


def test_started_again_nothing_of_the_former_run_is_left(tmp_path: Path, data: str, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    assert list((tmp_path / "run").glob("epoch-*"))
    for _ in train_events(config(weights="last", max_epochs=2), tmp_path / "run", data, device="cpu", force=True):
        pass
    assert not list((tmp_path / "run").glob("epoch-*"))


@pytest.mark.parametrize("task", ["pos", "ner"])
def test_one_task_decides_which_epoch_is_best(tmp_path: Path, data: str, task: str) -> None:
    result = train(config(weights="best", select=task), tmp_path / "run", data)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scores = [line["dev"][task] for line in lines]
    assert result["best_epoch"] == max(range(len(scores)), key=lambda i: (scores[i], i)) + 1
    assert lines[0]["dev_mean"] == pytest.approx(sum(lines[0]["dev"].values()) / 2)


def test_mistakes_are_named(tmp_path: Path, data: str, whole: Path) -> None:
    train(config(weights="best", max_epochs=1), tmp_path / "run", data)
    refused = tagmates("export", tmp_path / "run", tmp_path / "x", "--task", "pos")
    assert (refused.code, "best_per_task" in refused.err) == (1, True)
    refused = tagmates("export", whole, tmp_path / "x", "--task", "po")
    assert "did you mean 'pos'?" in refused.err
    options = ("--tasks", "pos,ner", "--data", data, "--output-dir", tmp_path / "y")
    refused = tagmates("train", *options, "--select", "nr")
    assert (refused.code, "did you mean 'ner'?" in refused.err) == (2, True)


def test_what_a_run_forgets_of_it_is_measured_from_the_weights_from_which_the_run_starts(
    tmp_path: Path, data: str
) -> None:
    result = train(config(select="ner"), tmp_path / "base", data)
    started = evaluate(tmp_path / "base", split="dev", per_task=False).scores
    assert any(started[task].total.f1 < result["dev"][task]["f1"] for task in started)  # type: ignore[index]
    more = write_corpus(tmp_path / "more", tasks=f"{TASKS}[tasks.word]\n")  # the tags of pos by another name
    options = ("--from", tmp_path / "base", "--tasks", "word", "--data", more, "--set", "training.max_epochs=1")
    done("train", *options, "--freeze", "encoder", "--output-dir", tmp_path / "new")
    dev = json.loads((tmp_path / "new" / "forgetting.json").read_text())["dev"]
    assert {task: one["before"] for task, one in dev.items()} == {task: started[task].total.f1 for task in started}
    assert all(one["before"] == one["after"] for one in dev.values())


def test_tasks_that_are_kept_from_the_base_have_the_weights_of_the_tagger(tmp_path: Path, data: str) -> None:
    train(config(max_epochs=1), tmp_path / "base", data)
    more = write_corpus(tmp_path / "more", tasks=f"{TASKS}[tasks.word]\n")
    options = ("--from", tmp_path / "base", "--tasks", "word", "--data", more, "--set", "training.max_epochs=2")
    done("train", *options, "--set", "training.weights=best_per_task", "--output-dir", tmp_path / "new")
    assert [*json.loads((tmp_path / "new" / "forgetting.json").read_text())["dev"]] == ["pos", "ner"]
    kept, whole = Tagger.from_pretrained(tmp_path / "new", task="pos"), Tagger.from_pretrained(tmp_path / "new")
    assert all(map(torch.equal, kept.module.parameters(), whole.module.parameters()))
    refused = tagmates("export", tmp_path / "new", tmp_path / "x", "--task", "chunk")
    assert "the tagger has no task 'chunk'; it has pos, ner, word" in refused.err
