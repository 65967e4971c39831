"""Decode the sentences of a split and score every task."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import torch
from jaxtyping import Int
from torch import Tensor

from tagmates.data.batches import Selection, collate
from tagmates.data.encoding import Corpus
from tagmates.data.sentence import Sentence
from tagmates.data.stock import Stock
from tagmates.data.tasks import Task
from tagmates.data.vocabulary import OUTSIDE
from tagmates.model.module import Tables, TaggerModule
from tagmates.model.network import decode
from tagmates.training.scores import TaskScores, score

BATCH_TOKENS = 4000  # how many tokens of a lane are decoded side by side


def predict(
    modules: Sequence[TaggerModule], corpora: Sequence[Corpus], tables: Sequence[Tables]
) -> list[list[list[str]]]:
    """For every lane (a module, its corpus and the tables that the corpus refers to) the best tags of every sentence.

    A sentence is tagged by its own task; the tag of a task token comes first.
    """
    found: list[list[list[str]]] = [[[]] * len(corpus.lengths) for corpus in corpora]
    labels = [
        [corpus.vocabulary.labels[corpus.vocabulary.decoder_of(task)] for task in corpus.vocabulary.tasks]
        for corpus in corpora
    ]
    stock = Stock.of(corpora, modules[0].words.device)
    for together in zip_longest(*map(_parts, corpora)):
        lanes = [(lane, chosen) for lane, chosen in enumerate(together) if chosen is not None]
        selected = [Selection.own_tasks(corpora[lane], chosen) for lane, chosen in lanes]
        batch = collate(selected, stock.take([lane for lane, _ in lanes]))
        best = decode([modules[lane] for lane, _ in lanes], batch, [tables[lane] for lane, _ in lanes])
        for (lane, chosen), tags in zip(lanes, best, strict=True):
            for request, sentence in enumerate(chosen.tolist()):
                own = labels[lane][corpora[lane].task[sentence]]
                found[lane][sentence] = [own[k] for k in tags[request]]
    return found


def _parts(corpus: Corpus) -> Iterator[Int[Tensor, " sentences"]]:
    """The sentences from short to long, about BATCH_TOKENS tokens at a time."""
    order = corpus.lengths.argsort(stable=True)
    cuts = (corpus.lengths[order].cumsum(0) // BATCH_TOKENS).bincount().cumsum(0)[:-1]
    return (chosen for chosen in order.tensor_split(cuts) if len(chosen))


def evaluate(
    predicted: Sequence[Sequence[str]], gold: Sequence[tuple[str, Sentence]], tasks: Mapping[str, Task], *, token: bool
) -> dict[str, TaskScores]:
    """Score predictions of (task, sentence) pairs task by task; with ``token`` the task token counts, gold ``O``."""
    scores = {}
    head = (OUTSIDE,) if token else ()
    for name, task in tasks.items():
        mine = [i for i, (owner, _) in enumerate(gold) if owner == name]
        right = [head + (gold[i][1].tags or ()) for i in mine]
        scores[name] = score(right, [predicted[i] for i in mine], task.score)
    return scores


def mean_f1(scores: Mapping[str, TaskScores]) -> float:
    """The unweighted mean over tasks of their F1 in percent (protocol section 3)."""
    return float(torch.tensor([s.total.f1 for s in scores.values()], dtype=torch.float64).mean())
