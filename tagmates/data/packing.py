"""The packed, time-major layout in which lanes of sequences of unequal lengths share every step."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """Where the items of ``lanes`` x ``rows`` sequences lie on one axis of ``positions``.

    Row r at step t is position ``offsets[t] + r``. The rows at step t are the largest number of sequences that any
    lane still has there, so a step is one slice for all lanes; ``mask`` says which positions a lane really fills.
    With one lane this is the layout of ``torch.nn.utils.rnn.PackedSequence`` and the mask is all true.
    """

    lengths: Int[Tensor, "lanes rows"]
    rows_at: tuple[int, ...]
    offsets: tuple[int, ...]
    step: Int[Tensor, " positions"]
    row: Int[Tensor, " positions"]
    mask: Bool[Tensor, "lanes positions"]

    @classmethod
    def of(cls, lengths: Int[Tensor, "lanes rows"]) -> "Packed":
        """Lay out sequences of these lengths: in every lane from long to short, 0 where a lane has fewer rows."""
        steps = int(lengths.max())
        # alive[t]: the most sequences longer than t in any lane
        alive = (lengths.unsqueeze(-1) > torch.arange(steps, device=lengths.device)).sum(1).amax(0)
        rows_at = tuple(alive.tolist())
        step = torch.repeat_interleave(torch.arange(steps, device=lengths.device), alive)
        starts = alive.cumsum(0) - alive
        row = torch.arange(len(step), device=lengths.device) - starts[step]
        return cls(lengths, rows_at, tuple(starts.tolist()), step, row, step < lengths[:, row])

    @property
    def positions(self) -> int:
        """How many positions the layout has."""
        return len(self.step)

    def slices(self) -> list[slice]:
        """The positions of every step, first to last."""
        return [slice(start, start + rows) for start, rows in zip(self.offsets, self.rows_at, strict=True)]

    def last(self) -> Int[Tensor, "lanes rows"]:
        """The position of each sequence's last item (of its row's first position where the sequence is empty)."""
        starts = torch.tensor(self.offsets, device=self.lengths.device)
        return starts[(self.lengths - 1).clamp_min(0)] + torch.arange(self.lengths.shape[1], device=self.lengths.device)

    def reverse(self) -> Int[Tensor, "lanes positions"]:
        """For every position the one that mirrors it in its sequence; positions outside the mask keep their own."""
        starts = torch.tensor(self.offsets, device=self.lengths.device)
        mirrored = (self.lengths[:, self.row] - 1 - self.step).clamp_min(0)
        own = torch.arange(self.positions, device=self.lengths.device)
        return torch.where(self.mask, starts[mirrored] + self.row, own)

    def to(self, device: torch.device | str) -> "Packed":
        """The same layout with its tensors on ``device``."""
        moved: dict[str, Any] = {name: getattr(self, name).to(device) for name in ("lengths", "step", "row", "mask")}
        return Packed(rows_at=self.rows_at, offsets=self.offsets, **moved)
