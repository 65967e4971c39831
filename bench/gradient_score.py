"""A trial: do the gradients of one joint training say which tasks help each other, beyond what the data alone say?

    python bench/gradient_score.py --data "$TAGMATES_DATA" [--updates 2000] [--every 50] [--sentences 32] [--file FILE]

It trains the paper's eleven tasks together (MULTI-DEC, seed 1) for some updates, at the settings of the preset `paper`.
Every so many updates it takes a batch of each task, without dropout, and the gradient of its mean loss with respect to
the shared encoder. The score of a helper for a task is one of two, on average over these moments:

* ``cosine``: the cosine of the two gradients (Du et al., 2018);
* ``look-ahead``: their inner product divided by the loss of the task, which is to first order how much of its loss one
  step for the helper takes away (Fifty et al., 2021).

It prints, for each of the three published grids, the Spearman coefficient of the scores and the gains within a task,
and the share of the achievable gain that the first in rank reaches: by the two free features (data.affinity), by each
score alone, and by the mean rank of the free features and a score. ``--file`` keeps the scores.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from fit_gains import Grid, grids, load_data
from rounds import arguments
from scipy.stats import rankdata, spearmanr

from tagmates.batching.batches import LaneSelection, collate
from tagmates.config import RunConfig
from tagmates.model.network import losses
from tagmates.model.recurrent import RecurrentTagger
from tagmates.study.published import PAPER_TASKS
from tagmates.study.task_cache import prepare
from tagmates.training.lane_optimizer import optimizer_of
from tagmates.training.loop import Updated, advance
from tagmates.training.run import Run

Scores = Mapping[tuple[str, str], float]  # (task, helper)


def main() -> None:
    """Train, score, compare."""
    options = arguments(__doc__, data="", updates=2000, every=50, sentences=32, file="")
    torch.set_num_threads(1)
    run = prepare(RunConfig(tasks=PAPER_TASKS, sharing="multi_dec", seed=1), options.data, "cpu")
    found = gradient_scores(run, options.updates, options.every, options.sentences)
    if options.file:
        kept = {name: {" ".join(pair): value for pair, value in scores.items()} for name, scores in found.items()}
        Path(options.file).write_text(json.dumps(kept, indent=1) + "\n")
    pairs, _ = load_data(options.data)
    free = {(a.task, a.helper): a.rank for a in pairs}
    ranks = {"free": free, **{name: mean_ranks(scores) for name, scores in found.items()}}
    ranks |= {f"free and {name}": {p: (2 * free[p] + ranks[name][p]) / 3 for p in free} for name in found}
    print("score: for each grid, Spearman within tasks and the share of the achievable gain before any training")
    for name, scores in ranks.items():
        cells = [
            f"{method} {spearman(scores, grid):5.2f} {share(scores, grid):4.0%}" for method, grid in grids().items()
        ]
        print(f"  {name:22}{'   '.join(cells)}")


def gradient_scores(run: Run, updates: int, every: int, sentences: int) -> dict[str, Scores]:
    """Train for so many updates; the mean scores of all moments, by name."""
    moments: list[np.ndarray] = []
    optimizer = optimizer_of([run], None)
    draw = np.random.default_rng(0)
    while run.updates < updates:
        for event in advance(optimizer):
            if isinstance(event, Updated) and run.updates % every == 0:
                moments.append(moment(run, sentences, draw))
                print(f"update {run.updates}", flush=True)
    mean = np.mean(moments, axis=0)
    return {
        name: {
            (task, helper): float(mean[number, t, h])
            for t, task in enumerate(PAPER_TASKS)
            for h, helper in enumerate(PAPER_TASKS)
            if t != h
        }
        for number, name in enumerate(("cosine", "look-ahead"))
    }


def moment(run: Run, sentences: int, draw: np.random.Generator) -> np.ndarray:
    """Both scores of every pair at this moment, [2, task, helper]."""
    corpus, module = run.corpora["train"], run.module
    assert isinstance(module, RecurrentTagger)
    shared = [*module.characters.parameters(), *module.encoder.parameters()]
    gradients, loss = [], []
    for number in range(len(PAPER_TASKS)):
        members = (corpus.task == number).nonzero().squeeze(1)
        chosen = members[torch.from_numpy(draw.choice(len(members), sentences, replace=False))]
        batch = collate([LaneSelection.own_tasks(corpus, chosen)])
        weights, nothing = torch.ones(1, len(PAPER_TASKS)), torch.zeros(1)
        value = losses([module], batch, None, weights, nothing).sum() / int(corpus.lengths[chosen].sum())
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, shared)]))
        loss.append(float(value.detach()))
    inner = (torch.stack(gradients) @ torch.stack(gradients).T).numpy()
    norms = np.sqrt(np.diag(inner))
    return np.stack([inner / np.outer(norms, norms), inner / np.array(loss)[:, None]])


def mean_ranks(scores: Scores) -> dict[tuple[str, str], float]:
    """The rank of each helper within a task, from -1 to 1."""
    found: dict[tuple[str, str], float] = {}
    for task in PAPER_TASKS:
        helpers = [helper for helper in PAPER_TASKS if helper != task]
        ranks = rankdata([scores[task, helper] for helper in helpers])
        found |= {(task, h): 2 * (r - 1) / (len(helpers) - 1) - 1 for h, r in zip(helpers, ranks.tolist(), strict=True)}
    return found


def spearman(scores: Scores, grid: Grid) -> float:
    """The mean over tasks of the rank correlation of scores and gains."""
    found = []
    for task in PAPER_TASKS:
        own: Sequence[str] = [helper for helper in PAPER_TASKS if helper != task]
        found.append(spearmanr([scores[task, h] for h in own], [grid.gains[task, h] for h in own])[0])
    return fmean(found)


def share(scores: Scores, grid: Grid) -> float:
    """The gain of the first in rank of each task, of what the best partners gain."""
    gained = most = 0.0
    for task in PAPER_TASKS:
        own = [helper for helper in PAPER_TASKS if helper != task]
        gained += grid.gains[task, max(own, key=lambda h, task=task: scores[task, h])]
        most += max(0.0, *(grid.gains[task, h] for h in own))
    return gained / most


if __name__ == "__main__":
    main()
