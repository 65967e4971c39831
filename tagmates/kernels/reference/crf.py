r"""Linear-chain CRFs over the packed layout: log-partition, score of given tags, and best tags.

A sentence with the tags y_1 ... y_T has the score

    score(y) = start[y_1] + sum_t emissions[t, y_t] + sum_t transitions[y_t-1, y_t] + end[y_T]

and its log-partition log Z is the logarithm of the sum of exp(score(y)) over all tag sequences y. The forward algorithm
computes it (Rabiner, 1989):

    alpha_1[j] = start[j] + emissions[1, j]
    alpha_t[j] = log sum_i exp(alpha_t-1[i] + transitions[i, j]) + emissions[t, j]
    log Z = log sum_j exp(alpha_T[j] + end[j])

``scaled_log_partition`` makes a step a matrix product of scaled probabilities. With the largest of a tag's transitions
``row_max[i]`` and the largest of all sums ``shift``:

    E[i, j] = exp(transitions[i, j] - row_max[i])
    p[i] = exp(alpha_t-1[i] + row_max[i] - shift)        q[j] = sum_i p[i] E[i, j]
    alpha_t[j] = log q[j] + shift + emissions[t, j]

Its gradients are marginals m, which the backward algorithm computes in the same scaling:

    m_T[j] = exp(alpha_T[j] + end[j] - log Z)        m_t-1[i] = p[i] * sum_j E[i, j] m_t[j] / q[j]

Where a sum q underflows, ``exact_log_partition`` follows the first equations in float64.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.batching.packed_sequence import PackedLayout

UNDERFLOW = 1e-28  # a smaller sum q may have lost terms that matter (float32's smallest normal number is 1.2e-38)
CACHED_SCORES = 2**21  # scores that Viterbi compares at a time, which fit into a core's cache


def log_partition(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Float[Tensor, "decoders rows"]:
    """The log-partition of every sentence in float64; 0 for an empty one."""
    scaled = scaled_log_partition(emissions, transitions, start, end, packed)
    if bool(scaled.isnan().any()):
        return exact_log_partition(emissions, transitions, start, end, packed)
    return scaled


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
        slices, outside = packed.slices(), ~packed.mask
        row_max = transitions.amax(-1)
        weights = (transitions - row_max.unsqueeze(-1)).exp()  # E
        alpha = torch.empty_like(emissions)  # less its largest entry, the peak
        source, sums = torch.zeros_like(emissions), torch.ones_like(emissions)  # p, where it is read; q
        shift, peak = emissions.new_zeros(emissions.shape[:2]), emissions.new_empty(emissions.shape[:2])
        raw = start.unsqueeze(1) + emissions[:, slices[0]]
        for t, here in enumerate(slices):
            if t > 0:
                before = slice(slices[t - 1].start, slices[t - 1].start + here.stop - here.start)
                # p = exp(alpha + row_max - shift)
                shifted = alpha[:, before] + row_max.unsqueeze(1)
                torch.amax(shifted, -1, out=shift[:, here])
                torch.exp(shifted.sub_(shift[:, here].unsqueeze(-1)), out=source[:, before])
                # q = p E
                raw = torch.bmm(source[:, before], weights, out=sums[:, here]).log() + emissions[:, here]
            torch.amax(raw, -1, out=peak[:, here])
            torch.sub(raw, peak[:, here].unsqueeze(-1), out=alpha[:, here])
        # alpha lacks the shifts and peaks of all its steps
        taken = (shift.double() + peak.double()).masked_fill_(outside, 0)
        scale = taken.new_zeros(packed.lengths.shape).index_add_(1, packed.row, taken)
        final = alpha.gather(1, _spread(packed.last(), emissions.shape[-1])) + end.unsqueeze(1)
        ctx.packed = packed
        ctx.save_for_backward(final, source, sums, weights)
        result = (scale + final.logsumexp(-1).double()).masked_fill(packed.lengths == 0, 0)
        fits = sums.masked_fill(outside.unsqueeze(-1), 1).min() >= UNDERFLOW  # false for NaN too
        return result.masked_fill(~fits, torch.nan)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        packed: PackedLayout = ctx.packed
        final, source, sums, weights = ctx.saved_tensors
        slices = packed.slices()
        ending = ending_marginals(final, grads[0], packed)
        # a row that a decoder lacks adds zeros at the row's first position
        marginals = torch.zeros_like(source).scatter_add_(1, _spread(packed.last(), final.shape[-1]), ending)
        ratio = torch.zeros_like(source)  # m / q of the position that follows
        divisor = sums.clamp_min(UNDERFLOW)
        for t in range(len(slices) - 1, 0, -1):
            here, rows = slices[t], slices[t].stop - slices[t].start
            before = slice(slices[t - 1].start, slices[t - 1].start + rows)
            # m[i] = p[i] * sum_j E[i, j] m[j] / q[j]
            step = torch.div(marginals[:, here], divisor[:, here], out=ratio[:, before])
            marginals[:, before].addcmul_(source[:, before], step @ weights.transpose(1, 2))
        d_transitions = weights * (source.transpose(1, 2) @ ratio)
        return marginals, d_transitions, marginals[:, slices[0]].sum(1), ending.sum(1), None


def ending_marginals(final: Tensor, grad: Tensor, packed: PackedLayout) -> Float[Tensor, "decoders rows tags"]:
    """The marginals of every sentence's last position, times the gradient of its log-partition.

    ``final`` holds alpha_T + end, up to a constant of each sentence.
    """
    return final.softmax(-1) * (grad.to(final.dtype) * (packed.lengths > 0)).unsqueeze(-1)


def exact_log_partition(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Float[Tensor, "decoders rows"]:
    """The log-partition of every sentence in float64, whatever the range of the scores; 0 for an empty one."""
    emissions, transitions, start, end = (part.double() for part in (emissions, transitions, start, end))
    first, *others = packed.slices()
    alphas = [start.unsqueeze(1) + emissions[:, first]]
    for here in others:
        alpha = alphas[-1][:, : here.stop - here.start]
        alphas.append(_ExactStep.apply(alpha, transitions) + emissions[:, here])  # type: ignore[no-untyped-call]
    final = torch.cat(alphas, 1).gather(1, _spread(packed.last(), emissions.shape[-1])) + end.unsqueeze(1)
    return final.logsumexp(-1).masked_fill(packed.lengths == 0, 0)


class _ExactStep(torch.autograd.Function):
    """log sum_i exp(alpha[i] + transitions[i, j]).

    Its backward computes the sums again. Autograd of ``logsumexp`` would keep those of all steps, which take more than
    a gigabyte for a batch with 425 tags.
    """

    @staticmethod
    def forward(
        ctx: Any, alpha: Float[Tensor, "decoders rows tags"], transitions: Float[Tensor, "decoders tags tags"]
    ) -> Float[Tensor, "decoders rows tags"]:
        result = torch.logsumexp(alpha.unsqueeze(-1) + transitions.unsqueeze(1), -2)
        ctx.save_for_backward(alpha, transitions, result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        alpha, transitions, result = ctx.saved_tensors
        # the probability of each previous tag given the next one: a softmax over the previous tags
        link = (alpha.unsqueeze(-1) + transitions.unsqueeze(1) - result.unsqueeze(2)).exp()
        joint = link.mul_(grads[0].unsqueeze(2))
        return joint.sum(-1), joint.sum(1)


def score(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    tags: Int[Tensor, "decoders positions"],
    packed: PackedLayout,
) -> Float[Tensor, "decoders rows"]:
    """The score of the given tags per sentence, summed in float64; an error where a tag is not one of the decoder's."""
    decoders, rows = packed.lengths.shape
    item = emissions.gather(2, tags.unsqueeze(-1)).squeeze(-1).double()
    later = packed.rows_at[0]  # the first position of the second step
    previous = packed.starts[packed.step[later:] - 1] + packed.row[later:]
    # gathered, because the gradient of an index has to sort on a GPU
    pair = tags.index_select(1, previous) * start.shape[1] + tags[:, later:]
    link = transitions.flatten(1).gather(1, pair).double()
    item = torch.cat([item[:, :later], item[:, later:] + link], 1).masked_fill(~packed.mask, 0)
    total = item.new_zeros(decoders, rows).index_add(1, packed.row, item)
    first, last = tags[:, :rows], tags.gather(1, packed.last())
    return total + (start.gather(1, first) + end.gather(1, last)).double() * (packed.lengths > 0)


@torch.no_grad()
def argmax(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Int[Tensor, "decoders positions"]:
    """The tags of every sentence that have the highest score (Viterbi, 1967); 0 outside the mask."""
    slices = packed.slices()
    decoders, rows = packed.lengths.shape
    into = transitions.transpose(1, 2).unsqueeze(1)  # [decoders, 1, to, from]
    best = torch.empty_like(emissions)  # the highest score of a sequence that ends in each tag
    block = max(1, CACHED_SCORES // transitions.numel())
    for t, here in enumerate(slices):
        if t == 0:
            best[:, here] = start.unsqueeze(1) + emissions[:, here]
            continue
        before = best[:, slices[t - 1]][:, : here.stop - here.start]
        # max_i (best[i] + transitions[i, j]) + emissions[j]
        peaks = [(part.unsqueeze(2) + into).amax(-1) for part in before.split(block, 1)]
        scores = torch.cat(peaks, 1) + emissions[:, here]
        best[:, here] = scores - scores.amax(-1, keepdim=True)  # only differences matter; sums would lose digits
    # walk back: only the tags on the best path need their best predecessor
    tags = torch.zeros(decoders, packed.positions, dtype=torch.long, device=best.device)
    decoder = torch.arange(decoders, device=best.device).unsqueeze(1)
    ending = (best.gather(1, _spread(packed.last(), best.shape[-1])) + end.unsqueeze(1)).argmax(-1)
    following = torch.zeros(decoders, rows, dtype=torch.long, device=best.device)
    for t, here in reversed(list(enumerate(slices))):
        count = here.stop - here.start
        ends = packed.lengths[:, :count] == t + 1
        scores = best[:, here] + into[:, 0][decoder, following[:, :count]]
        following[:, :count] = torch.where(ends, ending[:, :count], scores.argmax(-1))
        tags[:, here] = following[:, :count]
    return tags * packed.mask


def _spread(index: Int[Tensor, "decoders rows"], size: int) -> Int[Tensor, "decoders rows size"]:
    return index.unsqueeze(-1).expand(-1, -1, size)
