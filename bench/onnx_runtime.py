"""Tagging with ONNX Runtime beside tagmates: the same weights as an ONNX graph, on one thread and on two.

    pip install onnx onnxruntime
    python bench/onnx_runtime.py [--data DIR] [--sentences 1000] [--batch 8] [--rounds 5] [--json]

An eleven-task MULTI-DEC model (random weights, scores as large as trained ones) becomes a graph of ONNX's GRU
operators, from spelled words to label scores; word vectors are looked up outside of it, because new words need others
than training had. Both sides get sentences as words. "network" ends with the scores of all layers; "tags" goes on to
Viterbi, tagmates' own there, numpy's here. ONNX's GRU reads padded batches, so that side sorts its sentences by length.
The start is a fresh process that loads the model and tags one sentence; it includes Python's own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import files
from pathlib import Path

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
from tagmates.model.gru import GRULayer
from tagmates.model.network import distribution, encode
from tagmates.model.tagger import Tagger
from tagmates.study.task_cache import prepare

try:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    sys.exit("onnx_runtime.py: needs two packages more: pip install onnx onnxruntime")

Words = Sequence[str]
Array = npt.NDArray[np.float32]
CHUNK = 4000  # tokens that tagmates tags side by side
OPSET = 17
START = {
    "tagmates": "from tagmates import Tagger; Tagger.from_pretrained({folder!r}).tag([['Anna', 'sleeps', '.']])",
    "ONNX Runtime": """
import json, numpy, onnxruntime
json.load(open({folder!r} + "/vocabulary.json", encoding="utf-8"))
numpy.load({folder!r} + "/words.npy")
session = onnxruntime.InferenceSession({folder!r} + "/model.onnx")
session.run(None, {{
    "characters": numpy.ones((6, 3), dtype=numpy.int64), "spelling": numpy.full(3, 6, dtype=numpy.int32),
    "form": numpy.arange(3).reshape(3, 1), "words": numpy.zeros((3, 1, 50), dtype=numpy.float32),
    "lengths": numpy.full(1, 3, dtype=numpy.int32)}})
""",
}


class Graph:
    """An ONNX graph that grows."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        """Append a node; the names of its outputs."""
        names = [f"{kind}{len(self.nodes)}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def constant(self, values: npt.NDArray[np.generic]) -> str:
        """The name of a constant."""
        self.constants.append(numpy_helper.from_array(values, f"constant{len(self.constants)}"))
        return str(self.constants[-1].name)

    def gru(self, values: str, lengths: str, layer: GRULayer) -> tuple[str, str]:
        """A bidirectional layer: its states [steps, rows, 2 hidden], and each row's last of both directions."""
        weights = [self.constant(_updates_first(p)) for p in (layer.input_weight, layer.hidden_weight)]
        biases = self.constant(np.concatenate([_updates_first(p) for p in (layer.input_bias, layer.hidden_bias)], 1))
        size = layer.hidden_weight.shape[-1]
        attributes = {"hidden_size": size, "direction": "bidirectional", "linear_before_reset": 1}
        states, last = self.add("GRU", values, *weights, biases, lengths, outputs=2, **attributes)
        (states,) = self.add("Transpose", states, perm=[0, 2, 1, 3])
        (states,) = self.add("Reshape", states, self.constant(np.array([0, 0, -1])))
        (last,) = self.add("Transpose", last, perm=[1, 0, 2])
        (last,) = self.add("Reshape", last, self.constant(np.array([0, -1])))
        return states, last


def _updates_first(parameter: torch.Tensor) -> Array:
    """Torch's gates (reset, update, new) in ONNX's order (update, reset, new)."""
    reset, update, new = parameter.detach().chunk(3, 1)
    return torch.cat([update, reset, new], 1).numpy()


def exported(tagger: Tagger) -> onnx.ModelProto:
    """Characters and word vectors in, the scores of all layers' labels side by side out."""
    module, graph = tagger.module, Graph()
    table = graph.constant(module.open_tables(0, torch.empty(0, module.settings.word_size)).characters.numpy())
    (spelled,) = graph.add("Gather", table, "characters")
    for layer in module.characters.layers:
        spelled, forms = graph.gru(spelled, "spelling", layer)
    (here,) = graph.add("Gather", forms, "form")
    (states,) = graph.add("Concat", here, "words", axis=-1)
    for layer in module.encoder:
        states, _ = graph.gru(states, "lengths", layer)
    decoders = module.all_decoders()
    weight = graph.constant(torch.cat([d.weight for d in decoders]).detach().T.contiguous().numpy())
    (scores,) = graph.add("MatMul", states, weight)
    graph.nodes.append(
        helper.make_node(
            "Add", [scores, graph.constant(torch.cat([d.bias for d in decoders]).detach().numpy())], ["scores"]
        )
    )
    whole, real, short = TensorProto.INT64, TensorProto.FLOAT, TensorProto.INT32
    inputs = [
        helper.make_tensor_value_info("characters", whole, ["spelled", "forms"]),
        helper.make_tensor_value_info("spelling", short, ["forms"]),
        helper.make_tensor_value_info("form", whole, ["steps", "rows"]),
        helper.make_tensor_value_info("words", real, ["steps", "rows", module.settings.word_size]),
        helper.make_tensor_value_info("lengths", short, ["rows"]),
    ]
    outputs = [helper.make_tensor_value_info("scores", real, ["steps", "rows", sum(len(d.bias) for d in decoders)])]
    body = helper.make_graph(graph.nodes, "tagger", inputs, outputs, graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


class Runtime:
    """A tagger without torch: numpy around a session of ONNX Runtime."""

    def __init__(self, model: bytes, tagger: Tagger, threads: int, batch: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.batch, self.tasks = batch, tagger.tasks
        vocabulary = tagger.vocabulary
        self.word_index, self.character_index = vocabulary.word_index, vocabulary.character_index
        opened = tagger.module.open_tables(len(vocabulary.words), torch.empty(0, tagger.module.settings.word_size))
        self.words = opened.words.numpy()
        self.decoders = [
            tuple(p.detach().numpy() for p in (d.transitions, d.start, d.end)) for d in tagger.module.all_decoders()
        ]
        self.bounds = np.cumsum([len(start) for _, start, _ in self.decoders])[:-1]

    def scores(self, sentences: Sequence[Words]) -> Iterator[tuple[list[int], npt.NDArray[np.int32], Array]]:
        """Batch by batch the places of its sentences, their lengths, and the scores [steps, rows, labels]."""
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        for first in range(0, len(order), self.batch):
            places = order[first : first + self.batch]
            yield places, *self._run([sentences[i] for i in places])

    def _run(self, sentences: Sequence[Words]) -> tuple[npt.NDArray[np.int32], Array]:
        index: dict[str, int] = {}
        lengths = np.array([len(s) for s in sentences], dtype=np.int32)
        form = np.zeros((lengths.max(), len(sentences)), dtype=np.int64)
        for row, sentence in enumerate(sentences):
            form[: len(sentence), row] = [index.setdefault(word, len(index)) for word in sentence]
        spelling = np.array([len(word) for word in index], dtype=np.int32)
        characters = np.zeros((spelling.max(), len(index)), dtype=np.int64)
        unknown = len(self.character_index)
        for row, word in enumerate(index):
            characters[: len(word), row] = [self.character_index.get(c, unknown) for c in word]
        number = np.array([self.word_index.get(word.lower(), len(self.word_index)) for word in index])
        inputs = {
            "characters": characters, "spelling": spelling, "form": form, "words": self.words[number[form]],
            "lengths": lengths,
        }  # fmt: skip
        (scores,) = self.session.run(None, inputs)
        return lengths, scores

    def tag(self, sentences: Sequence[Words]) -> list[list[list[int]]]:
        """Label numbers of every sentence, task by task."""
        found: list[list[list[int]]] = [[] for _ in sentences]
        for places, lengths, scores in self.scores(sentences):
            for part, decoder in zip(np.split(scores, self.bounds, -1), self.decoders, strict=True):
                for place, tags in zip(places, viterbi(part, lengths, *decoder), strict=True):
                    found[place].append(tags)
        return found


def viterbi(
    scores: Array, lengths: npt.NDArray[np.int32], transitions: Array, start: Array, end: Array
) -> list[list[int]]:
    """The best label numbers of every row of ``scores`` [steps, rows, labels]."""
    steps, rows, labels = scores.shape
    best = start + scores[0]
    final = np.where((lengths == 1)[:, None], best + end, 0)
    pointers = np.empty((steps, rows, labels), dtype=np.int32)
    for step in range(1, steps):
        # [rows, to, from]: numpy finds the best of the last axis fastest
        candidates = best[:, None, :] + transitions.T
        pointers[step] = candidates.argmax(-1)
        best = np.take_along_axis(candidates, pointers[step][..., None], -1)[..., 0] + scores[step]
        final = np.where((lengths == step + 1)[:, None], best + end, final)
    tags = np.zeros((steps, rows), dtype=np.int64)
    at = np.arange(rows)
    current = final.argmax(-1)
    for step in range(steps - 1, -1, -1):
        tags[step] = current
        if step:
            current = np.where(step < lengths, pointers[step][at, current], current)
    return [tags[:length, row].tolist() for row, length in enumerate(lengths)]


@torch.no_grad()
def own_scores(tagger: Tagger, sentences: Sequence[Words]) -> list[Array]:
    """tagmates' scores of all layers' labels side by side, sentence by sentence."""
    coded = IndexedSplit.of([Sentence(tuple(s)) for s in sentences])
    corpus, tables = tagger.index_sentences([(tagger.tasks[0], coded)])
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


def difference(tagger: Tagger, runtime: Runtime, sentences: Sequence[Words]) -> dict[str, float]:
    """The largest score and the largest difference of one, and the share of tags that are the same."""
    ours = network(tagger, sentences)
    apart = max(
        float(np.abs(ours[place] - scores[:length, row]).max())
        for places, lengths, scores in runtime.scores(sentences)
        for row, (place, length) in enumerate(zip(places, lengths.tolist(), strict=True))
    )
    labels = [tagger.vocabulary.labels[task] for task in tagger.tasks]
    same = [
        own[number] == tag
        for tagged, found in zip(tagger.tag(sentences), runtime.tag(sentences), strict=True)
        for task, own, numbers in zip(tagger.tasks, labels, found, strict=True)
        for number, tag in zip(numbers, tagged.tags[task], strict=True)
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
    model = exported(tagger).SerializeToString()
    results = {}
    for threads in (1, 2):
        runtime = Runtime(model, tagger, threads, options.batch)
        works: dict[str, Callable[[], object]] = {
            "tagmates, network": partial(network, tagger, words),
            "ONNX Runtime, network": lambda runtime=runtime: list(runtime.scores(words)),
            "tagmates, tags": partial(tagger.tag, words),
            "ONNX Runtime, tags": partial(runtime.tag, words),
        }
        rates = alternate({n: partial(rate, work, tokens, threads) for n, work in works.items()}, options.rounds)
        for what in ("network", "tags"):
            pair = {name: values for name, values in rates.items() if name.endswith(what)}
            title = f"{what}, {threads} thread(s), {len(words)} sentences, {tokens} tokens, tokens/s"
            results[title] = summary(pair, f"tagmates, {what}")
        if threads == 1:
            differences = difference(tagger, runtime, words)
    with tempfile.TemporaryDirectory() as folder:
        tagger.save_pretrained(folder)
        (Path(folder) / "model.onnx").write_bytes(model)
        np.save(Path(folder) / "words.npy", runtime.words)
        starts = {name: partial(starting, code.format(folder=folder)) for name, code in START.items()}
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
