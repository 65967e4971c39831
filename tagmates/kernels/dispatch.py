"""The choice between the kernels: C for float32 on a CPU, Triton for float32 on a GPU, and otherwise the reference."""

import logging
import os
from collections.abc import Sequence
from ctypes import CDLL
from functools import cache
from types import ModuleType

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import c, reference
from tagmates.kernels.build import compiled

log = logging.getLogger("tagmates")
TRITON_TOLERANCE = 1e-4  # the largest difference from the reference, relative to the largest value


def kernels_on(device: torch.device) -> str:
    """The kernels that a run on this device uses: ``compiled``, ``triton`` or ``torch``."""
    if device.type == "cpu":
        return "torch" if compiled().library is None else "compiled"
    return "triton" if device.type == "cuda" and triton_kernels(device) is not None else "torch"


def why_no_kernels(device: torch.device) -> str:
    """The reason why a run on this device uses torch."""
    if device.type == "cpu":
        return compiled().problem
    return "those in Triton do not work here, or TAGMATES_NATIVE=0"


def library_for(*values: Tensor) -> CDLL | None:
    """The library in C if it can take these tensors, which must be float32 and on a CPU; None with autocast."""
    suits = all(value.device.type == "cpu" and value.dtype == torch.float32 for value in values)
    return compiled().library if suits and not torch.is_autocast_enabled("cpu") else None


def triton_for(*values: Tensor) -> ModuleType | None:
    """The kernels in Triton if they can take these tensors, which must be float32 and on a GPU; None with autocast."""
    suits = all(value.is_cuda and value.dtype == torch.float32 for value in values)
    return triton_kernels(values[0].device) if suits and not torch.is_autocast_enabled("cuda") else None


@cache
def triton_kernels(device: torch.device) -> ModuleType | None:
    """The package ``tagmates.kernels.triton`` if it agrees with the reference on this device; else None and a warning.

    With ``TAGMATES_NATIVE=0`` it is None.
    """
    if os.environ.get("TAGMATES_NATIVE") == "0":
        return None
    try:
        # here, because both need the optional package triton
        from tagmates.kernels import selftest, triton  # noqa: PLC0415

        found = selftest.differences(device)
        wrong = [f"{name} is off by {off:.1e}" for name, off in found.items() if not off < TRITON_TOLERANCE]
        if wrong:
            raise ArithmeticError(", ".join(wrong))
    except Exception as error:  # whatever is wrong with a driver or a compiler, torch can do the work
        log.warning("the kernels in Triton fail on %s, torch does their work, more slowly: %s", device, error)
        return None
    return triton


def gru_layer(
    inputs: Float[Tensor, "lanes positions inputs"],
    input_weight: Float[Tensor, "lanes 2 gates inputs"],
    input_bias: Float[Tensor, "lanes 2 gates"],
    hidden_weight: Float[Tensor, "directions gates hidden"],
    hidden_bias: Float[Tensor, "directions gates"],
    packed: PackedLayout,
) -> Float[Tensor, "lanes positions states"]:
    """The states of a bidirectional GRU layer at every position, as those of ``reference.gru_layer``."""
    values = (inputs, input_weight, input_bias, hidden_weight, hidden_bias)
    if (library := library_for(*values)) is not None:
        return c.gru_layer(*values, packed, library)
    if (triton := triton_for(*values)) is not None:
        states: Tensor = triton.gru_layer(*values, packed)
        return states
    return reference.gru_layer(*values, packed)


def log_partition(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Float[Tensor, "decoders rows"]:
    """The log-partition of every sentence in float64; 0 for an empty one."""
    scores = (emissions, transitions, start, end)
    if (library := library_for(*scores)) is not None:
        scaled = c.scaled_log_partition(*scores, packed, library)
    elif (triton := _triton_for_tags(*scores)) is not None:
        scaled = triton.scaled_log_partition(*scores, packed)
    else:
        scaled = reference.scaled_log_partition(*scores, packed)
    return reference.exact_log_partition(*scores, packed) if bool(scaled.isnan().any()) else scaled


def score(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    tags: Int[Tensor, "decoders positions"],
    packed: PackedLayout,
) -> Float[Tensor, "decoders rows"]:
    """The score of the given tags per sentence, in float64; an error where a tag is not one of the decoder's."""
    scores = (emissions, transitions, start, end)
    if (library := library_for(*scores)) is not None:
        return c.score(*scores, tags, packed, library)
    return reference.score(*scores, tags, packed)


def argmax(
    emissions: Float[Tensor, "decoders positions tags"],
    transitions: Float[Tensor, "decoders tags tags"],
    start: Float[Tensor, "decoders tags"],
    end: Float[Tensor, "decoders tags"],
    packed: PackedLayout,
) -> Int[Tensor, "decoders positions"]:
    """The tags of every sentence that have the highest score; 0 outside the mask."""
    scores = (emissions, transitions, start, end)
    if (library := library_for(*scores)) is not None:
        return c.argmax(*scores, packed, library)
    if (triton := _triton_for_tags(*scores)) is not None:
        tags: Tensor = triton.argmax(*scores, packed)
        return tags
    return reference.argmax(*scores, packed)


def _triton_for_tags(emissions: Tensor, *others: Tensor) -> ModuleType | None:
    """The kernels in Triton if they can take these tensors and this number of tags."""
    triton = triton_for(emissions, *others)
    return triton if triton is not None and emissions.shape[-1] <= triton.TAG_LIMIT else None


def apply_dropout(
    values: Float[Tensor, "lanes positions size"],
    packed: PackedLayout,
    rates: Sequence[float],
    draws: Sequence[torch.Generator],
) -> Float[Tensor, "lanes positions size"]:
    """Set entries to 0 with a lane's rate, and divide the others by 1 - rate; each lane draws its own mask."""
    if (triton := triton_for(values)) is not None:
        dropped: Tensor = triton.apply_dropout(values, packed, rates, draws)
        return dropped
    return reference.apply_dropout(values, packed, rates, draws)


def adam_step(
    values: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    lane: Int[Tensor, " items"],
    factors: Float[Tensor, "5 lanes"],
    epsilon: float,
) -> None:
    """Update ``values``, ``mean`` and ``square`` in place, as ``reference.adam_step`` says."""
    step = reference.adam_step if (triton := triton_for(gradient)) is None else triton.adam_step
    step(values, gradient, mean, square, lane, factors, epsilon)
