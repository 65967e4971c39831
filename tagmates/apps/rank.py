"""The command ``rank``."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.apps.reading_options import RECOGNISED, Reading
from tagmates.apps.shared import Device, Flag, Model, NewWordVectors, Threads, say, use_threads
from tagmates.errors import ConfigError
from tagmates.files import write_atomically
from tagmates.formatting import plural
from tagmates.model.tagger import Tagger
from tagmates.tagging.ranking import Measure, ranked_columns
from tagmates.tagging.ranking import rank as rank_sentences
from tagmates.tagging.read_options import check_options
from tagmates.tagging.reading import read_input
from tagmates.tagging.training_format import with_training_format
from tagmates.training.device import choose_device


def rank(
    model: Model,
    pool: Annotated[
        tuple[str, ...],
        Parameter(
            help="Files of sentences that are not annotated. [default: '-', which is stdin]",
            show_default=False,
            allow_leading_hyphen=True,
        ),
    ] = ("-",),
    /,
    *,
    task: Annotated[
        str | None, Parameter(help="The task that will be annotated. [required if there are several]")
    ] = None,
    by: Annotated[
        Measure,
        Parameter(
            help="sequence: the probability of all tags, per word; span: the lowest probability of a span; margin: the "
            "smallest difference between a word's two most probable tags."
        ),
    ] = "sequence",
    top: Annotated[int | None, Parameter(help="Only so many sentences. [default: all]", show_default=False)] = None,
    blank: Annotated[bool, Flag(help="Write _ (no label) instead of the predicted tags.")] = False,
    input_: Annotated[str, Parameter(name="--input", help="Format of the pool, as --input of tag.")] = "auto",
    reading: Reading = RECOGNISED,
    output: Annotated[Path | None, Parameter(help="Write to this new file instead of stdout.")] = None,
    vectors: NewWordVectors = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Choose what to annotate next: the sentences of a pool of which a tagger is least certain come first.

    The output is columns (token, predicted tag) to be corrected, which data init and training read. A comment before
    each sentence has its certainty. docs/errors.md explains the measures.

    Example: tagmates rank runs/a pool.txt --task ner --top 200 > next.conll
    """
    if top is not None and top < 1:
        raise ConfigError(f"--top {top}: must be 1 or more")
    if output is not None and output.exists():
        raise ConfigError(f"--output {output}: exists already; choose another, since it may hold annotations")
    options = reading.options(input_)
    options = check_options(options)
    use_threads(threads)
    tagger = Tagger.from_pretrained(model, device=choose_device(device), vectors=vectors)
    if task is None and len(tagger.tasks) > 1:
        raise ConfigError(f"--task: is missing; name one of {', '.join(tagger.tasks)}")
    chosen = tagger.tasks[0] if task is None else task
    if chosen in tagger.tasks:
        options = with_training_format(options, model, (chosen,))
    options = replace(options, marks=tagger.marks)
    ranked = rank_sentences(tagger, read_input(pool, options), chosen, by, top)
    text = "".join(ranked_columns(ranked, chosen, blank=blank))
    if output is None:
        sys.stdout.write(text)
    else:
        write_atomically(output, text.encode())
        say(f"wrote {output}: {plural(len(ranked), 'sentence')}, the most uncertain first")
