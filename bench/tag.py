"""Tagging: the dev sentences of all tasks with every layer of an eleven-task MULTI-DEC model, tokens per second.

    python bench/tag.py [--data DIR] [--sentences 1000] [--rounds 5] [--json]

Weights are as initialised: speed does not depend on them. All sides tag the same words into lists of tags, taking
turns in the same processes: one of two threads, then two of one thread each.

* tagmates: ``Tagger.tag``, all layers at once, without and with probabilities; one layer alone; and a tagger of one
  task for each layer, one after the other.
* baseline: the plain encoder and pytorch-crf decoders of baseline.py, all layers from one pass, batches of 32.
* spaCy and Stanza, where they are installed: see tag_others.py (spaCy has one thread in any case).

``times`` says how many times as fast all layers of tagmates are.
"""

import sys
import time
from collections.abc import Sequence
from statistics import median

import torch
from baseline import Baseline
from rounds import alternate, arguments, show, summary
from tag_others import OTHERS, Work, importable, quietly
from workers import Side, Workers

from tagmates.config import RunConfig
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import load_tasks
from tagmates.model.tagger import Tagger
from tagmates.study.task_cache import prepare

BATCH = 32
LAYOUTS = {"one process, two threads": (1, 2), "two processes, one thread each": (2, 1)}
OURS = "tagmates, all layers"


def sides(data: str, number: int, others: Sequence[str]) -> dict[str, Side]:
    """The subjects of the measurement, on this number of sentences."""
    tagger, sentences = joint(data, number)
    tasks, words = tagger.tasks, [sentence.tokens for sentence in sentences]
    alone = [prepare(RunConfig(tasks=(task,), sharing="stl"), data, "cpu").tagger for task in tasks]
    plain = Baseline(tagger.vocabulary, "multi_dec", packed=True).eval()
    batches = [sentences[i : i + BATCH] for i in range(0, len(sentences), BATCH)]
    work: dict[str, Work] = {
        OURS: lambda: tagger.tag(words),
        f"{OURS}, probabilities": lambda: tagger.tag(words, probabilities=True),
        "tagmates, one layer": lambda: tagger.tag(words, tasks[:1]),
        "tagmates, a tagger for each layer": lambda: [one.tag(words) for one in alone],
        "baseline, all layers": lambda: [plain.tag(batch, tasks) for batch in batches],
    }
    for name in others:
        work[f"{name}, all layers"] = quietly(OTHERS[name], words, tagger.vocabulary.labels)
    tokens = sum(map(len, words))
    return {name: lambda w=one: timed(w, tokens) for name, one in work.items()}


def joint(data: str, number: int) -> tuple[Tagger, list[Sentence]]:
    """A tagger of all tasks as initialised, and so many of their dev sentences."""
    run = prepare(RunConfig(tasks=tuple(load_tasks(data)), sharing="multi_dec"), data, "cpu")
    dev = [sentence for _, sentence in run.pairs("dev")]
    chosen = torch.randperm(len(dev), generator=torch.Generator().manual_seed(1))[:number].tolist()
    return run.tagger, [dev[i] for i in chosen]


def timed(work: Work, tokens: int) -> tuple[int, float]:
    """These tokens, and how long it took to tag them."""
    began = time.perf_counter()
    work()
    return tokens, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", sentences=1000)
    here = importable()
    for name in (name for name, found in here.items() if not found):
        print(f"{name}: is not installed; pip install {name} to have it here too", file=sys.stderr)
    others = [name for name, found in here.items() if found]
    tagger, sentences = joint(options.data, options.sentences)
    size = f"{len(sentences)} sentences, {sum(map(len, sentences))} tokens, {len(tagger.tasks)} layers"
    results = {}
    for layout, (processes, threads) in LAYOUTS.items():
        workers = Workers(threads, sides, [(options.data, options.sentences, others)] * processes)
        rates = alternate({name: lambda n=name, w=workers: w.rate(n) for name in workers.sides}, options.rounds)
        workers.close()
        found = summary(rates)
        for name, numbers in found.items():
            numbers["times"] = round(median(rates[OURS]) / median(rates[name]), 2)
        results[f"{size}, {layout}, tokens/s"] = found
    show(results, as_json=options.json)


if __name__ == "__main__":
    main()
