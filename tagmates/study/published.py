"""The published numbers: Tables 1 and 3-6 of Changpinyo, Hu and Sha (COLING 2018), from ``published.json``."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, get_args

from tagmates.data.upstream.table1 import printed
from tagmates.study.compare import Arrow, Cell, Comparison, Selected
from tagmates.study.plan import OracleSets, combination_of
from tagmates.study.settings import Method

PAPER_TASKS = ("upos", "xpos", "chunk", "ner", "mwe", "sem", "semtr", "supsense", "com", "frame", "hyp")
METHODS: tuple[Method, ...] = get_args(Method)
NUM_SEEDS = 3
ARROWS: Mapping[str, Arrow] = {"↑": "up", "↓": "down"}


@cache
def published() -> Mapping[Method, Comparison]:
    """All published cells by method, with means and arrows but no deviations; All-but-one only for ``multi_dec``.

    As in ``compare``, the oracle of a task without helpers is its STL and has no base.
    """
    return {method: _comparison(method) for method in METHODS}


@cache
def published_oracle_sets() -> OracleSets:
    """The helpers of each task by each method: the partners with an upward arrow in Tables 3-5."""
    grids = {method: _grid(_tables()[method]["pairs"]) for method in METHODS}
    return {
        (method, task): tuple(other for other in _others(task) if _arrow(grids[method][other, task]) == "up")
        for method in METHODS
        for task in PAPER_TASKS
    }


def published_statistics() -> list[dict[str, Any]]:
    """Rows of Table 1 as in ``data.statistics.table1``, with the columns that the findings use."""
    columns = ("sentences_train", "labels", "label_entropy")
    return [{"task": task, **{name: printed()[task][name] for name in columns}} for task in PAPER_TASKS]


def _comparison(method: Method) -> Comparison:
    def cell(text: str, task: str, trained: tuple[str, ...], base: str = "", *, selected: Selected = "") -> Cell:
        return Cell(
            combination_of(method, trained, PAPER_TASKS),
            task,
            mean=_mean(text),
            std=None,
            n=NUM_SEEDS,
            base=_mean(base) if base else None,
            base_n=NUM_SEEDS if base else None,
            arrow=_arrow(text),
            selected=selected,
        )

    table = _tables()[method]
    stl, everything, oracle = _row(_tables()["stl"]), _row(table["all"]), _row(table["oracle"])
    pairs, all_but_one = _grid(table["pairs"]), _grid(table.get("all_but_one", {}))
    oracle_sets = published_oracle_sets()
    helpers = {task: oracle_sets[method, task] for task in PAPER_TASKS}
    return Comparison(
        method=method,
        tasks=PAPER_TASKS,
        single={t: cell(stl[t], t, (t,)) for t in PAPER_TASKS},
        pairs={(other, t): cell(text, t, (other, t), stl[t]) for (other, t), text in pairs.items()},
        all={t: cell(everything[t], t, PAPER_TASKS, stl[t]) for t in PAPER_TASKS},
        all_but_one={(out, t): cell(text, t, _others(out), everything[t]) for (out, t), text in all_but_one.items()},
        oracle={
            task: cell(oracle[task], task, (task, *some), stl[task], selected="on test")
            if some
            else cell(oracle[task], task, (task,))
            for task, some in helpers.items()
        },
        oracle_sets=helpers,
    )


def _others(task: str) -> tuple[str, ...]:
    return tuple(other for other in PAPER_TASKS if other != task)


def _mean(text: str) -> float:
    return float(text.rstrip("".join(ARROWS)))


def _arrow(text: str) -> Arrow | None:
    return ARROWS.get(text[-1])


def _row(text: str) -> dict[str, str]:
    """The cells of a row by tested task."""
    return dict(zip(PAPER_TASKS, text.split(), strict=True))


def _grid(rows: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The cells by row and tested task, column after column, without the diagonal."""
    cells = {row: _row(text) for row, text in rows.items()}
    return {(row, task): cells[row][task] for task in PAPER_TASKS for row in cells if row != task}


@cache
def _tables() -> Any:
    return json.loads(resources.files(__package__).joinpath("published.json").read_text(encoding="utf-8"))
