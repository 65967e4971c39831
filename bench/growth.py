"""How cost grows: tokens per second in training and tagging, and memory, as one thing at a time is varied.

    python bench/growth.py [--seconds 3] [--json]

Made-up sentences of random words (200 batches), model and batches of preset ``paper``, one thread. Unless varied:
20 tokens a sentence, 32 sentences a batch, 20 tags, one task, 10,000 words; several tasks share by MULTI-DEC, each with
sentences of its own. Training is measured in updates for so many seconds, its median over their fifths; tagging is of
the same sentences with all tasks; memory is the most that the process held, in MiB.
"""

import multiprocessing
import resource
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from statistics import median

import torch
from rounds import arguments, show

from tagmates.config import RunConfig, TrainingSettings
from tagmates.data.indexing import IndexedTask
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.training.loop import Updated, train_side_by_side
from tagmates.training.preparation import prepare_run
from tagmates.training.run import Run
from tagmates.training.start import Start

BATCHES = 200


@dataclass(frozen=True)
class Shape:
    """The quantities that are varied."""

    length: int = 20
    batch: int = 32
    tags: int = 20
    tasks: int = 1
    words: int = 10_000


VARIED = {
    "length": (1, 5, 10, 20, 40, 80, 160, 320),
    "tags": (2, 8, 32, 64, 128, 256, 512),
    "tasks": (1, 2, 4, 8, 11),
    "words": (1_000, 10_000, 100_000),
    "batch": (11, 32, 64, 128, 256),
}


def prepare(shape: Shape) -> Run:
    """A run on made-up sentences."""
    draw = torch.Generator().manual_seed(1)
    number = shape.batch * BATCHES // shape.tasks
    names = [f"task{t}" for t in range(shape.tasks)]

    def sentences(count: int) -> Iterator[Sentence]:
        words = torch.randint(shape.words, (count, shape.length), generator=draw).tolist()
        tags = torch.randint(shape.tags, (count, shape.length), generator=draw).tolist()
        for ids, labels in zip(words, tags, strict=True):
            yield Sentence(tuple(f"w{i}" for i in ids), tuple(f"T{i}" for i in labels))

    indexed = {name: IndexedTask.of({"train": list(sentences(number)), "dev": list(sentences(1))}) for name in names}
    settings = TrainingSettings(batch_size=shape.batch)
    config = RunConfig(
        tasks=tuple(names), sharing="multi_dec" if shape.tasks > 1 else "stl", vectors="random", training=settings
    )
    return prepare_run(config, {name: Task(name=name) for name in names}, indexed, Start())


def measure(shape: Shape, seconds: float, pipe: "multiprocessing.connection.Connection") -> None:
    """Send tokens per second of training and of tagging, and MiB."""
    torch.set_num_threads(1)
    run = prepare(shape)
    stream = (event.tokens for event in train_side_by_side([run]) if isinstance(event, Updated))
    for _ in range(3):
        next(stream)
    rates = []
    for _ in range(5):
        began, tokens = time.perf_counter(), 0
        while time.perf_counter() - began < seconds / 5:
            tokens += next(stream)
        rates.append(tokens / (time.perf_counter() - began))
    words = [sentence.tokens for _, sentence in run.pairs("train")[: 10_000 // shape.length]]
    tagger = run.tagger
    tagger.tag(words[:100])
    began = time.perf_counter()
    tagger.tag(words)
    tagging = sum(map(len, words)) / (time.perf_counter() - began)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send({"training": round(median(rates)), "tagging": round(tagging), "MiB": round(held)})


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, seconds=3)
    context = multiprocessing.get_context("spawn")
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name, values in VARIED.items():
        found = results[f"{name}, tokens/s"] = {}
        for value in values:
            shape = replace(Shape(), **{name: value})
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=measure, args=(shape, options.seconds, there))
            process.start()
            there.close()
            found[str(asdict(shape)[name])] = here.recv()
            process.join()
    show(results, as_json=options.json)


if __name__ == "__main__":
    main()
