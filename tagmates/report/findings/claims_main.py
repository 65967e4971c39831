"""Claims of the abstract and section 4.1: comparison of pairs, All, Oracle and STL, and of the methods."""

from collections.abc import Mapping
from statistics import fmean

from tagmates.formatting import listing, points, probability
from tagmates.report.findings.claim import Claim, Measure, Measured, Tasks, by, missing
from tagmates.report.findings.method_gaps import MethodGap, differing_cells, method_gaps
from tagmates.report.findings.tally import everything, judged, pairs
from tagmates.report.model import Report
from tagmates.study.compare import Comparison
from tagmates.study.settings import METHOD_NAMES, Regime

HALF_RANGE = (0.4, 0.6)
HIGH_RANGE = (0.8, 1.0)


def below_single(report: Report, tasks: Tasks) -> Measured:
    """Whether some pair and some cell of All are below STL."""
    two, all_tasks = pairs(report), everything(report)
    if not two.done or not all_tasks.done:
        return missing(report, "pair", "all")
    text = (
        f"pairs below STL in {two.below or 'none'} of {two.done} cells ({two.up}↑ {two.down}↓), "
        f"All in {all_tasks.below or 'none'} of {all_tasks.done} ({all_tasks.up}↑ {all_tasks.down}↓)"
    )
    holds = two.below > 0 and all_tasks.below > 0
    return Measured(text, holds, done=two.done + all_tasks.done, wanted=two.wanted + all_tasks.wanted)


def all_above_single(report: Report, tasks: Tasks) -> Measured:
    """The number of cells in which All is above STL."""
    found = everything(report)
    if not found.done:
        return missing(report, "all")
    text = f"above STL in {found.above or 'none'} of {found.done} ({found.up}↑ {found.down}↓)"
    return Measured(text, _within(found.above, found.done, HALF_RANGE), done=found.done, wanted=found.wanted)


def oracle_not_below(report: Report, tasks: Tasks) -> Measured:
    """Whether Oracle harms no task."""
    cells = [cell for comparison in report.comparisons.values() for cell in comparison.oracle.values()]
    helped = judged(report, [cell for cell in cells if cell.base is not None])
    if not helped:
        return missing(report, "oracle")
    up, down = (sum(cell.arrow == arrow for cell in helped) for arrow in ("up", "down"))
    text = f"{up}↑ {down}↓ of {len(helped)} with helpers"
    text += f"; {len(cells) - len(helped)} without are STL" if len(cells) > len(helped) else ""
    return Measured(text, down == 0, done=len(cells), wanted=_tasks_times_methods(report))


def above_pairs(regime: Regime, share: tuple[float, float]) -> Measure:
    """How often All (or Oracle) is above the pair scores of the same task, their average and the best one."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        each, average, best = [], [], []
        for comparison in report.comparisons.values():
            for task, cell in comparison.cells(regime).items():
                scores = [pair.mean for (_, tested), pair in comparison.pairs.items() if tested == task]
                each += [cell.mean > score for score in scores]
                if comparison.has_all_pairs(task):
                    average.append(cell.mean > fmean(scores))
                    best.append(cell.mean > max(scores))
        helped = any(any(comparison.oracle_sets.values()) for comparison in report.comparisons.values())
        if not each or (regime == "oracle" and not helped):
            return missing(report, "pair", regime)
        text = (
            f"above {sum(each) or 'none'} of {len(each)} pair scores; of {len(best)} tasks above the average pair in "
            f"{sum(average) or 'none'} and above the best in {sum(best) or 'none'}"
        )
        wanted = _tasks_times_methods(report) * (len(report.tasks) - 1)
        return Measured(text, _within(sum(each), len(each), share), done=len(each), wanted=wanted)

    return measure


def oracle_dominates(report: Report, tasks: Tasks) -> Measured:
    """Whether, if both improve upon STL, Oracle is above All on every task except the claim's."""
    gaps = {c.method: _both_improve(c) for c in report.comparisons.values()}
    if not any(gaps.values()):
        return _nowhere(report)
    parts = [
        f"{METHOD_NAMES[method]}: Oracle above on {_names(found, 1)}, All on {_names(found, -1)}"
        for method, found in gaps.items()
    ]
    holds = all((gap < 0) == (task in tasks) for found in gaps.values() for task, gap in found.items())
    return Measured("; ".join(parts), holds, done=_oracles(report), wanted=_tasks_times_methods(report))


def oracle_comparable(report: Report, tasks: Tasks) -> Measured:
    """Whether, if both improve upon STL, SEMTR (Oracle higher) and HYP (All higher) have the largest gaps."""
    gaps = {task: gap for c in report.comparisons.values() for task, gap in _both_improve(c).items()}
    if not gaps:
        return _nowhere(report)
    widest = sorted(gaps, key=lambda task: -abs(gaps[task]))[:2]
    holds = set(widest) == {"semtr", "hyp"} and gaps["semtr"] > 0 > gaps["hyp"]
    text = "Oracle − All: " + ", ".join(f"{task} {points(gap, signed=True)}" for task, gap in gaps.items())
    return Measured(text, holds, done=_oracles(report), wanted=_tasks_times_methods(report))


def all_without_oracle(report: Report, tasks: Tasks) -> Measured:
    """The methods for which All is above STL on a task without helpers."""
    (task,) = tasks
    known = [
        c
        for c in report.comparisons.values()
        if task in c.oracle_sets and task in c.all and judged(report, [c.all[task]])
    ]
    if not known:
        return missing(report, "oracle", "all")
    above = [c for c in known if not c.oracle_sets[task] and (c.all[task].difference or 0) > 0]
    gains = listing([points(c.all[task].difference, signed=True) for c in known])
    text = f"{len(above)} of {len(known)} methods (All − STL {gains})"
    return Measured(text, len(above) == len(known), done=len(known), wanted=len(report.comparisons))


def methods_alike(report: Report, tasks: Tasks) -> Measured:
    """Whether any two methods differ over the tasks (Wilcoxon's signed-rank test), and in how many cells.

    A single joint run has all its tasks' luck in common, so it is not tested.
    """
    gaps = [gap for gap in method_gaps(report) if _is_repeated(report, gap)]
    if not gaps:
        one = len(report.comparisons) < 2
        why = "there is only one method" if one else "no two methods have a task in common yet"
        return Measured("", why=why, never=one)
    least = min(gaps, key=lambda gap: gap.p)
    adjusted = min(1.0, least.p * len(gaps))  # Bonferroni
    by_rule, beyond, cells = differing_cells(report)
    text = (
        f"of {len(gaps)} tests over tasks the smallest p is that of {least}, {probability(adjusted)} after Bonferroni"
    )
    text += (
        f"; of {cells} cells {by_rule or 'none'} differ by the rule, {beyond or 'none'} beyond chance" if cells else ""
    )
    wanted = len(gaps) * len(report.tasks)
    return Measured(text, adjusted > 0.05, done=sum(gap.tasks for gap in gaps), wanted=wanted)


def _is_repeated(report: Report, gap: MethodGap) -> bool:
    """Whether both methods have two runs of All or of each Oracle set (one, if the study has one seed), or pairs."""
    enough = min(2, len(report.settings.seeds))
    cells = [
        cell for method in (gap.ours, gap.theirs) for cell in report.comparisons[method].cells(gap.regime).values()
    ]
    return gap.regime == "pair" or all(cell.n >= enough for cell in cells)


def _both_improve(comparison: Comparison) -> dict[str, float]:
    """Oracle minus All on the tasks on which both means are above STL."""
    pairs = {task: (cell, comparison.all[task]) for task, cell in comparison.oracle.items() if task in comparison.all}
    return {
        task: oracle.mean - everything.mean
        for task, (oracle, everything) in pairs.items()
        if (oracle.difference or 0) > 0 and (everything.difference or 0) > 0
    }


def _nowhere(report: Report) -> Measured:
    """The reason why Oracle and All both improve upon STL on no task."""
    both = any(task in c.oracle for c in report.comparisons.values() for task in c.all)
    return (
        Measured("", why="there is no task on which both are above STL") if both else missing(report, "oracle", "all")
    )


def _oracles(report: Report) -> int:
    return sum(len(comparison.oracle) for comparison in report.comparisons.values())


def _tasks_times_methods(report: Report) -> int:
    return len(report.tasks) * len(report.comparisons)


def _within(part: int, whole: int, share: tuple[float, float]) -> bool:
    return share[0] <= part / whole <= share[1]


def _names(gaps: Mapping[str, float], sign: int) -> str:
    return listing([task for task, gap in gaps.items() if gap * sign > 0]) or "none"


CLAIMS = (
    Claim(
        "abstract", "All is above training alone in about half of the cells (means).", "about 50 %", all_above_single
    ),
    Claim("4.1", "Neither pairs nor All improve upon STL in all cells (means).", "not always", below_single),
    Claim("4.1", "Oracle does not fall below STL (arrows).", "in general", oracle_not_below),
    Claim(
        "4.1",
        "All is above a pair on the same tested task in 40 to 60 % of the cases.",
        "about half",
        above_pairs("all", HALF_RANGE),
    ),
    Claim(
        "4.1",
        "Oracle is above a pair on the same tested task in at least 80 % of the cases.",
        "almost always",
        above_pairs("oracle", HIGH_RANGE),
    ),
    Claim(
        "4.1",
        "If both are above STL with MULTI-DEC or TE⊕ENC, Oracle is above All, except on HYP.",
        "all but hyp",
        by("multi_dec", "te_enc")(oracle_dominates),
        ("hyp",),
    ),
    Claim(
        "4.1",
        "If both are above STL with TE⊕DEC, the largest gaps are on SEMTR (Oracle higher) and on HYP (All higher).",
        "alike but for semtr and hyp",
        by("te_dec")(oracle_comparable),
        ("semtr", "hyp"),
    ),
    Claim("4.1", "On COM, which has no helper, All is above STL.", "better", all_without_oracle, ("com",)),
    Claim("4.1", "The methods do not differ significantly.", "no significant difference", methods_alike),
)
