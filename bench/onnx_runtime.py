"""Tagging with ONNX Runtime beside tagmates: the same weights, on one thread and on two, and the start of a process.

    pip install onnx onnxruntime
    python bench/onnx_runtime.py [--data DIR] [--sentences 1000] [--batch 8] [--rounds 5] [--json]

An eleven-task MULTI-DEC model (random weights, scores as large as trained ones) is exported as by ``export --onnx``,
and the reader of docs/onnx.md tags with it. Both sides get sentences as words. "network" ends with the scores of all
layers; "tags" goes on to Viterbi, tagmates' own there, numpy's here. The start is a fresh process that loads the model
and tags one sentence; it includes Python's own.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rounds import alternate, arguments, show, summary

from tagmates.batching.batches import LaneSelection, collate
from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.config import RunConfig
from tagmates.data.indexing import IndexedSplit
from tagmates.data.sentence import Sentence
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError
from tagmates.model.network import distribution, encode
from tagmates.model.tagger import Tagger
from tagmates.study.task_cache import prepare

try:
    import onnxruntime  # noqa: F401

    from tagmates.model.onnx_export import write_onnx
except (ImportError, ConfigError):
    sys.exit("onnx_runtime.py: needs two packages more: pip install onnx onnxruntime")

Words = Sequence[str]
Array = npt.NDArray[np.float32]
CHUNK = 4000  # tokens that tagmates tags side by side
READER = re.search(
    r"```python\n(import json.*?)```", (Path(__file__).parents[1] / "docs/onnx.md").read_text("utf-8"), re.DOTALL
)
START = {
    "tagmates": "from tagmates import Tagger; Tagger.from_pretrained({folder!r}).tag([['Anna', 'sleeps', '.']])",
    "ONNX Runtime": "{reader}\nReader({folder!r}).tag([['Anna', 'sleeps', '.']])",
}


def make_reader(folder: str, threads: int, batch: int) -> Any:
    """The reader of docs/onnx.md."""
    assert READER is not None
    names: dict[str, Any] = {}
    exec(READER[1], names)
    return names["Reader"](folder, threads, batch)


def reader_scores(reader: Any, sentences: Sequence[Words]) -> list[Array]:
    """The reader's scores of all layers' labels side by side, sentence by sentence."""
    found: list[Array] = [np.zeros((0, 0), np.float32)] * len(sentences)
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    for some in (order[i : i + reader.batch] for i in range(0, len(order), reader.batch)):
        scores = reader.scores([sentences[i] for i in some])
        for row, i in enumerate(some):
            found[i] = scores[: len(sentences[i]), row]
    return found


@torch.no_grad()
def own_scores(tagger: Tagger, sentences: Sequence[Words]) -> list[Array]:
    """tagmates' scores of all layers' labels side by side, sentence by sentence."""
    indexed = IndexedSplit.of([Sentence(tuple(s)) for s in sentences])
    corpus, tables = tagger.index_sentences([(tagger.tasks[0], indexed)])
    numbers = torch.arange(len(tagger.tasks))
    lane_corpora = LaneCorpora.of([corpus])
    batch = collate([LaneSelection.by_tasks(corpus, torch.arange(len(sentences)), numbers)], lane_corpora)
    states = encode([tagger.module], batch, tables=[tables])
    parts: dict[int, tuple[Array, npt.NDArray[np.int64]]] = {}
    for group in batch.groups:
        emissions = distribution([tagger.module], group, states).emissions
        for i, (_, number) in enumerate(group.decoders):
            parts[number] = emissions[i].numpy(), group.packed.row.numpy()
    scores, row = np.concatenate([parts[n][0] for n in range(len(parts))], -1), parts[0][1]
    order = sorted(range(len(sentences)), key=lambda i: -len(sentences[i]))
    found: list[Array] = [scores[:0]] * len(sentences)
    positions = np.argsort(row, kind="stable")
    for place, own in zip(order, np.split(positions, np.cumsum(np.bincount(row))[:-1]), strict=True):
        found[place] = scores[own]
    return found


def chunks(sentences: Sequence[Words]) -> Iterator[Sequence[Words]]:
    """About CHUNK tokens at a time, as ``Tagger`` takes them."""
    first = tokens = 0
    for i, sentence in enumerate(sentences, 1):
        tokens += len(sentence)
        if tokens >= CHUNK or i == len(sentences):
            yield sentences[first:i]
            first, tokens = i, 0


def network(tagger: Tagger, sentences: Sequence[Words]) -> list[Array]:
    """``own_scores`` of all sentences."""
    return [scores for chunk in chunks(sentences) for scores in own_scores(tagger, chunk)]


def difference(tagger: Tagger, reader: Any, sentences: Sequence[Words]) -> dict[str, float]:
    """The largest score and the largest difference of one, and the share of tags that are the same."""
    ours, theirs = network(tagger, sentences), reader_scores(reader, sentences)
    apart = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    pairs = zip(tagger.tag(sentences), reader.tag(sentences), strict=True)
    same = [
        tag == other
        for tagged, found in pairs
        for task in tagger.tasks
        for tag, other in zip(tagged.tags[task], found[task], strict=True)
    ]
    largest = max(float(np.abs(scores).max()) for scores in ours)
    return {"largest score": largest, "largest difference": apart, "same tags": sum(same) / len(same)}


@torch.no_grad()
def liven(tagger: Tagger) -> None:
    """Give the weights something to say: as initialised, biases are 0 and all scores near it."""
    draw = torch.Generator().manual_seed(1)
    for parameter in (p for name, p in tagger.module.named_parameters() if name.endswith("bias")):
        parameter.normal_(std=0.3, generator=draw)
    for decoder in tagger.module.all_decoders():
        decoder.weight.mul_(10)


def rate(work: Callable[[], object], tokens: int, threads: int) -> float:
    """Tokens per second."""
    torch.set_num_threads(threads)
    began = time.perf_counter()
    work()
    return tokens / (time.perf_counter() - began)


def starting(code: str) -> float:
    """Seconds of a fresh process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - began


def megabytes(*names: str) -> float:
    """The size of packages on disk: the sum of the sizes of their files."""
    paths = (Path(str(file.locate())) for name in names for file in files(name) or ())
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    """Compare and measure."""
    options = arguments(__doc__, data="starter", sentences=1000, batch=8)
    tasks = tuple(load_tasks(options.data))
    run = prepare(RunConfig(tasks=tasks, sharing="multi_dec", vectors="random"), options.data, "cpu")
    dev = [sentence.tokens for _, sentence in run.pairs("dev")]
    chosen = torch.randperm(len(dev), generator=torch.Generator().manual_seed(1))[: options.sentences].tolist()
    words = [dev[i] for i in chosen]
    tokens, tagger = sum(map(len, words)), run.tagger
    liven(tagger)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(Path(folder), tagger, 0)
        for threads in (1, 2):
            reader = make_reader(folder, threads, options.batch)
            works: dict[str, Callable[[], object]] = {
                "tagmates, network": partial(network, tagger, words),
                "ONNX Runtime, network": partial(reader_scores, reader, words),
                "tagmates, tags": partial(tagger.tag, words),
                "ONNX Runtime, tags": partial(reader.tag, words),
            }
            rates = alternate({n: partial(rate, work, tokens, threads) for n, work in works.items()}, options.rounds)
            for what in ("network", "tags"):
                pair = {name: values for name, values in rates.items() if name.endswith(what)}
                title = f"{what}, {threads} thread(s), {len(words)} sentences, {tokens} tokens, tokens/s"
                results[title] = summary(pair, f"tagmates, {what}")
            if threads == 1:
                differences = difference(tagger, reader, words)
        tagger.save_pretrained(folder)
        values = {"folder": folder, "reader": READER[1] if READER else ""}
        starts = {name: partial(starting, code.format(**values)) for name, code in START.items()}
        results["start and one sentence, s"] = summary(alternate(starts, options.rounds), "tagmates")
    sizes = {"tagmates": megabytes("torch", "numpy"), "ONNX Runtime": megabytes("onnxruntime", "numpy")}
    results["on disk, the runtime and numpy, MB"] = {name: {"MB": round(size, 1)} for name, size in sizes.items()}
    if options.json:
        print(json.dumps(results | {"differences": {"scores": differences}}))
        return
    show(results, as_json=False)
    print("differences: " + ", ".join(f"{name} {value:.7g}" for name, value in differences.items()))


if __name__ == "__main__":
    main()
