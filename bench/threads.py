"""Two processes of one thread against one process of two threads, on the same runs: the ratio of throughputs.

    python bench/threads.py [--data DIR] [--tasks upos,chunk] [--updates 40] [--rounds 5] [--json]

Both sides train the same updates of the same two runs (one task each, preset ``paper``), alternating; start-up,
reading and three updates to warm up are not counted.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from statistics import median

import torch

from tagmates.config import RunConfig
from tagmates.study.task_cache import prepare
from tagmates.training.loop import Updated, train_side_by_side

WARM_UP = 3


def train_some(data: str, tasks: Sequence[str], threads: int, updates: int, pipe: Connection) -> None:
    """Prepare a run of each task; then, whenever told to, train some updates of each and send tokens and seconds."""
    torch.set_num_threads(threads)
    runs = [prepare(RunConfig(tasks=(task,), sharing="stl"), data, "cpu") for task in tasks]
    streams = [train_side_by_side([run]) for run in runs]
    for stream in streams:
        take(stream, WARM_UP)
    pipe.send("ready")
    while pipe.recv():
        began = time.perf_counter()
        tokens = sum(take(stream, updates) for stream in streams)
        pipe.send((tokens, time.perf_counter() - began))


def take(stream: object, updates: int) -> int:
    """Train so many updates; returns their tokens. Validation between them is counted in time, as it is in a run."""
    tokens = count = 0
    for event in stream:  # type: ignore[attr-defined]
        if isinstance(event, Updated):
            tokens, count = tokens + event.tokens, count + 1
        if count == updates:
            break
    return tokens


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="starter")
    parser.add_argument("--tasks", default="upos,chunk", help="two tasks")
    parser.add_argument("--updates", type=int, default=40, help="of each run, in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    first, second = options.tasks.split(",")
    context = multiprocessing.get_context("spawn")

    def start(tasks: Sequence[str], threads: int) -> Connection:
        here, there = context.Pipe()
        work = (options.data, tasks, threads, options.updates, there)
        context.Process(target=train_some, args=work, daemon=True).start()
        here.recv()
        return here

    def measure(pipes: Sequence[Connection]) -> float:
        """Tokens per second of these processes, working at the same time."""
        for pipe in pipes:
            pipe.send(True)
        answers = [pipe.recv() for pipe in pipes]
        return sum(tokens for tokens, _ in answers) / max(seconds for _, seconds in answers)

    apart = [start([first], 1), start([second], 1)]
    together = [start([first, second], 2)]
    rates: list[tuple[float, float]] = [(measure(apart), measure(together)) for _ in range(options.rounds)]
    for pipe in apart + together:
        pipe.send(False)
    ratios = [two / one for two, one in rates]
    result = {
        "two processes, one thread each, tokens/s": [round(two) for two, _ in rates],
        "one process, two threads, tokens/s": [round(one) for _, one in rates],
        "ratio of medians": round(median(t for t, _ in rates) / median(o for _, o in rates), 3),
        "ratio of each round": [round(ratio, 3) for ratio in ratios],
    }
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
