"""A pretrained encoder that is not trained: it reads every sentence once, and its states take the place of vectors."""

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tagmates.batching.token_states import States
from tagmates.cache_files import write_cache_file
from tagmates.data.indexing import IndexedSplit
from tagmates.formatting import plural
from tagmates.model.pretrained_encoder import encoder_values, make_encoder
from tagmates.model.subwords import Subwords
from tagmates.model.window_reader import Pooling, WindowReader, sequence_of
from tagmates.private_folders import cache_folder, is_private, make_private

log = logging.getLogger("tagmates")

NUM_LAYERS = 4  # as in table 7 of BERT's paper (Devlin et al. 2019)
READ_SUBWORDS = 4000  # the approximate number of sub-words that are read at a time
MIN_SENTENCES = 200  # a smaller split is read faster than its states are found on disk
MAX_CACHE_SIZE = 2**34  # bytes of all states


@dataclass(frozen=True)
class FrozenEncoder:
    """A module of ``transformers`` and its sub-words.

    The state of a sub-word is the mean of those of the last layers, because the last one alone is shaped by the task
    for which the encoder was trained.
    """

    transformer: Any
    subwords: Subwords
    pooling: Pooling

    @cached_property
    def digest(self) -> str:
        """sha256 of the configuration and the parameters."""
        sha = hashlib.sha256(json.dumps(encoder_values(self.transformer), sort_keys=True).encode())
        for name, value in sorted(self.transformer.state_dict().items()):
            sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            sha.update(value.detach().cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without the hooks that ``transformers`` puts into a module that has given its hidden states."""
        values, parameters = encoder_values(self.transformer), dict(self.transformer.state_dict())
        return _rebuilt, (values, parameters, self.subwords, self.pooling)

    @property
    def reader(self) -> WindowReader:
        """The encoder as it reads sentences."""
        return WindowReader(self.transformer, self.subwords, layers=NUM_LAYERS)

    @property
    def size(self) -> int:
        """The length of a state."""
        return int(self.transformer.config.hidden_size)

    @property
    def _device(self) -> torch.device:
        found: torch.device = next(self.transformer.parameters()).device
        return found

    def states(self, split: IndexedSplit, *, cached: bool = True) -> States:
        """The states of all tokens of a split.

        If ``cached``, those of a large split come from the cache, into which they are written once.
        """
        if not cached or len(split) < MIN_SENTENCES:
            return self._read(split)
        entry = self._entry(split)
        shape = (len(split.form), self.size)
        found = None if entry is None else _read_entry(entry, shape)
        if found is not None:
            return found
        # a warning, so that the command line shows it: this may take minutes
        log.warning("the pretrained encoder reads %s, once", plural(len(split), "sentence"))
        states = self._read(split)
        return states if entry is None else _write_entry(entry, states)

    @torch.no_grad()
    def _read(self, split: IndexedSplit) -> States:
        """The states of all tokens, in the order of the split; sentences of similar length are read together."""
        spelled = [self.subwords.spell(form) for form in split.forms]
        counts = np.array([len(numbers) for numbers in spelled])[split.form]
        ends = split.lengths.cumsum()
        starts = ends - split.lengths
        size = np.add.reduceat(counts, starts) if len(starts) else starts
        order = size.argsort(kind="stable")
        cuts = [0, *(np.flatnonzero(np.diff(size[order].cumsum() // READ_SUBWORDS)) + 1), len(order)]
        states = np.empty((len(split.form), self.size), dtype=np.float16)
        self.transformer.eval()
        for sentences in (order[a:b] for a, b in pairwise(cuts) if a < b):
            words = [[spelled[form] for form in split.form[starts[s] : ends[s]]] for s in sentences]
            found = self.reader.tokens(sequence_of(words, self._device), self.pooling)
            places = np.concatenate([np.arange(starts[s], ends[s]) for s in sentences])
            states[places] = found.cpu().numpy()
        return states

    def _entry(self, split: IndexedSplit) -> Path | None:
        """The path of a split's states in the cache; None if there is no cache that only this user can change."""
        sha = hashlib.sha256(f"{self.digest} {self.pooling} {NUM_LAYERS}".encode())
        sha.update(f"{self.subwords.space}{self.subwords.tokenizer}".encode())
        if self._device.type != "cpu":  # which computes in bfloat16
            sha.update(self._device.type.encode())
        sha.update("\0".join(split.forms).encode("utf-8", "surrogatepass"))
        for numbers in (split.form, split.lengths):
            sha.update(np.ascontiguousarray(numbers, dtype=np.int64).tobytes())
        with suppress(OSError, RuntimeError):
            folder = cache_folder() / "states"
            make_private(folder)
            if is_private(folder):
                return folder / f"{sha.hexdigest()[:32]}.npy"
        return None


def _rebuilt(
    values: Mapping[str, Any], parameters: Mapping[str, Tensor], subwords: Subwords, pooling: Pooling
) -> FrozenEncoder:
    transformer = make_encoder(values)
    transformer.load_state_dict(parameters, assign=True)
    return FrozenEncoder(transformer, subwords, pooling)


def _read_entry(path: Path, shape: tuple[int, int]) -> States | None:
    """The states in a file of the cache, mapped into memory; None if it is missing, damaged or of another shape."""
    try:
        if not is_private(path):
            return None
        states: States = np.lib.format.open_memmap(path, mode="r")
        with suppress(OSError):  # such as that of a disk that can only be read
            path.touch()  # files that were used last are removed last
    except (OSError, ValueError):
        return None
    return states if states.dtype == np.float16 and states.shape == shape else None


def _write_entry(path: Path, states: States) -> States:
    """Write the states and map them into memory; the states themselves if they cannot be written."""
    try:
        write_cache_file(path, lambda file: np.save(file, states, allow_pickle=False), MAX_CACHE_SIZE)
    except OSError:
        return states
    found = _read_entry(path, states.shape)
    return states if found is None else found
