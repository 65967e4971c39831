"""tagmates.model.tagger: tagging text, with words that training saw and words that it never saw."""

import dataclasses
import json
import math
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import make_corpora, make_run

from tagmates import ConfigError, DataError, ModelError, Tagged, Tagger
from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence, Span
from tagmates.model.embedding import Tables
from tagmates.model.network import distribution, encode

TAGS = {"one": ["A", "B", "O"], "two": ["x", "y"], "three": ["O", "B-q"]}


@pytest.fixture(params=["stl", "multi_dec", "te_dec", "te_enc"])
def tagger(request: pytest.FixtureRequest) -> Tagger:
    corpora = make_corpora(1, TAGS if request.param != "stl" else {"one": TAGS["one"]})
    return make_run(corpora, request.param).tagger


def test_every_token_gets_a_tag_of_every_task_in_order(tagger: Tagger) -> None:
    sentences = [["Anna", "sleeps"], [], ["a"] * 30, ["ß", "?"]]
    tagged = list(tagger.stream(sentences))
    assert [list(t.tokens) for t in tagged] == sentences
    for sentence in tagged:
        assert set(sentence.tags) == set(tagger.tasks)
        assert all(len(tags) == len(sentence.tokens) for tags in sentence.tags.values())
    if tagger.config.sharing in ("stl", "multi_dec"):
        assert all(set(t.tags[task]) <= set(TAGS[task]) for t in tagged for task in tagger.tasks)


def test_raw_text_and_words_give_the_same_tags(tagger: Tagger) -> None:
    (raw,) = tagger.tag(["Anna sleeps ."])
    (words,) = tagger.tag([["Anna", "sleeps", "."]])
    assert raw == words


def test_company_does_not_change_a_sentence_s_tags(tagger: Tagger) -> None:
    sentences = [["w" * (i % 7 + 1), "Anna", "."][: i % 3 + 1] for i in range(50)]
    together = list(tagger.stream(sentences))
    assert together == [next(iter(tagger.stream([s]))) for s in sentences]


def test_some_tasks_alone_are_tagged_as_among_all(tagger: Tagger) -> None:
    task = tagger.tasks[-1]
    sentences = [["Anna", "sleeps"], ["x"]]
    alone = list(tagger.stream(sentences, [task]))
    assert [t.tags for t in alone] == [{task: t.tags[task]} for t in tagger.stream(sentences)]
    with pytest.raises(ConfigError, match="no task 'zero'"):
        list(tagger.stream(sentences, ["zero"]))


def test_long_sentences_and_tokens_simply_work(tagger: Tagger) -> None:
    (tagged,) = tagger.stream([["word"] * 500])
    assert len(tagged.tokens) == 500
    (tagged,) = tagger.stream([["x" * 5000, "y"]])
    assert len(tagged.tags[tagger.tasks[0]]) == 2


def test_saving_and_loading_keep_every_tag(tagger: Tagger, tmp_path: Path) -> None:
    tagger.save_pretrained(tmp_path)
    loaded = Tagger.from_pretrained(tmp_path)
    sentences = [["Anna", "sleeps"], ["x", "Ünlü", "?"]]
    assert list(loaded.stream(sentences)) == list(tagger.stream(sentences))
    for (name, mine), (other, theirs) in zip(
        tagger.module.named_parameters(), loaded.module.named_parameters(), strict=True
    ):
        assert name == other
        assert torch.equal(mine, theirs)


def tables_for(tagger: Tagger, word: str) -> tuple[torch.Tensor, Tables]:
    corpus, tables = tagger.index_sentences([(tagger.tasks[0], IndexedSplit.of([Sentence((word,))]))])
    form = corpus.form[-1]
    return tables.words[corpus.forms.word[form]], tables


@pytest.mark.parametrize("unknown_rate", [0.0, 0.5])
def test_a_new_word_gets_its_vector_or_the_unknown_or_mean_vector(unknown_rate: float) -> None:
    run = make_run(make_corpora(1, TAGS), "multi_dec", training={"unknown_rate": unknown_rate})
    vectors = Vectors("test", {"new": 0}, np.full((1, 6), 0.25, dtype=np.float32))
    tagger = dataclasses.replace(run.tagger, vectors=vectors)
    words = tagger.module.words
    vector, _ = tables_for(tagger, "New")  # looked up lower-cased
    assert vector.tolist() == [0.25] * 6
    vector, tables = tables_for(tagger, "§§§")
    expected = words[-1] if unknown_rate else words.mean(0)
    assert torch.equal(vector, expected)
    # a character that training never saw is the mean of all characters
    assert torch.equal(tables.characters[-1], tagger.module.characters.table.mean(0))
    known = tagger.vocabulary.words[3]
    assert torch.equal(tables_for(tagger, known)[0], words[3])


def test_the_words_of_texts_have_the_marks_of_the_vocabulary() -> None:
    train = [Sentence(('"', "a", "-LRB-"), ("A", "B", "A"))]
    tagger = make_run({"one": {"train": train, "dev": train}}, "stl").tagger
    assert tagger.marks == {'"', "-lrb-"}
    text, words = "“a” (b).", ('"', "a", '"', "-LRB-", "b", ")", ".")
    (tagged,) = tagger.tag(text)
    assert tagged.tokens == words
    assert tagged.tags == tagger.tag([words])[0].tags
    assert tagged.offsets == ((0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (7, 8))


@pytest.mark.parametrize("unknown_rate", [0.0, 0.5])
def test_a_table_of_some_words_has_their_rows_of_the_whole(unknown_rate: float) -> None:
    run = make_run(make_corpora(1, TAGS), "multi_dec", training={"unknown_rate": unknown_rate})
    num_words, vectors = len(run.vocabulary.words), torch.rand(3, 6)
    whole = torch.cat([run.module.open_tables(num_words).words, vectors])
    for words in ([num_words + 2, 0, num_words, num_words - 1, num_words + 1, 0], [1], [num_words], []):
        numbers = torch.tensor(words, dtype=torch.long)
        tables = run.module.tables_of(numbers, num_words, vectors)
        assert torch.equal(tables.words, whole[numbers])
        assert torch.equal(tables.characters, run.module.open_tables(num_words).characters)


def test_what_a_sentence_costs_does_not_grow_with_the_vocabulary(tagger: Tagger) -> None:
    sentences = [Sentence(("Anna", "anna", "§§§")), Sentence(("Anna",))]
    corpus, tables = tagger.index_sentences([(tagger.tasks[0], IndexedSplit.of(sentences))])
    assert len(tables.words) == len(corpus.forms.index) <= 3 + len(tagger.tasks)


def test_sentences_are_tagged_lazily() -> None:
    tagger = make_run(make_corpora(1, TAGS), "multi_dec").tagger
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield ["a", "b", "c"]

    stream = tagger.stream(endless())  # type: ignore[arg-type]
    for _ in range(5):
        next(stream)
    assert taken < 5000


@torch.no_grad()
def test_probabilities_are_the_marginals_of_the_tags(tagger: Tagger) -> None:
    sentences = [["Anna", "sleeps", "."], ["a"], ["Ünlü", "?"]]
    sure = list(tagger.stream(sentences, probabilities=True))
    assert [Tagged(s.tokens, s.tags) for s in sure] == list(tagger.stream(sentences))
    token = tagger.module.sharing == "te_enc"
    for tagged in sure:
        assert tagged.probabilities is not None
        for number, task in enumerate(tagger.tasks):
            corpus, tables = tagger.index_sentences([(task, IndexedSplit.of([Sentence(tagged.tokens)]))])
            batch = collate([LaneSelection.by_tasks(corpus, torch.tensor([0]), torch.tensor([number]))])
            crf = distribution([tagger.module], batch.groups[0], encode([tagger.module], batch, tables=[tables]))
            emissions, links = crf.emissions[0].double(), crf.transitions[0].double()
            labels = tagger.vocabulary.labels[tagger.vocabulary.decoder_of(task)]
            chance = dict.fromkeys(product(range(len(labels)), repeat=len(emissions)), 0.0)
            for path in chance:
                score = crf.start[0, path[0]] + crf.end[0, path[-1]] + sum(links[i, j] for i, j in pairwise(path))
                chance[path] = math.exp(score + sum(emissions[t, k] for t, k in enumerate(path)))
            for place, tag in enumerate(tagged.tags[task]):
                own = sum(c for path, c in chance.items() if labels[path[place + token]] == tag)
                assert own / sum(chance.values()) == pytest.approx(tagged.probabilities[task][place], abs=1e-5)


def test_company_hardly_changes_probabilities(tagger: Tagger) -> None:
    sentences = [["w" * (i % 7 + 1), "Anna", "."][: i % 3 + 1] for i in range(20)]
    for together in tagger.stream(sentences, probabilities=True):
        (alone,) = tagger.tag([together.tokens], probabilities=True)
        assert together.tags == alone.tags
        assert together.probabilities is not None and alone.probabilities is not None
        for task in tagger.tasks:
            assert together.probabilities[task] == pytest.approx(alone.probabilities[task], abs=1e-6)


def test_a_text_alone_and_offsets_into_it(tagger: Tagger) -> None:
    text = 'Anna said: "I can\'t."  \n\n She sleeps 😀 now.'
    sentences = tagger.tag(text)
    assert sentences == tagger.tag([text]) == tagger.tag(iter([text]))
    assert len(sentences) == 2
    for sentence in sentences:
        assert sentence.offsets is not None
        for token, (start, end) in zip(sentence.tokens, sentence.offsets, strict=True):
            assert text[start:end] == (token if token not in ("``", "''") else '"')
    assert tagger.tag("") == tagger.tag(" \n ") == []
    assert [s.offsets for s in tagger.tag([["a", "b"]])] == [None]


def test_no_tasks_and_no_words(tagger: Tagger) -> None:
    assert tagger.tag([["a", "b"], []], []) == [Tagged(("a", "b"), {}), Tagged((), {})]
    (empty,) = tagger.tag([[]], probabilities=True)
    assert empty.probabilities == dict.fromkeys(tagger.tasks, ())


def test_spans_of_every_scheme() -> None:
    tags = {"names": ["O", "B-x", "I-x"], "chunks": ["O", "B-c", "I-c", "E-c", "S-c"], "units": ["B", "I", "O"]}
    for sharing in ("multi_dec", "te_dec", "te_enc"):
        tagger = make_run(make_corpora(1, tags, train=60), sharing).tagger
        assert tagger.schemes == {"names": "iob2", "chunks": "iobes", "units": "iob2"}
        read = Vocabulary.from_json(json.loads(json.dumps(tagger.vocabulary.to_json())))
        assert read.schemes == tagger.schemes
        tagged = Tagged(("a", "b", "c"), {"names": ("B-x", "I-x", "O"), "units": ("O", "B", "B")})
        assert tagger.spans(tagged, "names") == [Span(0, 2, "x")]
        assert tagger.spans(tagged, "units") == [Span(1, 2, ""), Span(2, 3, "")]
        strange = Tagged(("a", "b", "c"), {"names": ("I-x", "NOUN", "S-c")})  # as a shared decoder may say
        assert tagger.spans(strange, "names") == [Span(0, 1, "x")]
    plain = make_run(make_corpora(1, {"one": ["A", "O"]}), "stl").tagger
    assert plain.spans(Tagged(("a", "b", "c"), {"one": ("A", "A", "O")}), "one") == [Span(0, 1, "A"), Span(1, 2, "A")]


def test_stream_takes_many_texts_and_says_so(tagger: Tagger) -> None:
    with pytest.raises(ConfigError, match="put one into a list"):
        tagger.stream("a text")
    with pytest.raises(ConfigError, match="put one into a list"):
        tagger.tag(["a text"], tagger.tasks[0])
    for texts in ({"tokens": ["a"]}, {"a", "b"}):
        with pytest.raises(ConfigError, match="texts are an iterable of str"):
            tagger.tag(texts)


def test_spans_of_a_task_that_was_not_tagged(tagger: Tagger) -> None:
    with pytest.raises(ConfigError, match=r"was not tagged for 'nams' \(did you mean 'names'\?\); it has names"):
        tagger.spans(Tagged(("a",), {"names": ("O",)}), "nams")


@pytest.mark.parametrize("text", [None, 3, [1, "a"], [None], b"a", [b"a"], {"tokens": ["a"]}, {"a", "b"}])
def test_what_is_neither_text_nor_words_is_refused(tagger: Tagger, text: Any) -> None:
    with pytest.raises(DataError, match="is neither text nor a list of words"):
        tagger.tag(each for each in ["a text", text])


def test_numbers_that_overflow_are_no_probabilities(tagger: Tagger) -> None:
    with torch.no_grad():
        for decoder in tagger.module.all_decoders():
            decoder.weight.fill_(3e38)
        for layer in tagger.module.encoder:  # every state about 1
            _, update, new = layer.input_bias.chunk(3, 1)
            update.fill_(-9)
            new.fill_(9)
    with pytest.raises(ModelError, match="overflow"):
        tagger.tag("Anna sleeps .", probabilities=True)
