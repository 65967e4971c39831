"""``tagmates evaluate``: score a trained tagger, and show what is wrong."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.apps.mistakes import print_tables, report_mistakes, tag_tables
from tagmates.apps.shared import Device, Flag, Json, Model, NewWordVectors, Threads, say, screen, use_threads
from tagmates.apps.tables import evaluation_table
from tagmates.config import preset_of
from tagmates.data.checking.layers import layer_remarks
from tagmates.errors import ConfigError
from tagmates.formatting import listing
from tagmates.training.baseline import baseline_scores
from tagmates.training.device import choose_device
from tagmates.training.evaluation import evaluate as evaluate_model
from tagmates.training.evaluation import predictions


def evaluate(
    model: Model,
    /,
    *,
    split: Annotated[str, Parameter(help="train, dev (or validation) or test.")] = "test",
    data: Annotated[str | None, Parameter(help="As --data of train; default: the tagger's training data.")] = None,
    output: Annotated[
        Path | None,
        Parameter(help="Folder for predictions: TASK.conll with the columns token, gold tag and predicted tag."),
    ] = None,
    force: Annotated[bool, Flag(help="Overwrite the predictions that are in the folder of --output.")] = False,
    json_: Json = False,
    baseline: Annotated[
        bool, Flag(help="Also score a baseline: each word gets the tag that it has most often in train.")
    ] = False,
    errors: Annotated[
        Path | None,
        Parameter(
            help="Folder for the analysis of errors: mistakes.html (kinds of mistakes, confusions, words, sentences) "
            "and confusions.csv. It also prints the scores of every tag and the most frequent confusions."
        ),
    ] = None,
    against: Annotated[
        str | None,
        Parameter(
            help="With --errors: another model, on the same data, whose mistakes are set beside those of this one."
        ),
    ] = None,
    by_tag: Annotated[bool, Flag(help="Also print the scores of every tag.")] = False,
    vectors: NewWordVectors = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Score a trained tagger: precision, recall and F1 of every task.

    A signature of each score (on stderr, or in the JSON) says how it was computed. With --errors, a page shows what is
    wrong; docs/errors.md explains it.

    Example: tagmates evaluate runs/a --split test --output predictions

    Example: tagmates evaluate runs/a --split dev --errors mistakes --against runs/b
    """
    if against is not None and errors is None:
        raise ConfigError("--against: goes with --errors FOLDER, which says where the page of both models is written")
    use_threads(threads)
    evaluation = evaluate_model(model, split=split, data=data, device=choose_device(device), vectors=vectors)
    preset, others = preset_of(evaluation.training)
    say(f"trained with preset {preset}{f', but {listing(others)}' if others else ''}, as its config.json says")
    if evaluation.seen and evaluation.split == "dev":
        say("warning: this tagger was trained on dev too (train --final), so these scores do not say how good it is")
    if output is not None:
        for path in predictions(evaluation, output, force=force):
            say(f"wrote {path}")
    for name, task in evaluation.tasks.items():
        for _, text in layer_remarks(task, evaluation.gold[name]):
            say(f"warning: {text}")
    compared = baseline_scores(evaluation.tasks, evaluation.names, evaluation.split) if baseline else None
    wrong = {} if errors is None else report_mistakes(evaluation, errors, against, data, choose_device(device))
    if json_:
        values = evaluation.to_json(compared)
        for name, own in wrong.items():
            values["tasks"][name]["mistakes"] = own.to_json()
        print(json.dumps(values, indent=2, ensure_ascii=False))
        return
    screen().print(evaluation_table(evaluation, compared))
    for name, scores in evaluation.scores.items() if by_tag or wrong else ():
        print_tables(tag_tables(name, scores, wrong.get(name)))
    for text in evaluation.signatures.values():
        say(text)
