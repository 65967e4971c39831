"""The gains of all pairs as a heat map with numbers."""

from collections.abc import Iterable, Mapping, Sequence
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
    COLOR_MAP,
    GREY,
    INK,
    LIGHT_GREY,
    PAGE_WIDTH,
    SMALL_SIZE,
    TEXT_SIZE,
    Figure,
    Margins,
    add_predicted,
    columns_for,
    draw,
    frame_task_map,
    pale,
    panels,
    square,
    widest,
)
from tagmates.report.model import Report
from tagmates.report.tables.cells import FEW_RUNS, mark
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES, Method

DARK_SHARE = 0.6  # share of the scale from which letters are white
LIMIT_PERCENTILE = 95  # of the differences, where the colours end, so that one outlier does not make the rest pale
ROW_HEIGHT, FOOT_HEIGHT, SCALE_WIDTH = 0.33, 0.55, 2.4  # inches
MARK_LABELS = {"▲▼": "rule and test", "△▽": "rule alone", "+−": "test alone", "↑↓": "rule, not tested"}
CAPTION = (
    "Points of test F1 that the task of a column gains (teal) or loses (brown) when it is trained with the task of a "
    "row. On the diagonal: its F1 alone. Marks show where the rule (see Scores), a statistical test, or both find a "
    "difference."
)
FEW_RUNS_CAPTION = " Paler, in italics: fewer than three runs on a side."
PREDICTED_CAPTION = (
    " Hatched, in italics and without a mark: predicted from the training data and the dev scores of all runs so far, "
    "not measured."
)


def gains_figure(report: Report) -> Figure | None:
    """A panel for each method; None if no pair is compared with STL."""
    shown = [
        made for made in report.comparisons.values() if any(cell.difference is not None for cell in made.pairs.values())
    ]
    if not shown:
        return None
    cells = [cell for made in shown for cell in (*made.pairs.values(), *made.single.values())]
    caption = CAPTION + (FEW_RUNS_CAPTION if any(cell.fewest < FEW_RUNS for cell in cells) else "")
    predicted = {made.method: predicted_gains(report, made) for made in shown}
    if any(predicted.values()):
        caption += PREDICTED_CAPTION
    return draw("gains", "Gains and losses of all pairs", caption, lambda: _canvas(report.tasks, shown, predicted))


def predicted_gains(report: Report, made: Comparison) -> dict[tuple[str, str], float]:
    """The predicted gains of the pairs of a method that have no finished run, by (partner, tested task)."""
    if "pair" not in report.settings.regimes:
        return {}
    return {
        (partner, each.task): each.gains[made.method].gain([partner]).mean
        for each in report.forecasts
        if made.method in each.gains
        for partner in report.tasks
        if partner != each.task and (partner, each.task) not in made.pairs
    }


Predicted = Mapping[Method, Mapping[tuple[str, str], float]]


def _canvas(tasks: Sequence[str], comparisons: Sequence[Comparison], predicted: Predicted) -> Canvas:
    cells = [cell for made in comparisons for cell in made.pairs.values() if cell.difference is not None]
    limit = max(float(np.percentile([abs(cell.difference or 0) for cell in cells], LIMIT_PERCENTILE)), 0.1)
    names, gap = widest(tasks, TEXT_SIZE), 0.08
    left = names + 0.35
    numbers = [_number(cell.difference or 0) for cell in cells]
    need = widest(numbers, SMALL_SIZE) + 0.05
    columns = columns_for(len(comparisons), need * len(tasks) + 2 * gap, PAGE_WIDTH - left)
    width = min(0.6, ((PAGE_WIDTH - left) / columns - 2 * gap) / len(tasks))
    canvas, axes = panels(
        [METHOD_NAMES[made.method] for made in comparisons],
        (width * len(tasks), ROW_HEIGHT * len(tasks)),
        Margins(left=left, right=gap, top=0.32, bottom=0.75 * names + 0.35),
        columns=columns,
        shared=True,
        key=_key(cells),
        foot=FOOT_HEIGHT,
        least=SCALE_WIDTH + 0.6,
    )
    for i, (ax, made) in enumerate(zip(axes, comparisons, strict=True)):
        _panel(ax, tasks, made, limit, numbers=width >= need)
        add_predicted(ax, tasks, predicted[made.method], limit, _number if width >= need else lambda _: "")
        ax.set_xlabel("tested task")
        if i % columns == 0:
            ax.set_yticks(range(len(tasks)), tasks, fontsize=TEXT_SIZE)
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
                squares.append(square(i, j))
                colors.append(_color(cell, limit))
    ax.add_collection(PolyCollection(squares, facecolors=colors, edgecolors="white", linewidths=0.8))
    frame_task_map(ax, tasks)


def _color(cell: Cell, limit: float) -> ColorType:
    color = LIGHT_GREY if cell.difference is None else to_hex(colormaps[COLOR_MAP](0.5 + cell.difference / limit / 2))
    return color if cell.fewest >= FEW_RUNS else pale(color)


def _write(ax: Axes, x: float, y: float, cell: Cell, limit: float, *, numbers: bool) -> None:
    """Write the mark above the number, or the mark alone; for a task alone, its score."""
    sign = mark(cell)
    number = _number(cell.mean if cell.difference is None else cell.difference)
    few = cell.fewest < FEW_RUNS
    ink = GREY if cell.difference is None else "white" if abs(cell.difference) > DARK_SHARE * limit and not few else INK
    style: Literal["italic", "normal"] = "italic" if few else "normal"
    lines = {sign: -0.2, number: 0.22} if sign and numbers else {number if numbers else sign: 0.0}
    for text, below in lines.items():
        ax.text(x, y + below, text, ha="center", va="center_baseline", color=ink, fontsize=SMALL_SIZE, fontstyle=style)


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def _scale(canvas: Canvas, limit: float) -> None:
    """The colour scale at the foot of the canvas."""
    width, height = canvas.get_size_inches()
    ax = canvas.add_axes(((width - SCALE_WIDTH) / 2 / width, 0.38 / height, SCALE_WIDTH / width, 0.11 / height))
    steps = np.linspace(-limit, limit, 42)
    middles = (steps[:-1] + steps[1:])[None] / 2
    ax.pcolormesh(steps, [0, 1], middles, cmap=COLOR_MAP, vmin=-limit, vmax=limit, edgecolors="face", linewidth=0.3)
    ends = (-limit, -limit / 2, 0, limit / 2, limit)
    names = [_number(end) for end in ends]
    ax.set_xticks(ends, [f"≤ {names[0]}", *names[1:-1], f"≥ {names[-1]}"], fontsize=SMALL_SIZE)
    ax.set_yticks([])
    ax.set_xlabel("points of F1 above STL", fontsize=SMALL_SIZE, labelpad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _key(cells: Iterable[Cell]) -> list[Artist]:
    """A legend of the marks that occur. The marks are part of the labels, so the samples are empty."""
    found = {mark(cell) for cell in cells} - {""}
    return [
        Line2D([], [], linestyle="", label=f"{signs[0]} {signs[1]}  {meaning}")
        for signs, meaning in MARK_LABELS.items()
        if found & set(signs)
    ]
