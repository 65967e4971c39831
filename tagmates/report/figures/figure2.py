"""Figure 2: what joint training does to each task, as a share of its score alone."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tagmates.report.figures.drawing import (
    BLUE,
    FAINT,
    GREY,
    PAGE,
    RED,
    TEXT,
    Figure,
    Margins,
    columns_for,
    draw,
    name_task_axis,
    pale,
    panels,
    widest,
)
from tagmates.report.view import Report
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES, Method

CAPTION = (
    "Change of test F1 against the task trained alone, in percent of that score. A bar reaches from the worst to the "
    "best partner, with a tick for each; triangle: all tasks together; square: the task with its oracle set."
)
PAPER = " To the right of each, in pale colours: the same from the scores that the paper prints."

TICK = (-0.13, 0.13, math.nan)  # one line with gaps is a tenth of as many lines
Improvements = Mapping[str, Mapping[str, Sequence[float]]]  # task -> pairs, all, oracle -> percent


def improvement_figure(report: Report) -> Figure | None:
    """One panel per method; None where nothing can be compared with STL."""
    methods = [method for method, made in report.comparisons.items() if improvements(made, report.tasks)]
    if not methods:
        return None
    paper = any(method in report.published for method in methods)
    caption = CAPTION + (PAPER if paper else "")
    return draw("figure2", "Improvement over single-task learning", caption, lambda: _canvas(report, methods, paper))


def relative(cell: Cell | None) -> float | None:
    """100·(x - STL)/STL; None where STL is not known or is 0."""
    return 100 * (cell.mean - cell.base) / cell.base if cell is not None and cell.base else None


def improvements(comparison: Comparison | None, tasks: Sequence[str]) -> Improvements:
    """The relative improvements of those of the tasks that have one, by runs of these tasks only."""
    if comparison is None:
        return {}
    found = {}
    for task in tasks:
        helpers = comparison.oracle_sets.get(task, ())
        cells = {
            "pairs": [comparison.pairs.get((partner, task)) for partner in tasks],
            "all": [comparison.all.get(task)] if set(comparison.tasks) == set(tasks) else [],
            "oracle": [comparison.oracle.get(task)] if set(helpers) <= set(tasks) else [],
        }
        values = {key: [x for x in map(relative, some) if x is not None] for key, some in cells.items()}
        if task in comparison.oracle and not helpers:
            values["oracle"] = [0.0]  # the task alone
        if any(values.values()):
            found[task] = values
    return found


def _canvas(report: Report, methods: Sequence[Method], paper: bool) -> Canvas:
    count, gap = len(report.tasks), 0.12
    names = 0.75 * widest(report.tasks, TEXT)  # tilted
    left = max(0.74, names - 0.1)
    columns = columns_for(len(methods), 0.26 * count + 2 * gap, PAGE - left)
    width = min(max(1.4, 0.6 * count), (PAGE - left) / columns - 2 * gap)
    both = (report.comparisons, report.published)
    drawn = [improvements(some.get(method), report.tasks) for some in both for method in methods]
    canvas, axes = panels(
        [METHOD_NAMES[method] for method in methods],
        (width, 2.7),
        Margins(left=left, right=gap, top=0.32, bottom=names + 0.2),
        columns=columns,
        shared=True,
        key=_key(drawn, paper),
    )
    low, high = _limits([x for some in drawn for values in some.values() for x in chain(*values.values())])
    for i, ax in enumerate(axes):
        _bars(ax, report.tasks, drawn[i], -0.17 if paper else 0.0, 1.0)
        _bars(ax, report.tasks, drawn[len(methods) + i], 0.2, 0.45)
        _frame(ax, report.tasks, first=i % columns == 0)
        ax.set_ylim(low, high)
    return canvas


def _bars(ax: Axes, tasks: Sequence[str], found: Improvements, shift: float, strength: float) -> None:
    place = {task: i + shift for i, task in enumerate(tasks)}
    pairs = {task: found[task]["pairs"] for task in tasks if task in found and found[task]["pairs"]}
    x = [place[task] for task in pairs]
    color = pale(GREY, strength)
    ax.vlines(x, list(map(min, pairs.values())), list(map(max, pairs.values())), color, linewidth=5, alpha=0.55)
    ticks = [(place[task] + end, value) for task, values in pairs.items() for value in values for end in TICK]
    ax.plot(*_columns(ticks), color=color, linewidth=0.9, solid_capstyle="butt")
    for key, color, marker, size in (("oracle", BLUE, "s", 4.5), ("all", RED, "^", 6)):
        points = [(place[task], value) for task in tasks if task in found for value in found[task][key]]
        ax.plot(*_columns(points), marker, color=pale(color, strength), markersize=size, markeredgewidth=0, zorder=3)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _frame(ax: Axes, tasks: Sequence[str], *, first: bool) -> None:
    name_task_axis(ax, tasks)
    ax.set_xlim(-0.6, len(tasks) - 0.4)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0.5)
    ax.grid(axis="y", color=FAINT, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines["bottom"].set_visible(False)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_major_formatter("{x:g}%")
    if first:
        ax.set_ylabel("relative to STL")
    else:
        ax.tick_params(axis="y", labelleft=False, length=0)
        ax.spines["left"].set_visible(False)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(0.0, *values), max(0.0, *values)
    room = max(0.06 * (high - low), 0.1)
    return low - room, high + room


def _key(drawn: Sequence[Improvements], paper: bool) -> list[Artist]:
    def mark(marker: str, color: str, size: float, label: str) -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, color=color, markersize=size, markeredgewidth=0, label=label)

    marks = {
        "pairs": Line2D([], [], color=GREY, linewidth=5, alpha=0.55, label="worst to best partner"),
        "all": mark("^", RED, 6, "All"),
        "oracle": mark("s", BLUE, 4.5, "Oracle"),
    }
    there = {key for some in drawn for values in some.values() for key in values if values[key]}
    key: list[Artist] = [artist for name, artist in marks.items() if name in there]
    return [*key, mark("o", pale(GREY), 6, "pale: the paper")] if paper else key
