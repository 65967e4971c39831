"""The examples of docs/use.md are run as they are written there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "use.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def spaced(out: str) -> None:
    lines = out.splitlines()
    assert "('Maria', 'n.PERSON')" in lines[1]
    for code, line in zip(CODE[2].splitlines()[-2:], lines[-2:], strict=True):
        assert code.partition("  # ")[2] == line


def tagged(out: str) -> None:
    assert "picked\tVERB\t1.00\tpicked" in out and "[Span(start=1, end=3, label='')]" in out
    assert "('Words', 'of', 'one', 'sentence', '.')" in out


def with_spans(out: str) -> None:
    assert re.fullmatch(r"\('picked', 'up'\) [01]\.\d\d\n", out)


@pytest.mark.parametrize(("number", "check"), [(0, tagged), (1, with_spans), (2, spaced)])
def test_the_python_lines(number: int, check: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(CODE[number], "docs/use.md", "exec"), {})
    check(capsys.readouterr().out)


def test_all_but_the_hub_s_are_run() -> None:
    assert len(CODE) == 4 and "hf://" in CODE[3]
