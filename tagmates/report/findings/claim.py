"""A claim about a study, and the result of checking it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tagmates.formatting import listing
from tagmates.report.model import Report
from tagmates.study.settings import METHOD_NAMES, Method, Regime

REGIME_WORDS: dict[Regime, str] = {
    "single": "tasks alone",
    "pair": "pairs",
    "all": "all tasks together",
    "all_but_one": "all tasks but one",
    "oracle": "tasks with their helpers",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of checking a claim in some cells; ``holds`` tells whether the claim is true."""

    text: str  # empty if it cannot be measured
    holds: bool | None = None
    figures: tuple[int, ...] = ()  # to compare with those in the paper's text
    done: int = 0  # cells
    wanted: int = 0
    why: str = ""  # reason why it cannot be measured
    never: bool = False  # it can never be measured, because the study does not train this


ONE_SEED = Measured("", why="with a single seed no score is higher or lower by the rule", never=True)
NO_STATISTICS = Measured("", why="the size of the data is not known")

Tasks = tuple[str, ...]
Measure = Callable[[Report, Tasks], Measured]  # a report that has the tasks of the claim, and these tasks


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper in our words, and how it is recomputed."""

    section: str
    words: str
    paper: str  # the paper's own words, shortened
    measure: Measure
    tasks: Tasks = ()  # named in the claim; a claim without names applies to any tasks
    figures: tuple[int, ...] = ()  # in the paper's text
    elsewhere: str = ""  # words for other tasks than the paper's, if they differ
    of_pairs: bool = False  # whether it is about pairs only, so that it applies to a part of the paper's tasks


def by(*methods: Method) -> Callable[[Measure], Measure]:
    """Restrict a measure to the comparisons of these methods."""

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
    """The reason why cells of these regimes are missing."""
    found = report.comparisons.values()
    for regime in regimes:
        if regime not in report.settings.regimes:
            return Measured("", why=f"this study does not train {REGIME_WORDS[regime]}", never=True)
        if not any(comparison.cells(regime) for comparison in found):
            if report.runs and not report.is_tested:
                return Measured("", why="no task has a test split")
            return Measured("", why=f"no run of {REGIME_WORDS[regime]} is done yet")
    if "oracle" in regimes and not any(any(comparison.oracle_sets.values()) for comparison in found):
        return Measured("", why="no task has a helper")
    return Measured("", why="no finished runs can be compared yet")
