"""Tag the chunks of large input in order, in worker processes with one thread each."""

import logging
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from itertools import islice

from tagmates.errors import TagmatesError
from tagmates.kernels.build import compiled
from tagmates.model.tagger import Tagger
from tagmates.processes import open_pool, without_interrupts
from tagmates.tagging.chunks import Chunk
from tagmates.tagging.tagged_chunks import TaggedChunk, TaggingJob, tag_chunk

log = logging.getLogger("tagmates")
MAX_WORKER_DEATHS = 3  # workers that may die in a row before a chunk is done


def tag_in_workers(job: TaggingJob, chunks: Iterator[Chunk], workers: int) -> Generator[TaggedChunk, None, None]:
    """Tag chunks in worker processes; yield the results in order. At most two chunks per worker are in progress.

    A worker that dies is replaced, and the chunks in progress are tagged again. Raises TagmatesError if workers die
    three times without finishing a chunk.
    """
    if job.device == "cpu":
        compiled()  # once, for all workers
    in_progress: deque[Chunk] = deque()
    deaths = 0  # since the last finished chunk
    while deaths < MAX_WORKER_DEATHS:
        if deaths:
            log.warning("a worker died; the chunks in progress are tagged again")
        try:
            with open_pool(workers) as pool:
                results = deque(_submit(pool, job, chunk) for chunk in in_progress)
                while True:
                    for chunk in islice(chunks, 2 * workers - len(in_progress)):
                        in_progress.append(chunk)
                        results.append(_submit(pool, job, chunk))
                    if not results:
                        return
                    tagged = results.popleft().result()
                    deaths = 0
                    in_progress.popleft()
                    yield tagged
        except BrokenProcessPool:
            deaths += 1
    where = f"{in_progress[0].name}:{in_progress[0].line}"
    raise TagmatesError(
        f"{where}: workers died {MAX_WORKER_DEATHS} times from here on (was memory short?); take fewer --workers"
    )


def _submit(pool: ProcessPoolExecutor, job: TaggingJob, chunk: Chunk) -> "Future[TaggedChunk]":
    with without_interrupts():  # workers are started here
        return pool.submit(_tag_in_worker, job, chunk)


def _tag_in_worker(job: TaggingJob, chunk: Chunk) -> TaggedChunk:
    return tag_chunk(_tagger(job.model, job.device, job.vectors), job, chunk)


@cache
def _tagger(model: str, device: str, vectors: str | None) -> Tagger:
    return Tagger.from_pretrained(model, device=device, vectors=vectors)
