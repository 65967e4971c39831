"""Runs that go on from a trained tagger: what it has learned is taken over, and what is kept does not change."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SMALL, make_corpora
from tiny_encoders import tiny_bert

from tagmates.batching.vectors import Vectors
from tagmates.config import PRESETS, RunConfig, Sharing
from tagmates.data.corpora import Corpora
from tagmates.data.indexing import IndexedTask
from tagmates.data.task import Task
from tagmates.errors import ConfigError, OtherDataError
from tagmates.model.pretrained_encoder import load_encoder
from tagmates.model.tagger import Tagger
from tagmates.settings_parsing import with_preset
from tagmates.training.loop import EpochEnded, Event, train_side_by_side
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run
from tagmates.training.start import Start, base_settings, check_base, start_of
from tagmates.training.train import train_on

OLD = {"colour": ("O", "RED", "BLUE"), "shape": ("O", "B", "I", "E", "S")}
NEW = {"size": ("O", "RED", "S")}  # no tag that the old tasks lack
SHARINGS: tuple[Sharing, ...] = ("multi_dec", "te_dec", "te_enc")
ENCODERS = ("", "fine-tuned", "frozen")
# every sharing method with every encoder; make test tries each of both once
BOTH = [
    pytest.param(sharing, encoder, marks=() if j == (i + 1) % 3 else pytest.mark.slow)
    for i, sharing in enumerate(SHARINGS)
    for j, encoder in enumerate(ENCODERS)
]
# words that neither tagger has seen, one with a character that none has seen
TEXTS = [["unseen", "☂"], ["a", "b", "Ö"]]


def run_of(corpora: Corpora, config: Mapping[str, Any], preset: str = "practical", start: Start | None = None) -> Run:
    given = RunConfig.model_validate({"tasks": tuple(corpora), "vectors": "random", **config})
    settings = with_preset(given, preset, base_settings(given.base, given.tasks))
    indexed = {name: IndexedTask.of(splits) for name, splits in corpora.items()}
    tasks = {name: Task(name=name) for name in corpora}
    return prepare_run(settings, tasks, indexed, start or start_of(settings, ""))


def trained_base(folder: Path, sharing: Sharing, encoder: str = "", tasks: Sequence[str] = tuple(OLD)) -> Path:
    """The folder of a tagger of the old tasks after two epochs."""
    model: dict[str, Any] = {key: value for key, value in SMALL.items() if not encoder or key != "word_size"}
    if encoder:
        model |= {"encoder": str(tiny_bert(folder / "encoder")), "finetune": encoder == "fine-tuned"}
    preset = "pretrained" if encoder == "fine-tuned" else "practical"
    training = {"batch_size": 4, "min_epoch_updates": 3, "max_epochs": 2}
    corpora = make_corpora(1, {task: OLD[task] for task in tasks})
    start = Start(encoder=load_encoder(model["encoder"])) if encoder else None
    run = run_of(corpora, {"sharing": sharing, "model": model, "training": training}, preset, start)
    list(train_side_by_side([run]))
    run.tagger.save_pretrained(folder / "base")
    return folder / "base"


def extended(base: Path, corpora: Corpora | None = None, **training: Any) -> Run:
    """A run of a new task, on words that are new too, from the base."""
    preset = "pretrained" if Tagger.from_pretrained(base).config.model.is_finetuned else "practical"
    settings = {"batch_size": 4, "min_epoch_updates": 3, "max_epochs": 2, **training}
    return run_of(corpora or make_corpora(2, NEW), {"base": str(base), "training": settings}, preset)


def words_of(run: Run) -> list[list[str]]:
    return [list(sentence.tokens) for _, sentence in run.pairs("dev")]


def probabilities(tagger: Tagger, texts: Sequence[Sequence[str]], tasks: Sequence[str]) -> list[Any]:
    found = tagger.tag(texts, tasks, probabilities=True)
    assert all(sentence.probabilities is not None for sentence in found)
    return [(sentence.tags, sentence.probabilities) for sentence in found]


@pytest.mark.parametrize(("sharing", "encoder"), BOTH)
def test_before_the_first_update_it_tags_the_old_tasks_as_before(
    tmp_path: Path, sharing: Sharing, encoder: str
) -> None:
    base = trained_base(tmp_path, sharing, encoder)
    run = extended(base)
    texts = [*words_of(run), *TEXTS]
    expected = probabilities(Tagger.from_pretrained(base), texts, tuple(OLD))
    for (tags, found), (old_tags, old) in zip(probabilities(run.tagger, texts, tuple(OLD)), expected, strict=True):
        assert tags == old_tags
        for task in OLD:
            assert found[task] == pytest.approx(old[task], abs=1e-5)
    assert run.tagger.tasks == (*OLD, *NEW)


@pytest.mark.parametrize(("sharing", "encoder"), BOTH)
def test_runs_from_the_same_tagger_know_nothing_of_each_other(tmp_path: Path, sharing: Sharing, encoder: str) -> None:
    """As the folds of a cross-validation, which start from one tagger."""
    base = trained_base(tmp_path, sharing, encoder)
    preset = "pretrained" if encoder == "fine-tuned" else "practical"
    settings = {"base": str(base), "training": {"batch_size": 4, "min_epoch_updates": 3, "max_epochs": 1}}
    start = Start(base=Tagger.from_pretrained(base), base_name="tagger")
    runs = [run_of(make_corpora(2, NEW), settings, preset, start) for _ in range(2)]
    list(train_side_by_side(runs[:1]))
    runs.append(run_of(make_corpora(2, NEW), settings, preset, start))
    for run in runs[1:]:
        list(train_side_by_side([run]))
    losses = [[line["loss"] for line in run.history] for run in runs]
    assert losses[0] == losses[1] == losses[2]
    for name, value in runs[0].module.tensors().items():
        assert all(torch.equal(value, run.module.tensors()[name]) for run in runs[1:])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_with_a_frozen_encoder_the_kept_tasks_never_change(tmp_path: Path, encoder: str) -> None:
    base = trained_base(tmp_path, "multi_dec", encoder)
    run = extended(base, freeze="encoder")
    texts = [*words_of(run), *TEXTS]
    start = {name: p.clone() for name, p in run.module.named_parameters()}
    list(train_side_by_side([run]))
    changed = {name for name, p in run.module.named_parameters() if not torch.equal(p, start[name])}
    assert changed == {name for name in start if name.startswith("decoders.2.")}
    expected = probabilities(Tagger.from_pretrained(base), texts, tuple(OLD))
    for (tags, found), (old_tags, old) in zip(probabilities(run.tagger, texts, tuple(OLD)), expected, strict=True):
        assert tags == old_tags
        assert found == {task: pytest.approx(old[task], abs=1e-5) for task in OLD}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_decoders_of_kept_tasks_stay_while_everything_else_is_trained(tmp_path: Path, encoder: str) -> None:
    run = extended(trained_base(tmp_path, "multi_dec", encoder))
    start = {name: p.clone() for name, p in run.module.named_parameters()}
    assert not run.shares_updates  # its fixed parameters have no place in tensors that runs share
    list(train_side_by_side([run]))
    same = {name for name, p in run.module.named_parameters() if torch.equal(p, start[name])}
    kept = {name for name in start if name.startswith(("decoders.0.", "decoders.1."))}
    assert kept <= same
    unused = ("position_embeddings", "token_type", "words")  # places and words that the data do not have
    assert not {name for name in same - kept if not any(text in name for text in unused)}


def test_a_known_task_gets_new_tags_and_keeps_its_old_ones(tmp_path: Path) -> None:
    base = trained_base(tmp_path, "stl", tasks=["colour"])
    old = Tagger.from_pretrained(base)
    run = extended(base, make_corpora(3, {"colour": ("O", "GREEN", "RED")}))
    assert (run.config.sharing, run.config.kept) == ("stl", ())
    labels, there = run.vocabulary.labels["colour"], old.vocabulary.labels["colour"]
    assert (labels, there) == (("BLUE", "GREEN", "O", "RED"), ("BLUE", "O", "RED"))
    rows = [labels.index(tag) for tag in there]
    mine, theirs = run.module.decoder(0), old.module.decoder(0)
    for part in ("weight", "bias", "start", "end"):
        assert torch.equal(getattr(mine, part)[rows], getattr(theirs, part))
    assert torch.equal(mine.transitions[rows][:, rows], theirs.transitions)


def test_new_words_start_from_their_vectors(tmp_path: Path) -> None:
    base = trained_base(tmp_path, "multi_dec")
    tagger = Tagger.from_pretrained(base)
    words = ["known", "unknown"]
    vectors = Vectors("file", {word: i for i, word in enumerate(words)}, torch.randn(2, 6).numpy())
    vectors = Vectors("file", vectors.index | {tagger.vocabulary.words[0]: 0}, vectors.matrix)
    corpora = make_corpora(2, NEW)
    first = corpora["size"]["train"][0]
    corpora["size"]["train"][0] = type(first)(("Known", "novel", "novel"), ("O", "S", "S"))
    start = Start(vectors, None, tagger, "tagger")
    run = run_of(corpora, {"base": str(base), "training": {"batch_size": 4}}, start=start)
    table, index = run.module.words, run.vocabulary.word_index
    assert torch.equal(table[index["known"]], torch.from_numpy(vectors.matrix[0]))
    assert torch.equal(table[index["novel"]], tagger.module.words[-1])  # the trained unknown word
    assert torch.equal(table[-1], tagger.module.words[-1])
    trained = tagger.vocabulary.words[0]
    assert torch.equal(table[index[trained]], tagger.module.words[0])  # not its vector


def events_of(run: Run, folder: Path, corpora: Corpora, start: Start) -> Iterator[Event]:
    indexed = {name: IndexedTask.of(splits) for name, splits in corpora.items()}
    return train_on(run.config, folder, "data", dict(run.tasks), indexed, start, device="cpu")


@pytest.mark.parametrize(("sharing", "encoder"), [("multi_dec", ""), ("te_dec", ""), ("te_enc", "fine-tuned")])
def test_resuming_is_exact_and_another_base_is_refused(tmp_path: Path, sharing: Sharing, encoder: str) -> None:
    base, corpora = trained_base(tmp_path, sharing, encoder), make_corpora(2, NEW)
    run = extended(base, corpora)
    list(events_of(run, tmp_path / "whole", corpora, start_of(run.config, "")))
    begun = events_of(run, tmp_path / "halves", corpora, start_of(run.config, ""))
    next(event for event in begun if isinstance(event, EpochEnded))
    begun.close()  # type: ignore[attr-defined]  # as if it were killed
    another = replace(start_of(run.config, ""), base_name="tagger of sha256 0")
    with pytest.raises(OtherDataError, match="other data, vectors or base"):
        list(events_of(run, tmp_path / "halves", corpora, another))
    list(events_of(run, tmp_path / "halves", corpora, start_of(run.config, "")))
    whole, halves = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "halves"))
    assert whole == halves


def test_the_folder_of_the_run_has_all_tasks_and_can_be_a_base_again(tmp_path: Path) -> None:
    base, corpora = trained_base(tmp_path, "multi_dec"), make_corpora(2, NEW)
    run = extended(base, corpora)
    list(events_of(run, tmp_path / "run", corpora, start_of(run.config, "")))
    tagger = Tagger.from_pretrained(tmp_path / "run")
    assert tagger.tasks == (*OLD, *NEW)
    assert set(tagger.tag(TEXTS)[0].tags) == {*OLD, *NEW}
    card = (tmp_path / "run" / "README.md").read_text()
    assert "Goes on from the tagger base" in card
    again = extended(tmp_path / "run", make_corpora(4, {"mood": ("O", "HAPPY")}))
    assert again.vocabulary.tasks == (*OLD, *NEW, "mood")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["tasks"] == ["size"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sharing": "te_dec"}, "sharing: is 'multi_dec'"),
        ({"model": {"hidden_size": 9}}, "model.hidden_size: is 8 in .* and cannot be 9"),
        ({"kept": ("colour",)}, "kept: is"),
    ],
)
def test_what_is_taken_over_cannot_be_changed(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    base = trained_base(tmp_path, "multi_dec")
    given = RunConfig.model_validate({"tasks": ("size",), "base": str(base), **values})
    config = with_preset(given, "practical", base_settings(str(base), ("size",)))
    with pytest.raises(ConfigError, match=message):
        check_base(config)
    free = RunConfig.model_validate({"tasks": ("size",), "base": str(base), "model": {"dropout": 0.1}})
    check_base(with_preset(free, "practical", base_settings(str(base), ("size",))))


def test_presets_know_nothing_of_a_base() -> None:
    for preset in PRESETS:
        assert not {"base", "kept"} & PRESETS[preset].keys()
