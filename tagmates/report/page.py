"""The report as one page that needs nothing else, with its tables and figures as files beside it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tagmates.files import write_atomically, write_text
from tagmates.report.model import Report
from tagmates.report.prose import (
    fine_print,
    is_complete,
    lead,
    opening,
    settings_text,
    shortly,
    standing,
    together,
)
from tagmates.report.tables import tables
from tagmates.report.tables.formats import to_csv, to_latex, to_markdown
from tagmates.report.tables.table import KEY, Section, Table

if TYPE_CHECKING:
    from tagmates.report.figures.drawing import Figure

FORMATS: dict[str, Callable[[Table], str]] = {"md": to_markdown, "tex": to_latex, "csv": to_csv}
CHAPTERS = {"characteristics": "findings", "paper": "paper", "beside": "beside"}  # figures that belong to tables


@dataclass(frozen=True, slots=True)
class Part:
    """A chapter of the page: paragraphs, then terms and what is said of them, then tables, then figures."""

    id: str
    title: str
    paragraphs: Sequence[str] = ()
    terms: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    figures: "Sequence[Figure]" = ()
    code: str = ""
    code_title: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.paragraphs or self.terms or self.tables or self.figures)


def write_report(report: Report, folder: Path, figures: "Sequence[Figure]" = ()) -> Path:
    """Write ``index.html``, ``tables/`` and ``figures/`` to a folder; the path of the page."""
    made = tables(report)
    for name in ("tables", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for table in made:
        for suffix, render in FORMATS.items():
            write_text(folder / "tables" / f"{table.name}.{suffix}", render(table))
    for figure in figures:
        write_text(folder / "figures" / f"{figure.name}.svg", figure.svg)
        write_atomically(folder / "figures" / f"{figure.name}.pdf", figure.pdf)
    page = folder / "index.html"
    write_text(page, render_page(report, made, figures))
    return page


def render_page(report: Report, made: Sequence[Table], figures: "Sequence[Figure]" = ()) -> str:
    """The page as HTML, with these tables and figures in it."""
    environment = Environment(
        loader=PackageLoader("tagmates", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=f"{report.name}: which tasks learn better together",
        lead=lead(report),
        key=KEY,
        parts=parts(report, made, [_inline(figure) for figure in figures]),
    )


def parts(report: Report, made: Sequence[Table], figures: "Sequence[Figure]") -> list[Part]:
    """The chapters that have something to say."""

    def of(*sections: Section) -> list[Table]:
        return [table for section in sections for table in made if table.section == section]

    unfinished = [] if is_complete(report) else of("progress")
    pictures = {
        chapter: [figure for figure in figures if CHAPTERS.get(figure.name, "figures") == chapter]
        for chapter in ("figures", *CHAPTERS.values())
    }
    chapters = [
        Part("advice", "Whom to train with whom", opening(report), terms=_advice(report)),
        Part("progress", "What is done", standing(report), tables=unfinished),
        Part("scores", "Scores", shortly(report), tables=of("scores", "rest")),
        Part("figures", "Figures", figures=pictures["figures"]),
        Part("methods", "The methods side by side", tables=of("methods")),
        Part("findings", "Findings", tables=of("findings"), figures=pictures["findings"]),
        Part("paper", "This study and the paper", tables=of("paper"), figures=pictures["paper"]),
        Part(
            "beside",
            "Beside another study",
            together(report),
            tables=of("beside"),
            figures=pictures["beside"],
        ),
        Part("evidence", "How far to believe it", tables=of("arrows", "tests")),
        Part("parameters", "Parameters and data", tables=of("parameters", "data")),
        _fine_print(report),
    ]
    return [part for part in chapters if not part.is_empty]


def _advice(report: Report) -> list[tuple[str, str]]:
    return [(each.task, " ".join([each.sentence, *(f"{text}." for text in each.warnings)])) for each in report.advice]


def _fine_print(report: Report) -> Part:
    text = settings_text(report.settings)
    return Part("fine-print", "The fine print", terms=fine_print(report), code=text, code_title="All settings")


def _inline(figure: "Figure") -> "Figure":
    """The figure with its picture ready to stand in a page, whose style can ask how wide it was drawn."""
    svg = re.sub(r'<svg ([^>]*?)\bwidth="([\d.]+pt)"', r'<svg style="--width: \2" \1width="\2"', figure.svg, count=1)
    return replace(figure, svg=Markup(own_ids(svg, figure.name)))


def own_ids(svg: str, prefix: str) -> str:
    """The same picture with ``prefix`` before all its ids, so that those of two pictures never clash."""
    ids: Iterable[str] = set(re.findall(r'\bid="([^"]+)"', svg))
    for name in ids:
        old = re.escape(name)
        svg = re.sub(rf'(\bid="|href="#|url\(#){old}(?=["\)])', rf"\g<1>{prefix}-{name}", svg)
    return svg
