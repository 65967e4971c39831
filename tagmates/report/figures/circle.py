"""Names around a circle and arrows within it. Points are complex numbers, and lengths are typographic points."""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tagmates.report.figures.drawing import TEXT_SIZE, text_width

NAME_GAP = 9.0  # from a node to its name
ARROW_GAP = 7.0  # from a node to an arrow
HEAD_LENGTH, HEAD_HALF_WIDTH = 6.5, 2.1


@dataclass(frozen=True, slots=True)
class Label:
    """A name with its left end, right end or middle (``align``) at ``at``; ``rotation`` in degrees."""

    text: str
    at: complex
    align: str  # left, right or center
    rotation: float = 0.0

    def corners(self) -> list[complex]:
        """The four corners of the written name."""
        width, half = 72 * text_width(self.text, TEXT_SIZE), 0.7 * TEXT_SIZE
        start = {"left": 0.0, "right": -width, "center": -width / 2}[self.align]
        turn = cmath.rect(1, math.radians(self.rotation))
        return [self.at + turn * complex(start + x, y) for x in (0, width) for y in (-half, half)]


@dataclass(frozen=True, slots=True)
class Circle:
    """Nodes on a circle, clockwise from the top, with their names outside it."""

    radius: float
    nodes: Sequence[complex]
    labels: Sequence[Label]

    def box(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the whole drawing."""
        corners = [corner for label in self.labels for corner in label.corners()]
        corners += [node + step for node in self.nodes for step in (-8 - 8j, 8 + 8j)]
        x, y = [c.real for c in corners], [c.imag for c in corners]
        return min(x), max(x), min(y), max(y)


def widest_circle(names: Sequence[str], width: float) -> Circle | None:
    """The largest circle that fits this width with its names; None if its nodes would be too close together."""
    count = len(names)
    for radius in range(min(280, 60 + 7 * count), 34 + 4 * count, -1):
        circle = named_circle(names, radius)
        left, right, _, _ = circle.box()
        if right - left <= width:
            return circle
    return None


def named_circle(names: Sequence[str], radius: float) -> Circle:
    """A circle with horizontal names if they fit, else with names that point outwards."""
    first = math.pi if len(names) == 2 else math.pi / 2
    angles = [first - 2 * math.pi * i / len(names) for i in range(len(names))]
    nodes = [cmath.rect(radius, angle) for angle in angles]
    outside = [cmath.rect(radius + NAME_GAP, angle) for angle in angles]
    level = [Label(name, at, _side(at)) for name, at in zip(names, outside, strict=True)]
    if _are_apart(level):
        return Circle(radius, nodes, level)
    return Circle(
        radius, nodes, [_outward(name, angle, at) for name, angle, at in zip(names, angles, outside, strict=True)]
    )


def _side(at: complex) -> str:
    if abs(at.real) < 1e-6:
        return "center"
    return "left" if at.real > 0 else "right"


def _outward(name: str, angle: float, at: complex) -> Label:
    if at.real > -1e-6:
        return Label(name, at, "left", math.degrees(angle))
    return Label(name, at, "right", math.degrees(angle) + 180)


def _are_apart(labels: Sequence[Label]) -> bool:
    """Whether no two names overlap."""
    boxes = [(corners[0], corners[3]) for corners in (label.corners() for label in labels)]
    return not any(_overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


def _overlap(a: tuple[complex, complex], b: tuple[complex, complex]) -> bool:
    (a_low, a_high), (b_low, b_high) = a, b
    beside = a_high.real <= b_low.real or b_high.real <= a_low.real
    above = a_high.imag <= b_low.imag or b_high.imag <= a_low.imag
    return not beside and not above


def arrow(
    start: complex, end: complex, bend: float = 0.0, *, both: bool = False
) -> tuple[list[complex], list[list[complex]]]:
    """The line of an arrow, bent to its left, and its heads (with ``both``, the one at its start is last)."""
    middle = (start + end) / 2 + bend * 1j * (end - start)
    out, into = _unit(middle - start), _unit(end - middle)
    tail, tip = start + ARROW_GAP * out, end - ARROW_GAP * into
    heads = [_head(tip, into)]
    if both:
        heads.append(_head(tail, -out))
        tail += HEAD_LENGTH * out
    return _curve(tail, middle if bend else (tail + tip) / 2, tip - HEAD_LENGTH * into, steps=8 if bend else 1), heads


def _unit(vector: complex) -> complex:
    return vector / abs(vector)


def _head(tip: complex, direction: complex) -> list[complex]:
    base = tip - HEAD_LENGTH * direction
    return [tip, base + HEAD_HALF_WIDTH * 1j * direction, base - HEAD_HALF_WIDTH * 1j * direction]


def _curve(a: complex, middle: complex, b: complex, steps: int) -> list[complex]:
    """A quadratic Bézier curve as points."""
    return [(1 - t) ** 2 * a + 2 * t * (1 - t) * middle + t**2 * b for t in (i / steps for i in range(steps + 1))]
