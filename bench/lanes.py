"""Trainings side by side: updates and tokens per second, summed over lanes, by how many there are.

    python bench/lanes.py [--data DIR] [--device auto] [--cases pairs,te_pairs,all] [--lanes 1,2,4,8] [--seconds 5]
                          [--layouts 1x2x1,2x1x1,...] [--rounds 3] [--json]

Cases: ``pairs`` are pairs of tasks with MULTI-DEC, all different; ``te_pairs`` the same with TE⊕DEC; ``all`` is All
with MULTI-DEC, by seeds. ``plain`` is one training at a time of the plain tagger (baseline.py) on the same device. Of
each case it says how much of the layout is filled by tokens, the memory (with the runs of the widest row), the
arithmetic of the word encoder in GFLOP/s and as a share of a matrix product's rate in the same run, and the share of
the floor: no step of all lanes takes less time than its arithmetic at that rate (or, on a GPU, than reading the
recurrent weights once per time step and direction, forward and backward), and reading and writing once what Adam must.

On a CPU follow the layouts, processes x threads x lanes, with random and with bucketed batches, in GFLOP/s beside a
matrix product in as many processes and threads. Everything is printed as it is measured; with ``--json`` a line each.
"""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations, cycle, islice
from typing import Any
from unittest.mock import patch

import torch
from baseline import Training
from encoder import FLOP, matrix_products
from rounds import alternate, arguments, show, summary
from workers import Side, Workers

from tagmates.batching.batches import Batch
from tagmates.config import Sharing
from tagmates.data.tasks import load_tasks
from tagmates.settings_parsing import resolve
from tagmates.study.task_cache import prepare
from tagmates.training import loop
from tagmates.training.device import choose_device
from tagmates.training.loop import Updated, train_side_by_side
from tagmates.training.run import Run

SHARINGS: dict[str, Sharing] = {"pairs": "multi_dec", "te_pairs": "te_dec", "all": "multi_dec"}
WARM_UP = 3  # updates of every lane
GPU_LANES, CPU_LANES = "1,2,4,8,16,32,64,128", "1,2,4,8"
LAYOUTS = "1x2x1,2x1x1,1x1x1,1x2x2,2x1x2,1x1x2,1x2x4,2x1x4"
RECURRENT = 2 * 2 * 3 * 300 * 300 * 4 * 2  # bytes of both layers' recurrent weights, forward and backward
ADAM = 7 * 4  # bytes of a parameter: itself, gradient and two moments are read, all but the gradient written


@dataclass
class Seen:
    """Properties of the batches of a measurement."""

    positions: int = 0
    filled: int = 0
    steps: int = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at every batch that is made for training."""
        plain = loop.collate

        def collate(*given: Any) -> Batch:
            batch = plain(*given)
            self.positions += batch.packed.mask.numel()
            self.filled += int(batch.packed.lengths.sum())
            self.steps += len(batch.packed.rows_at)
            return batch

        with patch.object(loop, "collate", collate):
            yield


def runs_of(case: str, number: int, data: str, device: str, **training: object) -> list[Run]:
    """A number of different runs of a case."""
    tasks = tuple(load_tasks(data))
    joint = [tasks] if case == "all" else list(combinations(tasks, 2))
    # far apart in the list, so that few lanes are as mixed as many
    order = [joint[i * 7 % len(joint)] for i in range(len(joint))] if len(joint) % 7 else joint
    settings = [f"training.{key}={str(value).lower()}" for key, value in training.items()]
    configs = [
        resolve("paper", None, settings, {"tasks": chosen, "sharing": SHARINGS[case], "seed": 1 + i // len(order)})
        for i, chosen in enumerate(islice(cycle(order), number))
    ]
    return [prepare(config, data, device) for config in configs]


def updates(runs: Sequence[Run]) -> Iterator[int]:
    """Train them side by side; the tokens of every update."""
    for event in train_side_by_side(runs, len(runs)):
        if isinstance(event, Updated):
            yield event.tokens


def for_a_while(seconds: float, some: Callable[[], int], device: str) -> tuple[int, int, float]:
    """Updates and tokens of as many calls as last so long, and how long they took."""
    settle(device)
    began, number, tokens = time.perf_counter(), 0, 0
    while time.perf_counter() - began < seconds:
        tokens += some()
        number += 1
    settle(device)
    return number, tokens, time.perf_counter() - began


def settle(device: str) -> None:
    """Wait until the device has done all it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def side_by_side(runs: Sequence[Run], device: str, seconds: float) -> dict[str, float]:
    """The speed of these runs as lanes."""
    lanes = len(runs)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    stream = updates(runs)
    for _ in range(WARM_UP * lanes):
        next(stream)
    seen = Seen()
    with seen.watching():
        number, tokens, spent = for_a_while(seconds, lambda: sum(islice(stream, lanes)), device)
    steps = number * lanes
    rate, bandwidth = product_rate(device), copy_rate(device)
    parameters = sum(p.numel() for run in runs for p in run.module.parameters())
    arithmetic = FLOP * tokens / rate / 1e9
    reading = RECURRENT * lanes * seen.steps / bandwidth / 1e9 if device == "cuda" else 0.0
    floor = max(arithmetic, reading) + ADAM * parameters * number / bandwidth / 1e9
    return {
        "updates/s": steps / spent,
        "tokens/s": tokens / spent,
        "filled": seen.filled / max(seen.positions, 1),
        "GiB": memory(device),
        "GFLOP/s": FLOP * tokens / spent / 1e9,
        "of a product": arithmetic / spent,
        "of the floor": floor / spent,
    }


def plain(case: str, data: str, device: str, seconds: float) -> dict[str, float]:
    """The speed of one run of the plain tagger."""
    (run,) = runs_of(case, 1, data, "cpu")
    with torch.device(device):
        training = Training(run)
        for _ in range(WARM_UP):
            training.update()
        number, tokens, spent = for_a_while(seconds, training.update, device)
    return {"updates/s": number / spent, "tokens/s": tokens / spent, "GFLOP/s": FLOP * tokens / spent / 1e9}


def memory(device: str) -> float:
    """GiB at most: of the GPU, or of this process so far."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def product_rate(device: str) -> float:
    """GFLOP/s of matrix products in float32: on a GPU many of a layer's size at a time."""
    if device == "cpu":
        return sorted(matrix_products() for _ in range(5))[2]
    a, b = torch.randn(64, 800, 600, device=device), torch.randn(64, 600, 1800, device=device)
    torch.bmm(a, b)
    settle(device)
    began = time.perf_counter()
    for _ in range(10):
        torch.bmm(a, b)
    settle(device)
    return 10 * 2 * 64 * 800 * 600 * 1800 / (time.perf_counter() - began) / 1e9


def copy_rate(device: str) -> float:
    """GB/s read and written by a copy that no cache holds."""
    a = torch.zeros(2**26, device=device)
    b = torch.empty_like(a)
    b.copy_(a)
    settle(device)
    began = time.perf_counter()
    for _ in range(5):
        b.copy_(a)
    settle(device)
    return 5 * 2 * a.numel() * 4 / (time.perf_counter() - began) / 1e9


def sides(lanes: int, data: str, seed: int, seconds: float) -> dict[str, Side]:
    """The two ways of batching, and products of matrices."""
    made: dict[str, Side] = {"product": products}
    for name, bucketed in (("random", False), ("bucketed", True)):
        stream = updates(runs_of("pairs", lanes + seed, data, "cpu", bucketed=bucketed)[seed:])
        for _ in range(WARM_UP * lanes):
            next(stream)
        made[name] = lambda stream=stream: for_a_while(seconds, lambda: sum(islice(stream, lanes)), "cpu")[1:]
    return made


def products() -> tuple[int, float]:
    """Matrix products, counted as tokens of the same arithmetic."""
    return round(matrix_products() * 1e9 / FLOP), 1.0


def layout(shape: str, data: str, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """GFLOP/s of processes x threads x lanes."""
    processes, threads, lanes = map(int, shape.split("x"))
    workers = Workers(threads, sides, [(lanes, data, seed, seconds) for seed in range(processes)])
    ways: dict[str, Callable[[], float]] = {
        name: lambda n=name: workers.rate(n) * FLOP / 1e9 for name in ("product", "random", "bucketed")
    }
    found = summary(alternate(ways, rounds))
    workers.close()
    for name in ("random", "bucketed"):
        found[name]["of a product"] = round(found[name]["median"] / found["product"]["median"], 2)
    return found


def table(
    cases: Sequence[str], lanes: Sequence[int], data: str, device: str, seconds: float
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """The rows of every case as they are measured; one that does not fit into the memory says nothing."""
    for case in cases:
        title, alone = f"{case}, {device}", plain(case, data, device, seconds)
        yield title, "plain, one at a time", alone
        runs = runs_of(case, max(lanes), data, device)
        for number in lanes:
            try:
                row = side_by_side(runs[:number], device, seconds)
            except torch.OutOfMemoryError:
                yield title, f"{number} lanes: out of memory", {}
                continue
            yield title, f"{number} lanes", row | {"times plain": row["tokens/s"] / alone["tokens/s"]}


def main() -> None:
    """Measure and print."""
    options = arguments(
        __doc__, data="starter", device="auto", cases="pairs,te_pairs,all", lanes="", seconds=5.0, layouts=LAYOUTS
    )
    device = choose_device(options.device)
    torch.set_num_threads(1)
    lanes = [int(n) for n in (options.lanes or (GPU_LANES if device == "cuda" else CPU_LANES)).split(",")]
    cases, layouts = ([name for name in names.split(",") if name] for names in (options.cases, options.layouts))
    for case, name, row in table(cases, lanes, options.data, device, options.seconds):
        show({case: {name: {key: round(value, 3) for key, value in row.items()}}}, as_json=options.json)
    for shape in layouts if device == "cpu" else ():
        found = layout(shape, options.data, options.seconds, options.rounds)
        show({f"{shape} (processes x threads x lanes), GFLOP/s": found}, as_json=options.json)


if __name__ == "__main__":
    main()
