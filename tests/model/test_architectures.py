"""Encoders of other architectures than BERT and RoBERTa, folders of strangers, and words that no tokenizer expects."""

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from test_transformer import SHORT, encoder_run, reference_states, states_of, with_config
from tiny_encoders import LENGTH, tiny_bert, tiny_roberta, tiny_unigram, with_model
from torch.testing import assert_close

from tagmates.errors import ModelError
from tagmates.model.pretrained_encoder import REFUSED_KINDS, load_encoder
from tagmates.model.tagger import Tagger
from tagmates.training.loop import train_side_by_side

RELATIVE = {"relative_attention": True, "position_biased_input": False, "pos_att_type": ["p2c", "c2p"]}
MODERN = {"pad_token_id": 1, "bos_token_id": 0, "cls_token_id": 0, "sep_token_id": 2, "eos_token_id": 2}
ARCHITECTURES: dict[str, tuple[Callable[[Path], Path], str, dict[str, Any]]] = {
    "electra": (tiny_bert, "electra", {"embedding_size": 8}),
    "deberta": (tiny_roberta, "deberta", {**RELATIVE, "type_vocab_size": 0}),
    "deberta-v2": (tiny_bert, "deberta-v2", {**RELATIVE, "type_vocab_size": 0, "share_att_key": True}),
    "modernbert": (tiny_roberta, "modernbert", {**MODERN, "local_attention": 8}),
    "xlm-roberta": (tiny_unigram, "xlm-roberta", {"max_position_embeddings": LENGTH + 2, "pad_token_id": 1}),
    "albert": (tiny_unigram, "albert", {"embedding_size": 8}),
    "mpnet": (tiny_unigram, "mpnet", {"max_position_embeddings": LENGTH + 2}),
    "distilbert": (tiny_bert, "distilbert", {"dim": 12, "n_layers": 2, "n_heads": 2, "hidden_dim": 20}),
    # these call the pooler whether there is one or not
    "squeezebert": (tiny_bert, "squeezebert", {"embedding_size": 12}),
    "layoutlm": (tiny_bert, "layoutlm", {}),
    # these read the padding beside a sentence, too, so that they read only windows of equal length together
    "convbert": (tiny_bert, "convbert", {"embedding_size": 12, "conv_kernel_size": 3}),
    "fnet": (tiny_bert, "fnet", {}),
    "mobilebert": (
        tiny_bert,
        "mobilebert",
        {"embedding_size": 12, "intra_bottleneck_size": 12, "true_hidden_size": 12},
    ),
    "tuples as answers": (tiny_bert, "bert", {"return_dict": False, "output_hidden_states": True}),
}


@pytest.mark.parametrize(
    "name", [next(iter(ARCHITECTURES)), *(pytest.param(n, marks=pytest.mark.slow) for n in list(ARCHITECTURES)[1:])]
)
@pytest.mark.parametrize("sharing", ["multi_dec", "te_enc"])
def test_encoders_of_many_architectures_are_trained_saved_and_loaded(tmp_path: Path, name: str, sharing: Any) -> None:
    maker, kind, values = ARCHITECTURES[name]
    folder = with_model(maker(tmp_path / "encoder"), kind, values)
    run = encoder_run(folder, sharing, training={"max_updates": 2})
    list(train_side_by_side([run]))
    assert all(run.optimizer.state[p]["exp_avg"].any() for p in run.module.parameters())
    for sentence, found in zip(SHORT, states_of(run, SHORT, "colour"), strict=True):
        assert_close(found, reference_states(run, sentence, "colour"), atol=1e-5, rtol=1e-4)
    run.tagger.save_pretrained(tmp_path / "model")
    texts = [list(sentence.tokens) for sentence in SHORT] + [["ab"] * 40]
    found = Tagger.from_pretrained(tmp_path / "model").tag(texts, probabilities=True)
    assert found == run.tagger.tag(texts, probabilities=True)


@pytest.mark.parametrize("kind", ["gpt2", "t5", "detr", *REFUSED_KINDS])
def test_models_that_are_no_encoders_of_text_are_refused(tmp_path: Path, kind: str) -> None:
    folder = tiny_bert(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": kind}))
    with pytest.raises(ModelError, match=f"is a '{kind}', not an encoder such as BERT"):
        load_encoder(str(folder))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder."""
    encoder_run(tiny_bert(tmp_path / "encoder")).tagger.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("kind", ["detr", "table-transformer", "vitmatte", "gpt2"])
def test_a_strangers_model_never_asks_the_network(model: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    parts = {"backbone": "evil/x", "use_pretrained_backbone": True, "use_timm_backbone": False, "backbone_config": None}
    with pytest.raises(ModelError, match="not an encoder"):
        Tagger.from_pretrained(with_config(model, model_type=kind, **parts))


@pytest.mark.parametrize(
    "values",
    [
        {"model_type": "albert", "num_hidden_groups": 10**5},
        {"model_type": "albert", "inner_group_num": 10**5},
        {"text_config": {"vocab_size": 2**40}},
        {"layer_types": ["full_attention"] * 10**5},
        {"model_type": ["bert"]},
    ],
)
def test_absurd_numbers_are_refused_before_they_cost_anything(model: Path, values: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="the encoder's configuration"):
        Tagger.from_pretrained(with_config(model, **values))


def test_labels_of_a_classifier_cost_nothing(model: Path) -> None:
    assert Tagger.from_pretrained(with_config(model, num_labels=10**7, chunk_size_feed_forward=7)).tag([["ab"]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"before": [60000]}, "has a sub-word of number 60000"),
        ({"unknown": 60000}, "has a sub-word of number 60000"),
        ({"before": [2] * 1000}, "too many special tokens"),
        ({"padding": -1}, "a special token is no number"),
    ],
)
def test_special_tokens_are_those_of_the_encoder(model: Path, values: Mapping[str, Any], message: str) -> None:
    path = model / "encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(ModelError, match=message):
        Tagger.from_pretrained(model)


def with_vocabulary(folder: Path, change: Callable[[dict[str, int]], None]) -> Path:
    """The folder with this change of the tokenizer's vocabulary."""
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    change(tokenizer["model"]["vocab"])
    path.write_text(json.dumps(tokenizer))
    return folder


def test_a_tokenizer_with_more_subwords_than_the_encoder_is_refused(model: Path, tmp_path: Path) -> None:
    for folder, load in ((model, Tagger.from_pretrained), (tmp_path / "encoder", encoder_run)):
        with_vocabulary(folder, lambda vocabulary: vocabulary.update(zz=5000))
        with pytest.raises(ModelError, match="has a sub-word of number 5000"):
            load(folder)


def test_a_tokenizer_that_cannot_spell_a_word_is_one_line(model: Path) -> None:
    with_vocabulary(model, lambda vocabulary: vocabulary.pop("[UNK]") and None)
    with pytest.raises(ModelError, match="cannot spell '☃'"):
        Tagger.from_pretrained(model).tag([["☃"]])


@pytest.mark.parametrize("maker", [tiny_bert, tiny_roberta, tiny_unigram])
def test_every_word_gets_a_tag(tmp_path: Path, maker: Callable[[Path], Path]) -> None:
    words = ["a" * 10_000, "", "\x00", "\u200f", "\ud800", "a\udc00", "<<colour>>", "[SEP]", "</s>", "[PAD]", "<pad>"]
    folder = maker(tmp_path)
    if maker is tiny_unigram:
        with_model(folder, "xlm-roberta", {"max_position_embeddings": LENGTH + 2, "pad_token_id": 1})
    for sharing in ("multi_dec", "te_enc"):
        tagger = encoder_run(folder, sharing).tagger
        for sentence, tagged in zip([words, words[:1], ["a"]], tagger.tag([words, words[:1], ["a"]]), strict=True):
            assert all(len(tags) == len(sentence) for tags in tagged.tags.values())
    assert len(tagger.module.spell("a" * 10_000) or ()) <= 1024
