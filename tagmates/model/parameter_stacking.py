"""The parameters of several lanes in shared tensors, so that an update of all lanes copies nothing.

The parameters of every module become views of shared tensors, so that they can be read, saved and written as before.
Only the shared tensors have gradients.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor, nn

# look-up tables, which are laid end to end; all other parameters of a shape are stacked along a new axis
TABLES = ("words", "characters.table", "tasks")


@dataclass(frozen=True, slots=True)
class SharedTensor:
    """A tensor of parameters of several lanes, which is a leaf of autograd, and the lane of each item of its axis 0."""

    values: Tensor
    lane: Int[Tensor, " items"]


@dataclass(frozen=True, slots=True)
class _Part:
    """The items of a shared tensor that are one parameter."""

    shared: Tensor
    start: int
    stop: int


def share_parameters(modules: Sequence[nn.Module]) -> list[SharedTensor]:
    """Move the parameters of these modules, one per lane, into shared tensors: one for each kind and shape.

    The items of a shared tensor are in the order of the lanes and, within a lane, in that of the module.
    """
    kinds: dict[object, list[tuple[int, nn.Parameter]]] = defaultdict(list)
    for lane, module in enumerate(modules):
        for name, parameter in module.named_parameters():
            kind = name.rpartition(".")[2] if name.startswith("decoders.") else name
            kinds[name if name in TABLES else (kind, parameter.shape)].append((lane, parameter))
    return [_share(members, end_to_end=kind in TABLES) for kind, members in kinds.items()]


def _share(members: Sequence[tuple[int, nn.Parameter]], *, end_to_end: bool) -> SharedTensor:
    parts = [parameter.data if end_to_end else parameter.data.unsqueeze(0) for _, parameter in members]
    values = torch.cat(parts).requires_grad_()
    lane = torch.tensor([lane for lane, _ in members]).repeat_interleave(torch.tensor([len(part) for part in parts]))
    start = 0
    for (_, parameter), part in zip(members, parts, strict=True):
        stop = start + len(part)
        own = values.data[start:stop]
        parameter.data = own if end_to_end else own[0]
        parameter.part = _Part(values, start, stop)  # type: ignore[attr-defined]
        start = stop
    return SharedTensor(values, lane.to(values.device))


def stacked(parameters: Sequence[Tensor]) -> Tensor:
    """The parameters along a new first axis; not a copy if there is only one, or if they fill a shared tensor."""
    if (shared := _shared(parameters)) is not None:
        return shared
    return parameters[0].unsqueeze(0) if len(parameters) == 1 else torch.stack([with_gradient(p) for p in parameters])


def joined(tables: Sequence[Tensor]) -> Tensor:
    """The tables end to end; not a copy if there is only one, or if they fill a shared tensor."""
    if (shared := _shared(tables)) is not None:
        return shared
    return tables[0] if len(tables) == 1 else torch.cat([with_gradient(table) for table in tables])


def with_gradient(parameter: Tensor) -> Tensor:
    """The parameter; if it is part of a shared tensor, as a view of it through which gradients reach that tensor."""
    part: _Part | None = getattr(parameter, "part", None)
    return parameter if part is None else part_of(part.shared, parameter)


def _shared(parameters: Sequence[Tensor]) -> Tensor | None:
    """The shared tensor that these parameters fill, or a copy of their items in it; None unless they share a tensor."""
    parts: list[_Part | None] = [getattr(parameter, "part", None) for parameter in parameters]
    first = parts[0]
    if first is None or any(part is None or part.shared is not first.shared for part in parts):
        return None
    bounds = [(part.start, part.stop) for part in parts if part is not None]
    if bounds[0][0] == 0 and bounds[-1][1] == len(first.shared) and all(a[1] == b[0] for a, b in pairwise(bounds)):
        return first.shared
    return torch.cat([first.shared[start:stop] for start, stop in bounds])


def part_of(values: Tensor, parameter: Tensor) -> Tensor:
    """The items of ``values``, which has the shape of the shared tensor, that belong to this parameter, as a view."""
    part: _Part = parameter.part  # type: ignore[attr-defined]
    items = values[part.start : part.stop]
    return items if items.ndim == parameter.ndim else items[0]


def unshare_parameters(module: nn.Module) -> None:
    """Move the parameters of a module out of shared tensors, into tensors of their own."""
    for parameter in module.parameters():
        if hasattr(parameter, "part"):
            parameter.data = parameter.data.clone()
            del parameter.part
