"""Model folders: find, read and write them. A folder may come from a stranger, so everything in it is checked."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from tagmates.batching.vectors import Vectors
from tagmates.batching.vocabulary import Vocabulary
from tagmates.config import RunConfig
from tagmates.data.schemes import OUTSIDE
from tagmates.data.task import SHARED
from tagmates.errors import ConfigError, ModelError
from tagmates.files import json_object, write_json, write_tensors, write_text
from tagmates.formatting import shortened, suggestion
from tagmates.model.encoders import encoder_files, read_module
from tagmates.model.hub import download_model
from tagmates.model.network import TaggerModule
from tagmates.model.subwords import TOKENIZER_FILE
from tagmates.settings_parsing import parse

BUNDLED_MODELS = Path(__file__).parents[1] / "models"
WEIGHTS_FILE = "model.safetensors"
VECTORS_FILE = "vectors.safetensors"
ENCODER_FILE = "encoder.json"
MAX_FILE_BYTES = {
    "config.json": 2**20,
    "vocabulary.json": 2**28,
    WEIGHTS_FILE: 2**34,
    VECTORS_FILE: 2**32,
    ENCODER_FILE: 2**24,
    TOKENIZER_FILE: 2**28,
}
MODEL_FILES = tuple(MAX_FILE_BYTES)
MAX_TEXT_BYTES = 2**24  # of a card or a result
MAX_HEADER_BYTES = 2**24  # of a safetensors file; a parameter needs about a hundred
LINE_BREAKS = {*map(chr, (*range(32), *range(127, 160))), "\u2028", "\u2029"}


@dataclass(frozen=True, slots=True)
class Pretrained:
    """The content of a model folder."""

    config: RunConfig
    vocabulary: Vocabulary
    module: TaggerModule
    vectors: Vectors | None  # of words that training never saw; None if the folder has none


def find_model(name: str | Path) -> Path:
    """The folder of a model that comes with tagmates (``en``), is on the hub (``hf://user/name``), or is in a folder.

    Raises ModelError if there is no such model.
    """
    if not isinstance(name, str | Path):
        raise ModelError(f"{shortened(repr(name))}: is no name of a model; give a folder or a name, as text")
    text = str(name)
    if text.startswith("hf://"):
        return download_model(text)
    if text in bundled_models():
        return BUNDLED_MODELS / text
    path = Path(name)
    try:
        there = path.is_dir()
    except OSError:  # the name is too long for a path
        there = False
    if not there:
        known = ", ".join(bundled_models())
        raise ModelError(
            f"{path}: no such folder; give that of a tagmates run, a model in the box ({known}), or hf://user/name"
        )
    return path


def bundled_models() -> list[str]:
    """The names of the models that come with tagmates."""
    return sorted(path.parent.name for path in BUNDLED_MODELS.glob("*/config.json"))


def epoch_file(epoch: int) -> str:
    """The file of a run's folder with the weights of an epoch that is the best one of some task."""
    return f"epoch-{epoch}.safetensors"


def weights_for(folder: Path, task: str) -> str:
    """The file with the weights of the epoch that is the best one of this task, in a run with ``best_per_task``.

    A task that was not trained, but kept from the run's base, has no best epoch: its weights are those of the tagger.
    Raises ModelError if the folder is not that of such a run, and ConfigError if the run has no such task.
    """
    path = folder / "result.json"
    result = json_object(path, content_of(path, MAX_TEXT_BYTES)) if path.exists() else {}
    epochs = result.get("best_epochs")
    if not isinstance(epochs, dict) or not all(type(epoch) is int for epoch in epochs.values()):
        raise ModelError(
            f"{folder}: keeps no epoch for each task; train with --set training.weights=best_per_task, or name no task"
        )
    tasks = _read_vocabulary(folder).tasks
    if task not in tasks:
        raise ConfigError(f"the tagger has no task {task!r}{suggestion(task, tasks)}; it has {', '.join(tasks)}")
    if task not in epochs or epochs[task] == result.get("best_epoch"):
        return WEIGHTS_FILE
    return epoch_file(epochs[task])


def read_config(folder: Path) -> RunConfig:
    """The settings of a model; ModelError if the folder has no settings, or settings that are not from tagmates."""
    where = folder / "config.json"
    if not where.exists() and (folder / "onnx.json").exists():
        raise ModelError(f"{folder}: is for ONNX Runtime (tagmates export --onnx); give the tagger that was exported")
    try:
        return parse(RunConfig, json_object(where, _content(where)), str(where))
    except ConfigError as error:
        raise ModelError(f"{error}; give the folder of a tagmates run") from None


def read_model(folder: Path, weights: str = WEIGHTS_FILE) -> Pretrained:
    """Read a model folder; ``weights`` is the name of the file with its parameters.

    Raises ModelError if it is damaged or not from tagmates, and for anything that a stranger may have put into it:
    links, tensors of other shapes than the settings ask for, numbers that are not finite, and files of absurd sizes.
    """
    config = read_config(folder)
    if not (folder / WEIGHTS_FILE).exists() and (folder / "metrics.jsonl").exists():
        raise ModelError(
            f"{folder}: its training is not finished (no model.safetensors); continue it with tagmates train --resume"
        )
    vocabulary = _read_vocabulary(folder)
    _check_fit(config, vocabulary, folder)
    parts = (config, vocabulary, *_encoder(folder, config), str(folder / ENCODER_FILE))
    where = folder / weights
    tensors = _tensors(where)
    with torch.device("meta"):  # takes no memory, whatever sizes the configuration asks for
        module = read_module(*parts)
    check_parameters(module, tensors, where)
    if config.model.encoder:  # it has more than parameters, such as the positions of its sub-words
        module = read_module(*parts)
    load_parameters(module, tensors, where)
    where = folder / VECTORS_FILE
    vectors = None
    if where.is_symlink() or where.exists():
        vectors = _vectors(where, config.model.word_size)
    return Pretrained(config, vocabulary, module, vectors)


def _read_vocabulary(folder: Path) -> Vocabulary:
    where = folder / "vocabulary.json"
    return Vocabulary.from_json(json_object(where, _content(where)), str(where))


def check_model_folder(folder: Path) -> None:
    """Raise ConfigError unless a model can be written into the folder without losing anything but another model."""
    if (folder / "metrics.jsonl").exists():
        raise ConfigError(f"{folder}: holds a run, which must stay; name another folder")
    if (folder / "config.json").exists() and not (folder / "vocabulary.json").exists():
        raise ConfigError(f"{folder}: holds a config.json that is not of a tagger; name another folder")


def write_model(folder: Path, model: Pretrained, dtype: torch.dtype) -> None:
    """Write a model's files into ``folder``, which may be new, with parameters of this type."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", model.config.model_dump(mode="json"))
    write_json(folder / "vocabulary.json", model.vocabulary.to_json())
    tensors = {name: tensor.detach().to(dtype) for name, tensor in model.module.tensors().items()}
    write_tensors(folder / WEIGHTS_FILE, tensors)
    write_encoder(folder, model.module)
    write_vectors(folder, model.vectors, dtype)


def write_vectors(folder: Path, vectors: Vectors | None, dtype: torch.dtype) -> None:
    """Write the vectors, if there are any, as numbers of this type into a model's folder."""
    if vectors is not None and vectors.index:
        words = np.frombuffer("\n".join(vectors.index).encode(), dtype=np.uint8)
        tensors = {"vectors": torch.from_numpy(vectors.matrix).to(dtype), "words": torch.from_numpy(words.copy())}
        write_tensors(folder / VECTORS_FILE, tensors)
    else:  # those of a model that was there before
        (folder / VECTORS_FILE).unlink(missing_ok=True)


def check_parameters(module: TaggerModule, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Raise ModelError unless the names and shapes of these tensors are those of the module."""
    expected = {name: tuple(p.shape) for name, p in module.tensors().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
    if wrong:
        name = wrong[0]
        raise ModelError(
            f"{source}: parameter {_named(name)} has shape {given.get(name, 'none')} where the configuration and "
            f"vocabulary ask for {expected.get(name, 'none')}; restore the run folder's own files"
        )


def load_parameters(module: TaggerModule, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Make these tensors the module's parameters.

    Raises ModelError unless their names and shapes are those of the module, and all numbers are finite.
    """
    check_parameters(module, tensors, source)
    parameters = {name: tensor.to(torch.float32) for name, tensor in tensors.items()}
    for name, parameter in parameters.items():
        if not tensors[name].is_floating_point() or not bool(parameter.isfinite().all()):
            raise ModelError(f"{source}: parameter {name} holds what is no finite number; restore the run's own files")
    module.load_tensors(parameters)
    for parameter in module.parameters():
        parameter.requires_grad_(True)


def write_encoder(folder: Path, module: TaggerModule) -> None:
    """Write ``encoder.json`` and ``tokenizer.json`` if the module has a pretrained encoder."""
    files = encoder_files(module)
    if files is not None:
        write_json(folder / ENCODER_FILE, files[0])
        write_text(folder / TOKENIZER_FILE, files[1])
    else:  # those of a model that was there before
        for name in (ENCODER_FILE, TOKENIZER_FILE):
            (folder / name).unlink(missing_ok=True)


def _encoder(folder: Path, config: RunConfig) -> tuple[dict[str, Any] | None, str]:
    """The content of ``encoder.json`` and of ``tokenizer.json``; None and nothing if the model has no such encoder."""
    if not config.model.encoder:
        return None, ""
    where = folder / TOKENIZER_FILE
    try:
        return json_object(folder / ENCODER_FILE, _content(folder / ENCODER_FILE)), _content(where).decode()
    except UnicodeDecodeError:
        raise ModelError(f"{where}: is not UTF-8; restore the run folder's own file") from None


def _check_fit(config: RunConfig, vocabulary: Vocabulary, folder: Path) -> None:
    """Raise ModelError if the vocabulary does not fit the configuration, or a name would break a line of output."""
    shared = config.sharing in ("te_dec", "te_enc")
    fits = vocabulary.tasks == config.all_tasks and (SHARED in vocabulary.labels) == shared
    if config.sharing == "te_enc":
        fits = fits and OUTSIDE in vocabulary.labels[SHARED]
    if not fits or vocabulary.unknown != (config.training.unknown_rate > 0):
        raise ModelError(
            f"{folder / 'config.json'}: its tasks, sharing or unknown_rate are not those of vocabulary.json; "
            "restore the run's own files"
        )
    for text in (*vocabulary.tasks, *(label for labels in vocabulary.labels.values() for label in labels)):
        if not text or not LINE_BREAKS.isdisjoint(text):
            raise ModelError(
                f"{folder / 'vocabulary.json'}: {_named(text)} is no name of a task or label: it is empty or has a "
                "control character; restore the run's own file"
            )
    if not all(vocabulary.labels.values()):
        raise ModelError(f"{folder / 'vocabulary.json'}: a task has no labels; restore the run's own file")


def content_of(path: Path, max_bytes: int) -> bytes:
    """The content of a file; ModelError if it is missing, a link, no regular file, or larger than ``max_bytes``."""
    try:
        # a link could lead to any file, and a pipe could be read for ever
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(file, "rb") as content:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{path}: is not a regular file; give the folder of a tagmates run")
            if status.st_size > max_bytes:
                raise ModelError(f"{path}: has {status.st_size} bytes, more than any; restore the run's own file")
            return content.read()
    except FileNotFoundError:
        raise ModelError(f"{path}: is missing; give the folder of a tagmates run") from None
    except OSError as error:
        if path.is_symlink():
            raise ModelError(f"{path}: is a symbolic link; put the file itself there") from None
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None


def _content(path: Path) -> bytes:
    return content_of(path, MAX_FILE_BYTES.get(path.name, MAX_FILE_BYTES[WEIGHTS_FILE]))


def _tensors(path: Path) -> dict[str, Tensor]:
    content = _content(path)
    if int.from_bytes(content[:8], "little") > min(MAX_HEADER_BYTES, len(content)):
        raise ModelError(f"{path}: is truncated or no file of tensors; train again or restore the file")
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path}: is truncated or not from tagmates ({_named(str(error))}); train again or restore the file"
        ) from None


def _vectors(path: Path, size: int) -> Vectors:
    """The vectors, of this size, in a file that holds their words as lines of UTF-8."""
    tensors = _tensors(path)
    try:
        matrix, words = tensors["vectors"], bytes(tensors["words"].numpy()).decode().split("\n")
        if not matrix.is_floating_point():
            raise ValueError
        if matrix.dtype != torch.float16:  # float16 stays as it is, because it needs half the memory
            matrix = matrix.float()
        index = {word: i for i, word in enumerate(words)}
        if tensors.keys() != {"vectors", "words"} or len(index) < len(words) or matrix.shape != (len(words), size):
            raise ValueError
        if not bool(matrix.isfinite().all()):
            raise ValueError
    except (KeyError, ValueError, TypeError):
        raise ModelError(f"{path}: holds no vectors of tagmates; restore the file, or remove it") from None
    return Vectors(str(path), index, matrix.numpy())


def _named(text: str) -> str:
    return ascii(text if len(text) < 60 else f"{text[:60]}...")


def vectors_without(vectors: Vectors, known: Mapping[str, Any], number: int) -> Vectors:
    """The first ``number`` vectors (in GloVe those of the most frequent words) of words that are not ``known``."""
    words = [word for word in vectors.index if word not in known and "\n" not in word][:number]
    _, matrix = vectors.rows(words)
    return Vectors(vectors.source, {word: i for i, word in enumerate(words)}, matrix)
