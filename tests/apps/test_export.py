"""``tagmates export``: a run becomes a model folder, which tags as the run does."""

import io
import os
import sys
from pathlib import Path

import pytest
from command_line import done, refused, tree
from helpers import make_corpora, make_run
from tiny_encoders import tiny_bert

from tagmates import ConfigError, ModelError, RunConfig, Tagger, train
from tagmates.apps.cli import app
from tagmates.config import ModelSettings, TrainingSettings
from tagmates.training.evaluation import evaluate


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a"
    config = RunConfig(
        tasks=("upos", "chunk"),
        model=ModelSettings(hidden_size=8),
        training=TrainingSettings(max_epochs=1, min_epoch_updates=1, unknown_rate=0.5),
    )
    train(config, folder)
    return folder


def run_app(*arguments: str) -> int:
    return app(arguments, exit_on_error=False, print_error=False) or 0


def test_it_tags_and_scores_as_the_run_does(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = tmp_path / "card.md"
    card.write_text("# Mine\n")
    run_app("export", str(run), str(tmp_path / "model"), "--vectors", "100", "--card", str(card))
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {
        "config.json", "vocabulary.json", "model.safetensors", "vectors.safetensors", "result.json", "README.md",
    }  # fmt: skip
    text = (tmp_path / "model" / "README.md").read_text()
    assert text.startswith("# Mine\n\n# A tagmates tagger") and "tokens" not in text
    given, own = Tagger.from_pretrained(tmp_path / "model"), Tagger.from_pretrained(run)
    assert len(given.vectors.index) == 100
    sentences = [own.vocabulary.words[50:60], ["xyzzy"]]
    assert given.tag(sentences) == own.tag(sentences)
    scored = evaluate(tmp_path / "model", data="starter"), evaluate(run)
    assert scored[0].to_json()["tasks"] == scored[1].to_json()["tasks"]
    with pytest.raises(ConfigError, match="give --data"):
        evaluate(tmp_path / "model")
    assert "tagmates tag" in capsys.readouterr().err


def test_what_is_there_stays_unless_forced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        run_app("export", str(run), str(tmp_path))
    run_app("export", str(run), str(tmp_path), "--vectors", "0", "--force")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "vectors.safetensors").exists()
    with pytest.raises(ConfigError, match="--vectors many"):
        run_app("export", str(run), str(tmp_path / "more"), "--vectors", "many")


def test_tag_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(make_corpora(1, {"one": ["A", "O"]}), "stl").tagger.save_pretrained(tmp_path / "m")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Anna sleeps .")))
    run_app("tag", str(tmp_path / "m"))
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == [
        "# token", "Anna", "sleeps", ".", "",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["README.md", "result.json"])
def test_nothing_outside_a_stranger_s_folder_goes_along(tmp_path: Path, name: str) -> None:
    folder, secret = tmp_path / "m", tmp_path / "secret"
    make_run(make_corpora(1, {"one": ["A", "O"]}), "stl").tagger.save_pretrained(folder)
    secret.write_text("secret")
    (folder / name).symlink_to(secret)
    with pytest.raises(ModelError, match="symbolic link"):
        run_app("export", str(folder), str(tmp_path / "out"))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match="not a regular file"):
        run_app("export", str(folder), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_nothing_of_an_older_model_stays(run: Path, tmp_path: Path) -> None:
    run_app("export", str(run), str(tmp_path / "m"), "--vectors", "9")
    make_run(make_corpora(1, {"one": ["A", "O"]}), "stl").tagger.save_pretrained(tmp_path / "other")
    run_app("export", str(tmp_path / "other"), str(tmp_path / "m"), "--force")
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        "config.json", "vocabulary.json", "model.safetensors",
    }  # fmt: skip


def test_files_for_onnx_runtime_take_the_place_of_a_model_and_the_other_way_round(run: Path, here: Path) -> None:
    pytest.importorskip("onnx")
    said = done("export", run, "new", "--onnx")
    assert "to use it: see docs/onnx.md" in said.err
    files = {"model.onnx", "words.npy", "crf.npz", "onnx.json", "result.json", "README.md"}
    assert {path.name for path in (here / "new").iterdir()} == files
    done("export", run, "new", "--force")
    assert not files - {"result.json", "README.md"} & {path.name for path in (here / "new").iterdir()}
    done("export", run, "new", "--onnx", "--force")
    assert {path.name for path in (here / "new").iterdir()} == files
    refused(2, "--onnx and --half: choose one", "export", run, "newer", "--onnx", "--half")


def test_onnx_needs_its_package(run: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "tagmates.model.onnx_export", raising=False)
    refused(2, "--onnx: needs the package onnx: pip install", "export", run, "new", "--onnx")


def test_a_pretrained_encoder_is_not_exported(here: Path, corpus: Path) -> None:
    pytest.importorskip("onnx")
    short = ("--set", "training.max_epochs=1", "--set", "training.min_epoch_updates=1")
    command = ("--encoder", tiny_bert(here / "encoder"), *short, "--threads", "1")
    done("train", "--data", corpus, "--tasks", "pos,ner", *command, "--output-dir", "run")
    refused(2, "--onnx: is for taggers without a pretrained encoder", "export", "run", "new", "--onnx")


def test_no_run_is_lost_by_an_export(run: Path, here: Path) -> None:
    (here / "link").symlink_to(run)
    (here / "file").write_text("text")
    before = tree(run)
    for onnx in ((), ("--onnx",)):
        refused(2, "is the model that is exported, which must stay", "export", run, "link", "--force", *onnx)
        refused(2, "holds a run, which must stay", "export", "en", "link", "--force", *onnx)
        refused(2, "is a file; name a new folder", "export", run, "file", "--force", *onnx)
    assert tree(run) == before


def test_a_folder_for_onnx_runtime_says_what_it_is(run: Path, here: Path) -> None:
    pytest.importorskip("onnx")
    done("export", run, "new", "--onnx")
    refused(1, "new: is for ONNX Runtime .tagmates export --onnx.; give the tagger that was exported", "tag", "new")
    card = (here / "new" / "README.md").read_text()
    assert "docs/onnx.md" in card
    assert "import tagmates" not in card
