"""The command ``tag``, for text from one sentence on stdin to files that take hours."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.apps.reading_options import RECOGNISED, Reading
from tagmates.apps.shared import (
    Device,
    Flag,
    Model,
    NewWordVectors,
    TaskNames,
    Threads,
    check_number,
    say,
    screen,
    talk,
    use_threads,
)
from tagmates.apps.tables import tagged_table
from tagmates.apps.tag_output import tag_to_file, tag_to_stdout
from tagmates.data.tasks import choose_tasks
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion
from tagmates.model.tagger import Tagger
from tagmates.tagging.appending import parse_append
from tagmates.tagging.read_options import APPEND_PLACES, check_options
from tagmates.tagging.reading import read_input
from tagmates.tagging.resumable import check_output, progress_path
from tagmates.tagging.tagged_chunks import TaggingJob
from tagmates.tagging.training_format import with_training_format
from tagmates.training.device import choose_device


def tag(
    model: Model,
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
            "word per line; csv: one word per row, or all words of a sentence; csv-text: one text per row; lines: one "
            "sentence per line, as word/TAG; conllu; conll2012; webanno; jsonl: one JSON object per line; json: one "
            "list of objects, or an object that holds one; brat; spacy; huggingface.",
        ),
    ] = "auto",
    reading: Reading = RECOGNISED,
    append: Annotated[
        bool | str,
        Parameter(
            negative="",
            show_default=False,
            help="Keep the input as it is and add a column for each task; in CoNLL-U a key of MISC, in JSON a key, "
            "in webanno a layer. For CoNLL-U, --append column, --append misc or --append feats says where.",
        ),
    ] = False,
    output: Annotated[
        str,
        Parameter(
            help="conll: one word per line, one column per task; json: one sentence per line; table: for reading."
        ),
    ] = "conll",
    probabilities: Annotated[
        bool,
        Flag(
            help="Also write the probability of each tag (in conll, one more column per task); in json also of spans."
        ),
    ] = False,
    tasks: TaskNames = "all",
    vectors: NewWordVectors = None,
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

    The input is raw text, or any format that training reads. Memory does not grow with the input, except for spacy,
    and for webanno with --append. After Ctrl-C, a kill or a full disk, the same command with --resume continues the
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
    options = reading.options(input_)
    options = check_options(replace(options, append=parse_append(append)))
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
        raise ConfigError(f"{'--resume' if resume else '--force'}: needs --output-file; give it too, or leave this out")
    use_threads(threads)
    device = choose_device(device)
    tagger = Tagger.from_pretrained(model, device=device, vectors=vectors)
    wanted = choose_tasks(tasks, tagger.tasks)
    options = replace(with_training_format(options, model, wanted), marks=tagger.marks)
    if output == "table":
        for sentence in tagger.stream(read_input(files, options), wanted):
            screen(max(talk.width, 160)).print(tagged_table(sentence, wanted))
        return
    job = TaggingJob(str(model), device, vectors, wanted, options, output, probabilities)
    if output_file is None:
        tag_to_stdout(files, tagger, job, workers)
    else:
        tag_to_file(files, tagger, job, workers, output_file, resume=resume, force=force)


def _check_formats(files: Sequence[str], output: str) -> None:
    for file in files:
        if file.startswith("-") and file != "-":
            raise ConfigError(f"Unknown option: {file} (see tagmates tag --help); for a file write ./{file}")
    if output not in ("conll", "json", "table"):
        names = ("conll", "json", "table")
        raise ConfigError(f"--output {output}: choose conll, json or table{suggestion(output, names)}")


def _check_workers(workers: int, threads: int | None) -> None:
    check_number("--workers", workers)
    if workers > 1 and threads not in (None, 1):
        raise ConfigError(f"--threads {threads}: each of several --workers has one thread; leave it out")


def _check_apart(output: Path, files: Sequence[str]) -> None:
    for file in files:
        for path in (output, progress_path(output)):
            if file != "-" and path.exists() and Path(file).exists() and path.samefile(file):
                raise ConfigError(f"--output-file {output}: would overwrite {path}, which is input; choose another")
