"""The gains that the training data predict, as a map, before anything is trained."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import colormaps, image
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas

from tagmates.errors import ConfigError
from tagmates.files import write_atomically
from tagmates.formatting import points
from tagmates.report.figures.data import SUFFIXES
from tagmates.report.figures.drawing import (
    DPI,
    GREY,
    INK,
    SMALL_SIZE,
    TEXT_SIZE,
    Margins,
    draw,
    draw_pixels,
    frame_task_map,
    pale,
    panels,
    square,
    widest,
)
from tagmates.study.suggest import Suggestion

TITLE = "Predicted gains of all pairs"
NOTE = "Predicted, not measured: points of F1 that the task of a column gains when trained with the task of a row."
COLORS = "BrBG"  # brown to teal, as in the map of measured gains
CELL_WIDTH, ROW_HEIGHT, FOOT_HEIGHT = 0.46, 0.3, 0.3  # inches


def affinity_canvas(suggestions: Mapping[str, Sequence[Suggestion]]) -> Canvas:
    """One map, paler than that of measured gains, its numbers in italics."""
    tasks = list(suggestions)
    names = widest(tasks, TEXT_SIZE)
    canvas, (ax,) = panels(
        [""],
        (CELL_WIDTH * len(tasks), ROW_HEIGHT * len(tasks)),
        Margins(left=names + 0.42, right=0.17, top=0.1, bottom=0.75 * names + 0.42),
        columns=1,
        shared=True,
        foot=FOOT_HEIGHT,
        least=widest([NOTE], SMALL_SIZE) + 0.3,
    )
    every = [each for some in suggestions.values() for each in some]
    limit = max(max((abs(each.gain.mean) for each in every), default=0), 0.1)
    squares, colors = [], []
    for each in every:
        i, j = tasks.index(each.helper), tasks.index(each.task)
        squares.append(square(i, j))
        colors.append(pale(to_hex(colormaps[COLORS](0.5 + each.gain.mean / limit / 2))))
        text = points(each.gain.mean, signed=True)
        ax.text(j, i, text, ha="center", va="center_baseline", color=INK, fontsize=SMALL_SIZE, fontstyle="italic")
    ax.add_collection(PolyCollection(squares, facecolors=colors, edgecolors="white", linewidths=0.8, hatch="////"))
    frame_task_map(ax, tasks)
    ax.set_yticks(range(len(tasks)), tasks, fontsize=TEXT_SIZE)
    ax.set_xlabel("tested task")
    ax.set_ylabel("trained with")
    canvas.text(0.5, 0.1 / canvas.get_figheight(), NOTE, ha="center", va="bottom", fontsize=SMALL_SIZE, color=GREY)
    return canvas


def write_affinity_figure(suggestions: Mapping[str, Sequence[Suggestion]], path: Path) -> None:
    """Draw the map into an SVG or PNG file. Raises ConfigError for other names, DiskError where it cannot be."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: is not a file that ends in .svg or .png; name one")

    def make() -> Canvas:
        return affinity_canvas(suggestions)

    if path.suffix.lower() == ".png":
        file = io.BytesIO()
        image.imsave(file, draw_pixels(make), format="png", metadata={"Software": ""}, dpi=DPI)
        write_atomically(path, file.getvalue())
    else:
        write_atomically(path, draw("affinity", TITLE, NOTE, make).svg.encode())
