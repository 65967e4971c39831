"""The commands on the data of tasks: statistics, mistakes."""

import json
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from tagmates.apps.tables import statistics_table
from tagmates.data.check import check_tasks
from tagmates.data.problems import once, problem_lines
from tagmates.data.statistics import table1
from tagmates.data.tasks import choose_tasks, load_tasks
from tagmates.wording import plural

app = App(name="data", help="Look at the data of tasks: statistics, mistakes.")
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
    all_: Annotated[
        bool, Parameter(name="--all", negative="", help="A line for every problem, however many are of a kind.")
    ] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="", help="Print a JSON list of all problems.")] = False,
) -> int:
    """Say what is wrong with the files of tasks; exit code 1 if anything is an error, 0 if all are warnings.

    The kind of each problem stands in brackets; docs/data-check.md says what to do about it.
    """
    known = load_tasks(data)
    found = once(check_tasks(known))
    errors = sum(problem.level == "error" for problem in found)
    if json_:
        print(json.dumps([problem.to_json() for problem in found], indent=2, ensure_ascii=False))
    else:
        for line in problem_lines(found, each=all_):
            print(line)
        counts = {"task": len(known), "error": errors, "warning": len(found) - errors}
        counted = ", ".join(plural(count, noun) for noun, count in counts.items())
        talk.print(counted, highlight=False, markup=False, soft_wrap=True)
    return 1 if errors else 0
