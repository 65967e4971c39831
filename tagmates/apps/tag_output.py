"""The output of the command ``tag``: stdout, or a file that can be resumed."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tagmates.apps.shared import end, say, talk
from tagmates.apps.tag_progress import show_tagging
from tagmates.errors import ConfigError, TagmatesError
from tagmates.failures import memory_errors
from tagmates.formatting import plural
from tagmates.installed import VERSION
from tagmates.model.tagger import Tagger
from tagmates.tagging.chunks import Chunk, read_chunks, total_size
from tagmates.tagging.identity import identity
from tagmates.tagging.reading import no_words
from tagmates.tagging.resumable import Output, OutputSettings, open_output
from tagmates.tagging.tagged_chunks import TaggedChunk, TaggingJob, tag_chunk
from tagmates.tagging.workers import tag_in_workers


def tag_to_stdout(files: Sequence[str], tagger: Tagger, job: TaggingJob, workers: int) -> None:
    """Tag files and write the result to stdout, chunk by chunk."""
    held, empty = job.heading.encode(), True  # the output stays empty if there is no sentence
    with closing(_tagged(_announced(read_chunks(files, job.input)), tagger, job, workers)) as results:
        for result in results if sys.stdout.isatty() else show_tagging(results, talk, total_size(files)):
            held, empty = held + result.data, empty and not result.sentences
            if not empty:
                _write(held)
                held = b""
            if result.error:
                raise result.error
    if empty:
        raise no_words(files)


def _write(data: bytes) -> None:
    """Write bytes to stdout: with --append the output has the encoding of the input."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _announced(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Yield the chunks; say on stderr which format a file was recognised as."""
    for chunk in chunks:
        if chunk.note:
            say(f"{chunk.name}: read as {chunk.note}")
        yield chunk


def tag_to_file(
    files: Sequence[str], tagger: Tagger, job: TaggingJob, workers: int, path: Path, *, resume: bool, force: bool
) -> None:
    """Tag files and write the result to a file that can be resumed; says how to resume it if it is interrupted."""
    settings: OutputSettings = {
        "version of tagmates": VERSION,
        "model": identity(tagger),
        "--tasks": list(job.tasks),
        "--input": job.input.kind,
        "--token-column": str(job.input.token_column or ""),
        "--separator": job.input.separator,
        "--comment": str(job.input.comment),
        "--header": str(job.input.header),
        "--sentence-column": ", ".join(map(str, job.input.sentence_columns)),
        "--encoding": job.input.encoding,
        "columns of training": str(job.input.trained or ""),
        "--output": job.output,
        "--probabilities": job.probabilities,
        "--append": job.input.append,
    }
    try:
        with open_output(path, settings, resume=resume, force=force) as output:
            try:
                with memory_errors():
                    _tag_into(output, files, tagger, job, workers)
            except TagmatesError as error:
                if isinstance(error, ConfigError) or not output.begun:
                    raise
                raise type(error)(f"{error}; then --resume continues {path}") from None
    except KeyboardInterrupt:
        end(130, f"tagmates: interrupted; the same command with --resume (not --force) continues {path}")
    progress = output.progress
    say(f"wrote {path}: {plural(progress.sentences, 'sentence')}, {plural(progress.tokens, 'token')}")


def _tag_into(output: Output, files: Sequence[str], tagger: Tagger, job: TaggingJob, workers: int) -> None:
    chunks = _announced(read_chunks(files, job.input))
    skipped = output.skip(chunks)
    with closing(_tagged(chunks, tagger, job, workers)) as results:
        for result in show_tagging(results, talk, total_size(files), skipped):
            if result.text:
                output.write(result.data if output.progress.length else job.heading.encode() + result.data)
            if result.error:
                raise result.error
            output.done(result.chunk, sentences=result.sentences, tokens=result.tokens)
    if not output.progress.sentences:
        raise no_words(files)


def _tagged(
    chunks: Iterator[Chunk], tagger: Tagger, job: TaggingJob, workers: int
) -> Generator[TaggedChunk, None, None]:
    if workers == 1:
        return (tag_chunk(tagger, job, chunk) for chunk in chunks)
    return tag_in_workers(job, chunks, workers)
