"""The commands ``study suggest`` and ``data affinity``: partners of every task before anything is trained."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from tagmates.api import Study
from tagmates.apps import study_options
from tagmates.apps.data import Data
from tagmates.apps.shared import Flag, Json, TaskNames, say, screen
from tagmates.apps.study_options import Where, say_notes
from tagmates.data.corpora import load_indexed
from tagmates.data.task import Task
from tagmates.data.task_data import task_data
from tagmates.data.tasks import choose_tasks, load_tasks
from tagmates.errors import ConfigError
from tagmates.formatting import interval_text, percent, plural, points, suggestion
from tagmates.study.settings import METHOD_NAMES
from tagmates.study.status import current_status
from tagmates.study.suggest import Suggestion, how_often_right, pair_gains, reasons, suggest, suggestions_json

Of = Annotated[str, Parameter(name="--task", show_default=False, help="Show all partners of this task, with reasons.")]
Top = Annotated[int, Parameter(help="Number of partners to show for each task; 0, --task and --json: all.")]
Plot = Annotated[
    Path | None, Parameter(name="--plot", help="Draw a map of all predicted gains into this .svg or .png file.")
]


def suggest_for_study(
    where: Where = None,
    /,
    *,
    data: study_options.Data = None,
    task: Of = "",
    top: Top = 3,
    found: Annotated[
        bool, Flag(help="Show beside each suggestion the gain in the finished pairs of the study.")
    ] = False,
    plot: Plot = None,
    json_: Json = False,
) -> None:
    """Suggest partners for every task of a study before anything is trained, from the training data alone.

    It takes seconds. The gains are predictions; an interval is expected to contain the gain in four of five cases. The
    last line says how often such suggestions were right where that could be checked.

    Example: tagmates study suggest studies/paper.toml --data DIR --task mwe
    """
    study = Study.open(where, data=data)
    say_notes(study.notes)
    study.require_data()
    known = load_tasks(study.data)
    if not found:
        _suggest(known, study.tasks, task, top, plot, json_)
        return
    if task or plot or json_:
        raise ConfigError("--found: cannot be combined with --task, --plot or --json; leave one of them out")
    _check_tasks(study.tasks)
    runs = current_status(study.settings, study.tasks, study.store).runs
    gains = {method: pair_gains(study.tasks, method, runs) for method in study.settings.sharing}
    if not any(gains.values()):
        raise ConfigError(
            f"--found: {study.store.root} has no finished pair whose tasks are trained alone too; run the study first"
        )
    indexed = load_indexed(known, study.tasks)
    study.store.check_data(study.data, {name: task_data(known[name], each) for name, each in indexed.items()})
    suggestions = suggest({name: each.splits["train"] for name, each in indexed.items()})
    for method, own in gains.items():
        if own:
            screen().print(_found_table(suggestions, own, METHOD_NAMES[method]))
            say(_how_often_found(suggestions, own))


def affinity(
    data: Data = "starter",
    *,
    tasks: TaskNames = "all",
    task: Of = "",
    top: Top = 3,
    plot: Plot = None,
    json_: Json = False,
) -> None:
    """Predict from the training data which tasks help each other; `study suggest` does the same for a study.

    Example: tagmates data affinity tasks.toml --plot affinity.svg
    """
    known = load_tasks(data)
    _suggest(known, choose_tasks(tasks, known), task, top, plot, json_)


def _suggest(
    known: Mapping[str, Task], names: Sequence[str], task: str, top: int, plot: Path | None, json_: bool
) -> None:
    _check_tasks(names)
    if task and task not in names:
        raise ConfigError(f"--task: there is no {task!r}{suggestion(task, names)}; there are {', '.join(names)}")
    if top < 0:
        raise ConfigError(f"--top {top}: must be 0 or more")
    trains = {name: indexed.splits["train"] for name, indexed in load_indexed(known, names).items()}
    suggestions = suggest(trains)
    if plot is not None:
        from tagmates.report.figures.affinity import write_affinity_figure  # noqa: PLC0415  (matplotlib is an extra)

        write_affinity_figure(suggestions, plot)
        say(f"wrote {plot}")
    shown = {task: suggestions[task]} if task else suggestions
    if json_:
        print(json.dumps(suggestions_json(shown), indent=2, ensure_ascii=False))
        return
    if task:
        screen().print(_partners_table(suggestions[task]))
        for each in suggestions[task]:
            print(f"{each.helper}: {reasons(each, len(names) - 1)}")
    else:
        screen().print(_tasks_table(suggestions, top or len(names) - 1))
        say("--task NAME shows all partners of a task, with reasons")
    say(how_often_right())


def _check_tasks(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise ConfigError(f"there is only one task, {names[0]}; suggestions need two or more")


def _tasks_table(suggestions: Mapping[str, Sequence[Suggestion]], top: int) -> Table:
    """A row for each task, with its first partners."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption="Predicted gain in points of F1, and its 80 % interval.")
    table.add_column("task", no_wrap=True)
    for place in range(1, min(top, len(suggestions) - 1) + 1):
        table.add_column("suggested partner" if place == 1 else f"no. {place}")
    for task, some in suggestions.items():
        cells = (
            f"{each.helper} {points(each.gain.mean, signed=True)} ({interval_text(*each.gain.interval())})"
            for each in some[:top]
        )
        table.add_row(*map(escape, (task, *cells)))
    return table


def _found_table(
    suggestions: Mapping[str, Sequence[Suggestion]], gains: Mapping[tuple[str, str], float], method: str
) -> Table:
    """A row for each task: its first suggestion, with the predicted and the found gain, and its best partner."""
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=f"Suggested and found, {method}",
        caption="Points of dev F1. Found: the mean of the finished runs of the pair, minus that of the task alone.",
    )
    table.add_column("task", no_wrap=True)
    for name in ("suggested partner", "predicted", "found", "best partner found", "its gain"):
        table.add_column(name, justify="left" if "partner" in name else "right")
    for task, some in suggestions.items():
        own = {helper: gain for (tested, helper), gain in gains.items() if tested == task}
        best = max(own, key=own.__getitem__, default="")
        table.add_row(
            escape(task),
            escape(some[0].helper),
            points(some[0].gain.mean, signed=True),
            points(own.get(some[0].helper), signed=True),
            escape(best),
            points(own.get(best), signed=True),
        )
    return table


def _how_often_found(suggestions: Mapping[str, Sequence[Suggestion]], gains: Mapping[tuple[str, str], float]) -> str:
    """How good the first suggestions were by what the study found, over the tasks whose suggested pair is finished."""
    first = {task: gains[task, some[0].helper] for task, some in suggestions.items() if (task, some[0].helper) in gains}
    best = {task: max(0.0, *(gain for (tested, _), gain in gains.items() if tested == task)) for task in first}
    text = f"The first suggestion was better than training alone for {sum(gain > 0 for gain in first.values())} of "
    text += plural(len(first), "task")
    if sum(best.values()) > 0:
        share = sum(first.values()) / sum(best.values())
        text += f", and brought {percent(share)} % of the gain that the best partner of each would bring"
    return f"{text}."


def _partners_table(suggestions: Sequence[Suggestion]) -> Table:
    """A row for each partner of a task."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"partners of {escape(suggestions[0].task)}", no_wrap=True)
    for name in ("predicted gain", "80 % interval", "chance of a gain, %"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in suggestions:
        table.add_row(
            escape(each.helper),
            points(each.gain.mean, signed=True),
            interval_text(*each.gain.interval()),
            percent(each.gain.probability),
        )
    return table
