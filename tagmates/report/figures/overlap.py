"""Maps of the overlap of tasks: words and sentences of a task that the train split of another task also has."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas

from tagmates.data.overlap import Overlap
from tagmates.formatting import percent
from tagmates.report.figures.drawing import (
    BLUE,
    GREY,
    INK,
    LIGHT_GREY,
    RED,
    SMALL_SIZE,
    TEXT_SIZE,
    Margins,
    columns_for,
    frame_task_map,
    panels,
    square,
    widest,
)

MAP_TITLES = {
    "types": "distinct words of train",
    "test_tokens": "words of test",
    "train_sentences": "sentences of train",
    "test_sentences": "sentences of test: leaks",
}
OWN_TRAIN_MAPS = ("types", "train_sentences")  # maps in which the diagonal is always 100 %
DARK_SHARE = 0.78  # depth of the colour from which letters are white
MIN_LEAK_SCALE, MAX_SCALE_START = 0.01, 0.8  # minimum end of the leak scale, maximum start of the word scale
CELL_WIDTH, ROW_HEIGHT, TITLE_WIDTH, FOOT_HEIGHT = 0.36, 0.27, 1.95, 0.3  # inches
MAX_WIDTH = 11.4  # inches; the file may be wider than a figure of the report
NOTE = "Per cent. Words are lower-cased; sentences are those of three words or more, word for word."

Shares = Mapping[tuple[str, str], float | None]  # (the task, the one whose train is looked at)


def overlap_canvas(tasks: Sequence[str], overlaps: Sequence[Overlap]) -> Canvas:
    """Four maps: the share of each column's task that the train split of each row's task also has."""
    names = widest(tasks, TEXT_SIZE)
    left = names + 0.42
    width = max(CELL_WIDTH * len(tasks), TITLE_WIDTH)
    columns = min(columns_for(len(MAP_TITLES), width + 0.35, MAX_WIDTH - left), 2 if len(tasks) > 4 else 4)
    columns = 2 if columns == 3 else columns
    canvas, axes = panels(
        list(MAP_TITLES.values()),
        (width, ROW_HEIGHT * len(tasks)),
        Margins(left=left, right=0.17, top=0.34, bottom=0.75 * names + 0.42),
        columns=columns,
        shared=True,
        foot=FOOT_HEIGHT,
        least=widest([NOTE], SMALL_SIZE) + 0.3,
    )
    for i, (ax, what) in enumerate(zip(axes, MAP_TITLES, strict=True)):
        shares: Shares = {(row.task, row.other): getattr(row, what) for row in overlaps}
        _map(ax, tasks, shares, what)
        ax.set_xlabel("of this task")
        if i % columns == 0:
            ax.set_yticks(range(len(tasks)), tasks, fontsize=TEXT_SIZE)
            ax.set_ylabel("in train of")
    canvas.text(0.5, 0.1 / canvas.get_figheight(), NOTE, ha="center", va="bottom", fontsize=SMALL_SIZE, color=GREY)
    return canvas


def _map(ax: Axes, tasks: Sequence[str], shares: Shares, what: str) -> None:
    color, low, high = _scale(shares, what)
    colors = LinearSegmentedColormap.from_list("", ["white", color])
    squares, filled = [], []
    for i, other in enumerate(tasks):
        for j, task in enumerate(tasks):
            value = shares[task, other]
            said = value is not None and not (task == other and what in OWN_TRAIN_MAPS)
            depth = ((value or 0) - low) / (high - low)
            squares.append(square(i, j))
            filled.append(colors(depth) if said else LIGHT_GREY)
            ink = GREY if not said or value == 0 else "white" if depth > DARK_SHARE else INK
            text = percent(value) if said or value is None else ""
            ax.text(j, i, text, ha="center", va="center_baseline", color=ink, fontsize=SMALL_SIZE)
    ax.add_collection(PolyCollection(squares, facecolors=filled, edgecolors="white", linewidths=0.8))
    frame_task_map(ax, tasks)


def _scale(shares: Shares, what: str) -> tuple[str, float, float]:
    """The colour of a map, and the shares that are shown white and in full colour."""
    values = [value for value in shares.values() if value is not None]
    if what == "test_sentences":
        return RED, 0.0, max(MIN_LEAK_SCALE, *values, 0.0)
    low = math.floor(10 * min(values, default=0)) / 10 if what == "test_tokens" else 0.0
    return BLUE, min(low, MAX_SCALE_START), 1.0
