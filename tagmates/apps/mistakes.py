"""``evaluate --errors`` and ``--by-tag``: the page of a tagger's mistakes, and tables for a terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tagmates.apps.shared import say, screen, talk
from tagmates.errors import ConfigError
from tagmates.formatting import EMPTY, points, visible
from tagmates.report.mistakes import TaskMistakes, find_mistakes
from tagmates.training.evaluation import Evaluation, evaluate
from tagmates.training.scores import TaskScores

MAX_ROWS = 30  # of a table in the terminal; the page has them all


def report_mistakes(
    evaluation: Evaluation, folder: Path, against: str | None, data: str | None, device: str
) -> Mapping[str, TaskMistakes]:
    """Write the page and the table of confusions into a folder, and return the mistakes of the first model.

    Raises ConfigError if the other model has none of its tasks, or not the same sentences with the same gold tags.
    """
    from tagmates.report.mistakes_page import write_mistakes  # noqa: PLC0415  (jinja2 is an extra)

    other = None if against is None else evaluate(against, split=evaluation.split, data=data, device=device)
    found = find_mistakes(evaluation)
    beside = None if other is None else find_mistakes(other)
    if other is not None and beside is not None:
        _check_same(evaluation, other)
    second = None if other is None or beside is None else (other, beside)
    for path in write_mistakes(folder, evaluation, found, second):
        say(f"wrote {path}")
    return found


def _check_same(evaluation: Evaluation, other: Evaluation) -> None:
    common = [name for name in evaluation.names if name in other.names]
    if not common:
        raise ConfigError(
            f"--against {other.folder}: has none of the tasks of {evaluation.folder} ({', '.join(evaluation.names)}); "
            "give a model that has one of them"
        )
    for name in common:
        ours, theirs = ([(s.tokens, s.labels) for s in each.gold[name]] for each in (evaluation, other))
        if ours != theirs:
            raise ConfigError(
                f"--against {other.folder}: its {evaluation.split} data of {name} have other words or other gold tags; "
                "give --data for both"
            )


def tag_tables(name: str, scores: TaskScores, mistakes: TaskMistakes | None) -> Iterator[tuple[str, Table]]:
    """Yield titles and tables: the scores of every tag and, if they are known, the mistakes of a task."""
    rows = sorted(scores.by_type.items(), key=lambda item: (-item[1].support, item[0]))
    table = _table("tag", "precision", "recall", "F1", "support")
    for label, own in rows[:MAX_ROWS]:
        table.add_row(
            escape(visible(label) or "span"),
            *(f"{x:.2f}" for x in (own.precision, own.recall, own.f1)),
            str(own.support),
        )
    yield f"{name}: scores by tag{_cut(len(rows))}", table
    if mistakes is None:
        return
    table = _table("kind", "mistakes")
    for kind, count in mistakes.kinds.items():
        table.add_row(kind, f"{count:,}")
    yield f"{name}: kinds of mistakes", table
    confusions = mistakes.confusions
    table = _table("gold", "predicted", "kind", "number")
    for gold, predicted, kind, count in confusions[:MAX_ROWS]:
        table.add_row(escape(visible(gold) or EMPTY), escape(visible(predicted) or EMPTY), kind, f"{count:,}")
    yield f"{name}: confusions{_cut(len(confusions))}", table
    if mistakes.seen is not None and mistakes.unseen is not None:
        table = _table("words", "gold units", "recall")
        for words, share in (("seen in train", mistakes.seen), ("not seen", mistakes.unseen)):
            table.add_row(words, f"{share.count:,}", points(share.percent))
        yield f"{name}: words of training", table


def print_tables(tables: Iterator[tuple[str, Table]]) -> None:
    """Print each title and its table; the tables are not cut."""
    for title, table in tables:
        if table.row_count:
            screen(max(talk.width, 120)).print("", escape(title), table, sep="\n", highlight=False)


def _table(first: str, *others: str) -> Table:
    table = Table()
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="left" if name in ("predicted", "kind") else "right")
    return table


def _cut(rows: int) -> str:
    return f" (the first {MAX_ROWS} of {rows:,})" if rows > MAX_ROWS else ""
