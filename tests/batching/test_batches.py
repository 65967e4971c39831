"""tagmates.batching.batches: every sentence, tag and weight can be read back from a batch, at its position."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried

from tagmates.batching.batches import Batch, Group, LaneSelection, collate
from tagmates.batching.corpus import Corpus, Forms, build_corpus
from tagmates.batching.packed_sequence import PackedLayout
from tagmates.batching.vocabulary import Vocabulary, build_vocabulary
from tagmates.config import Sharing
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence, task_token

TOKENS = st.text("aAbBß", min_size=1, max_size=4)
Pair = tuple[str, Sentence]
TAGS = {"x": ("O", "B", "I"), "y": ("O", "N"), "z": ("P", "Q", "R")}  # x and z have equally many


@dataclass(frozen=True)
class Made:
    """Sentences of one to three tasks, and how their run shares."""

    pairs: list[Pair]
    sharing: Sharing

    def corpus(self) -> Corpus:
        tasks = list(dict.fromkeys(task for task, _ in self.pairs))
        splits = {task: {"train": [s for owner, s in self.pairs if owner == task]} for task in tasks}
        vocabulary = vocabulary_of(splits, self.sharing)
        return corpus_of(self.pairs, vocabulary, token=self.sharing == "te_enc")

    def head(self, task: str) -> tuple[str, ...]:
        """The token before a sentence."""
        return (f"<<{task}>>",) if self.sharing == "te_enc" else ()


@st.composite
def corpora(draw: st.DrawFn) -> Made:
    sharing: Sharing = draw(st.sampled_from(["multi_dec", "te_dec", "te_enc"]))
    pairs = []
    for task in draw(st.lists(st.sampled_from(sorted(TAGS)), min_size=1, max_size=6)):
        labels = st.sampled_from(TAGS[task])
        others = labels | st.none() if draw(st.booleans(), label="partial") else labels
        words = [draw(st.tuples(TOKENS, labels)), *draw(st.lists(st.tuples(TOKENS, others), max_size=4))]
        tokens, tags = zip(*words, strict=True)
        pairs.append((task, Sentence(tokens, tags)))
    return Made(pairs, sharing)


def corpus_of(pairs: list[Pair], vocabulary: Vocabulary, *, token: bool = False) -> Corpus:
    forms = [task_token(task) for task in vocabulary.tasks] if token else []
    forms += [t for _, sentence in pairs for t in sentence.tokens]
    parts = [(task, IndexedSplit.of([sentence])) for task, sentence in pairs]
    return build_corpus(parts, vocabulary, Forms.of(forms, vocabulary), token=token)


def vocabulary_of(
    splits: Mapping[str, Mapping[str, Sequence[Sentence]]], sharing: Sharing, *, unknown: bool = False
) -> Vocabulary:
    indexed = {task: {split: IndexedSplit.of(some) for split, some in parts.items()} for task, parts in splits.items()}
    return build_vocabulary(indexed, sharing, unknown=unknown)


def places(packed: PackedLayout, lane: int, row: int) -> list[int]:
    """The positions of one sequence, found by search."""
    here = packed.mask[lane] & (packed.row == row)
    return sorted(here.nonzero().squeeze(1).tolist(), key=lambda place: int(packed.step[place]))


def spelled(batch: Batch, vocabulary: Vocabulary, lane: int, place: int) -> str:
    """The form at a position of the sentences, letter by letter."""
    letters = places(batch.spelling, lane, int(batch.form[lane, place]))
    return "".join(vocabulary.characters[i] for i in batch.characters[lane, letters].tolist())


def requests(group: Group) -> list[tuple[int, int, int]]:
    """Place among the group's decoders, lane and row of everything that is to be tagged."""
    lengths = group.packed.lengths.tolist()
    return [(j, lane, r) for j, (lane, _) in enumerate(group.decoders) for r, length in enumerate(lengths[j]) if length]


def by_first_token(lanes: Sequence[LaneSelection]) -> dict[int, tuple[int, int]]:
    """Lane and number of the request whose first token has this index among the tokens of all requests."""
    found, tokens = {}, 0
    for lane, selection in enumerate(lanes):
        for request, sentence in enumerate(selection.sentences[selection.request].tolist()):
            found[tokens] = lane, request
            tokens += int(selection.corpus.lengths[sentence])
    return found


def check(batch: Batch, lanes: list[LaneSelection], made: list[Made]) -> None:
    """Every request stands once in the batch, with its own tokens, characters, task and tags."""
    seen: Counter[tuple[int, int]] = Counter()
    starting = by_first_token(lanes)
    for group in batch.groups:
        for j, lane, row in requests(group):
            selection, vocabulary = lanes[lane], lanes[lane].corpus.vocabulary
            owner_lane, request = starting[int(group.output[j, row])]
            assert owner_lane == lane
            seen[lane, request] += 1
            owner, sentence = made[lane].pairs[int(selection.sentences[selection.request[request]])]
            task = vocabulary.tasks[int(selection.task[request])]
            decoder = vocabulary.decoders[group.decoders[j][1]]
            assert vocabulary.tasks[int(group.task[j, row])] == task
            assert decoder == vocabulary.decoder_of(task)

            here = places(group.packed, j, row)
            source = [int(group.source[j, place]) - lane * batch.packed.positions for place in here]
            head = made[lane].head(owner)
            tokens = head + sentence.tokens
            assert tuple(spelled(batch, vocabulary, lane, place) for place in source) == tokens
            words = tuple(vocabulary.words[int(batch.word[lane, place])] for place in source)
            assert words == tuple(token.lower() for token in tokens)
            # the positions are one row of the lane's, from its first step on
            assert batch.packed.mask[lane, source].all()
            assert batch.packed.step[source].tolist() == list(range(len(tokens)))
            assert len(set(batch.packed.row[source].tolist())) == 1
            if task == owner:
                labels = (*vocabulary.labels[decoder], None)  # number -1
                tags = tuple(labels[k] for k in group.tags[j, here].tolist())
                assert tags == ("O",) * len(head) + sentence.labels
                assert group.partial or None not in tags
    assert seen == {(lane, request): 1 for lane, s in enumerate(lanes) for request in range(len(s.request))}


def by_every_task(corpus: Corpus, sentences: torch.Tensor) -> LaneSelection:
    return LaneSelection.by_tasks(corpus, sentences, torch.arange(len(corpus.vocabulary.tasks)))


@settings(max_examples=tried(60))
@given(st.lists(corpora(), min_size=1, max_size=3), st.data())
def test_sentences_of_every_lane_can_be_read_back(made: list[Made], data: st.DataObject) -> None:
    lanes = []
    for one in made:
        chosen = data.draw(st.lists(st.integers(0, len(one.pairs) - 1), min_size=1, max_size=6))
        # te_enc reads a task with the sentence, so that no other can tag it
        by_all = one.sharing != "te_enc" and data.draw(st.booleans())
        make = by_every_task if by_all else LaneSelection.own_tasks
        lanes.append(make(one.corpus(), torch.tensor(chosen)))
    batch = collate(lanes)
    check(batch, lanes, made)
    for lane, selection in enumerate(lanes):
        # a sentence that several tasks tag is encoded once
        lengths = selection.corpus.lengths[selection.sentences].tolist()
        assert batch.packed.lengths[lane].tolist()[: len(lengths)] == sorted(lengths, reverse=True)
        assert int(batch.packed.mask[lane].sum()) == sum(lengths)


@settings(max_examples=30)
@given(st.lists(corpora(), min_size=1, max_size=3))
def test_each_distinct_form_is_spelled_once(made: list[Made]) -> None:
    batch = collate([LaneSelection.own_tasks(one.corpus(), torch.arange(len(one.pairs))) for one in made])
    for lane, one in enumerate(made):
        forms = {token for task, sentence in one.pairs for token in one.head(task) + sentence.tokens}
        lengths = batch.spelling.lengths[lane].tolist()
        assert [length for length in lengths if length] == sorted(map(len, forms), reverse=True)


@settings(max_examples=30)
@given(st.lists(corpora(), min_size=1, max_size=3))
def test_decoders_are_grouped_by_their_number_of_labels(made: list[Made]) -> None:
    selections = [LaneSelection.own_tasks(one.corpus(), torch.arange(len(one.pairs))) for one in made]
    vocabularies = [selection.corpus.vocabulary for selection in selections]
    found = []
    for group in collate(selections).groups:
        assert group.packed.lengths.shape[0] == len(group.decoders)
        for lane, number in group.decoders:
            vocabulary = vocabularies[lane]
            assert int(group.tags.max()) < len(vocabulary.labels[vocabulary.decoders[number]])
            found.append((lane, number))
    assert sorted(found) == [
        (lane, number) for lane, vocabulary in enumerate(vocabularies) for number in range(len(vocabulary.decoders))
    ]


PAIRS = [
    ("y", Sentence(("Ba", "a"), ("N", "O"))),
    ("x", Sentence(("a", "ba", "AB"), ("O", "B", "I"))),
]
SPLITS = {"x": {"train": [PAIRS[1][1]]}, "y": {"train": [PAIRS[0][1]]}}


def test_a_small_batch_by_hand() -> None:
    vocabulary = vocabulary_of(SPLITS, "multi_dec")
    assert vocabulary.words == ("a", "ab", "ba")
    assert vocabulary.characters == ("A", "B", "a", "b")
    corpus = corpus_of(PAIRS, vocabulary)
    batch = collate([LaneSelection.own_tasks(corpus, torch.tensor([0, 1]))])
    # rows: the longer sentence first; positions: step by step
    assert batch.packed.rows_at == (2, 2, 1)
    assert batch.word.tolist() == [[0, 2, 2, 0, 1]]
    two, three = batch.groups  # y has two labels, x three
    assert (two.decoders, three.decoders) == (((0, 1),), ((0, 0),))
    assert (two.tags.tolist(), three.tags.tolist()) == ([[0, 1]], [[2, 0, 1]])
    assert (two.source.tolist(), three.source.tolist()) == ([[1, 3]], [[0, 2, 4]])


def test_te_enc_puts_the_task_before_every_sentence() -> None:
    vocabulary = vocabulary_of(SPLITS, "te_enc")
    assert vocabulary.labels == {"*": ("B", "I", "N", "O")}
    assert {"<<x>>", "<<y>>"} <= set(vocabulary.words)
    assert set("<>xy") <= set(vocabulary.characters)
    corpus = corpus_of(PAIRS, vocabulary, token=True)
    assert corpus.lengths.tolist() == [3, 4]
    assert [vocabulary.words[corpus.forms.word[corpus.form[start]]] for start in corpus.starts] == ["<<y>>", "<<x>>"]
    assert [vocabulary.labels["*"][corpus.tags[start]] for start in corpus.starts] == ["O", "O"]
    lanes = [LaneSelection.own_tasks(corpus, torch.tensor([1, 0, 1]))]
    check(collate(lanes), lanes, [Made(PAIRS, "te_enc")])


def test_te_enc_has_outside_though_no_task_has_it() -> None:
    splits = {"z": {"train": [Sentence(("a",), ("P",))]}}
    assert vocabulary_of(splits, "te_enc").labels == {"*": ("O", "P")}
    assert vocabulary_of(splits, "te_dec").labels == {"*": ("P",)}


def test_unknown_words_and_characters_have_the_numbers_after_the_known() -> None:
    vocabulary = vocabulary_of(SPLITS, "stl", unknown=True)
    forms = Forms.of(["a", "Zé", "new", "BA"], vocabulary, {"new": 7})
    words, characters = len(vocabulary.words), len(vocabulary.characters)
    assert forms.index == {"a": 0, "Zé": 1, "new": 2, "BA": 3}
    assert forms.word.tolist() == [0, words, 7, 2]
    assert forms.lengths.tolist() == [1, 2, 3, 2]
    assert forms.starts.tolist() == [0, 1, 3, 6]
    assert forms.characters.tolist() == [2, *[characters] * 5, 1, 0]


@pytest.mark.parametrize("tags", [None, (None, None), ("never seen", "never seen")])
def test_without_a_tag_or_a_label_for_it_the_number_is_minus_one(tags: tuple[str, ...] | None) -> None:
    vocabulary = vocabulary_of(SPLITS, "multi_dec")
    pairs = [("x", Sentence(("a", "ba"), tags)), ("x", Sentence((), ())), ("x", Sentence(("a",), ("B",)))]
    corpus = corpus_of(pairs, vocabulary)
    assert corpus.tags.tolist() == [-1, -1, 0]
    assert corpus.partial.tolist() == [True, False, False]


def test_a_batch_of_nothing_but_untagged_requests_for_all_tasks() -> None:
    vocabulary = vocabulary_of(SPLITS, "multi_dec")
    pairs = [("x", Sentence(("a", "ba"))), ("x", Sentence(("AB", "a", "a")))]
    selection = by_every_task(corpus_of(pairs, vocabulary), torch.tensor([0, 1]))
    assert selection.request.tolist() == [0, 0, 1, 1]
    assert selection.task.tolist() == [0, 1, 0, 1]
    batch = collate([selection])
    assert batch.packed.positions == 5
    for group in batch.groups:
        assert group.packed.lengths.tolist() == [[3, 2]]
        assert group.source.tolist() == [[0, 1, 2, 3, 4]]
