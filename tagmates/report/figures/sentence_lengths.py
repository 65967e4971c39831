"""Sentence lengths: a row for each task, a line for each split."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from tagmates.report.figures.characteristics import log_ticks
from tagmates.report.figures.drawing import BLUE, GREEN, GREY, INK, LIGHT_GREY, RED, TEXT_SIZE, Margins, panels, widest

SPLIT_COLORS = {"train": BLUE, "dev": GREEN, "test": RED}
SPLIT_SPACING = 0.22  # share of a row between two splits
PLOT_WIDTH, ROW_HEIGHT = 5.6, 0.42  # inches

Lengths = Mapping[str, Mapping[str, Sequence[int]]]  # task -> split -> words of each sentence


def lengths_canvas(lengths: Lengths) -> Canvas:
    """Median, quartiles, the middle 90 % and the longest, on a logarithmic scale."""
    tasks = list(lengths)
    found = [split for split in SPLIT_COLORS if any(split in some for some in lengths.values())]
    canvas, (ax,) = panels(
        ["Sentence lengths"],
        (PLOT_WIDTH, ROW_HEIGHT * len(tasks)),
        Margins(left=widest(tasks, TEXT_SIZE) + 0.2, right=0.2, top=0.36, bottom=0.48),
        columns=1,
        key=_key(found),
    )
    for i, task in enumerate(tasks):
        for split, words in lengths[task].items():
            _line(ax, i + (list(SPLIT_COLORS).index(split) - 1) * SPLIT_SPACING, words, SPLIT_COLORS[split])
        if i % 2:
            ax.axhspan(i - 0.5, i + 0.5, color=LIGHT_GREY, alpha=0.35, linewidth=0, zorder=0)
    longest = max(max(words) for some in lengths.values() for words in some.values())
    ax.set_xscale("log")
    ax.set(xlim=(0.9, 1.15 * max(longest, 10)), ylim=(len(tasks) - 0.5, -0.5))
    ax.xaxis.set_major_locator(FixedLocator(log_ticks(1, 1.15 * longest, PLOT_WIDTH)))
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", color=LIGHT_GREY, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.set_yticks(range(len(tasks)), tasks, fontsize=TEXT_SIZE)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("words per sentence")
    return canvas


def _line(ax: Axes, y: float, words: Sequence[int], color: str) -> None:
    low, lower, median, upper, high = np.percentile(words, [5, 25, 50, 75, 95]).tolist()
    ax.plot([low, high], [y, y], color=color, linewidth=0.8, solid_capstyle="butt")
    ax.plot([lower, upper], [y, y], color=color, linewidth=3, solid_capstyle="butt")
    ax.plot([median], [y], "o", markersize=3.2, markerfacecolor="white", markeredgecolor=color, markeredgewidth=0.8)
    ax.plot([max(words)], [y], "|", markersize=4, color=color, markeredgewidth=0.8)


def _key(splits: Sequence[str]) -> list[Artist]:
    """Splits in the first row, marks in the second; matplotlib fills a legend column by column."""
    colors = [Line2D([], [], color=SPLIT_COLORS[split], linewidth=3, label=split) for split in splits]
    style: Any = {"linestyle": "", "markeredgecolor": INK, "markeredgewidth": 0.8}
    marks = [
        Line2D([], [], marker="o", markersize=3.2, markerfacecolor="white", label="median", **style),
        Line2D([], [], linewidth=3, color=GREY, label="middle half"),
        Line2D([], [], linewidth=0.8, color=GREY, label="middle 90 %"),
        Line2D([], [], marker="|", markersize=4, label="longest", **style),
    ]
    return [artist for pair in zip_longest(colors, marks) for artist in pair if artist is not None]
