"""Hypothesis strategies that the tests of several rooms share."""

from hypothesis import strategies as st

from tagmates.data.sentence import Span


@st.composite
def layers(
    draw: st.DrawFn, longest: int = 4, labels: tuple[str, ...] = ("x", "y", "x-y", "")
) -> tuple[list[Span], int]:
    """Spans that do not overlap, and the length of their sentence."""
    spans, at = [], 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, longest)), max_size=6)):
        spans.append(Span(at + gap, at + gap + size, draw(st.sampled_from(labels))))
        at += gap + size
    return spans, at + draw(st.integers(0, 2))
