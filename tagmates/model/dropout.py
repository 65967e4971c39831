"""The dropout of a batch: every lane's rate, and the generator of its masks."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import dispatch


class Dropout:
    """Inverted dropout: an entry is 0 with its lane's rate p, otherwise it is divided by 1 - p.

    Every lane draws its own mask, so that a run does not depend on the runs beside it.
    """

    def __init__(self, rates: Sequence[float], draws: Sequence[torch.Generator] | None) -> None:
        """Without ``draws`` (one generator per lane), as in validation and tagging, nothing is dropped."""
        self.rates, self.draws = rates, draws

    def __call__(
        self, values: Float[Tensor, "lanes positions size"], packed: PackedLayout
    ) -> Float[Tensor, "lanes positions size"]:
        """The values after dropout."""
        if self.draws is None or not any(self.rates):
            return values
        return dispatch.apply_dropout(values, packed, self.rates, self.draws)
