"""The GRU's kernels in Triton with other blocks, warps, stages and products: milliseconds of a layer, and how exact.

    python bench/gru_blocks.py [--data DIR] [--device cuda] [--lanes 64] [--hidden 300] [--workers 12]
        [--kinds tf32x3:32x64x32x8x3,...]

A kind is PRECISION:ROWSxUNITSxTERMSxWARPSxSTAGES; the first is the one in use. Lanes have batches of random pairs of
the data. First all kinds are compiled, in several processes. ``error`` is the largest difference of the states and of
the inputs' gradient from those of torch in float64 with two lanes, relative to the largest value. On a CPU, set
TRITON_INTERPRET=1 and choose a small --hidden: it then says whether a kind computes the right thing.
"""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context

import torch
import triton
from lanes import settle
from rounds import arguments

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.data.corpora import load_split
from tagmates.data.tasks import load_tasks
from tagmates.kernels import reference
from tagmates.kernels.triton import gru

KINDS = (
    "tf32x3:32x64x32x8x3,tf32x3:32x64x32x8x2,tf32x3:32x64x32x8x4,tf32x3:32x32x32x4x3,tf32x3:32x64x64x8x3,"
    "tf32x3:16x64x32x8x3,tf32x3:16x64x32x4x3,bf16x3:32x64x32x8x3,bf16x3:32x64x64x8x3,bf16x3:16x64x32x4x3,"
    "tf32:32x64x32x8x3,tf32:32x64x64x8x3"
)
ROWS = 32  # sentences of a batch
INPUTS = 100  # of a layer


def batches(data: str, lanes: int, device: str) -> PackedLayout:
    """The layout of a batch of every lane, from the tasks in turn."""
    draw = torch.Generator().manual_seed(1)
    lengths = [torch.tensor([len(s) for s in load_split(task, "train")]) for task in load_tasks(data).values()]
    chosen = [own[torch.randperm(len(own), generator=draw)[:ROWS]] for own in islice(cycle(lengths), lanes)]
    return PackedLayout.of(torch.stack(chosen).sort(1, descending=True).values, device)


class Layer:
    """Random inputs and weights of a layer for these lanes, and its kernels with one kind of blocks."""

    def __init__(self, packed: PackedLayout, hidden: int, kind: str, device: str) -> None:
        precision, _, blocks = kind.partition(":")
        rows, units, terms, warps, stages = map(int, blocks.split("x"))
        self.packed, lanes = packed, len(packed.lengths)
        draw = torch.Generator().manual_seed(2)

        def random(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=draw).to(device)

        self.inputs = random(lanes, packed.positions, INPUTS).requires_grad_()
        self.weights = (
            random(lanes, 2, 3 * hidden, INPUTS) / INPUTS**0.5,
            random(lanes, 2, 3 * hidden),
            random(2 * lanes, 3 * hidden, hidden) / hidden**0.5,
            random(2 * lanes, 3 * hidden),
        )
        plain = gru._layout

        def layout(*given: object) -> dict[str, object]:
            made = plain(*given)  # type: ignore[arg-type]
            grid = (2 * lanes, triton.cdiv(packed.lengths.shape[1], rows))
            small = max(16, triton.next_power_of_2(hidden))
            own = {"ROWS": rows, "UNITS": min(units, small), "INNER": min(terms, small), "PRECISION": precision}
            return {**made, **own, "grid": grid, "num_warps": warps, "num_stages": stages}

        self.layout = layout

    def both(self, layer: Callable[..., torch.Tensor] = gru.gru_layer) -> tuple[torch.Tensor, torch.Tensor]:
        """The states, and the inputs' gradient."""
        plain, gru._layout = gru._layout, self.layout  # type: ignore[assignment]
        try:
            given = [value.to(self.inputs.dtype) for value in self.weights]
            states = layer(self.inputs, *given, self.packed) * self.packed.mask.unsqueeze(-1)
            (gradient,) = torch.autograd.grad(states.square().sum(), self.inputs)
        finally:
            gru._layout = plain
        return states.detach(), gradient


def compile_kind(kind: str, data: str, hidden: int, device: str) -> float:
    """Compile the kernels of a kind, or find them compiled; the error of their results."""
    made = Layer(batches(data, 2, device), hidden, kind, device)
    ours = made.both()
    made.inputs = made.inputs.detach().double().requires_grad_()
    theirs = made.both(reference.gru_layer)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, theirs, strict=True))


def milliseconds(work: Callable[[], object], device: str) -> float:
    """The time of a call, after one that warms up."""
    work()
    settle(device)
    began, number = time.perf_counter(), 0
    while time.perf_counter() - began < 0.3:
        work()
        settle(device)
        number += 1
    return (time.perf_counter() - began) / number * 1000


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", device="cuda", lanes=64, hidden=300, workers=12, kinds=KINDS)
    kinds, device = options.kinds.split(","), options.device
    torch.set_num_threads(1)
    errors: dict[str, float | str] = {}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        compiling = partial(compile_kind, data=options.data, hidden=options.hidden, device=device)
        for kind, made in {kind: pool.submit(compiling, kind) for kind in kinds}.items():
            try:
                errors[kind] = made.result()
            except Exception as error:  # whatever a compiler says: this kind is none
                errors[kind] = f"{type(error).__name__}: {str(error)[:100]}"
    packed = batches(options.data, options.lanes, device)
    print(f"{options.lanes} lanes, {len(packed.rows_at)} steps, {options.hidden} units; a layer's forward and backward")
    for kind, error in errors.items():
        if isinstance(error, str):
            print(f"  {kind:24} {error}", flush=True)
            continue
        layer = Layer(packed, options.hidden, kind, device)
        print(f"  {kind:24} {milliseconds(layer.both, device):8.2f} ms   error {error:.1e}", flush=True)


if __name__ == "__main__":
    main()
