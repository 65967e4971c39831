"""Figure 4: a map of the task embeddings that joint training of all tasks learns."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from tagmates.report.figures.drawing import (
    BLUE,
    LIGHT_GREY,
    PAGE_WIDTH,
    SMALL_SIZE,
    Figure,
    Margins,
    columns_for,
    draw,
    panels,
    widest,
)
from tagmates.report.figures.labels import label_points
from tagmates.report.model import Report
from tagmates.study.plan import combination_of
from tagmates.study.settings import METHOD_NAMES, Method

Array = npt.NDArray[np.float64]

MAX_MAPS = 6  # drawn at most
CAPTION = (
    "Task embeddings of the {method} model of all tasks at its best epoch, one map for each seed: t-SNE of the "
    "embeddings, scaled to unit length, with perplexity {perplexity}. The axes have no unit and are stretched to fill "
    "the frame. Only distances have a meaning."
)
FEW_TASKS_CAPTION = (
    " With so few tasks all others count as neighbours, so the maps are similar to a principal component analysis."
)


def embedding_figure(report: Report, method: Method) -> Figure | None:
    """The maps of one method, a panel for each seed; None if no run has embeddings of all tasks."""
    rows = {
        record.seed: record.embeddings["best"]
        for record in report.runs.get(combination_of(method, report.tasks, report.tasks), ())
        if "best" in record.embeddings
    }
    maps = {seed: made for seed in sorted(rows)[:MAX_MAPS] if (made := embedding_map(rows[seed])) is not None}
    if not maps:
        return None
    count = len(report.tasks)
    caption = CAPTION.format(method=METHOD_NAMES[method], perplexity=_perplexity(count))
    if len(rows) > MAX_MAPS:
        caption += f" The first {MAX_MAPS} of {len(rows)} seeds."
    if _perplexity(count) == count - 1:
        caption += FEW_TASKS_CAPTION
    name = "figure4" if method == "te_dec" else f"figure4-{method}"
    title = f"Task embeddings of {METHOD_NAMES[method]}"
    if method == "te_dec" and report.published:
        title += " (the paper's Figure 4)"
    return draw(name, title, caption, lambda: _canvas(report.tasks, maps))


def embedding_map(rows: Sequence[Sequence[float]]) -> Array | None:
    """Positions [tasks, 2] of the embeddings by t-SNE (protocol section 5).

    None for fewer than three tasks, or if all embeddings are equal or one is not finite.
    """
    vectors = np.asarray(rows, dtype=float)
    if len(vectors) < 3 or not np.isfinite(vectors).all():
        return None
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    if vectors.shape[1] < 2:
        vectors = np.pad(vectors, ((0, 0), (0, 2 - vectors.shape[1])))  # PCA wants two dimensions
    if vectors.std(axis=0).max() < 1e-6:
        return None
    from sklearn.manifold import TSNE  # noqa: PLC0415  (a second to import)

    tsne = TSNE(
        perplexity=_perplexity(len(vectors)),
        learning_rate=5,
        early_exaggeration=1,
        init="pca",
        max_iter=5000,
        n_iter_without_progress=100,
        method="exact",
        random_state=211,
    )
    return np.asarray(tsne.fit_transform(vectors), dtype=float)


def _perplexity(count: int) -> int:
    return min(10, count - 1)  # 10 as in the paper; it must be below the number of tasks


def _canvas(tasks: Sequence[str], maps: Mapping[int, Array]) -> Canvas:
    three = PAGE_WIDTH / 3 - 0.24
    side = min(max(three, 0.78 * len(tasks) ** 0.5, 1.4 * widest(tasks, SMALL_SIZE)), 5.4)  # room for the names
    canvas, axes = panels(
        [f"seed {seed}" for seed in maps],
        (side, 0.9 * side),
        Margins(left=0.12, right=0.12, top=0.35, bottom=0.12),
        columns=columns_for(len(maps), side + 0.24),
    )
    for ax, places in zip(axes, maps.values(), strict=True):
        _map(ax, tasks, places)
    return canvas


def _map(ax: Axes, tasks: Sequence[str], places: Array) -> None:
    x, y = places[:, 0].tolist(), places[:, 1].tolist()
    (low_x, low_y), (high_x, high_y) = places.min(axis=0), places.max(axis=0)
    wide, tall = high_x - low_x, high_y - low_y
    for set_limits, low, high, least in (
        (ax.set_xlim, low_x, high_x, tall / 3),
        (ax.set_ylim, low_y, high_y, wide / 3),
    ):
        half, middle = 0.62 * max(high - low, least), (low + high) / 2  # stretched, but no more than three times
        set_limits(middle - half, middle + half)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=LIGHT_GREY)
    ax.plot(x, y, "o", color=BLUE, markersize=5, markeredgewidth=0)
    label_points(ax, x, y, tasks)
