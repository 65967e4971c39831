"""Claims of the abstract and section 4.2: which task helps or harms which in pairs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Literal

from tagmates.formatting import points
from tagmates.report.findings.claim import NO_STATISTICS, ONE_SEED, Claim, Measure, Measured, Tasks, by, missing
from tagmates.report.findings.tally import Tally, judged, pairs, shown
from tagmates.report.model import Report
from tagmates.study.compare import Cell, Comparison

Side = Literal["given", "received"]
Tallies = Mapping[str, Tally]
Holds = Callable[[Tallies, Tallies], bool | None]  # tallies of the claim's tasks, and of the other tasks

HELPERS = ("upos", "xpos", "chunk")
HARMERS = ("com", "frame", "hyp")


def counts(side: Side, names: tuple[str, ...], holds: Holds) -> Measure:
    """The named counts of what each of the claim's tasks gives to, or receives from, its partners.

    The first of them are the figures. The claim is decided once each of its tasks has a cell.
    """

    def measure(report: Report, tasks: Tasks) -> Measured:
        found = {task: _tally(report, side, task) for task in report.tasks}
        chosen = {task: found[task] for task in tasks if found[task].done}
        if not chosen:
            return missing(report, "pair")
        rest = {task: some for task, some in found.items() if task not in tasks and some.done}
        return Measured(
            shown(chosen, *names),
            holds(chosen, rest) if len(chosen) == len(tasks) else None,
            tuple(getattr(some, names[0]) for some in chosen.values()),
            sum(found[task].done for task in tasks),
            sum(found[task].wanted for task in tasks),
        )

    return measure


def each(test: Callable[[Tally], bool]) -> Holds:
    """Whether the test is true for each of the tasks."""
    return lambda chosen, rest: all(map(test, chosen.values()))


def most(name: str) -> Holds:
    """Whether each of the tasks has more than any other task; None if there is no other."""

    def holds(chosen: Tallies, rest: Tallies) -> bool | None:
        least = min(getattr(some, name) for some in chosen.values())
        return least > max(getattr(some, name) for some in rest.values()) if rest else None

    return holds


def always(side: Side, name: str) -> Measure:
    """Whether some task goes up (or down) in every pair with every method; and which one does most often."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        if len(report.settings.seeds) < 2:
            return ONE_SEED
        found = {task: _tally(report, side, task) for task in report.tasks}
        shares = {task: getattr(some, name) / some.done for task, some in found.items() if some.done}
        if not shares:
            return missing(report, "pair")
        top = max(shares, key=shares.__getitem__)
        done, wanted = sum(some.done for some in found.values()), sum(some.wanted for some in found.values())
        text = f"most often {shown({top: found[top]}, name)}" if shares[top] else "none"
        return Measured(text, shares[top] == 1, done=done, wanted=wanted)

    return measure


def relative_gains(report: Report, tasks: Tasks) -> Measured:
    """Whether the mean gain of these tasks in pairs, in percent of STL, is above that of all others.

    It is the mean over the methods that have all pairs of all tasks.
    """
    whole = [c for c in report.comparisons.values() if all(map(c.has_all_pairs, report.tasks))]
    gains = {
        task: [100 * (cell.mean / cell.base - 1) for c in whole for cell in _received(c, task) if cell.base]
        for task in report.tasks
    }
    if not all(gains.values()):
        return missing(report, "pair")
    means = {task: fmean(some) for task, some in gains.items()}
    order = sorted(means, key=lambda task: -means[task])
    text = ", ".join(f"{task} {points(means[task], signed=True)} %" for task in order[: len(tasks) + 1])
    done, wanted = sum(map(len, gains.values())), pairs(report).wanted
    return Measured(f"highest: {text}", set(order[: len(tasks)]) == set(tasks), done=done, wanted=wanted)


def harm_to(tested: str) -> Measure:
    """With how many methods each of the tasks harms the tested one."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        found = report.comparisons.values()
        cells = {t: judged(report, [c.pairs[t, tested] for c in found if (t, tested) in c.pairs]) for t in tasks}
        done = sum(map(len, cells.values()))
        if not all(cells.values()):
            return missing(report, "pair")
        down = {task: sum(cell.arrow == "down" for cell in some) for task, some in cells.items()}
        text = ", ".join(f"{task} {n}↓ of {len(cells[task])}" for task, n in down.items())
        return Measured(text, all(down.values()), done=done, wanted=len(tasks) * len(report.comparisons))

    return measure


def small_yet_helping(report: Report, tasks: Tasks) -> Measured:
    """Whether the other tasks have fewer training sentences than the last one and still help some task."""
    *small, large = tasks
    sizes = _column(report, "sentences_train")
    given = {task: pairs(report, given=task) for task in small}
    if not sizes.keys() >= {*tasks}:
        return NO_STATISTICS
    if not all(some.done for some in given.values()):
        return missing(report, "pair")
    text = ", ".join(f"{task} {sizes[task]:.0f}" for task in tasks) + f" sentences; {shown(given, 'up')}"
    holds = all(sizes[task] < sizes[large] and some.up for task, some in given.items())
    return Measured(text, holds, done=sum(g.done for g in given.values()), wanted=sum(g.wanted for g in given.values()))


def large_yet_not_helping(report: Report, tasks: Tasks) -> Measured:
    """Whether the first task has the most training sentences but helps less often than the second."""
    sizes = _column(report, "sentences_train")
    given = {task: pairs(report, given=task) for task in tasks}
    if not sizes.keys() >= {*report.tasks}:
        return NO_STATISTICS
    if not all(some.done for some in given.values()):
        return missing(report, "pair")
    large, other = tasks
    text = f"{large} {sizes[large]:.0f} of at most {max(sizes.values()):.0f} sentences; {shown(given, 'up')}"
    holds = sizes[large] == max(sizes.values()) and given[large].up < given[other].up
    return Measured(text, holds, done=sum(g.done for g in given.values()), wanted=sum(g.wanted for g in given.values()))


def smallest_label_sets(report: Report, tasks: Tasks) -> Measured:
    """Whether these tasks have fewer labels than any other."""
    labels = _column(report, "labels")
    if not labels.keys() >= {*report.tasks}:
        return NO_STATISTICS
    others = [labels[task] for task in report.tasks if task not in tasks]
    text = ", ".join(f"{task} {labels[task]:.0f}" for task in tasks)
    text += f"; the others at least {min(others):.0f}" if others else ""
    chosen = tuple(int(labels[task]) for task in tasks)
    return Measured(text, max(chosen) < min(others) if others else None, chosen)


def _tally(report: Report, side: Side, task: str) -> Tally:
    return pairs(report, given=task) if side == "given" else pairs(report, received=task)


def _received(comparison: Comparison, task: str) -> list[Cell]:
    """The cells of a task's pairs that have a base."""
    return [cell for (_, tested), cell in comparison.pairs.items() if tested == task and cell.base is not None]


def _column(report: Report, name: str) -> dict[str, float]:
    return {row["task"]: row[name] for row in report.statistics}


CLAIMS = tuple(
    replace(claim, of_pairs=True)
    for claim in (
        Claim(
            "abstract",
            "Some task helps every other task with every method (arrows).",
            "always benefit",
            always("given", "up"),
        ),
        Claim(
            "abstract",
            "Some task is harmed by every other task with every method (arrows).",
            "always harmed",
            always("received", "down"),
        ),
        Claim(
            "4.2",
            "MWE is above STL with every partner.",
            "any of the 10",
            counts("received", ("above", "up"), each(lambda t: t.above == t.done)),
            ("mwe",),
        ),
        Claim(
            "4.2",
            "No partner harms MWE (no downward arrow).",
            "incoming edges green",
            counts("received", ("down", "up"), each(lambda t: not t.down)),
            ("mwe",),
        ),
        Claim(
            "4.2",
            "More than half of its partners help SEMTR.",
            "most cases",
            counts("received", ("up",), each(lambda t: 2 * t.up > t.done)),
            ("semtr",),
        ),
        Claim(
            "4.2",
            "At least 80 % of COM's partners are below STL, and COM has only downward arrows.",
            "any of the 10, almost always",
            counts("given", ("down", "up", "below"), each(lambda t: not t.up and t.below >= 0.8 * t.done)),
            ("com",),
        ),
        Claim(
            "4.2",
            "UPOS, XPOS and CHUNK help more often than they harm: most of their arrows point up.",
            "most edges green",
            counts("given", ("up", "down"), each(lambda t: t.up > t.down)),
            HELPERS,
        ),
        Claim(
            "4.2",
            "MWE, SUPSENSE, SEMTR and HYP are helped more often than harmed.",
            "generally",
            counts("received", ("up", "down"), each(lambda t: t.up > t.down)),
            ("mwe", "supsense", "semtr", "hyp"),
        ),
        Claim(
            "4.2",
            "The mean gain in pairs is largest for MWE and HYP.",
            "more significant",
            relative_gains,
            ("mwe", "hyp"),
        ),
        Claim(
            "4.2",
            "UPOS, XPOS, NER and COM are harmed more often than helped.",
            "often",
            counts("received", ("down", "up"), each(lambda t: t.down > t.up)),
            ("upos", "xpos", "ner", "com"),
        ),
        Claim(
            "4.2",
            "FRAME is harmed more often than helped with MULTI-DEC and TE⊕DEC.",
            "often",
            by("multi_dec", "te_dec")(counts("received", ("down", "up"), each(lambda t: t.down > t.up))),
            ("frame",),
        ),
        Claim(
            "4.2",
            "CHUNK and SEM are helped by some partners and harmed by others.",
            "mixed",
            counts("received", ("up", "down"), each(lambda t: t.up > 0 and t.down > 0)),
            ("chunk", "sem"),
        ),
        Claim(
            "4.2",
            "UPOS, XPOS and CHUNK help most often.",
            "16, 17 and 14 cases",
            counts("given", ("up",), most("up")),
            HELPERS,
            (16, 17, 14),
        ),
        Claim(
            "4.2",
            "UPOS, XPOS and CHUNK harm less often than they help.",
            "1, 3 and 0 cases",
            counts("given", ("down",), each(lambda t: t.down < t.up)),
            HELPERS,
            (1, 3, 0),
        ),
        Claim(
            "4.2", "CHUNK harms no task.", "never", counts("given", ("down",), each(lambda t: not t.down)), ("chunk",)
        ),
        Claim(
            "4.2", "UPOS and XPOS each harm NER with some method.", "can be harmful", harm_to("ner"), ("upos", "xpos")
        ),
        Claim(
            "4.2",
            "COM, FRAME and HYP help no task.",
            "0 cases",
            counts("given", ("up",), each(lambda t: not t.up)),
            HARMERS,
            (0, 0, 0),
        ),
        Claim(
            "4.2",
            "COM, FRAME and HYP harm most often.",
            "22, 10 and 12 cases",
            counts("given", ("down",), most("down")),
            HARMERS,
            (22, 10, 12),
        ),
        Claim(
            "4.2",
            "MWE and SUPSENSE have fewer training sentences than FRAME and still help other tasks.",
            "smaller, yet helpful",
            small_yet_helping,
            ("mwe", "supsense", "frame"),
        ),
        Claim(
            "4.2",
            "NER has the most training sentences and helps less often than SUPSENSE.",
            "largest, yet less often",
            large_yet_not_helping,
            ("ner", "supsense"),
        ),
        Claim(
            "4.2",
            "COM, FRAME and HYP have the fewest labels.",
            "2 each",
            smallest_label_sets,
            HARMERS,
            (2, 2, 2),
        ),
        Claim(
            "4.2",
            "NER, MWE, SEM, SEMTR and SUPSENSE help some tasks and harm others.",
            "depends on the partner",
            counts("given", ("up", "down"), each(lambda t: t.up > 0 and t.down > 0)),
            ("ner", "mwe", "sem", "semtr", "supsense"),
        ),
    )
)
