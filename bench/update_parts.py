"""The parts of an update of pairs side by side, and of an epoch's end: where the time of a GPU and its host goes.

    python bench/update_parts.py [--data DIR] [--device auto] [--lanes 64] [--updates 3] [--top 30]

The first table has the kernels by their time on the device (on a CPU: the operators), the second the operators by the
time that they take on the host, both in milliseconds for one update of all lanes. Then follow the seconds for tagging
and scoring the dev sets of these runs, and for the checkpoint of one.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lanes import WARM_UP, runs_of, settle
from rounds import arguments
from torch.profiler import ProfilerActivity, profile

from tagmates.training.checkpoint import save_checkpoint
from tagmates.training.device import choose_device
from tagmates.training.lane_optimizer import LaneOptimizer
from tagmates.training.loop import advance
from tagmates.training.run import Run, predict_side_by_side


def profiled(optimizer: LaneOptimizer, updates: int, device: str, top: int) -> None:
    """Print both tables."""
    began = time.perf_counter()
    for _ in range(updates):
        list(advance(optimizer))
    settle(device)
    print(f"an update of {len(optimizer.runs)} lanes: {(time.perf_counter() - began) / updates * 1000:.1f} ms")
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as profiler:
        for _ in range(updates):
            list(advance(optimizer))
        settle(device)
    events = profiler.key_averages()
    by_time = {"device": "self_device_time_total", "host": "self_cpu_time_total"}
    for place in ("device", "host") if device == "cuda" else ("host",):
        spent = {event.key: getattr(event, by_time[place]) / updates / 1000 for event in events}
        number = {event.key: event.count / updates for event in events}
        print(f"{place}: {sum(spent.values()):.2f} ms, {sum(number.values()):.0f} operators and kernels")
        for name in sorted(spent, key=lambda key: -spent[key])[:top]:
            print(f"  {spent[name]:8.3f} ms in {number[name]:5.0f} of {name[:80]}")


def epoch_end(runs: list[Run], device: str) -> None:
    """Print how long validation and a checkpoint take."""
    began = time.perf_counter()
    predicted = predict_side_by_side(runs, "dev")
    settle(device)
    tagged = time.perf_counter()
    for run, numbers in zip(runs, predicted, strict=True):
        run.score("dev", numbers)
    print(f"dev sets of {len(runs)} runs: tagged in {tagged - began:.3f} s, ", end="")
    print(f"scored in {time.perf_counter() - tagged:.3f} s")
    runs[0].schedule.scores.append(0.0)
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        save_checkpoint(Path(folder), runs[0])
        print(f"checkpoint of one run: {time.perf_counter() - began:.3f} s")


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, data="starter", device="auto", lanes=64, updates=3, top=30)
    device = choose_device(options.device)
    torch.set_num_threads(1)
    runs = runs_of("pairs", options.lanes, options.data, device)
    optimizer = LaneOptimizer(runs)
    for _ in range(WARM_UP):
        list(advance(optimizer))
    settle(device)
    profiled(optimizer, options.updates, device, options.top)
    epoch_end(runs, device)


if __name__ == "__main__":
    main()
