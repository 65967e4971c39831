"""tagmates.model.network: losses recomputed independently, initial parameters, draws, and lanes as if alone."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torchcrf
from helpers import make_corpora, make_run, torch_gru
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.testing import assert_close

from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.packed_sequence import PackedLayout
from tagmates.batching.vectors import NO_VECTORS, Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import ModelSettings, Sharing
from tagmates.data.sentence import Sentence
from tagmates.model.dropout import Dropout
from tagmates.model.network import losses, transition_norms
from tagmates.model.recurrent import RecurrentTagger
from tagmates.seeding import generator
from tagmates.training import predict
from tagmates.training.loop import Ended, Updated, train_side_by_side
from tagmates.training.run import Run, predict_side_by_side

SHARINGS: tuple[Sharing, ...] = ("stl", "multi_dec", "te_dec", "te_enc")
TAGS = {"colour": ("O", "RED", "BLUE"), "shape": ("O", "B", "I", "E", "S"), "size": ("P", "Q", "R")}
NO_DROPOUT = {"dropout": 0.0, "character_dropout": 0.0}


def some_run(sharing: Sharing, seed: int = 1, tags: Mapping[str, Sequence[str]] = TAGS, **more: Any) -> Run:
    """A run on corpora of its own; stl takes the first of the tasks."""
    chosen = dict(list(tags.items())[:1]) if sharing == "stl" else tags
    sizes = {key: more.pop(key) for key in ("train", "longest") if key in more}
    return make_run(make_corpora(seed, chosen, **sizes), sharing, seed=seed, **more)


def first_losses(runs: Sequence[Run], *, dropout: bool = True) -> Tensor:
    """The losses of the first update of the first epoch."""
    for run in runs:
        run.begin_epoch()
    selections, draws = zip(*(run.select() for run in runs), strict=True)
    return losses(
        [run.module for run in runs],
        collate(selections),
        draws if dropout else None,
        pad_sequence([run.loss_weights() for run in runs], batch_first=True),
        torch.tensor([run.config.training.transition_l2 for run in runs]),
    )


def take_gradients(run: Run) -> dict[str, Tensor | None]:
    found = {name: p.grad for name, p in run.module.named_parameters()}
    run.module.zero_grad()
    return found


def relative_difference(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm().clamp_min(1e-12))


# ---------------------------------------------------------------------------------------------- what it computes


def reference_loss(run: Run, pairs: Sequence[tuple[str, Sentence]]) -> Tensor:
    """The loss of these sentences one by one, from torch.nn.GRU and pytorch-crf (protocol sections 1 and 3)."""
    module, vocabulary = run.module, run.vocabulary
    letters, words = (torch_gru([*layers]) for layers in (module.characters.layers, module.encoder))
    total = torch.zeros((), dtype=torch.float64)
    for task, sentence in pairs:
        head = run.config.sharing == "te_enc"
        tokens = [f"<<{task}>>"] * head + [*sentence.tokens]
        tags = ["O"] * head + [*(sentence.tags or ())]
        inputs = []
        for token in tokens:
            spelling = module.characters.table[[vocabulary.characters.index(c) for c in token]]
            _, final = letters(spelling)
            inputs.append(torch.cat([final[-2], final[-1], module.words[vocabulary.words.index(token.lower())]]))
        states, _ = words(torch.stack(inputs))
        if run.config.sharing == "te_dec":
            assert module.tasks is not None
            embedded = module.tasks[vocabulary.tasks.index(task)]
            states = torch.cat([states, embedded.expand(len(tokens), -1)], 1)
        shared = run.config.sharing in ("te_dec", "te_enc")
        labels = vocabulary.labels["*" if shared else task]
        decoder = module.decoder(0 if shared else vocabulary.tasks.index(task))
        crf = torchcrf.CRF(len(labels)).double()
        for theirs, ours in (("transitions",) * 2, ("start_transitions", "start"), ("end_transitions", "end")):
            # a plain tensor in the parameter's place, so that gradients reach the tagger's own
            delattr(crf, theirs)
            setattr(crf, theirs, getattr(decoder, ours))
        emissions = (states @ decoder.weight.T + decoder.bias).unsqueeze(1)
        gold = torch.tensor([[labels.index(tag)] for tag in tags])
        weight = run.config.training.loss_weights.get(task, 1.0)
        total = total - weight * crf(emissions, gold, torch.ones_like(gold, dtype=torch.bool))
    for decoder in map(module.decoder, range(len(module.decoders))):
        for scores in (decoder.transitions, decoder.start, decoder.end):
            total = total + 0.01 * (scores**2).sum()
    return total


@pytest.mark.parametrize("sharing", SHARINGS)
def test_the_loss_is_that_of_an_independent_recomputation(sharing: Sharing) -> None:
    weights = {} if sharing == "stl" else {"loss_weights": {"shape": 2.5}}
    run = some_run(sharing, model=NO_DROPOUT, training={"batch_size": 7, **weights})
    run.module.double()
    (loss,) = first_losses([run])
    expected = reference_loss(run, [run.pairs("train")[i] for i in run.batches[0].tolist()])
    assert_close(loss, expected)
    reached = {n: p for n, p in run.module.named_parameters() if "layers" not in n and "encoder" not in n}
    found = torch.autograd.grad(loss, list(reached.values()))
    wanted = torch.autograd.grad(expected, list(reached.values()))
    for ours, theirs in zip(found, wanted, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_the_number_of_parameters_follows_the_protocol(sharing: Sharing) -> None:
    run = some_run(sharing, model=ModelSettings().model_dump())
    vocabulary = run.vocabulary
    words, characters = len(vocabulary.words), len(vocabulary.characters)
    tags = {task: len({t for s in train_to_test(run, task) for t in s.tags or ()}) for task in vocabulary.tasks}
    union = len({t for task in tags for s in train_to_test(run, task) for t in s.tags or ()} | {"O"})

    def decoder(width: int, size: int) -> int:
        return size * width + size + size * size + 2 * size

    character_gru = 2 * (75 * 25 + 75 * 25 + 150) + 2 * (75 * 50 + 75 * 25 + 150)
    word_gru = 2 * (900 * 100 + 900 * 300 + 1800) + 2 * (900 * 600 + 900 * 300 + 1800)
    decoders = {
        "stl": decoder(600, tags["colour"]),
        "multi_dec": sum(decoder(600, size) for size in tags.values()),
        "te_dec": 25 * len(tags) + decoder(625, union),
        "te_enc": decoder(600, union),
    }
    expected = 50 * words + 25 * characters + character_gru + word_gru + decoders[sharing]
    assert sum(p.numel() for p in run.module.parameters()) == expected


def train_to_test(run: Run, task: str) -> list[Sentence]:
    return [sentence for by_task in run.gold.values() for sentence in by_task.get(task, ())]


# ------------------------------------------------------------------------------------------- initial parameters


def large_module(sharing: Sharing = "te_dec", seed: int = 1) -> RecurrentTagger:
    """Real sizes, enough rows for statistics."""
    tasks = tuple(f"task{i}" for i in range(40))
    vocabulary = Vocabulary(
        tasks=tasks,
        words=tuple(f"word{i:04}" for i in range(4000)),
        characters=tuple(chr(0x4E00 + i) for i in range(300)),
        labels={"*": tuple(f"tag{i:03}" for i in range(100))},
        unknown=True,
    )
    return RecurrentTagger(vocabulary, sharing, ModelSettings(), seed, FAKE_VECTORS)


# of every second word, and of as many words that no corpus has
FAKE_VECTORS = Vectors(
    "fake",
    {f"word{i:04}": i // 2 for i in range(0, 8000, 2)},
    np.random.default_rng(1).normal(0.3, 0.7, (4000, 50)).astype(np.float32),
)


def check_uniform(values: Tensor, bound: float) -> None:
    """Within the bound, close to it, and as wide as a uniform distribution (six standard errors)."""
    assert 0.98 * bound < values.abs().max().item() <= bound * (1 + 1e-6)  # in float32
    check_moments(values, 0, bound / math.sqrt(3))


def check_normal(values: Tensor, mean: float, std: float) -> None:
    """Normal with this mean and standard deviation, within six standard errors."""
    check_moments(values, mean, std)
    share = ((values - mean).abs() < std).double().mean().item()
    assert abs(share - 0.6827) < 6 * math.sqrt(0.6827 * 0.3173 / values.numel())


def check_moments(values: Tensor, mean: float, std: float) -> None:
    assert abs(values.mean().item() - mean) < 6 * std / math.sqrt(values.numel())
    assert abs(values.std().item() / std - 1) < 6 / math.sqrt(2 * values.numel())


def test_initial_parameters_are_drawn_as_the_protocol_says() -> None:
    module = large_module()
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
    check_uniform(module.characters.table, math.sqrt(3 / 25))
    assert module.tasks is not None
    check_uniform(module.tasks, math.sqrt(3 / 25))
    for hidden, layers in ((25, module.characters.layers), (300, module.encoder)):
        for layer in layers:
            for matrices in (layer.input_weight, layer.hidden_weight):
                assert matrices.shape[:2] == (2, 3 * hidden)
                for matrix in matrices:
                    check_uniform(matrix, math.sqrt(6 / (matrix.shape[1] + 3 * hidden)))
    decoder = module.decoder(0)
    check_uniform(decoder.weight, math.sqrt(6 / (625 + 100)))
    check_normal(decoder.transitions, 0, math.sqrt(2 / (100 + 100)))
    check_normal(torch.cat([decoder.start, decoder.end]), 0, 1)


def test_words_with_a_vector_have_it_and_others_are_drawn_like_them() -> None:
    table = large_module().words.detach()
    found = torch.from_numpy(FAKE_VECTORS.matrix[:2000])  # those of the vocabulary's words
    assert table.shape == (4001, 50)  # the last row is the unknown word
    assert torch.equal(table[:4000:2], found)
    drawn = torch.cat([table[1:4000:2], table[4000:]])
    check_normal(drawn, float(found.mean()), float(found.std(correction=0)))
    assert len(drawn.unique(dim=0)) == len(drawn)


def test_without_vectors_words_are_uniform() -> None:
    vocabulary = Vocabulary(("t",), tuple(f"word{i:04}" for i in range(2000)), ("a",), {"t": ("X",)}, unknown=False)
    module = RecurrentTagger(vocabulary, "stl", ModelSettings(), 1, NO_VECTORS)
    check_uniform(module.words, math.sqrt(3 / 50))


@pytest.mark.parametrize("sharing", SHARINGS)
def test_parameters_are_a_function_of_the_seed(sharing: Sharing) -> None:
    corpora = make_corpora(1, dict(list(TAGS.items())[:1]) if sharing == "stl" else TAGS)
    first, again, other = (dict(make_run(corpora, sharing, seed=s).module.named_parameters()) for s in (1, 1, 2))
    for name, parameter in first.items():
        assert torch.equal(parameter, again[name])
        assert name.endswith("bias") or not torch.equal(parameter, other[name])


def test_no_two_parameters_share_their_draws() -> None:
    drawn = [p.detach().flatten()[:5] for n, p in large_module().named_parameters() if not n.endswith("bias")]
    scaled = [values / values.norm() for values in drawn]
    for i, one in enumerate(scaled):
        assert all(abs(float(one @ other)) < 0.9999 for other in scaled[:i])


# ----------------------------------------------------------------------------------------------------- draws


@pytest.mark.parametrize("sharing", SHARINGS)
def test_the_global_generator_is_neither_read_nor_changed(sharing: Sharing) -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        run = some_run(sharing, training={"max_epochs": 1, "unknown_rate": 0.5, "bucketed": True})
        list(train_side_by_side([run]))
        tagged = run.tagger.tag([["never", "seen"], ["here"]])
        assert torch.equal(torch.get_rng_state(), before)
        results.append((run.module.state_dict(), tagged, run.history[0]["loss"]))
    (first, tagged, loss), (second, tagged_again, loss_again) = results
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert tagged == tagged_again
    assert loss == loss_again


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize(
    ("settings", "drops"),
    [
        ({}, True),
        ({"dropout": 0.0}, True),
        ({"character_dropout": 0.0}, True),
        (NO_DROPOUT, False),
        ({"layers": 1}, True),
        ({"character_layers": 1}, True),
        ({"layers": 1, "character_layers": 1}, False),  # nothing is in between: no dropout on inputs or outputs
    ],
)
def test_dropout_is_between_layers_and_nowhere_else(sharing: Sharing, settings: dict[str, Any], drops: bool) -> None:
    run = some_run(sharing, model=settings)
    with_dropout, without = first_losses([run]), first_losses([run], dropout=False)
    assert torch.equal(with_dropout, first_losses([run]))  # the same epoch and step draw the same
    assert torch.equal(with_dropout, without) is not drops


def test_dropout_drops_at_its_rate_and_keeps_the_mean() -> None:
    packed = PackedLayout.of(torch.tensor([[200, 100], [150, 0], [200, 200]]))
    drop = Dropout([0.25, 0.5, 0.0], [generator(seed, "dropout") for seed in range(3)])
    dropped = drop(torch.ones(3, packed.positions, 40), packed)
    for values, mask, rate in zip(dropped, packed.mask, (0.25, 0.5, 0.0), strict=True):
        own = values[mask]
        kept = own[own != 0]
        assert_close(kept, torch.full_like(kept, 1 / (1 - rate)))
        assert abs(1 - len(kept) / own.numel() - rate) <= 6 * math.sqrt(rate * (1 - rate) / own.numel())


@pytest.mark.parametrize("sharing", SHARINGS)
def test_steps_and_epochs_draw_different_masks(sharing: Sharing) -> None:
    run = some_run(sharing)
    run.begin_epoch()
    chosen, draw = run.select()
    losses_ = [alone(run, chosen, draw)]
    for run.epoch, run.step in ((0, 1), (1, 0)):
        _, draw = run.select()
        losses_.append(alone(run, chosen, draw))
    assert len(set(losses_)) == 3


def alone(run: Run, chosen: LaneSelection, draw: torch.Generator) -> float:
    return losses([run.module], collate([chosen]), [draw], run.loss_weights().unsqueeze(0), torch.tensor([0.01])).item()


@pytest.mark.parametrize("sharing", SHARINGS)
def test_evaluation_does_not_drop(sharing: Sharing) -> None:
    run = some_run(sharing)
    run.begin_epoch()
    (first,) = predict_side_by_side([run], "dev")
    run.module.train()
    np.testing.assert_array_equal(predict_side_by_side([run], "dev")[0], first)
    no_dropout = some_run(sharing, model=NO_DROPOUT)
    np.testing.assert_array_equal(predict_side_by_side([no_dropout], "dev")[0], first)


@pytest.mark.parametrize("sharing", SHARINGS)
def test_what_is_predicted_lies_where_the_corpus_has_its_tokens(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "BATCH_TOKENS", 10)  # several batches, of which one run has more than the other
    runs = [some_run(sharing, 1), some_run(sharing, 2, {"late": ("O", "X", "Y", "Z")}, longest=15)]
    for run, found in zip(runs, predict_side_by_side(runs, "dev"), strict=True):
        starts = (run.corpora["dev"].starts + run.token).tolist()
        for (task, sentence), start in zip(run.pairs("dev"), starts, strict=True):
            labels = run.vocabulary.labels[run.vocabulary.decoder_of(task)]
            (tagged,) = run.tagger.tag([sentence.tokens], [task])
            assert tuple(labels[k] for k in found[start : start + len(sentence)]) == tagged.tags[task]


# --------------------------------------------------------------------------------------------------- company


def company(sharing: Sharing) -> list[Run]:
    """Three runs of other lengths, vocabularies, tag sets and dropout rates."""
    return [
        some_run(sharing, 1, TAGS, longest=4),
        some_run(sharing, 2, {"late": ("X", "Y"), "soon": ("A", "B", "C"), "never": ("O", "N")}, longest=15),
        some_run(sharing, 3, {"size": ("P", "Q"), "only": tuple("abcdefg")}, model={"dropout": 0.3}),
    ]


def check_company(runs: list[Run]) -> None:
    """Losses, gradients and best tags together are those of each run alone, to 1e-5."""
    together = first_losses(runs)
    together.sum().backward()
    in_company = [take_gradients(run) for run in runs]
    best = predict_side_by_side(runs, "dev")
    for run, loss, gradients, tags in zip(runs, together, in_company, best, strict=True):
        (expected,) = first_losses([run])
        assert_close(loss, expected, rtol=1e-5, atol=0)
        expected.backward()
        for name, wanted in take_gradients(run).items():
            found = gradients[name]
            assert (found is None) == (wanted is None), name
            if found is not None and wanted is not None:
                assert relative_difference(found, wanted) < 1e-5, name
        np.testing.assert_array_equal(tags, predict_side_by_side([run], "dev")[0])


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_run_in_company_is_as_if_alone(sharing: Sharing) -> None:
    check_company(company(sharing))


def test_sharings_mix_where_their_tag_sets_differ_in_size() -> None:
    sizes = {"stl": 2, "multi_dec": 3, "te_dec": 4, "te_enc": 5}
    check_company([some_run(s, 1, {"one": range_of_tags(n, s), "two": range_of_tags(n, s)}) for s, n in sizes.items()])


@pytest.mark.parametrize("order", [SHARINGS, SHARINGS[::-1]])
def test_sharings_mix_where_their_tag_sets_are_equally_large(order: tuple[Sharing, ...]) -> None:
    check_company([some_run(s, 1, {"one": range_of_tags(3, s), "two": range_of_tags(3, s)}) for s in order])


def range_of_tags(size: int, sharing: Sharing) -> list[str]:
    """So many tags that the label space has ``size``: te_enc always has an O."""
    return ["O" if sharing == "te_enc" else "M", *(f"N{i}" for i in range(size - 1))]


def test_a_lane_without_dropout_does_not_change_its_draws_in_company() -> None:
    check_company([some_run("stl", 1, model={"character_dropout": 0.0}), some_run("stl", 2)])


def test_a_lane_of_one_sentence_beside_a_full_one() -> None:
    check_company([some_run("stl", 1, train=1, longest=1), some_run("stl", 2, longest=30, training={"batch_size": 20})])


def test_a_lane_that_waits_changes_no_other_s_loss() -> None:
    runs = company("multi_dec")
    for run in runs:
        run.begin_epoch()
    selections, draws = zip(*(run.select() for run in runs), strict=True)
    waiting = LaneSelection.empty(runs[1].corpora["train"])
    together = losses(
        [run.module for run in runs],
        collate([selections[0], waiting, selections[2]]),
        draws,
        pad_sequence([run.loss_weights() for run in runs], batch_first=True),
        torch.full((3,), 0.01),
    )
    for run, loss in zip(runs[::2], together[::2], strict=True):
        chosen, draw = run.select()
        assert_close(loss.item(), alone(run, chosen, draw), rtol=1e-5, atol=0)
    assert_close(together[1], 0.01 * transition_norms([runs[1].module])[0])
    together[0].backward()
    assert all(g is None or not g.any() for g in take_gradients(runs[1]).values())


# -------------------------------------------------------------------------------------------------- training


def test_an_update_is_clipping_to_the_norm_over_all_parameters_and_then_adam() -> None:
    run, twin = (some_run("multi_dec", training={"clip_norm": 5.0}) for _ in range(2))
    adam = torch.optim.Adam(twin.module.parameters(), lr=1e-3)
    twin.begin_epoch()
    norms = []
    for event in train_side_by_side([run]):
        assert isinstance(event, Updated)
        chosen, draw = twin.select()
        adam.zero_grad()
        losses(
            [twin.module], collate([chosen]), [draw], twin.loss_weights().unsqueeze(0), torch.tensor([0.01])
        ).sum().backward()
        gradients = [p.grad for p in twin.module.parameters() if p.grad is not None]
        norms.append(math.sqrt(sum(g.double().square().sum().item() for g in gradients)))
        for gradient in gradients:
            gradient.mul_(min(1.0, 5.0 / norms[-1]))
        adam.step()
        twin.step += 1
        for (name, found), wanted in zip(run.module.named_parameters(), twin.module.parameters(), strict=True):
            assert_close(found, wanted, rtol=1e-4, atol=1e-6, msg=name)
        if twin.step == 4:
            break
    assert max(norms) > 5
    assert max(norms) > 1.1 * min(norms)  # Adam does not see a factor that all gradients share


@pytest.mark.parametrize(
    ("sharing", "training"),
    [
        ("multi_dec", {"unknown_rate": 0.5, "bucketed": True}),
        *(pytest.param(sharing, {}, marks=pytest.mark.slow) for sharing in SHARINGS),
    ],
)
def test_fifty_updates_in_company_are_as_if_alone(sharing: Sharing, training: dict[str, Any]) -> None:
    """The second run ends early and leaves its lane to the fourth."""
    tags = {"late": ("X", "Y"), "soon": ("A", "B", "C")}

    def make() -> list[Run]:
        return [
            some_run(sharing, 1, TAGS, longest=4, training={"stopping_patience": 99, **training}),
            some_run(sharing, 2, tags, longest=12, training={"max_epochs": 1, **training}),
            some_run(sharing, 3, tags, training={"stopping_patience": 99, **training}),
            some_run(sharing, 4, TAGS, train=31, training={"stopping_patience": 99, **training}),
        ]

    together = first_updates(make(), lanes=3)
    order = [seed for seed, _ in together]
    last = {seed: len(order) - order[::-1].index(seed) for seed in (1, 2, 3)}
    assert last[2] <= order.index(4) < last[3]
    for run in make():
        seed = run.config.seed
        found = [loss for owner, loss in together if owner == seed]
        wanted = [loss for _, loss in first_updates([run], lanes=1, updates=len(found))]
        assert_close(torch.tensor(found), torch.tensor(wanted), rtol=1e-5, atol=0)
        assert seed != 1 or len(found) == 50


def test_lanes_keep_their_own_schedules_and_batches() -> None:
    """High rates, so that a lane with another's rate would show at once; the second ends early, the fourth follows."""

    def make() -> list[Run]:
        fixed = {"learning_rate": 0.02, "epoch_updates": 7}
        return [
            some_run("multi_dec", 1, training={**fixed, "schedule": "linear", "max_updates": 20}),
            some_run("te_dec", 2, training={**fixed, "schedule": "linear", "max_updates": 9, "batch_per_task": True}),
            some_run("stl", 3, {"one": ("A", "B")}, training={**fixed, "schedule": "constant", "max_updates": 50}),
            some_run("multi_dec", 4, training={**fixed, "halving_patience": 0, "batch_per_task": True}),
        ]

    together = first_updates(make(), lanes=3, updates=20)
    for run in make():
        found = [loss for owner, loss in together if owner == run.config.seed]
        wanted = [loss for _, loss in first_updates([run], lanes=1, updates=len(found))]
        assert_close(torch.tensor(found), torch.tensor(wanted), rtol=1e-5, atol=0)
    assert [sum(owner == seed for owner, _ in together) for seed in (1, 2)] == [20, 9]


def first_updates(runs: list[Run], lanes: int, updates: int = 50) -> list[tuple[int, float]]:
    """Seed and loss of every update until the first run has had so many."""
    found = []
    for event in train_side_by_side(runs, lanes):
        if isinstance(event, Updated):
            found.append((event.run.config.seed, event.loss))
            if runs[0].updates == updates:
                break
    return found


@pytest.mark.parametrize("sick", [0, 1])
def test_a_run_that_diverges_fails_alone(sick: int) -> None:
    def make() -> list[Run]:
        tags = [{"one": ("A", "B")}, {"two": ("C", "D")}]
        return [
            make_run(make_corpora(seed, tags[seed], longest=4 * seed + 4), "stl", training={"max_epochs": 2})
            for seed in range(2)
        ]

    (healthy,) = (run for i, run in enumerate(make()) if i != sick)
    wanted = [event.loss for event in train_side_by_side([healthy]) if isinstance(event, Updated)]
    runs = make()
    with torch.no_grad():
        runs[sick].module.words.fill_(math.nan)
    events = list(train_side_by_side(runs, lanes=2))
    ends = {event.run.id: event for event in events if isinstance(event, Ended)}
    assert ends[runs[sick].id].error is not None
    assert ends[healthy.id].error is None
    found = [event.loss for event in events if isinstance(event, Updated)]
    assert_close(torch.tensor(found), torch.tensor(wanted), rtol=1e-5, atol=0)
    assert all(p.isfinite().all() for p in runs[1 - sick].module.parameters())


# ------------------------------------------------------------------------------------------ words never seen


@pytest.mark.parametrize("sharing", SHARINGS)
def test_dev_may_have_characters_that_train_lacks(sharing: Sharing) -> None:
    train = [Sentence(("ab", "ba", "ab"), ("X", "Y", "X"))]
    dev = [Sentence(("aß", "ab"), ("X", "Z"))]
    run = make_run({"t": {"train": train, "dev": dev}}, sharing, training={"max_epochs": 1, "unknown_rate": 0.5})
    events = list(train_side_by_side([run]))
    assert [type(event).__name__ for event in events] == ["Updated", "EpochEnded", "Ended"]
    # validation reads a new word as the finished tagger does
    token = int(sharing == "te_enc")
    (tagged,) = run.tagger.tag([dev[0].tokens])
    labels = run.vocabulary.labels[run.vocabulary.decoder_of("t")]
    (best,) = predict_side_by_side([run], "dev")
    assert tuple(labels[k] for k in best[token:]) == tagged.tags["t"]


@pytest.mark.parametrize("words", [["a", ""], [""]])
def test_an_empty_word_can_be_tagged(words: list[str]) -> None:
    (tagged,) = some_run("stl").tagger.tag([words])
    assert len(tagged.tags["colour"]) == len(words)


def test_one_word_sentences_of_tasks_with_equally_many_tags() -> None:
    """Two decoders of one group then read as many positions as the whole batch has."""
    tags = {"colour": ("O", "RED"), "shape": ("B", "I")}
    run = some_run("multi_dec", tags=tags, train=4, longest=1, training={"max_epochs": 5})
    events = list(train_side_by_side([run]))
    assert isinstance(events[-1], Ended)
    assert events[-1].error is None
