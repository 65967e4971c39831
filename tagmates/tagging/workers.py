"""Tag pieces of large input, in order: in this process, or in worker processes of one thread each."""

import hashlib
import json
import logging
import multiprocessing
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from io import StringIO
from itertools import islice
from multiprocessing.connection import Connection

import torch

from tagmates.batching.vectors import name_vectors
from tagmates.data.sentence import Span
from tagmates.errors import DataError, TagmatesError
from tagmates.formatting import shown
from tagmates.kernels.build import compiled
from tagmates.model.tagger import Tagged, Tagger
from tagmates.processes import deaf, end_with
from tagmates.tagging.appending import appended
from tagmates.tagging.chunks import Piece
from tagmates.tagging.reading import Reading, Words
from tagmates.tagging.text import conll_heading, lines_of, words_of, write_conll, write_json_lines

log = logging.getLogger("tagmates")
TRIES = 3  # how often workers may die before anything more is done


@dataclass(frozen=True, slots=True)
class Job:
    """How pieces are tagged: what a worker has to know."""

    model: str
    device: str
    vectors: str | None
    tasks: tuple[str, ...]
    input: Reading
    output: str  # conll or json
    probabilities: bool = False

    @property
    def heading(self) -> str:
        """What the output begins with."""
        if self.output != "conll" or self.input.append:
            return ""
        return conll_heading(self.tasks, probabilities=self.probabilities)


@dataclass(frozen=True, slots=True)
class TaggedPiece:
    """What is to be written for a piece; with an ``error`` it is what comes before it."""

    piece: Piece
    text: str
    sentences: int
    tokens: int
    error: DataError | None = None

    @property
    def data(self) -> bytes:
        """The text in bytes: UTF-8, or where it repeats the input the encoding of that."""
        encoding = self.piece.reading.encoding if self.piece.reading.append else ""
        return (self.piece.before + self.text if self.text else "").encode(encoding or "utf-8")


def tag_piece(tagger: Tagger, job: Job, piece: Piece) -> TaggedPiece:
    """Tag a piece on its own, so that its company never matters."""
    words: list[Words] = []
    lines: list[str] = []
    error = None
    try:
        lines, broken = lines_of(piece)
        words.extend(words_of(piece, lines, broken))
    except DataError as wrong:
        error = wrong
    text = StringIO()
    tagged = tagger.stream((sentence.tokens for sentence in words), job.tasks, probabilities=job.probabilities)
    known = (replace(sentence, offsets=own.offsets) for sentence, own in zip(tagged, words, strict=True))
    try:
        if piece.reading.append:
            text.write(
                _appended(tagger, piece, lines, list(zip(words, known, strict=True)), job.tasks, whole=not error)
            )
        elif job.output == "conll":
            write_conll(known, job.tasks, text)
        else:
            write_json_lines(known, job.tasks, text, partial(_spans, tagger))
    except DataError as wrong:
        error = DataError(f"{piece.name}:{piece.line}: from here on, {wrong}, or write JSON lines")
    return TaggedPiece(piece, text.getvalue(), len(words), sum(len(own.tokens) for own in words), error)


def _appended(
    tagger: Tagger,
    piece: Piece,
    lines: list[str],
    tagged: list[tuple[Words, Tagged]],
    tasks: Sequence[str],
    *,
    whole: bool,
) -> str:
    """The lines with their tags; where the piece could not be read to its end, up to the last sentence before that."""
    if not whole:
        del lines[max((line for words, _ in tagged for line in words.lines), default=-1) + 1 :]
        lines += ["\n"] if lines and piece.reading.kind in ("columns", "conllu", "conll2012") else []
    found = [
        (words, sentence.tags, {task: tagger.spans(sentence, task) for task in tasks} if words.in_text else {})
        for words, sentence in tagged
    ]
    text = appended(lines, piece.reading, piece.line, found, tasks)
    try:
        text.encode(piece.reading.encoding or "utf-8")
    except UnicodeEncodeError as wrong:
        raise DataError(
            f"{piece.reading.encoding} has no {shown(wrong.object[wrong.start])}, which a tag has; convert the input"
        ) from None
    return text


def _spans(tagger: Tagger, sentence: Tagged) -> dict[str, list[Span]]:
    """The spans of the layers that mark some."""
    return {task: tagger.spans(sentence, task) for task in sentence.tags if tagger.schemes[task] != "plain"}


def tag_in_workers(job: Job, pieces: Iterator[Piece], workers: int) -> Generator[TaggedPiece, None, None]:
    """Tag pieces in so many processes; what comes out is in order, and at most two pieces a worker are under way.

    A worker that dies is replaced, and what was under way is done again. Raises TagmatesError where they die again and
    again.
    """
    if job.device == "cpu":
        compiled()  # once, for all workers
    under_way: deque[Piece] = deque()
    deaths = 0  # since a piece was last done
    while deaths < TRIES:
        if deaths:
            log.warning("a worker died; what was under way is tagged again")
        try:
            with _pool(workers) as pool:
                results = deque(_submit(pool, job, piece) for piece in under_way)
                while True:
                    for piece in islice(pieces, 2 * workers - len(under_way)):
                        under_way.append(piece)
                        results.append(_submit(pool, job, piece))
                    if not results:
                        return
                    tagged = results.popleft().result()
                    deaths = 0
                    under_way.popleft()
                    yield tagged
        except BrokenProcessPool:
            deaths += 1
    where = f"{under_way[0].name}:{under_way[0].line}"
    raise TagmatesError(f"{where}: workers died {TRIES} times from here on (was memory short?); take fewer --workers")


def identity(tagger: Tagger) -> str:
    """sha256 of all that decides a tagger's tags, wherever its files lie."""
    known = {"vocabulary": tagger.vocabulary.to_json(), "sharing": tagger.config.sharing}
    found = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for name, parameter in sorted(tagger.module.named_parameters()):
        found.update(name.encode() + parameter.detach().cpu().numpy().tobytes())
    return hashlib.sha256(found.digest() + name_vectors(tagger.vectors.source).encode()).hexdigest()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # spawn: a fork of a process with torch's threads may hang
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _begin_worker, (theirs,))
    try:
        yield pool
    except BaseException:
        ours.close()  # nobody waits for what they are doing
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        ours.close()
        theirs.close()


def _submit(pool: ProcessPoolExecutor, job: Job, piece: Piece) -> "Future[TaggedPiece]":
    with deaf():  # workers are started here
        return pool.submit(_tag_in_worker, job, piece)


def _begin_worker(starter: Connection) -> None:
    end_with(starter)
    torch.set_num_threads(1)
    log.addHandler(logging.NullHandler())  # the starter has said it


def _tag_in_worker(job: Job, piece: Piece) -> TaggedPiece:
    return tag_piece(_tagger(job.model, job.device, job.vectors), job, piece)


@cache
def _tagger(model: str, device: str, vectors: str | None) -> Tagger:
    return Tagger.from_pretrained(model, device=device, vectors=vectors)
