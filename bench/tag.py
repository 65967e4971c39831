"""Tagging: the dev sentences of all tasks with every layer of an eleven-task MULTI-DEC model, tokens per second.

    python bench/tag.py [--data DIR] [--sentences 2000] [--threads 2] [--rounds 5] [--json]

tagmates tags words (``Tagger.tag``: numbers, encodes, decodes all layers, gives back tags); the baseline is the plain
encoder and pytorch-crf decoders of baseline.py, all layers from one pass of the encoder, batches of 32. Weights are
as initialised: speed does not depend on them. The profile is tagmates' in one thread, in percent.
"""

import time
from collections.abc import Callable

import torch
from baseline import Baseline
from rounds import alternate, arguments, show, summary

from tagmates.config import RunConfig
from tagmates.data.tasks import load_tasks
from tagmates.study.worker import prepare

BATCH = 32


def rate(work: Callable[[], object], tokens: int) -> float:
    """Tokens per second."""
    began = time.perf_counter()
    work()
    return tokens / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", sentences=2000, threads=2)
    torch.set_num_threads(options.threads)
    tasks = tuple(load_tasks(options.data))
    run = prepare(RunConfig(tasks=tasks, sharing="multi_dec"), options.data, "cpu")
    dev = [sentence for _, sentence in run.pairs("dev")]
    chosen = torch.randperm(len(dev), generator=torch.Generator().manual_seed(1))[: options.sentences].tolist()
    sentences = [dev[i] for i in chosen]
    words = [sentence.tokens for sentence in sentences]
    tokens = sum(map(len, words))
    tagger, baseline = run.tagger, Baseline(run.vocabulary, "multi_dec", packed=True).eval()

    def plainly() -> None:
        for i in range(0, len(sentences), BATCH):
            baseline.tag(sentences[i : i + BATCH], tasks)

    sides = {
        "baseline, all layers": lambda: rate(plainly, tokens),
        "tagmates, all layers": lambda: rate(lambda: tagger.tag(words), tokens),
        "tagmates, one layer": lambda: rate(lambda: tagger.tag(words, tasks[:1]), tokens),
    }
    title = f"{len(sentences)} sentences, {tokens} tokens, {len(tasks)} layers, tokens/s"
    show({title: summary(alternate(sides, options.rounds), "baseline, all layers")}, as_json=options.json)


if __name__ == "__main__":
    main()
