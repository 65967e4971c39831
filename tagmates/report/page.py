"""The report as one page that loads no other file; its tables and figures are also written as files."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from tagmates.files import write_atomically, write_text
from tagmates.report.model import Report
from tagmates.report.prose import (
    definitions,
    is_complete,
    lead,
    notes,
    opening,
    progress,
    score_summary,
    settings_text,
    study_comparison,
)
from tagmates.report.tables import tables
from tagmates.report.tables.formats import to_csv, to_latex, to_markdown
from tagmates.report.tables.table import LEGEND, Section, Table
from tagmates.report.templates import render_template

if TYPE_CHECKING:
    from tagmates.report.figures.drawing import Figure

TABLE_WRITERS: dict[str, Callable[[Table], str]] = {"md": to_markdown, "tex": to_latex, "csv": to_csv}
# figures that belong to the tables of a chapter
FIGURE_CHAPTERS = {"taggers": "forecast", "characteristics": "findings", "beside-paper": "paper", "beside": "beside"}


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the page; its parts are shown in the order of these fields."""

    id: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: "Sequence[Figure]" = ()
    notes: Sequence[str] = ()  # paragraphs below tables and figures
    terms: Sequence[tuple[str, str]] = ()  # each with its explanation
    terms_title: str = ""  # of the fold that holds the terms; empty: they are not folded
    code: str = ""
    code_title: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether the chapter has no content."""
        return not (self.paragraphs or self.tables or self.figures or self.notes or self.terms)


def write_report(report: Report, folder: Path, figures: "Sequence[Figure]" = ()) -> Path:
    """Write ``index.html``, ``tables/`` and ``figures/`` into a folder; returns the path of the page."""
    made = tables(report)
    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for table in made:
        for suffix, render in TABLE_WRITERS.items():
            write_text(folder / "tables" / f"{table.name}.{suffix}", render(table))
    for figure in figures:
        write_text(folder / "figures" / f"{figure.name}.svg", figure.svg)
        write_atomically(folder / "figures" / f"{figure.name}.pdf", figure.pdf)
    page = folder / "index.html"
    write_text(page, render_page(report, made, figures))
    return page


def render_page(report: Report, made: Sequence[Table], figures: "Sequence[Figure]" = ()) -> str:
    """The page as HTML, with these tables and figures in it."""
    return render_template(
        "page.html.j2",
        title=f"{report.name}: which tasks learn better together",
        lead=lead(report),
        key=LEGEND,
        chapters=chapters(report, made, [_inline(figure) for figure in figures]),
    )


def chapters(report: Report, made: Sequence[Table], figures: "Sequence[Figure]") -> list[Chapter]:
    """The chapters that have content."""

    def of(*sections: Section) -> list[Table]:
        return [table for section in sections for table in made if table.section == section]

    opening_figure = "figure3" if has_arrows(report) else "gains"
    places = {opening_figure: "advice", **FIGURE_CHAPTERS}

    def figures_of(chapter: str) -> "list[Figure]":
        return [figure for figure in figures if places.get(figure.name, "figures") == chapter]

    found = [
        Chapter(
            "advice",
            "Recommended partners",
            opening(report),
            of("recommendations"),
            figures_of("advice"),
            notes=notes(report),
            terms=_advice(report),
            terms_title="Each task in a sentence",
        ),
        Chapter("forecast", "Predictions", tables=of("forecast"), figures=figures_of("forecast")),
        Chapter("progress", "Progress", progress(report), [] if is_complete(report) else of("progress")),
        Chapter("scores", "Scores", score_summary(report), of("scores", "rest")),
        Chapter("figures", "Figures", figures=figures_of("figures")),
        Chapter("methods", "Comparison of the methods", tables=of("methods")),
        Chapter("findings", "Findings", tables=of("findings"), figures=figures_of("findings")),
        Chapter("paper", "Comparison with the paper", tables=of("paper"), figures=figures_of("paper")),
        Chapter(
            "beside", "Comparison with another study", study_comparison(report), of("beside"), figures_of("beside")
        ),
        Chapter("evidence", "Statistical tests", tables=of("arrows", "tests")),
        Chapter("parameters", "Parameters and data", tables=of("parameters", "data")),
        Chapter(
            "fine-print",
            "Definitions and settings",
            terms=definitions(report),
            code=settings_text(report.settings),
            code_title="All settings",
        ),
    ]
    return [chapter for chapter in found if not chapter.is_empty]


def has_arrows(report: Report) -> bool:
    """Whether any pair is higher or lower by the rule, so that the graph of help and harm has an edge."""
    return any(cell.arrow for found in report.comparisons.values() for cell in found.pairs.values())


def _advice(report: Report) -> list[tuple[str, str]]:
    if not report.runs:
        return []
    return [(each.task, " ".join([each.sentence, *(f"{text}." for text in each.warnings)])) for each in report.advice]


def _inline(figure: "Figure") -> "Figure":
    """The figure with an SVG that can stand in the page; the style sheet reads the drawn width from ``--width``."""
    svg = re.sub(r'<svg ([^>]*?)\bwidth="([\d.]+pt)"', r'<svg style="--width: \2" \1width="\2"', figure.svg, count=1)
    return replace(figure, svg=Markup(own_ids(svg, figure.name)))


def own_ids(svg: str, prefix: str) -> str:
    """The same SVG with ``prefix`` before all its ids, so that the ids of two figures never clash."""
    ids: Iterable[str] = set(re.findall(r'\bid="([^"]+)"', svg))
    for name in ids:
        old = re.escape(name)
        svg = re.sub(rf'(\bid="|href="#|url\(#){old}(?=["\)])', rf"\g<1>{prefix}-{name}", svg)
    return svg
