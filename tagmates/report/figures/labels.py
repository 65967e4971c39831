"""Names beside the points of a scatter plot, placed so that they cover neither points nor each other."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from tagmates.report.figures.drawing import GREY, SMALL_SIZE, widest

Array = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, right, top

RING_DISTANCES = (4.5, 8.0, 13.0, 20.0, 29.0, 40.0, 55.0)  # points between a dot and its name
ANGLES = (0, 180, 90, 270, 45, 135, 225, 315, 22, 158, 202, 338, 68, 112, 248, 292)  # the best first
DOT_RADIUS = 3.0  # half the width of the square that names keep clear of
LINE_HEIGHT = 1.15  # height of a line of text, in font sizes
CLEARANCE = 1.0  # free space around a name
LEADER_DISTANCE = 8.0  # a name farther away gets a line to its dot
NO_LINES = np.empty((0, 4))
PASSES = 3  # each name is placed again once the others are placed

DIRECTIONS = np.column_stack([np.cos(np.radians(ANGLES)), np.sin(np.radians(ANGLES))]).round(6)
OFFSETS = np.concatenate([ring * DIRECTIONS for ring in RING_DISTANCES])  # of the candidates [rings * angles, 2]
# in halves of the name: -1 is left of or below the dot
ANCHORS = np.tile(np.clip(2 * DIRECTIONS, -1, 1), (len(RING_DISTANCES), 1))
# preferred sides cost slightly less
DISTANCE_COSTS = np.array([ring + 0.1 * i for ring in RING_DISTANCES for i, _ in enumerate(ANGLES)])


def label_points(
    ax: Axes,
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    lines: Sequence[tuple[float, float, float]] = (),
) -> None:
    """Write the names of the first points beside them.

    Names cover no point, and no vertical line (x, from, to) where that is possible. The axes must have their final
    limits.
    """
    points = np.column_stack([x, y]).astype(float)
    if not names:
        return
    unit = 72 / ax.figure.dpi
    dots = ax.transData.transform(points) * unit
    left, bottom, right, top = (value * unit for value in ax.get_window_extent().extents)
    rows = [name.split("\n") for name in names]
    sizes = np.array([(72 * widest(some, SMALL_SIZE), LINE_HEIGHT * SMALL_SIZE * len(some)) for some in rows])
    ends = ax.transData.transform([(at, end) for at, *some in lines for end in some]) * unit if lines else np.empty(0)
    frame = left + CLEARANCE, bottom + CLEARANCE, right - CLEARANCE, top - CLEARANCE
    boxes = place(dots, sizes, frame, ends.reshape(-1, 4))
    for name, point, dot, box in zip(names, points, dots, boxes, strict=False):
        near = np.clip(dot, box[:2], box[2:])
        if math.dist(near, dot) > LEADER_DISTANCE:
            line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": DOT_RADIUS}
            ax.annotate("", point, near - dot, textcoords="offset points", arrowprops=line)
        middle = (box[:2] + box[2:]) / 2
        ax.annotate(
            name, point, middle - dot, textcoords="offset points", ha="center", va="center", fontsize=SMALL_SIZE
        )


def place(dots: Array, sizes: Array, frame: Box, lines: Array = NO_LINES) -> Array:
    """Boxes [names, 4] for names of these sizes [names, 2] beside the first dots of [dots, 2]; deterministic.

    In order of cost: leaving the frame, covering another name, a dot or a line [lines, 4], distance from the dot.
    """
    marks = np.hstack([dots - DOT_RADIUS, dots + DOT_RADIUS])
    thick = lines + np.array([-0.5, 0, 0.5, 0])
    candidates = [_around(dot, size) for dot, size in zip(dots, sizes, strict=False)]
    costs = [
        DISTANCE_COSTS + 3 * _covered(some, marks) + 1.5 * _covered(some, thick) + 1000 * _outside(some, frame)
        for some in candidates
    ]
    placed = np.full((len(sizes), 4), np.nan)
    for _ in range(PASSES):
        for i, (some, cost) in enumerate(zip(candidates, costs, strict=True)):
            others = np.delete(placed, i, axis=0)
            placed[i] = some[np.argmin(cost + 10 * _covered(some, others[~np.isnan(others[:, 0])]))]
    return placed


def _around(dot: Array, size: Array) -> Array:
    """Boxes [candidates, 4] whose nearest edge is a ring's distance from the dot."""
    middles = dot + OFFSETS + ANCHORS * size / 2
    return np.hstack([middles - size / 2, middles + size / 2])


def _covered(boxes: Array, others: Array) -> Array:
    """Area of every box [boxes, 4], with its clearance, that the others [others, 4] cover."""
    low = np.maximum(boxes[:, None, :2] - CLEARANCE, others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:] + CLEARANCE, others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2).sum(axis=1))


def _outside(boxes: Array, frame: Box) -> Array:
    """The distance by which each box [boxes, 4] leaves the frame."""
    inside = np.array(frame)
    return np.asarray(
        np.clip(inside[:2] - boxes[:, :2], 0, None).sum(1) + np.clip(boxes[:, 2:] - inside[2:], 0, None).sum(1)
    )
