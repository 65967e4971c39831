"""Hypothesis strategies that the tests of several rooms share, and how many examples they try."""

import os

from hypothesis import strategies as st

from tagmates.data.sentence import Span


def tried(examples: int) -> int:
    """So many examples in ``make test-slow``, and a third of them, though not less than 30, in ``make test``."""
    return examples if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else max(examples // 3, 30)


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
