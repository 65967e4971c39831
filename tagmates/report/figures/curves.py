"""Learning curves: dev F1, loss and learning rate by update."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from tagmates.report.figures.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LIGHT_GREY,
    RED,
    Margins,
    panels,
    write_picture,
)
from tagmates.study.curves import Curve

COLOURS = (BLUE, RED, GREEN, "#CC79A7", "#E69F00", "#56B4E9", INK)
Style = Literal["-", "--", ":"]
STYLES: tuple[Style, ...] = ("-", "--", ":")
PANEL = (2.4, 1.9)  # inches


def write_curves(curves: Sequence[Curve], path: Path) -> None:
    """Draw the curves into an SVG or PNG file; the same curves give the same bytes.

    Raises ConfigError for other files, DiskError where it cannot be written.
    """
    write_picture(path, "curves", "Learning curves", lambda: curves_canvas(curves))


def curves_canvas(curves: Sequence[Curve]) -> Canvas:
    """Three panels. A single run has a line for each task; of several runs, each has one line, its mean dev F1.

    If there are more runs than colours and styles, all are grey.
    """
    first = curves[0]
    if len(curves) == 1:
        scores = list(first.dev.items()) if len(first.dev) > 1 else []
        lines = [*((name, first.updates, values) for name, values in scores), ("mean", first.updates, first.dev_mean)]
    else:
        lines = [(_short(curve, curves), curve.updates, curve.dev_mean) for curve in curves]
    styles = [_style(i, len(lines)) for i in range(len(lines))]
    key: list[Artist] = [
        Line2D([], [], label=name, color=color, linestyle=style)
        for (name, _, _), (color, style) in zip(lines, styles, strict=True)
        if len(lines) <= len(COLOURS) * len(STYLES)
    ]
    canvas, (dev, loss, rate) = panels(
        ["dev F1", "loss", "learning rate"],
        PANEL,
        Margins(left=0.55, right=0.1, top=0.36, bottom=0.46),
        columns=3,
        key=key,
    )
    for (_, updates, values), (color, style) in zip(lines, styles, strict=True):
        dev.plot(updates[: len(values)], values, color=color, linestyle=style, linewidth=1)
    whole = styles if len(curves) > 1 else [(INK, STYLES[0])]
    for curve, (color, style) in zip(curves, whole, strict=True):
        if curve.dev_mean:
            dev.plot(curve.updates[curve.best], curve.dev_mean[curve.best], "o", markersize=3, color=color)
        loss.plot(curve.updates, curve.loss, color=color, linestyle=style, linewidth=1)
        rate.plot(curve.updates, curve.learning_rate, color=color, linestyle=style, linewidth=1, drawstyle="steps-pre")
    rate.set_ylim(bottom=0)
    for axes in (dev, loss, rate):
        axes.set_xlabel("updates")
        axes.locator_params(nbins=5)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(color=LIGHT_GREY, linewidth=0.5)
        axes.set_axisbelow(True)
    return canvas


def _style(number: int, count: int) -> tuple[str, Style]:
    if count > len(COLOURS) * len(STYLES):
        return GREY, STYLES[0]
    return COLOURS[number % len(COLOURS)], STYLES[number // len(COLOURS)]


def _short(curve: Curve, curves: Sequence[Curve]) -> str:
    """The name of the run's folder; its whole path if another run has the same."""
    name = Path(curve.name).name
    return name if sum(Path(other.name).name == name for other in curves) == 1 else curve.name
