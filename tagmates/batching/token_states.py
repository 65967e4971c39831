"""The states of a corpus' tokens in a pretrained encoder that is not trained, in 16 bits, mostly on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.data.indexing import IndexedSplit

States = npt.NDArray[np.float16]  # [tokens, size]


@dataclass(frozen=True, slots=True)
class TokenStates:
    """The states of several splits; ``row`` says where among them each token of the corpus has its state.

    Row -1 is that of a task token, which has no state.
    """

    parts: tuple[States, ...]
    row: npt.NDArray[np.int64]

    @classmethod
    def of(cls, splits: Sequence[IndexedSplit], parts: Sequence[States], *, token: bool) -> "TokenStates":
        """The states of these splits one after another; with ``token``, a task token stands before each sentence."""
        rows = np.arange(sum(len(split.form) for split in splits))
        if token:
            lengths = np.concatenate([split.lengths for split in splits])
            rows = np.insert(rows, lengths.cumsum() - lengths, -1)
        return cls(tuple(parts), rows)

    def gather(self, tokens: Int[Tensor, " tokens"]) -> Float[Tensor, "tokens size"]:
        """The states of these tokens of the corpus, in float32; zeros for task tokens."""
        rows = self.row[tokens.numpy()]
        found = np.zeros((len(rows), self.parts[0].shape[1]), dtype=np.float32)
        starts = [0, *accumulate(map(len, self.parts))]
        for part, start, end in zip(self.parts, starts, starts[1:], strict=False):
            own = ((rows >= start) & (rows < end)).nonzero()[0]
            found[own] = part[rows[own] - start]
        return torch.from_numpy(found)
