"""Results as HTML for notebooks: tables whose texts are escaped, in colours that follow the notebook's theme."""

from collections.abc import Iterable, Sequence
from html import escape

CELL = "padding:.15em .6em;text-align:left;vertical-align:top;background:none"
FAINT, SURE = "opacity:.45", "font-weight:600"


def table_html(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of texts; the first cell of each row is its head."""
    top = "".join(f'<th style="{CELL}">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th style="{CELL}">{escape(first)}</th>{"".join(map(_cell, rest))}</tr>' for first, *rest in rows
    )
    note = f"<p>{escape(caption)}</p>" if caption else ""
    return f'{note}<table style="border-collapse:collapse"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def sentence_html(tokens: Sequence[str], rows: Sequence[tuple[str, Sequence[tuple[str, float | None]]]]) -> str:
    """A tagged sentence: a column for each token, a row for each task, of (tag, probability or None).

    The tag ``O`` is faint. A tag that is less probable than 0.7 has a question mark; its probability is shown on hover.
    """
    top = "".join(f'<th style="{CELL};{SURE}">{escape(token)}</th>' for token in tokens)
    body = "".join(
        f'<tr><th style="{CELL};font-weight:400">{escape(name)}</th>{"".join(_tag(*each) for each in tags)}</tr>'
        for name, tags in rows
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr><th></th>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def bar_html(done: int, total: int, text: str) -> str:
    """A progress bar with a text beside it."""
    return (
        f'<div><progress value="{done}" max="{max(total, 1)}" style="width:16em;vertical-align:middle"></progress> '
        f'<span style="font-variant-numeric:tabular-nums">{escape(text)}</span></div>'
    )


def _cell(text: str) -> str:
    return f'<td style="{CELL}">{escape(text)}</td>'


def _tag(tag: str, chance: float | None) -> str:
    note = "" if chance is None else f' title="{100 * chance:.1f} %"'
    mark = "?" if chance is not None and chance < 0.7 else ""
    return f'<td style="{CELL}{f";{FAINT}" if tag == "O" else ""}"{note}>{escape(tag)}{mark}</td>'
