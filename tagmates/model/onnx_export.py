"""A tagger as an ONNX graph, which other programs run without torch, and the files that such a program needs beside it.

The graph goes from spelled words and word vectors to the scores of all tags (``emissions``). The reader looks up words,
because new ones need other vectors than training had, and finds the best tags by the scores of the CRF. docs/onnx.md
describes the files and has a reader.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tagmates.data.sentence import task_token
from tagmates.errors import ConfigError
from tagmates.files import write_atomically, write_json
from tagmates.installed import VERSION, get_extra
from tagmates.model.gru import GRULayer
from tagmates.model.pretrained import vectors_without
from tagmates.model.recurrent import RecurrentTagger
from tagmates.model.tagger import Tagger

try:
    from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
except ImportError:
    raise ConfigError(f"--onnx: needs the package onnx: {get_extra('onnx')}") from None

OPSET = 17  # of ONNX 1.12, which all runtimes of recent years read
IR_VERSION = 9


class _Graph:
    """An ONNX graph that grows."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Append an operation; returns the names of its outputs."""
        names = [f"{kind}{len(self.nodes)}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def constant(self, values: Tensor | npt.NDArray[np.int64]) -> str:
        """The name of a constant."""
        array = values.detach().contiguous().numpy() if isinstance(values, Tensor) else values
        self.constants.append(numpy_helper.from_array(array, f"constant{len(self.constants)}"))
        return str(self.constants[-1].name)

    def gru(self, values: str, lengths: str, layer: GRULayer) -> tuple[str, str]:
        """A bidirectional layer: its states [steps, rows, 2 hidden], and each row's last of both directions."""
        weights = [self.constant(_update_first(p)) for p in (layer.input_weight, layer.hidden_weight)]
        biases = self.constant(torch.cat([_update_first(p) for p in (layer.input_bias, layer.hidden_bias)], 1))
        size = layer.hidden_weight.shape[-1]
        attributes = {"hidden_size": size, "direction": "bidirectional", "linear_before_reset": 1}
        states, last = self.add("GRU", values, *weights, biases, lengths, outputs=2, **attributes)
        (states,) = self.add("Transpose", states, perm=[0, 2, 1, 3])
        (states,) = self.add("Reshape", states, self.constant(np.array([0, 0, -1])))
        (last,) = self.add("Transpose", last, perm=[1, 0, 2])
        (last,) = self.add("Reshape", last, self.constant(np.array([0, -1])))
        return states, last


def _update_first(parameter: Tensor) -> Tensor:
    """The parts of a parameter of a GRU (reset, update, new) in ONNX's order (update, reset, new)."""
    reset, update, new = parameter.detach().chunk(3, 1)
    return torch.cat([update, reset, new], 1)


def write_onnx(folder: Path, tagger: Tagger, vectors: int) -> None:
    """Write a tagger for programs without torch into ``folder``, with ``vectors`` vectors for new words.

    Raises ConfigError for a tagger with a pretrained encoder.
    """
    module, vocabulary = tagger.module, tagger.vocabulary
    if not isinstance(module, RecurrentTagger) or module.frozen is not None:
        raise ConfigError("--onnx: is for taggers without a pretrained encoder; export this one without --onnx")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "model.onnx", make_graph(module, len(vocabulary.tasks)).SerializeToString())
    more = vectors_without(tagger.vectors, vocabulary.word_index, vectors)
    tables = module.open_tables(len(vocabulary.words))
    *known, unknown = tables.words.split([len(vocabulary.words), 1])
    rows = [*(table.numpy() for table in known), more.matrix.reshape(-1, module.settings.word_size), unknown.numpy()]
    _save(folder / "words.npy", np.concatenate(rows).astype(np.float32))
    crf = {
        f"{part}-{number}": getattr(decoder, part).detach().numpy()
        for number, decoder in enumerate(module.all_decoders())
        for part in ("transitions", "start", "end")
    }
    _save(folder / "crf.npz", crf)
    column = 0
    tasks = []
    for task in vocabulary.tasks:
        name = vocabulary.decoder_of(task)
        labels = vocabulary.labels[name]
        first = task_token(task) if module.sharing == "te_enc" else None
        number = vocabulary.decoders.index(name)
        own = {"name": task, "labels": labels, "decoder": number, "column": column, "first": first}
        tasks.append(own)
        column += len(labels) if module.sharing != "te_enc" else 0
    words = (*vocabulary.words, *more.index)
    content = {"tasks": tasks, "words": words, "characters": vocabulary.characters, "version": VERSION}
    write_json(folder / "onnx.json", content)


def make_graph(module: RecurrentTagger, tasks: int) -> ModelProto:
    """The graph of a tagger with this number of tasks; its inputs and its output are described in docs/onnx.md."""
    graph = _Graph()
    (spelled,) = graph.add("Gather", graph.constant(module.open_tables(0).characters), "characters")
    for layer in _layers(module.characters.layers):
        spelled, forms = graph.gru(spelled, "spelling", layer)
    (here,) = graph.add("Gather", forms, "form")
    (states,) = graph.add("Concat", here, "words", axis=-1)
    for layer in _layers(module.encoder):
        states, _ = graph.gru(states, "lengths", layer)
    weight, bias = emission_weights(module, tasks)
    (scores,) = graph.add("MatMul", states, graph.constant(weight.T))
    graph.nodes.append(helper.make_node("Add", [scores, graph.constant(bias)], ["scores"]))
    whole, real, short = TensorProto.INT64, TensorProto.FLOAT, TensorProto.INT32
    inputs = [
        helper.make_tensor_value_info("characters", whole, ["spelled", "forms"]),
        helper.make_tensor_value_info("spelling", short, ["forms"]),
        helper.make_tensor_value_info("form", whole, ["steps", "rows"]),
        helper.make_tensor_value_info("words", real, ["steps", "rows", module.settings.word_size]),
        helper.make_tensor_value_info("lengths", short, ["rows"]),
    ]
    outputs = [helper.make_tensor_value_info("scores", real, ["steps", "rows", len(bias)])]
    body = helper.make_graph(graph.nodes, "tagger", inputs, outputs, graph.constants)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(body, opset_imports=[opset], ir_version=IR_VERSION, producer_name="tagmates")
    checker.check_model(model, full_check=True)
    return model


def emission_weights(module: RecurrentTagger, tasks: int) -> tuple[Tensor, Tensor]:
    """The weights [scores, states] and biases [scores] of all scores: side by side, those of every task's tags.

    In ``te_dec`` the scores of a task are V [s; e] + c with its embedding e, so V e + c are biases of its own.
    """
    decoders = module.all_decoders()
    if module.tasks is None:
        return torch.cat([d.weight.detach() for d in decoders]), torch.cat([d.bias.detach() for d in decoders])
    width = decoders[0].weight.shape[1] - module.tasks.shape[1]
    shared, own = decoders[0].weight.detach().split([width, module.tasks.shape[1]], 1)
    return shared.repeat(tasks, 1), (module.tasks.detach() @ own.T + decoders[0].bias.detach()).flatten()


def _layers(layers: torch.nn.ModuleList) -> Sequence[GRULayer]:
    return [layer for layer in layers if isinstance(layer, GRULayer)]


def _save(path: Path, values: npt.NDArray[np.float32] | dict[str, npt.NDArray[np.float32]]) -> None:
    file = io.BytesIO()
    if isinstance(values, dict):
        np.savez(file, **values)  # type: ignore[arg-type]  # numpy's stub takes them for allow_pickle
    else:
        np.save(file, values)
    write_atomically(path, file.getvalue())
