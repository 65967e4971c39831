"""Linear-chain CRFs over the packed layout, as a distribution: log-likelihood, marginals, Viterbi.

Lanes here are decoders with equally many tags. The partition function runs in scaled probabilities, so that a step is
the matrix product ``alpha @ exp(transitions)``; the backward is the forward-backward algorithm in the same scaling:
with ``q[j] = sum_i p[i] E[i,j]`` from the forward step, the marginal of tag i is ``p[i] * sum_j E[i,j] m[j] / q[j]``,
where m are the marginals of the next position. Where a scale underflows, the same recursion runs in logarithms.

On a CPU with a C compiler the steps are those of ``kernels/crf.c``, on a GPU those of ``triton_crf``; everywhere else
they are those below.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.data.packing import Packed
from tagmates.model.compiled_crf import (
    UNDERFLOW,
    compiled_argmax,
    compiled_log_partition,
    compiled_score,
    ending_marginals,
)
from tagmates.model.native import library_for, triton_for

# Viterbi compares (row, to, from) scores in blocks of about this many, small enough to stay in a core's cache.
CACHED_SCORES = 2**21
IMPOSSIBLE = -1e30  # the emission of a tag that a label rules out; not infinite: what follows stays a number
MOST_TAGS = 1024  # that the kernels in Triton take: a program holds a score of every tag for each of its sentences


@dataclass(frozen=True, slots=True)
class LinearChainCRF:
    """The distribution over the tag sequences of packed sentences.

    ``transitions[d, i, j]`` scores tag j after tag i in decoder d; ``start`` and ``end`` score the first and last tag.
    Results have one row per sentence, 0 (or the empty sequence) where a decoder has fewer rows than the layout.
    """

    emissions: Float[Tensor, "decoders positions tags"]
    transitions: Float[Tensor, "decoders tags tags"]
    start: Float[Tensor, "decoders tags"]
    end: Float[Tensor, "decoders tags"]
    packed: Packed

    def log_prob(
        self, tags: Int[Tensor, "decoders positions"], *, partial: bool = False
    ) -> Float[Tensor, "decoders rows"]:
        """Natural-log probability of these tags, per sentence.

        Where ``partial`` says so, tags may be -1, any tag: the probability is then that of all the tag sequences that
        agree with the others, 1 where there are no others.
        """
        score = self._log_agreeing(tags) if partial else self.score(tags)
        return (score - self._log_partition()).to(self.emissions.dtype)

    def log_partition(self) -> Float[Tensor, "decoders rows"]:
        """Log of the summed exponentiated scores of all tag sequences, per sentence."""
        return self._log_partition().to(self.emissions.dtype)

    def _log_partition(self) -> Float[Tensor, "decoders rows"]:
        return _log_partition(self.emissions, self.transitions, self.start, self.end, self.packed)

    def _log_agreeing(self, tags: Int[Tensor, "decoders positions"]) -> Float[Tensor, "decoders rows"]:
        """Log of the summed exponentiated scores of all tag sequences that agree with these, -1 with any."""
        free = (tags < 0) & self.packed.mask
        known = tags.clamp_min(0)
        tag = torch.arange(self.start.shape[1], device=tags.device)
        others = (tag != known.unsqueeze(-1)) & ~free.unsqueeze(-1)
        emissions = self.emissions.masked_fill(others, IMPOSSIBLE)
        agreeing = _log_partition(emissions, self.transitions, self.start, self.end, self.packed)
        some = free.new_zeros(self.packed.lengths.shape, dtype=torch.int).index_add(1, self.packed.row, free.int()) > 0
        # with all labels there, one sequence: its score, to the last bit what it is without sentences that lack some
        return torch.where(some, agreeing, self.score(known))

    def score(self, tags: Int[Tensor, "decoders positions"]) -> Float[Tensor, "decoders rows"]:
        """Score of these tags per sentence, summed in float64; raises where a tag is none of the decoder's."""
        if (library := library_for(self.emissions, self.transitions, self.start, self.end)) is not None:
            return compiled_score(self.emissions, self.transitions, self.start, self.end, tags, self.packed, library)
        packed, decoders, rows = self.packed, self.emissions.shape[0], self.packed.lengths.shape[1]
        item = self.emissions.gather(2, tags.unsqueeze(-1)).squeeze(-1).double()
        # the positions that those after the first step follow
        later = packed.rows_at[0]
        previous = packed.starts[packed.step[later:] - 1] + packed.row[later:]
        # gathered, because the gradient of an index has to sort on a GPU
        pair = tags.index_select(1, previous) * self.start.shape[1] + tags[:, later:]
        link = self.transitions.flatten(1).gather(1, pair).double()
        item = torch.cat([item[:, :later], item[:, later:] + link], 1).masked_fill(~packed.mask, 0)
        total = item.new_zeros(decoders, rows).index_add(1, packed.row, item)
        first, last = tags[:, :rows], tags.gather(1, packed.last())
        return total + (self.start.gather(1, first) + self.end.gather(1, last)).double() * (packed.lengths > 0)

    def marginals(self) -> Float[Tensor, "decoders positions tags"]:
        """Probability of every tag at every position; 0 outside the mask."""
        with torch.enable_grad():
            emissions = self.emissions.detach().requires_grad_()
            parameters = (self.transitions.detach(), self.start.detach(), self.end.detach())
            total = _log_partition(emissions, *parameters, self.packed).sum()
            (result,) = torch.autograd.grad(total, emissions)
        return result

    @torch.no_grad()
    def argmax(self) -> Int[Tensor, "decoders positions"]:
        """The best tag sequence of every sentence (Viterbi); 0 outside the mask."""
        scores = (self.emissions, self.transitions, self.start, self.end)
        if (library := library_for(*scores)) is not None:
            return compiled_argmax(*scores, self.packed, library)
        if self.transitions.shape[-1] <= MOST_TAGS and triton_for(*scores):
            from tagmates.model.triton_crf import triton_argmax  # noqa: PLC0415

            return triton_argmax(*scores, self.packed)
        return self.plain_argmax()

    def plain_argmax(self) -> Int[Tensor, "decoders positions"]:
        """``argmax`` by torch."""
        packed, slices = self.packed, self.packed.slices()
        decoders, rows = packed.lengths.shape
        into = self.transitions.transpose(1, 2).unsqueeze(1)  # [decoders, 1, to, from]
        best = torch.empty_like(self.emissions)
        block = max(1, CACHED_SCORES // self.transitions.numel())
        for t, here in enumerate(slices):
            if t == 0:
                best[:, here] = self.start.unsqueeze(1) + self.emissions[:, here]
                continue
            before = best[:, slices[t - 1]][:, : here.stop - here.start]
            peaks = [(part.unsqueeze(2) + into).amax(-1) for part in before.split(block, 1)]
            scores = torch.cat(peaks, 1) + self.emissions[:, here]
            best[:, here] = scores - scores.amax(-1, keepdim=True)  # only differences matter; sums would lose digits
        # walk back; only the visited tags need their best predecessor
        tags = torch.zeros(decoders, packed.positions, dtype=torch.long, device=best.device)
        decoder = torch.arange(decoders, device=best.device).unsqueeze(1)
        ending = (best.gather(1, _spread(packed.last(), best.shape[-1])) + self.end.unsqueeze(1)).argmax(-1)
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


def _log_partition(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, packed: Packed
) -> Float[Tensor, "decoders rows"]:
    compiled = None
    if (library := library_for(emissions, transitions, start, end)) is not None:
        compiled = compiled_log_partition(emissions, transitions, start, end, packed, library)
    elif transitions.shape[-1] <= MOST_TAGS and triton_for(emissions, transitions, start, end):
        from tagmates.model.triton_crf import triton_log_partition  # noqa: PLC0415

        compiled = triton_log_partition(emissions, transitions, start, end, packed)
    if compiled is not None and not bool(compiled.isnan().any()):
        return compiled
    return plain_log_partition(emissions, transitions, start, end, packed)


def plain_log_partition(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, packed: Packed
) -> Float[Tensor, "decoders rows"]:
    """Log-partition per sentence in float64, by torch."""
    result: Tensor = _LogPartition.apply(emissions, transitions, start, end, packed)  # type: ignore[no-untyped-call]
    return result


class _LogPartition(torch.autograd.Function):
    """Log-partition per sentence in float64; its gradients are marginals."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Float[Tensor, "decoders positions tags"],
        transitions: Float[Tensor, "decoders tags tags"],
        start: Float[Tensor, "decoders tags"],
        end: Float[Tensor, "decoders tags"],
        packed: Packed,
    ) -> Float[Tensor, "decoders rows"]:
        row_max = transitions.amax(-1)  # over the tags that follow
        weights = (transitions - row_max.unsqueeze(-1)).exp()
        scaled = _forward(emissions, start, packed, partial(_scaled_step, row_max, weights))
        smallest = scaled.sums.masked_fill(~packed.mask.unsqueeze(-1), 1).min()
        ctx.exact = not bool(smallest >= UNDERFLOW)
        if ctx.exact:
            wide = transitions.double()
            scaled = _forward(emissions.double(), start.double(), packed, partial(_exact_step, wide))
        last = packed.last()
        final = scaled.alpha.gather(1, _spread(last, emissions.shape[-1])) + end.unsqueeze(1)
        log_partition = scaled.scale + final.logsumexp(-1).double()
        ctx.packed = packed
        if ctx.exact:
            ctx.save_for_backward(final, scaled.alpha, scaled.sums, transitions)
        else:
            ctx.save_for_backward(final, scaled.source, scaled.sums, weights)
        return log_partition.masked_fill(packed.lengths == 0, 0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        packed: Packed = ctx.packed
        final, source, sums, weights = ctx.saved_tensors
        slices = packed.slices()
        ending = ending_marginals(final, grads[0], packed)
        # rows that a decoder lacks add zeros at their row's first position
        marginals = torch.zeros_like(source).scatter_add_(1, _spread(packed.last(), final.shape[-1]), ending)
        ratio = torch.zeros_like(source)  # of the positions after the first step: m / q
        divisor = sums if ctx.exact else sums.clamp_min(UNDERFLOW)
        d_transitions = torch.zeros_like(weights, dtype=source.dtype)
        for t in range(len(slices) - 1, 0, -1):
            here, rows = slices[t], slices[t].stop - slices[t].start
            before = slice(slices[t - 1].start, slices[t - 1].start + rows)
            if ctx.exact:
                # probability of each previous tag given the next one: softmax over the first tag axis
                link = (source[:, before].unsqueeze(-1) + weights.unsqueeze(1) - sums[:, here].unsqueeze(2)).exp()
                joint = link.mul_(marginals[:, here].unsqueeze(2))
                marginals[:, before].add_(joint.sum(-1))
                d_transitions += joint.sum(1)
                continue
            step = torch.div(marginals[:, here], divisor[:, here], out=ratio[:, before])
            marginals[:, before].addcmul_(source[:, before], step @ weights.transpose(1, 2))
        if not ctx.exact:
            d_transitions = weights * (source.transpose(1, 2) @ ratio)
        first = marginals[:, slices[0]].sum(1)
        dtype = weights.dtype
        return marginals.to(dtype), d_transitions.to(dtype), first.to(dtype), ending.sum(1).to(dtype), None


@dataclass(slots=True)
class _Forward:
    alpha: Tensor  # log of the forward weights less what was taken off on the way
    scale: Tensor  # float64, of each row: the sum of that
    source: Tensor  # p: what the next step multiplies (scaled steps only)
    sums: Tensor  # q: what the step before summed to, 1 (or 0 in logarithms) at the first step


def _forward(emissions: Tensor, start: Tensor, packed: Packed, step: Any) -> _Forward:
    slices = packed.slices()
    alpha, source = torch.empty_like(emissions), torch.zeros_like(emissions)
    sums = torch.ones_like(emissions)
    shift, peak = emissions.new_zeros(emissions.shape[:2]), emissions.new_empty(emissions.shape[:2])
    raw = start.unsqueeze(1) + emissions[:, slices[0]]
    for t, here in enumerate(slices):
        if t > 0:
            before = slice(slices[t - 1].start, slices[t - 1].start + here.stop - here.start)
            raw = step(alpha[:, before], source[:, before], sums[:, here], shift[:, here]) + emissions[:, here]
        torch.amax(raw, -1, out=peak[:, here])
        torch.sub(raw, peak[:, here].unsqueeze(-1), out=alpha[:, here])
    taken = (shift.double() + peak.double()).masked_fill_(~packed.mask, 0)
    scale = taken.new_zeros(packed.lengths.shape).index_add_(1, packed.row, taken)
    return _Forward(alpha, scale, source, sums)


# The steps write p, q and what they take off into the last three, and return log(q).


def _scaled_step(row_max: Tensor, weights: Tensor, alpha: Tensor, p: Tensor, q: Tensor, shift: Tensor) -> Tensor:
    out = alpha + row_max.unsqueeze(1)
    torch.amax(out, -1, out=shift)
    torch.exp(out.sub_(shift.unsqueeze(-1)), out=p)
    return torch.bmm(p, weights, out=q).log()


def _exact_step(transitions: Tensor, alpha: Tensor, _p: Tensor, q: Tensor, _shift: Tensor) -> Tensor:
    return torch.logsumexp(alpha.unsqueeze(-1) + transitions.unsqueeze(1), -2, out=q)
