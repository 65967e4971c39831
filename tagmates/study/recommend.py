"""Whom to train a task with, by the evidence so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import cast

from tagmates.study.compare import Cell, make_cell
from tagmates.study.plan import OracleSets, Setting, regime_settings, setting_of
from tagmates.study.runs import Runs
from tagmates.study.settings import METHOD_NAMES, Method, StudySettings


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that was tried for a task, and its mean dev F1."""

    setting: Setting
    n: int
    dev: float


@dataclass(frozen=True, slots=True)
class Advice:
    """The best setting of a task: chosen by dev F1, so that its gain on test is an honest estimate."""

    task: str
    ranked: Sequence[Choice]  # all that was tried as often as any, the best first
    cell: Cell | None  # the best on test, against STL; None where it cannot be told
    sentence: str  # plain words: with whom, the expected gain, its interval, how sure

    @property
    def partners(self) -> tuple[str, ...]:
        """The tasks to train with; none: alone."""
        return tuple(t for t in self.ranked[0].setting.tasks if t != self.task) if self.ranked else ()


def advise(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets) -> list[Advice]:
    """Advice for every task."""
    return [_advice(study, tasks, runs, sets, task) for task in tasks]


def rank(runs: Runs, task: str) -> list[Choice]:
    """Every setting that was tried for the task, the best on dev first, of equals the one of fewer tasks, then by name.

    Those of fewer runs than another has are left out: a single run is no evidence beside the mean of three.
    """
    scores = {s: runs.scores(s, task, "dev") for s in runs if task in s.tasks}
    tried = [Choice(setting, len(dev), fmean(dev)) for setting, dev in scores.items() if dev]
    most = max((choice.n for choice in tried), default=0)
    return sorted((c for c in tried if c.n == most), key=lambda c: (-c.dev, len(c.setting.tasks), str(c.setting)))


def _advice(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets, task: str) -> Advice:
    ranked = rank(runs, task)
    if not ranked:
        return Advice(task, ranked, None, f"{task}: nothing is done yet.")
    best = ranked[0].setting
    alone = setting_of(study.sharing[0], [task], tasks)
    # settings that were only tried because the test sentences chose them
    oracle = set(regime_settings(study, tasks, "oracle", sets)) if study.oracle_sets != "dev" else set()
    anyway = {s for regime in study.regimes for s in regime_settings(study, tasks, regime, {})}
    cell = make_cell(study, runs, best, alone, task, selected=best in oracle - anyway)
    return Advice(task, ranked, cell, f"{task}: {_sentence(task, ranked, cell, len(tasks))}")


def _sentence(task: str, ranked: Sequence[Choice], cell: Cell | None, size: int) -> str:
    best = ranked[0]
    number = f"{best.n} run{'s' if best.n > 1 else ''}"
    if len(ranked) == 1:  # others may have fewer
        return f"only {best.setting} has {number} so far (dev F1 {best.dev:.2f})."
    runs = f"{number} of each"
    if len(best.setting.tasks) == 1:
        return f"train it alone; none of {len(ranked) - 1} other settings is better on dev ({runs})."
    how = f"train it {describe(best.setting, task, size)}"
    if cell is None or cell.difference is None:
        best_of = f"the best of {len(ranked)} settings on dev ({runs})"
        return f"{how}; {best_of}; there is no test score of training it alone to compare with."
    return f"{how}; {_gain(cell)} ({runs})."


def describe(setting: Setting, task: str, size: int) -> str:
    """A setting in words, seen from one of its tasks, in a study of ``size`` tasks."""
    others = [other for other in setting.tasks if other != task]
    if not others:
        return "alone"
    whom = (
        "all other tasks"
        if len(others) == size - 1 and size > 2
        else " and ".join([", ".join(others[:-1]), others[-1]])
    )
    return f"with {whom.removeprefix(' and ')} ({METHOD_NAMES[cast(Method, setting.sharing)]})"


def _gain(cell: Cell) -> str:
    gain = f"expected gain on test {cell.difference:+.2f} F1 over training it alone ({cell.base:.2f})"
    if cell.selected:
        return f"{gain}, an optimistic figure: its partners were selected on test"
    evidence = cell.evidence
    if evidence is None:
        return f"{gain}; how sure that is cannot be told from so few runs"
    interval = f"95 % interval {evidence.low:+.2f} to {evidence.high:+.2f}"
    return f"{gain}, {interval}, {_sureness(evidence.p)} (p = {evidence.p:.2g})"


def _sureness(p: float) -> str:
    if p <= 0.001:
        return "almost surely not by chance"
    if p <= 0.01:
        return "very probably not by chance"
    if p <= 0.05:
        return "probably not by chance"
    return "which may be chance"
