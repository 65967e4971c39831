"""Gains against the paper's three characteristics: training size, number of labels, and label entropy."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from tagmates.formatting import correlation
from tagmates.report.correlation import rank_correlation
from tagmates.report.figures.drawing import (
    BLUE,
    GREEN,
    GREY,
    PAGE_WIDTH,
    TEXT_SIZE,
    Figure,
    Margins,
    draw,
    pale,
    panels,
    text_width,
)
from tagmates.report.figures.labels import label_points
from tagmates.report.findings.characteristics import SIDES, TRAITS, pair_cells
from tagmates.report.model import Report
from tagmates.study.compare import Cell

LOG_TRAITS = ("sentences_train", "labels")  # on a logarithmic scale
CAPTION = (
    "The mean gain (points of F1 above STL) that a task brings to its partners (above) and that it receives from them "
    "(below), against its training size, its number of labels (both on a logarithmic scale) and their entropy. Dots: "
    "mean of all pairs; lines: from the lowest method to the highest"
)
RHO_CAPTION = "; ρ: Spearman's rank correlation."
MIN_TASKS = 6  # tasks below which no correlation is printed
MAX_TICKS = 7  # of a logarithmic scale
TICK_GAP = 0.06  # minimum inches between the numbers of two ticks

SIDE_STYLES = {"gives": ("gain brought", GREEN), "receives": ("gain received", BLUE)}
Gains = Mapping[str, Sequence[float]]  # task -> mean difference to STL: of all its pairs, and of those of each method


def characteristics_figure(report: Report) -> Figure | None:
    """Two rows of three panels; None without statistics of the data or without pairs."""
    traits = {
        trait: {row["task"]: float(row[trait]) for row in report.statistics if row["task"] in report.tasks}
        for trait in TRAITS
    }
    gains = {side: mean_gains(pair_cells(report, place)) for side, place in SIDES.items()}
    if not all(set(some) & set(traits["labels"]) for some in gains.values()):
        return None
    caption = CAPTION + (RHO_CAPTION if max(map(len, gains.values())) >= MIN_TASKS else ".")
    return draw("characteristics", "Gains and characteristics", caption, lambda: _canvas(traits, gains))


def mean_gains(cells: Mapping[str, Sequence[Cell]]) -> Gains:
    """The mean difference to STL of every task's pairs: all of them, then those of each method."""
    gains = {}
    for task, some in cells.items():
        methods = dict.fromkeys(cell.combination.sharing for cell in some)
        each = [[cell for cell in some if cell.combination.sharing == method] for method in methods]
        gains[task] = [fmean(cell.difference or 0.0 for cell in part) for part in (some, *each)]
    return gains


def _canvas(traits: Mapping[str, Mapping[str, float]], gains: Mapping[str, Gains]) -> Canvas:
    left, right = 0.6, 0.1
    width = (PAGE_WIDTH - left) / 3 - 2 * right
    margins = Margins(left=left, right=right, top=0.12, bottom=0.48)
    canvas, axes = panels([""] * 6, (width, 2.7), margins, columns=3, shared=True)
    places = iter(axes)
    for side, some in gains.items():
        head, color = SIDE_STYLES[side]
        for i, (trait, values) in enumerate(traits.items()):
            ax = next(places)
            tasks = [task for task in values if task in some]
            x, spread = [values[task] for task in tasks], [some[task] for task in tasks]
            _scatter(ax, x, spread, color, trait, width)
            _label(ax, x, spread, tasks)
            if i == 0:
                ax.set_ylabel(f"mean {head} (points)")
            else:
                ax.tick_params(axis="y", labelleft=False)
    return canvas


def log_ticks(low: float, high: float, width: float) -> list[int]:
    """Round numbers from low to high for a logarithmic scale ``width`` inches wide, as many as fit."""
    powers = [10**i for i in range(math.ceil(math.log10(max(high, 1))) + 1)]
    for leads in (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [lead * power for power in powers for lead in leads if low <= lead * power <= high]
        if len(ticks) <= MAX_TICKS and all(_are_apart(*two, width / math.log(high / low)) for two in pairwise(ticks)):
            break
    return ticks


def _are_apart(a: int, b: int, scale: float) -> bool:
    """Whether two ticks, ``scale`` inches a factor of e, leave a gap between their numbers."""
    halves = (text_width(f"{a:,}", TEXT_SIZE) + text_width(f"{b:,}", TEXT_SIZE)) / 2
    return scale * math.log(b / a) >= halves + TICK_GAP


def _label(ax: Axes, x: Sequence[float], gains: Sequence[Sequence[float]], tasks: Sequence[str]) -> None:
    lines = [(at, min(some), max(some)) for at, some in zip(x, gains, strict=True)]
    label_points(ax, x, [some[0] for some in gains], tasks, lines)


def _scatter(
    ax: Axes, x: Sequence[float], gains: Sequence[Sequence[float]], color: str, trait: str, width: float
) -> None:
    y = [some[0] for some in gains]
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0.5)
    ax.vlines(x, list(map(min, gains)), list(map(max, gains)), color=pale(color, 0.5), linewidth=1)
    ax.plot(x, y, "o", color=color, markersize=4.5, markeredgewidth=0)
    rho = rank_correlation(x, y) if len(x) >= MIN_TASKS else None
    ax.set_xlabel(TRAITS[trait] + ("" if rho is None else f"   ρ = {correlation(rho)}"))
    low, high = min(map(min, gains)), max(map(max, gains))
    room = max(0.12 * (high - low), 0.05)
    ax.set_ylim(min(low, 0) - room, max(high, 0) + room)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    if trait in LOG_TRAITS and min(x) > 0:
        ax.set_xscale("log")
        ax.set_xlim(min(x) / 1.6, max(x) * 1.6)
        ax.xaxis.set_major_locator(FixedLocator(log_ticks(min(x) / 1.6, max(x) * 1.6, width)))
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        room = max(0.12 * (max(x) - min(x)), 0.05)
        ax.set_xlim(min(x) - room, max(x) + room)
