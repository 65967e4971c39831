"""Claims of section 4.4: the contribution of each task to All, and task embeddings."""

from collections.abc import Callable
from statistics import fmean

import numpy as np

from tagmates.formatting import points
from tagmates.report.findings.claim import NO_STATISTICS, ONE_SEED, Claim, Measure, Measured, Tasks, missing
from tagmates.report.findings.embeddings import Array, consistency, leaning, nearest, neighbours, task_similarities
from tagmates.report.findings.tally import all_but_one, shown
from tagmates.report.model import Report
from tagmates.study.settings import METHOD_NAMES, Method

SYNTACTIC = ("upos", "xpos")
SEMANTIC = ("sem", "semtr", "supsense")
MIN_CONSISTENCY = 0.5  # rank correlation of two seeds' similarities

Leaning = Callable[[str], float]  # task -> similarity to syntactic tasks minus that to semantic tasks


def sensitive(report: Report, tasks: Tasks) -> Measured:
    """Whether leaving out a task changes the score of All more often on these tasks than on any other."""
    found = {task: all_but_one(report, received=task) for task in report.tasks}
    chosen = {task: found[task] for task in tasks if found[task].done}
    others = [some.arrows for task, some in found.items() if task not in tasks and some.done]
    if not chosen:
        return missing(report, "all_but_one")
    text = shown(chosen, "arrows") + (f"; the other tasks at most {max(others)}" if others else "")
    holds = min(some.arrows for some in chosen.values()) > max(others) if others else None
    return Measured(text, holds, done=_done(report)[0], wanted=_done(report)[1])


def contributes(report: Report, tasks: Tasks) -> Measured:
    """Whether leaving out a task lowers the score of All on another task."""
    found = all_but_one(report)
    if len(report.settings.seeds) < 2:
        return ONE_SEED
    if not found.done:
        return missing(report, "all_but_one")
    missed = [task for task in report.tasks if all_but_one(report, given=task).down]
    text = f"leaving out {len(missed)} of {len(report.tasks)} tasks lowers another task ({found.down}↓ of {found.done})"
    text = text if missed else "none"
    return Measured(text, found.down > 0, done=found.done, wanted=found.wanted)


def better_without(report: Report, tasks: Tasks) -> Measured:
    """Whether leaving out the task raises All more often than it lowers it, and than any other task does."""
    (task,) = tasks
    found = {other: all_but_one(report, given=other) for other in report.tasks}
    if not found[task].done:
        return missing(report, "all_but_one")
    others = [some.up for other, some in found.items() if other != task and some.done]
    text = shown({task: found[task]}, "up", "down") + (f"; any other task at most {max(others)}↑" if others else "")
    holds = found[task].up > max(found[task].down, *others, 0)
    return Measured(text, holds, (found[task].up,), *_done(report))


def next_to_each_other(expected: bool) -> Measure:
    """In how many seeds of te_dec two tasks are neighbours; whether these are more than half is as ``expected``."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        matrices = task_similarities(report, "te_dec")
        if not matrices:
            return _no_embeddings(report, "te_dec")
        a, b = (report.tasks.index(task) for task in tasks)
        times = sum(neighbours(matrix, a, b) for matrix in matrices)
        text = f"neighbours in {times} of {_seeds(matrices)}"
        return Measured(
            text, (2 * times > len(matrices)) == expected, done=len(matrices), wanted=len(report.settings.seeds)
        )

    return measure


def leans(test: Callable[[Leaning, Tasks], bool]) -> Measure:
    """The similarity to UPOS and XPOS minus that to SEM, SEMTR and SUPSENSE, in the mean over te_dec's seeds."""

    def measure(report: Report, tasks: Tasks) -> Measured:
        matrices = task_similarities(report, "te_dec")
        if not matrices:
            return _no_embeddings(report, "te_dec")
        mean: Array = np.mean(matrices, axis=0)
        groups = [[report.tasks.index(task) for task in group] for group in (SYNTACTIC, SEMANTIC)]

        def lean(task: str) -> float:
            return leaning(mean, report.tasks.index(task), *groups)

        text = ", ".join(f"{task} {points(lean(task), signed=True)}" for task in tasks)
        text += " (cosine to UPOS and XPOS minus that to SEM, SEMTR and SUPSENSE)"
        return Measured(text, test(lean, tasks), done=len(matrices), wanted=len(report.settings.seeds))

    return measure


def closest_tasks(report: Report, tasks: Tasks) -> Measured:
    """The nearest task of each task, in the mean over te_dec's seeds."""
    matrices = task_similarities(report, "te_dec")
    if not matrices:
        return _no_embeddings(report, "te_dec")
    mean: Array = np.mean(matrices, axis=0)
    closest = zip(report.tasks, nearest(mean), strict=True)
    text = ", ".join(f"{task}: {report.tasks[i]} {points(mean[report.tasks.index(task), i])}" for task, i in closest)
    return Measured(text, None, done=len(matrices), wanted=len(report.settings.seeds))


def seeds_agree(report: Report, tasks: Tasks) -> Measured:
    """Whether seeds agree about te_dec's task embeddings and disagree about te_enc's."""
    methods: tuple[Method, ...] = ("te_dec", "te_enc")
    matrices = {method: task_similarities(report, method) for method in methods}
    found = {method: consistency(some) for method, some in matrices.items()}
    known = {method: value for method, value in found.items() if value is not None}
    if not known:
        absent = next((method for method in methods if not matrices[method]), None)
        if absent is not None:
            return _no_embeddings(report, absent)
        return Measured("", why="at least two seeds and three tasks are needed")
    text = ", ".join(
        f"{METHOD_NAMES[method]} {points(value)} over {_seeds(matrices[method])}" for method, value in known.items()
    )
    holds = known["te_dec"] >= MIN_CONSISTENCY > known["te_enc"] if len(known) == 2 else None
    done = sum(len(some) for some in matrices.values())
    return Measured(
        f"rank correlation of similarities between seeds: {text}",
        holds,
        done=done,
        wanted=2 * len(report.settings.seeds),
    )


def closer_by_hand(report: Report, tasks: Tasks) -> Measured:
    """Whether for each of two tasks another task is nearer in number of labels, and another in label entropy."""
    rows = {row["task"]: row for row in report.statistics}
    if not rows.keys() >= {*report.tasks}:
        return NO_STATISTICS
    parts, nearer = [], []
    for name in ("labels", "label_entropy"):
        for task, other in (tasks, tasks[::-1]):
            gaps = {some: abs(rows[some][name] - rows[task][name]) for some in report.tasks if some != task}
            closest = min(gaps, key=gaps.__getitem__)
            parts.append(f"{task}–{closest} {gaps[closest]:.3g} (–{other} {gaps[other]:.3g})")
            nearer.append(gaps[closest] < gaps[other])
    text = f"nearest in labels {', '.join(parts[:2])}; in entropy {', '.join(parts[2:])}"
    return Measured(text, all(nearer))


def _no_embeddings(report: Report, method: Method) -> Measured:
    name = METHOD_NAMES[method]
    if method not in report.comparisons:
        return Measured("", why=f"this study does not train with {name}", never=True)
    return Measured("", why=f"no finished run of {name} with all tasks has kept task embeddings")


def _seeds(matrices: list[Array]) -> str:
    return f"{len(matrices)} seed{'s' if len(matrices) > 1 else ''}"


def _done(report: Report) -> tuple[int, int]:
    found = all_but_one(report)
    return found.done, found.wanted


def _apart(lean: Leaning, tasks: Tasks) -> bool:
    """Whether each task of both groups is nearer to its own group."""
    return min(map(lean, SYNTACTIC)) > 0 > max(map(lean, SEMANTIC))


def _between(lean: Leaning, tasks: Tasks) -> bool:
    """Whether the task lies between the means of the two groups."""
    return fmean(map(lean, SEMANTIC)) < lean(tasks[0]) < fmean(map(lean, SYNTACTIC))


CLAIMS = (
    Claim(
        "4.4",
        "The scores of All on UPOS, SEM and SEMTR depend most on which task is left out (arrows of All-but-one).",
        "sensitive",
        sensitive,
        ("upos", "sem", "semtr"),
    ),
    Claim(
        "4.4", "Leaving a task out of All lowers the score of another task (arrows).", "at least one task", contributes
    ),
    Claim(
        "4.4",
        "Leaving out COM raises the scores of more tasks than leaving out any other task.",
        "often",
        better_without,
        ("com",),
    ),
    Claim(
        "4.4",
        "Similar tasks have the most similar embeddings (cosine) with TE⊕DEC, in the mean over seeds.",
        "clusters",
        closest_tasks,
    ),
    Claim(
        "4.4",
        "UPOS and XPOS are more similar to each other than to SEM, SEMTR and SUPSENSE, and vice versa.",
        "clusters of syntax and semantics",
        leans(_apart),
        (*SYNTACTIC, *SEMANTIC),
    ),
    Claim(
        "4.4",
        "COM is nearer to UPOS and XPOS than to SEM, SEMTR and SUPSENSE.",
        "syntactic",
        leans(lambda lean, tasks: lean("com") > 0),
        ("com",),
    ),
    Claim(
        "4.4",
        "MWE and HYP are nearer to SEM, SEMTR and SUPSENSE than to UPOS and XPOS.",
        "semantic",
        leans(lambda lean, tasks: lean("mwe") < 0 and lean("hyp") < 0),
        ("mwe", "hyp"),
    ),
    Claim(
        "4.4",
        "CHUNK lies between UPOS and XPOS on one side, SEM, SEMTR and SUPSENSE on the other.",
        "in between",
        leans(_between),
        ("chunk",),
    ),
    Claim("4.4", "UPOS and XPOS are nearest neighbours.", "neighbours", next_to_each_other(True), ("upos", "xpos")),
    Claim("4.4", "MWE and NER are nearest neighbours.", "neighbours", next_to_each_other(True), ("mwe", "ner")),
    Claim(
        "4.4",
        "For MWE and for NER another task is closer in number of labels, and another one in label entropy.",
        "not the closest",
        closer_by_hand,
        ("mwe", "ner"),
    ),
    Claim(
        "4.4",
        "SEM and SEMTR are not nearest neighbours, although they share their sentences.",
        "not",
        next_to_each_other(False),
        ("sem", "semtr"),
    ),
    Claim(
        "4.4",
        "MWE and SUPSENSE are not nearest neighbours, although they share their sentences.",
        "not",
        next_to_each_other(False),
        ("mwe", "supsense"),
    ),
    Claim(
        "4.4",
        "Seeds agree on which tasks have similar embeddings with TE⊕DEC, but not with TE⊕ENC.",
        "TE⊕ENC not consistent",
        seeds_agree,
    ),
)
