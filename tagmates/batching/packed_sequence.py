"""The packed, time-major layout of sequences of several lanes, as in ``torch.nn.utils.rnn.PackedSequence``."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor


def on_device(values: Sequence[int | float], device: torch.device) -> Shaped[Tensor, " values"]:
    """A tensor of these numbers; unlike ``torch.tensor(..., device=...)``, this does not wait for the work of a GPU."""
    return torch.tensor(values).to(device, non_blocking=True)


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """The places of the items of ``lanes`` x ``rows`` sequences on one axis of ``positions``.

    The item at step t of row r has the position ``offsets[t] + r``. Step t has as many rows as the lane with the most
    sequences of that length needs, so that a step is one slice for all lanes; ``mask`` is true at the positions that a
    lane fills. With one lane this is the layout of ``PackedSequence``, and the mask is all true.
    """

    lengths: Int[Tensor, "lanes rows"]
    rows_at: tuple[int, ...]
    offsets: tuple[int, ...]
    starts: Int[Tensor, " steps"]  # the offsets, on the device of the other tensors
    step: Int[Tensor, " positions"]
    row: Int[Tensor, " positions"]
    mask: Bool[Tensor, "lanes positions"]

    @classmethod
    def of(cls, lengths: Int[Tensor, "lanes rows"], device: torch.device | str | None = None) -> "PackedLayout":
        """The layout of sequences of these lengths: in every lane from long to short, 0 if a lane has fewer rows.

        The tensors are on ``device`` if it is given, and otherwise on the device of the lengths. If the lengths are on
        the CPU, nothing is read back from a device.
        """
        longest = lengths.amax(0).cpu()  # of each row in any lane, from long to short
        alive = longest > torch.arange(int(longest[0])).unsqueeze(1)  # [steps, rows]
        rows_at = alive.sum(1)
        offsets = rows_at.cumsum(0) - rows_at
        target = lengths.device if device is None else device
        layout = (lengths, offsets, *alive.nonzero(as_tuple=True))
        lengths, starts, step, row = (t.to(target, non_blocking=True) for t in layout)
        mask = step < lengths.index_select(1, row)
        return cls(lengths, tuple(rows_at.tolist()), tuple(offsets.tolist()), starts, step, row, mask)

    @property
    def positions(self) -> int:
        """The number of positions."""
        return len(self.step)

    def slices(self) -> list[slice]:
        """The positions of every step, from first to last."""
        return [slice(start, start + rows) for start, rows in zip(self.offsets, self.rows_at, strict=True)]

    def last(self) -> Int[Tensor, "lanes rows"]:
        """The position of each sequence's last item; for an empty sequence the first position of its row."""
        rows = torch.arange(self.lengths.shape[1], device=self.lengths.device)
        return self.starts[(self.lengths - 1).clamp_min(0)] + rows

    def reverse(self) -> Int[Tensor, "lanes positions"]:
        """For every position its mirror in the reversed sequence; positions outside the mask are their own mirror."""
        mirrored = (self.lengths[:, self.row] - 1 - self.step).clamp_min(0)
        own = torch.arange(self.positions, device=self.lengths.device)
        return torch.where(self.mask, self.starts[mirrored] + self.row, own)
