"""The parameters of several lanes in shared tensors, one for each kind, so that an update of all lanes copies nothing.

Every module keeps its own parameters, as views of the shared tensors: they can be read, saved and written as before.
Only the gradients are those of the shared tensors.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor, nn

TABLES = ("words", "characters.table", "tasks")  # end to end; all others are stacked along a new axis, by shape


@dataclass(frozen=True, slots=True)
class Whole:
    """A shared tensor, which is a leaf of autograd, and the lane to which each item of its axis 0 belongs."""

    values: Tensor
    lane: Int[Tensor, " items"]


@dataclass(frozen=True, slots=True)
class _Place:
    """The items of a shared tensor that are one parameter."""

    whole: Tensor
    start: int
    stop: int


def lay_together(modules: Sequence[nn.Module]) -> list[Whole]:
    """Put the parameters of these modules, one per lane, into shared tensors: one for each kind and shape.

    The items of a shared tensor are in the order of lanes and, within a lane, of the module.
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
    """One tensor with a leading axis of parameters; not a copy if there is one, or if they fill a shared tensor."""
    if (laid := _laid(parameters)) is not None:
        return laid
    return parameters[0].unsqueeze(0) if len(parameters) == 1 else torch.stack([own(p) for p in parameters])


def joined(tables: Sequence[Tensor]) -> Tensor:
    """Tables end to end; not a copy if there is one, or if they fill a shared tensor."""
    if (laid := _laid(tables)) is not None:
        return laid
    return tables[0] if len(tables) == 1 else torch.cat([own(table) for table in tables])


def own(parameter: Tensor) -> Tensor:
    """The parameter as a part of its shared tensor, if it has one, so that its gradient reaches that tensor."""
    place: _Place | None = getattr(parameter, "place", None)
    if place is None:
        return parameter
    return part_of(place.whole, parameter)


def _laid(parameters: Sequence[Tensor]) -> Tensor | None:
    """The shared tensor of these parameters, or a copy of their items if it has others; None unless they share one."""
    places: list[_Place | None] = [getattr(parameter, "place", None) for parameter in parameters]
    first = places[0]
    if first is None or any(place is None or place.whole is not first.whole for place in places):
        return None
    bounds = [(place.start, place.stop) for place in places if place is not None]
    if bounds[0][0] == 0 and bounds[-1][1] == len(first.whole) and all(a[1] == b[0] for a, b in pairwise(bounds)):
        return first.whole
    return torch.cat([first.whole[start:stop] for start, stop in bounds])


def part_of(values: Tensor, parameter: Tensor) -> Tensor:
    """The items of ``values`` (shaped as the shared tensor) that belong to this parameter, as a view."""
    place: _Place = parameter.place  # type: ignore[attr-defined]
    part = values[place.start : place.stop]
    return part if part.ndim == parameter.ndim else part[0]


def take_apart(module: nn.Module) -> None:
    """Give a module memory of its own again for parameters that are part of a shared tensor."""
    for parameter in module.parameters():
        if hasattr(parameter, "place"):
            parameter.data = parameter.data.clone()
            del parameter.place
