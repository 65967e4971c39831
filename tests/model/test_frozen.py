"""Pretrained encoders that are not trained: states kept on disk, read by the GRU in place of word vectors."""

import io
import os
import pickle
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import make_corpora
from tiny_encoders import tiny_bert, tiny_roberta

from tagmates.cache_files import UNFINISHED_AGE
from tagmates.config import PRESETS, RunConfig, Sharing
from tagmates.data.corpora import Corpora
from tagmates.data.indexing import IndexedSplit, IndexedTask
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.model import frozen
from tagmates.model.frozen import FrozenEncoder
from tagmates.model.pretrained_encoder import load_encoder
from tagmates.model.recurrent import RecurrentTagger
from tagmates.model.tagger import Tagger
from tagmates.training.loop import train_side_by_side
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run, predict_side_by_side
from tagmates.training.start import Start

TAGS = {"colour": ("O", "RED", "BLUE"), "shape": ("O", "B", "I", "E", "S")}
SHARINGS: tuple[Sharing, ...] = ("stl", "multi_dec", "te_dec", "te_enc")
# what make test tries of them, where each costs a training: without and with embeddings of tasks
SOME = [pytest.param(each, marks=() if each in ("multi_dec", "te_enc") else pytest.mark.slow) for each in SHARINGS]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the test's own, and states of every split in it."""
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(frozen, "MIN_SENTENCES", 1)
    yield tmp_path / "cache"


def frozen_run(folder: Path, sharing: Sharing = "multi_dec", seed: int = 1, corpora: Corpora | None = None) -> Run:
    some = corpora or make_corpora(1, dict(list(TAGS.items())[: 1 if sharing == "stl" else None]))
    values: dict[str, Any] = {
        "tasks": tuple(some),
        "sharing": sharing,
        "seed": seed,
        "model": {"encoder": str(folder), "finetune": False, "hidden_size": 8, "task_size": 3, "character_size": 5},
        "training": {**PRESETS["practical"]["training"], "batch_size": 4, "min_epoch_updates": 3, "max_epochs": 2},
    }
    indexed = {name: IndexedTask.of(splits) for name, splits in some.items()}
    tasks = {name: Task(name=name) for name in some}
    return prepare_run(RunConfig.model_validate(values), tasks, indexed, Start(encoder=load_encoder(str(folder))))


def some_split(sentences: int = 7) -> IndexedSplit:
    words = ["ab", "c", "äÖ", "", "\x07", "abc"]
    made = [Sentence(tuple(words[(i * j) % 6] for j in range(1, 2 + i * 3))) for i in range(sentences)]
    return IndexedSplit.of(made)


@pytest.mark.parametrize("maker", [tiny_bert, tiny_roberta])
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_states_are_those_of_each_sentence_alone_and_come_from_disk_afterwards(
    tmp_path: Path, cache: Path, maker: Any, pooling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(str(maker(tmp_path / "encoder")))
    whole = FrozenEncoder(encoder.parameters(), encoder.subwords, pooling)
    split = some_split()
    states = np.array(whole.states(split))
    assert states.dtype == np.float16
    assert states.shape == (len(split.form), 12)
    begin = 0
    for sentence in split.sentences:
        alone = whole._read(IndexedSplit.of([sentence]))
        np.testing.assert_allclose(states[begin : begin + len(alone)], alone, atol=2e-3)
        begin += len(alone)
    (file,) = (cache / "states").glob("*.npy")
    with monkeypatch.context() as patch:
        patch.setattr(FrozenEncoder, "_read", lambda *_: pytest.fail("the encoder reads the sentences again"))
        again = whole.states(split)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, states)
    content = file.read_bytes()
    for damaged in (b"", b"damaged", content[:100], content[:-2], _saved(states[:-1]), _saved(states[:, :3])):
        file.unlink()
        file.write_bytes(damaged)
        np.testing.assert_array_equal(whole.states(split), states)


@pytest.mark.parametrize("number", [2, 6])
def test_a_state_is_the_mean_of_those_of_the_last_layers(tmp_path: Path, cache: Path, number: int) -> None:
    encoder = load_encoder(str(tiny_bert(tmp_path / "encoder", num_hidden_layers=number)))
    whole = FrozenEncoder(encoder.parameters(), encoder.subwords, "first")
    sentence = Sentence(("ab", "c", "abc"))
    states = whole._read(IndexedSplit.of([sentence]))
    spelled = [encoder.subwords.spell(word) for word in sentence.tokens]
    numbers = [*encoder.subwords.before, *(each for word in spelled for each in word), *encoder.subwords.after]
    output = whole.transformer(input_ids=torch.tensor([numbers]), output_hidden_states=True)
    layers = torch.stack(output.hidden_states[1:][-4:])
    assert len(layers) == min(number, 4)
    firsts = [len(encoder.subwords.before) + sum(map(len, spelled[:i])) for i in range(3)]
    np.testing.assert_allclose(states, layers.mean(0)[0, firsts].detach().numpy(), atol=2e-3)


def _saved(states: Any) -> bytes:
    data = io.BytesIO()
    np.save(data, states)
    return data.getvalue()


def test_another_tokenizer_has_other_states(tmp_path: Path, cache: Path) -> None:
    """Its settings may be in files of which the encoder's name is no function, such as tokenizer_config.json."""
    first = some_encoder(tmp_path / "encoder")
    lower = '"lowercase":true'
    assert lower in first.subwords.tokenizer
    cased = replace(first.subwords, tokenizer=first.subwords.tokenizer.replace(lower, lower[:-4] + "false"))
    other = replace(first, subwords=cased)
    split = IndexedSplit.of([Sentence(("AB", "c"))])
    assert not np.array_equal(first.states(split), other.states(split))


def some_encoder(folder: Path) -> FrozenEncoder:
    encoder = load_encoder(str(tiny_bert(folder)))
    return FrozenEncoder(encoder.parameters(), encoder.subwords, "first")


def test_what_a_killed_process_began_to_write_is_removed_after_a_day(tmp_path: Path, cache: Path) -> None:
    (cache / "states").mkdir(parents=True, mode=0o700)
    cache.chmod(0o700)
    old, new = (cache / "states" / f"{name}.new" for name in ("old", "new"))
    for path, age in ((old, 2 * UNFINISHED_AGE), (new, 60)):
        path.write_bytes(b"begun")
        os.utime(path, (time.time() - age,) * 2)
    some_encoder(tmp_path / "encoder").states(some_split())
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("trouble", ["full disk", "no folder"])
def test_states_are_used_without_a_cache(
    tmp_path: Path, cache: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen.log, "handlers", [])  # of other tests, which print into a file
    encoder = some_encoder(tmp_path / "encoder")
    split = some_split()
    expected = encoder._read(split)
    if trouble == "no folder":
        cache.write_text("a file in its place")
        assert np.array_equal(encoder.states(split), expected)
        return
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))  # the kernel refuses to write more
    try:
        found = encoder.states(split)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert np.array_equal(found, expected)
    assert not list((cache / "states").iterdir())


def test_the_oldest_states_make_room(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = some_encoder(tmp_path / "encoder")
    monkeypatch.setattr(frozen, "MAX_CACHE_SIZE", 1)
    first = encoder.states(some_split(3))
    kept = np.array(first)
    encoder.states(some_split(4))
    assert len(list((cache / "states").iterdir())) == 1
    np.testing.assert_array_equal(first, kept)  # still mapped


def test_another_encoder_or_pooling_has_other_states(tmp_path: Path, cache: Path) -> None:
    for seed, pooling in ((1, "first"), (2, "first"), (1, "mean")):
        encoder = load_encoder(str(tiny_bert(tmp_path / f"{seed}{pooling}", seed)))
        FrozenEncoder(encoder.parameters(), encoder.subwords, pooling).states(some_split())
    assert len(list((cache / "states").glob("*.npy"))) == 3


@pytest.mark.parametrize("sharing", SOME)
def test_the_encoder_is_not_trained_and_its_states_reach_the_decoders(tmp_path: Path, sharing: Sharing) -> None:
    run = frozen_run(tiny_bert(tmp_path / "encoder"), sharing)
    assert isinstance(run.module, RecurrentTagger)
    assert run.module.frozen is not None
    before = {n: p.clone() for n, p in run.module.frozen.transformer.named_parameters()}
    assert not [name for name, _ in run.module.named_parameters() if "frozen" in name]
    list(train_side_by_side([run]))
    for name, parameter in run.module.frozen.transformer.named_parameters():
        assert torch.equal(parameter, before[name])
    other = frozen_run(tiny_bert(tmp_path / "other", seed=9), sharing)
    other.load(dict(run.module.named_parameters()))
    one, two = (predict_side_by_side([each], "train")[0] for each in (run, other))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("sharing", SOME)
def test_a_tagger_of_new_text_tags_as_in_training(tmp_path: Path, sharing: Sharing) -> None:
    run = frozen_run(tiny_roberta(tmp_path / "encoder"), sharing)
    list(train_side_by_side([run]))
    run.tagger.save_pretrained(tmp_path / "model")
    tagger = Tagger.from_pretrained(tmp_path / "model")
    (predicted,) = predict_side_by_side([run], "dev")
    labels, begin = run.vocabulary.labels, 0
    for task, sentence in run.pairs("dev"):
        begin += run.token
        own = labels[run.vocabulary.decoder_of(task)]
        expected = tuple(own[n] for n in predicted[begin : begin + len(sentence.tokens)])
        assert tagger.tag([list(sentence.tokens)], [task])[0].tags[task] == expected
        begin += len(sentence.tokens)


def test_taggers_with_the_same_tokenizer_have_states_of_their_own(tmp_path: Path, cache: Path) -> None:
    taggers = []
    for seed in (1, 2):
        run = frozen_run(tiny_bert(tmp_path / f"encoder-{seed}", seed))
        run.tagger.save_pretrained(tmp_path / f"model-{seed}")
        taggers.append(Tagger.from_pretrained(tmp_path / f"model-{seed}"))
    found = []
    for tagger in taggers:
        assert isinstance(tagger.module, RecurrentTagger) and tagger.module.frozen is not None
        found.append((np.array(tagger.module.frozen.states(some_split())), tagger.module.frozen._read(some_split())))
    for kept, read in found:
        np.testing.assert_array_equal(kept, read)
    assert not np.array_equal(found[0][0], found[1][0])


def test_a_text_that_is_tagged_leaves_nothing_on_disk(tmp_path: Path, cache: Path) -> None:
    tagger = frozen_run(tiny_bert(tmp_path / "encoder")).tagger
    before = sorted((cache / "states").iterdir())
    tagger.tag([["unseen", "words"]] * 3)
    assert sorted((cache / "states").iterdir()) == before


def test_a_cache_that_can_only_be_read_is_used(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = some_encoder(tmp_path / "encoder")
    encoder.states(some_split())
    monkeypatch.setattr(Path, "touch", refuse_to_write)
    monkeypatch.setattr(FrozenEncoder, "_read", lambda *_: pytest.fail("the encoder reads the sentences again"))
    assert isinstance(encoder.states(some_split()), np.memmap)


def refuse_to_write(path: Path, *_: Any, **__: Any) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_a_tagger_that_has_tagged_can_be_pickled(tmp_path: Path) -> None:
    tagger = frozen_run(tiny_bert(tmp_path / "encoder")).tagger
    texts = [["ab", "c"], ["abc"]]
    expected = tagger.tag(texts, probabilities=True)
    assert pickle.loads(pickle.dumps(tagger)).tag(texts, probabilities=True) == expected


@pytest.mark.parametrize("sharing", SOME[1:])
def test_runs_side_by_side_are_those_alone(tmp_path: Path, sharing: Sharing) -> None:
    folder = tiny_bert(tmp_path / "encoder")
    alone = [frozen_run(folder, sharing, seed) for seed in (1, 2)]
    for run in alone:
        list(train_side_by_side([run]))
    together = [frozen_run(folder, sharing, seed) for seed in (1, 2)]
    list(train_side_by_side(together, lanes=2))
    for one, other in zip(alone, together, strict=True):
        assert [line["loss"] for line in one.history] == pytest.approx(
            [line["loss"] for line in other.history], rel=1e-4
        )
