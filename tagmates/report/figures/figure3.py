"""Figure 3: which task helps or harms which, as a directed graph of the tasks on a circle."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from tagmates.report.figures.circle import Circle, arrow, named_circle, widest_circle
from tagmates.report.figures.drawing import GREEN, INK, PAGE, RED, TEXT, Figure, Margins, draw, pale, panels
from tagmates.report.model import Report
from tagmates.report.tables.grids import two_splits
from tagmates.study.compare import Comparison
from tagmates.study.settings import METHOD_NAMES, Method

Kind = Literal["help", "harm", "mutual help", "mutual harm", "mixed help", "mixed harm"]
Edge = tuple[str, str, Kind]

KINDS: dict[Kind, str] = {
    "help": "helps",
    "harm": "harms",
    "mutual help": "help each other",
    "mutual harm": "harm each other",
    "mixed help": "helps, but is harmed",
    "mixed harm": "harms, but is helped",
}
PALE = 0.5  # strength of what may be chance
DASHES = {"mutual": (0, (4.5, 2)), "mixed": (0, (1, 1.6))}
CAPTION = (
    "Who helps (green, filled heads) and who harms (red, hollow heads), by the rule: an arrow from s to t says "
    "that t scores higher, or lower, when trained with s than alone. Dashed: both help, or both harm, each other. "
    "Dotted: one helps and the other harms. No edge: neither."
)
TESTED = (
    " Pale: the difference may be chance (q > 0.05), or could not be tested; a dashed edge is pale unless both "
    "differences stand."
)


def graph_figure(report: Report) -> Figure | None:
    """One panel per method; None where no pair is compared with STL."""
    methods = [
        m for m, made in report.comparisons.items() if any(cell.base is not None for cell in made.pairs.values())
    ]
    if not methods:
        return None
    caption = CAPTION + (TESTED if any(is_tested(report.comparisons[method]) for method in methods) else "")
    caption += two_splits(report.settings)
    title = "Who helps and who harms" + (" (the paper's Figure 3)" if report.published else "")
    return draw("figure3", title, caption, lambda: _canvas(report, methods))


def edges(comparison: Comparison) -> list[Edge]:
    """The edges of the graph; a mutual one stands once, a mixed pair is two."""
    found: list[Edge] = []
    arrows = {pair: cell.arrow for pair, cell in comparison.pairs.items() if cell.arrow}
    place = {task: i for i, task in enumerate(comparison.tasks)}
    for (source, target), ours in arrows.items():
        back = arrows.get((target, source))
        if back is None:
            found.append((source, target, "help" if ours == "up" else "harm"))
        elif back != ours:
            found.append((source, target, "mixed help" if ours == "up" else "mixed harm"))
        elif place[source] < place[target]:
            found.append((source, target, "mutual help" if ours == "up" else "mutual harm"))
    return found


def is_tested(comparison: Comparison) -> bool:
    """Whether a test has been made of any pair, so that a difference without one is a weaker claim."""
    return any(cell.evidence is not None for cell in comparison.pairs.values())


def is_firm(comparison: Comparison, edge: Edge) -> bool:
    """Whether the edge is to be drawn in full: no test has been made at all, or all its differences stand."""
    source, target, kind = edge
    pairs = [(source, target), (target, source)] if kind.startswith("mutual") else [(source, target)]
    return not is_tested(comparison) or all(comparison.pairs[pair].beyond_chance for pair in pairs)


def _canvas(report: Report, methods: Sequence[Method]) -> Canvas:
    circle, columns = _layout(report.tasks, len(methods))
    left, right, bottom, top = circle.box()
    found = [report.comparisons[method] for method in methods]
    drawn = [edges(made) for made in found]
    canvas, axes = panels(
        [METHOD_NAMES[method] for method in methods],
        ((right - left) / 72, (top - bottom) / 72),
        Margins(left=0.1, right=0.1, top=0.35, bottom=0.12),
        columns=columns,
        key=_key(
            {kind for some in drawn for _, _, kind in some},
            is_pale=any(not is_firm(made, edge) for made, some in zip(found, drawn, strict=True) for edge in some),
        ),
    )
    for ax, made, some in zip(axes, found, drawn, strict=True):
        ax.title.set_x(-left / (right - left))  # above the circle, however long the names beside it
        ax.set(xlim=(left, right), ylim=(bottom, top))  # one unit is one point of type
        ax.axis("off")
        _nodes(ax, circle)
        _edges(ax, circle, made, some)
    return canvas


def _layout(tasks: Sequence[str], count: int) -> tuple[Circle, int]:
    """The circle, and as many columns as leave it large enough."""
    for columns in range(count, 0, -1):
        circle = widest_circle(tasks, 72 * (PAGE / columns - 0.2))
        if circle is not None:
            return circle, columns
    return named_circle(tasks, 35 + 4 * len(tasks)), 1


def _nodes(ax: Axes, circle: Circle) -> None:
    ax.plot([node.real for node in circle.nodes], [node.imag for node in circle.nodes], "o", color=INK, markersize=5)
    for label in circle.labels:
        ax.text(
            label.at.real,
            label.at.imag,
            label.text,
            ha=label.align,
            va="center",
            rotation=label.rotation,
            rotation_mode="anchor",
            fontsize=TEXT,
        )


def _edges(ax: Axes, circle: Circle, comparison: Comparison, drawn: Sequence[Edge]) -> None:
    """All edges, one collection for each look, firm ones on top."""
    nodes = {label.text: node for label, node in zip(circle.labels, circle.nodes, strict=True)}
    heavy = min(1.2, max(0.5, 18 / len(nodes)))  # many tasks have very many edges
    looks: dict[tuple[bool, Kind], list[Edge]] = {}
    for edge in drawn:
        looks.setdefault((is_firm(comparison, edge), edge[2]), []).append(edge)
    for (firm, kind), some in sorted(looks.items()):
        group, _, effect = kind.rpartition(" ")
        color = _color(effect) if firm else pale(_color(effect), PALE)
        width = heavy if firm or group == "mixed" else heavy / 2  # thin dots could not be seen
        made = [
            arrow(nodes[source], nodes[target], 0.06 if group == "mixed" else 0.0, both=group == "mutual")
            for source, target, _ in some
        ]
        lines = [[(point.real, point.imag) for point in line] for line, _ in made]
        heads = [[(point.real, point.imag) for point in head] for _, heads in made for head in heads]
        dashes = DASHES.get(group, "solid")
        zorder = 1.5 + firm
        ax.add_collection(LineCollection(lines, colors=color, linewidths=width, linestyles=[dashes], zorder=zorder))
        face = color if effect == "help" else "white"
        ax.add_collection(PolyCollection(heads, facecolors=face, edgecolors=color, linewidths=0.8, zorder=zorder))


def _color(effect: str) -> str:
    return GREEN if effect == "help" else RED


def _key(kinds: set[Kind], *, is_pale: bool) -> list[Artist]:
    """The looks that occur, in their order; heads stand in the middle of the samples."""
    artists: list[Artist] = []
    for kind, label in KINDS.items():
        if kind in kinds:
            group, _, effect = kind.rpartition(" ")
            color = _color(effect)
            artists.append(
                Line2D(
                    [],
                    [],
                    color=color,
                    linestyle=DASHES.get(group, "-"),
                    linewidth=1.2,
                    marker=">",
                    markersize=5,
                    markerfacecolor=color if effect == "help" else "white",
                    label=label,
                )
            )
    if is_pale:
        artists.append(Line2D([], [], color=pale(INK, PALE), linewidth=1.2, label="pale: may be chance"))
    return artists
