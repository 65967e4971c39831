"""Predict the labels of a corpus, and score them against its gold tags."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

import torch
from jaxtyping import Int
from torch import Tensor

from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.corpus import Corpus
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.data.schemes import OUTSIDE
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.model.embedding import Tables
from tagmates.model.network import BATCH_TOKENS, TaggerModule, decode
from tagmates.training.scores import GoldUnits, Numbers, TaskScores, gold_tags


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold units of one task of a corpus, and the indices of its tokens (task tokens too) in the corpus."""

    units: GoldUnits
    tokens: Numbers


def gold_of(
    corpus: Corpus, sentences: Mapping[str, Sequence[Sentence]], tasks: Mapping[str, Task], *, token: bool
) -> dict[str, Gold]:
    """The gold units of every task of a corpus, which consists of these sentences.

    With ``token``, every sentence begins with a task token. Its gold tag is ``O``, and it counts, unless the task has
    another outside tag.
    """
    vocabulary = corpus.vocabulary
    task_of_token = corpus.task.repeat_interleave(corpus.lengths).numpy()
    gold = {}
    for name, own in sentences.items():
        task, outside = tasks[name], tasks[name].trained_outside
        head = ((OUTSIDE if outside == OUTSIDE else None),) if token else ()
        tags = [head + own_tags for own_tags in gold_tags(own, task)]
        units = GoldUnits.of(tags, vocabulary.labels[vocabulary.decoder_of(name)], task.score, outside)
        gold[name] = Gold(units, (task_of_token == vocabulary.tasks.index(name)).nonzero()[0])
    return gold


def predict(
    modules: Sequence[TaggerModule], corpora: Sequence[Corpus], tables: Sequence[Tables | None]
) -> list[Numbers]:
    """The best label of every token of each lane's corpus, tagged by the sentence's own task.

    A lane has a module, a corpus and the look-up tables that the corpus refers to. Labels have the numbers and the
    order of the corpus' ``tags``.
    """
    device = modules[0].device
    lane_corpora = LaneCorpora.of(corpora, device)
    sizes = [len(corpus.form) for corpus in corpora]
    *first_token, total = accumulate(sizes, initial=0)
    labels = torch.empty(total, dtype=torch.long, device=device)
    for batch_sentences in zip_longest(*map(batches_of, corpora)):
        lanes = [(lane, sentences) for lane, sentences in enumerate(batch_sentences) if sentences is not None]
        selections = [LaneSelection.own_tasks(corpora[lane], sentences) for lane, sentences in lanes]
        batch = collate(selections, lane_corpora.take([lane for lane, _ in lanes]))
        decoded = decode([modules[lane] for lane, _ in lanes], batch, [tables[lane] for lane, _ in lanes])
        tokens = [first_token[lane] + _tokens(corpora[lane], sentences) for lane, sentences in lanes]
        labels[torch.cat(tokens).to(device, non_blocking=True)] = decoded.labels
    return [numbers.numpy() for numbers in labels.cpu().split(sizes)]


def batches_of(corpus: Corpus) -> Iterator[Int[Tensor, " sentences"]]:
    """The sentences of a corpus from short to long, about BATCH_TOKENS tokens at a time."""
    order = corpus.lengths.argsort(stable=True)
    cuts = (corpus.lengths[order].cumsum(0) // BATCH_TOKENS).bincount().cumsum(0)[:-1]
    return (sentences for sentences in order.tensor_split(cuts) if len(sentences))


def _tokens(corpus: Corpus, sentences: Int[Tensor, " sentences"]) -> Int[Tensor, " tokens"]:
    """The indices of these sentences' tokens in the corpus."""
    lengths = corpus.lengths[sentences]
    ends = lengths.cumsum(0)
    return torch.arange(int(ends[-1])) + (corpus.starts[sentences] - ends + lengths).repeat_interleave(lengths)


def score_tasks(predicted: Numbers, gold: Mapping[str, Gold]) -> dict[str, TaskScores]:
    """The scores of every task of a corpus, from the labels predicted for its tokens."""
    return {name: task.units.score(predicted[task.tokens]) for name, task in gold.items()}


def mean_f1(scores: Mapping[str, TaskScores]) -> float:
    """The unweighted mean of the tasks' F1, in percent (protocol section 3)."""
    return float(torch.tensor([s.total.f1 for s in scores.values()], dtype=torch.float64).mean())
