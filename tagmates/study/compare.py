"""Combinations compared as the paper compares them: higher, lower, arrows, counts, averages (protocol section 5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Literal, TypeVar

import numpy as np

from tagmates.study.plan import Combination, OracleSets, combination_of
from tagmates.study.records import Runs, Split
from tagmates.study.settings import Method, Regime, StudySettings
from tagmates.study.significance import MIN_RUNS, Evidence, adjust, compare_runs

Arrow = Literal["up", "down"]
Selected = Literal["", "on test", "by these runs"]  # on the test sentences; by the dev scores of the same runs
Key = TypeVar("Key", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Cell:
    """The test F1 of one task in one combination over its seeds, compared with its base.

    The base of pairs, all and oracle is STL, and the base of all-but-one is All. Single has no base.
    """

    combination: Combination
    task: str
    mean: float  # percent
    std: float | None  # between seeds, by the study's setting ``std``; None if it is not known (the paper's tables)
    n: int
    updates: float | None = None  # mean over runs
    capped: int = 0  # runs that reached the maximum number of epochs
    parameters: int | None = None
    dev: float | None = None  # mean dev F1 of the tested weights
    base: float | None = None  # mean of the base
    base_n: int | None = None
    base_updates: float | None = None  # mean over the runs of the base
    base_capped: int = 0  # runs of the base that reached the maximum number of epochs
    arrow: Arrow | None = None  # against the base, by the paper's rule
    evidence: Evidence | None = None
    selected: Selected = ""  # how its partners were selected, if that makes a test invalid

    @property
    def difference(self) -> float | None:
        """The difference to the base in points of F1."""
        return None if self.base is None else self.mean - self.base

    @property
    def fewest(self) -> int:
        """The smaller number of runs of this combination and its base."""
        return self.n if self.base_n is None else min(self.n, self.base_n)

    @property
    def has_too_few_runs(self) -> bool:
        """Whether this combination or its base has a single run, so that there is no test."""
        return self.fewest < MIN_RUNS

    @property
    def beyond_chance(self) -> bool:
        """Whether the difference has q <= 0.05 within its family."""
        return self.evidence is not None and self.evidence.q is not None and self.evidence.q <= 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """All cells of one joint method that have a finished run."""

    method: Method
    tasks: tuple[str, ...]
    single: Mapping[str, Cell] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], Cell] = field(default_factory=dict)  # (partner, tested task)
    all: Mapping[str, Cell] = field(default_factory=dict)
    all_but_one: Mapping[tuple[str, str], Cell] = field(default_factory=dict)  # (task left out, tested task)
    oracle: Mapping[str, Cell] = field(default_factory=dict)
    oracle_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # task -> its helpers, where known

    def cells(self, regime: Regime) -> Mapping[Any, Cell]:
        """The cells of one regime by their key."""
        cells: Mapping[Any, Cell] = getattr(self, "pairs" if regime == "pair" else regime)
        return cells

    def average(self, task: str) -> float | None:
        """The mean of the pair scores of a task (rows "Average"); None if there are none."""
        scores = [cell.mean for (_, tested), cell in self.pairs.items() if tested == task]
        return fmean(scores) if scores else None

    def has_all_pairs(self, task: str) -> bool:
        """Whether the task has a pair with each other task, so that its average can stand beside other averages."""
        others = [other for other in self.tasks if other != task]
        return bool(others) and all((other, task) in self.pairs for other in others)


def count(cells: Iterable[Cell], arrow: Arrow) -> int:
    """The number of cells with this arrow."""
    return sum(cell.arrow == arrow for cell in cells)


def arrow_between(ours: Sequence[float], theirs: Sequence[float], k: float, std: str) -> Arrow | None:
    """``up`` where mean₁ - k·std₁ > mean₂ + k·std₂, ``down`` for the reverse (paper section 3.2), else None.

    A single score has no deviation, so with a single score on either side no arrow is drawn.
    """
    if min(len(ours), len(theirs)) < 2:
        return None
    spread = k * (deviation(ours, std) + deviation(theirs, std))
    difference = fmean(ours) - fmean(theirs)
    if difference > spread:
        return "up"
    return "down" if difference < -spread else None


def deviation(scores: Sequence[float], std: str) -> float:
    """Standard deviation over n (``population``) or n - 1 (``sample``; 0 for a single score)."""
    spare = 0 if std == "population" else 1
    return float(np.std(scores, ddof=spare)) if len(scores) > spare else 0.0


def oracle_sets(study: StudySettings, tasks: Sequence[str], runs: Runs) -> OracleSets:
    """The helpers of each task by each method: the tasks whose pair is higher than STL (paper section 3.4).

    The set of a task is known once its STL and all its pairs are done with each seed of the study.
    """
    split: Split = "dev" if study.oracle_sets == "dev" else "test"
    known: dict[tuple[Method, str], tuple[str, ...]] = {}
    for method in study.sharing:
        for task in tasks:
            base = runs.scores(combination_of(method, [task], tasks), task, split)
            others = [other for other in tasks if other != task]
            pairs = {o: runs.scores(combination_of(method, [task, o], tasks), task, split) for o in others}
            if all(len(scores) >= len(study.seeds) for scores in (base, *pairs.values())):
                helps = (o for o in others if arrow_between(pairs[o], base, study.k, study.std) == "up")
                known[method, task] = tuple(helps)
    return known


def compare(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets) -> dict[Method, Comparison]:
    """All cells of all methods that have a finished run, with arrows and evidence."""
    return {method: _compare_method(study, tuple(tasks), method, runs, sets) for method in study.sharing}


def _compare_method(
    study: StudySettings,
    tasks: tuple[str, ...],
    method: Method,
    runs: Runs,
    sets: OracleSets,
) -> Comparison:
    def cell(
        task: str, trained: Sequence[str], against: Sequence[str] | None, *, selected: Selected = ""
    ) -> Cell | None:
        combination = combination_of(method, trained, tasks)
        base = combination_of(method, against, tasks) if against is not None else combination
        return make_cell(study, runs, combination, base, task, selected=selected)

    others = [(other, task) for task in tasks for other in tasks if other != task]
    known = {task: sets[method, task] for task in tasks if (method, task) in sets}
    single = {task: cell(task, [task], None) for task in tasks}
    pairs = {(other, task): cell(task, [other, task], [task]) for other, task in others}
    everything = {task: cell(task, tasks, [task]) for task in tasks}
    rest = {left_out: [task for task in tasks if task != left_out] for left_out in tasks}
    all_but_one = {(left_out, task): cell(task, rest[left_out], tasks) for left_out, task in others}
    oracle = {
        task: cell(task, [task, *helpers], [task], selected=_how_selected(study, helpers))
        for task, helpers in known.items()
    }
    return Comparison(
        method=method,
        tasks=tasks,
        single=_present(single),
        pairs=_family(_present(pairs)),
        all=_family(_present(everything)),
        all_but_one=_family(_present(all_but_one)),
        oracle=_family(_present(oracle)),
        oracle_sets=known,
    )


def make_cell(
    study: StudySettings,
    runs: Runs,
    combination: Combination,
    base: Combination,
    task: str,
    *,
    selected: Selected,
) -> Cell | None:
    """The cell of a task in a combination, compared with its base; None if no run is done."""
    done = runs.tested(combination, task)
    if not done:
        return None
    scores = [record.test[task] for record in done]
    dev = [record.dev[task] for record in done if task in record.dev]
    cell = Cell(
        combination=combination,
        task=task,
        mean=fmean(scores),
        std=deviation(scores, study.std),
        n=len(scores),
        updates=fmean(record.updates for record in done),
        capped=sum(record.stopped == "cap" for record in done),
        parameters=done[0].parameters,
        dev=fmean(dev) if dev else None,
    )
    theirs = runs.tested(base, task)
    if combination == base or not theirs:
        return cell
    their_scores = [record.test[task] for record in theirs]
    evidence, noise = None, runs.noise(task)
    if noise is not None and not selected:
        evidence = compare_runs(runs.linearised(combination, task), runs.linearised(base, task), noise)
    return replace(
        cell,
        base=fmean(their_scores),
        base_n=len(theirs),
        base_updates=fmean(record.updates for record in theirs),
        base_capped=sum(record.stopped == "cap" for record in theirs),
        arrow=arrow_between(scores, their_scores, study.k, study.std),
        evidence=evidence,
        selected=selected,
    )


def _how_selected(study: StudySettings, helpers: Sequence[str]) -> Selected:
    """How an oracle set was selected: on test, or, for one helper, by the dev scores of the pair's own runs."""
    if study.oracle_sets != "dev":
        return "on test" if helpers else ""
    return "by these runs" if len(helpers) == 1 else ""


def _present(cells: Mapping[Key, Cell | None]) -> dict[Key, Cell]:
    return {key: cell for key, cell in cells.items() if cell is not None}


def _family(cells: dict[Key, Cell]) -> dict[Key, Cell]:
    """The same cells with q and Holm's p over all tested ones."""
    tested = {key: cell.evidence for key, cell in cells.items() if cell.evidence is not None}
    adjusted = dict(zip(tested, adjust(list(tested.values())), strict=True))
    return {key: replace(cell, evidence=adjusted.get(key)) for key, cell in cells.items()}
