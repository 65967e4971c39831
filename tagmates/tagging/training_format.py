"""The format of the files that a tagger was trained on: other files probably have their words in the same place."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import TagmatesError
from tagmates.files import read_json
from tagmates.tagging.read_options import ReadOptions


def with_training_format(options: ReadOptions, run: str, tasks: Sequence[str]) -> ReadOptions:
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
        sentence_columns=task.sentence_columns,
        sentence_end=task.sentence_end,
        markup=task.markup,
        sentence_rows=task.sentence_rows,
        encoding=task.encoding,
        width=max(columns, default=0),
    )
