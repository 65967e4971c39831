"""A plain tagger of the same size as tagmates', as somebody would write it today: torch.nn.GRU and pytorch-crf.

    python bench/baseline.py [--data DIR] [--task upos] [--updates 20] [--rounds 5] [--threads 2] [--json]

Sentences are looked up in dictionaries and padded batch by batch, every token is spelled anew, the word encoder reads
packed or padded input (both are measured here; the other benches take the faster), Adam is torch's default.
The other benches in this folder set tagmates beside it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

import torch
from rounds import alternate, arguments, show, summary
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torchcrf import CRF

from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import RunConfig
from tagmates.data.sentence import Sentence
from tagmates.study.task_cache import prepare
from tagmates.training.run import Run

Pairs = Sequence[tuple[str, Sentence]]  # task and sentence


class Baseline(nn.Module):
    """The tagger of one sharing method: decoders per task, or one that reads a task embedding too (``te_dec``)."""

    def __init__(self, vocabulary: Vocabulary, sharing: str, *, packed: bool) -> None:
        super().__init__()
        self.vocabulary, self.packed = vocabulary, packed
        self.words = nn.Embedding(len(vocabulary.words) + 1, 50)
        self.characters = nn.Embedding(len(vocabulary.characters) + 1, 25)
        self.spelling = nn.GRU(25, 25, 2, batch_first=True, bidirectional=True, dropout=0.25)
        self.encoder = nn.GRU(100, 300, 2, batch_first=True, bidirectional=True, dropout=0.5)
        self.tasks = nn.Embedding(len(vocabulary.tasks), 25) if sharing == "te_dec" else None
        width = 600 + (25 if self.tasks is not None else 0)
        sizes = {name: len(labels) for name, labels in vocabulary.labels.items()}
        self.projections = nn.ModuleDict({name: nn.Linear(width, size) for name, size in sizes.items()})
        self.crfs = nn.ModuleDict({name: CRF(size, batch_first=True) for name, size in sizes.items()})

    def encode(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """States [sentences, tokens, 600] and mask [sentences, tokens]."""
        words, characters = self.vocabulary.word_index, self.vocabulary.character_index
        numbers = [torch.tensor([words.get(t.lower(), len(words)) for t in s.tokens]) for _, s in pairs]
        spelled = [torch.tensor([characters.get(c, len(characters)) for c in t]) for _, s in pairs for t in s.tokens]
        lengths = torch.tensor([len(n) for n in numbers])
        mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
        letters = pack_padded_sequence(
            self.characters(pad_sequence(spelled, batch_first=True)),
            torch.tensor([len(s) for s in spelled], device="cpu"),
            batch_first=True,
            enforce_sorted=False,
        )
        _, last = self.spelling(letters)
        forms = torch.zeros(*mask.shape, 50).masked_scatter(mask.unsqueeze(-1), torch.cat([last[-2], last[-1]], -1))
        values = torch.cat([forms, self.words(pad_sequence(numbers, batch_first=True))], -1)
        if not self.packed:
            return self.encoder(values)[0], mask
        states, _ = self.encoder(pack_padded_sequence(values, lengths.cpu(), batch_first=True, enforce_sorted=False))
        return pad_packed_sequence(states, batch_first=True)[0], mask

    def decoders(self, pairs: Pairs) -> Iterator[tuple[str, Tensor]]:
        """Every decoder that the batch needs, and the rows that it tags."""
        needed = [self.vocabulary.decoder_of(task) for task, _ in pairs]
        for name in dict.fromkeys(needed):
            yield name, torch.tensor([i for i, other in enumerate(needed) if other == name])

    def emissions(self, name: str, states: Tensor, tasks: Sequence[str]) -> Tensor:
        """Label scores of rows, each read for one task."""
        if self.tasks is not None:
            numbers = torch.tensor([self.vocabulary.tasks.index(task) for task in tasks])
            states = torch.cat([states, self.tasks(numbers).unsqueeze(1).expand(-1, states.shape[1], -1)], -1)
        scores: Tensor = self.projections[name](states)
        return scores

    def loss(self, pairs: Pairs) -> Tensor:
        """Summed negative log-likelihood and the L2 term."""
        states, mask = self.encode(pairs)
        total = torch.zeros(())
        for name, rows in self.decoders(pairs):
            index = self.vocabulary.label_index[name]
            own = [pairs[row] for row in rows.tolist()]
            tags = [torch.tensor([index[tag] for tag in s.tags or ()]) for _, s in own]
            padded = pad_sequence(tags, batch_first=True)
            size = padded.shape[1]
            emissions = self.emissions(name, states[rows, :size], [task for task, _ in own])
            total = total - self.crfs[name](emissions, padded, mask[rows, :size])
        for crf in self.crfs.values():
            total = total + 0.01 * sum(p.square().sum() for p in crf.parameters())
        return total

    @torch.no_grad()
    def tag(self, sentences: Sequence[Sentence], tasks: Sequence[str]) -> list[dict[str, list[int]]]:
        """Label numbers of every sentence for every task; sentences are encoded once."""
        states, mask = self.encode([("", sentence) for sentence in sentences])
        found: list[dict[str, list[int]]] = [{} for _ in sentences]
        for task in tasks:
            name = self.vocabulary.decoder_of(task)
            crf = self.crfs[name]
            assert isinstance(crf, CRF)
            best = crf.decode(self.emissions(name, states, [task] * len(sentences)), mask)
            for row, tags in zip(found, best, strict=True):
                row[task] = tags
        return found


class Training:
    """A baseline and the updates of its training, on the batches of a tagmates run."""

    def __init__(self, run: Run, *, packed: bool = True) -> None:
        self.sentences, self.step = run.pairs("train"), 0
        self.model = Baseline(run.vocabulary, run.config.sharing, packed=packed)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        with torch.device("cpu"):  # where runs draw their batches, wherever this trains
            run.begin_epoch()
        self.batches = run.batches

    def update(self) -> int:
        """Train on the next batch; returns its tokens."""
        pairs = [self.sentences[i] for i in self.batches[self.step % len(self.batches)].tolist()]
        self.optimizer.zero_grad()
        self.model.loss(pairs).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        return sum(len(sentence) for _, sentence in pairs)

    def rate(self, updates: int) -> float:
        """Tokens per second of so many updates."""
        began = time.perf_counter()
        tokens = sum(self.update() for _ in range(updates))
        return tokens / (time.perf_counter() - began)


def main() -> None:
    """Packed against padded input."""
    options = arguments(__doc__, data="starter", task="upos", updates=20, threads=2)
    torch.set_num_threads(options.threads)
    run = prepare(RunConfig(tasks=(options.task,), sharing="stl"), options.data, "cpu")
    sides: Mapping[str, Training] = {name: Training(run, packed=name == "packed") for name in ("packed", "padded")}
    rates = alternate({name: lambda s=side: s.rate(options.updates) for name, side in sides.items()}, options.rounds)
    show({f"{options.task}, training, tokens per second": summary(rates, "padded")}, as_json=options.json)


if __name__ == "__main__":
    main()
