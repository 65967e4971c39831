"""tagmates.batching.sampling: the batches of protocol section 3, pinned from the sizes of the paper's data sets."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tagmates.batching.sampling import (
    BUCKET_UPDATES,
    _sums_of_epochs,
    epoch_batches,
    epoch_counts,
    mean_epoch_counts,
    passes_of_epoch,
    quotas,
)
from tagmates.config import TrainingSettings
from tagmates.seeding import generator

PAPER = TrainingSettings()

# training sentences of the paper's tasks (data README)
SIZES = {
    "chunk": 8936,
    "com": 880,
    "frame": 3711,
    "hyp": 2000,
    "mwe": 2723,
    "ner": 14041,
    "sem": 13851,
    "semtr": 13865,
    "supsense": 2723,
    "upos": 12543,
    "xpos": 12543,
}
# protocol section 3; its "sem/semtr 433" and "ner/sem/semtr 865" are SEM's, SEMTR has 14 sentences more
ALONE = {"upos": 392, "xpos": 392, "chunk": 280, "ner": 439, "mwe": 86, "supsense": 86, "sem": 433, "semtr": 434}
ALONE |= {"com": 28, "frame": 116, "hyp": 63}
HALF = {"com": 55, "hyp": 125, "mwe": 170, "supsense": 170, "frame": 231, "chunk": 558, "upos": 783, "xpos": 783}
HALF |= {"sem": 865, "semtr": 866, "ner": 877}

# protocol section 5: multi_dec, te_dec, te_enc
ORACLE_SETS = {
    "upos": ("", "chunk", ""),
    "xpos": ("", "chunk", ""),
    "chunk": ("sem upos xpos", "ner upos xpos", "upos xpos"),
    "mwe": (*["chunk ner sem semtr supsense upos xpos"] * 2, "chunk sem semtr supsense upos xpos"),
    "sem": ("chunk upos xpos", "chunk upos xpos", "chunk supsense upos"),
    "semtr": (
        "chunk mwe ner sem supsense upos xpos",
        "chunk mwe sem supsense upos xpos",
        "chunk frame mwe sem supsense upos xpos",
    ),
    "supsense": ("chunk ner sem semtr upos xpos", "sem semtr upos xpos", "ner sem upos xpos"),
    "hyp": ("chunk sem supsense xpos", "chunk upos xpos", "xpos"),
}


def updates(*tasks: str, sizes: dict[str, int] | None = None) -> int:
    known = SIZES | (sizes or {})
    return len(epoch_counts(tasks, [known[task] for task in tasks], PAPER, 1, 0))


def members_of(sizes: list[int], order: int = 0) -> list[Tensor]:
    """Sentence numbers of tasks whose sentences are mixed."""
    mixed = torch.randperm(sum(sizes), generator=torch.Generator().manual_seed(order))
    return list(mixed.split(sizes))


def lengths_of(number: int) -> Tensor:
    return torch.randint(1, 60, (number,), generator=torch.Generator().manual_seed(3))


def batches_of(sizes: list[int], training: TrainingSettings = PAPER, seed: int = 1, epoch: int = 0) -> list[list[int]]:
    tasks = [f"task{i}" for i in range(len(sizes))]
    made = epoch_batches(tasks, members_of(sizes), lengths_of(sum(sizes)), training, seed, epoch)
    return [batch.tolist() for batch in made]


def owners_of(sizes: list[int]) -> dict[int, int]:
    return {n: task for task, numbers in enumerate(members_of(sizes)) for n in numbers.tolist()}


@st.composite
def corpora(draw: st.DrawFn) -> dict[str, Any]:
    tasks = draw(st.integers(1, 5))
    return {
        "sizes": draw(st.lists(st.integers(1, 150), min_size=tasks, max_size=tasks)),
        "seed": draw(st.integers(0, 3)),
        "epoch": draw(st.integers(0, 3)),
        "batch_size": draw(st.integers(tasks, 12)),
        "bucketed": draw(st.booleans()),
    }


class TestUpdatesOfThePaper:
    @pytest.mark.parametrize(("task", "number"), ALONE.items())
    def test_stl(self, task: str, number: int) -> None:
        assert updates(task) == number

    @pytest.mark.parametrize(("one", "other"), list(combinations(SIZES, 2)))
    def test_pairs(self, one: str, other: str) -> None:
        assert updates(one, other) == updates(other, one) == min(HALF[one], HALF[other])

    def test_all(self) -> None:
        assert updates(*SIZES) == 293

    @pytest.mark.parametrize("left_out", SIZES)
    def test_all_but_one(self, left_out: str) -> None:
        assert updates(*(SIZES.keys() - {left_out})) == (666 if left_out == "com" else 220)

    @pytest.mark.parametrize(("semtr", "total"), [(13851, 214_224), (13865, 214_236)])
    def test_one_epoch_of_the_whole_study(self, semtr: int, total: int) -> None:
        """214,224 updates by protocol section 5, if SEMTR had SEM's size."""
        models = [frozenset([task]) for task in SIZES]
        for method in range(3):
            joint = {frozenset(pair) for pair in combinations(SIZES, 2)} | {frozenset(SIZES)}
            joint |= {frozenset(SIZES) - {task} for task in SIZES}
            for task, found in ORACLE_SETS.items():
                joint |= {frozenset([task, *found[method].split()])} - {frozenset([task])}
            models += joint
        assert len(models) == 227
        assert 3 * sum(updates(*model, sizes={"semtr": semtr}) for model in models) == total


class TestQuotas:
    def test_the_eleven_tasks(self) -> None:
        assert dict(zip(SIZES, quotas(list(SIZES), 32), strict=True)) == dict.fromkeys(SIZES, 3) | {"xpos": 2}

    def test_the_first_in_alphabetical_order_get_one_more(self) -> None:
        assert quotas(["c", "b", "a"], 32) == [10, 11, 11]
        assert quotas(["upos", "com"], 32) == [16, 16]
        assert quotas(["only"], 32) == [32]

    @given(tasks=st.permutations("abcdefghijk"), left=st.integers(0, 10), size=st.integers(11, 70))
    def test_any_order_of_the_tasks(self, tasks: list[str], left: int, size: int) -> None:
        tasks = tasks[left:]
        found = dict(zip(tasks, quotas(tasks, size), strict=True))
        assert sum(found.values()) == size
        in_order = [found[task] for task in sorted(tasks)]
        assert in_order == sorted(in_order, reverse=True)
        assert in_order[0] - in_order[-1] <= 1


class TestOneTask:
    @given(corpus=corpora(), sampling=st.sampled_from(["balanced", "proportional", "temperature"]))
    def test_all_sentences_once_and_the_last_batch_kept(self, corpus: dict[str, Any], sampling: Any) -> None:
        size, batch = corpus["sizes"][0], corpus["batch_size"]
        training = TrainingSettings(batch_size=batch, sampling=sampling, bucketed=corpus["bucketed"], temperature=3)
        made = batches_of([size], training, corpus["seed"], corpus["epoch"])
        assert sorted(n for one in made for n in one) == list(range(size))
        sizes = Counter(map(len, made))
        assert sizes == Counter([batch] * (size // batch) + [size % batch] * (size % batch > 0))
        if not corpus["bucketed"]:
            assert len(made[-1]) == size - batch * (len(made) - 1)


class TestBalanced:
    @given(corpus=corpora())
    def test_quotas_in_every_batch_and_no_sentence_twice(self, corpus: dict[str, Any]) -> None:
        sizes = corpus["sizes"] if len(corpus["sizes"]) > 1 else [*corpus["sizes"], 40]
        training = TrainingSettings(batch_size=corpus["batch_size"] + 1, bucketed=corpus["bucketed"])
        quota = quotas([f"task{i}" for i in range(len(sizes))], training.batch_size)
        made, owner = batches_of(sizes, training, corpus["seed"], corpus["epoch"]), owners_of(sizes)
        for batch in made:
            counts = Counter(owner[n] for n in batch)
            assert [counts[task] for task in range(len(sizes))] == quota
        uses = Counter(n for batch in made for n in batch)
        if all(size >= q for size, q in zip(sizes, quota, strict=True)):
            assert len(made) == min(size // q for size, q in zip(sizes, quota, strict=True))
            assert max(uses.values()) == 1
        else:  # a task smaller than its part of one batch: one update, its sentences as evenly as can be
            assert len(made) == 1

    def test_an_epoch_uses_other_sentences_of_a_large_task_than_the_last(self) -> None:
        epochs = [{n for batch in batches_of([64, 2000], epoch=e) for n in batch} for e in range(2)]
        large = set(members_of([64, 2000])[1].tolist())
        assert len(epochs[0] & large) == len(epochs[1] & large) == 64
        assert len(epochs[0] & epochs[1] & large) < 20  # 2 expected

    def test_the_order_of_the_tasks_decides_nothing(self) -> None:
        members, lengths = members_of([90, 70, 50]), lengths_of(210)
        straight = epoch_batches(["a", "b", "c"], members, lengths, PAPER, 1, 0)
        turned = epoch_batches(["c", "b", "a"], members[::-1], lengths, PAPER, 1, 0)
        assert [sorted(batch.tolist()) for batch in straight] == [sorted(batch.tolist()) for batch in turned]

    def test_batches_are_mixed(self) -> None:
        """The sentences of a batch come from all over the list, and all are as likely."""
        places = torch.cat([torch.tensor(batch) for e in range(30) for batch in batches_of([320], epoch=e)[:1]])
        own = members_of([320])[0].argsort()[places].double()
        assert abs(own.mean() - 159.5) < 4 * 92.4 / len(own) ** 0.5
        assert len(set(places.tolist())) > 270  # 305 of 320 expected


class TestRandomness:
    @pytest.mark.parametrize("sampling", ["balanced", "proportional", "temperature"])
    @pytest.mark.parametrize("bucketed", [False, True])
    def test_a_function_of_seed_and_epoch_alone(self, sampling: Any, bucketed: bool) -> None:
        training = TrainingSettings(batch_size=8, sampling=sampling, bucketed=bucketed, temperature=2)

        def made(seed: int, epoch: int) -> list[list[int]]:
            return batches_of([100, 60], training, seed, epoch)

        torch.manual_seed(1)
        first = made(5, 2)
        state = torch.get_rng_state()
        torch.rand(7)
        made(5, 1)
        torch.manual_seed(2)
        assert made(5, 2) == first
        torch.manual_seed(1)
        made(5, 2)
        assert torch.equal(torch.get_rng_state(), state)
        different = [made(5, 2), made(5, 3), made(6, 2), made(2, 5)]
        assert all(one != other for one, other in combinations(different, 2))

    def test_lengths_matter_to_buckets_alone(self) -> None:
        tasks, members = ["a", "b"], members_of([100, 60])
        one, other = lengths_of(160), torch.arange(1, 161)
        for training, same in [(PAPER, True), (TrainingSettings(bucketed=True), False)]:
            straight = [b.tolist() for b in epoch_batches(tasks, members, one, training, 1, 0)]
            assert (straight == [b.tolist() for b in epoch_batches(tasks, members, other, training, 1, 0)]) is same

    def test_inputs_stay_as_they_are(self) -> None:
        members, lengths = members_of([100, 60]), lengths_of(160)
        copies = [m.clone() for m in members], lengths.clone()
        epoch_batches(["a", "b"], members, lengths, TrainingSettings(bucketed=True), 1, 0)
        assert all(torch.equal(m, copy) for m, copy in zip(members, copies[0], strict=True))
        assert torch.equal(lengths, copies[1])


def padding(batches: list[list[int]], lengths: Tensor) -> int:
    return sum(int(len(b) * lengths[b].max() - lengths[b].sum()) for b in batches)


class TestBuckets:
    @pytest.mark.parametrize("sizes", [[3000], [2000, 2500], [1000, 1200, 9000]])
    @pytest.mark.parametrize("sampling", ["balanced", "proportional"])
    def test_the_same_sentences_with_less_padding(self, sizes: list[int], sampling: Any) -> None:
        plain = batches_of(sizes, TrainingSettings(sampling=sampling))
        bucketed = batches_of(sizes, TrainingSettings(sampling=sampling, bucketed=True))
        assert Counter(n for b in plain for n in b) == Counter(n for b in bucketed for n in b)
        owner = owners_of(sizes)

        def kinds(batches: list[list[int]]) -> Counter[tuple[int, ...]]:
            return Counter(tuple(sorted(owner[n] for n in batch)) for batch in batches)

        assert kinds(plain) == kinds(bucketed)
        lengths = lengths_of(sum(sizes))
        assert padding(bucketed, lengths) < 0.4 * padding(plain, lengths)

    def test_short_and_long_batches_come_in_random_order(self) -> None:
        sizes = [3200]
        lengths = lengths_of(3200)
        made = batches_of(sizes, TrainingSettings(bucketed=True))
        means = torch.tensor([float(lengths[b].double().mean()) for b in made])
        steps = means.diff().sign()
        assert 20 < int((steps > 0).sum()) < 80  # of 99


class TestDrawn:
    @given(corpus=corpora(), sampling=st.sampled_from(["proportional", "temperature"]))
    def test_full_batches_and_even_use_within_a_task(self, corpus: dict[str, Any], sampling: Any) -> None:
        sizes = corpus["sizes"] if len(corpus["sizes"]) > 1 else [*corpus["sizes"], 40]
        batch = corpus["batch_size"] + 1
        training = TrainingSettings(batch_size=batch, sampling=sampling, temperature=5, bucketed=corpus["bucketed"])
        made = batches_of(sizes, training, corpus["seed"], corpus["epoch"])
        assert len(made) == -(-sum(sizes) // batch)
        assert {len(one) for one in made} == {batch}
        uses = Counter(n for one in made for n in one)
        for numbers in members_of(sizes):
            of_task = [uses[n] for n in numbers.tolist()]
            assert max(of_task) - min(of_task) <= 1

    @pytest.mark.parametrize(
        ("sampling", "temperature", "weight"),
        [
            ("proportional", 1.0, lambda n: n),
            ("proportional", 5.0, lambda n: n),  # a temperature belongs to the other sampling
            ("temperature", 1.0, lambda n: n),
            ("temperature", 2.0, lambda n: n**0.5),
            ("temperature", 1e9, lambda n: 1),
            ("temperature", 0.5, lambda n: n**2),
        ],
    )
    def test_frequencies(self, sampling: Any, temperature: float, weight: Callable[[int], float]) -> None:
        sizes = [200, 1800, 6000]
        training = TrainingSettings(sampling=sampling, temperature=temperature)
        counts = sum(epoch_counts(["a", "b", "c"], sizes, training, 1, epoch).sum(0) for epoch in range(10))
        total = int(torch.as_tensor(counts).sum())
        assert total == 10 * 250 * 32
        for count, size in zip(torch.as_tensor(counts).tolist(), sizes, strict=True):
            share = weight(size) / sum(map(weight, sizes))
            assert abs(count - total * share) <= 4 * (total * share * (1 - share)) ** 0.5 + 1
        means = mean_epoch_counts(["a", "b", "c"], sizes, training)
        shares = [weight(size) / sum(map(weight, sizes)) for size in sizes]
        assert means == pytest.approx([total / 10 * share for share in shares])

    def test_the_tasks_of_a_batch_vary(self) -> None:
        counts = epoch_counts(["a", "b"], [500, 500], TrainingSettings(sampling="proportional"), 1, 0)
        assert len(counts.unique(dim=0)) > 5

    def test_a_task_that_is_never_drawn(self) -> None:
        training = TrainingSettings(sampling="temperature", temperature=0.1)
        made = batches_of([1, 300], training)
        assert len(made) == 10
        assert set(members_of([1, 300])[0].tolist()).isdisjoint(n for batch in made for n in batch)


def batches_as_published(
    tasks: list[str], members: list[Tensor], lengths: Tensor, training: TrainingSettings, seed: int, epoch: int
) -> list[list[int]]:
    """The batches as version 0.1 drew them, written out again: no later setting may move one of its sentences."""
    counts = epoch_counts(tasks, [len(m) for m in members], training, seed, epoch).tolist()
    batches: list[list[int]] = [[] for _ in counts]
    for t, task in enumerate(tasks):
        needed = sum(count[t] for count in counts)
        order: list[int] = []
        while len(order) < needed:
            draw = generator(seed, f"order {task}", epoch, len(order) // len(members[t]))
            order += members[t][torch.randperm(len(members[t]), generator=draw)].tolist()
        order = order[:needed]
        ends = [0]
        for update, count in enumerate(counts, 1):
            ends.append(ends[-1] + count[t])
            if training.bucketed and (update % BUCKET_UPDATES == 0 or update == len(counts)):
                first = ends[(update - 1) // BUCKET_UPDATES * BUCKET_UPDATES]
                order[first : ends[-1]] = sorted(order[first : ends[-1]], key=lengths.tolist().__getitem__)
        for batch, (start, end) in zip(batches, pairwise(ends), strict=True):
            batch.extend(order[start:end])
    if training.bucketed:
        turn = torch.randperm(len(batches), generator=generator(seed, "order of buckets", epoch))
        batches = [batches[i] for i in turn.tolist()]
    return batches


@st.composite
def equal_updates(draw: st.DrawFn) -> tuple[list[int], TrainingSettings]:
    """Sizes of tasks, and epochs of so many updates, from a few sentences to several passes over the data."""
    sizes = draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    sampling: Any = draw(st.sampled_from(["balanced", "proportional", "temperature"]))
    training = TrainingSettings(
        batch_size=draw(st.integers(len(sizes), 9)),
        sampling=sampling,
        temperature=draw(st.sampled_from([0.7, 3.0])),
        bucketed=draw(st.booleans()),
        epoch_updates=draw(st.integers(1, 12) | st.integers(BUCKET_UPDATES - 1, BUCKET_UPDATES + 3)),
    )
    return sizes, training


class TestEpochUpdates:
    @given(corpus=corpora(), sampling=st.sampled_from(["balanced", "proportional", "temperature"]))
    def test_without_it_nothing_changes(self, corpus: dict[str, Any], sampling: Any) -> None:
        training = TrainingSettings(
            batch_size=corpus["batch_size"], bucketed=corpus["bucketed"], sampling=sampling, temperature=2
        )
        tasks = [f"task{i}" for i in range(len(corpus["sizes"]))]
        members, lengths = members_of(corpus["sizes"]), lengths_of(sum(corpus["sizes"]))
        old = batches_as_published(tasks, members, lengths, training, corpus["seed"], corpus["epoch"])
        assert batches_of(corpus["sizes"], training, corpus["seed"], corpus["epoch"]) == old

    def test_batches_that_once_came_out(self) -> None:
        """Pinned as version 0.1 printed them: a seed stays worth what it was."""
        assert batches_of([7], TrainingSettings(batch_size=3), epoch=1) == [[0, 3, 1], [6, 2, 5], [4]]
        bucketed = TrainingSettings(batch_size=3, bucketed=True, sampling="proportional")
        assert batches_of([3, 5], bucketed, epoch=1) == [[5, 1, 3], [0, 0, 2], [7, 4, 6]]

    @given(case=equal_updates(), seed=st.integers(0, 3))
    def test_every_epoch_has_as_many_full_batches(self, case: tuple[list[int], TrainingSettings], seed: int) -> None:
        sizes, training = case
        quota, owner = quotas([f"task{i}" for i in range(len(sizes))], training.batch_size), owners_of(sizes)
        for epoch in range(3):
            made = batches_of(sizes, training, seed, epoch)
            assert [len(batch) for batch in made] == [training.batch_size] * (training.epoch_updates or 0)
            if training.sampling == "balanced" or len(sizes) == 1:
                counts = [Counter(owner[n] for n in batch) for batch in made]
                assert all([count[task] for task in range(len(sizes))] == quota for count in counts)

    @given(case=equal_updates(), seed=st.integers(0, 3))
    def test_the_epochs_together_are_passes_over_each_task(
        self, case: tuple[list[int], TrainingSettings], seed: int
    ) -> None:
        """Where one epoch stops in a task's list, the next goes on; only a whole list is shuffled again."""
        sizes, training = case
        plain = TrainingSettings(**{**training.model_dump(), "bucketed": False})
        owner = owners_of(sizes)
        streams: list[list[int]] = [[] for _ in sizes]
        for epoch in range(5):
            made = batches_of(sizes, plain, seed, epoch)
            for n in (n for batch in made for n in batch):
                streams[owner[n]].append(n)
            # buckets put the same sentences into other batches of the epoch
            bucketed = batches_of(sizes, training, seed, epoch)
            assert Counter(n for batch in bucketed for n in batch) == Counter(n for batch in made for n in batch)
        for numbers, stream in zip(members_of(sizes), streams, strict=True):
            passes = [stream[i : i + len(numbers)] for i in range(0, len(stream), len(numbers))]
            for whole in passes[:-1]:
                assert sorted(whole) == sorted(numbers.tolist())
            for last in passes[-1:]:
                assert len(set(last)) == len(last)

    @pytest.mark.parametrize("sampling", ["balanced", "proportional"])
    @pytest.mark.parametrize("sizes", [[40], [40, 300]])
    def test_every_pass_is_shuffled_afresh(self, sizes: list[int], sampling: Any) -> None:
        training = TrainingSettings(batch_size=8, epoch_updates=7, sampling=sampling)
        own = set(members_of(sizes)[0].tolist())
        stream = [n for e in range(30) for batch in batches_of(sizes, training, epoch=e) for n in batch if n in own]
        passes = [tuple(stream[i : i + 40]) for i in range(0, len(stream) - 39, 40)]
        assert len(passes) > 2
        assert len(set(passes)) == len(passes)
        other = [n for e in range(30) for b in batches_of(sizes, training, seed=2, epoch=e) for n in b if n in own]
        assert other != stream

    @given(case=equal_updates(), epochs=st.permutations(range(4)))
    def test_an_epoch_is_a_function_of_its_number(
        self, case: tuple[list[int], TrainingSettings], epochs: list[int]
    ) -> None:
        """So that a run that is resumed needs nothing but the number."""
        sizes, training = case
        in_order = [batches_of(sizes, training, 1, epoch) for epoch in range(4)]
        assert {epoch: batches_of(sizes, training, 1, epoch) for epoch in epochs} == dict(enumerate(in_order))

    def test_epochs_longer_than_the_data(self) -> None:
        """The bucket of a short list holds several passes; each is whole."""
        training = TrainingSettings(batch_size=8, epoch_updates=100, bucketed=True)
        for sizes in ([5], [5, 700]):
            uses = Counter(n for batch in batches_of(sizes, training) for n in batch)
            for numbers in members_of(sizes):
                of_task = [uses[n] for n in numbers.tolist()]
                assert max(of_task) - min(of_task) <= 1
                assert sum(of_task) == 100 * 8 // len(sizes)

    def test_the_order_of_the_tasks_decides_nothing(self) -> None:
        members, lengths = members_of([90, 70, 50]), lengths_of(210)
        training = TrainingSettings(batch_size=8, epoch_updates=30)
        straight = epoch_batches(["a", "b", "c"], members, lengths, training, 1, 3)
        turned = epoch_batches(["c", "b", "a"], members[::-1], lengths, training, 1, 3)
        assert [sorted(batch.tolist()) for batch in straight] == [sorted(batch.tolist()) for batch in turned]

    def test_buckets_have_less_padding(self) -> None:
        sizes = [900, 2000]
        plain = batches_of(sizes, TrainingSettings(epoch_updates=120), epoch=2)
        bucketed = batches_of(sizes, TrainingSettings(epoch_updates=120, bucketed=True), epoch=2)
        lengths = lengths_of(sum(sizes))
        assert padding(bucketed, lengths) < 0.4 * padding(plain, lengths)


class TestBatchPerTask:
    """Equal exposure: a joint training sees as many sentences of a task in every update as the task alone."""

    @given(case=equal_updates(), seed=st.integers(0, 3))
    def test_each_update_has_batch_size_sentences_of_each_task(
        self, case: tuple[list[int], TrainingSettings], seed: int
    ) -> None:
        sizes, owner = case[0], owners_of(case[0])
        training = TrainingSettings(**case[1].model_dump() | {"batch_per_task": True, "sampling": "balanced"})
        for epoch in range(3):
            made = batches_of(sizes, training, seed, epoch)
            assert len(made) == training.epoch_updates
            for batch in made:
                assert Counter(owner[n] for n in batch) == dict.fromkeys(range(len(sizes)), training.batch_size)

    @given(case=equal_updates(), seed=st.integers(0, 3))
    def test_each_update_has_the_very_sentences_of_the_task_alone(
        self, case: tuple[list[int], TrainingSettings], seed: int
    ) -> None:
        """With ``epoch_updates``, where alone and joint epochs are equally long."""
        sizes, lengths, members = case[0], lengths_of(sum(case[0])), members_of(case[0])
        training = TrainingSettings(**case[1].model_dump() | {"batch_per_task": True, "sampling": "balanced"})
        tasks = [f"task{i}" for i in range(len(sizes))]
        for epoch in range(3):
            joint = epoch_batches(tasks, members, lengths, training, seed, epoch)
            alone = [
                epoch_batches([task], [own], lengths, training, seed, epoch)
                for task, own in zip(tasks, members, strict=True)
            ]
            for update, batch in enumerate(joint):
                assert batch.tolist() == torch.cat([batches[update] for batches in alone]).tolist()

    @pytest.mark.parametrize("epoch_updates", [None, 7])
    def test_a_task_alone_is_trained_as_ever(self, epoch_updates: int | None) -> None:
        plain = TrainingSettings(batch_size=8, epoch_updates=epoch_updates)
        each = TrainingSettings(batch_size=8, epoch_updates=epoch_updates, batch_per_task=True)
        for epoch in range(3):
            assert batches_of([50], plain, epoch=epoch) == batches_of([50], each, epoch=epoch)

    def test_epochs_as_they_come_end_with_the_task_that_is_used_up_first(self) -> None:
        training = TrainingSettings(batch_size=8, batch_per_task=True)
        made, owner = batches_of([50, 21], training), owners_of([50, 21])
        assert [Counter(owner[n] for n in batch) for batch in made] == [{0: 8, 1: 8}] * 2
        assert max(Counter(n for batch in made for n in batch).values()) == 1

    def test_a_task_smaller_than_its_batch_is_passed_over_again(self) -> None:
        made = batches_of([50, 3], TrainingSettings(batch_size=8, batch_per_task=True))
        uses = Counter(n for batch in made for n in batch)
        assert [len(batch) for batch in made] == [16]
        assert sorted(uses[n] for n in members_of([50, 3])[1].tolist()) == [2, 3, 3]


def test_trainings_in_threads_have_their_own_sentences() -> None:
    training = TrainingSettings(batch_size=4, sampling="proportional", epoch_updates=3)
    members, lengths = members_of([50, 30]), torch.ones(80)

    def batches(seed: int, epochs: int) -> list[list[int]]:
        every = [epoch_batches(["a", "b"], members, lengths, training, seed, epoch) for epoch in range(epochs)]
        return [batch.tolist() for made in every for batch in made]

    with ThreadPoolExecutor(4) as pool:
        for seed in range(20):
            made = list(pool.map(batches, [seed] * 4, [12] * 4))
            _sums_of_epochs.cache_clear()
            assert made == [batches(seed, 12)] * 4


# --- min_epoch_updates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bucketed", [False, True])
@given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=3), least=st.integers(1, 60), epoch=st.integers(0, 3))
@settings(max_examples=40)
def test_an_epoch_of_several_passes_is_so_many_epochs(
    sizes: list[int], least: int, epoch: int, *, bucketed: bool
) -> None:
    """It has the updates that are asked for, no pass too many, and the sentences of plain epochs in their order."""
    tasks = ["a", "b", "c"][: len(sizes)]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    members = [torch.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    lengths = torch.arange(sum(sizes)) % 7 + 1
    plain = TrainingSettings(bucketed=bucketed)
    more = TrainingSettings(bucketed=bucketed, min_epoch_updates=least)
    passes = passes_of_epoch(tasks, sizes, more)
    made = epoch_batches(tasks, members, lengths, more, 5, epoch)
    one = epoch_batches(tasks, members, lengths, plain, 5, 0)
    assert len(made) == passes * len(one) >= least > (passes - 1) * len(one)
    numbers = range(epoch * passes, (epoch + 1) * passes)
    expected = [batch for n in numbers for batch in epoch_batches(tasks, members, lengths, plain, 5, n)]
    assert all(torch.equal(a, b) for a, b in zip(made, expected, strict=True))


def test_epoch_updates_wins_over_the_least_updates() -> None:
    both = TrainingSettings(epoch_updates=3, min_epoch_updates=50)
    assert passes_of_epoch(["a"], [40], both) == 1
    assert len(epoch_batches(["a"], [torch.arange(40)], torch.ones(40), both, 1, 0)) == 3


@given(equal_updates(), st.booleans(), st.integers(1, 60))
def test_the_mean_of_an_epoch_is_that_of_its_batches(
    made: tuple[list[int], TrainingSettings], passes_over_data: bool, least: int
) -> None:
    """Task by task where every epoch has the same numbers of sentences, else their sum."""
    sizes, training = made
    if passes_over_data:
        training = training.model_copy(update={"epoch_updates": None, "min_epoch_updates": least})
    tasks = [chr(ord("a") + t) for t in range(len(sizes))]
    means = mean_epoch_counts(tasks, sizes, training)
    passes = passes_of_epoch(tasks, sizes, training)
    counts = [epoch_counts(tasks, sizes, training, 1, epoch).sum(0) for epoch in range(passes)]
    drawn = torch.stack(counts).sum(0).tolist()
    assert sum(means) == pytest.approx(sum(drawn))
    if training.sampling == "balanced" or len(tasks) == 1:
        assert means == pytest.approx(drawn)
