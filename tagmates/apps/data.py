"""The commands for data: get the paper's tasks, describe your own, check them for mistakes."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tagmates.apps.fetch import fetch, list_
from tagmates.apps.shared import Flag, TaskNames, say, screen, talk
from tagmates.apps.tables import overlap_tables, statistics_table
from tagmates.data.checking.check import check_tasks
from tagmates.data.checking.problems import problem_lines, unique_problems
from tagmates.data.describing.proposal import propose
from tagmates.data.overlap import overlap_json, overlaps, unknown_words
from tagmates.data.statistics import load_splits, statistics, table1
from tagmates.data.task import Task
from tagmates.data.tasks import choose_tasks, load_tasks
from tagmates.errors import ConfigError
from tagmates.files import write_atomically
from tagmates.formatting import plural

app = App(name="data", help="Get the paper's data, describe your own, print statistics, check for mistakes.")
app.command(fetch)
app.command(list_, name="list")
app.command(  # imported on first use, because its packages are an extra
    "tagmates.apps.suggest:affinity",
    name="affinity",
    help="""Predict from the training data which tasks help each other.

    It takes seconds and trains nothing. docs/affinity.md says how far the predictions can be trusted.

    Example: tagmates data affinity tasks.toml --task ner""",
)

Data = Annotated[
    str,
    Parameter(
        env_var="TAGMATES_DATA",
        help="'starter' (comes with tagmates), a TOML file of tasks, a folder with tasks.toml or "
        "TASK/{train,dev,test}.conll, or a packed study.",
    ),
]


@app.command
def stats(
    data: Data = "starter",
    *,
    tasks: TaskNames = "all",
    plot: Annotated[
        Path | None,
        Parameter(
            help="Draw sentence lengths, tags and overlap into a folder of SVG files, or into one .svg or .png file."
        ),
    ] = None,
    json_: Annotated[bool, Flag(name="--json", help="Print JSON: a list of rows or, with --plot, an object.")] = False,
) -> None:
    """Print sentences and tokens of each split, token/type ratio, labels and label entropy, as Table 1 of the paper.

    With --plot, also the overlap of the tasks: words, sentences, and test sentences that are in train of another task.

    Example: tagmates data stats tasks.toml --plot figures
    """
    known = load_tasks(data)
    names = choose_tasks(tasks, known)
    if plot is not None:
        _plot({name: known[name] for name in names}, plot, json_)
        return
    rows = table1(known, names)
    if json_:
        print(json.dumps(rows, indent=2))
    else:
        screen().print(statistics_table(rows))


def _plot(tasks: Mapping[str, Task], place: Path, json_: bool) -> None:
    from tagmates.report.figures.data import check_place, write_figures  # noqa: PLC0415  (matplotlib is an extra)

    check_place(place)
    corpora = {name: load_splits(task) for name, task in tasks.items()}
    rows = [statistics(name, splits) for name, splits in corpora.items()]
    shared, unknown = overlaps(corpora), unknown_words(corpora)
    paths = write_figures(corpora, shared, place)
    if json_:
        print(json.dumps({"statistics": rows, **overlap_json(shared, unknown)}, indent=2))
    else:
        wide = screen(max(talk.width, 24 * (1 + len(tasks))))  # a map of many tasks is scrolled, not cut
        wide.print(statistics_table(rows))
        for title, table in overlap_tables(shared, unknown):
            wide.print(title, table, sep="\n", highlight=False)
    for path in paths:
        say(f"wrote {path}")


@app.command
def check(
    data: Data,
    *,
    all_: Annotated[
        bool,
        Flag(name="--all", help="Print a line for every problem, not only for the first of each kind."),
    ] = False,
    json_: Annotated[bool, Flag(name="--json", help="Print a JSON list of all problems.")] = False,
) -> int:
    """Report the problems of the files of tasks. The exit code is 1 if there are errors, 0 if there are only warnings.

    The kind of each problem is in brackets at the end of its line; docs/data.md explains what to do about each kind.
    """
    known = load_tasks(data)
    found = unique_problems(check_tasks(known))
    errors = sum(problem.level == "error" for problem in found)
    if json_:
        print(json.dumps([problem.to_json() for problem in found], indent=2, ensure_ascii=False))
    else:
        for line in problem_lines(found, each=all_):
            print(line)
        counts = {"task": len(known), "error": errors, "warning": len(found) - errors}
        counted = ", ".join(plural(count, noun) for noun, count in counts.items())
        say(counted)
    return 1 if errors else 0


@app.command
def init(
    path: Annotated[Path, Parameter(help="A folder of data files, or one file.")],
    /,
    *,
    output: Annotated[
        str | None,
        Parameter(
            help="The TOML file to write, or '-' for stdout. [default: tasks.toml beside the data]",
            allow_leading_hyphen=True,
        ),
    ] = None,
    force: Annotated[bool, Flag(help="Overwrite the TOML file.")] = False,
) -> None:
    """Describe the files of a folder in a TOML file, for you to check.

    Formats are recognised by the content of files (docs/data.md lists them), splits by the names of files. Comments in
    the TOML file say what was guessed, why, and what was seen. Files that are left out are named first.

    Example: tagmates data init corpus/
    """
    beside = path if path.is_dir() else path.parent
    target = None if output == "-" else Path(output or beside / "tasks.toml")
    if path.exists() and target is not None and target.exists() and not force:
        raise ConfigError(f"{target}: exists already; name another --output, or overwrite it with --force")
    here = target is not None and target.parent.resolve() == beside.resolve()
    proposal = propose(path, "" if here else str(beside.resolve()))
    for text in proposal.left_out:
        say(f"left out: {text}")
    if target is None:
        print(proposal.text, end="")
    else:
        write_atomically(target, proposal.text.encode())
        say(f"wrote {target}: {plural(len(proposal.tasks), 'task')} ({', '.join(proposal.tasks)})")
    for text in proposal.remarks:
        say(f"note: {text}")
    for text in proposal.broken:
        say(f"breaks its scheme: {text}")
    if target is not None:
        say("read it and correct wrong guesses, then:")
        say("\n".join(f"  {shlex.join(['tagmates', 'data', what, str(target)])}" for what in ("check", "stats")))
