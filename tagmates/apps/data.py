"""The commands on the data of tasks: get the paper's, statistics, mistakes."""

import json
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from tagmates.apps.fetch import fetch, list_
from tagmates.apps.tables import statistics_table
from tagmates.data.check import check_tasks
from tagmates.data.statistics import table1
from tagmates.data.tasks import choose_tasks, load_tasks

app = App(name="data", help="Get the paper's data; look at the data of tasks: statistics, mistakes.")
app.command(fetch)
app.command(list_, name="list")
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
