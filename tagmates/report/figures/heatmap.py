"""The gains of all pairs as a map of colours and numbers."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.typing import ColorType

from tagmates.report.figures.drawing import (
    FAINT,
    GREY,
    INK,
    PAGE,
    SMALL,
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
from tagmates.report.model import Report
from tagmates.report.tables.cells import FEW, mark
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES

COLORS = "BrBG"  # brown to teal: all eyes tell them apart
DARK = 0.6  # share of the scale at which white letters begin to be read more easily
SEEN = 95  # percentile of the differences at which the colours end, so that one outlier does not bleach the rest
ROW, FOOT, SCALE = 0.33, 0.55, 2.4  # inches
MARKS = {"▲▼": "rule and test", "△▽": "rule alone", "+−": "test alone", "↑↓": "rule, not tested"}
CAPTION = (
    "Points of test F1 that the task of a column gains (teal) or loses (brown) when trained with the task of a row; on "
    "the diagonal its F1 alone. A mark says that the rule, a test of significance, or both see a difference."
)
PALE = " Paler, in italics: fewer than three runs on a side."


def gains_figure(report: Report) -> Figure | None:
    """One panel per method; None where no pair is compared with STL."""
    shown = [
        made for made in report.comparisons.values() if any(cell.difference is not None for cell in made.pairs.values())
    ]
    if not shown:
        return None
    cells = [cell for made in shown for cell in (*made.pairs.values(), *made.single.values())]
    caption = CAPTION + (PALE if any(cell.fewest < FEW for cell in cells) else "")
    return draw("gains", "Gains and losses of all pairs", caption, lambda: _canvas(report.tasks, shown))


def _canvas(tasks: Sequence[str], comparisons: Sequence[Comparison]) -> Canvas:
    cells = [cell for made in comparisons for cell in made.pairs.values() if cell.difference is not None]
    limit = max(float(np.percentile([abs(cell.difference or 0) for cell in cells], SEEN)), 0.1)
    names, gap = widest(tasks, TEXT), 0.08
    left = names + 0.35
    numbers = [_number(cell.difference or 0) for cell in cells]
    need = widest(numbers, SMALL) + 0.05
    columns = columns_for(len(comparisons), need * len(tasks) + 2 * gap, PAGE - left)
    width = min(0.6, ((PAGE - left) / columns - 2 * gap) / len(tasks))
    canvas, axes = panels(
        [METHOD_NAMES[made.method] for made in comparisons],
        (width * len(tasks), ROW * len(tasks)),
        Margins(left=left, right=gap, top=0.32, bottom=0.75 * names + 0.35),
        columns=columns,
        shared=True,
        key=_key(cells),
        foot=FOOT,
        least=SCALE + 0.6,
    )
    for i, (ax, made) in enumerate(zip(axes, comparisons, strict=True)):
        _panel(ax, tasks, made, limit, numbers=width >= need)
        ax.set_xlabel("tested task")
        if i % columns == 0:
            ax.set_yticks(range(len(tasks)), tasks, fontsize=TEXT)
            ax.set_ylabel("trained with")
    _scale(canvas, limit)
    return canvas


def _panel(ax: Axes, tasks: Sequence[str], made: Comparison, limit: float, *, numbers: bool) -> None:
    squares: list[list[tuple[float, float]]] = []
    colors: list[ColorType] = []
    for i, partner in enumerate(tasks):
        for j, task in enumerate(tasks):
            cell = made.single.get(task) if i == j else made.pairs.get((partner, task))
            if cell is not None:
                _write(ax, j, i, cell, limit, numbers=numbers)
                squares.append([(j - 0.5, i - 0.5), (j + 0.5, i - 0.5), (j + 0.5, i + 0.5), (j - 0.5, i + 0.5)])
                colors.append(_color(cell, limit))
    ax.add_collection(PolyCollection(squares, facecolors=colors, edgecolors="white", linewidths=0.8))
    name_task_axis(ax, tasks)
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.set(xlim=(-0.5, len(tasks) - 0.5), ylim=(len(tasks) - 0.5, -0.5))
    for spine in ax.spines.values():
        spine.set(visible=True, color=FAINT)


def _color(cell: Cell, limit: float) -> ColorType:
    color = FAINT if cell.difference is None else to_hex(colormaps[COLORS](0.5 + cell.difference / limit / 2))
    return color if cell.fewest >= FEW else pale(color)


def _write(ax: Axes, x: float, y: float, cell: Cell, limit: float, *, numbers: bool) -> None:
    """Mark above number, or the mark alone; of a cell without a difference its score."""
    sign = mark(cell)
    number = _number(cell.mean if cell.difference is None else cell.difference)
    few = cell.fewest < FEW
    ink = GREY if cell.difference is None else "white" if abs(cell.difference) > DARK * limit and not few else INK
    style: Literal["italic", "normal"] = "italic" if few else "normal"
    lines = {sign: -0.2, number: 0.22} if sign and numbers else {number if numbers else sign: 0.0}
    for text, below in lines.items():
        ax.text(x, y + below, text, ha="center", va="center_baseline", color=ink, fontsize=SMALL, fontstyle=style)


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def _scale(canvas: Canvas, limit: float) -> None:
    """The colours and what they stand for, at the foot of the canvas."""
    width, height = canvas.get_size_inches()
    ax = canvas.add_axes(((width - SCALE) / 2 / width, 0.38 / height, SCALE / width, 0.11 / height))
    steps = np.linspace(-limit, limit, 42)
    middles = (steps[:-1] + steps[1:])[None] / 2
    ax.pcolormesh(steps, [0, 1], middles, cmap=COLORS, vmin=-limit, vmax=limit, edgecolors="face", linewidth=0.3)
    ends = (-limit, -limit / 2, 0, limit / 2, limit)
    names = [_number(end) for end in ends]
    ax.set_xticks(ends, [f"≤ {names[0]}", *names[1:-1], f"≥ {names[-1]}"], fontsize=SMALL)
    ax.set_yticks([])
    ax.set_xlabel("points of F1 above STL", fontsize=SMALL, labelpad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _key(cells: Iterable[Cell]) -> list[Artist]:
    """The marks that occur; they are part of the text, so that the samples are empty."""
    found = {mark(cell) for cell in cells} - {""}
    return [
        Line2D([], [], linestyle="", label=f"{signs[0]} {signs[1]}  {meaning}")
        for signs, meaning in MARKS.items()
        if found & set(signs)
    ]
