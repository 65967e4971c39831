"""The packed, time-major layout in which lanes of sequences of unequal lengths share every step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor


def on_device(values: Sequence[int | float], device: torch.device) -> Shaped[Tensor, " values"]:
    """A tensor of these numbers; with ``device=`` the program would wait until a GPU has done all that it was told."""
    return torch.tensor(values).to(device, non_blocking=True)


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """Where the items of ``lanes`` x ``rows`` sequences lie on one axis of ``positions``.

    Row r at step t is position ``offsets[t] + r``. The rows at step t are the largest number of sequences that any
    lane still has there, so a step is one slice for all lanes; ``mask`` says which positions a lane really fills.
    With one lane this is the layout of ``torch.nn.utils.rnn.PackedSequence`` and the mask is all true.
    """

    lengths: Int[Tensor, "lanes rows"]
    rows_at: tuple[int, ...]
    offsets: tuple[int, ...]
    starts: Int[Tensor, " steps"]  # the offsets again, where the other tensors are
    step: Int[Tensor, " positions"]
    row: Int[Tensor, " positions"]
    mask: Bool[Tensor, "lanes positions"]

    @classmethod
    def of(cls, lengths: Int[Tensor, "lanes rows"], device: torch.device | str | None = None) -> "PackedLayout":
        """Lay out sequences of these lengths: in every lane from long to short, 0 where a lane has fewer rows.

        The tensors go to ``device`` if given, else where the lengths are. Lengths on the CPU ask nothing of a device.
        """
        longest = lengths.amax(0).cpu()  # of any lane's row: long to short too, so that they decide the rows at a step
        alive = longest > torch.arange(int(longest[0])).unsqueeze(1)  # [steps, rows]
        rows_at = alive.sum(1)
        offsets = rows_at.cumsum(0) - rows_at
        home = lengths.device if device is None else device
        layout = (lengths, offsets, *alive.nonzero(as_tuple=True))
        lengths, starts, step, row = (t.to(home, non_blocking=True) for t in layout)
        mask = step < lengths.index_select(1, row)
        return cls(lengths, tuple(rows_at.tolist()), tuple(offsets.tolist()), starts, step, row, mask)

    @property
    def positions(self) -> int:
        """How many positions the layout has."""
        return len(self.step)

    def slices(self) -> list[slice]:
        """The positions of every step, first to last."""
        return [slice(start, start + rows) for start, rows in zip(self.offsets, self.rows_at, strict=True)]

    def last(self) -> Int[Tensor, "lanes rows"]:
        """The position of each sequence's last item (of its row's first position where the sequence is empty)."""
        rows = torch.arange(self.lengths.shape[1], device=self.lengths.device)
        return self.starts[(self.lengths - 1).clamp_min(0)] + rows

    def reverse(self) -> Int[Tensor, "lanes positions"]:
        """For every position the one that mirrors it in its sequence; positions outside the mask keep their own."""
        mirrored = (self.lengths[:, self.row] - 1 - self.step).clamp_min(0)
        own = torch.arange(self.positions, device=self.lengths.device)
        return torch.where(self.mask, self.starts[mirrored] + self.row, own)
