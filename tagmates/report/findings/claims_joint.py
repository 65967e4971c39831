"""Claims of section 4.3: the prediction of All from pairs, and Oracle compared with All."""

from collections import Counter
from collections.abc import Iterator

from tagmates.formatting import points
from tagmates.report.correlation import rank_correlation
from tagmates.report.findings.claim import Claim, Measure, Measured, Tasks, by, missing
from tagmates.report.findings.claims_pairs import counts, each
from tagmates.report.findings.tally import pairs
from tagmates.report.model import Report
from tagmates.study.compare import Cell, Comparison
from tagmates.study.settings import METHOD_NAMES

MAX_RATIO = (
    4  # of the largest to the smallest ratio of gains; more means that no factor of two around the middle covers all
)


def all_above(report: Report, tasks: Tasks) -> Measured:
    """Whether All is above STL on these tasks by every method."""
    cells = _all(report, tasks)
    if not cells:
        return missing(report, "all")
    above = sum((cell.difference or 0) > 0 for cell in cells)
    up = sum(cell.arrow == "up" for cell in cells)
    text = f"above STL in {above} of {len(cells)} ({up}↑)"
    return Measured(text, above == len(cells), done=len(cells), wanted=len(tasks) * len(report.comparisons))


def harmed_by(harmers: dict[str, set[str]]) -> Measure:
    """The partners that harm these tasks, and whether they are those named in ``harmers``."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        found = {task: Counter[str]() for task in tasks}
        for comparison in report.comparisons.values():
            for (giver, task), cell in comparison.pairs.items():
                if task in found and cell.arrow == "down":
                    found[task][giver] += 1
        tallies = [pairs(report, received=task) for task in tasks]
        done = sum(some.done for some in tallies)
        if not done:
            return missing(report, "pair")
        parts = [
            f"{t}: {', '.join(f'{giver} {n}↓' for giver, n in some.items()) or 'none'}" for t, some in found.items()
        ]
        holds = all(set(some) == harmers[task] for task, some in found.items())
        return Measured("; ".join(parts), holds, done=done, wanted=sum(some.wanted for some in tallies))

    return measure


def all_above_every_pair(report: Report, tasks: Tasks) -> Measured:
    """Whether All is above the best pair on these tasks."""
    found = [_rank(comparison, task) for comparison in report.comparisons.values() for task in tasks]
    ranks = [rank for rank in found if rank is not None]
    if not ranks:
        return missing(report, "pair", "all")
    best = sum(place == scores for place, scores in ranks)
    text = f"above every pair in {best} of {len(ranks)}"
    return Measured(text, best == len(ranks), done=len(ranks), wanted=len(tasks) * len(report.comparisons))


def all_among_lowest(places: int) -> Measure:
    """Whether All has one of the lowest places among itself and the pairs, by every method."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        (task,) = tasks
        ranks = {method: rank for method, c in report.comparisons.items() if (rank := _rank(c, task)) is not None}
        if not ranks:
            return missing(report, "pair", "all")
        text = ", ".join(f"{METHOD_NAMES[method]} {place} of {scores}" for method, (place, scores) in ranks.items())
        holds = all(place <= places for place, _ in ranks.values())
        return Measured(f"rank from below: {text}", holds, done=len(ranks), wanted=len(report.comparisons))

    return measure


def pairs_and_all_below(report: Report, tasks: Tasks) -> Measured:
    """Whether most pairs, and All by every method, are below STL."""
    cells = _all(report, tasks)
    received = [pairs(report, received=task) for task in tasks]
    done = sum(some.done for some in received)
    if not cells or not done:
        return missing(report, "pair", "all")
    low, all_low = sum(some.below for some in received), sum((cell.difference or 0) < 0 for cell in cells)
    down = sum(cell.arrow == "down" for cell in cells)
    text = f"pairs below STL in {low} of {done}, All in {all_low} of {len(cells)} ({down}↓)"
    wanted = sum(some.wanted for some in received) + len(tasks) * len(report.comparisons)
    return Measured(text, 2 * low > done and all_low == len(cells), done=done + len(cells), wanted=wanted)


def average_near_single(report: Report, tasks: Tasks) -> Measured:
    """Whether the mean of the pairs is at most half a point below STL and not above it."""
    (task,) = tasks
    means = {
        method: average - comparison.single[task].mean
        for method, comparison in report.comparisons.items()
        if (average := _whole_average(comparison, task)) is not None and task in comparison.single
    }
    if not means:
        return missing(report, "pair")
    text = ", ".join(f"{METHOD_NAMES[method]} {points(mean, signed=True)}" for method, mean in means.items())
    wanted = len(report.comparisons)
    return Measured(text, all(-0.5 <= mean <= 0 for mean in means.values()), done=len(means), wanted=wanted)


def sign_foretold(report: Report, tasks: Tasks) -> Measured:
    """Whether All's gain has the sign of the mean gain in pairs, except on COM."""
    gains = [(task, both) for c in report.comparisons.values() for task, both in _gains(c).items()]
    if not gains:
        return missing(report, "single", "pair", "all")
    wrong = Counter(task for task, (pair, joint) in gains if pair * joint <= 0)
    text = f"same sign in {len(gains) - wrong.total() or 'none'} of {len(gains)}"
    text += f"; not on {', '.join(f'{task} ({n})' for task, n in wrong.items())}" if wrong else ""
    wanted = len(report.tasks) * len(report.comparisons)
    return Measured(text, set(wrong) <= {"com"}, done=len(gains), wanted=wanted)


def size_foretold(report: Report, tasks: Tasks) -> Measured:
    """How well the mean gain in pairs predicts the order and the size of All's gains.

    It does not predict the size, as the paper says, if the ratio of the two gains varies.
    """
    gains = {method: list(_gains(comparison).values()) for method, comparison in report.comparisons.items()}
    ratios = [joint / pair for some in gains.values() for pair, joint in some if pair * joint > 0]
    ranks = []
    for method, some in gains.items():
        signed = rank_correlation([pair for pair, _ in some], [joint for _, joint in some])
        sizes = rank_correlation([abs(pair) for pair, _ in some], [abs(joint) for _, joint in some])
        if signed is not None and sizes is not None:
            ranks.append(f"{METHOD_NAMES[method]} {points(signed)} ({points(sizes)})")
    if not any(gains.values()):
        return missing(report, "single", "pair", "all")
    if not ranks or not ratios:
        return Measured("", why="three tasks of one method with pairs and All are needed")
    text = f"rank correlation of gains (of their sizes): {', '.join(ranks)}; if the sign is the same, "
    text += f"All's gain is {min(ratios):.1f} to {max(ratios):.1f} times the mean gain in pairs"
    done, wanted = sum(map(len, gains.values())), len(report.tasks) * len(report.comparisons)
    return Measured(text, max(ratios) > MAX_RATIO * min(ratios), done=done, wanted=wanted)


def oracle_above(report: Report, tasks: Tasks) -> Measured:
    """The number of cells with helpers in which Oracle is above All, for the claim's tasks or for all."""
    cells = [(oracle, joint) for oracle, joint in _oracle_and_all(report) if oracle.task in (tasks or report.tasks)]
    if not cells:
        return missing(report, "oracle", "all")
    above = sum(oracle.mean > joint.mean for oracle, joint in cells)
    known, wanted = _known_sets(report, tasks or report.tasks)
    return Measured(
        f"{above or 'none'} of {len(cells)}", 2 * above > len(cells), (above, len(cells)), done=known, wanted=wanted
    )


def oracle_not_above(report: Report, tasks: Tasks) -> Measured:
    """The tasks with helpers on which Oracle is not above All, and whether they are the claim's."""
    cells = list(_oracle_and_all(report))
    if not cells:
        return missing(report, "oracle", "all")
    low = Counter(oracle.task for oracle, joint in cells if oracle.mean <= joint.mean)
    text = ", ".join(f"{task} {n}" for task, n in low.most_common()) or "none"
    known, wanted = _known_sets(report, report.tasks)
    return Measured(text, set(low) <= set(tasks), tuple(low[task] for task in tasks), done=known, wanted=wanted)


def oracle_reverses(report: Report, tasks: Tasks) -> Measured:
    """Whether Oracle helps the tasks with helpers that All harms."""
    cells = list(_oracle_and_all(report))
    if not cells:
        return missing(report, "oracle", "all")
    harmed = [oracle for oracle, joint in cells if joint.arrow == "down"]
    if not harmed:
        return Measured("", why="All harms no task that has helpers")
    turned = [cell for cell in harmed if cell.arrow == "up"]
    names = ", ".join(f"{task} ({n})" for task, n in Counter(cell.task for cell in turned).items())
    known, wanted = _known_sets(report, report.tasks)
    text = f"{len(turned)} of {len(harmed)}: {names}" if turned else f"none of {len(harmed)}"
    return Measured(text, len(turned) == len(harmed), done=known, wanted=wanted)


def _all(report: Report, tasks: Tasks) -> list[Cell]:
    """The cells of All for these tasks that have a base."""
    cells = (comparison.all.get(task) for comparison in report.comparisons.values() for task in tasks)
    return [cell for cell in cells if cell is not None and cell.base is not None]


def _gains(comparison: Comparison) -> dict[str, tuple[float, float]]:
    """For each task with STL, all pairs and All: the mean gain in pairs, and the gain of All."""
    gains = {}
    for task, single in comparison.single.items():
        average = _whole_average(comparison, task)
        if average is not None and task in comparison.all:
            gains[task] = average - single.mean, comparison.all[task].mean - single.mean
    return gains


def _whole_average(comparison: Comparison, task: str) -> float | None:
    """The mean of the pair scores of a task; None while a pair is missing."""
    return comparison.average(task) if comparison.has_all_pairs(task) else None


def _rank(comparison: Comparison, task: str) -> tuple[int, int] | None:
    """The rank of All from below among itself and the pairs, and their number; None without All or all pairs."""
    scores = [cell.mean for (_, tested), cell in comparison.pairs.items() if tested == task]
    if task not in comparison.all or not comparison.has_all_pairs(task):
        return None
    return 1 + sum(score < comparison.all[task].mean for score in scores), 1 + len(scores)


def _oracle_and_all(report: Report) -> Iterator[tuple[Cell, Cell]]:
    """The cells of Oracle and of All for the tasks that have helpers."""
    for comparison in report.comparisons.values():
        for task, cell in comparison.oracle.items():
            if comparison.oracle_sets.get(task) and task in comparison.all:
                yield cell, comparison.all[task]


def _known_sets(report: Report, tasks: Tasks) -> tuple[int, int]:
    """The number of finished Oracle cells (STL for a task without helpers) and of planned ones."""
    done = sum(task in comparison.oracle for comparison in report.comparisons.values() for task in tasks)
    return done, len(tasks) * len(report.comparisons)


CLAIMS = (
    Claim(
        "4.3",
        "All is above STL on MWE, SEMTR, SUPSENSE and HYP by every method (means).",
        "all cases",
        all_above,
        ("mwe", "semtr", "supsense", "hyp"),
    ),
    Claim(
        "4.3",
        "In pairs only COM harms SEMTR, and only COM and FRAME harm SUPSENSE.",
        "com; com and frame",
        harmed_by({"semtr": {"com"}, "supsense": {"com", "frame"}}),
        ("semtr", "supsense"),
        of_pairs=True,
    ),
    Claim(
        "4.3",
        "MWE and HYP are above STL with every partner (means).",
        "all cases",
        counts("received", ("above",), each(lambda t: t.above == t.done)),
        ("mwe", "hyp"),
        of_pairs=True,
    ),
    Claim("4.3", "On MWE and HYP, All is above every pair.", "even better", all_above_every_pair, ("mwe", "hyp")),
    Claim(
        "4.3",
        "The gain of All has the same sign as the mean gain in pairs, except on COM.",
        "one exception: com",
        sign_foretold,
        elsewhere="The gain of All has the same sign as the mean gain in pairs.",
    ),
    Claim(
        "4.3",
        "On UPOS, XPOS and NER most pairs, and All by every method, are below STL.",
        "mostly negative, and All too",
        pairs_and_all_below,
        ("upos", "xpos", "ner"),
    ),
    Claim(
        "4.3",
        "On FRAME with TE⊕DEC, most pairs and All are below STL.",
        "mostly negative, and All too",
        by("te_dec")(pairs_and_all_below),
        ("frame",),
    ),
    Claim(
        "4.3",
        "On NER, All has the lowest or second lowest score compared with all pairs.",
        "place 1 or 2",
        all_among_lowest(2),
        ("ner",),
    ),
    Claim(
        "4.3",
        "On SEM, the mean of the pairs is equal to STL or up to half a point lower.",
        "about the same or slightly worse",
        average_near_single,
        ("sem",),
        of_pairs=True,
    ),
    Claim(
        "4.3",
        "On SEM, All has the lowest or second lowest score compared with all pairs.",
        "almost the lowest",
        all_among_lowest(2),
        ("sem",),
    ),
    Claim(
        "4.3",
        "No partner helps COM, and some partners harm it.",
        "none helps, some hurt",
        counts("received", ("up", "down"), each(lambda t: not t.up and t.down > 0)),
        ("com",),
        (0,),
        of_pairs=True,
    ),
    Claim("4.3", "All is above STL on COM by every method (means).", "outperforms", all_above, ("com",)),
    Claim(
        "4.3",
        "The mean gain in pairs does not predict the size of All's gain: the ratio varies by more than a factor of 4.",
        "difficult to predict",
        size_foretold,
    ),
    Claim("4.3", "Oracle is above All in most of the cells that have helpers.", "16 of 20", oracle_above, (), (16, 20)),
    Claim(
        "4.3",
        "If All harms a task that has helpers, Oracle helps it.",
        "sem, and with TE⊕DEC upos and xpos",
        oracle_reverses,
    ),
    Claim(
        "4.3",
        "If Oracle is not above All, the task is HYP or MWE.",
        "hyp 3, mwe 1",
        oracle_not_above,
        ("hyp", "mwe"),
        (3, 1),
    ),
    Claim(
        "4.3",
        "No partner harms MWE or HYP.",
        "not harmed by any",
        counts("received", ("down",), each(lambda t: not t.down)),
        ("mwe", "hyp"),
        (0, 0),
        of_pairs=True,
    ),
    Claim(
        "4.3",
        "On MWE, MULTI-DEC and TE⊕ENC are better without the partners that do not help.",
        "Oracle above All",
        by("multi_dec", "te_enc")(oracle_above),
        ("mwe",),
    ),
)
