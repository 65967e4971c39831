"""Linear-chain CRFs by ``crf.c``: its loops over steps, and the few products around them in torch."""

from ctypes import CDLL
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels.c.structure import DOUBLE, FLOAT, LONG, Structure
from tagmates.kernels.reference.crf import UNDERFLOW, ending_marginals

# the structure in crf.c
CHAIN = Structure(
    "decoders positions rows tags steps panel_floats",
    numbers="smallest",
    offsets=(LONG, "steps"),
    lengths=(LONG, "decoders rows"),
    emissions=(FLOAT, "decoders positions tags"),
    start=(FLOAT, "decoders tags"),
    end=(FLOAT, "decoders tags"),
    weights=(FLOAT, "decoders tags tags"),
    row_max=(FLOAT, "decoders tags"),
    into=(FLOAT, "decoders tags tags"),
    alpha=(FLOAT, "decoders rows tags"),
    scale=(DOUBLE, "decoders rows"),
    source=(FLOAT, "decoders positions tags"),
    sums=(FLOAT, "decoders positions tags"),
    ending=(FLOAT, "decoders rows tags"),
    marginals=(FLOAT, "decoders positions tags"),
    ratio=(FLOAT, "decoders positions tags"),
    best=(LONG, "decoders positions"),
    underflows=(LONG, "decoders rows"),
    panels=(FLOAT, "panel_floats"),
)
# the structure in crf.c
GOLD_TAGS = Structure(
    "decoders positions rows tags steps",
    offsets=(LONG, "steps"),
    lengths=(LONG, "decoders rows"),
    emissions=(FLOAT, "decoders positions tags"),
    transitions=(FLOAT, "decoders tags tags"),
    start=(FLOAT, "decoders tags"),
    end=(FLOAT, "decoders tags"),
    gold=(LONG, "decoders positions"),
    score=(DOUBLE, "decoders rows"),
    d_emissions=(FLOAT, "decoders positions tags"),
    d_transitions=(FLOAT, "decoders tags tags"),
    d_start=(FLOAT, "decoders tags"),
    d_end=(FLOAT, "decoders tags"),
)


def scaled_log_partition(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
    library: CDLL,
) -> Float[Tensor, "decoders rows"]:
    """The log-partition of every sentence in float64; NaN for all sentences if a sum of one of them underflows."""
    result: Tensor = _ScaledLogPartition.apply(emissions, transitions, start, end, packed, library)  # type: ignore[no-untyped-call]
    return result


def score(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    tags: Int[Tensor, "decoders positions"],
    packed: PackedLayout,
    library: CDLL,
) -> Float[Tensor, "decoders rows"]:
    """The score of the given tags per sentence in float64; IndexError where a tag is not one of the decoder's."""
    result: Tensor = _Score.apply(emissions, transitions, start, end, tags, packed, library)  # type: ignore[no-untyped-call]
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
        library: CDLL,
    ) -> Float[Tensor, "decoders rows"]:
        emissions, transitions, start = emissions.contiguous(), transitions.contiguous(), start.contiguous()
        decoders, rows = packed.lengths.shape
        row_max = transitions.amax(-1)
        weights = (transitions - row_max.unsqueeze(-1)).exp()
        alpha = emissions.new_zeros(decoders, rows, emissions.shape[-1])  # of each row's last position
        scale = torch.zeros(decoders, rows, dtype=torch.float64)
        underflows = torch.zeros(decoders, rows, dtype=torch.long)
        source, sums = torch.zeros_like(emissions), torch.empty_like(emissions)
        CHAIN.call(
            library.crf_forward,
            **_layout(emissions, packed, library),
            emissions=emissions,
            start=start,
            weights=weights,
            row_max=row_max,
            alpha=alpha,
            scale=scale,
            source=source,
            sums=sums,
            underflows=underflows,
            smallest=UNDERFLOW,
        )
        if bool(underflows.any()):
            return scale.fill_(torch.nan)
        final = alpha + end.unsqueeze(1)
        ctx.save_for_backward(final, source, sums, weights)
        ctx.packed, ctx.library = packed, library
        return (scale + final.logsumexp(-1).double()).masked_fill(packed.lengths == 0, 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        packed: PackedLayout = ctx.packed
        final, source, sums, weights = ctx.saved_tensors
        ending = ending_marginals(final, grads[0], packed)
        marginals, ratio = torch.zeros_like(source), torch.zeros_like(source)
        CHAIN.call(
            ctx.library.crf_backward,
            **_layout(source, packed, ctx.library),
            weights=weights.transpose(1, 2).contiguous(),
            source=source,
            sums=sums,
            ending=ending,
            marginals=marginals,
            ratio=ratio,
            smallest=UNDERFLOW,
        )
        d_transitions = weights * (source.transpose(1, 2) @ ratio)
        return marginals, d_transitions, marginals[:, : packed.rows_at[0]].sum(1), ending.sum(1), None, None


class _Score(torch.autograd.Function):
    """Sums along the given tags; only the scores in these sums have gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Float[Tensor, "decoders positions tags"],
        transitions: Float[Tensor, "decoders tags tags"],
        start: Float[Tensor, "decoders tags"],
        end: Float[Tensor, "decoders tags"],
        gold: Int[Tensor, "decoders positions"],
        packed: PackedLayout,
        library: CDLL,
    ) -> Float[Tensor, "decoders rows"]:
        places, gold = _places(emissions, packed), gold.long().contiguous()
        score = torch.empty(packed.lengths.shape, dtype=torch.float64)
        scores = (emissions, transitions, start, end)
        names = ("emissions", "transitions", "start", "end")
        given: dict[str, Any] = {name: values.contiguous() for name, values in zip(names, scores, strict=True)}
        unknown = GOLD_TAGS.call(library.crf_score, **places, **given, gold=gold, score=score)
        if unknown:
            raise IndexError(
                f"{unknown} sentences have tags that are not among the {emissions.shape[2]} of the decoder"
            )
        ctx.save_for_backward(gold)
        ctx.shapes, ctx.places, ctx.library = [values.shape for values in scores], places, library
        return score

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        names = ("d_emissions", "d_transitions", "d_start", "d_end")
        made: dict[str, Any] = {
            name: torch.zeros(shape, dtype=FLOAT) for name, shape in zip(names, ctx.shapes, strict=True)
        }
        GOLD_TAGS.call(
            ctx.library.crf_score_backward, **ctx.places, **made, gold=ctx.saved_tensors[0], score=grads[0].contiguous()
        )
        return *made.values(), None, None, None


@torch.no_grad()
def argmax(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
    library: CDLL,
) -> Int[Tensor, "decoders positions"]:
    """The tags of every sentence that have the highest score; 0 outside the mask."""
    best = torch.zeros(emissions.shape[:2], dtype=torch.long)
    CHAIN.call(
        library.crf_viterbi,
        **_layout(emissions, packed, library),
        emissions=emissions.contiguous(),
        start=start.contiguous(),
        end=end.contiguous(),
        weights=transitions.contiguous(),
        into=transitions.transpose(1, 2).contiguous(),
        source=emissions.new_empty(emissions.shape),
        best=best,
    )
    return best


def _layout(emissions: Tensor, packed: PackedLayout, library: CDLL) -> dict[str, Any]:
    """The sizes and layout, with memory for panels."""
    floats = library.crf_panel_floats(emissions.shape[0], emissions.shape[2])
    return {**_places(emissions, packed), "panel_floats": floats, "panels": emissions.new_empty(floats)}


def _places(emissions: Tensor, packed: PackedLayout) -> dict[str, Any]:
    """The sizes and the layout of sentences."""
    decoders, positions, tags = emissions.shape
    return {
        "decoders": decoders,
        "positions": positions,
        "rows": packed.lengths.shape[1],
        "tags": tags,
        "steps": len(packed.offsets),
        "offsets": packed.starts,
        "lengths": packed.lengths.long().contiguous(),
    }
