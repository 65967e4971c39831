"""The service on loopback: the latency of one sentence, and what many clients at once get from it.

    python bench/serve.py [--model en] [--data starter] [--clients 200] [--seconds 60] [--requests 1000] [--threads 1]
                          [--queue TOKENS] [--json]

Starts ``tagmates serve MODEL`` with so many threads (and a queue of so many tokens: few refuse requests).
First one client asks for one sentence at a time, in blocks that take turns with ``Tagger.tag`` of the same sentences in
this process. Then all clients ask at once, each as soon as it has its answer: one text, several texts, or words, of a
pool whose answers ``Tagger.tag`` gave before. Every answer is compared with that. A client that gets 429 waits as long
as Retry-After says. Latencies are of requests that were answered with tags. Memory is what is resident of the service.
Ends with 1 where an answer was wrong or missing.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import torch
from http_client import Client
from questions import Request, is_right, make_pool
from rounds import arguments, show

from tagmates.model.tagger import Tagger

BLOCKS = 10
SAMPLE_SECONDS = 0.25


@contextmanager
def service(model: str, *options: str) -> Iterator[tuple[int, int]]:
    """Run the service; gives its port and process. It is ended by SIGTERM, and must then say that all went well."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tagmates.apps.cli", "serve", model, "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if process.poll() is not None:
                    sys.exit(f"{' '.join(command)}: ended with {process.returncode}")
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        if (code := process.wait(60)) != 0:
            sys.exit(f"{' '.join(command)}: ended with {code}")


async def latencies(port: int, tagger: Tagger, pool: Sequence[Request], number: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one text at a time, over HTTP and in this process."""
    texts = [body for body, _ in pool if b'"text"' in body]
    here: list[float] = []
    there: list[float] = []
    client = Client(port)
    for block in range(BLOCKS + 1):  # the first warms up
        some = [texts[(block * number // BLOCKS + i) % len(texts)] for i in range(number // BLOCKS)]
        for body in some:
            began = time.perf_counter()
            answer = await client.post("/api/tag", body)
            there.append(time.perf_counter() - began)
            assert answer.status == 200, answer
        for question in map(json.loads, some):
            began = time.perf_counter()
            tagger.tag(question["text"], probabilities=question["probabilities"])
            here.append(time.perf_counter() - began)
    client.close()
    return {"POST /api/tag": in_ms(there[number // BLOCKS :]), "Tagger.tag": in_ms(here[number // BLOCKS :])}


def in_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds."""
    if len(seconds) < 2:
        return {}
    return {"median ms": 1000 * median(seconds), "p99 ms": 1000 * quantiles(seconds, n=100)[98]}


@dataclass
class Load:
    """The results of many clients."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    tokens: int = 0
    wrong: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Requests that got neither an answer nor 429."""
        return self.errors.total() + sum(n for status, n in self.statuses.items() if status not in (200, 429))

    def summary(self, seconds: float) -> dict[str, dict[str, float]]:
        """A summary of the responses in this number of seconds, and their speed."""
        answered = self.statuses[200]
        return {
            "right": {"requests": answered - self.wrong},
            "wrong": {"requests": self.wrong},
            "429": {"requests": self.statuses[429]},
            "failed": {"requests": self.failed},
            "latency": in_ms(self.seconds),
            "throughput": {"requests/s": answered / seconds, "tokens/s": self.tokens / seconds},
        }


async def keep_asking(port: int, pool: Sequence[Request], load: Load, until: float, seed: int) -> None:
    """One client, until the time is over."""
    draw, client = random.Random(seed), Client(port)
    while time.perf_counter() < until:
        body, documents = draw.choice(pool)
        began = time.perf_counter()
        try:
            answer = await asyncio.wait_for(client.post("/api/tag", body), 120)
        except (OSError, ValueError, EOFError) as error:
            load.errors[repr(error)] += 1
            await asyncio.sleep(0.1)
            continue
        load.statuses[answer.status] += 1
        if answer.status == 200:
            load.seconds.append(time.perf_counter() - began)
            load.tokens += sum(len(s["tokens"]) for document in documents for s in document["sentences"])
            load.wrong += not is_right(answer.body, documents)
        elif answer.status == 429:
            await asyncio.sleep(float(answer.headers["retry-after"]))
    client.close()


def in_quarters(samples: Sequence[float]) -> dict[str, float]:
    """MiB: medians of the first and last quarter of the time, and the most."""
    quarter = max(1, len(samples) // 4)
    first, last = median(samples[:quarter]), median(samples[-quarter:])
    return {"first quarter MiB": first, "last quarter MiB": last, "most MiB": max(samples)}


def mebibytes(process: int) -> float:
    """Resident MiB of a process and its children."""
    folder = Path("/proc") / str(process)
    try:
        pages = int((folder / "statm").read_text().split()[1])
        children = [
            int(child) for task in (folder / "task").iterdir() for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has ended
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 + sum(map(mebibytes, children))


async def press(
    port: int, process: int, pool: Sequence[Request], clients: int, seconds: float
) -> tuple[Load, list[float]]:
    """All clients at once; what they found, and the memory of the service from time to time."""
    load, samples, began = Load(), [], time.perf_counter()
    asking = [asyncio.create_task(keep_asking(port, pool, load, began + seconds, seed)) for seed in range(clients)]
    while time.perf_counter() < began + seconds:
        samples.append(mebibytes(process))
        await asyncio.sleep(SAMPLE_SECONDS)
    await asyncio.gather(*asking)
    return load, samples


def main() -> None:
    """Measure and print."""
    options = arguments(
        __doc__, model="en", data="starter", clients=200, seconds=60.0, requests=1000, threads=1, queue=""
    )
    torch.set_num_threads(options.threads)
    tagger = Tagger.from_pretrained(options.model)
    pool = make_pool(tagger, options.data)
    queue = ["--queue", options.queue, "--set", f"tokens={options.queue}"] if options.queue else []
    with service(options.model, "--threads", str(options.threads), *queue) as (port, process):
        alone = asyncio.run(latencies(port, tagger, pool, options.requests))
        load, samples = asyncio.run(press(port, process, pool, options.clients, options.seconds))
    crowd = f"{options.clients} clients, {options.seconds:g} seconds"
    together = {**load.summary(options.seconds), "memory of the service": in_quarters(samples)}
    show({f"one client, {options.requests} sentences": alone, crowd: together}, as_json=options.json)
    for error, count in load.errors.items():
        print(f"{count} times {error}", file=sys.stderr)
    sys.exit(1 if load.failed or load.wrong else 0)


if __name__ == "__main__":
    main()
