"""What a claim about a study is, and what the cells of a study say of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tagmates.formatting import listing
from tagmates.report.model import Report
from tagmates.study.settings import METHOD_NAMES, Method, Regime

IN_WORDS: dict[Regime, str] = {
    "single": "tasks alone",
    "pair": "pairs",
    "all": "all tasks together",
    "all_but_one": "all tasks but one",
    "oracle": "tasks with their helpers",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What some cells say. ``holds``: whether the claim, in its own words, is true of them."""

    text: str  # "" where there is nothing to measure
    holds: bool | None = None
    figures: tuple[int, ...] = ()  # to be compared with those that the paper's text prints
    done: int = 0  # cells
    wanted: int = 0
    why: str = ""  # there is nothing to measure
    never: bool = False  # nor will there be, for the study does not train it


ONE_SEED = Measured("", why="with a single seed the rule calls nothing higher or lower", never=True)
NO_STATISTICS = Measured("", why="the data are not at hand, so nothing is known of their size")

Tasks = tuple[str, ...]
Measure = Callable[[Report, Tasks], Measured]  # a study that has the claim's tasks; these


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the paper in other words, and how it is recomputed."""

    section: str
    words: str
    paper: str  # what the text says, short
    measure: Measure
    tasks: Tasks = ()  # that it names; a claim that names none can be made of any tasks
    figures: tuple[int, ...] = ()  # that the text prints
    elsewhere: str = ""  # the words for other tasks than the paper's, where they differ
    of_pairs: bool = False  # about pairs only, which a study of some of the paper's tasks has like the paper


def by(*methods: Method) -> Callable[[Measure], Measure]:
    """The measure of these methods' comparisons only."""

    def restrict(measure: Measure) -> Measure:
        def measured(report: Report, tasks: Tasks) -> Measured:
            chosen = {method: found for method, found in report.comparisons.items() if method in methods}
            if not chosen:
                names = listing([METHOD_NAMES[method] for method in methods])
                return Measured("", why=f"this study does not train with {names}", never=True)
            return measure(replace(report, comparisons=chosen), tasks)

        return measured

    return restrict


def missing(report: Report, *regimes: Regime) -> Measured:
    """Nothing to measure, for want of one of these regimes' cells."""
    found = report.comparisons.values()
    for regime in regimes:
        if regime not in report.settings.regimes:
            return Measured("", why=f"this study does not train {IN_WORDS[regime]}", never=True)
        if not any(comparison.cells(regime) for comparison in found):
            if report.runs and not report.is_tested:
                return Measured("", why="no task has a test split")
            return Measured("", why=f"no run of {IN_WORDS[regime]} is done yet")
    if "oracle" in regimes and not any(any(comparison.oracle_sets.values()) for comparison in found):
        return Measured("", why="no task has a helper")
    return Measured("", why="nothing that is done can be compared yet")
