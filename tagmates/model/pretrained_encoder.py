"""Pretrained encoders: find one, load it with Hugging Face ``transformers``, and describe it in a model folder.

Nothing here runs code that comes with an encoder, and only ``hf://`` names use the network.
"""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tagmates.config import ENCODER_PREFIX, is_encoder_name
from tagmates.errors import ModelError
from tagmates.failures import first_line
from tagmates.formatting import shown
from tagmates.installed import get_extra
from tagmates.model.hub import download_encoder
from tagmates.model.subwords import Subwords, make_tokenizer

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")  # the first kind that there is holds the weights
TOKENIZER_FILES = ("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt")
VOCABULARY_FILES = ("tokenizer.json", "vocab.*", "*.model")  # a tokenizer has at least one of them
DIGESTED_FILES = ("config.json", *TOKENIZER_FILES, "*.model")  # and the weights
# kinds that transformers lists as encoders of text, but that cannot read sentences of any length without more inputs
REFUSED_KINDS = (
    *("funnel", "ibert", "modernvbert", "neomme", "nystromformer"),
    *("perceiver", "reformer", "tapas", "ultravbert"),
)
MAX_NUMBER = 2**24  # in an encoder's configuration; a larger one would ask for absurd memory
MAX_LAYERS = 1000  # also the most entries of a list
MAX_GROUPS = 128  # of layers, or of experts of a layer
IGNORED_KEYS = (
    *("auto_map", "quantization_config", "attn_implementation", "_attn_implementation", "_name_or_path"),
    *("num_labels", "id2label", "label2id"),  # of a classifier that the encoder was part of
    *("return_dict", "output_hidden_states", "output_attentions", "torchscript"),  # other forms of an answer
    "chunk_size_feed_forward",  # fails for windows whose length is no multiple of it
)
LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
DEFAULT_LENGTH = 512  # sub-words of a window, where a configuration names no length


@dataclass(frozen=True)
class PretrainedEncoder:
    """A pretrained encoder before any training: its architecture, parameters and sub-words."""

    source: str  # the name by which it was found
    folder: Path
    config: Mapping[str, Any] = field(repr=False)  # of transformers, without what could run code
    subwords: Subwords = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """sha256 of the files of which the encoder's states are a function."""
        sha = hashlib.sha256()
        weights = next(pattern for pattern in WEIGHT_FILES if any(self.folder.glob(pattern)))
        for path in sorted({path for pattern in (*DIGESTED_FILES, weights) for path in self.folder.glob(pattern)}):
            with path.open("rb") as file:
                sha.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return sha.hexdigest()

    @property
    def name(self) -> str:
        """``encoder of sha256 …``, which does not depend on where the encoder is."""
        return f"{ENCODER_PREFIX}{self.digest}"

    def parameters(self) -> nn.Module:
        """The encoder as a new module of ``transformers`` in float32, with its pretrained parameters."""
        with _quiet(), _encoder_errors(self.source):
            from transformers import AutoModel  # noqa: PLC0415  (an extra)

            options = {"config": make_config(self.config), "dtype": torch.float32, "output_loading_info": True}
            module, report = AutoModel.from_pretrained(self.folder, **LOCAL, **options)
            missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
        if missing:
            raise ModelError(f"{self.source}: its files lack the parameter {missing[0]}; download the encoder again")
        for name, value in module.state_dict().items():
            if not value.isfinite().all():
                raise ModelError(f"{self.source}: its parameter {name} has numbers that are not finite; choose another")
        return remove_pooler(module)


def load_encoder(source: str) -> PretrainedEncoder:
    """The encoder ``source``: a folder, ``hf://user/name``, or an installed package that holds one.

    Raises ModelError if there is no such encoder, if ``transformers`` cannot load it with ``AutoModel`` and a fast
    tokenizer, or if the extra ``transformers`` is not installed.
    """
    folder = find_encoder(source)
    if (folder / "vocabulary.json").is_file():
        raise ModelError(
            f"{source}: is a tagger of tagmates, not an encoder; to go on from a tagger, give it as --from"
        )
    with _quiet(), _encoder_errors(source):
        from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig  # noqa: PLC0415  (an extra)

        _check_kind(PreTrainedConfig.get_config_dict(folder, **LOCAL)[0].get("model_type"), source)
        config = AutoConfig.from_pretrained(folder, **LOCAL)
        # words come one by one, and a byte-level tokenizer spells a word differently after a space
        tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL, use_fast=True, add_prefix_space=True)
    if not any(any(folder.glob(pattern)) for pattern in VOCABULARY_FILES):  # transformers would make an empty one
        raise ModelError(f"{source}: has no tokenizer; save it beside the model, with tokenizer.save_pretrained")
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"{source}: has no fast tokenizer (tokenizer.json); choose an encoder that has one")
    if getattr(config, "is_encoder_decoder", False) or not hasattr(config, "hidden_size"):
        raise ModelError(f"{source}: is a {shown(config.model_type)}, not an encoder such as BERT; choose another")
    text = tokenizer.backend_tokenizer.to_str()
    before, after = _special_tokens(text)
    padding, unknown = _number(tokenizer, "pad", "eos"), _number(tokenizer, "unk", "mask", "pad", "eos")
    values = {key: value for key, value in config.to_dict().items() if key not in IGNORED_KEYS}
    space = _space_before_words(text)
    return PretrainedEncoder(source, folder, values, Subwords(text, before, after, padding, unknown, space))


def find_encoder(source: str) -> Path:
    """The folder of an encoder: a folder with a ``config.json``, one in the Hub, or one in an installed package."""
    if source.startswith("hf://"):
        return download_encoder(source)
    if is_encoder_name(source):
        raise ModelError(f"{source}: say where this pretrained encoder is on this machine, with --encoder")
    path = Path(os.path.expanduser(source))  # noqa: PTH111  (Path's raises)
    if _is_encoder(path):
        return path
    package = source.replace("-", "_")  # as in the name under which pip knows it
    if package.isidentifier() and package != "__main__":
        spec = find_spec(package)  # imports nothing
        for place in (spec.submodule_search_locations or []) if spec else []:
            found = [folder for folder in (Path(place), *sorted(Path(place).glob("*"))) if _is_encoder(folder)]
            if found:
                return found[0]
    raise ModelError(
        f"{source}: is no pretrained encoder (a folder with config.json and weights); give such a folder, "
        "hf://user/name, or the name of an installed Python package that holds one"
    )


def _is_encoder(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file() and any(any(folder.glob(pattern)) for pattern in WEIGHT_FILES)
    except (OSError, ValueError):
        return False


def make_config(values: Mapping[str, Any]) -> Any:
    """The configuration object of ``transformers`` with these values; ModelError if it is none of an encoder.

    It names no code and no files, so that nothing of a stranger is run and no network is used.
    """
    where = "the encoder's configuration"
    with _quiet(), _encoder_errors(where):
        _check_numbers(values, where)
        from transformers import AutoConfig  # noqa: PLC0415  (an extra)

        _check_kind(values.get("model_type"), where)
        return AutoConfig.for_model(**{key: value for key, value in values.items() if key not in IGNORED_KEYS})


def _check_kind(kind: object, where: str) -> None:
    """Raise ModelError unless models of this kind are encoders of text, which can be trained to fill masks.

    The configurations of other kinds may ask for parts from the network, such as a pretrained reader of images.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES  # noqa: PLC0415  (an extra)

    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES or kind in REFUSED_KINDS:
        raise ModelError(f"{where}: is a {shown(str(kind))}, not an encoder such as BERT; choose another")


def _check_numbers(value: object, where: str, key: str = "") -> None:
    """Raise ModelError for a number that is absurd under this key, or a list without end."""
    for name, part in value.items() if isinstance(value, dict) else ():
        if name not in IGNORED_KEYS:
            _check_numbers(part, where, str(name))
    for part in value if isinstance(value, list) else ():
        _check_numbers(part, where, key)
    number = len(value) if isinstance(value, list) else value if isinstance(value, int) else 0
    small = isinstance(value, list) or "layer" in key
    limit = MAX_GROUPS if "group" in key or "expert" in key else MAX_LAYERS if small else MAX_NUMBER
    if abs(number) > limit:
        raise ModelError(f"{where}: {shown(key)} is {shown(str(number))}, more than any encoder has")


def make_encoder(values: Mapping[str, Any]) -> nn.Module:
    """An encoder with this configuration, and random parameters; the global generator is left as it was."""
    config = make_config(values)
    with _quiet(), _encoder_errors("the encoder's configuration"), torch.random.fork_rng(devices=[]):
        from transformers import AutoModel  # noqa: PLC0415  (an extra)

        return remove_pooler(AutoModel.from_config(config, dtype=torch.float32))


def remove_pooler(module: Any) -> nn.Module:
    """The encoder without the layer that reads a whole sentence as one vector, which tagging does not use."""
    if getattr(module, "pooler", None) is not None:
        module.pooler = nn.Identity()  # some kinds call it without asking whether there is one
    encoder: nn.Module = module
    return encoder


def max_length(module: Any) -> int:
    """The number of sub-words, special tokens counted, that the encoder reads at a time."""
    found = [int(getattr(module.config, "max_position_embeddings", 0) or DEFAULT_LENGTH)]
    table = getattr(getattr(module, "embeddings", None), "position_embeddings", None)
    if isinstance(table, nn.Embedding):  # in RoBERTa's, positions begin after the padding's
        found.append(table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1))
    return max(min(found), 1)


def table_size(module: Any) -> int:
    """The number of rows of the encoder's table of sub-words."""
    return int(module.get_input_embeddings().num_embeddings)


def add_rows(module: Any, rows: Tensor) -> None:
    """Add these rows to the encoder's table of sub-words: their numbers follow those of the tokenizer's."""
    table = module.get_input_embeddings()
    with torch.random.fork_rng(devices=[]), _quiet():
        module.resize_token_embeddings(table.num_embeddings + len(rows), mean_resizing=False)
    with torch.no_grad():
        module.get_input_embeddings().weight[-len(rows) :] = rows


def _special_tokens(tokenizer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The special tokens that the tokenizer puts before and after a sentence."""
    maker = make_tokenizer(tokenizer)
    encoded = maker.encode(["a"], is_pretokenized=True)
    content = [place for place, special in enumerate(encoded.special_tokens_mask) if not special]
    first, last = (content[0], content[-1] + 1) if content else (len(encoded.ids), len(encoded.ids))
    return tuple(encoded.ids[:first]), tuple(encoded.ids[last:])


def _space_before_words(tokenizer: str) -> str:
    """What must stand before a word so that it is spelled as a later word of running text: a space or nothing."""
    maker = make_tokenizer(tokenizer)
    first, both = (maker.encode(text, add_special_tokens=False).ids for text in ("is", "is that"))
    alone, spaced = (
        maker.encode([text], is_pretokenized=True, add_special_tokens=False).ids for text in ("that", " that")
    )
    return " " if both == [*first, *spaced] and spaced != alone else ""


def _number(tokenizer: Any, *kinds: str) -> int:
    """The number of the first of these kinds of special tokens that the tokenizer has; 0 if it has none."""
    numbers = (getattr(tokenizer, f"{kind}_token_id", None) for kind in kinds)
    return next((number for number in numbers if number is not None), 0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the reports and progress bars of ``transformers``, and keep it off the network."""
    logger = logging.getLogger("transformers")
    level = logger.level
    try:
        from transformers.utils import logging as theirs  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ModelError(f"a pretrained encoder needs the package transformers: {get_extra('transformers')}") from None
    shown_before = theirs.is_progress_bar_enabled()
    theirs.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as torch's on files of weights that could run code, which it refuses
            yield
    finally:
        logger.setLevel(level)
        if shown_before:
            theirs.enable_progress_bar()


@contextmanager
def _encoder_errors(source: str) -> Iterator[None]:
    """Raise what ``transformers`` raises for files that it cannot read as a ModelError, in one line."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # its readers raise errors of many kinds
        text = first_line(error)
        if "ignore_mismatched_sizes" in text:
            text = "its weights have other shapes than its config.json says"
        raise ModelError(f"{source}: transformers cannot load it as an encoder ({text}); choose another") from None


def encoder_values(module: Any) -> dict[str, Any]:
    """The configuration of an encoder as JSON values."""
    config = {key: value for key, value in module.config.to_dict().items() if key not in IGNORED_KEYS}
    values: dict[str, Any] = json.loads(json.dumps(config, default=str))
    return values
