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
from tagmates.data.pieces import Piece, read_pieces, size_of
from tagmates.data.reading import Reading, check_reading
from tagmates.data.resumable import Output, Settings, beside, check_output, open_output
from tagmates.data.tasks import choose_tasks, load_tasks
from tagmates.data.text import no_words, read_input
from tagmates.errors import ConfigError, TagmatesError
from tagmates.failures import memory_errors
from tagmates.files import read_json
from tagmates.model.bulk import Job, TaggedPiece, identity, tag_in_workers, tag_piece
from tagmates.model.tagger import Tagger
from tagmates.training.train import choose_device
from tagmates.wording import plural


def tag(
    run: Model,
    files: Annotated[
        tuple[str, ...],
        Parameter(help="Text files; '-' is stdin.", allow_leading_hyphen=True),  # or '-' would be an unknown option
    ] = ("-",),
    /,
    *,
    input_: Annotated[
        str,
        Parameter(
            name="--input",
            help="text: raw text; conll: a word a line in columns, blank lines between (CoNLL-U is recognised); "
            "conllu; lines: a sentence a line, words between white space; jsonl: a JSON object a line, with a list of "
            "words.",
        ),
    ] = "text",
    token_column: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The column of the words, from 1, or -1 for the last; of jsonl a key. [default: 1; conllu 2; tokens]",
        ),
    ] = None,
    separator: Annotated[
        str,
        Parameter(
            help="Between columns: a character, 'tab' or 'whitespace' [default: as the rows show]; of lines, between a "
            "word and its tags."
        ),
    ] = "",
    comment: Annotated[str, Parameter(help="How lines begin that are skipped before a sentence.")] = "# ",
    append: Annotated[
        bool,
        Parameter(
            negative="",
            help="Keep every line of conll or conllu as it is, and add a column per task (in CoNLL-U a key of MISC).",
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

    Memory does not grow with the input. After Ctrl-C, a kill or a full disk the same command with --resume goes on with
    its --output-file; nothing is lost or doubled.

    Example: echo "Prices in Berlin fell sharply ." | tagmates tag en

    Example: tagmates tag en corpus.conllu --input conllu --append > tagged.conllu

    Example: tagmates tag en big.txt --workers 2 --output-file big.conll
    """
    separator = "\t" if separator == "tab" else separator
    reading = check_reading(Reading(input_, token_column, separator, comment))
    _check_formats(files, output)
    if append and (input_ not in ("conll", "conllu") or output != "conll" or probabilities):
        raise ConfigError("--append: goes with --input conll or conllu and --output conll, without --probabilities")
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
    job = Job(str(run), device, vectors, wanted, reading, output, probabilities, append)
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
    """The reading, with where the words are in the files of a run's tasks, if these are still described."""
    environment = Path(run) / "environment.json"
    if reading.kind not in ("conll", "jsonl") or reading.token_column is not None or not environment.is_file():
        return reading
    try:
        known = load_tasks(str(read_json(environment).get("data", "")))
    except TagmatesError:  # moved, or written for a later tagmates
        return reading
    found = [known[task] for task in tasks if task in known]
    if reading.kind == "jsonl":
        keys = {str(task.token_column) for task in found if task.format == "jsonl"}
        return replace(reading, token_column=keys.pop()) if len(keys) == 1 else reading
    columns = [task for task in found if task.format == "columns"]
    places = {(int(task.token_column), task.separator or "whitespace") for task in columns}
    if len(places) != 1:
        return reading
    width = max(abs(int(column)) for task in columns for column in (task.token_column, task.tag_column))
    return replace(reading, trained=(*places.pop(), width))


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
    heading, empty = job.heading, True
    with closing(_tagged(read_pieces(files, job.input.kind), tagger, job, workers)) as results:
        for result in results if sys.stdout.isatty() else show_tagging(results, talk, size_of(files)):
            if result.text:
                sys.stdout.write(heading + result.text)  # nothing at all where there is no sentence
                heading = ""
            empty = empty and not result.sentences
            if result.error:
                raise result.error
    if empty:
        raise no_words(files)


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
        "--comment": job.input.comment,
        "columns of training": str(job.input.trained or ""),
        "--output": job.output,
        "--probabilities": job.probabilities,
        "--append": job.append,
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
    pieces = read_pieces(files, job.input.kind)
    skipped = output.skip(pieces)
    with closing(_tagged(pieces, tagger, job, workers)) as results:
        for result in show_tagging(results, talk, size_of(files), skipped):
            if result.text:
                output.write(result.text if output.record.length else job.heading + result.text)
            if result.error:
                raise result.error
            output.done(result.piece, sentences=result.sentences, tokens=result.tokens)
    if not output.record.sentences:
        raise no_words(files)


def _tagged(pieces: Iterator[Piece], tagger: Tagger, job: Job, workers: int) -> Generator[TaggedPiece, None, None]:
    if workers == 1:
        return (tag_piece(tagger, job, piece) for piece in pieces)
    return tag_in_workers(job, pieces, workers)
