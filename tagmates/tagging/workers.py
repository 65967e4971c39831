"""Tag the chunks of large input in order, in this process or in worker processes with one thread each."""

import hashlib
import json
import logging
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache, partial
from io import StringIO
from itertools import islice
from typing import Any

from tagmates.batching.vectors import name_vectors
from tagmates.data.schemes import OUTSIDE, Notation, spans_of
from tagmates.data.sentence import Span
from tagmates.errors import DataError, TagmatesError
from tagmates.formatting import shown
from tagmates.kernels.build import compiled
from tagmates.model.encoders import encoder_files
from tagmates.model.tagger import Tagged, Tagger
from tagmates.processes import open_pool, without_interrupts
from tagmates.tagging.appending import appended
from tagmates.tagging.chunks import Chunk
from tagmates.tagging.input_sentences import InputSentence
from tagmates.tagging.read_options import ReadOptions
from tagmates.tagging.reading import lines_of, sentences_of_lines
from tagmates.tagging.writing import conll_heading, write_conll, write_json_lines

log = logging.getLogger("tagmates")
MAX_WORKER_DEATHS = 3  # workers that may die in a row before a chunk is done


@dataclass(frozen=True, slots=True)
class TaggingJob:
    """How chunks are tagged: the model, the tasks, and the formats of input and output."""

    model: str
    device: str
    vectors: str | None
    tasks: tuple[str, ...]
    input: ReadOptions
    output: str  # conll or json
    probabilities: bool = False

    @property
    def heading(self) -> str:
        """The first line of the output, or ""."""
        if self.output != "conll" or self.input.append:
            return ""
        return conll_heading(self.tasks, probabilities=self.probabilities)


@dataclass(frozen=True, slots=True)
class TaggedChunk:
    """The output of a chunk. With an ``error``, the output up to it."""

    chunk: Chunk
    text: str
    sentences: int
    tokens: int
    error: DataError | None = None

    @property
    def data(self) -> bytes:
        """The text as UTF-8, or with ``--append`` in the encoding of the input."""
        encoding = self.chunk.options.encoding if self.chunk.options.append else ""
        return (self.chunk.before + self.text if self.text else "").encode(encoding or "utf-8")


def tag_chunk(tagger: Tagger, job: TaggingJob, chunk: Chunk) -> TaggedChunk:
    """Tag a chunk by itself, so that the result does not depend on other chunks."""
    words: list[InputSentence] = []
    lines: list[str] = []
    error = None
    try:
        lines, broken = lines_of(chunk)
        words.extend(sentences_of_lines(chunk, lines, broken))
    except DataError as wrong:
        error = wrong
    text = StringIO()
    tagged = tagger.stream((sentence.tokens for sentence in words), job.tasks, probabilities=job.probabilities)
    known = (replace(sentence, offsets=own.offsets) for sentence, own in zip(tagged, words, strict=True))
    try:
        if chunk.options.append:
            text.write(
                _appended(tagger, chunk, lines, list(zip(words, known, strict=True)), job.tasks, whole=not error)
            )
        elif job.output == "conll":
            write_conll(known, job.tasks, text)
        else:
            write_json_lines(known, job.tasks, text, partial(_spans, tagger))
    except DataError as wrong:
        error = DataError(f"{chunk.name}:{chunk.line}: from here on, {wrong}, or write JSON lines")
    return TaggedChunk(chunk, text.getvalue(), len(words), sum(len(own.tokens) for own in words), error)


def _appended(
    tagger: Tagger,
    chunk: Chunk,
    lines: list[str],
    tagged: list[tuple[InputSentence, Tagged]],
    tasks: Sequence[str],
    *,
    whole: bool,
) -> str:
    """The lines of a chunk with tags added; if it could not be read to its end, up to the last complete sentence."""
    if not whole:
        del lines[max((line for words, _ in tagged for line in words.lines), default=-1) + 1 :]
        lines += ["\n"] if lines and chunk.options.kind in ("columns", "conllu", "conll2012", "webanno") else []
    found = []
    for words, sentence in tagged:
        spans = {}
        if chunk.options.kind == "webanno":
            spans = {task: _exact_spans(tagger, sentence, task) for task in tasks}
        elif words.in_text:
            spans = {task: tagger.spans(sentence, task) for task in tasks}
        found.append((words, sentence.tags, spans))
    text = appended(lines, chunk.options, chunk.line, found, tasks)
    try:
        text.encode(chunk.options.encoding or "utf-8")
    except UnicodeEncodeError as wrong:
        raise DataError(
            f"{chunk.options.encoding} cannot encode {shown(wrong.object[wrong.start])}, which a tag contains"
        ) from None
    return text


def _exact_spans(tagger: Tagger, sentence: Tagged, task: str) -> list[Span]:
    """The spans of a task, from which all its tags can be told: where no span is, the tag is O."""
    if tagger.schemes[task] != "plain" or tagger.outside[task] == OUTSIDE:
        return tagger.spans(sentence, task)
    return spans_of(sentence.tags[task], Notation("plain", outside=""))


def _spans(tagger: Tagger, sentence: Tagged) -> dict[str, list[Span]]:
    """The spans of all tasks that are not plain."""
    return {task: tagger.spans(sentence, task) for task in sentence.tags if tagger.schemes[task] != "plain"}


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


def identity(tagger: Tagger) -> str:
    """The sha256 of everything that decides a tagger's tags: vocabulary, sub-words, sharing, weights and vectors."""
    known: dict[str, Any] = {"vocabulary": tagger.vocabulary.to_json(), "sharing": tagger.config.sharing}
    encoder = encoder_files(tagger.module)
    if encoder is not None:
        known |= {"encoder": encoder, "pooling": tagger.config.model.pooling}
    found = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for name, parameter in sorted(tagger.module.tensors().items()):
        found.update(name.encode() + parameter.detach().cpu().numpy().tobytes())
    return hashlib.sha256(found.digest() + name_vectors(tagger.vectors.source).encode()).hexdigest()


def _submit(pool: ProcessPoolExecutor, job: TaggingJob, chunk: Chunk) -> "Future[TaggedChunk]":
    with without_interrupts():  # workers are started here
        return pool.submit(_tag_in_worker, job, chunk)


def _tag_in_worker(job: TaggingJob, chunk: Chunk) -> TaggedChunk:
    return tag_chunk(_tagger(job.model, job.device, job.vectors), job, chunk)


@cache
def _tagger(model: str, device: str, vectors: str | None) -> Tagger:
    return Tagger.from_pretrained(model, device=device, vectors=vectors)
