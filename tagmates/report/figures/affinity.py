"""The gains that the training data predict, as a map, before anything is trained."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure as Canvas

from tagmates.formatting import points
from tagmates.report.figures.drawing import (
    GREY,
    SMALL_SIZE,
    TEXT_SIZE,
    Margins,
    add_predicted,
    frame_task_map,
    panels,
    widest,
    write_picture,
)
from tagmates.study.suggest import Suggestion

TITLE = "Predicted gains of all pairs"
NOTE = "Predicted, not measured: points of F1 that the task of a column gains when trained with the task of a row."
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
    gains = {(each.helper, each.task): each.gain.mean for each in every}
    add_predicted(ax, tasks, gains, limit, partial(points, signed=True))
    frame_task_map(ax, tasks)
    ax.set_yticks(range(len(tasks)), tasks, fontsize=TEXT_SIZE)
    ax.set_xlabel("tested task")
    ax.set_ylabel("trained with")
    canvas.text(0.5, 0.1 / canvas.get_figheight(), NOTE, ha="center", va="bottom", fontsize=SMALL_SIZE, color=GREY)
    return canvas


def write_affinity_figure(suggestions: Mapping[str, Sequence[Suggestion]], path: Path) -> None:
    """Draw the map into an SVG or PNG file. Raises ConfigError for other names, DiskError where it cannot be."""
    write_picture(path, "affinity", TITLE, lambda: affinity_canvas(suggestions))
