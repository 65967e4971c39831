"""Processes that work when told to, so that one of two threads can be set beside two of one thread."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import torch

Side = Callable[[], tuple[int, float]]  # works for a while; returns tokens and seconds
Prepare = Callable[..., dict[str, Side]]


class Workers:
    """Processes with the same sides to measure, all of which work at the same time."""

    def __init__(self, threads: int, prepare: Prepare, calls: Sequence[tuple[object, ...]]) -> None:
        """One process for each call of ``prepare``; waits until all are ready. ``sides`` are those of the last."""
        context = multiprocessing.get_context("spawn")
        self.pipes = []
        for arguments in calls:
            here, there = context.Pipe()
            context.Process(target=_serve, args=(threads, prepare, arguments, there), daemon=True).start()
            there.close()  # so that one that fails ends the wait for it
            self.pipes.append(here)
        self.sides: list[str] = [pipe.recv() for pipe in self.pipes][-1]

    def rate(self, side: str) -> float:
        """Tokens per second of all processes together."""
        for pipe in self.pipes:
            pipe.send(side)
        return sum(tokens / seconds for tokens, seconds in [pipe.recv() for pipe in self.pipes])

    def close(self) -> None:
        """Let the processes go."""
        for pipe in self.pipes:
            pipe.send("")


def _serve(threads: int, prepare: Prepare, arguments: tuple[object, ...], pipe: Connection) -> None:
    torch.set_num_threads(threads)
    sides = prepare(*arguments)
    pipe.send(list(sides))
    while name := pipe.recv():
        pipe.send(sides[name]())
