"""The schedule of the preset `practical` on little data, compared with the former one, which did not count updates.

    python bench/small.py --data "$TAGMATES_DATA" [--tasks chunk,ner,supsense] [--sizes 20,50,100,200,500,1000]
        [--seeds 1,2,3] [--dev 0] [--vectors glove] [--set KEY=VALUE,...]
        [--workers 2]

Takes so many training sentences from the front of each task's train split, and prints the test F1 of each seed. --dev
is the number of dev sentences; 0: a fifth as many as for training, for who has few sentences has even fewer for dev. A
size of 0 takes all training and dev sentences. `old`: an epoch is one pass over the data, equal dev scores count as
better, and the learning rate may be halved without end. --set changes settings of the new way.
"""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median

import torch
from rounds import arguments

from tagmates.data.tasks import load_tasks
from tagmates.settings_parsing import resolve
from tagmates.training.train import train

OLD = ("training.min_epoch_updates=1", "training.min_learning_rate=0", "training.patience=lenient")


@dataclass(frozen=True, slots=True)
class Trial:
    """One training."""

    task: str
    size: int  # training sentences; 0: all
    seed: int
    new: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a run."""

    f1: float  # on test
    updates: int
    stopped: str


def main() -> None:
    """Train all, and print the line of a task and size as soon as its runs are done."""
    options = arguments(
        __doc__,
        data="",
        tasks="chunk,ner,supsense",
        sizes="20,50,100,200,500,1000",
        seeds="1,2,3",
        dev=0,
        vectors="glove",
        set="",
        workers=2,
    )
    tasks = options.tasks.split(",")
    sizes, seeds = ([int(text) for text in each.split(",")] for each in (options.sizes, options.seeds))
    lines = [(task, size) for size in sizes for task in tasks]
    trials = [[Trial(*line, seed, new) for new in (False, True) for seed in seeds] for line in lines]
    print("task       sentences  old F1, by seed        new F1, by seed        means          ratio  updates old, new")
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        one = partial(
            run,
            data=options.data,
            dev=options.dev,
            vectors=options.vectors,
            tried=tuple(filter(None, options.set.split(","))),
        )
        ended = pool.map(one, chain.from_iterable(trials))
        for line in lines:
            _print_line(*line, [[next(ended) for _ in seeds] for _ in (False, True)])


def _print_line(task: str, size: int, results: Sequence[Sequence[Ended]]) -> None:
    old, new = ([each.f1 for each in some] for some in results)
    scores = "  ".join(" ".join(f"{f1:6.2f}" for f1 in some).ljust(21) for some in (old, new))
    means = fmean(old), fmean(new)
    ratio = means[1] / means[0] if means[0] else float("inf")
    updates = ", ".join(f"{median(each.updates for each in some):,.0f}" for some in results)
    print(
        f"{task:10} {size or 'all':>9}  {scores}  {means[0]:6.2f} {means[1]:6.2f}  {ratio:5.2f}  {updates}", flush=True
    )


def run(trial: Trial, data: str, dev: int, vectors: str, tried: Sequence[str]) -> Ended:
    """Train on the first sentences of the task, and test."""
    torch.set_num_threads(1)
    task = load_tasks(data)[trial.task]
    overrides = [f"vectors={vectors}", *(tried if trial.new else OLD)]
    config = resolve("practical", None, overrides, {"tasks": (trial.task,), "sharing": "stl", "seed": trial.seed})
    with tempfile.TemporaryDirectory() as place:
        described = {
            "format": task.format,
            "scheme": task.scheme,
            "score": task.score,
            "folder": str(task.folder.resolve()),
            "tag_column": task.tag_column,
            "token_column": task.token_column,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in described.items()]
        dev_size = (dev or trial.size // 5) if trial.size else 0
        for split, number in (("train", trial.size), ("dev", dev_size), ("test", 0)):
            part = task.part(split)
            if part is not None:
                sentences = f"1-{number}" if number else ""
                lines.append(f"{split} = {{ file = {json.dumps(part.file)}, sentences = {json.dumps(sentences)} }}")
        toml = Path(place) / "tasks.toml"
        toml.write_text("\n".join([f"[tasks.{trial.task}]", *lines]))
        train(config, Path(place) / "run", str(toml), device="cpu", preset="paper")  # as it is
        result = json.loads((Path(place) / "run" / "result.json").read_text())
    return Ended(result["test"][trial.task]["f1"], result["updates"], result["stopped"])


if __name__ == "__main__":
    main()
