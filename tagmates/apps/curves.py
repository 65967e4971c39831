"""The command ``curves``."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from tagmates.apps.shared import Flag, say, screen, talk
from tagmates.errors import ConfigError
from tagmates.study.curves import Curve, read_curves, sparkline
from tagmates.training.schedule import index_of_best


def curves(
    runs: Annotated[tuple[Path, ...], Parameter(help="Folders of runs or of studies; of a study, all runs.")] = (),
    /,
    *,
    output: Annotated[
        Path | None, Parameter(help="Draw dev F1, loss and learning rate by update into this .svg or .png file.")
    ] = None,
    json_: Annotated[bool, Flag(name="--json", help="Print a JSON list of the runs with all values.")] = False,
) -> None:
    """Show learning curves: dev F1, loss and learning rate after each epoch of runs, also of those that still train.

    Example: tagmates curves runs/a runs/b --output curves.svg
    """
    if not runs:
        raise ConfigError("runs: are missing; give the folder of a run or a study (see tagmates curves --help)")
    found = read_curves(runs)
    if output is not None:
        from tagmates.report.figures.curves import write_curves  # noqa: PLC0415  (matplotlib is an extra)

        write_curves(found, output)
        say(f"wrote {output}")
    if json_:
        print(json.dumps([curve.to_json() for curve in found], indent=2, ensure_ascii=False))
    else:
        screen(max(talk.width, 120)).print(curves_table(found))


def curves_table(found: list[Curve]) -> Table:
    """A row for each run; if there is only one, also a row for each of its tasks."""
    table = Table(caption="dev F1 from the first to the last epoch, and the best one")
    table.add_column("run")
    for name in ("epochs", "updates"):
        table.add_column(name, justify="right")
    table.add_column("dev F1")
    for name in ("first", "best", "in epoch", "last", "loss", "learning rate"):
        table.add_column(name, justify="right")
    for curve in found:
        table.add_row(
            escape(curve.name),
            str(len(curve.updates)),
            str(curve.updates[-1]),
            *_course(curve.dev_mean, curve.best),
            f"{curve.loss[-1]:.3f}",
            f"{curve.learning_rate[-1]:.2g}",
        )
    if len(found) == 1 and len(found[0].dev) > 1:
        for task, values in found[0].dev.items():
            table.add_row(
                f"  {escape(task)}", "", "", *_course(values, index_of_best(values, strict=found[0].strict)), "", ""
            )
    return table


def _course(values: tuple[float, ...], best: int) -> tuple[str, ...]:
    if not values:
        return ("no dev set", *"––––")
    return sparkline(values), f"{values[0]:.2f}", f"{values[best]:.2f}", str(best + 1), f"{values[-1]:.2f}"
