"""The word encoder's training step against torch.nn.GRU, in GFLOP/s, beside the machine's rate of matrix products.

    python bench/encoder.py [--data DIR] [--task upos] [--threads 1] [--rounds 7] [--json]

Two bidirectional layers of 300 units per direction over 100 inputs, forward and backward, with dropout between the
layers; batches of 32 sentences of real lengths, random and bucketed. A step's work is that of its matrix products,
twice as much backward as forward; the time of everything else is in the rate.
"""

import time
from collections.abc import Callable, Sequence

import torch
from rounds import alternate, arguments, show, summary
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.data.corpora import load_split
from tagmates.data.tasks import load_tasks
from tagmates.model.dropout import Dropout
from tagmates.model.gru import GRULayer, stack_layers

INPUT, HIDDEN, BATCH, BATCHES = 100, 300, 32, 8
FLOP = 3 * 2 * 2 * 3 * HIDDEN * (INPUT + HIDDEN + 2 * HIDDEN + HIDDEN)  # of a token, forward and backward


class Encoders:
    """Both encoders with a batch list to read."""

    def __init__(self, batches: Sequence[Tensor]) -> None:
        self.packed = [PackedLayout.of(lengths.unsqueeze(0)) for lengths in batches]
        self.inputs = [torch.randn(1, p.positions, INPUT, requires_grad=True) for p in self.packed]
        draw = torch.Generator().manual_seed(1)
        self.layers = [GRULayer(INPUT, HIDDEN, draw), GRULayer(2 * HIDDEN, HIDDEN, draw)]
        self.theirs = nn.GRU(INPUT, HIDDEN, 2, bidirectional=True, dropout=0.5)

    def our_step(self, number: int) -> None:
        """Forward and backward over one batch by tagmates."""
        dropout = Dropout([0.5], [torch.Generator().manual_seed(1)])
        stack_layers(self.inputs[number], self.packed[number], [self.layers], dropout).sum().backward()

    def their_step(self, number: int) -> None:
        """The same by torch.nn.GRU."""
        packed = self.packed[number]
        states, _ = self.theirs(PackedSequence(self.inputs[number][0], torch.tensor(packed.rows_at)))
        states.data.sum().backward()

    def rate(self, step: Callable[[int], None]) -> float:
        """GFLOP/s over all batches."""
        began = time.perf_counter()
        for number in range(len(self.packed)):
            step(number)
        return FLOP * sum(p.positions for p in self.packed) / (time.perf_counter() - began) / 1e9


def matrix_products() -> float:
    """GFLOP/s of the product that projects a layer's inputs."""
    a, b, out = torch.randn(800, 600), torch.randn(600, 1800), torch.empty(800, 1800)
    began = time.perf_counter()
    for _ in range(20):
        torch.mm(a, b, out=out)
    return 20 * 2 * 800 * 600 * 1800 / (time.perf_counter() - began) / 1e9


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", task="upos", threads=1)
    torch.set_num_threads(options.threads)
    task = load_tasks(options.data)[options.task]
    lengths = torch.tensor([len(sentence) for sentence in load_split(task, "train")])
    draw = torch.Generator().manual_seed(1)
    shuffled = lengths[torch.randperm(len(lengths), generator=draw)]
    orders = {"random": shuffled, "bucketed": shuffled[: 50 * BATCH].sort().values}
    results = {}
    for name, order in orders.items():
        batches = [part.sort(descending=True).values for part in order.split(BATCH)]
        chosen = torch.randperm(len(batches) - 1, generator=draw)[:BATCHES].tolist()
        encoders = Encoders([batches[i] for i in chosen])
        sides: dict[str, Callable[[], float]] = {
            "torch.nn.GRU, packed": lambda e=encoders: e.rate(e.their_step),
            "tagmates": lambda e=encoders: e.rate(e.our_step),
            "matrix products": matrix_products,
        }
        results[f"{name} batches, GFLOP/s"] = found = summary(alternate(sides, options.rounds), "torch.nn.GRU, packed")
        found["tagmates"]["share"] = round(found["tagmates"]["median"] / found["matrix products"]["median"], 2)
    show(results, as_json=options.json)


if __name__ == "__main__":
    main()
