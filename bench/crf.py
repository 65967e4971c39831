"""Log-likelihood with gradients, and Viterbi: tagmates' CRF against pytorch-crf, milliseconds of one batch.

    python bench/crf.py [--data DIR] [--task upos] [--threads 1] [--rounds 5] [--json]

A batch is 32 sentences of real lengths, drawn anew in every round; label sets of 17, 50, 75, 212 and 425 (all eleven
tasks in one) with random scores. Emissions are leaves, so that the encoder costs nothing on either side.
"""

import time
from collections.abc import Callable

import torch
from rounds import alternate, arguments, show, summary
from torch import Tensor
from torchcrf import CRF

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.data.corpora import load_split
from tagmates.data.tasks import load_tasks
from tagmates.model.crf import LinearChainCRF

LABELS = (17, 50, 75, 212, 425)
BATCH = 32


class Case:
    """Both CRFs with the same scores, over batches of these sentence lengths."""

    def __init__(self, lengths: list[int], labels: int) -> None:
        self.lengths, self.labels = lengths, labels
        self.theirs = CRF(labels, batch_first=True)
        self.draw = torch.Generator().manual_seed(1)
        self.prepare()

    def prepare(self) -> None:
        """Draw another batch."""
        chosen = torch.randperm(len(self.lengths), generator=self.draw)[:BATCH].tolist()
        lengths = torch.tensor(sorted((self.lengths[i] for i in chosen), reverse=True))
        self.packed = packed = PackedLayout.of(lengths.unsqueeze(0))
        self.mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
        self.emissions = torch.randn(1, packed.positions, self.labels, generator=self.draw, requires_grad=True)
        self.tags = torch.randint(self.labels, (1, packed.positions), generator=self.draw)
        padded = torch.zeros(*self.mask.shape, self.labels)
        padded[packed.row, packed.step] = self.emissions.detach()[0]
        self.padded = padded.requires_grad_()
        self.padded_tags = torch.zeros(self.mask.shape, dtype=torch.long)
        self.padded_tags[packed.row, packed.step] = self.tags[0]

    def crf(self) -> LinearChainCRF:
        """Ours, with the parameters of theirs."""
        given = (self.theirs.transitions, self.theirs.start_transitions, self.theirs.end_transitions)
        transitions, start, end = (parameter.unsqueeze(0) for parameter in given)
        return LinearChainCRF(self.emissions, transitions, start, end, self.packed)

    def our_loss(self) -> Tensor:
        """Summed log-likelihood by tagmates."""
        return self.crf().log_prob(self.tags).sum()

    def their_loss(self) -> Tensor:
        """The same by pytorch-crf."""
        loss: Tensor = self.theirs(self.padded, self.padded_tags, self.mask)
        return loss


def milliseconds(work: Callable[[], object]) -> float:
    """How long some work takes, per call, of as many calls as fill a tenth of a second."""
    calls, began = 0, time.perf_counter()
    while calls == 0 or time.perf_counter() - began < 0.1:
        work()
        calls += 1
    return 1000 * (time.perf_counter() - began) / calls


def main() -> None:
    """Measure and print; ``speed-up`` is theirs over ours."""
    options = arguments(__doc__, data="starter", task="upos", threads=1)
    torch.set_num_threads(options.threads)
    task = load_tasks(options.data)[options.task]
    lengths = [len(sentence) for sentence in load_split(task, "train")]
    results = {}
    for labels in LABELS:
        case = Case(lengths, labels)
        jobs: dict[str, dict[str, Callable[[], object]]] = {
            "likelihood and gradients": {
                "pytorch-crf": lambda c=case: c.their_loss().backward(),
                "tagmates": lambda c=case: c.our_loss().backward(),
            },
            "Viterbi": {
                "pytorch-crf": lambda c=case: c.theirs.decode(c.padded.detach(), c.mask),
                "tagmates": lambda c=case: c.crf().argmax(),
            },
        }
        for name, sides in jobs.items():
            measured = {side: lambda work=work: milliseconds(work) for side, work in sides.items()}
            rates = alternate({"": lambda c=case: c.prepare() or 0.0, **measured}, options.rounds)
            del rates[""]
            found = summary(rates)
            found["speed-up"] = {"median": round(found["pytorch-crf"]["median"] / found["tagmates"]["median"], 2)}
            results[f"{labels} labels, {name}, ms"] = found
    show(results, as_json=options.json)


if __name__ == "__main__":
    main()
