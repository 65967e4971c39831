"""tagmates.batching.lane_corpora: batches of several lanes are equal to those that plain loops make."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried
from test_batches import Made, by_every_task, by_first_token, corpora
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tagmates.batching.batches import Batch, Group, LaneSelection, collate
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.batching.packed_sequence import PackedLayout
from tagmates.data.sentence import Sentence


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """[rows, longest], filled up with 0."""
    return pad_sequence([torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True)


def filled(packed: PackedLayout, rows: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """``rows[lane][row]`` at their positions; 0 elsewhere."""
    table = torch.zeros(packed.mask.shape, dtype=torch.long)
    for lane, of_lane in enumerate(rows):
        for row, items in enumerate(of_lane):
            for step, item in enumerate(items):
                table[lane, packed.offsets[step] + row] = item
    return table


def from_long_to_short(items: Sequence[int], lengths: Sequence[int]) -> list[int]:
    return sorted(items, key=lambda item: -lengths[item])


def plain(lanes: Sequence[LaneSelection]) -> Batch:
    """``collate`` by loops over lanes, sentences and words."""
    orders, lengths, forms, words, spelled = [], [], [], [], []
    for lane in lanes:
        corpus, own = lane.corpus, lane.sentences.tolist()
        length = [int(corpus.lengths[sentence]) for sentence in own]
        orders.append(from_long_to_short(range(len(own)), length))
        lengths.append([length[i] for i in orders[-1]])
        starts = [int(corpus.starts[own[i]]) for i in orders[-1]]
        read = [corpus.form[start : start + n].tolist() for start, n in zip(starts, lengths[-1], strict=True)]
        distinct = from_long_to_short(sorted({form for row in read for form in row}), corpus.forms.lengths.tolist())
        hidden = [False] * len(corpus.forms.word) if lane.hidden is None else lane.hidden.tolist()
        word = [
            len(corpus.vocabulary.words) if h else w for h, w in zip(hidden, corpus.forms.word.tolist(), strict=True)
        ]
        forms.append([[distinct.index(form) for form in row] for row in read])
        words.append([[word[form] for form in row] for row in read])
        spelled.append([letters(lane, form) for form in distinct])
    packed, spelling = (PackedLayout.of(padded(n)) for n in (lengths, [[len(s) for s in lane] for lane in spelled]))
    return Batch(
        packed, filled(packed, words), filled(packed, forms), spelling, filled(spelling, spelled),
        plain_groups(lanes, orders, packed),
    )  # fmt: skip


def letters(lane: LaneSelection, form: int) -> list[int]:
    forms = lane.corpus.forms
    return forms.characters[forms.starts[form] :][: forms.lengths[form]].tolist()


def plain_groups(
    lanes: Sequence[LaneSelection], orders: Sequence[Sequence[int]], packed: PackedLayout
) -> tuple[Group, ...]:
    first_token = {request: token for token, request in by_first_token(lanes).items()}
    by_size: dict[int, dict[tuple[int, int], list[int]]] = {}
    for number, lane in enumerate(lanes):
        vocabulary = lane.corpus.vocabulary
        for request, task in enumerate(lane.task.tolist()):
            decoder = vocabulary.decoder_of(vocabulary.tasks[task])
            group = by_size.setdefault(len(vocabulary.labels[decoder]), {})
            group.setdefault((number, vocabulary.decoders.index(decoder)), []).append(request)
    groups = []
    for _, group in sorted(by_size.items()):
        decoders = tuple(sorted(group))
        outputs, tasks, lengths, tags, sources = [], [], [], [], []
        for number, decoder in decoders:
            lane = lanes[number]
            place = lane.request.tolist()
            length = [int(lane.corpus.lengths[lane.sentences[i]]) for i in place]
            mine = from_long_to_short(group[number, decoder], length)
            rows = [orders[number].index(place[i]) for i in mine]
            outputs.append([first_token[number, request] for request in mine])
            tasks.append([int(lane.task[i]) for i in mine])
            lengths.append([length[i] for i in mine])
            starts = [int(lane.corpus.starts[lane.sentences[place[i]]]) for i in mine]
            tags.append([lane.corpus.tags[s : s + length[i]].tolist() for s, i in zip(starts, mine, strict=True)])
            # counted from the lane's first position
            sources.append([[packed.offsets[t] + r for t in range(length[i])] for r, i in zip(rows, mine, strict=True)])
        own = PackedLayout.of(padded(lengths))
        homes = torch.tensor([[number * packed.positions] for number, _ in decoders])
        source = filled(own, sources) + homes
        whole = source.flatten().tolist() == list(range(packed.mask.numel())) and source.shape == packed.mask.shape
        partial = any(tag < 0 for of_decoder in tags for row in of_decoder for tag in row)
        groups.append(Group(decoders, own, source, whole, filled(own, tags), partial, padded(tasks), padded(outputs)))
    return tuple(groups)


def check_same(found: object, wanted: object, where: str = "batch") -> None:
    """All fields of all records, to the type."""
    assert type(found) is type(wanted), where
    if is_dataclass(found):
        for field in fields(found):
            check_same(getattr(found, field.name), getattr(wanted, field.name), f"{where}.{field.name}")
    elif isinstance(found, tuple) and isinstance(wanted, tuple):
        assert len(found) == len(wanted), where
        for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
            check_same(one, other, f"{where}[{i}]")
    elif isinstance(found, Tensor) and isinstance(wanted, Tensor):
        assert found.dtype == wanted.dtype, where
        assert torch.equal(found, wanted), where
    else:
        assert found == wanted, where


def choose(one: Made, data: st.DataObject, *, waits: bool) -> LaneSelection:
    """Some of the sentences, perhaps none, perhaps some twice, with some of their words hidden."""
    corpus = one.corpus()
    if waits and data.draw(st.booleans(), label="waits"):
        return LaneSelection.empty(corpus)
    numbers = st.integers(0, len(one.pairs) - 1)
    chosen = torch.tensor(data.draw(st.lists(numbers, min_size=1, max_size=6)))
    hidden = data.draw(
        st.none() | st.lists(st.booleans(), min_size=len(corpus.forms.word), max_size=len(corpus.forms.word))
    )
    make = by_every_task if data.draw(st.booleans(), label="by all tasks") else LaneSelection.own_tasks
    return replace(make(corpus, chosen), hidden=None if hidden is None else torch.tensor(hidden))


@settings(max_examples=tried(50))
@given(st.lists(corpora(), min_size=1, max_size=4), st.data())
def test_a_batch_is_what_plain_loops_make_of_it(made: list[Made], data: st.DataObject) -> None:
    lanes = [choose(one, data, waits=i > 0) for i, one in enumerate(data.draw(st.permutations(made)))]
    lanes = data.draw(st.permutations(lanes))
    check_same(collate(lanes), plain(lanes))


@settings(max_examples=tried(50))
@given(st.lists(corpora(), min_size=2, max_size=4), st.data())
def test_a_batch_of_some_of_the_lanes(made: list[Made], data: st.DataObject) -> None:
    lanes = [choose(one, data, waits=False) for one in made]
    numbers = st.lists(st.integers(0, len(made) - 1), min_size=1, unique=True).map(sorted)
    taken = data.draw(numbers, label="taken")
    few = [lanes[i] for i in taken]
    lane_corpora = LaneCorpora.of([lane.corpus for lane in lanes])
    check_same(collate(few, lane_corpora.take(taken)), plain(few))


def some(pairs: int = 3) -> LaneSelection:
    corpus = Made([("x", Sentence(("a", "bb"), ("O", "B")))] * pairs, "multi_dec").corpus()
    return LaneSelection.own_tasks(corpus, torch.arange(pairs))


def test_lanes_that_are_equal_are_the_whole_batch() -> None:
    """The group then reads the encoder's states as they are."""
    (group,) = collate([some(), some()]).groups
    assert group.whole
    assert group.source.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    (group,) = collate([some(), some(2)]).groups
    assert not group.whole


def test_one_corpus_on_the_cpu_is_not_copied() -> None:
    corpus = some().corpus
    lane_corpora = LaneCorpora.of([corpus])
    for found, own in (
        (lane_corpora.form, corpus.form),
        (lane_corpora.tags, corpus.tags),
        (lane_corpora.characters, corpus.forms.characters),
    ):
        assert found is own


def test_a_lane_that_waits_is_in_no_group() -> None:
    waiting = LaneSelection.empty(some().corpus)
    batch = collate([waiting, some(), waiting])
    assert batch.packed.mask.any(1).tolist() == batch.spelling.mask.any(1).tolist() == [False, True, False]
    assert [group.decoders for group in batch.groups] == [((1, 0),)]


def test_corpora_of_other_lanes_are_refused() -> None:
    one, other = some(), some()
    for lane_corpora in (LaneCorpora.of([other.corpus]), LaneCorpora.of([one.corpus, other.corpus])):
        with pytest.raises(ValueError, match="not the corpora of the selections"):
            collate([one], lane_corpora)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no lane selected a sentence"):
        collate([LaneSelection.empty(some().corpus)])
