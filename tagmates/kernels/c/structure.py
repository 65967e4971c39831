"""The structures in which functions in C take their arguments."""

import ctypes
import math
from typing import Any

import torch
from torch import Tensor

LONG, FLOAT, DOUBLE = torch.int64, torch.float32, torch.float64


class Structure:
    """A structure in C of sizes (int64_t), then arrays (pointers), then numbers (double)."""

    def __init__(self, sizes: str, *, numbers: str = "", **arrays: tuple[torch.dtype, str]) -> None:
        """Name the fields in the order in which C declares them.

        An array is given by its type and its shape: names of sizes, or numbers.
        """
        self.sizes = sizes.split()
        self.arrays = {name: (dtype, shape.split()) for name, (dtype, shape) in arrays.items()}
        fields: list[tuple[str, Any]] = [(name, ctypes.c_int64) for name in self.sizes]
        fields += [(name, ctypes.c_void_p) for name in self.arrays]
        fields += [(name, ctypes.c_double) for name in numbers.split()]
        self.structure = type("Structure", (ctypes.Structure,), {"_fields_": fields})

    def call(self, function: Any, **values: Any) -> int | None:
        """Call a function with these values and return its result; arrays that it does not need may be left out.

        Raises ValueError for an array of another type, layout or number of items.
        """
        fields: dict[str, Any] = {name: value for name, value in values.items() if name not in self.arrays}
        for name, value in values.items():
            if not isinstance(value, Tensor):
                continue
            dtype, shape = self.arrays[name]
            items = math.prod(fields[size] if size in fields else int(size) for size in shape)
            if value.dtype != dtype or not value.is_contiguous() or value.numel() != items:
                raise ValueError(
                    f"{name}: {value.dtype} of shape {tuple(value.shape)} and strides {value.stride()}; expected "
                    f"contiguous {dtype} of {items} items ({' x '.join(shape)})"
                )
        pointers = {name: value.data_ptr() for name, value in values.items() if isinstance(value, Tensor)}
        returned: int | None = function(ctypes.byref(self.structure(**fields, **pointers)))
        return returned
