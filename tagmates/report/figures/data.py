"""Figures of the data: sentence lengths, tag frequencies, and the overlap of tasks."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Canvas

from tagmates.data.corpora import Corpora
from tagmates.data.overlap import Overlap
from tagmates.data.sentence import Sentence
from tagmates.errors import ConfigError
from tagmates.files import write_atomically
from tagmates.report.figures.drawing import PICTURE_SUFFIXES, draw, draw_pixels, png
from tagmates.report.figures.overlap import overlap_canvas
from tagmates.report.figures.sentence_lengths import lengths_canvas
from tagmates.report.figures.tag_shares import tags_canvas

Drawings = Mapping[str, tuple[str, Callable[[], Canvas]]]  # name -> title, how to draw it


def check_place(place: Path) -> None:
    """Raise ConfigError for a file that is neither SVG nor PNG; anything without an ending is a folder."""
    if place.suffix and place.suffix.lower() not in PICTURE_SUFFIXES and not place.is_dir():
        raise ConfigError(f"{place}: is neither a folder nor a file that ends in .svg or .png; name one of these")


def write_figures(corpora: Corpora, overlaps: list[Overlap], place: Path) -> list[Path]:
    """Draw the figures into one file (SVG or PNG), or as an SVG each into a folder; the paths.

    The same corpora give the same bytes. Raises ConfigError for other files, DiskError where it cannot be written.
    """
    check_place(place)
    drawings = _drawings(corpora, overlaps)
    if place.suffix.lower() == ".png" and not place.is_dir():
        files = {place: png(_stacked_pixels(drawings))}
    else:
        svgs = {name: draw(name, title, "", make).svg for name, (title, make) in drawings.items()}
        if place.suffix and not place.is_dir():
            files = {place: _stacked(list(svgs.values())).encode()}
        else:
            place.mkdir(parents=True, exist_ok=True)
            files = {place / f"{name}.svg": svg.encode() for name, svg in svgs.items()}
    for path, data in files.items():
        write_atomically(path, data)
    return list(files)


def _drawings(corpora: Corpora, overlaps: list[Overlap]) -> Drawings:
    """The drawings of these corpora; the overlap needs two tasks."""
    lengths = {
        task: {split: [len(sentence) for sentence in some] for split, some in splits.items()}
        for task, splits in corpora.items()
    }
    tags = {
        task: {split: used for split, some in splits.items() if (used := _tag_counts(some)) or split == "train"}
        for task, splits in corpora.items()
    }
    drawings: dict[str, tuple[str, Callable[[], Canvas]]] = {
        "lengths": ("Sentence lengths", lambda: lengths_canvas(lengths)),
        "tags": ("Tag frequencies", lambda: tags_canvas(tags)),
    }
    if len(corpora) > 1:
        drawings["overlap"] = ("Overlap of the tasks", lambda: overlap_canvas(list(corpora), overlaps))
    return drawings


def _tag_counts(sentences: Sequence[Sentence]) -> Counter[str]:
    return Counter(tag for sentence in sentences for tag in sentence.labels if tag)


def _stacked(svgs: list[str]) -> str:
    """Several pictures below each other, as one SVG."""
    sizes = [tuple(map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])) for svg in svgs]
    width, height = max(width for width, _ in sizes), sum(height for _, height in sizes)
    parts, y = [], 0.0
    for svg, (own_width, own_height) in zip(svgs, sizes, strict=True):
        head, body = svg.split(">", 1)
        head = re.sub(r'( (?:width|height)="[\d.]+)pt"', r'\1"', head)
        parts.append(f'{head} x="{(width - own_width) / 2:.2f}" y="{y:.2f}">{body}')
        y += own_height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.2f}pt" height="{height:.2f}pt"'
    ground = f'<rect width="{width:.2f}" height="{height:.2f}" fill="white"/>'
    return f'{head} viewBox="0 0 {width:.2f} {height:.2f}">{ground}\n{"".join(parts)}</svg>\n'


def _stacked_pixels(drawings: Drawings) -> npt.NDArray[np.uint8]:
    """Several pictures below each other, as pixels."""
    pictures = [draw_pixels(make) for _, make in drawings.values()]
    width = max(picture.shape[1] for picture in pictures)
    rows = []
    for picture in pictures:
        left = (width - picture.shape[1]) // 2
        sides = ((0, 0), (left, width - picture.shape[1] - left), (0, 0))
        rows.append(np.pad(picture, sides, constant_values=255))
    return np.vstack(rows)
