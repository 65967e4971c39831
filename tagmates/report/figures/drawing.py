"""Colours, sizes and panels of all figures, and their output as SVG and PDF."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, image, rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from tagmates.errors import ConfigError
from tagmates.files import write_atomically

GREEN, RED, BLUE, GREY = (
    "#009E73",
    "#D55E00",
    "#0072B2",
    "#8C8C8C",
)  # of Okabe and Ito, distinct for colour-blind readers
INK, LIGHT_GREY = "#333333", "#E3E3E3"
TEXT_SIZE, SMALL_SIZE = 8.0, 7.0  # points
# inches; portrait paper shows figures at five sixths of their size, where their letters can still be read
PAGE_WIDTH = 8.6
DPI = 200  # pixels per inch of PNG files
PICTURE_SUFFIXES = (".svg", ".png")
COLOR_MAP = "BrBG"  # of gains, brown to teal: still distinct for colour-blind readers

FONT = "DejaVu Sans"  # comes with matplotlib, so widths are known everywhere; others are narrower
STYLE: Any = {
    "font.family": [FONT],
    "font.size": TEXT_SIZE,
    "text.color": INK,
    "text.parse_math": False,  # a task may have a $ in its name
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT_SIZE,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": TEXT_SIZE + 2,
    "axes.unicode_minus": True,
    "legend.fontsize": TEXT_SIZE,
    "legend.frameon": False,
    "xtick.color": INK,
    "xtick.labelsize": TEXT_SIZE,
    "xtick.major.size": 0,
    "ytick.color": INK,
    "ytick.labelsize": SMALL_SIZE,
    "ytick.major.size": 2,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A finished figure. ``svg`` has no XML prolog, so that it can be part of an HTML page."""

    name: str  # file stem
    title: str
    caption: str
    svg: str
    pdf: bytes


@dataclass(frozen=True, slots=True)
class Margins:
    """Inches around the plot of a panel."""

    left: float = 0.1
    right: float = 0.1
    top: float = 0.3
    bottom: float = 0.1


def columns_for(count: int, width: float, room: float = PAGE_WIDTH) -> int:
    """How many of ``count`` panels of this width fit side by side, in inches; at least one."""
    return max(1, min(count, int(room / width + 1e-9)))


def panels(
    titles: Sequence[str],
    size: tuple[float, float],
    margins: Margins,
    *,
    columns: int,
    shared: bool = False,
    key: Sequence[Artist] = (),
    foot: float = 0.0,
    least: float = 0.0,
    heights: Sequence[float] = (),
) -> tuple[Canvas, list[Axes]]:
    """A canvas with one axes per title, row by row, then a legend, then ``foot`` free inches.

    ``size`` is the width and height of a plot and ``least`` the minimum width of the canvas, in inches; ``heights`` are
    the heights of the rows if they differ. If panels are ``shared``, only the first of each row has the left margin;
    otherwise an incomplete last row is centred.
    """
    inner = margins.right if shared else margins.left
    step = inner + size[0] + margins.right
    content = margins.left - inner + columns * step
    width = max(content, least, min(PAGE_WIDTH, _key_width(key) + 0.2))
    heights = heights or [size[1]] * math.ceil(len(titles) / columns)
    height = sum(margins.top + own + margins.bottom for own in heights) + foot + _key_height(key, width)
    canvas = Canvas(figsize=(width, height))
    axes = []
    for i, title in enumerate(titles):
        in_row = min(columns, len(titles) - i // columns * columns)
        start = (width - content) / 2 + margins.left + (0 if shared else (columns - in_row) / 2 * step)
        x = start + i % columns * step
        own, above = heights[i // columns], heights[: i // columns]
        y = height - sum(margins.top + other + margins.bottom for other in above) - margins.top - own
        ax = canvas.add_axes((x / width, y / height, size[0] / width, own / height))
        ax.set_title(title, pad=7)
        axes.append(ax)
    if key:
        _draw_key(canvas, key, foot)
    return canvas, axes


def _draw_key(canvas: Canvas, key: Sequence[Artist], foot: float) -> None:
    width, height = canvas.get_size_inches()
    canvas.legend(
        handles=list(key),
        loc="lower center",
        bbox_to_anchor=(0.5, foot / height),
        ncols=_key_columns(key, width),
        handlelength=2.4,
        columnspacing=1.8,
        borderaxespad=0.4,
    )


def _key_columns(key: Sequence[Artist], width: float) -> int:
    widest = max(_entry_width(artist) for artist in key)
    fitting = max(1, min(len(key), int((width - 0.1) / widest)))
    return math.ceil(len(key) / math.ceil(len(key) / fitting))  # rows of nearly the same length


def _key_width(key: Sequence[Artist]) -> float:
    """Inches for a legend: one row if that takes at most 5 inches, else two rows."""
    one = max(map(_entry_width, key), default=0.0)
    return one * (len(key) if one * len(key) <= 5 else math.ceil(len(key) / 2))


def _key_height(key: Sequence[Artist], width: float) -> float:
    return 0.16 + 0.17 * math.ceil(len(key) / _key_columns(key, width)) if key else 0.0


def _entry_width(artist: Artist) -> float:
    return text_width(str(artist.get_label()), TEXT_SIZE) + 0.58  # the handle and the gap to the next


def name_task_axis(ax: Axes, tasks: Sequence[str]) -> None:
    """The tasks along the x axis, from 0, tilted so that long names do not meet."""
    ax.set_xticks(range(len(tasks)), tasks, rotation=45, rotation_mode="anchor", ha="right", va="center")


def frame_task_map(ax: Axes, tasks: Sequence[str]) -> None:
    """The axes of a map with a square for each two tasks: names along the x axis, no ticks, a pale frame."""
    name_task_axis(ax, tasks)
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.set(xlim=(-0.5, len(tasks) - 0.5), ylim=(len(tasks) - 0.5, -0.5))
    for spine in ax.spines.values():
        spine.set(visible=True, color=LIGHT_GREY)


def square(row: int, column: int) -> list[tuple[float, float]]:
    """The corners of a square of a map of tasks."""
    low, high = -0.5, 0.5
    return [(column + x, row + y) for x, y in ((low, low), (high, low), (high, high), (low, high))]


def add_predicted(
    ax: Axes, tasks: Sequence[str], gains: Mapping[tuple[str, str], float], limit: float, number: Callable[[float], str]
) -> None:
    """Draw predicted gains of (partner, task) into a map of tasks: pale, hatched squares with numbers in italics.

    A gain of ``limit`` points has the darkest colour. ``number`` gives its text, which may be empty.
    """
    squares, colors = [], []
    for (partner, task), gain in gains.items():
        i, j = tasks.index(partner), tasks.index(task)
        squares.append(square(i, j))
        colors.append(pale(to_hex(colormaps[COLOR_MAP](0.5 + gain / limit / 2))))
        ax.text(
            j, i, number(gain), ha="center", va="center_baseline", color=INK, fontsize=SMALL_SIZE, fontstyle="italic"
        )
    ax.add_collection(PolyCollection(squares, facecolors=colors, edgecolors="white", linewidths=0.8, hatch="////"))


@cache
def text_width(text: str, size: float) -> float:
    """The width of a text in inches."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(family=FONT, size=size), False)
    return float(width) / 72


def widest(texts: Sequence[str], size: float) -> float:
    """The width of the widest text in inches; 0 if there is none."""
    return max((text_width(text, size) for text in texts), default=0.0)


def pale(color: str, strength: float = 0.4) -> str:
    """The colour mixed with white."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - strength * (255 - part)):02X}" for part in parts)


@contextmanager
def _style(**more: Any) -> Iterator[None]:
    """Draw in the style of the report."""
    with rc_context(STYLE | more), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the font lacks some scripts; browsers have them
        yield


def draw(name: str, title: str, caption: str, make: Callable[[], Canvas]) -> Figure:
    """The figure that ``make`` draws, in the style of the report. The same drawing gives the same bytes."""
    with _style(**{"svg.hashsalt": name}):  # by name: figures in one page must not share ids
        canvas = make()
        svg, pdf = io.StringIO(), io.BytesIO()
        canvas.savefig(svg, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        canvas.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Title": title})
    return Figure(name, title, caption, tidy_svg(svg.getvalue()), pdf.getvalue())


def draw_pixels(make: Callable[[], Canvas]) -> npt.NDArray[np.uint8]:
    """The drawing of ``make`` in the style of the report, as pixels [height, width, 4] at ``DPI``."""
    with _style():
        surface = FigureCanvasAgg(make())
        surface.figure.set_dpi(DPI)
        surface.draw()  # type: ignore[no-untyped-call]
        return np.array(surface.buffer_rgba())  # type: ignore[no-untyped-call]


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """These pixels [height, width, 4] as a PNG file of ``DPI``. The same pixels give the same bytes."""
    file = io.BytesIO()
    image.imsave(file, pixels, format="png", metadata={"Software": ""}, dpi=DPI)
    return file.getvalue()


def check_picture(path: Path) -> None:
    """Raise ConfigError for a file that is neither SVG nor PNG."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise ConfigError(f"{path}: is not a file that ends in .svg or .png; name one of these")


def write_picture(path: Path, name: str, title: str, make: Callable[[], Canvas]) -> None:
    """Write the drawing of ``make`` into an SVG or PNG file. The same drawing gives the same bytes.

    Raises ConfigError for other files, DiskError where it cannot be written.
    """
    check_picture(path)
    is_png = path.suffix.lower() == ".png"
    write_atomically(path, png(draw_pixels(make)) if is_png else draw(name, title, "", make).svg.encode())


FAMILY = f"'{FONT}', Verdana, Arial, Helvetica, sans-serif"


def tidy_svg(svg: str) -> str:
    """The same picture, smaller: no prolog, no ids of groups, and common attributes only once."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _tidy_tag(tag[0]), svg)  # never the text between tags
    svg = re.sub(r">\s+<", "><", svg)
    common = f'font-family="{FAMILY}" stroke-linejoin="round" stroke-linecap="butt"'
    return svg.replace("<svg ", f"<svg {common} ", 1) + "\n"


def _tidy_tag(tag: str) -> str:
    tag = re.sub(r' id="[\w.]+_\d+"', "", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)  # hundredths of a point
    return re.sub(r"\s+", " ", tag)
