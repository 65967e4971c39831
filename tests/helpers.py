"""Made-up corpora, runs on them, and torch.nn.GRU with a tagger's weights."""

import random
import string
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.batching.vectors import NO_VECTORS, Vectors
from tagmates.config import ModelSettings, RunConfig, Sharing, TrainingSettings
from tagmates.data.corpora import Corpora
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.model.gru import GRULayer
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run
from tagmates.training.start import Start

SMALL = {"word_size": 6, "character_size": 5, "character_hidden_size": 4, "hidden_size": 8, "task_size": 3}


def make_corpora(
    seed: int, tags: Mapping[str, Sequence[str]], *, train: int = 20, longest: int = 9, unlabelled: float = 0
) -> Corpora:
    """Train, dev and test of every task of ``tags`` (task -> its tags), of words that nobody ever wrote.

    A share of ``unlabelled`` tokens has no label.
    """
    draw = random.Random(seed)
    letters = draw.sample(string.ascii_letters + "äÖß", 8)
    words = ["".join(draw.choices(letters, k=draw.randint(1, 7))) for _ in range(40)]

    def sentence(choices: Sequence[str]) -> Sentence:
        length = draw.randint(1, longest)
        tokens, labels = draw.choices(words, k=length), draw.choices(choices, k=length)
        missing = [unlabelled > 0 and draw.random() < unlabelled for _ in labels]
        return Sentence(tuple(tokens), tuple(None if no else tag for tag, no in zip(labels, missing, strict=True)))

    sizes = {"train": train, "dev": 5, "test": 3}
    return {
        task: {split: [sentence(choices) for _ in range(size)] for split, size in sizes.items()}
        for task, choices in tags.items()
    }


def make_run(
    corpora: Corpora,
    sharing: Sharing,
    *,
    seed: int = 1,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    vectors: Vectors = NO_VECTORS,
    device: str = "cpu",
) -> Run:
    """A small run (sizes ``SMALL``, four sentences a batch) over all tasks of the corpora."""
    config = RunConfig(
        tasks=tuple(corpora),
        sharing=sharing,
        seed=seed,
        vectors="random",
        model=ModelSettings(**{**SMALL, **(model or {})}),
        training=TrainingSettings(**{"batch_size": 4, **(training or {})}),
    )
    indexed = {name: IndexedTask.of(splits) for name, splits in corpora.items()}
    return prepare_run(config, {name: Task(name=name) for name in corpora}, indexed, Start(vectors), device)


def torch_gru(layers: Sequence[GRULayer]) -> nn.GRU:
    """``torch.nn.GRU`` with (copies of) the weights of these layers."""
    first = layers[0].input_weight
    gru = nn.GRU(first.shape[2], first.shape[1] // 3, num_layers=len(layers), bidirectional=True, dtype=first.dtype)
    with torch.no_grad():
        for depth, layer in enumerate(layers):
            for direction, suffix in enumerate(("", "_reverse")):
                for theirs, ours in TORCH_NAMES.items():
                    getattr(gru, f"{theirs}_l{depth}{suffix}").copy_(getattr(layer, ours)[direction])
    return gru


TORCH_NAMES = {
    "weight_ih": "input_weight",
    "weight_hh": "hidden_weight",
    "bias_ih": "input_bias",
    "bias_hh": "hidden_bias",
}


def packed_of(lanes: Sequence[Sequence[int]]) -> PackedLayout:
    """The layout of lanes with rows of these lengths; a lane that has fewer rows than others gets empty ones."""
    rows = [torch.tensor(lengths, dtype=torch.long) for lengths in lanes]
    return PackedLayout.of(pad_sequence(rows, batch_first=True))
