"""``tagmates tag``: from a sentence on stdin to files that take hours."""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from tagmates import __version__
from tagmates.apps.shared import Device, Model, Threads, check_number, end, say, talk, use_threads
from tagmates.apps.tables import tagged_table
from tagmates.apps.tag_progress import show_tagging
from tagmates.data.tasks import Task, choose_tasks, load_tasks
from tagmates.errors import ConfigError, TagmatesError
from tagmates.failures import memory_errors
from tagmates.files import read_json
from tagmates.formatting import plural
from tagmates.model.tagger import Tagger
from tagmates.tagging.appending import append_of
from tagmates.tagging.chunks import Piece, read_pieces, size_of
from tagmates.tagging.reading import APPENDED, Reading, check_reading
from tagmates.tagging.resumable import Output, Settings, beside, check_output, open_output
from tagmates.tagging.text import no_words, read_input
from tagmates.tagging.workers import Job, TaggedPiece, identity, tag_in_workers, tag_piece
from tagmates.training.train import choose_device


def tag(
    run: Model,
    files: Annotated[
        tuple[str, ...],
        Parameter(
            help="Files, or folders of BRAT and Hugging Face; '-' is stdin.", allow_leading_hyphen=True
        ),  # or '-' would be an unknown option
    ] = ("-",),
    /,
    *,
    input_: Annotated[
        str,
        Parameter(
            name="--input",
            help="How the input is written: auto (seen from its first lines); text: raw text; columns (or conll): a "
            "word a line; csv: a word a row; csv-text: a text a row; lines: a sentence a line, as word/TAG; conllu; "
            "conll2012; webanno; jsonl: a JSON object a line; json: one list of objects; brat; spacy; huggingface.",
        ),
    ] = "auto",
    token_column: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Where the words are: a column, from 1, or -1 for the last, or its name; of JSON and huggingface a "
            "key, of words or of a text. [default: as in the model's training, else as seen]",
        ),
    ] = None,
    separator: Annotated[
        str,
        Parameter(
            show_default=False,
            help="Between columns: a character, 'tab' or 'whitespace'; of lines, between a word and its tags. "
            "[default: as seen]",
        ),
    ] = "",
    comment: Annotated[
        str | None, Parameter(help="How lines begin that are skipped before a sentence. [default: '# ', or as seen]")
    ] = None,
    header: Annotated[
        bool | None,
        Parameter(help="Whether the first line of columns or csv names the columns. [default: as seen]"),
    ] = None,
    sentence_column: Annotated[
        str | None,
        Parameter(help="Of columns and csv, a column with another value in each sentence. [default: as seen]"),
    ] = None,
    encoding: Annotated[
        str, Parameter(show_default=False, help="Of the input: utf-8, latin-1, utf-16, … [default: utf-8]")
    ] = "",
    append: Annotated[
        bool | str,
        Parameter(
            negative="",
            show_default=False,
            help="Keep the input as it is and add a column for each task, in CoNLL-U a key of MISC, in JSON lines a "
            "key. Of CoNLL-U, say where: --append column, --append misc or --append feats.",
        ),
    ] = False,
    output: Annotated[
        str, Parameter(help="conll: a word a line, a column per task; json: a sentence a line; table: for people.")
    ] = "conll",
    probabilities: Annotated[
        bool, Parameter(negative="", help="Also write how probable each tag is; in conll a column per task.")
    ] = False,
    tasks: Annotated[str, Parameter(help="Tasks, separated by commas, or 'all' of the tagger's.")] = "all",
    vectors: Annotated[
        str | None, Parameter(help="Vectors for words never seen in training: glove, random, or a GloVe text file.")
    ] = None,
    output_file: Annotated[
        Path | None, Parameter(help="Write to this file instead of stdout; one that --resume can go on with.")
    ] = None,
    resume: Annotated[bool, Parameter(negative="", help="Go on with an output file after a kill or an error.")] = False,
    force: Annotated[bool, Parameter(negative="", help="Overwrite the output file.")] = False,
    workers: Annotated[int, Parameter(help="Processes that tag side by side, each with one thread.")] = 1,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Tag text with every task of a tagger.

    The input is raw text, or any format that training reads. Memory does not grow with it, but for json, spacy and
    huggingface. After Ctrl-C, a kill or a full disk the same command with --resume goes on with its --output-file;
    nothing is lost or doubled.

    Example: echo "Prices in Berlin fell sharply ." | tagmates tag en

    Example: tagmates tag en corpus.conllu --append feats > tagged.conllu

    Example: tagmates tag en words.csv --input csv --token-column token --append > tagged.csv

    Example: tagmates tag en reviews.jsonl --token-column text --append > tagged.jsonl

    Example: tagmates tag en sentences.txt --input lines --separator '###' --output json

    Example: tagmates tag en big.txt --workers 2 --output-file big.conll
    """
    if isinstance(append, str) and append not in APPENDED and files == ("-",):  # --append FILE
        files, append = (append,), True
    reading = Reading(
        kind=input_,
        token_column=token_column,
        separator="\t" if separator == "tab" else separator,
        comment=comment,
        header=header,
        sentence_column=sentence_column,
        encoding=encoding,
        append=append_of(append),
    )
    reading = check_reading(reading)
    _check_formats(files, output)
    if append and (output != "conll" or probabilities):
        raise ConfigError("--append: repeats the input, so it goes without --output and --probabilities")
    if output == "table" and (output_file or workers > 1 or probabilities):
        raise ConfigError("--output table: is for people to look at; for more choose conll or json")
    _check_workers(workers, threads)
    if resume and force:
        raise ConfigError("--resume and --force: choose one; the first goes on, the second starts anew")
    if output_file is not None:
        _check_apart(output_file, files)
        if not check_output(output_file, resume=resume, force=force):
            say(f"{output_file}: is whole; nothing to resume")
            return
    elif resume or force:
        raise ConfigError(f"{'--resume' if resume else '--force'}: needs --output-file")
    use_threads(threads)
    device = choose_device(device)
    tagger = Tagger.from_pretrained(run, device=device, vectors=vectors)
    wanted = choose_tasks(tasks, tagger.tasks)
    reading = _as_trained(reading, run, wanted)
    if output == "table":
        for sentence in tagger.stream(read_input(files, reading), wanted):
            Console(width=max(talk.width, 160)).print(tagged_table(sentence, wanted))
        return
    job = Job(str(run), device, vectors, wanted, reading, output, probabilities)
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


def _as_trained(reading: Reading, run: str, tasks: Sequence[str]) -> Reading:
    """The reading, with how the files of a run's tasks are written, if these are still described and all alike.

    A model knows the folder or file that described its tasks, nothing of it by itself.
    """
    environment = Path(run) / "environment.json"
    if not environment.is_file():
        return reading
    try:
        known = load_tasks(str(read_json(environment).get("data", "")))
    except TagmatesError:  # moved, or written for a later tagmates
        return reading
    found = [_reading_of(known[task]) for task in tasks if task in known]
    if not found or any(replace(each, width=0) != replace(found[0], width=0) for each in found):
        return reading
    return replace(reading, trained=replace(found[0], width=max(each.width for each in found)))


def _reading_of(task: Task) -> Reading:
    """How the files of a task are written."""
    columns = [abs(column) for column in (task.token_column, task.tag_column) if isinstance(column, int)]
    return Reading(
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
        for path in (output, beside(output)):
            if file != "-" and path.exists() and Path(file).exists() and path.samefile(file):
                raise ConfigError(f"--output-file {output}: would overwrite {path}, which is input; choose another")


def _to_stdout(files: Sequence[str], tagger: Tagger, job: Job, workers: int) -> None:
    held, empty = job.heading.encode(), True  # nothing at all is written where there is no sentence
    with closing(_tagged(_told(read_pieces(files, job.input)), tagger, job, workers)) as results:
        for result in results if sys.stdout.isatty() else show_tagging(results, talk, size_of(files)):
            held, empty = held + result.data, empty and not result.sentences
            if not empty:
                _write(held)
                held = b""
            if result.error:
                raise result.error
    if empty:
        raise no_words(files)


def _write(data: bytes) -> None:
    """Bytes to stdout: what repeats the input may have another encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _told(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces; what their files are taken for is said, where nobody has said it before."""
    for piece in pieces:
        if piece.note:
            say(f"{piece.name}: read as {piece.note}")
        yield piece


def _to_file(
    files: Sequence[str], tagger: Tagger, job: Job, workers: int, path: Path, *, resume: bool, force: bool
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
                raise type(error)(f"{error}; then --resume goes on with {path}") from None
    except KeyboardInterrupt:
        end(130, f"tagmates: interrupted; the same command with --resume (not --force) goes on with {path}")
    record = output.record
    say(f"wrote {path}: {plural(record.sentences, 'sentence')}, {plural(record.tokens, 'token')}")


def _tag_into(output: Output, files: Sequence[str], tagger: Tagger, job: Job, workers: int) -> None:
    pieces = _told(read_pieces(files, job.input))
    skipped = output.skip(pieces)
    with closing(_tagged(pieces, tagger, job, workers)) as results:
        for result in show_tagging(results, talk, size_of(files), skipped):
            if result.text:
                output.write(result.data if output.record.length else job.heading.encode() + result.data)
            if result.error:
                raise result.error
            output.done(result.piece, sentences=result.sentences, tokens=result.tokens)
    if not output.record.sentences:
        raise no_words(files)


def _tagged(pieces: Iterator[Piece], tagger: Tagger, job: Job, workers: int) -> Generator[TaggedPiece, None, None]:
    if workers == 1:
        return (tag_piece(tagger, job, piece) for piece in pieces)
    return tag_in_workers(job, pieces, workers)
