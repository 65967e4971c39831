"""Whom to train a task with, by the evidence so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import cast

from tagmates.study.compare import Cell, make_cell
from tagmates.study.plan import OracleSets, Setting, regime_settings, setting_of
from tagmates.study.runs import Runs
from tagmates.study.settings import METHOD_NAMES, Method, StudySettings
from tagmates.wording import equals, listing, plural, points


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that was tried for a task, and its mean dev F1."""

    setting: Setting
    n: int
    dev: float


@dataclass(frozen=True, slots=True)
class Advice:
    """The best setting of a task by dev F1.

    That its gain is measured on test takes off the luck of the dev sentences, not that of the seeds: both scores are of
    the same runs, so the best of many tends to look better than it is. ``p`` allows for that.
    """

    task: str
    ranked: Sequence[Choice]  # all that can be compared, the best first
    cell: Cell | None  # the best on dev on test, against STL; None where it cannot be told
    sentence: str  # plain words: with whom, the expected gain, its interval, how sure
    p: float | None = None  # of the gain, times the joint settings that it is the best of (Bonferroni)
    chosen: Setting | None = None  # to be trained: the best on dev, or alone where that loses on test; None: too early


def advise(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets) -> list[Advice]:
    """Advice for every task."""
    return [_advice(study, tasks, runs, sets, task) for task in tasks]


def rank(runs: Runs, task: str) -> list[Choice]:
    """Every setting that was tried for the task, the best on dev first, of equals the one of fewer tasks, then by name.

    One of a single run is left out where another has two or more: it is no evidence beside their means.
    """
    scores = {s: runs.scores(s, task, "dev") for s in runs if task in s.tasks}
    tried = [Choice(setting, len(dev), fmean(dev)) for setting, dev in scores.items() if dev]
    enough = min(2, max((choice.n for choice in tried), default=0))
    return sorted((c for c in tried if c.n >= enough), key=lambda c: (-c.dev, len(c.setting.tasks), str(c.setting)))


def _advice(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets, task: str) -> Advice:
    ranked = rank(runs, task)
    if not ranked:
        return Advice(task, ranked, None, "nothing is done yet.")
    best = ranked[0].setting
    if len(ranked) == 1 and any(task in s.tasks for s in _settings(study, tasks) - {best}):
        return Advice(task, ranked, None, _too_early(task, ranked[0], len(tasks)))
    alone = setting_of(study.sharing[0], [task], tasks)
    # settings that were only tried because the test sentences chose them
    oracle = set(regime_settings(study, tasks, "oracle", sets)) if study.oracle_sets != "dev" else set()
    cell = make_cell(
        study, runs, best, alone, task, selected="on test" if best in oracle - _settings(study, tasks) else ""
    )
    chosen = alone if cell is not None and _loses(cell) else best
    p = None
    if cell is not None and cell.evidence is not None:
        p = min(1.0, cell.evidence.p * sum(len(choice.setting.tasks) > 1 for choice in ranked))
    return Advice(task, ranked, cell, _sentence(task, ranked, cell, p, len(tasks)), p, chosen)


def _settings(study: StudySettings, tasks: Sequence[str]) -> set[Setting]:
    """What the study trains whatever comes out."""
    return {setting for regime in study.regimes for setting in regime_settings(study, tasks, regime, {})}


def _too_early(task: str, only: Choice, size: int) -> str:
    return (
        f"too early to say: only trained {describe(only.setting, task, size)} it has "
        f"{plural(only.n, 'run')} so far (dev F1 {only.dev:.2f})."
    )


def _sentence(task: str, ranked: Sequence[Choice], cell: Cell | None, p: float | None, size: int) -> str:
    best = ranked[0]
    runs = f"{plural(best.n, 'run')}{' of each' if len({choice.n for choice in ranked}) == 1 else ' so far'}"
    if len(ranked) == 1:
        return f"alone ({plural(best.n, 'run')})."
    if len(best.setting.tasks) == 1:
        return f"train it alone; no other of {len(ranked) - 1} is better on dev ({runs})."
    with_whom = describe(best.setting, task, size)
    if cell is None or cell.difference is None:
        best_of = f"the best of {len(ranked)} on dev ({runs})"
        return f"train it {with_whom}; {best_of}; there is no test score of training it alone to compare with."
    if _loses(cell):
        return f"train it alone; {with_whom} is best on dev, but loses: {_gain(cell, p)} ({runs})."
    return f"train it {with_whom}; {_gain(cell, p)} ({runs})."


def _loses(cell: Cell) -> bool:
    """Whether test sentences say that the best on dev is worse than the task alone."""
    return cell.evidence is not None and cell.evidence.high < 0


def describe(setting: Setting, task: str, size: int) -> str:
    """A setting in words, seen from one of its tasks, in a study of ``size`` tasks."""
    others = [other for other in setting.tasks if other != task]
    if not others:
        return "alone"
    whom = "all other tasks" if len(others) == size - 1 and size > 2 else listing(others)
    return f"with {whom} ({METHOD_NAMES[cast(Method, setting.sharing)]})"


def _gain(cell: Cell, p: float | None) -> str:
    difference = points(cell.difference, signed=True)
    gain = f"expected gain on test {difference} F1 over training it alone ({points(cell.base)})"
    if cell.selected:
        return f"{gain}, an optimistic figure: its partners were selected on test"
    evidence = cell.evidence
    if evidence is None or p is None:
        return f"{gain}; how sure that is cannot be told from so few runs"
    interval = f"95 % interval {points(evidence.low, signed=True)} to {points(evidence.high, signed=True)}"
    return f"{gain}, {interval}, {_sureness(p)} ({equals('p', p)})"


def _sureness(p: float) -> str:
    if p <= 0.001:
        return "almost surely not by chance"
    if p <= 0.01:
        return "very probably not by chance"
    if p <= 0.05:
        return "probably not by chance"
    return "which may be chance"
