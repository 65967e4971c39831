"""Linear-chain CRFs: one kernel computes all steps of a group of decoders.

A program takes a block of sentences of one decoder through all steps, as in ``gru``. The scaled probabilities and sums
that a step leaves for the backward are also the memory from which the next product reads.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels.reference.crf import UNDERFLOW, ending_marginals

TAG_LIMIT = 1024  # a program holds a score of every tag for each of its sentences
SENTENCES_PER_PROGRAM, VITERBI_SENTENCES_PER_PROGRAM, TAGS_PER_BLOCK = 16, 4, 64
# they vary by batch and task; to compile a kernel for each of their values would take longer than it saves
UNSPECIALIZED_ARGUMENTS = ["positions", "rows", "tags"]


def scaled_log_partition(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Float[Tensor, "decoders rows"]:
    """The log-partition of every sentence in float64; NaN for all sentences if a sum of one of them underflows."""
    result: Tensor = _ScaledLogPartition.apply(emissions, transitions, start, end, packed)  # type: ignore[no-untyped-call]
    return result


class _ScaledLogPartition(torch.autograd.Function):
    """The forward algorithm, and the backward algorithm for the gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Float[Tensor, "decoders positions tags"],
        transitions: Float[Tensor, "decoders tags tags"],
        start: Float[Tensor, "decoders tags"],
        end: Float[Tensor, "decoders tags"],
        packed: PackedLayout,
    ) -> Float[Tensor, "decoders rows"]:
        decoders, rows = packed.lengths.shape
        row_max = transitions.amax(-1)
        weights = (transitions - row_max.unsqueeze(-1)).exp()
        final = emissions.new_empty(decoders, rows, emissions.shape[-1])
        scale = torch.empty(decoders, rows, dtype=torch.float64, device=emissions.device)
        underflows = torch.empty(decoders, rows, dtype=torch.int32, device=emissions.device)
        source, sums = torch.zeros_like(emissions), torch.empty_like(emissions)
        values = (emissions.contiguous(), weights, row_max, start.contiguous(), source, sums, final, scale, underflows)
        _forward[decoders, triton.cdiv(rows, SENTENCES_PER_PROGRAM)](
            *values, **_layout(emissions, packed), UNDERFLOW=UNDERFLOW
        )
        final += end.unsqueeze(1)
        ctx.save_for_backward(final, source, sums, weights)
        ctx.packed = packed
        result = (scale + final.logsumexp(-1).double()).masked_fill(packed.lengths == 0, 0)
        return result.masked_fill(underflows.any(), torch.nan)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        packed: PackedLayout = ctx.packed
        final, source, sums, weights = ctx.saved_tensors
        decoders, rows = packed.lengths.shape
        ending = ending_marginals(final, grads[0], packed)
        marginals, ratio = torch.zeros_like(source), torch.zeros_like(source)
        values = (weights, source, sums, ending, marginals, ratio)
        _backward[decoders, triton.cdiv(rows, SENTENCES_PER_PROGRAM)](
            *values, **_layout(source, packed), UNDERFLOW=UNDERFLOW
        )
        d_transitions = weights * (source.transpose(1, 2) @ ratio)
        return marginals, d_transitions, marginals[:, : packed.rows_at[0]].sum(1), ending.sum(1), None


@torch.no_grad()
def argmax(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Int[Tensor, "decoders positions"]:
    """The tags of every sentence that have the highest score; 0 outside the mask."""
    decoders, rows = packed.lengths.shape
    tags = torch.zeros(emissions.shape[:2], dtype=torch.long, device=emissions.device)
    values = (emissions.contiguous(), transitions.contiguous(), start.contiguous(), end.contiguous())
    layout = _layout(emissions, packed) | {"ROWS": VITERBI_SENTENCES_PER_PROGRAM}
    _viterbi[decoders, triton.cdiv(rows, VITERBI_SENTENCES_PER_PROGRAM)](
        *values, torch.empty_like(emissions), tags, **layout
    )
    return tags


def _layout(emissions: Tensor, packed: PackedLayout) -> dict[str, Any]:
    padded = max(16, triton.next_power_of_2(emissions.shape[2]))
    return {
        "starts": packed.starts,
        "lengths": packed.lengths.contiguous(),
        "positions": packed.positions,
        "rows": packed.lengths.shape[1],
        "tags": emissions.shape[2],
        "ROWS": SENTENCES_PER_PROGRAM,
        "TAGS": padded,
        "BLOCK": min(TAGS_PER_BLOCK, padded),
        "num_warps": 4 if padded < TAGS_PER_BLOCK else 8,  # with 4 the blocks of 64 tags do not fit into the registers
    }


@triton.jit
def _product(left, right, at, stride_from, stride_to, alive, tags, TAGS: tl.constexpr, BLOCK: tl.constexpr, out):
    """Store out[row, j] = sum over i of left[row, i] right[i, j]; ``right`` may be read transposed."""
    for first in range(0, TAGS, BLOCK):
        to = first + tl.arange(0, BLOCK)
        total = tl.zeros((at.shape[0], BLOCK), tl.float32)
        for inner in range(0, TAGS, BLOCK):
            of = inner + tl.arange(0, BLOCK)
            a = tl.load(left + at[:, None] + of[None, :], mask=alive[:, None] & (of < tags)[None, :], other=0.0)
            inside = (of < tags)[:, None] & (to < tags)[None, :]
            b = tl.load(right + of[:, None] * stride_from + to[None, :] * stride_to, mask=inside, other=0.0)
            total = tl.dot(a, b, total, input_precision="tf32x3")
        tl.store(out[:, None] + to[None, :], total, mask=alive[:, None] & (to < tags)[None, :])


@triton.jit(do_not_specialize=UNSPECIALIZED_ARGUMENTS)
def _forward(
    emissions,
    weights,
    row_max,
    start,
    source,
    sums,
    final,
    scale,
    underflows,
    starts,
    lengths,
    positions,
    rows,
    tags,
    ROWS: tl.constexpr,
    TAGS: tl.constexpr,
    BLOCK: tl.constexpr,
    UNDERFLOW: tl.constexpr,
):
    decoder = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + decoder * rows + row, mask=row < rows, other=0)
    longest = tl.max(length)
    tag = tl.arange(0, TAGS)
    known = (tag < tags)[None, :]
    weights += decoder * tags * tags
    largest = tl.load(row_max + decoder * tags + tag, mask=tag < tags, other=0.0)
    inside = (length > 0)[:, None] & known
    at = (decoder * positions + row) * tags
    raw = tl.load(emissions + at[:, None] + tag[None, :], mask=inside, other=0.0)
    raw += tl.load(start + decoder * tags + tag, mask=tag < tags, other=0.0)[None, :]
    raw = tl.where(known, raw, float("-inf"))
    peak = tl.max(raw, 1)
    alpha = raw - peak[:, None]
    total = peak.to(tl.float64)
    low = tl.full((ROWS,), 1.0, tl.float32)
    step = 1
    while step < longest:
        alive = length > step
        inside = alive[:, None] & known
        here = (decoder * positions + tl.load(starts + step) + row) * tags
        out = alpha + largest[None, :]
        shift = tl.max(out, 1)
        tl.store(source + at[:, None] + tag[None, :], tl.exp(out - shift[:, None]), mask=inside)
        tl.debug_barrier()  # the product reads what other threads have written
        _product(source, weights, at, tags, 1, alive, tags, TAGS, BLOCK, sums + here)
        tl.debug_barrier()
        q = tl.load(sums + here[:, None] + tag[None, :], mask=inside, other=1.0)
        low = tl.minimum(low, tl.min(q, 1))
        raw = tl.log(q) + tl.load(emissions + here[:, None] + tag[None, :], mask=inside, other=0.0)
        raw = tl.where(known, raw, float("-inf"))
        peak = tl.max(raw, 1)
        alpha = tl.where(alive[:, None], raw - peak[:, None], alpha)
        total += tl.where(alive, shift + peak, 0.0).to(tl.float64)
        at = here
        step += 1
    each = decoder * rows + row
    tl.store(final + each[:, None] * tags + tag[None, :], alpha, mask=(row < rows)[:, None] & known)
    tl.store(scale + each, total, mask=row < rows)
    # NaN counts as underflow too
    tl.store(underflows + each, tl.where(low >= UNDERFLOW, 0, 1), mask=row < rows)


@triton.jit(do_not_specialize=UNSPECIALIZED_ARGUMENTS)
def _backward(
    weights,
    source,
    sums,
    ending,
    marginals,
    ratio,
    starts,
    lengths,
    positions,
    rows,
    tags,
    ROWS: tl.constexpr,
    TAGS: tl.constexpr,
    BLOCK: tl.constexpr,
    UNDERFLOW: tl.constexpr,
):
    decoder = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + decoder * rows + row, mask=row < rows, other=0)
    tag = tl.arange(0, TAGS)
    known = (tag < tags)[None, :]
    weights += decoder * tags * tags
    last = tl.load(
        ending + ((decoder * rows + row) * tags)[:, None] + tag[None, :], mask=(row < rows)[:, None] & known, other=0.0
    )
    marginal = tl.zeros((ROWS, TAGS), tl.float32)
    step = tl.max(length) - 1
    while step >= 0:
        alive = length > step
        inside = alive[:, None] & known
        here = (decoder * positions + tl.load(starts + step) + row) * tags
        marginal = tl.where((length == step + 1)[:, None], last, marginal)
        tl.store(marginals + here[:, None] + tag[None, :], marginal, mask=inside)
        if step > 0:
            before = (decoder * positions + tl.load(starts + step - 1) + row) * tags
            q = tl.load(sums + here[:, None] + tag[None, :], mask=inside, other=1.0)
            tl.store(ratio + before[:, None] + tag[None, :], marginal / tl.maximum(q, UNDERFLOW), mask=inside)
            tl.debug_barrier()
            _product(ratio, weights, before, 1, tags, alive, tags, TAGS, BLOCK, marginals + before)
            tl.debug_barrier()
            marginal = tl.load(marginals + before[:, None] + tag[None, :], mask=inside, other=0.0)
            marginal *= tl.load(source + before[:, None] + tag[None, :], mask=inside, other=0.0)
            tl.debug_barrier()
        step -= 1


@triton.jit(do_not_specialize=UNSPECIALIZED_ARGUMENTS)
def _viterbi(
    emissions,
    transitions,
    start,
    end,
    best,
    paths,
    starts,
    lengths,
    positions,
    rows,
    tags,
    ROWS: tl.constexpr,
    TAGS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    decoder = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    length = tl.load(lengths + decoder * rows + row, mask=row < rows, other=0)
    longest = tl.max(length)
    tag = tl.arange(0, TAGS)
    known = (tag < tags)[None, :]
    transitions += decoder * tags * tags
    at = (decoder * positions + row) * tags
    inside = (length > 0)[:, None] & known
    scores = tl.load(emissions + at[:, None] + tag[None, :], mask=inside, other=0.0)
    scores += tl.load(start + decoder * tags + tag, mask=tag < tags, other=0.0)[None, :]
    scores = tl.where(known, scores, float("-inf"))
    tl.store(best + at[:, None] + tag[None, :], scores, mask=inside)
    tl.debug_barrier()
    step = 1
    while step < longest:
        alive = length > step
        inside = alive[:, None] & known
        here = (decoder * positions + tl.load(starts + step) + row) * tags
        scores = tl.full((ROWS, TAGS), float("-inf"), tl.float32)
        before = 0
        while before < tags:
            score = tl.load(best + at + before, mask=alive, other=0.0)
            into = tl.load(transitions + before * tags + tag, mask=tag < tags, other=0.0)
            scores = tl.maximum(scores, score[:, None] + into[None, :])
            before += 1
        scores += tl.load(emissions + here[:, None] + tag[None, :], mask=inside, other=0.0)
        scores = tl.where(known, scores, float("-inf"))
        scores -= tl.max(scores, 1)[:, None]  # only differences matter; sums would lose digits
        tl.store(best + here[:, None] + tag[None, :], scores, mask=inside)
        tl.debug_barrier()
        at = here
        step += 1
    # walk back: only the tags on the best path need their best predecessor
    final = tl.load(end + decoder * tags + tag, mask=tag < tags, other=0.0)
    following = tl.zeros((ROWS,), tl.int64)
    step = longest - 1
    while step >= 0:
        alive = length > step
        inside = alive[:, None] & known
        here = decoder * positions + tl.load(starts + step) + row
        scores = tl.load(best + (here * tags)[:, None] + tag[None, :], mask=inside, other=0.0)
        link = tl.load(transitions + tag[None, :] * tags + following[:, None], mask=inside, other=0.0)
        scores += tl.where((length == step + 1)[:, None], final[None, :], link)
        following = tl.argmax(tl.where(known, scores, float("-inf")), 1).to(tl.int64)
        following = tl.minimum(following, tags - 1)  # where scores are NaN it may be larger
        tl.store(paths + here, following, mask=alive)
        step -= 1
