"""The command ``tag``, for text from one sentence on stdin to files that take hours."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from tagmates import __version__
from tagmates.apps.shared import Device, Flag, Model, Threads, check_number, end, say, talk, use_threads
from tagmates.apps.tables import tagged_table
from tagmates.apps.tag_progress import show_tagging
from tagmates.data.task import Task
from tagmates.data.tasks import choose_tasks, load_tasks
from tagmates.errors import ConfigError, TagmatesError
from tagmates.failures import memory_errors
from tagmates.files import read_json
from tagmates.formatting import plural
from tagmates.model.tagger import Tagger
from tagmates.tagging.appending import parse_append
from tagmates.tagging.chunks import Chunk, read_chunks, total_size
from tagmates.tagging.read_options import APPEND_PLACES, ReadOptions, check_options
from tagmates.tagging.reading import no_words, read_input
from tagmates.tagging.resumable import Output, Settings, check_output, open_output, progress_path
from tagmates.tagging.workers import TaggedChunk, TaggingJob, identity, tag_chunk, tag_in_workers
from tagmates.training.train import choose_device


def tag(
    run: Model,
    files: Annotated[
        tuple[str, ...],
        Parameter(
            help="Files, or folders of BRAT or Hugging Face data. [default: '-', which is stdin]",
            show_default=False,
            allow_leading_hyphen=True,  # otherwise '-' would be an unknown option
        ),
    ] = ("-",),
    /,
    *,
    input_: Annotated[
        str,
        Parameter(
            name="--input",
            help="Format of the input. auto: recognised from its first lines; text: raw text; columns (or conll): one "
            "word per line; csv: one word per row; csv-text: one text per row; lines: one sentence per line, as "
            "word/TAG; conllu; conll2012; webanno; jsonl: one JSON object per line; json: one list of objects; brat; "
            "spacy; huggingface.",
        ),
    ] = "auto",
    token_column: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Where the words are: the number of a column (from 1, or -1 for the last) or its name; in JSON and "
            "huggingface the key of a list of words or of a text. [default: as in the model's training, else "
            "recognised]",
        ),
    ] = None,
    separator: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Separator of columns: a character, 'tab' or 'whitespace'; in lines, the separator of a word and its "
            "tags. [default: recognised]",
        ),
    ] = "",
    comment: Annotated[
        str | None, Parameter(help="Skip lines before a sentence that begin with this. [default: '# ', or recognised]")
    ] = None,
    header: Annotated[
        bool | None,
        Parameter(help="Whether the first line of columns or csv names the columns. [default: recognised]"),
    ] = None,
    sentence_column: Annotated[
        str | None,
        Parameter(help="In columns and csv, a column whose value changes with each sentence. [default: recognised]"),
    ] = None,
    encoding: Annotated[
        str, Parameter(show_default=False, help="Encoding of the input: utf-8, latin-1, utf-16, … [default: utf-8]")
    ] = "",
    append: Annotated[
        bool | str,
        Parameter(
            negative="",
            show_default=False,
            help="Keep the input as it is and add a column for each task; in CoNLL-U a key of MISC, in JSON lines a "
            "key. For CoNLL-U, --append column, --append misc or --append feats says where.",
        ),
    ] = False,
    output: Annotated[
        str,
        Parameter(
            help="conll: one word per line, one column per task; json: one sentence per line; table: for reading."
        ),
    ] = "conll",
    probabilities: Annotated[
        bool, Flag(help="Also write the probability of each tag; in conll, one more column per task.")
    ] = False,
    tasks: Annotated[str, Parameter(help="Tasks, separated by commas, or 'all'.")] = "all",
    vectors: Annotated[
        str | None, Parameter(help="Vectors for words that were not in training: glove, random, or a GloVe text file.")
    ] = None,
    output_file: Annotated[
        Path | None, Parameter(help="Write to this file instead of stdout. It can be resumed with --resume.")
    ] = None,
    resume: Annotated[bool, Flag(help="Continue an output file after a kill or an error.")] = False,
    force: Annotated[bool, Flag(help="Overwrite the output file.")] = False,
    workers: Annotated[int, Parameter(help="Number of worker processes, each with one thread.")] = 1,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Tag text with every task of a tagger.

    The input is raw text, or any format that training reads. Memory does not grow with the input, except for json,
    spacy and huggingface. After Ctrl-C, a kill or a full disk, the same command with --resume continues the
    --output-file; nothing is lost or doubled.

    Example: echo "Prices in Berlin fell sharply ." | tagmates tag en

    Example: tagmates tag en corpus.conllu --append feats > tagged.conllu

    Example: tagmates tag en words.csv --input csv --token-column token --append > tagged.csv

    Example: tagmates tag en reviews.jsonl --token-column text --append > tagged.jsonl

    Example: tagmates tag en sentences.txt --input lines --separator '###' --output json

    Example: tagmates tag en big.txt --workers 2 --output-file big.conll
    """
    if isinstance(append, str) and append not in APPEND_PLACES and files == ("-",):  # --append FILE
        files, append = (append,), True
    options = ReadOptions(
        kind=input_,
        token_column=token_column,
        separator="\t" if separator == "tab" else separator,
        comment=comment,
        header=header,
        sentence_column=sentence_column,
        encoding=encoding,
        append=parse_append(append),
    )
    options = check_options(options)
    _check_formats(files, output)
    if append and (output != "conll" or probabilities):
        raise ConfigError("--append: repeats the input, so it cannot be combined with --output or --probabilities")
    if output == "table" and (output_file or workers > 1 or probabilities):
        raise ConfigError(
            "--output table: is for reading only; for files, workers or probabilities choose conll or json"
        )
    _check_workers(workers, threads)
    if resume and force:
        raise ConfigError(
            "--resume and --force: choose one; the first continues the output, the second starts it again"
        )
    if output_file is not None:
        _check_apart(output_file, files)
        if not check_output(output_file, resume=resume, force=force):
            say(f"{output_file}: is complete; nothing to resume")
            return
    elif resume or force:
        raise ConfigError(f"{'--resume' if resume else '--force'}: needs --output-file")
    use_threads(threads)
    device = choose_device(device)
    tagger = Tagger.from_pretrained(run, device=device, vectors=vectors)
    wanted = choose_tasks(tasks, tagger.tasks)
    options = _with_training_format(options, run, wanted)
    if output == "table":
        for sentence in tagger.stream(read_input(files, options), wanted):
            Console(width=max(talk.width, 160)).print(tagged_table(sentence, wanted))
        return
    job = TaggingJob(str(run), device, vectors, wanted, options, output, probabilities)
    if output_file is None:
        _to_stdout(files, tagger, job, workers)
    else:
        _to_file(files, tagger, job, workers, output_file, resume=resume, force=force)


def _check_formats(files: Sequence[str], output: str) -> None:
    for file in files:
        if file.startswith("-") and file != "-":
            raise ConfigError(f"Unknown option: {file} (see tagmates tag --help); for a file write ./{file}")
    if output not in ("conll", "json", "table"):
        raise ConfigError(f"--output {output}: choose conll, json or table")


def _with_training_format(options: ReadOptions, run: str, tasks: Sequence[str]) -> ReadOptions:
    """The options, with ``trained`` set to the format of the run's training files, if these are known and all alike.

    A run knows only the path of its data. So the format is known as long as that path still describes the tasks.
    """
    environment = Path(run) / "environment.json"
    if not environment.is_file():
        return options
    try:
        known = load_tasks(str(read_json(environment).get("data", "")))
    except TagmatesError:  # the files have moved, or were written for a later tagmates
        return options
    found = [_options_of(known[task]) for task in tasks if task in known]
    if not found or any(replace(each, width=0) != replace(found[0], width=0) for each in found):
        return options
    return replace(options, trained=replace(found[0], width=max(each.width for each in found)))


def _options_of(task: Task) -> ReadOptions:
    """The format of the files of a task, as options."""
    columns = [abs(column) for column in (task.token_column, task.tag_column) if isinstance(column, int)]
    return ReadOptions(
        kind=task.format,
        token_column=task.token_column,
        separator=task.separator or "whitespace",
        comment=task.comment,
        comments_inside=task.comments_inside,
        header=task.header,
        sentence_column=task.sentence_column,
        sentence_end=task.sentence_end,
        encoding=task.encoding,
        width=max(columns, default=0),
    )


def _check_workers(workers: int, threads: int | None) -> None:
    check_number("--workers", workers)
    if workers > 1 and threads not in (None, 1):
        raise ConfigError(f"--threads {threads}: each of several --workers has one thread; leave it out")


def _check_apart(output: Path, files: Sequence[str]) -> None:
    for file in files:
        for path in (output, progress_path(output)):
            if file != "-" and path.exists() and Path(file).exists() and path.samefile(file):
                raise ConfigError(f"--output-file {output}: would overwrite {path}, which is input; choose another")


def _to_stdout(files: Sequence[str], tagger: Tagger, job: TaggingJob, workers: int) -> None:
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


def _to_file(
    files: Sequence[str], tagger: Tagger, job: TaggingJob, workers: int, path: Path, *, resume: bool, force: bool
) -> None:
    settings: Settings = {
        "version of tagmates": __version__,
        "model": identity(tagger),
        "--tasks": list(job.tasks),
        "--input": job.input.kind,
        "--token-column": str(job.input.token_column or ""),
        "--separator": job.input.separator,
        "--comment": str(job.input.comment),
        "--header": str(job.input.header),
        "--sentence-column": str(job.input.sentence_column or ""),
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
