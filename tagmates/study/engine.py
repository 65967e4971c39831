"""Engines that execute jobs: lanes in this process, worker processes, or Ray. Each gives a ``submit`` function."""

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Literal

import torch

from tagmates.errors import ConfigError
from tagmates.installed import get_extra
from tagmates.kernels.build import compiled
from tagmates.processes import WorkerContext, available_cores, begin_worker, without_interrupts
from tagmates.study.gpu_memory import as_memory_allows
from tagmates.study.job import Job, Outcome
from tagmates.study.worker import execute, execute_side_by_side

EngineKind = Literal["local", "processes", "ray"]
MAX_LANES = 128
POLL_SECONDS = 0.5  # between two checks of the pool of processes
GPU_SHARE = 0.25  # of a GPU for one run, which uses a small part of it


Submit = Callable[[Job], "Future[Outcome]"]  # the future raises if the worker of the job died


def open_engine(kind: EngineKind, workers: int, device: str) -> AbstractContextManager[Submit]:
    """The engine of this kind. Leaving the context stops the running jobs; every finished epoch is on disk.

    ``workers`` is the number of jobs at a time: processes or, in this process, lanes. Raises ConfigError if the
    packages of the engine are not installed.
    """
    if device == "cpu":
        compiled()  # once, for all workers
    if kind == "local":
        return _local(workers, device)
    return _processes(workers) if kind == "processes" else _ray(workers, device)


def choose_engine(
    kind: EngineKind | None, workers: int | None, lanes: int | None, device: str
) -> tuple[EngineKind, int]:
    """The engine, and the number of runs at a time. Raises ConfigError for options that cannot be combined."""
    if kind is None:
        kind = "local" if lanes is not None or (device == "cuda" and workers is None) else "processes"
    if kind == "local" and workers is not None:
        raise ConfigError("--workers: are processes of their own; with --engine local give --lanes")
    if kind != "local" and lanes is not None:
        raise ConfigError(f"--lanes: are side by side in one process; leave out --engine {kind}, or give --workers")
    if kind == "local":
        return kind, lanes or (MAX_LANES if device == "cuda" else 1)
    return kind, workers or available_cores()


def check_numbers(workers: int | None, lanes: int | None, threads: int, retries: int) -> None:
    """Raise ConfigError for numbers of workers, lanes or threads below 1, or of retries below 0."""
    given = [number for number in (workers, lanes, threads) if number is not None]
    if min(given) < 1 or retries < 0:
        raise ConfigError("--workers, --lanes and --threads: must be 1 or more, --retries 0 or more")


@contextmanager
def _local(lanes: int, device: str) -> Iterator[Submit]:
    """Lanes in a thread of this process, so that the main thread can show progress and stop them."""
    stop = threading.Event()
    queue: SimpleQueue[tuple[Job, Future[Outcome]] | None] = SimpleQueue()
    futures: dict[str, Future[Outcome]] = {}
    allowed = as_memory_allows(lanes) if device == "cuda" else lambda _: lanes

    def taken(item: "tuple[Job, Future[Outcome]] | None") -> Job | None:
        if item is None:
            return None
        job, futures[job.name] = item
        return job

    def jobs(first: Job) -> Iterator[Job | None]:
        yield first
        while True:
            try:
                yield taken(queue.get_nowait())
            except Empty:
                yield None

    def work() -> None:
        while not stop.is_set():
            first = taken(queue.get())
            if first is None:
                return
            try:
                for outcome in execute_side_by_side(jobs(first), allowed, stop.is_set):
                    futures.pop(outcome.name).set_result(outcome)
            except BaseException as error:  # every future must end
                while futures:
                    futures.popitem()[1].set_exception(error)

    def submit(job: Job) -> "Future[Outcome]":
        future: Future[Outcome] = Future()
        queue.put((job, future))
        return future

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield submit
    finally:
        stop.set()
        queue.put(None)
        thread.join()


@contextmanager
def _processes(workers: int) -> Iterator[Submit]:
    try:
        from pebble import ProcessPool  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ConfigError(f"--engine processes: needs the extra 'study': {get_extra('study')}") from None
    new = partial(ProcessPool, workers, context=WorkerContext(), initializer=_begin_worker)
    pool = new()
    lock, closing, promised = threading.Lock(), threading.Event(), set[Future[Outcome]]()

    def submit(job: Job) -> "Future[Outcome]":
        nonlocal pool
        with without_interrupts(), lock:
            if not pool.active:  # a worker that dies before its first job stops pebble's whole pool
                _give_up(promised)
                pool.join()
                pool = new()
            future: Future[Outcome] = pool.schedule(execute, args=(job,))
            promised.add(future)
            future.add_done_callback(promised.discard)
            return future

    def watch() -> None:
        while not closing.wait(POLL_SECONDS):
            with lock:
                if not pool.active:
                    _give_up(promised)

    watcher = threading.Thread(target=watch)
    with without_interrupts():
        watcher.start()
    try:
        yield submit
    finally:
        closing.set()
        watcher.join()
        pool.stop()
        pool.join()


def _give_up(promised: "set[Future[Outcome]]") -> None:
    """End the futures of jobs that pebble lost because they were submitted while its pool broke."""
    for future in list(promised):
        with suppress(InvalidStateError):
            future.set_exception(BrokenProcessPool("the pool of workers broke"))


def _begin_worker() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    begin_worker(parent.sentinel)


@contextmanager
def _ray(workers: int, device: str) -> Iterator[Submit]:
    """Ray Core tasks on the cluster of ``RAY_ADDRESS``, or on this machine."""
    try:
        import ray  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ConfigError(f"--engine ray: needs the extra 'ray': {get_extra('ray')}") from None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    if "RAY_ADDRESS" not in os.environ:
        options |= {"num_cpus": workers, "include_dashboard": False}

    def begin() -> None:
        try:
            ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            hint = "check RAY_ADDRESS, or use processes"
            raise ConfigError(f"--engine ray: cannot be started ({error}); {hint}") from None

    cluster: Callable[[], list[dict[str, Any]]] = ray.nodes
    gpus = GPU_SHARE if device == "cuda" else 0
    # the driver counts dead workers, with every engine
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_execute_in_ray)

    def submit(job: Job) -> "Future[Outcome]":
        here, nodes = ray.get_runtime_context().get_node_id(), cluster()
        if not any(node["Alive"] for node in nodes if node["NodeID"] == here):
            ray.shutdown()  # Ray has died on this machine, and every further run would fail
            begin()
        future: Future[Outcome] = task.remote(job).future()
        return future

    try:
        begin()
        yield submit
    finally:
        ray.shutdown()


def _execute_in_ray(job: Job) -> Outcome:
    logging.getLogger("tagmates").addHandler(logging.NullHandler())
    torch.set_num_threads(job.threads or 1)
    return execute(job)
