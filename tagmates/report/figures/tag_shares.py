"""How often each tag occurs: a panel for each task, a bar for each of its most frequent tags."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tagmates.data.statistics import entropy
from tagmates.formatting import percent, plural
from tagmates.report.figures.drawing import (
    BLUE,
    GREEN,
    GREY,
    RED,
    SMALL_SIZE,
    Margins,
    columns_for,
    pale,
    panels,
    text_width,
    widest,
)

MAX_LARGE_PANELS = 4  # tasks; with more of them the panels are smaller
MAX_BARS = {True: 20, False: 10}  # bars of a panel, by whether panels are large
PLOT_WIDTHS = {True: 2.4, False: 1.25}  # inches, by whether panels are large
MAX_TAG_WIDTH = 1.15  # inches
BAR_HEIGHT = 0.15  # inches
DOT_OFFSET = 0.19  # share of a bar's height between its middle and a dot
DOT_COLORS = {"dev": GREEN, "test": RED}

TagCounts = Mapping[str, Mapping[str, Counter[str]]]  # task -> split -> tags
Bars = Mapping[str | None, Mapping[str, float]]  # tag, None for all others -> split -> share of the tokens


def tags_canvas(counts: TagCounts) -> Canvas:
    """Shares of train tokens as bars, of dev and test tokens as dots; rare tags of a large set share one bar."""
    few = len(counts) <= MAX_LARGE_PANELS
    shown = {task: shown_tags(splits, MAX_BARS[few]) for task, splits in counts.items()}
    names = max(widest([_cut(tag) for tag in bars], SMALL_SIZE) for bars in shown.values())
    sizes = [len(bars) for bars in shown.values()]
    margins = Margins(left=names + 0.12, right=0.45, top=0.5, bottom=0.1)
    columns = columns_for(len(shown), margins.left + PLOT_WIDTHS[few] + margins.right)
    rows = [max(sizes[i : i + columns]) for i in range(0, len(sizes), columns)]
    canvas, axes = panels(
        [*shown],
        (PLOT_WIDTHS[few], 0.0),
        margins,
        columns=columns,
        heights=[BAR_HEIGHT * size for size in rows],
        key=_key([split for split in DOT_COLORS if any(split in splits for splits in counts.values())]),
    )
    for i, (ax, task, bars) in enumerate(zip(axes, shown, shown.values(), strict=True)):
        _panel(ax, bars, rows[i // columns])
        ax.set_title(task, pad=17)
        tags = plural(len(set().union(*counts[task].values())), "tag")
        text = f"{tags}, entropy {entropy(counts[task]['train']):.2f} nats"
        ax.annotate(
            text, (0.5, 1), (0, 6), "axes fraction", textcoords="offset points", ha="center", fontsize=SMALL_SIZE
        )
    return canvas


def shown_tags(splits: Mapping[str, Counter[str]], most: int) -> Bars:
    """The shares of the most frequent train tags, and of all others together if there are more than ``most``."""
    every = set().union(*splits.values())
    order = sorted(every, key=lambda tag: (-splits["train"][tag], tag))
    shown = order if len(order) <= most else order[: most - 1]
    bars: dict[str | None, dict[str, float]] = {
        tag: {split: some[tag] / some.total() for split, some in splits.items()} for tag in shown
    }
    if rest := order[len(shown) :]:
        bars[None] = {split: sum(some[tag] for tag in rest) / some.total() for split, some in splits.items()}
    return bars


def _panel(ax: Axes, bars: Bars, rows: int) -> None:
    ax.barh(range(len(bars)), [bar["train"] for bar in bars.values()], height=0.72, color=[_color(tag) for tag in bars])
    for i, bar in enumerate(bars.values()):
        for (split, color), up in zip(DOT_COLORS.items(), (-DOT_OFFSET, DOT_OFFSET), strict=True):
            if split in bar:
                ax.plot([bar[split]], [i + up], "o", color=color, markersize=3, markeredgewidth=0, clip_on=False)
        at = (max(bar.values()), i)
        said = percent(bar["train"])
        style: Any = {"textcoords": "offset points", "va": "center_baseline", "fontsize": SMALL_SIZE}
        ax.annotate(said, at, (4, 0), color=BLUE, **style)
    ax.set_yticks(range(len(bars)), [_cut(tag) for tag in bars], fontsize=SMALL_SIZE)
    ax.tick_params(axis="y", length=0)
    ax.set(xticks=[], xlim=(0, max(max(bar.values()) for bar in bars.values())), ylim=(rows - 0.4, -0.6))
    for side in ("bottom", "left"):
        ax.spines[side].set_visible(False)


def _color(tag: str | None) -> str:
    return pale(GREY if tag is None else BLUE, 0.55)


def _cut(tag: str | None) -> str:
    """The tag, without its middle if it is too wide; None means all other tags."""
    if tag is None:
        return "all others"
    ends = (f"{tag[:keep]}…{tag[-keep:]}" for keep in range(len(tag) // 2, 0, -1))
    return next((text for text in (tag, *ends) if text_width(text, SMALL_SIZE) <= MAX_TAG_WIDTH), "…")


def _key(splits: list[str]) -> list[Artist]:
    dots = [
        Line2D([], [], linestyle="", marker="o", markersize=4, markeredgewidth=0, color=DOT_COLORS[split], label=split)
        for split in splits
    ]
    return [Patch(color=pale(BLUE, 0.55), label="% of train tokens"), *dots]
