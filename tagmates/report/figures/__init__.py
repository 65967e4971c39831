"""The figures of a report (protocol section 5)."""

from tagmates.report.figures.characteristics import characteristics_figure
from tagmates.report.figures.differences import agreement_figure
from tagmates.report.figures.drawing import Figure
from tagmates.report.figures.figure2 import improvement_figure
from tagmates.report.figures.figure3 import graph_figure
from tagmates.report.figures.figure4 import embedding_figure
from tagmates.report.figures.groupings import groupings_figure
from tagmates.report.figures.heatmap import gains_figure
from tagmates.report.model import Report

__all__ = ["Figure", "figures"]


def figures(report: Report) -> list[Figure]:
    """Every figure that the report has data for. The same report gives the same bytes."""
    made = [
        improvement_figure(report),
        graph_figure(report),
        embedding_figure(report, "te_dec"),
        embedding_figure(report, "te_enc"),
        gains_figure(report),
        groupings_figure(report),
        characteristics_figure(report),
        agreement_figure(report, report.published, "beside-paper", "the paper"),
    ]
    if report.beside is not None:
        made.append(agreement_figure(report, report.beside.comparisons, "beside", report.beside.name))
    return [figure for figure in made if figure is not None]
