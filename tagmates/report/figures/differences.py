"""A scatter plot of the gains of pairs in this study and in another study, or in the paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

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
    SMALL_SIZE,
    Figure,
    Margins,
    columns_for,
    draw,
    panels,
    text_width,
)
from tagmates.report.figures.labels import label_points
from tagmates.report.model import Report
from tagmates.study.compare import Comparison
from tagmates.study.settings import METHOD_NAMES, Method

MAX_LINE_WIDTH = 1.4  # inches; longer names are written in two lines
MAX_NAMES = 8  # pairs at most that are named in a panel
MARKER_STYLES = {  # agreement of the two arrows -> marker, colour, edge colour
    "the same arrow, or none": ("o", BLUE, BLUE),
    "an arrow in one only": ("o", "white", BLUE),
    "opposite arrows": ("X", RED, RED),
}
CAPTION = (
    "Difference to STL of each pair, in points of F1, in this study ({ours}) and in {theirs}. Pairs on the diagonal "
    "have the same difference in both. Pairs far from it are named: partner → tested task."
)


@dataclass(frozen=True, slots=True)
class PairPoint:
    """The difference of a pair in both studies, and how their arrows agree (a key of ``MARKER_STYLES``)."""

    name: str
    ours: float
    theirs: float
    style: str

    @property
    def gap(self) -> float:
        """The distance between the two differences."""
        return abs(self.ours - self.theirs)


def agreement_figure(report: Report, other: Mapping[Method, Comparison], name: str, theirs: str) -> Figure | None:
    """A panel for each method that both have; None if they have no pair in common."""
    found = {method: shared_pairs(made, other.get(method)) for method, made in report.comparisons.items()}
    found = {method: pairs for method, pairs in found.items() if pairs}
    if not found:
        return None
    caption = CAPTION.format(ours=report.name, theirs=theirs)
    return draw(name, f"Pairs in this study and in {theirs}", caption, lambda: _canvas(found, theirs))


def shared_pairs(ours: Comparison, theirs: Comparison | None) -> list[PairPoint]:
    """The pairs that both compare with STL, the largest gap first."""
    if theirs is None:
        return []
    found = []
    for pair, cell in ours.pairs.items():
        other = theirs.pairs.get(pair)
        if other is None or cell.difference is None or other.difference is None:
            continue
        same, one, opposite = MARKER_STYLES
        style = same if cell.arrow == other.arrow else opposite if cell.arrow and other.arrow else one
        found.append(PairPoint(_name(*pair), cell.difference, other.difference, style))
    return sorted(found, key=lambda both: -both.gap)


def _name(partner: str, task: str) -> str:
    line = f"{partner} → {task}"
    return line if text_width(line, SMALL_SIZE) < MAX_LINE_WIDTH else f"{partner}\n→ {task}"


def _canvas(found: Mapping[Method, Sequence[PairPoint]], theirs: str) -> Canvas:
    margins = Margins(left=0.42, right=0.06, top=0.32, bottom=0.48)
    side = min(3.3, PAGE_WIDTH / len(found) - margins.left - margins.right)
    canvas, axes = panels(
        [METHOD_NAMES[method] for method in found],
        (side, side),
        margins,
        columns=columns_for(len(found), side + margins.left + margins.right),
        key=_key({both.style for pairs in found.values() for both in pairs}),
    )
    values = [value for pairs in found.values() for both in pairs for value in (both.ours, both.theirs)]
    room = max(0.06 * (max(values) - min(values)), 0.1)
    limits = min(*values, 0) - room, max(*values, 0) + room
    for ax, pairs in zip(axes, found.values(), strict=True):
        _panel(ax, pairs, limits)
        ax.set_xlabel("points above STL in this study")
        ax.set_ylabel(f"in {theirs}", labelpad=1)
    return canvas


def _panel(ax: Axes, pairs: Sequence[PairPoint], limits: tuple[float, float]) -> None:
    ax.set(xlim=limits, ylim=limits)
    ax.plot(limits, limits, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.6)
    ax.axhline(0, color=LIGHT_GREY, linewidth=0.8, zorder=0.5)
    ax.axvline(0, color=LIGHT_GREY, linewidth=0.8, zorder=0.5)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6))
    for style in MARKER_STYLES:
        some = [both for both in pairs if both.style == style]
        ax.add_line(_marks(style, [both.ours for both in some], [both.theirs for both in some]))
    far = max(1.0, 3 * median(both.gap for both in pairs))
    names = [both.name for both in pairs[:MAX_NAMES] if both.gap > far]
    label_points(ax, [both.ours for both in pairs], [both.theirs for both in pairs], names)


def _marks(style: str, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    marker, color, edge = MARKER_STYLES[style]
    return Line2D(
        x,
        y,
        linestyle="",
        marker=marker,
        markersize=6 if marker == "X" else 4,
        markerfacecolor=color,
        markeredgecolor=edge,
        markeredgewidth=0.7,
        label=style,
    )


def _key(styles: set[str]) -> list[Artist]:
    return [_marks(style) for style in MARKER_STYLES if style in styles]
