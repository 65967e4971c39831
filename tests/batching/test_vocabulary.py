"""tagmates.batching.vocabulary: known words (protocol section 2), and the labels of each way of sharing."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import PAPER

from tagmates.batching.vocabulary import Vocabulary, build_vocabulary, singletons
from tagmates.config import Sharing
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence, task_token
from tagmates.data.task import SHARED
from tagmates.errors import ModelError

PAPER_TASKS = ("chunk", "com", "frame", "hyp", "mwe", "ner", "sem", "semtr", "supsense", "upos", "xpos")
Splits = Mapping[str, Mapping[str, list[Sentence]]]


def tagged(text: str) -> Sentence:
    """A sentence from ``Word/TAG Word/TAG``."""
    tokens, tags = zip(*(item.rsplit("/", 1) for item in text.split()), strict=True)
    return Sentence(tokens, tags)


SMALL: Splits = {
    "pos": {
        "train": [tagged("The/DET Kite/NOUN flies/VERB"), tagged("the/DET kite/NOUN")],
        "dev": [tagged("Éva/PROPN flies/VERB")],
        "test": [tagged("zebras/NOUN !/PUNCT")],
    },
    "names": {
        "train": [tagged("Éva/S-PER sings/O")],
        "dev": [tagged("KITE/O")],
        "test": [tagged("Oslo/S-LOC x2/O")],
    },
}


def build(splits: Splits = SMALL, sharing: Sharing = "multi_dec", **more: Any) -> Vocabulary:
    indexed = {task: {split: IndexedSplit.of(some) for split, some in parts.items()} for task, parts in splits.items()}
    return build_vocabulary(indexed, sharing, **{"unknown": False, **more})


@pytest.fixture(scope="module")
def real() -> Splits:
    """The distinct words with their tags of every split as one long sentence, which is all that a vocabulary sees."""
    if not all((PAPER / task).is_dir() for task in PAPER_TASKS):
        pytest.skip(f"{PAPER} is not here")

    def long_sentence(path: Path) -> Sentence:
        rows = [line.split("\t") for line in set(path.read_text(encoding="utf-8").split("\n")) if line]
        return Sentence(tuple(row[0] for row in rows), tuple(row[1] for row in rows))

    splits = ("train", "dev", "test")
    return {task: {s: [long_sentence(PAPER / task / f"{s}.conll")] for s in splits} for task in PAPER_TASKS}


class TestPaper:
    def test_words_are_lower_cased_and_of_all_splits(self) -> None:
        assert build().words == ("!", "flies", "kite", "oslo", "sings", "the", "x2", "zebras", "éva")

    def test_characters_keep_their_case(self) -> None:
        texts = [s.tokens for by_split in SMALL.values() for part in by_split.values() for s in part]
        assert build().characters == tuple(sorted({c for tokens in texts for token in tokens for c in token}))
        assert {"T", "t", "K", "k", "É", "2", "!"} <= set(build().characters)
        assert "é" not in build().characters

    def test_labels_of_all_splits_for_each_task(self) -> None:
        vocabulary = build()
        assert vocabulary.labels == {
            "pos": ("DET", "NOUN", "PROPN", "PUNCT", "VERB"),
            "names": ("O", "S-LOC", "S-PER"),
        }
        assert vocabulary.tasks == vocabulary.decoders == ("pos", "names")
        assert [vocabulary.decoder_of(task) for task in vocabulary.tasks] == ["pos", "names"]

    def test_te_dec_shares_the_union_of_the_labels(self) -> None:
        vocabulary = build(sharing="te_dec")
        assert vocabulary.labels == {
            SHARED: ("DET", "NOUN", "O", "PROPN", "PUNCT", "S-LOC", "S-PER", "VERB"),
        }
        assert vocabulary.decoders == (SHARED,)
        assert {vocabulary.decoder_of(task) for task in vocabulary.tasks} == {SHARED}
        assert (vocabulary.words, vocabulary.characters) == (build().words, build().characters)

    def test_only_te_enc_always_has_o_and_the_task_tokens(self) -> None:
        alone = {"pos": SMALL["pos"]}
        assert "O" not in build(alone, "te_dec").labels[SHARED]
        vocabulary = build(alone, "te_enc")
        assert vocabulary.labels[SHARED] == ("DET", "NOUN", "O", "PROPN", "PUNCT", "VERB")
        assert set(vocabulary.words) - set(build(alone).words) == {"<<pos>>"} == {task_token("pos")}
        assert set("<pos>") <= set(vocabulary.characters)

    def test_the_token_of_a_task_with_capitals(self) -> None:
        vocabulary = build({"POS": SMALL["pos"]}, "te_enc")
        assert "<<pos>>" in vocabulary.words
        assert set("<POS>") <= set(vocabulary.characters)

    def test_vectors_decide_nothing(self) -> None:
        assert build(has_vector=["unseen", "oslo"]) == build()

    def test_numbers_are_places(self) -> None:
        vocabulary = build()
        assert [vocabulary.word_index[word] for word in vocabulary.words] == list(range(len(vocabulary.words)))
        assert [vocabulary.character_index[c] for c in vocabulary.characters] == list(range(len(vocabulary.characters)))
        assert vocabulary.label_index["names"] == {"O": 0, "S-LOC": 1, "S-PER": 2}

    def test_no_digits_are_mapped(self) -> None:
        assert {"10", "20"} <= set(build({"a": {"train": [tagged("10/X 20/X")], "dev": [], "test": []}}).words)


class TestUnknown:
    """The preset ``practical``: a word of dev or test is what it would be to a trained tagger."""

    def test_held_out_words_need_a_vector(self) -> None:
        known = ("flies", "kite", "sings", "the", "éva")
        assert build(unknown=True).words == known
        assert build(unknown=True, has_vector=["zebras", "elsewhere", "the"]).words == (*known[:-1], "zebras", "éva")
        assert build(unknown=True, has_vector={"oslo": 3}).words == ("flies", "kite", "oslo", "sings", "the", "éva")

    def test_characters_and_labels_are_those_of_train(self) -> None:
        vocabulary = build(unknown=True, has_vector=["zebras", "!", "x2"])
        assert vocabulary.labels == {"pos": ("DET", "NOUN", "VERB"), "names": ("O", "S-PER")}
        assert {"z", "x", "2", "!"}.isdisjoint(vocabulary.characters)
        assert vocabulary.unknown
        assert build(unknown=True, sharing="te_dec").labels[SHARED] == ("DET", "NOUN", "O", "S-PER", "VERB")

    def test_a_word_known_from_another_task_is_known(self) -> None:
        assert "kite" in build({"names": SMALL["names"], "pos": SMALL["pos"]}, unknown=True).words
        assert "kite" not in build({"names": SMALL["names"]}, unknown=True).words

    def test_te_enc_still_has_o_and_its_tokens(self) -> None:
        vocabulary = build({"pos": SMALL["pos"]}, "te_enc", unknown=True)
        assert "O" in vocabulary.labels[SHARED]
        assert "<<pos>>" in vocabulary.words

    def test_singletons_are_counted_in_lower_case(self) -> None:
        assert singletons([IndexedSplit.of(SMALL["pos"]["train"])]) == {"flies"}
        assert singletons([IndexedSplit.of(SMALL["pos"][split]) for split in ("train", "dev")]) == {"éva"}
        assert singletons([IndexedSplit.of([])]) == singletons([]) == set()


tokens = st.text("aAbéİß0# \u00a0\u2028", min_size=1, max_size=3)
# rows, not Sentences: what beartype draws while it checks one may not be drawn inside a strategy
some_sentences = st.lists(
    st.lists(st.tuples(tokens, st.sampled_from(["O", "B-x", "``", "é"])), min_size=1, max_size=4), max_size=3
)
some_splits = st.dictionaries(
    st.sampled_from(["pos", "ner", "Zeit", "<x>"]),
    st.fixed_dictionaries({"train": some_sentences, "dev": some_sentences}),
    min_size=1,
)


class TestProperties:
    @given(drawn=some_splits, sharing=st.sampled_from(["multi_dec", "te_dec", "te_enc"]), unknown=st.booleans())
    def test_json_and_order(self, drawn: dict[str, dict[str, Any]], sharing: Sharing, unknown: bool) -> None:
        splits = {
            task: {
                split: [Sentence(*map(tuple, zip(*rows, strict=True))) for rows in part]
                for split, part in parts.items()
            }
            for task, parts in drawn.items()
        }
        vocabulary = build(splits, sharing, unknown=unknown)
        assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json(), ensure_ascii=False))) == vocabulary
        for texts in (vocabulary.words, vocabulary.characters, *vocabulary.labels.values()):
            assert list(texts) == sorted(set(texts))
        assert vocabulary.tasks == tuple(splits)
        if not unknown:
            for task, by_split in splits.items():
                labels = vocabulary.labels[vocabulary.decoder_of(task)]
                for sentence in (s for part in by_split.values() for s in part):
                    assert {token.lower() for token in sentence.tokens} <= vocabulary.word_index.keys()
                    assert set("".join(sentence.tokens)) <= vocabulary.character_index.keys()
                    assert set(sentence.tags or ()) <= set(labels)


GOOD = {"tasks": ["a"], "words": ["x"], "characters": ["x"], "labels": {"a": ["O"]}, "unknown": False}


class TestGarbage:
    def test_the_good_one(self) -> None:
        assert Vocabulary.from_json(GOOD) == Vocabulary(("a",), ("x",), ("x",), {"a": ("O",)}, False)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            3,
            "words",
            [],
            [GOOD],
            {},
            *({key: value for key, value in GOOD.items() if key != missing} for missing in GOOD),
            GOOD | {"tasks": None},
            GOOD | {"words": [1]},
            GOOD | {"words": [["x"]]},
            GOOD | {"characters": 5},
            GOOD | {"labels": ["O"]},
            GOOD | {"labels": {"a": None}},
            GOOD | {"labels": {"a": [None]}},
        ],
    )
    def test_no_vocabulary(self, value: Any) -> None:
        with pytest.raises(ModelError, match="not a tagmates vocabulary") as caught:
            Vocabulary.from_json(value)
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize("change", [{"tasks": "a"}, {"words": "xy"}, {"characters": "x"}, {"labels": {"a": "OX"}}])
    def test_a_string_is_no_list_of_strings(self, change: dict[str, Any]) -> None:
        with pytest.raises(ModelError):
            Vocabulary.from_json(GOOD | change)

    @pytest.mark.parametrize("unknown", ["no", None, 1.5, []])
    def test_unknown_is_true_or_false(self, unknown: Any) -> None:
        with pytest.raises(ModelError):
            Vocabulary.from_json(GOOD | {"unknown": unknown})

    @pytest.mark.parametrize(
        "change",
        [
            {"labels": {}},
            {"labels": {"b": ["O"]}},  # task a has no decoder: a KeyError later
            {"words": ["x", "x"]},  # two rows, one number
            {"labels": {"a": ["O", "O"]}},
        ],
    )
    def test_lists_that_contradict_each_other(self, change: dict[str, Any]) -> None:
        with pytest.raises(ModelError):
            Vocabulary.from_json(GOOD | change)


class TestRealData:
    def test_425_labels_for_all_eleven(self, real: Splits) -> None:
        vocabulary = build(real, "te_dec")
        assert len(vocabulary.labels[SHARED]) == 425
        assert vocabulary.labels == build(real, "te_enc").labels

    def test_labels_of_each_task(self, real: Splits) -> None:
        """The last column of the paper's Table 1."""
        numbers = {task: len(labels) for task, labels in build(real).labels.items()}
        pos = {"upos": 17, "xpos": 50, "chunk": 42, "ner": 17, "mwe": 3, "supsense": 212, "sem": 75, "semtr": 11}
        assert numbers == pos | {"com": 2, "frame": 2, "hyp": 2}

    def test_the_only_shared_tags_are_o_and_sym(self, real: Splits) -> None:
        labels = build(real).labels
        counts = Counter(label for task in PAPER_TASKS for label in labels[task])
        assert {label: n for label, n in counts.items() if n > 1} == {"O": 8, "SYM": 2}
        assert set(labels["upos"]) & set(labels["xpos"]) == {"SYM"}

    def test_upos_and_xpos_get_o_from_te_enc_alone(self, real: Splits) -> None:
        both = {task: real[task] for task in ("upos", "xpos")}
        assert len(build(both, "te_dec").labels[SHARED]) == 17 + 50 - 1
        assert set(build(both, "te_enc").labels[SHARED]) - set(build(both, "te_dec").labels[SHARED]) == {"O"}

    def test_test_words_are_known(self, real: Splits) -> None:
        com = {"com": real["com"]}
        everything, train = set(build(com).words), set(build(com, unknown=True).words)
        assert train == {token.lower() for token in real["com"]["train"][0].tokens}
        assert {token.lower() for token in real["com"]["test"][0].tokens} - train <= everything - train
        assert everything - train
