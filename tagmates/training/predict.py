"""Decode the sentences of a split and score every task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, zip_longest

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tagmates.batching.batches import Selection, collate
from tagmates.batching.corpus import Corpus
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.data.schemes import OUTSIDE
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.task_data import reading_of
from tagmates.model.embedding import Tables
from tagmates.model.network import TaggerModule, decode
from tagmates.training.scores import Numbers, Reference, TaskScores, gold_tags

BATCH_TOKENS = 4000  # how many tokens of a lane are decoded side by side


@dataclass(frozen=True, slots=True)
class Gold:
    """The gold units of one task of a corpus, and the places of its tokens (task tokens too)."""

    reference: Reference
    places: Numbers


def gold_of(
    corpus: Corpus, sentences: Mapping[str, Sequence[Sentence]], tasks: Mapping[str, Task], *, token: bool
) -> dict[str, Gold]:
    """What is to be found in a corpus of these tasks' sentences.

    With ``token`` the task token counts, gold ``O``; it does not where the task has another tag for nothing.
    """
    vocabulary = corpus.vocabulary
    owner = corpus.task.repeat_interleave(corpus.lengths).numpy()
    found = {}
    for name, own in sentences.items():
        task, outside = tasks[name], tasks[name].trained_outside
        head = ((OUTSIDE if outside == OUTSIDE else None),) if token else ()
        tags = [head + own_tags for own_tags in gold_tags(own, task)]
        reading = reading_of(task, set(chain.from_iterable(tags)))
        reference = Reference.of(tags, vocabulary.labels[vocabulary.decoder_of(name)], reading, outside)
        found[name] = Gold(reference, (owner == vocabulary.tasks.index(name)).nonzero()[0])
    return found


def predict(modules: Sequence[TaggerModule], corpora: Sequence[Corpus], tables: Sequence[Tables]) -> list[Numbers]:
    """For every lane (a module, its corpus and the tables that the corpus refers to) the best label of every token.

    A sentence is tagged by its own task; labels are numbered as in the corpus' ``tags``, and stand in the same places.
    """
    device = modules[0].words.device
    stock = LaneCorpora.of(corpora, device)
    sizes = [len(corpus.form) for corpus in corpora]
    *firsts, total = accumulate(sizes, initial=0)
    found = torch.empty(total, dtype=torch.long, device=device)
    for together in zip_longest(*map(_parts, corpora)):
        lanes = [(lane, chosen) for lane, chosen in enumerate(together) if chosen is not None]
        selected = [Selection.own_tasks(corpora[lane], chosen) for lane, chosen in lanes]
        batch = collate(selected, stock.take([lane for lane, _ in lanes]))
        starts = [firsts[lane] + corpora[lane].starts[chosen] for lane, chosen in lanes]
        decoded = decode(
            [modules[lane] for lane, _ in lanes],
            batch,
            pad_sequence(starts, batch_first=True).to(device),
            [tables[lane] for lane, _ in lanes],
        )
        found[decoded.places] = decoded.labels
    return [numbers.numpy() for numbers in found.cpu().split(sizes)]


def _parts(corpus: Corpus) -> Iterator[Int[Tensor, " sentences"]]:
    """The sentences from short to long, about BATCH_TOKENS tokens at a time."""
    order = corpus.lengths.argsort(stable=True)
    cuts = (corpus.lengths[order].cumsum(0) // BATCH_TOKENS).bincount().cumsum(0)[:-1]
    return (chosen for chosen in order.tensor_split(cuts) if len(chosen))


def evaluate(predicted: Numbers, gold: Mapping[str, Gold]) -> dict[str, TaskScores]:
    """Score what is predicted for a corpus, task by task."""
    return {name: task.reference.score(predicted[task.places]) for name, task in gold.items()}


def mean_f1(scores: Mapping[str, TaskScores]) -> float:
    """The unweighted mean over tasks of their F1 in percent (protocol section 3)."""
    return float(torch.tensor([s.total.f1 for s in scores.values()], dtype=torch.float64).mean())
