"""Figure 3: a directed graph that shows which task helps or harms which."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from tagmates.report.figures.circle import Circle, arrow, named_circle, widest_circle
from tagmates.report.figures.drawing import GREEN, INK, PAGE_WIDTH, RED, TEXT_SIZE, Figure, Margins, draw, pale, panels
from tagmates.report.model import Report
from tagmates.study.compare import Comparison
from tagmates.study.settings import METHOD_NAMES, Method

Kind = Literal["help", "harm", "mutual help", "mutual harm", "mixed help", "mixed harm"]
Edge = tuple[str, str, Kind]

KIND_LABELS: dict[Kind, str] = {
    "help": "helps",
    "harm": "harms",
    "mutual help": "help each other",
    "mutual harm": "harm each other",
    "mixed help": "helps, but is harmed",
    "mixed harm": "harms, but is helped",
}
CHANCE_STRENGTH = 0.5  # strength of the colour of a difference that may be chance
DASHES = {"mutual": (0, (4.5, 2)), "mixed": (0, (1, 1.6))}
CAPTION = (
    "An arrow from one task to another shows that the first helps (green, filled head) or harms (red, hollow head) the "
    "second: trained with it, the second scores higher, or lower, than alone by the rule (see Scores). No arrow: no "
    "difference by the rule."
)
GROUP_CAPTIONS = {
    "mutual": " Dashed: both tasks help, or harm, each other.",
    "mixed": " Dotted: one task helps the other and is harmed by it.",
}
TESTED_CAPTION = " Pale: the difference may be chance (q > 0.05), or it could not be tested."


def graph_figure(report: Report) -> Figure | None:
    """A panel for each method; None if no pair is compared with STL."""
    methods = [
        m for m, made in report.comparisons.items() if any(cell.base is not None for cell in made.pairs.values())
    ]
    if not methods:
        return None
    kinds = {kind for method in methods for _, _, kind in edges(report.comparisons[method])}
    caption = CAPTION
    caption += "".join(text for group, text in GROUP_CAPTIONS.items() if any(kind.startswith(group) for kind in kinds))
    caption += TESTED_CAPTION if any(is_tested(report.comparisons[method]) for method in methods) else ""
    title = "Which task helps or harms which" + (" (the paper's Figure 3)" if report.published else "")
    return draw("figure3", title, caption, lambda: _canvas(report, methods))


def edges(comparison: Comparison) -> list[Edge]:
    """The edges of the graph. A mutual effect is one edge; help in one direction and harm in the other are two."""
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
    """Whether any pair was tested, so that a difference without a test is a weaker claim."""
    return any(cell.evidence is not None for cell in comparison.pairs.values())


def is_firm(comparison: Comparison, edge: Edge) -> bool:
    """Whether the edge has its full colour: no pair was tested, or all its differences are beyond chance."""
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
    """The circle, and the largest number of columns that leaves it large enough."""
    for columns in range(count, 0, -1):
        circle = widest_circle(tasks, 72 * (PAGE_WIDTH / columns - 0.2))
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
            fontsize=TEXT_SIZE,
        )


def _edges(ax: Axes, circle: Circle, comparison: Comparison, drawn: Sequence[Edge]) -> None:
    """Draw all edges, one collection for each style, firm ones on top."""
    nodes = {label.text: node for label, node in zip(circle.labels, circle.nodes, strict=True)}
    heavy = min(1.2, max(0.5, 18 / len(nodes)))  # many tasks have very many edges
    styles: dict[tuple[bool, Kind], list[Edge]] = {}
    for edge in drawn:
        styles.setdefault((is_firm(comparison, edge), edge[2]), []).append(edge)
    for (firm, kind), some in sorted(styles.items()):
        group, _, effect = kind.rpartition(" ")
        color = _color(effect) if firm else pale(_color(effect), CHANCE_STRENGTH)
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
    """A legend of the styles that occur; arrow heads are in the middle of the samples."""
    artists: list[Artist] = []
    for kind, label in KIND_LABELS.items():
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
        artists.append(Line2D([], [], color=pale(INK, CHANCE_STRENGTH), linewidth=1.2, label="pale: may be chance"))
    return artists
