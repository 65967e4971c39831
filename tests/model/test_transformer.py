"""Fine-tuned encoders: states as those of transformers itself, sharing, folders, resuming."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import make_corpora
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tried
from tiny_encoders import LENGTH, tiny_bert, tiny_roberta
from torch.testing import assert_close

from tagmates.batching.batches import LaneSelection, collate
from tagmates.config import PRESETS, RunConfig, Sharing
from tagmates.data.corpora import Corpora
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence, task_token
from tagmates.data.task import Task
from tagmates.errors import ModelError
from tagmates.model import window_reader
from tagmates.model.network import encode, losses
from tagmates.model.pretrained_encoder import load_encoder
from tagmates.model.subwords import Subwords
from tagmates.model.tagger import Tagger
from tagmates.model.transformer import TransformerTagger
from tagmates.model.windows import groups_of_similar_length, windows_of
from tagmates.training.checkpoint import load_checkpoint, save_checkpoint
from tagmates.training.loop import train_side_by_side
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run
from tagmates.training.start import Start

TAGS = {"colour": ("O", "RED", "BLUE"), "shape": ("O", "B", "I", "E", "S")}
SHARINGS: tuple[Sharing, ...] = ("stl", "multi_dec", "te_dec", "te_enc")
# what make test tries of them, where each costs a training: without and with embeddings of tasks
SOME = [pytest.param(each, marks=() if each in ("multi_dec", "te_enc") else pytest.mark.slow) for each in SHARINGS]
MAKERS = {"bert": tiny_bert, "roberta": tiny_roberta}


@pytest.fixture(scope="module", params=MAKERS)
def encoder_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    maker: Callable[[Path], Path] = MAKERS[request.param]
    return maker(tmp_path_factory.mktemp(request.param))


def encoder_run(
    folder: Path,
    sharing: Sharing = "multi_dec",
    corpora: Corpora | None = None,
    *,
    seed: int = 1,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Run:
    """A run of the preset ``pretrained`` on small corpora, four sentences a batch."""
    given_corpora = corpora or make_corpora(seed, dict(list(TAGS.items())[: 1 if sharing == "stl" else None]))
    config = RunConfig.model_validate(
        {
            "tasks": tuple(given_corpora),
            "sharing": sharing,
            "seed": seed,
            "model": {"encoder": str(folder), "task_size": 3, **(model or {})},
            "training": {
                **PRESETS["pretrained"]["training"],
                "batch_size": 4,
                "min_epoch_updates": 3,
                "max_epochs": 2,
                **(training or {}),
            },
        }
    )
    indexed = {name: IndexedTask.of(splits) for name, splits in given_corpora.items()}
    tasks = {name: Task(name=name) for name in given_corpora}
    return prepare_run(config, tasks, indexed, Start(encoder=load_encoder(str(folder))))


def states_of(run: Run, sentences: Sequence[Sentence], task: str) -> list[torch.Tensor]:
    """The states of the tokens of each sentence, task tokens too, as the run computes them in one batch."""
    corpus, tables = run.tagger.index_sentences([(task, IndexedTask.of({"train": list(sentences)}).splits["train"])])
    batch = collate([LaneSelection.own_tasks(corpus, torch.arange(len(sentences)))])
    with torch.no_grad():
        found = encode([run.module], batch, tables=[tables])[0]
    order = corpus.lengths.argsort(descending=True, stable=True)
    states = {}
    for row, sentence in enumerate(order.tolist()):
        states[sentence] = found[batch.packed.row == row]
    return [states[number] for number in range(len(sentences))]


def reference_states(run: Run, sentence: Sentence, task: str, pooling: str = "first") -> torch.Tensor:
    """The states of one sentence's tokens, from one call of the encoder on sub-words laid out by hand."""
    module = run.module
    assert isinstance(module, TransformerTagger)
    words = [module.subwords.spell(word) for word in sentence.tokens]
    if run.config.sharing == "te_enc":
        words.insert(0, module.task_subwords[task_token(task)])
    numbers = [*module.subwords.before, *chain.from_iterable(words), *module.subwords.after]
    module.transformer.eval()
    with torch.no_grad():
        found = module.transformer(input_ids=torch.tensor([numbers])).last_hidden_state[0]
    states, place = [], len(module.subwords.before)
    for word in words:
        own = found[place : place + len(word)]
        states.append(own[0] if pooling == "first" else own.mean(0))
        place += len(word)
    return torch.stack(states)


SHORT = [Sentence(("ab", "c")), Sentence(("a",)), Sentence(("\x07", "abc", "", "x")), Sentence(("äÖ", "0", "b"))]


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("sharing", SHARINGS)
def test_states_of_a_batch_are_those_of_each_sentence_alone(
    encoder_folder: Path, sharing: Sharing, pooling: str
) -> None:
    run = encoder_run(encoder_folder, sharing, model={"pooling": pooling})
    for sentence, found in zip(SHORT, states_of(run, SHORT, "colour"), strict=True):
        assert_close(found, reference_states(run, sentence, "colour", pooling), atol=1e-5, rtol=1e-4)


def test_words_are_spelled_as_transformers_spells_words_of_a_sentence(encoder_folder: Path) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(encoder_folder, add_prefix_space=True)
    theirs.backend_tokenizer.no_truncation()
    encoder = load_encoder(str(encoder_folder))
    words = ["ab", "C", "äÖ", "x.y"]
    expected = theirs(words, is_split_into_words=True)["input_ids"]
    spelled = chain.from_iterable(map(encoder.subwords.spell, words))
    assert [*encoder.subwords.before, *spelled, *encoder.subwords.after] == expected


@pytest.mark.parametrize("kind", ["ByteLevel", "Sequence", "Replace"])
def test_words_are_spelled_as_later_words_of_a_text(tmp_path: Path, kind: str) -> None:
    """Also by tokenizers to which ``add_prefix_space`` means nothing, such as ModernBERT's and Gemma's."""
    import json

    folder = tiny_roberta(tmp_path)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    byte_level = {**tokenizer["pre_tokenizer"], "add_prefix_space": False}
    mark = "Ġ"
    if kind == "Replace":
        mark = "▁"
        tokenizer["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": mark}
        byte_level = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
        tokenizer["model"]["vocab"][mark] = len(tokenizer["model"]["vocab"])
    tokenizer["pre_tokenizer"] = byte_level
    if kind == "Sequence":
        split = {"type": "Split", "pattern": {"Regex": " ?\\p{L}+"}, "behavior": "Isolated", "invert": False}
        tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, {**byte_level, "use_regex": False}]}
    path.write_text(json.dumps(tokenizer))
    subwords = load_encoder(str(folder)).subwords
    vocabulary = {number: piece for piece, number in tokenizer["model"]["vocab"].items()}
    for word in ("ab", "c"):
        assert [vocabulary[number] for number in subwords.spell(word)] == [mark, *word]
    again = Subwords.from_json(subwords.to_json(), subwords.tokenizer, "encoder.json")
    assert again == subwords


@pytest.mark.parametrize("sharing", ["multi_dec", "te_enc"])
def test_long_sentences_are_read_in_windows_and_no_token_is_lost(encoder_folder: Path, sharing: Sharing) -> None:
    run = encoder_run(encoder_folder, sharing)
    long = Sentence(tuple("abcdefghij"[i % 10] * (1 + i % 3) for i in range(60)))
    (tagged,) = run.tagger.tag([list(long.tokens)])
    assert all(len(tags) == 60 for tags in tagged.tags.values())
    first, _ = states_of(run, [long, SHORT[0]], "colour")
    assert len(first) == 60 + (sharing == "te_enc")
    # the beginning is read in the first window, which has the same sub-words as a sentence that ends there
    module = run.module
    assert isinstance(module, TransformerTagger)
    room = LENGTH - len(module.subwords.before) - len(module.subwords.after) - (sharing == "te_enc")
    taken, used = 0, 0
    while used + len(module.spell(long.tokens[taken])) <= room:
        used += len(module.spell(long.tokens[taken]))
        taken += 1
    if used == room:
        alone = reference_states(run, Sentence(long.tokens[:taken]), "colour")
        assert_close(first[: taken // 2], alone[: taken // 2], atol=1e-5, rtol=1e-4)


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=6), longest=st.integers(1, 20))
def test_every_subword_is_in_its_window_with_the_most_context(lengths: list[int], longest: int) -> None:
    windows = windows_of(torch.tensor(lengths), longest)
    assert int(windows.length.max()) <= longest
    begin = 0
    for sentence, length in enumerate(lengths):
        own = (windows.sentence == sentence).nonzero().squeeze(1).tolist()
        for index in range(begin, begin + length):
            window, place = int(windows.window[index]), int(windows.place[index])
            assert window in own
            assert int(windows.start[window]) + place == index
            assert 0 <= place < int(windows.length[window])
            context = [
                min(index - int(windows.start[w]), int(windows.start[w] + windows.length[w]) - 1 - index) for w in own
            ]
            ends = index - begin < longest // 2 or begin + length - index <= longest // 2
            assert ends or context[own.index(window)] >= max(context) - 1
        assert int(windows.start[own[0]]) == begin
        assert int(windows.start[own[-1]] + windows.length[own[-1]]) == begin + length
        begin += length


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12), cost=st.integers(0, 60))
@settings(max_examples=tried(60))
def test_groups_of_windows_cost_least(lengths: list[int], cost: int) -> None:
    groups = groups_of_similar_length(torch.tensor(lengths), cost)
    assert sorted(torch.cat(groups).tolist()) == list(range(len(lengths)))
    found = sum(cost + len(group) * max(lengths[i] for i in group) for group in groups)
    ordered = sorted(lengths, reverse=True)
    best = [0.0]
    for end in range(1, len(ordered) + 1):
        best.append(min(best[start] + cost + (end - start) * ordered[start] for start in range(end)))
    assert found == best[-1]


@pytest.mark.parametrize("sharing", SHARINGS)
def test_a_run_learns_and_leaves_the_global_generator_alone(encoder_folder: Path, sharing: Sharing) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run = encoder_run(encoder_folder, sharing, training={"max_epochs": 4, "encoder_learning_rate": 1e-3})
    list(train_side_by_side([run]))
    assert torch.equal(torch.get_rng_state(), before)
    assert run.history[-1]["loss"] < run.history[0]["loss"]
    rates = [line["learning_rate"] for line in run.history]
    assert rates[0] > rates[-1] > 0


def test_a_part_of_the_encoder_that_tagging_does_not_use_is_left_out(tmp_path: Path) -> None:
    run = encoder_run(tiny_bert(tmp_path))
    assert not [name for name, _ in run.module.named_parameters() if "pooler" in name]
    list(train_side_by_side([run]))
    assert all(run.optimizer.state[p]["step"] > 0 for p in run.module.parameters())


def test_the_encoder_has_its_own_learning_rate(tmp_path: Path) -> None:
    run = encoder_run(tiny_bert(tmp_path), training={"encoder_learning_rate": 1e-5})
    encoder = {id(p) for p in run.module.pretrained_parameters()}
    for group in run.optimizer.param_groups:
        assert group["factor"] == pytest.approx(1e-2 if id(group["params"][0]) in encoder else 1)
        assert group["weight_decay"] == (0.01 if group["params"][0].ndim > 1 else 0)


@pytest.mark.parametrize("sharing", SOME)
def test_training_resumes_to_the_same_bytes(tmp_path: Path, sharing: Sharing) -> None:
    folder = tiny_bert(tmp_path / "encoder")
    whole = encoder_run(folder, sharing)
    list(train_side_by_side([whole]))
    half = encoder_run(folder, sharing)
    events = train_side_by_side([half])
    while half.epoch < 1:
        next(events)
    (tmp_path / "run").mkdir()
    save_checkpoint(tmp_path / "run", half)
    resumed = encoder_run(folder, sharing)
    load_checkpoint(tmp_path / "run", resumed)
    list(train_side_by_side([resumed]))
    for (name, one), (_, other) in zip(whole.module.named_parameters(), resumed.module.named_parameters(), strict=True):
        assert torch.equal(one, other), name


@pytest.mark.parametrize("sharing", ["multi_dec", "te_enc"])
def test_gradients_may_be_computed_in_parts(tmp_path: Path, sharing: Sharing) -> None:
    folder = tiny_bert(tmp_path, hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    runs = [encoder_run(folder, sharing, training={"accumulation": parts}) for parts in (1, 3)]
    for run in runs:
        events = train_side_by_side([run])
        next(events)
    assert runs[0].loss == pytest.approx(runs[1].loss, rel=1e-5)
    for one, other in zip(runs[0].module.parameters(), runs[1].module.parameters(), strict=True):
        assert_close(one, other, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("sharing", SHARINGS[1:])
def test_the_parts_of_a_batch_have_its_gradient(tmp_path: Path, sharing: Sharing) -> None:
    folder = tiny_bert(tmp_path, hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    run = encoder_run(folder, sharing, training={"batch_size": 9, "transition_l2": 0.5})
    run.begin_epoch()
    selection, draw = run.select()
    weights, gradients = run.loss_weights().unsqueeze(0), []
    for parts in (1, 4):
        run.module.zero_grad()
        for part in range(parts):
            losses([run.module], collate([selection.part(part, parts)]), [draw], weights, torch.tensor([0.5 / parts]))[
                0
            ].backward()
        gradients.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in run.module.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("sharing", SOME)
@pytest.mark.parametrize("half", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_model_folder_holds_all_it_needs(encoder_folder: Path, tmp_path: Path, sharing: Sharing, half: bool) -> None:
    run = encoder_run(encoder_folder, sharing)
    list(train_side_by_side([run]))
    tagger = run.tagger
    tagger.save_pretrained(tmp_path / "model", half=half)
    loaded = Tagger.from_pretrained(tmp_path / "model")
    texts = [list(sentence.tokens) for sentence in SHORT] + [["ab"] * 40]
    found, expected = loaded.tag(texts, probabilities=True), tagger.tag(texts, probabilities=True)
    if not half:
        assert found == expected
    for one, other in zip(found, expected, strict=True):
        for task in tagger.tasks:
            assert one.probabilities is not None
            assert other.probabilities is not None
            if one.tags[task] == other.tags[task]:
                assert one.probabilities[task] == pytest.approx(other.probabilities[task], abs=0.02)


def test_tagging_all_tasks_is_tagging_each(encoder_folder: Path) -> None:
    for sharing in ("multi_dec", "te_dec", "te_enc"):
        tagger = encoder_run(encoder_folder, sharing).tagger
        texts = [list(sentence.tokens) for sentence in SHORT]
        together = tagger.tag(texts)
        for task in tagger.tasks:
            assert [t.tags[task] for t in tagger.tag(texts, [task])] == [t.tags[task] for t in together]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "is no pretrained encoder"),
        ("json", "is no pretrained encoder"),
        ("__main__", "is no pretrained encoder"),
        ("hf://x", "names no model on the hub"),
    ],
)
def test_an_encoder_that_is_none_is_named(name: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        load_encoder(name)


def test_a_package_is_found_by_both_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_bert(tmp_path / "my_own_encoder" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("my_own_encoder", "my-own-encoder"):
        assert load_encoder(name).folder == tmp_path / "my_own_encoder" / "model"


def test_a_large_batch_is_read_in_parts(encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = encoder_run(encoder_folder, "te_enc")
    texts = [list(sentence.tokens) for sentence in SHORT] * 3 + [["abc"] * 40]
    expected = run.tagger.tag(texts, probabilities=True)
    calls: list[int] = []
    monkeypatch.setattr(window_reader, "MAX_READ", 30)
    monkeypatch.setattr(
        run.module.transformer, "forward", _counted(run.module.transformer.forward, calls), raising=True
    )
    for found, other in zip(run.tagger.tag(texts, probabilities=True), expected, strict=True):
        assert found.probabilities is not None
        assert other.probabilities is not None
        for task in run.tagger.tasks:
            assert found.probabilities[task] == pytest.approx(other.probabilities[task], abs=1e-5)
    assert max(calls) <= max(30 + 2 * 10, LENGTH)


def _counted(forward: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    def counted(input_ids: torch.Tensor, **more: Any) -> Any:
        calls.append(input_ids.numel())
        return forward(input_ids=input_ids, **more)

    return counted


def test_a_damaged_encoder_is_one_line(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    (folder / "model.safetensors").write_bytes(b"\x08" * 50)
    with pytest.raises(ModelError, match="transformers cannot load it") as caught:
        load_encoder(str(folder)).parameters()
    assert "\n" not in str(caught.value)


def test_an_encoder_that_lacks_parameters_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_bert(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "layer.1.output.dense.weight" in name)
    save_file({key: value for key, value in tensors.items() if key != name}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="lack the parameter"):
        load_encoder(str(folder)).parameters()


def test_the_name_of_an_encoder_is_that_of_its_content(tmp_path: Path) -> None:
    one, copy, other = (tiny_bert(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    names = [load_encoder(str(folder)).name for folder in (one, copy, other)]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("encoder of sha256 ")
    ids = [encoder_run(folder).id for folder in (one, copy, other)]
    assert ids[0] == ids[1] != ids[2]
    (copy / "pytorch_model.bin").write_bytes(b"the same weights once more, which are not read")
    assert load_encoder(str(copy)).name == names[0]


@pytest.mark.parametrize("finetune", [True, False])
def test_parameters_that_are_no_numbers_are_refused(tmp_path: Path, finetune: bool) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_bert(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    save_file({**tensors, name: tensors[name] * float("nan")}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=f"its parameter {name} has numbers that are not finite"):
        encoder_run(folder, model={"finetune": finetune})


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    import json

    folder = tiny_bert(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 24}))
    with pytest.raises(ModelError, match=r"its weights have other shapes than its config\.json says"):
        load_encoder(str(folder)).parameters()


def test_an_encoder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match="has no tokenizer; save it beside the model"):
        load_encoder(str(folder))


def test_a_tagger_is_no_encoder(tmp_path: Path) -> None:
    encoder_run(tiny_bert(tmp_path / "encoder")).tagger.save_pretrained(tmp_path / "model")
    with pytest.raises(ModelError, match=r"is a tagger of tagmates, not an encoder; .* --from"):
        load_encoder(str(tmp_path / "model"))


def with_config(folder: Path, **values: Any) -> Path:
    """The model folder with these values in the encoder's configuration."""
    import json

    path = folder / "encoder.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps({**known, "config": {**known["config"], **values}}))
    return folder


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": 10**9},
        {"num_hidden_layers": 10**7},
        {"vocab_size": 2**23},
        {"hidden_size": 24},
        {"model_type": "no such type"},
        {"model_type": 3},
        {"auto_map": {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}, "hidden_size": 10},
    ],
)
def test_a_strangers_configuration_is_distrusted(tmp_path: Path, values: dict[str, Any]) -> None:
    encoder_run(tiny_bert(tmp_path / "encoder")).tagger.save_pretrained(tmp_path / "model")
    with pytest.raises(ModelError) as caught:
        Tagger.from_pretrained(with_config(tmp_path / "model", **values))
    assert "\n" not in str(caught.value)


def test_code_of_a_folder_is_never_run(tmp_path: Path) -> None:
    encoder_run(tiny_bert(tmp_path / "encoder")).tagger.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "evil.py").write_text("raise SystemExit('run')")
    with_config(tmp_path / "model", auto_map={"AutoModel": "evil.Model", "AutoConfig": "evil.Config"})
    assert Tagger.from_pretrained(tmp_path / "model").tag([["ab"]])


def test_a_task_has_its_own_subword_in_te_enc(tmp_path: Path) -> None:
    run = encoder_run(tiny_bert(tmp_path), "te_enc")
    module = run.module
    assert isinstance(module, TransformerTagger)
    table = module.transformer.get_input_embeddings().weight
    numbers = [number for (number,) in module.task_subwords.values()]
    assert numbers == [len(table) - 2, len(table) - 1]
    rows = module.task_rows(dict(module.named_parameters()), run.vocabulary)
    assert torch.equal(rows, table[numbers])
    again = encoder_run(tiny_bert(tmp_path), "te_enc", seed=2)
    assert not torch.equal(again.module.task_rows(dict(again.module.named_parameters()), run.vocabulary), rows)


def test_a_frozen_copy_of_the_corpora_is_not_needed(tmp_path: Path) -> None:
    run = encoder_run(tiny_bert(tmp_path))
    assert all(corpus.states is None for corpus in run.corpora.values())
    assert replace(run.corpora["train"]).forms.lengths.min() >= 1
