"""The commands on the data of tasks: description, statistics, mistakes."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from tagmates.apps.tables import statistics_table
from tagmates.data.check import check_tasks
from tagmates.data.proposal import propose
from tagmates.data.statistics import table1
from tagmates.data.tasks import choose_tasks, load_tasks
from tagmates.errors import ConfigError
from tagmates.files import write_atomically
from tagmates.wording import plural

app = App(name="data", help="Look at the data of tasks: description, statistics, mistakes.")
talk = Console(stderr=True)

Data = Annotated[
    str,
    Parameter(
        env_var="TAGMATES_DATA",
        help="'starter' (embedded), a TOML file of tasks, a packed study, a folder with TASK/{train,dev,test}.conll.",
    ),
]


@app.command
def stats(
    *,
    data: Data = "starter",
    tasks: Annotated[str, Parameter(help="Tasks, separated by commas, or 'all'.")] = "all",
    json_: Annotated[bool, Parameter(name="--json", negative="", help="Print a JSON list of rows.")] = False,
) -> None:
    """Print the paper's Table 1 for these data: sentences, token/type ratio, labels, label entropy."""
    known = load_tasks(data)
    rows = table1(known, choose_tasks(tasks, known))
    if json_:
        print(json.dumps(rows, indent=2))
    else:
        Console().print(statistics_table(rows))


@app.command
def check(
    data: Annotated[str, Parameter(help="As --data of train.")],
    *,
    json_: Annotated[bool, Parameter(name="--json", negative="", help="Print a JSON list of problems.")] = False,
) -> int:
    """Say what is wrong with the files of tasks; exit code 1 if anything is an error, 0 if all are warnings."""
    known = load_tasks(data)
    found = list(dict.fromkeys(check_tasks(known)))  # a file that serves several splits or tasks is as wrong in each
    errors = [problem for problem in found if problem.level == "error"]
    if json_:
        print(json.dumps([problem.to_json() for problem in found], indent=2, ensure_ascii=False))
    else:
        for problem in found:
            print(f"{problem.level}: {problem.text}")
        counted = f"{len(known)} tasks, {len(errors)} errors, {len(found) - len(errors)} warnings"
        talk.print(counted, highlight=False, markup=False, soft_wrap=True)
    return 1 if errors else 0


@app.command
def init(
    path: Annotated[Path, Parameter(help="A folder of data files, or one file.")],
    /,
    *,
    output: Annotated[
        str | None,
        Parameter(
            help="The TOML file to write, '-' for stdout. [default: tasks.toml beside the data]",
            allow_leading_hyphen=True,
        ),
    ] = None,
    force: Annotated[bool, Parameter(negative="", help="Overwrite the TOML file.")] = False,
) -> None:
    """Look at the files of a folder and describe them in a TOML file, for you to check.

    It knows column files, CoNLL-U, JSON lines, folder copies of Hugging Face data sets and BRAT stand-off, by what they
    hold; train, dev and test by their names. What it guessed, why, and what it saw stand in the file as comments.

    Example: tagmates data init corpus/
    """
    beside = path if path.is_dir() else path.parent
    target = None if output == "-" else Path(output or beside / "tasks.toml")
    if target is not None and target.exists() and not force:
        raise ConfigError(f"{target}: is there already; name another --output, or --force to overwrite it")
    here = target is not None and target.parent.resolve() == beside.resolve()
    proposal = propose(path, "" if here else str(beside.resolve()))
    if target is None:
        print(proposal.text, end="")
    else:
        write_atomically(target, proposal.text.encode())
        _say(f"wrote {target}: {plural(len(proposal.tasks), 'task')} ({', '.join(proposal.tasks)})")
    for text in proposal.left_out:
        _say(f"left out: {text}")
    if target is not None:
        _say("read it, correct what is guessed wrong, then:")
        _say(f"  tagmates data check {target}\n  tagmates data stats --data {target}")


def _say(text: str) -> None:
    talk.print(text, highlight=False, markup=False, soft_wrap=True)
