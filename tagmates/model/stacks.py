"""The parameters of several modules, each kind in one tensor, so that a step of all of them copies nothing.

A module keeps parameters of its own, which are views of what they lie in: they can be read, saved and written as ever.
Only gradients are those of the whole.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor, nn

TABLES = ("words", "characters.table", "tasks")  # lie end to end; everything else in layers, by shape


@dataclass(frozen=True, slots=True)
class Whole:
    """What equal parameters of several lanes lie in: a leaf of autograd. ``lane`` is that of each item of axis 0."""

    values: Tensor
    lane: Int[Tensor, " items"]


@dataclass(frozen=True, slots=True)
class _Place:
    whole: Tensor
    start: int
    stop: int


def lay_together(modules: Sequence[nn.Module]) -> list[Whole]:
    """Lay the parameters of these modules (a lane each) into as few tensors as there are kinds and shapes.

    Each is laid in the order of lanes and, within one, of the module.
    """
    kinds: dict[object, list[tuple[int, nn.Parameter]]] = defaultdict(list)
    for lane, module in enumerate(modules):
        for name, parameter in module.named_parameters():
            layer = name if not name.startswith("decoders.") else name.rpartition(".")[2]
            kinds[name if name in TABLES else (layer, parameter.shape)].append((lane, parameter))
    return [_lay(members, end_to_end=kind in TABLES) for kind, members in kinds.items()]


def _lay(members: Sequence[tuple[int, nn.Parameter]], *, end_to_end: bool) -> Whole:
    parts = [parameter.data if end_to_end else parameter.data.unsqueeze(0) for _, parameter in members]
    values = torch.cat(parts).requires_grad_()
    lane = torch.tensor([lane for lane, _ in members]).repeat_interleave(torch.tensor([len(part) for part in parts]))
    start = 0
    for (_, parameter), part in zip(members, parts, strict=True):
        stop = start + len(part)
        own = values.data[start:stop]
        parameter.data = own if end_to_end else own[0]
        parameter.place = _Place(values, start, stop)  # type: ignore[attr-defined]
        start = stop
    return Whole(values, lane.to(values.device))


def stacked(parameters: Sequence[Tensor]) -> Tensor:
    """One tensor with a leading lane axis; no copy for a single lane, nor for all that lie in one tensor."""
    if (laid := _laid(parameters)) is not None:
        return laid
    return parameters[0].unsqueeze(0) if len(parameters) == 1 else torch.stack([own(p) for p in parameters])


def joined(tables: Sequence[Tensor]) -> Tensor:
    """Tables end to end; no copy for a single one, nor for all that lie in one tensor."""
    if (laid := _laid(tables)) is not None:
        return laid
    return tables[0] if len(tables) == 1 else torch.cat([own(table) for table in tables])


def own(parameter: Tensor) -> Tensor:
    """The parameter, such that a gradient reaches what it lies in."""
    place: _Place | None = getattr(parameter, "place", None)
    if place is None:
        return parameter
    return part_of(place.whole, parameter)


def _laid(parameters: Sequence[Tensor]) -> Tensor | None:
    """The tensor that these lie in, or copies of their items of it; None unless all lie in one."""
    places: list[_Place | None] = [getattr(parameter, "place", None) for parameter in parameters]
    first = places[0]
    if first is None or any(place is None or place.whole is not first.whole for place in places):
        return None
    bounds = [(place.start, place.stop) for place in places if place is not None]
    if bounds[0][0] == 0 and bounds[-1][1] == len(first.whole) and all(a[1] == b[0] for a, b in pairwise(bounds)):
        return first.whole
    return torch.cat([first.whole[start:stop] for start, stop in bounds])


def part_of(values: Tensor, parameter: Tensor) -> Tensor:
    """A view of the items of ``values`` that stand where the parameter does in what it lies in."""
    place: _Place = parameter.place  # type: ignore[attr-defined]
    part = values[place.start : place.stop]
    return part if part.ndim == parameter.ndim else part[0]


def take_apart(module: nn.Module) -> None:
    """Give a module parameters of its own again, where it was laid together with others."""
    for parameter in module.parameters():
        if hasattr(parameter, "place"):
            parameter.data = parameter.data.clone()
            del parameter.place
