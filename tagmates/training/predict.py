"""Decode the sentences of a split and score every task."""

from collections.abc import Mapping, Sequence

import torch

from tagmates.data.batches import Corpus, Selection, collate
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import Task
from tagmates.data.vocabulary import OUTSIDE
from tagmates.model.module import Tables, TaggerModule
from tagmates.model.network import decode
from tagmates.training.scores import TaskScores, score

BATCH_TOKENS = 4000  # how many tokens are decoded side by side


def predict(module: TaggerModule, corpus: Corpus, tables: Tables | None = None) -> list[list[str]]:
    """The best tags of every sentence of a corpus by its own task, that of a task token first.

    ``tables`` replace the module's own where the corpus has words that it never saw.
    """
    names = corpus.vocabulary.tasks
    labels = [corpus.vocabulary.labels[corpus.vocabulary.decoder_of(task)] for task in names]
    found: list[list[str]] = [[] for _ in range(len(corpus.lengths))]
    order = corpus.lengths.argsort(stable=True)
    cuts = (corpus.lengths[order].cumsum(0) // BATCH_TOKENS).bincount().cumsum(0)[:-1]
    device = module.words.device
    for chosen in order.tensor_split(cuts):
        if not len(chosen):
            continue
        batch = collate([Selection.own_tasks(corpus, chosen)]).to(device)
        (best,) = decode([module], batch, [tables] if tables else None)
        for request, sentence in enumerate(chosen.tolist()):
            own = labels[corpus.task[sentence]]
            found[sentence] = [own[k] for k in best[request]]
    return found


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
