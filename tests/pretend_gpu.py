"""A pretended GPU: what is told to be on ``cuda`` computes on the CPU, but mixing the two fails as it would on a GPU.

A tensor is on the GPU if its storage is marked so. A function mode answers what Python asks of devices, a dispatch mode
marks results, refuses mixtures, and counts what a GPU would launch and what the program would wait for.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
# the host must know the shape of what they give, or its value
WAITED_FOR = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "bincount", "equal", "repeat_interleave"}
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
NO_LAUNCH = {"empty", "empty_like", "new_empty", "empty_strided", "_unsafe_view", "_local_scalar_dense"}
grouped = torch._C._group_tensors_by_device_and_dtype


class Generator(torch.Generator):
    """A generator that remembers the device it was asked for."""

    def __new__(cls, device: Any = "cpu") -> "Generator":
        made = super().__new__(cls, "cpu")
        made.home = torch.device(device).type
        return made


def on_gpu(value: Any) -> bool:
    return isinstance(value, Tensor) and getattr(value.untyped_storage(), "on_gpu", False)


def put(tensor: Tensor, gpu: bool) -> Tensor:
    tensor.untyped_storage().on_gpu = gpu  # type: ignore[attr-defined]
    return tensor


def is_cuda(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


class Gpu(TorchFunctionMode):
    """The requests of Python to devices; ``counts`` has (launch or wait, operator, line of the package that waits)."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.inherits = False  # whether what torch makes on its own is made for what lies on the GPU

    def total(self, what: str) -> int:
        return sum(number for (kind, _, _), number in self.counts.items() if kind == what)

    def count(self, what: str, operator: str) -> None:
        frame, place = sys._getframe(1), ""
        while what == "wait" and frame is not None and not place:
            name, line = frame.f_code.co_filename, frame.f_lineno
            place = f"{name.rpartition('/tagmates/')[2]}:{line}" if "/tagmates/" in name else ""
            frame = frame.f_back  # type: ignore[assignment]
        self.counts[what, operator, place] += 1

    @contextmanager
    def making(self, gpu: bool) -> Iterator[None]:
        before, self.inherits = self.inherits, gpu
        try:
            yield
        finally:
            self.inherits = before

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        gpu = bool(args) and on_gpu(args[0])
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            return CUDA if gpu else CPU
        if func is Tensor.backward:
            with self.making(gpu), self:  # what the package's own gradients ask of devices
                return torch.autograd.backward(args[0])
        if func in (Tensor.to, Tensor.cpu):
            return self.move(name, *args, **kwargs)
        if gpu and name in ("numpy", "__array__"):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if gpu and name == "tolist":
            self.count("wait", name)
        device = kwargs.get("device")
        generator = kwargs.get("generator")
        if generator is not None and (getattr(generator, "home", "cpu") == "cuda") != (is_cuda(device) or gpu):
            raise RuntimeError("Expected a generator of the device where numbers are drawn")
        if device is None:
            with self.making(any(map(on_gpu, tree_leaves((args, kwargs))))):
                return func(*args, **kwargs)
        kwargs["device"] = CPU
        with self.making(False):
            found = func(*args, **kwargs)
        if is_cuda(device):
            self.count("wait" if name == "tensor" else "launch", name)
        return put(found, is_cuda(device))

    def move(self, name: str, tensor: Tensor, *given: Any, non_blocking: bool = False, **named: Any) -> Tensor:
        device = CPU if name == "cpu" else named.pop("device", None)
        for value in given:
            if isinstance(value, Tensor):
                device, named["dtype"] = CUDA if on_gpu(value) else CPU, value.dtype
            elif isinstance(value, torch.dtype):
                named["dtype"] = value
            elif isinstance(value, bool):
                non_blocking = value
            elif value is not None:
                device = value
        moved = tensor.to(**named) if named else tensor
        if device is None or is_cuda(device) == on_gpu(tensor):
            return moved
        if on_gpu(tensor) or not non_blocking:
            self.count("wait", name)
        return put(moved.clone(), is_cuda(device))


class Operators(TorchDispatchMode):
    """Every operator: refuse mixtures, mark what it makes, count."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, name = kwargs or {}, func._schema.name.removeprefix("aten::")
        where = [on_gpu(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        gpu = any(where) if where else self.gpu.inherits
        if gpu and not all(where):
            self.check(func, name, args, kwargs)
        found = func(*args, **kwargs)
        if not gpu:
            return found
        if name != "copy_":
            for leaf in tree_leaves(found):
                if isinstance(leaf, Tensor):
                    put(leaf, True)
        view = any(made.alias_info is not None and not made.alias_info.is_write for made in func._schema.returns)
        if not view and name not in NO_LAUNCH:
            self.gpu.count("launch", name)
        if name in WAITED_FOR or (name in INDEXING and any(i is not None and i.dtype == torch.bool for i in args[1])):
            self.gpu.count("wait", name)
        return found

    def check(self, func: Any, name: str, args: Any, kwargs: Any) -> None:
        """Raise where torch would."""
        numbers = torch.Tag.pointwise in func.tags or name in ("where", "masked_fill", "masked_fill_")
        allowed = [leaf for leaf in tree_leaves((args, kwargs)) if numbers and getattr(leaf, "ndim", 1) == 0]
        if name == "copy_":
            allowed = list(args[:2])
        elif name in INDEXING and on_gpu(args[0]):
            allowed = list(args[1])
        strange = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and not on_gpu(leaf)]
        if not all(any(leaf is other for other in allowed) for leaf in strange):
            raise RuntimeError(f"Expected all tensors to be on the same device: {func}")
        if name == "copy_" or name in INDEXING:
            self.gpu.count("wait", f"{name} between devices")


def _grouped(given: Any, with_indices: bool = False) -> Any:
    """The groups by device that torch makes in C++, which knows only the CPU."""
    found = grouped(given, with_indices)
    return {(CUDA if on_gpu(lists[0][0]) else place, kind): (lists, i) for (place, kind), (lists, i) in found.items()}


@contextmanager
def pretended() -> Iterator[Gpu]:
    """A GPU for as long as this lasts."""
    gpu = Gpu()
    with (
        mock.patch("torch.Generator", Generator),
        mock.patch("torch.cuda.is_available", lambda: True),
        mock.patch("torch._C._group_tensors_by_device_and_dtype", _grouped),
        gpu,
        Operators(gpu),
    ):
        yield gpu
