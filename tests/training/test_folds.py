"""``train --folds`` and ``train --final``: cross-validation without a dev set, and training on everything."""

import json
from pathlib import Path

import pytest
from command_line import FILES, SMALL, TASKS, done, tagmates, write_corpus

from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError
from tagmates.training.folds import make_folds

TRAIN = ("--vectors", "random", "--tasks", "pos,ner", *SMALL)
WITHOUT_DEV = TASKS.replace(FILES, 'train = ["train.txt", "dev.txt"]\ntest = "test.txt"')


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two tasks without a dev set; this is the working folder."""
    monkeypatch.chdir(tmp_path)
    return str(write_corpus(tmp_path / "corpus", tasks=WITHOUT_DEV))


def test_folds_are_equal_disjoint_and_the_same_for_both_tasks(data: str) -> None:
    tasks = load_tasks(data)
    made = make_folds(tasks, ["pos", "ner"], 4, seed=1)
    assert list(made["pos"].fold) == list(made["ner"].fold) != list(make_folds(tasks, ["pos"], 4, seed=2)["pos"].fold)
    for own in made.values():
        sizes = [len(own.of(number)) for number in range(4)]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == len(own.sentences) == 11
        for number in range(4):
            splits = {name: split.sentences for name, split in own.splits(number, 4).splits.items()}
            assert splits["test"] == own.of(number)
            lines = [(s.file, s.line) for some in splits.values() for s in some]
            assert len(set(lines)) == len(lines) == 11


def test_equal_sentences_are_in_one_fold_of_all_tasks(tmp_path: Path) -> None:
    """Tasks that have only some sentences in common, in another order, and some of them twice."""
    sentences = [f"w{i}\tX\n" for i in range(30)]
    (tmp_path / "a.txt").write_text("\n".join(sentences[:20]) + "\n")
    (tmp_path / "b.txt").write_text("\n".join([*reversed(sentences[10:]), *sentences[12:15]]) + "\n")
    tables = [f'[tasks.{name}]\nscheme = "plain"\ntrain = "{name}.txt"\ntest = "{name}.txt"\n' for name in "ab"]
    (tmp_path / "tasks.toml").write_text("\n".join(tables))
    made = make_folds(load_tasks(str(tmp_path / "tasks.toml")), ["a", "b"], 4, seed=1)
    folds = {}
    for own in made.values():
        for sentence, fold in zip(own.sentences, own.fold, strict=True):
            assert folds.setdefault(sentence.tokens, fold) == fold
        assert {*own.fold} == {0, 1, 2, 3}
    assert len(folds) == 30


@pytest.mark.slow
def test_folds_of_the_best_epoch_of_each_task(data: str, tmp_path: Path) -> None:
    """The predictions are those of the taggers that were scored."""
    options = ("--set", "training.weights=best_per_task", "--set", "training.max_epochs=4")
    rate = ("--set", "training.learning_rate=0.05")
    done("train", "--data", data, *TRAIN, *options, *rate, "--folds", "3", "--output-dir", "cv")
    results = [json.loads((tmp_path / "cv" / f"fold-{n}" / "result.json").read_text()) for n in (1, 2, 3)]
    assert any(len(set(result["best_epochs"].values())) == 2 for result in results), "choose another rate"
    rows = [line.split("\t") for line in (tmp_path / "cv" / "pos.conll").read_text().split("\n") if line]
    right = sum(result["test"]["pos"]["tp"] for result in results)
    assert sum(gold == predicted for _, gold, predicted in rows) == right


def test_a_folder_without_folds_is_never_written_to(data: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ner.conll").write_text("my own")
    for option in ((), ("--resume",), ("--force",)):
        refused = tagmates("train", "--data", data, *TRAIN, "--folds", "3", *option, "--output-dir", "mine")
        assert refused.code == 2
        assert "mine: is not empty, and holds no folds; choose a new folder" in refused.err
    assert (tmp_path / "mine" / "ner.conll").read_text() == "my own"


@pytest.mark.slow
def test_another_number_of_folds(data: str, tmp_path: Path) -> None:
    """Is refused with --resume, also before all folds are trained; with --force nothing is left of the former ones."""
    cv = ("train", "--data", data, *TRAIN, "--output-dir", "cv")
    done(*cv, "--folds", "4")
    (tmp_path / "cv" / "fold-4" / "result.json").unlink()
    for number in ("3", "5"):
        refused = tagmates(*cv, "--folds", number, "--resume")
        assert "cv: was begun with 4 folds; repeat that number" in refused.err
    done(*cv, "--folds", "3", "--force")
    assert not (tmp_path / "cv" / "fold-4" / "result.json").exists()
    assert json.loads((tmp_path / "cv" / "folds.json").read_text())["folds"] == 3
    done(*cv, "--folds", "3", "--resume")


def test_every_sentence_is_tagged_by_a_tagger_that_has_never_seen_it(data: str, tmp_path: Path) -> None:
    said = done("train", "--data", data, *TRAIN, "--folds", "3", "--output-dir", "cv")
    summary = json.loads((tmp_path / "cv" / "folds.json").read_text())
    for task in ("pos", "ner"):
        scores = summary["tasks"][task]
        own = [json.loads((tmp_path / "cv" / f"fold-{n}" / "result.json").read_text()) for n in (1, 2, 3)]
        assert scores["f1"] == [result["test"][task]["f1"] for result in own]
        assert scores["mean"] == pytest.approx(sum(scores["f1"]) / 3)
        rows = (tmp_path / "cv" / f"{task}.conll").read_text().split("\n")
        tokens = [line.split("\t")[0] for line in rows if line]
        expected = [
            s for name in ("train", "dev") for s in (tmp_path / "corpus" / f"{name}.txt").read_text().split("\n")
        ]
        assert tokens == [line.split("\t")[0] for line in expected if line]
        if task == "pos":  # every token is a unit, so all predictions together score as they stand in the file
            right = [line.split("\t")[1] == line.split("\t")[2] for line in rows if line]
            assert scores["together"] == pytest.approx(100 * sum(right) / len(right))
        assert f"{scores['mean']:.2f}" in said.out


def test_what_is_done_is_not_trained_again(data: str, tmp_path: Path) -> None:
    done("train", "--data", data, *TRAIN, "--folds", "3", "--output-dir", "cv")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cv").rglob("model.safetensors")}
    summary = (tmp_path / "cv" / "folds.json").read_bytes()
    (tmp_path / "cv" / "fold-2" / "result.json").unlink()  # as if it had been killed
    done("train", "--data", data, *TRAIN, "--folds", "3", "--output-dir", "cv", "--resume")
    again = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert again == {tmp_path / "cv" / "fold-2" / "model.safetensors"}
    assert (tmp_path / "cv" / "folds.json").read_bytes() == summary


def test_a_final_run_trains_on_everything_for_as_many_updates(data: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "split")  # with a dev set
    options = ("--preset", "practical", "--set", "training.min_epoch_updates=4")
    done("train", "--data", "split", *TRAIN, *options, "--output-dir", "run")
    said = done("train", "--final", "run", "--output-dir", "final")
    chosen, final = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("run", "final"))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert final["updates"] == lines[chosen["best_epoch"] - 1]["updates"]
    assert set(final["test"]) == {"pos", "ner"}
    assert "dev" not in final
    assert "dev F1" not in said.err
    config = json.loads((tmp_path / "final" / "config.json").read_text())
    assert (config["training"]["schedule"], config["training"]["weights"]) == ("linear", "last")
    assert done("tag", "final", "-", stdin=b"Otters juggle\n").out
    words = json.loads((tmp_path / "final" / "vocabulary.json").read_text())["words"]
    only_in_dev = {"lifts", "sink"}  # of the sentences of dev.txt
    assert only_in_dev <= set(words)


def test_a_final_run_without_a_test_split_has_no_scores(data: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "split", tasks=TASKS.replace(FILES, 'train = "train.txt"\ndev = "dev.txt"'))
    done("train", "--data", "split", *TRAIN, "--output-dir", "run")
    done("train", "--final", "run", "--output-dir", "final")
    result = json.loads((tmp_path / "final" / "result.json").read_text())
    assert not {"dev", "test"} & set(result)
    assert "has no score" in (tmp_path / "final" / "README.md").read_text()
    assert not (tmp_path / "final" / "checkpoint.safetensors").exists()


def test_a_final_run_says_that_the_data_have_changed(data: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "split")
    done("train", "--data", "split", *TRAIN, "--output-dir", "run")
    assert "had other sentences" not in done("train", "--final", "run", "--output-dir", "final").err
    train = tmp_path / "split" / "train.txt"
    train.write_text(train.read_text() + "New\tN\tO\n\n")
    assert "had other sentences" in done("train", "--final", "run", "--output-dir", "final", "--force").err


def test_a_final_run_goes_on_after_a_kill_to_the_same_bytes(data: str, tmp_path: Path) -> None:
    from tagmates.training.final import final_config, train_final
    from tagmates.training.loop import EpochEnded

    write_corpus(tmp_path / "split")
    done("train", "--data", "split", *TRAIN, "--set", "training.max_epochs=3", "--output-dir", "run")
    done("train", "--final", "run", "--output-dir", "whole", "--threads", "1")
    config, source = final_config(tmp_path / "run")
    for event in train_final(config, tmp_path / "half", source, device="cpu"):
        if isinstance(event, EpochEnded):
            break
    done("train", "--final", "run", "--output-dir", "half", "--resume", "--threads", "1")
    one, other = (tmp_path / name / "model.safetensors" for name in ("whole", "half"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--folds", "2"), "give 3 or more"),
        (("--folds", "12"), "too few for 12 folds"),
        (("--final", "nowhere"), "takes data and settings from the run"),
    ],
)
def test_mistakes_are_one_line(data: str, options: tuple[str, ...], message: str) -> None:
    refused = tagmates("train", "--data", data, *TRAIN, *options, "--output-dir", "x")
    assert refused.code in (1, 2)
    assert message in refused.err
    assert refused.err.count("\n") <= 2


def test_a_final_run_of_nothing_is_one_line(data: str) -> None:
    refused = tagmates("train", "--final", "nowhere", "--output-dir", "x")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "nowhere: has no config.json; --final needs the folder of a finished run" in refused.err
    exported = tagmates("train", "--final", "en", "--output-dir", "x")
    assert "en: has no config.json" in exported.err


def test_the_settings_of_a_final_run_are_shown_and_its_data_cannot_be_replaced(data: str, tmp_path: Path) -> None:
    write_corpus(tmp_path / "split")
    done("train", "--data", "split", *TRAIN, "--output-dir", "run", "--set", "training.max_epochs=1")
    shown = done("train", "--final", "run", "--print-config", "--output-dir", "final")
    assert json.loads(shown.out)["training"]["schedule"] == "linear"
    assert not (tmp_path / "final").exists()
    refused = tagmates("train", "--final", "run", "--data", "other", "--output-dir", "final")
    assert "--final: takes data and settings from the run" in refused.err


def test_too_few_folds_and_sentences_in_python(data: str) -> None:
    tasks = load_tasks(data)
    with pytest.raises(ConfigError, match="give 3 or more"):
        make_folds(tasks, ["pos"], 1, seed=1)
    with pytest.raises(DataError, match="has 11 different sentences"):
        make_folds(tasks, ["pos"], 99, seed=1)
