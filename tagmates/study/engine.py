"""Where trainings run: in this process, in worker processes, or in Ray; each is a ``submit`` that gives a future."""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import Any, Literal

import torch

from tagmates.errors import ConfigError
from tagmates.study.worker import Job, Outcome, execute

Kind = Literal["local", "processes", "ray"]
GPU_SHARE = 0.25  # of a GPU for one training: one fills but little of it


Submit = Callable[[Job], "Future[Outcome]"]  # the future raises where the job's worker died


def open_engine(kind: Kind, workers: int, device: str) -> AbstractContextManager[Submit]:
    """The engine of this kind; leaving it stops what still runs (every finished epoch is on disk).

    Raises ConfigError where its packages are not installed.
    """
    if kind == "local":
        return _local()
    return _processes(workers) if kind == "processes" else _ray(workers, device)


def default_workers() -> int:
    """One for each core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _local() -> Iterator[Submit]:
    """One after the other, in a thread of this process, so that this process stays free to show and to stop."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        try:
            yield lambda job: pool.submit(execute, job, stop.is_set)
        finally:
            stop.set()


@contextmanager
def _processes(workers: int) -> Iterator[Submit]:
    try:
        from pebble import ProcessPool  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ConfigError("--engine processes: needs the extra 'study': pip install 'tagmates[study]'") from None
    # spawn: a fork of a process with torch's threads may hang
    new = partial(ProcessPool, workers, context=multiprocessing.get_context("spawn"), initializer=_begin_worker)
    pool = new()

    def submit(job: Job) -> "Future[Outcome]":
        nonlocal pool
        with _deaf():
            if not pool.active:  # a worker that dies before its first job takes pebble's whole pool with it
                pool.join()
                pool = new()
            return pool.schedule(execute, args=(job,))

    try:
        yield submit
    finally:
        pool.stop()
        pool.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started in here never hears of Ctrl-C, which is the driver's to handle; this thread hears it after."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    """One thread; gone when the driver is."""
    torch.set_num_threads(1)
    logging.getLogger("tagmates").addHandler(logging.NullHandler())  # what it says is in the run's train.log
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()


@contextmanager
def _ray(workers: int, device: str) -> Iterator[Submit]:
    """Ray Core tasks: on the cluster of ``RAY_ADDRESS``, else on this machine alone."""
    try:
        import ray  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ConfigError("--engine ray: needs the extra 'ray': pip install 'tagmates[ray]'") from None
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
    # a worker that dies is the driver's to count, in every engine alike
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_execute_in_ray)

    def submit(job: Job) -> "Future[Outcome]":
        here, nodes = ray.get_runtime_context().get_node_id(), cluster()
        if not any(node["Alive"] for node in nodes if node["NodeID"] == here):
            ray.shutdown()  # Ray has died here, and every run that is left would fail
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
