"""Results as tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from tagmates.data.overlap import Overlap, UnknownWords
from tagmates.data.task import SPLITS
from tagmates.formatting import EMPTY, percent
from tagmates.model.tagged import Tagged
from tagmates.training.evaluation import Evaluation
from tagmates.training.forgetting import Remembered
from tagmates.training.scores import TaskScores

OVERLAP_TITLES = {
    "types": "distinct words of a task's train",
    "test_tokens": "words of a task's test",
    "train_sentences": "sentences of a task's train",
    "test_sentences": "sentences of a task's test (leaks)",
}


def score_table(result: Mapping[str, Any]) -> Table:
    """The scores of a finished run (the content of ``result.json``)."""
    table = Table()
    table.add_column("task")
    splits = [split for split in ("dev", "test") if split in result]
    for split in splits:
        table.add_column(f"{split} F1", justify="right")
    for task in result["tasks"]:
        table.add_row(escape(task), *(f"{result[s][task]['f1']:.2f}" if task in result[s] else "-" for s in splits))
    return table


def forgetting_table(found: Mapping[str, Remembered]) -> Table:
    """The dev F1 of the tasks of a tagger before and after it was trained on other tasks."""
    table = Table()
    table.add_column("task it had")
    for name in ("dev F1 before", "after", "change"):
        table.add_column(name, justify="right")
    table.add_column("trained again")
    for task, one in found.items():
        numbers = (f"{one.before:.2f}", f"{one.after:.2f}", f"{one.after - one.before:+.2f}")
        table.add_row(escape(task), *numbers, "yes" if one.trained else "no")
    return table


def evaluation_table(evaluation: Evaluation, baseline: Mapping[str, TaskScores] | None) -> Table:
    """The scores of each task, beside those of a baseline if they are given."""
    table = Table()
    table.add_column("task")
    for name in ("precision", "recall", "F1", "support"):
        table.add_column(name, justify="right")
    if baseline is not None:
        table.add_column("baseline F1", justify="right")
        table.add_column("gain", justify="right")
    for task, scores in evaluation.scores.items():
        total = scores.total
        row = [escape(task), f"{total.precision:.2f}", f"{total.recall:.2f}", f"{total.f1:.2f}", str(total.support)]
        if baseline is not None:
            base = baseline[task].total.f1
            row += [f"{base:.2f}", f"{total.f1 - base:+.2f}"]
        table.add_row(*row)
    return table


def tagged_table(sentence: Tagged, tasks: Sequence[str]) -> Table:
    """A tagged sentence, with a row for each word and a column for each task."""
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("token", no_wrap=True)
    for task in tasks:
        table.add_column(escape(task), no_wrap=True)
    for i, token in enumerate(sentence.tokens):
        table.add_row(*(escape(text) for text in (token, *(sentence.tags[task][i] for task in tasks))))
    return table


def statistics_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The sizes of all splits, and the statistics of the paper's Table 1."""
    table = Table(caption="sentences and tokens: train/dev/test; token/type: train/all splits")
    table.add_column("task")
    for name in ("sentences", "tokens", "token/type", "labels", "label entropy"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            escape(row["task"]),
            *("/".join(str(row.get(f"{unit}_{split}", EMPTY)) for split in SPLITS) for unit in ("sentences", "tokens")),
            f"{row['token_type_train']:.1f}/{row['token_type_all']:.1f}",
            str(row["labels"]),
            f"{row['label_entropy']:.1f}",
        )
    return table


def overlap_tables(overlaps: Sequence[Overlap], unknown: Sequence[UnknownWords]) -> Iterator[tuple[str, Table]]:
    """Yield titles and tables: the words that are new in test, and what the tasks have in common.

    A title may be wider than its table.
    """
    table = Table()
    table.add_column("task")
    table.add_column("own train", justify="right")
    table.add_column("train of all", justify="right")
    for row in unknown:
        table.add_row(escape(row.task), percent(row.own), percent(row.all_tasks))
    yield "words of test that train lacks, %", table
    tasks = [row.task for row in unknown]
    for what, title in OVERLAP_TITLES.items() if len(tasks) > 1 else ():
        shares = {(row.task, row.other): getattr(row, what) for row in overlaps}
        table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("in train of", no_wrap=True)
        for task in tasks:
            table.add_column(escape(task), justify="right", no_wrap=True)
        for other in tasks:
            table.add_row(escape(other), *(percent(shares[task, other]) for task in tasks))
        yield f"{title}, %", table
