"""tagmates.batching.packed_sequence against torch's PackedSequence, and its properties for several lanes."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from tagmates.batching.packed_sequence import PackedLayout

ROWS = st.lists(st.integers(1, 9), max_size=6).map(lambda lengths: sorted(lengths, reverse=True))
LANES = st.lists(ROWS, min_size=1, max_size=4).filter(any)


def lengths_of(lanes: list[list[int]]) -> Tensor:
    """[lanes, rows], 0 where a lane has fewer rows."""
    return pad_sequence([torch.tensor(lane, dtype=torch.long) for lane in lanes], batch_first=True)


@given(ROWS.filter(any))
def test_one_lane_is_a_packed_sequence(lengths: list[int]) -> None:
    packed = PackedLayout.of(torch.tensor([lengths]))
    numbered = torch.arange(len(lengths) * max(lengths)).view(len(lengths), max(lengths))  # [rows, steps]
    theirs = pack_padded_sequence(numbered, torch.tensor(lengths), batch_first=True)
    assert packed.rows_at == tuple(theirs.batch_sizes.tolist())
    assert torch.equal(numbered[packed.row, packed.step], theirs.data)
    assert packed.positions == sum(lengths)
    assert packed.mask.all()


@given(LANES)
def test_a_step_is_one_slice_wide_enough_for_every_lane(lanes: list[list[int]]) -> None:
    packed = PackedLayout.of(lengths_of(lanes))
    assert packed.rows_at == tuple(
        max(sum(length > t for length in lane) for lane in lanes) for t in range(max(map(max, filter(None, lanes))))
    )
    for t, here in enumerate(packed.slices()):
        assert packed.step[here].tolist() == [t] * packed.rows_at[t]
        assert packed.row[here].tolist() == list(range(packed.rows_at[t]))
        assert here.start == packed.offsets[t]
    assert packed.slices()[-1].stop == packed.positions == packed.mask.shape[1]


@given(LANES)
def test_the_mask_holds_every_item_once(lanes: list[list[int]]) -> None:
    packed = PackedLayout.of(lengths_of(lanes))
    for lane, mask in zip(lanes, packed.mask, strict=True):
        items = set(zip(packed.row[mask].tolist(), packed.step[mask].tolist(), strict=True))
        assert len(items) == int(mask.sum())
        assert items == {(row, step) for row, length in enumerate(lane) for step in range(length)}


@given(LANES)
def test_reverse_mirrors_every_sequence_and_is_its_own_inverse(lanes: list[list[int]]) -> None:
    packed = PackedLayout.of(lengths_of(lanes))
    mirror = packed.reverse()
    own = torch.arange(packed.positions).expand_as(mirror)
    assert torch.equal(mirror.gather(1, mirror), own)
    assert torch.equal(mirror[~packed.mask], own[~packed.mask])
    for lengths, mask, index in zip(packed.lengths, packed.mask, mirror, strict=True):
        assert mask[index[mask]].all()
        assert torch.equal(packed.row[index[mask]], packed.row[mask])
        assert torch.equal(packed.step[index[mask]], (lengths[packed.row] - 1 - packed.step)[mask])


@given(LANES)
def test_last_is_the_last_item_or_the_row_s_first_position(lanes: list[list[int]]) -> None:
    packed = PackedLayout.of(lengths_of(lanes))
    last = packed.last()
    assert torch.equal(packed.row[last], torch.arange(packed.lengths.shape[1]).expand_as(last))
    assert torch.equal(packed.step[last], (packed.lengths - 1).clamp_min(0))


def test_two_lanes_by_hand() -> None:
    packed = PackedLayout.of(torch.tensor([[3, 1], [2, 0]]))
    assert packed.rows_at == (2, 1, 1)
    assert packed.starts.tolist() == list(packed.offsets) == [0, 2, 3]
    assert packed.mask.tolist() == [[True, True, True, True], [True, False, True, False]]
    assert packed.reverse().tolist() == [[3, 1, 2, 0], [2, 1, 0, 3]]
    assert packed.last().tolist() == [[3, 1], [2, 1]]
    assert packed.slices() == [slice(0, 2), slice(2, 3), slice(3, 4)]
