"""How many taggers it takes to serve all tasks well: the mean expected F1 of the best grouping of each number."""

from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from tagmates.formatting import points
from tagmates.report.figures.drawing import BLUE, INK, SMALL_SIZE, Figure, Margins, draw, panels
from tagmates.report.model import Report
from tagmates.study.grouping import Grouping

TITLE = "One tagger or several"
CAPTION = (
    "Mean expected dev F1 of all tasks if at most so many taggers serve them, each trained on the tasks that suit it "
    "best. Predicted by the model of gains from the training data and the dev scores of all runs so far."
)


def groupings_figure(report: Report) -> Figure | None:
    """The curve; None without forecasts."""
    if not report.groupings:
        return None
    return draw("taggers", TITLE, CAPTION, lambda: _canvas(report.groupings))


def _canvas(found: Sequence[Grouping]) -> Canvas:
    canvas, (ax,) = panels([""], (4.2, 2.0), Margins(left=0.8, right=0.3, top=0.15, bottom=0.5), columns=1)
    numbers, means = range(1, len(found) + 1), [grouping.mean for grouping in found]
    ax.plot(numbers, means, color=BLUE, linewidth=1.4, marker="o", markersize=4)
    for number, mean in zip(numbers, means, strict=True):
        ax.annotate(points(mean), (number, mean), (3, -10), textcoords="offset points", fontsize=SMALL_SIZE, color=INK)
    ax.margins(x=0.06, y=0.25)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("taggers")
    ax.set_ylabel("mean dev F1")
    return canvas
