r"""The linear-chain CRF as a distribution over tag sequences (protocol section 1; Lafferty et al., 2001).

The tags y_1 ... y_T of a sentence have the score and the probability

    score(y) = start[y_1] + sum_t emissions[t, y_t] + sum_t transitions[y_t-1, y_t] + end[y_T]
    p(y) = exp(score(y)) / Z,        Z = the sum of exp(score(y')) over all tag sequences y'

``tests/kernels/test_crf.py`` computes the same by enumerating all tag sequences.
``tagmates.kernels`` has the algorithms.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import dispatch

# the emission of a tag that a given label excludes; not infinite, so that all sums stay numbers
EXCLUDED_SCORE = -1e30


@dataclass(frozen=True, slots=True)
class LinearChainCRF:
    """The distributions over the tag sequences of packed sentences, for decoders with equally many tags.

    ``transitions[d, i, j]`` scores tag j after tag i in decoder d; ``start`` and ``end`` score the first and last tag.
    Results have one row per sentence; it is 0 where a decoder has fewer sentences than the layout has rows.
    """

    emissions: Float[Tensor, "decoders positions tags"]
    transitions: Float[Tensor, "decoders tags tags"]
    start: Float[Tensor, "decoders tags"]
    end: Float[Tensor, "decoders tags"]
    packed: PackedLayout

    def log_prob(
        self, tags: Int[Tensor, "decoders positions"], *, partial: bool = False
    ) -> Float[Tensor, "decoders rows"]:
        """log p(y) = score(y) - log Z of these tags, per sentence.

        With ``partial``, a tag may be -1 for an unknown one. The result is then the log-probability of all tag
        sequences that agree with the known tags; it is 0 where no tag is known.
        """
        score = self._log_agreeing(tags) if partial else self.score(tags)
        return (score - self._log_partition(self.emissions)).to(self.emissions.dtype)

    def log_partition(self) -> Float[Tensor, "decoders rows"]:
        """log Z, per sentence."""
        return self._log_partition(self.emissions).to(self.emissions.dtype)

    def score(self, tags: Int[Tensor, "decoders positions"]) -> Float[Tensor, "decoders rows"]:
        """score(y) of these tags per sentence, summed in float64; an error where a tag is not one of the decoder's."""
        return dispatch.score(self.emissions, self.transitions, self.start, self.end, tags, self.packed)

    def marginals(self) -> Float[Tensor, "decoders positions tags"]:
        """The probability of every tag at every position, which is d log Z / d emissions; 0 outside the mask."""
        with torch.enable_grad():
            emissions = self.emissions.detach().requires_grad_()
            (result,) = torch.autograd.grad(self._log_partition(emissions).sum(), emissions)
        return result

    def argmax(self) -> Int[Tensor, "decoders positions"]:
        """The tags with the highest score, for every sentence; 0 outside the mask."""
        return dispatch.argmax(self.emissions, self.transitions, self.start, self.end, self.packed)

    def log_prob_among(
        self,
        decoder: int,
        row: Int[Tensor, " ranges"],
        first: Int[Tensor, " ranges"],
        size: Int[Tensor, " ranges"],
        allowed: Bool[Tensor, "ranges steps tags"],
    ) -> Float[Tensor, " ranges"]:
        """The log-probability that all tags of a range are among those allowed; -inf where no tag sequence is possible.

        Range i is the ``size[i]`` steps from ``first[i]`` on, in this row of the decoder. Its tag at step
        ``first[i] + k`` must be one of ``allowed[i, k]``; tags before and after the range may be any. A row may have
        any number of ranges: the sums over what is before and after them are shared. In float64.
        """
        before, after = self._beginnings(decoder), self._endings(decoder)
        emissions, transitions = self.emissions[decoder].double(), self.transitions[decoder].double()
        starts = self.packed.starts
        score = before[starts[first] + row].masked_fill(~allowed[:, 0], -torch.inf)
        for step in range(1, allowed.shape[1]):
            here = (size > step).nonzero().squeeze(1)
            reached = _summed(score[here], transitions) + emissions[starts[first[here] + step] + row[here]]
            score = score.index_copy(0, here, reached.masked_fill(~allowed[here, step], -torch.inf))
        agreeing = (score + after[starts[first + size - 1] + row]).logsumexp(-1)
        return (agreeing - (before + after)[row].logsumexp(-1)).clamp_max(0)

    def _beginnings(self, decoder: int) -> Float[Tensor, "positions tags"]:
        """The log of the sum of exp(score) over all beginnings of a sentence that end in a position with a tag."""
        emissions, transitions = self.emissions[decoder].double(), self.transitions[decoder].double()
        first, *others = self.packed.slices()
        sums = [self.start[decoder].double() + emissions[first]]
        for here in others:
            sums.append(_summed(sums[-1][: here.stop - here.start], transitions) + emissions[here])
        return torch.cat(sums)

    def _endings(self, decoder: int) -> Float[Tensor, "positions tags"]:
        """The log of the sum of exp(score) over all endings of a sentence after a position with a tag."""
        emissions, transitions = self.emissions[decoder].double(), self.transitions[decoder].double()
        lengths, end = self.packed.lengths[decoder].cpu(), self.end[decoder].double()
        sums: list[Tensor] = []
        following = emissions[:0]
        for step, here in reversed(list(enumerate(self.packed.slices()))):
            own = end.expand(here.stop - here.start, -1).clone()
            longer = int((lengths > step + 1).sum())  # rows are from long to short
            own[:longer] = _summed(following[:longer], transitions.T)
            sums.insert(0, own)
            following = own + emissions[here]
        return torch.cat(sums)

    def _log_partition(self, emissions: Float[Tensor, "decoders positions tags"]) -> Float[Tensor, "decoders rows"]:
        """log Z in float64 with these emissions."""
        return dispatch.log_partition(emissions, self.transitions, self.start, self.end, self.packed)

    def _log_agreeing(self, tags: Int[Tensor, "decoders positions"]) -> Float[Tensor, "decoders rows"]:
        """The log of the sum of exp(score(y)) over all tag sequences y that agree with the known tags."""
        unknown = (tags < 0) & self.packed.mask
        known = tags.clamp_min(0)
        tag = torch.arange(self.start.shape[1], device=tags.device)
        excluded = (tag != known.unsqueeze(-1)) & ~unknown.unsqueeze(-1)
        agreeing = self._log_partition(self.emissions.masked_fill(excluded, EXCLUDED_SCORE))
        # a sentence whose tags are all known has the same score, to the last bit, as without `partial`
        number = torch.zeros_like(self.packed.lengths).index_add(1, self.packed.row, unknown.to(self.packed.lengths))
        return torch.where(number > 0, agreeing, self.score(known))


def _summed(scores: Float[Tensor, "rows tags"], transitions: Float[Tensor, "tags tags"]) -> Float[Tensor, "rows tags"]:
    """log sum_i exp(scores[i] + transitions[i, j]), as a matrix product of numbers that are at most 1."""
    peak = scores.amax(-1, keepdim=True).clamp_min(EXCLUDED_SCORE)  # finite where nothing is possible
    most = transitions.amax()
    return ((scores - peak).exp() @ (transitions - most).exp()).log() + peak + most
