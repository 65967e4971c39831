"""Figure 2: the change of each task's score by joint training, relative to its score alone."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tagmates.report.figures.drawing import (
    BLUE,
    GREY,
    LIGHT_GREY,
    PAGE_WIDTH,
    RED,
    TEXT_SIZE,
    Figure,
    Margins,
    columns_for,
    draw,
    name_task_axis,
    pale,
    panels,
    widest,
)
from tagmates.report.model import Report
from tagmates.report.tables.cells import FEW_RUNS
from tagmates.study.compare import Cell, Comparison
from tagmates.study.published import PAPER_TASKS
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, REGIMES, Method, Regime

BASE_CAPTION = "Change of test F1 against the task trained alone, in percent of that score."
REGIME_CAPTIONS: dict[Regime, str] = {
    "pair": "A bar reaches from the worst to the best partner, with a tick for each.",
    "all": "Triangle: all tasks together.",
    "oracle": "Square: the task with all its helpers; a square at 0 means that it has no helper and is trained alone.",
}
PAPER_CAPTION = "In pale colours, to the right of each: the published scores of the paper."
PAPER_ALL_CAPTION = "a triangle only if this study has all tasks of the paper"
PAPER_ORACLE_CAPTION = "a square only if this study has all helpers"
HOLLOW_CAPTION = "Hollow: some score has fewer than three runs."

TICK_OFFSETS = (-0.13, 0.13, math.nan)  # one line with gaps takes a tenth of the space of many lines


@dataclass(frozen=True, slots=True)
class Change:
    """The change of a task's score in percent of its score alone; ``few``: fewer than three runs on a side."""

    percent: float
    few: bool = False


Improvements = Mapping[str, Mapping[Regime, Sequence[Change]]]  # by task: pair, all, oracle


def improvement_figure(report: Report) -> Figure | None:
    """A panel for each method; None if nothing can be compared with STL."""
    tasks, regimes = report.tasks, report.settings.regimes
    ours = {method: improvements(made, tasks, regimes) for method, made in report.comparisons.items()}
    ours = {method: found for method, found in ours.items() if found}
    if not ours:
        return None
    papers = {m: improvements(report.published[m], tasks, regimes) for m in ours if m in report.published}
    name = "Improvement over single-task learning" + (" (the paper's Figure 2)" if papers else "")
    return draw("figure2", name, _caption(report, ours, papers), lambda: _canvas(report, ours, papers))


def change(cell: Cell | None) -> Change | None:
    """100·(x - STL)/STL; None if STL is not known or is 0."""
    if cell is None or not cell.base:
        return None
    return Change(100 * (cell.mean - cell.base) / cell.base, cell.fewest < FEW_RUNS)


def improvements(comparison: Comparison, tasks: Sequence[str], regimes: Collection[Regime] = REGIMES) -> Improvements:
    """The relative improvements of these tasks in these regimes, from runs of these tasks only."""
    found = {}
    for task in tasks:
        helpers = comparison.oracle_sets.get(task, ())
        alone = comparison.oracle.get(task) if not helpers else None
        cells: dict[Regime, list[Cell | None]] = {
            "pair": [comparison.pairs.get((partner, task)) for partner in tasks],
            "all": [comparison.all.get(task)] if set(comparison.tasks) == set(tasks) else [],
            "oracle": [comparison.oracle.get(task)] if set(helpers) <= set(tasks) else [],
        }
        values = {
            regime: [made for made in map(change, some) if made is not None] if regime in regimes else []
            for regime, some in cells.items()
        }
        if alone is not None and "oracle" in regimes:
            values["oracle"] = [Change(0.0, alone.n < FEW_RUNS)]
        if any(values.values()):
            found[task] = values
    return found


Drawn = Mapping[Method, Improvements]


def _caption(report: Report, ours: Drawn, papers: Drawn) -> str:
    """The caption, which also says which of the paper's scores are left out."""
    kinds = _kinds([*ours.values(), *papers.values()])
    text = [BASE_CAPTION, *(words for regime, words in REGIME_CAPTIONS.items() if regime in kinds)]
    if papers:
        whole = set(report.tasks) == set(PAPER_TASKS)
        left_out = {"all": PAPER_ALL_CAPTION, "oracle": PAPER_ORACLE_CAPTION}
        partly = [] if whole else [words for regime, words in left_out.items() if regime in report.settings.regimes]
        text.append("; ".join([PAPER_CAPTION.rstrip("."), *partly]) + ".")
    if any(made.few for found in ours.values() for values in found.values() for made in chain(*values.values())):
        text.append(HOLLOW_CAPTION)
    return " ".join(text)


def _kinds(drawn: Sequence[Improvements]) -> set[Regime]:
    return {regime for some in drawn for values in some.values() for regime in values if values[regime]}


def _canvas(report: Report, ours: Drawn, papers: Drawn) -> Canvas:
    methods, paper = list(ours), bool(papers)
    count, gap = len(report.tasks), 0.12
    names = 0.75 * widest(report.tasks, TEXT_SIZE)  # tilted
    left = max(0.74, names - 0.1)
    columns = columns_for(len(methods), 0.21 * count + 2 * gap, PAGE_WIDTH - left)
    width = min(max(1.4, 0.6 * count), (PAGE_WIDTH - left) / columns - 2 * gap)
    drawn = [*ours.values(), *papers.values()]
    canvas, axes = panels(
        [METHOD_NAMES[method] for method in methods],
        (width, 2.7),
        Margins(left=left, right=gap, top=0.32, bottom=names + 0.2),
        columns=columns,
        shared=True,
        key=_key(list(ours.values()), list(papers.values())),
    )
    low, high = _limits([x.percent for some in drawn for values in some.values() for x in chain(*values.values())])
    for i, (ax, method) in enumerate(zip(axes, methods, strict=True)):
        _bars(ax, report.tasks, ours[method], -0.17 if paper else 0.0, 1.0)
        _bars(ax, report.tasks, papers.get(method, {}), 0.2, PAPER_STRENGTH)
        _frame(ax, report.tasks, first=i % columns == 0)
        ax.set_ylim(low, high)
    return canvas


def _bars(ax: Axes, tasks: Sequence[str], found: Improvements, shift: float, strength: float) -> None:
    place = {task: i + shift for i, task in enumerate(tasks)}
    pairs = {place[task]: made["pair"] for task, made in found.items() if made["pair"]}
    color = pale(GREY, strength)
    _ranges(ax, pairs, color, linewidth=5, alpha=0.55)
    _ranges(ax, {x: made for x, made in pairs.items() if any(pair.few for pair in made)}, "white", linewidth=3)
    ticks = [(x + end, pair.percent) for x, made in pairs.items() for pair in made for end in TICK_OFFSETS]
    ax.plot(*_columns(ticks), color=color, linewidth=0.9, solid_capstyle="butt")
    for regime in MARKS:
        for few in (False, True):
            points = [(place[task], x.percent) for task, made in found.items() for x in made[regime] if x.few is few]
            ax.add_line(_mark(regime, strength, *_columns(points), hollow=few))


def _ranges(
    ax: Axes, pairs: Mapping[float, Sequence[Change]], color: str, *, linewidth: float, alpha: float = 1.0
) -> None:
    """Vertical lines from the lowest to the highest change."""
    low = [min(pair.percent for pair in made) for made in pairs.values()]
    high = [max(pair.percent for pair in made) for made in pairs.values()]
    ax.vlines(list(pairs), low, high, color, linewidth=linewidth, alpha=alpha)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


MARKS: dict[Regime, tuple[str, str, float]] = {"oracle": ("s", BLUE, 4.5), "all": ("^", RED, 6)}  # the last on top
PAPER_STRENGTH = 0.45  # strength of the paper's colours


def _mark(
    regime: Regime,
    strength: float,
    x: Sequence[float] = (),
    y: Sequence[float] = (),
    *,
    hollow: bool = False,
    label: str = "",
) -> Line2D:
    marker, color, size = MARKS[regime]
    color = pale(color, strength)
    face = "white" if hollow else color
    edge = 0.9 if hollow else 0
    return Line2D(
        x,
        y,
        linestyle="",
        marker=marker,
        markersize=size - edge,
        markerfacecolor=face,
        markeredgecolor=color,
        markeredgewidth=edge,
        zorder=3,
        label=label,
    )


def _frame(ax: Axes, tasks: Sequence[str], *, first: bool) -> None:
    name_task_axis(ax, tasks)
    ax.set_xlim(-0.6, len(tasks) - 0.4)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0.5)
    ax.grid(axis="y", color=LIGHT_GREY, linewidth=0.5)
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


def _key(ours: Sequence[Improvements], papers: Sequence[Improvements]) -> list[Artist]:
    """A legend of the marks that occur, pale if only the paper has them."""
    here, there = _kinds(ours), _kinds(papers)
    key: list[Artist] = []
    if "pair" in here | there:
        key.append(Line2D([], [], color=GREY, linewidth=5, alpha=0.55, label="worst to best partner"))
    for regime in ("all", "oracle"):
        if regime in here:
            key.append(_mark(regime, 1.0, label=REGIME_NAMES[regime]))
        elif regime in there:
            key.append(_mark(regime, PAPER_STRENGTH, label=f"{REGIME_NAMES[regime]} (the paper)"))
    if papers:
        key.append(Line2D([], [], linestyle="", marker="o", color=pale(GREY), markersize=6, label="pale: the paper"))
    return key
