"""``tagmates train --from``: a trained tagger learns another task, and what it forgets is shown."""

import json
from pathlib import Path

import pytest
from command_line import FILES, PARTS, TASKS, TINY, columns, done, refused, tagmates, write_corpus

import tagmates as library
from tagmates.batching import vectors
from tagmates.config import RunConfig
from tagmates.training.evaluation import evaluate

NEW_TASK = TASKS.replace("[tasks.ner]", "[tasks.name]")  # the same tags by another name
ONLY_NEW = f'{FILES}\nseparator = "\\t"\n[tasks.name]\ntag_column = 3\nscheme = "iob2"\n'


@pytest.fixture
def more(here: Path) -> Path:
    """A corpus with an old task of the run, pos, and a new one."""
    return write_corpus(here / "more", tasks=NEW_TASK)


def test_it_learns_a_task_and_shows_what_it_forgets(run: Path, more: Path, here: Path) -> None:
    said = done("train", "--from", run, "--tasks", "name", "--data", more, *TINY, "--output-dir", "new")
    assert library.Tagger.from_pretrained("new").tasks == ("pos", "ner", "name")
    record = json.loads((here / "new" / "forgetting.json").read_text())
    before, after = (evaluate(name, split="dev", data=str(more)).scores["pos"].total.f1 for name in (run, "new"))
    assert record == {
        "base": str((here / run).resolve()),
        "dev": {"pos": {"before": before, "after": after, "trained": False}},
    }
    assert f"{before:.2f}" in said.out
    assert "has no dev set with the tags of ner, so what the tagger forgets of that is not seen" in said.err
    config = json.loads((here / "new" / "config.json").read_text())
    assert (config["kept"], config["tasks"], config["model"]["hidden_size"]) == (["pos", "ner"], ["name"], 8)


def test_with_a_frozen_encoder_nothing_is_forgotten_and_old_tasks_can_be_trained_along(
    run: Path, more: Path, here: Path
) -> None:
    options = ("--from", run, "--data", more, *TINY)
    done("train", *options, "--tasks", "name", "--freeze", "encoder", "--output-dir", "frozen")
    (frozen,) = json.loads((here / "frozen" / "forgetting.json").read_text())["dev"].values()
    assert frozen["before"] == frozen["after"]
    said = done("train", *options, "--tasks", "name,pos", "--output-dir", "along")
    (along,) = json.loads((here / "along" / "forgetting.json").read_text())["dev"].values()
    assert along["trained"] is True
    assert "│ yes" in said.out
    assert library.Tagger.from_pretrained("along").tasks == ("ner", "name", "pos")


def test_the_same_command_with_resume_shows_it_again(run: Path, more: Path, here: Path) -> None:
    command = ("train", "--from", run, "--tasks", "name", "--data", more, *TINY, "--output-dir", "new")
    first = done(*command)
    (here / "new" / "forgetting.json").unlink()  # as if it had been killed before
    assert done(*command, "--resume").out == first.out
    assert (here / "new" / "forgetting.json").exists()
    done(*command, "--force")
    done("train", "--config", "new/config.json", "--data", more, "--output-dir", "same")
    weights = [(here / name / "model.safetensors").read_bytes() for name in ("new", "same")]
    assert weights[0] == weights[1]


def test_without_data_of_old_tasks_it_says_so(run: Path, here: Path) -> None:
    write_corpus(here / "only", tasks=ONLY_NEW)
    said = done("train", "--from", run, "--tasks", "name", "--data", "only", *TINY, "--output-dir", "new")
    assert (
        "only: has no dev set with the tags of pos and ner, so what the tagger forgets of that is not seen" in said.err
    )
    assert not (here / "new" / "forgetting.json").exists()


def test_the_bundled_model_learns_a_task_without_glove(here: Path, more: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_from_package", lambda: vectors.NO_VECTORS)
    said = done(
        *("train", "--from", "en", "--tasks", "name", "--data", more, "--freeze", "encoder"),
        *("--set", "training.max_epochs=1", "--set", "training.min_epoch_updates=3"),
        *("--threads", "1", "--output-dir", "new"),
    )
    assert "GloVe" not in said.err
    assert (here / "new" / "vectors.safetensors").exists()  # of the base, which new words need
    texts = [["Zanzibar", "otters"]]
    old, new = library.Tagger.from_pretrained("en"), library.Tagger.from_pretrained("new")
    assert new.tasks == (*old.tasks, "name")
    assert old.tag(texts)[0].tags == {task: new.tag(texts)[0].tags[task] for task in old.tasks}


@pytest.mark.slow
def test_folds_and_a_final_run_go_on_from_it_too(run: Path, more: Path, here: Path) -> None:
    options = ("--from", run, "--tasks", "name", "--data", more, *TINY)
    done("train", *options, "--folds", "3", "--output-dir", "cv")
    assert json.loads((here / "cv" / "fold-1" / "config.json").read_text())["base"]
    done("train", *options, "--output-dir", "new")
    done("train", "--final", "new", "--output-dir", "final")
    assert library.Tagger.from_pretrained("final").tasks == ("pos", "ner", "name")


def test_in_python(run: Path, more: Path) -> None:
    short = library.TrainingSettings(max_epochs=1, min_epoch_updates=3)
    config = RunConfig(tasks=("name",), base=str(run), training=short)
    tagger = library.train(config, "new", str(more))
    assert tagger.tasks == ("pos", "ner", "name")
    assert (Path("new") / "forgetting.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "nowhere"), "nowhere: no such folder"),
        (("--from", "run", "--sharing", "te_dec"), "sharing: is 'multi_dec' for these tasks in .*run; leave it out"),
        (("--from", "run", "--set", "model.layers=1"), "model.layers: is 2 in .*run and cannot be 1; leave it out"),
        (("--freeze", "encoder"), "--freeze: needs --from, the tagger whose encoder"),
        (("--from", "run", "--freeze", "decoder"), "freeze"),
        (("--from", ""), "--from: is empty; name a tagger"),
        (
            ("--from", "en", "--freeze", "encoder", "--vectors", "random"),
            "vectors: are 'glove' in en; with a frozen",
        ),
    ],
)
def test_what_cannot_be(run: Path, more: Path, options: tuple[str, ...], message: str) -> None:
    refused(2 if "nowhere" not in options else 1, message, "train", *options, "--tasks", "name", "--data", more,
            "--output-dir", "new")  # fmt: skip


def test_the_base_is_not_overwritten_by_any_name(run: Path, more: Path, here: Path) -> None:
    (here / "link").symlink_to(run)
    (here / "other").symlink_to(here)
    command = ("train", "--tasks", "name", "--data", more, "--force", "--threads", "1")
    for base, output in ((run, run), (run, "link"), ("link", run), (f"other/{run}", f"other/{run}"), (run, ".")):
        refused(
            2, "holds the tagger to go on from .*, which must stay", *command, "--from", base, "--output-dir", output
        )
    refused(2, "holds no folds", *command, "--from", run, "--folds", "3", "--output-dir", ".")
    done("train", "--tasks", "name", "--data", more, *TINY, "--folds", "3", "--output-dir", "cv")
    refused(2, "which must stay", *command, "--from", "cv/fold-1", "--folds", "3", "--output-dir", "cv")
    config = RunConfig(tasks=("name",), base=str(run))
    with pytest.raises(library.ConfigError, match="which must stay"):
        library.train(config, "link", str(more), force=True)
    refused(2, "is the run to repeat, which must stay", "train", "--final", run, "--output-dir", "link", "--force")


def test_settings_of_a_run_that_goes_on_can_be_used_for_other_tasks(run: Path, more: Path, here: Path) -> None:
    options = ("--data", more, *TINY)
    done("train", "--from", run, "--tasks", "name", *options, "--output-dir", "new")
    done("train", "--config", "new/config.json", "--tasks", "name,pos", *options, "--output-dir", "both")
    assert json.loads((here / "both" / "config.json").read_text())["kept"] == ["ner"]


def test_tags_that_the_tagger_does_not_know_say_nothing_of_what_it_forgets(run: Path, here: Path) -> None:
    changed = columns([[(word, f"x{pos}", tag) for word, pos, tag in rows] for rows in PARTS["dev"]])
    data = write_corpus(here / "changed", tasks=NEW_TASK, dev=changed)
    said = done("train", "--from", run, "--tasks", "name", "--data", data, *TINY, "--output-dir", "new")
    assert "has no dev set with the tags of pos and ner" in said.err
    assert not (here / "new" / "forgetting.json").exists()


def test_a_known_task_in_another_scheme_is_refused(run: Path, here: Path) -> None:
    data = write_corpus(here / "iobes", tasks=TASKS.replace('"iob2"', '"iob2"\nconvert_to = "iobes"'))
    command = ("train", "--from", run, "--tasks", "ner", "--data", data, *TINY, "--output-dir", "new")
    refused(1, 'task ner: has tags in the scheme iobes, and in .* those of iob2; set convert_to = "iob2"', *command)


def test_an_unfinished_base_is_refused(run: Path, more: Path, here: Path) -> None:
    (here / run / "model.safetensors").unlink()
    outcome = tagmates("train", "--from", run, "--tasks", "name", "--data", more, *TINY, "--output-dir", "new")
    assert outcome.code == 1
    assert "its training is not finished" in outcome.err
    assert outcome.err.count("\n") == 1
