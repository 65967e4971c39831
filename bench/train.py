"""Whole training, tokens per second: tagmates against the plain tagger of baseline.py, and where a step's time goes.

    python bench/train.py [--data DIR] [--cases upos,supsense,multi_dec,te_dec] [--presets paper,practical]
                          [--seconds 3] [--rounds 5] [--json]

A case is a task alone, or all tasks by a sharing method (``multi_dec``, ``te_dec``). Updates are whole: batches made,
forward, backward, clipping, Adam; the baseline's are those of preset ``paper`` (random batches), with tagmates' draws.
One process of two threads, and two processes of one thread each; both sides take turns in the same processes.
The profile is of tagmates in one thread, by torch's profiler, in percent of a step.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import torch
from baseline import Training
from encoder import FLOP, matrix_products
from rounds import alternate, arguments, show, summary
from torch.profiler import ProfilerActivity, profile, record_function
from workers import Side, Workers

from tagmates.config import RunConfig
from tagmates.data.tasks import load_tasks
from tagmates.kernels.c import crf, gru
from tagmates.settings_parsing import resolve
from tagmates.study.task_cache import prepare
from tagmates.training import loop
from tagmates.training.loop import Updated, train_side_by_side

os.environ["KINETO_LOG_LEVEL"] = "9"  # the profiler need not say that it begins
LAYOUTS = {"one process, two threads": (1, 2), "two processes, one thread each": (2, 1)}
PRACTICAL = ("upos", "supsense")  # cases that preset practical is measured on
MATRIX_PRODUCTS = ("aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm")
OPTIMIZER = ("Optimizer", "aten::_fused_adam", "aten::_foreach", "aten::linalg_vector_norm")


def config_of(case: str, preset: str, data: str, seed: int) -> RunConfig:
    """The run of a case."""
    alone = case not in ("multi_dec", "te_dec", "te_enc")
    tasks = (case,) if alone else tuple(load_tasks(data))
    return resolve(preset, None, [], {"tasks": tasks, "sharing": "stl" if alone else case, "seed": seed})


def sides(case: str, preset: str, data: str, seed: int, seconds: float) -> dict[str, Side]:
    """The two runs of a case."""
    theirs = Training(prepare(config_of(case, "paper", data, seed), data, "cpu"))
    ours = updates(config_of(case, preset, data, seed), data)
    return {
        "baseline": lambda: for_a_while(seconds, theirs.update),
        "tagmates": lambda: for_a_while(seconds, lambda: next(ours)),
    }


def updates(config: RunConfig, data: str) -> Iterator[int]:
    """Train; the tokens of every update."""
    for event in train_side_by_side([prepare(config, data, "cpu")]):
        if isinstance(event, Updated):
            yield event.tokens


def for_a_while(seconds: float, update: Callable[[], int]) -> tuple[int, float]:
    """Tokens of as many updates as last so long, and how long they took."""
    began, tokens = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        tokens += update()
    return tokens, time.perf_counter() - began


def where_time_goes(config: RunConfig, data: str, number: int = 40) -> dict[str, dict[str, float]]:
    """Percent of an update by kind of work; ``between`` is what Python and torch do around it.

    Every second update is profiled and the others are timed as they are: a profiler slows small operations down, so
    that their shares are at most what is said here, and that of ``between`` is what is left.
    """
    torch.set_num_threads(1)
    stream = updates(config, data)
    plain_seconds, plain_tokens, profiled_tokens = 0.0, 0, 0
    spent: defaultdict[str, float] = defaultdict(float)
    with named_kernels():
        for _ in range(5):
            next(stream)
        for _ in range(number):
            began = time.perf_counter()
            plain_tokens += next(stream)
            plain_seconds += time.perf_counter() - began
            with profile(activities=[ProfilerActivity.CPU]) as prof:
                profiled_tokens += next(stream)
            for event in prof.key_averages():
                spent[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    spent.pop("", None)
    total = plain_seconds / plain_tokens * profiled_tokens  # what the profiled updates take without a profiler
    spent["between"] = total - sum(spent.values())
    gemm = sum(spent[kind] for kind in ("matrix products", "GRU kernel", "CRF kernel"))
    small = [kind for kind in spent if kind.startswith("torch, ") and spent[kind] < 0.01 * total]
    rest = sum(spent.pop(kind) for kind in small)
    spent["torch, smaller operations"] = rest
    ordered = sorted(spent.items(), key=lambda item: -item[1])
    shares = {kind: {"percent": round(100 * seconds / total, 1)} for kind, seconds in ordered}
    return {
        **shares,
        "outside matrix products and kernels": {"percent": round(100 * (1 - gemm / total), 1)},
        "the word encoder's products in a step": {"GFLOP/s": round(FLOP * plain_tokens / plain_seconds / 1e9, 1)},
        "a matrix product alone": {"GFLOP/s": round(median(matrix_products() for _ in range(5)), 1)},
    }


@contextmanager
def named_kernels() -> Iterator[None]:
    """Let the profiler see calls of the C kernels and the making of batches."""
    calls = [
        (gru.GRU_LAYER, "call", "GRU kernel"),
        (crf.CHAIN, "call", "CRF kernel"),
        (loop, "collate", "making batches"),
    ]
    plain = [getattr(module, name) for module, name, _ in calls]

    def named(function: Callable[..., object], kind: str) -> Callable[..., object]:
        def inside(*values: object, **others: object) -> object:
            with record_function(kind):
                return function(*values, **others)

        return inside

    for (module, name, kind), function in zip(calls, plain, strict=True):
        setattr(module, name, named(function, kind))
    try:
        yield
    finally:
        for (module, name, _), function in zip(calls, plain, strict=True):
            setattr(module, name, function)


def kind_of(operation: str) -> str:
    """The kind of a profiled operation."""
    if operation in ("GRU kernel", "CRF kernel", "making batches"):
        return operation
    if operation in MATRIX_PRODUCTS:
        return "matrix products"
    if operation.startswith(OPTIMIZER):
        return "clipping and Adam"
    return f"torch, {operation}" if operation.startswith("aten::") else ""


def main() -> None:
    """Measure and print."""
    options = arguments(
        __doc__, data="starter", cases="upos,supsense,multi_dec,te_dec", presets="paper,practical", seconds=3
    )
    results = {}
    for preset in options.presets.split(","):
        for case in options.cases.split(","):
            if preset == "practical" and case not in PRACTICAL:
                continue
            for layout, (processes, threads) in LAYOUTS.items():
                calls = [(case, preset, options.data, seed + 1, options.seconds) for seed in range(processes)]
                workers = Workers(threads, sides, calls)
                both = {name: lambda n=name, w=workers: w.rate(n) for name in ("baseline", "tagmates")}
                found = summary(alternate(both, options.rounds), "baseline")
                workers.close()
                results[f"{case}, {preset}, {layout}, tokens/s"] = found
            shares = where_time_goes(config_of(case, preset, options.data, 1), options.data)
            results[f"{case}, {preset}, where a step's time goes"] = shares
    show(results, as_json=options.json)


if __name__ == "__main__":
    main()
