"""The sentences of the page."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tagmates.report.tables import total
from tagmates.report.tables.beside import still_harmed
from tagmates.report.tables.grids import SELECTED, bases
from tagmates.report.view import Report
from tagmates.study.compare import Cell, Comparison, count
from tagmates.study.settings import METHOD_NAMES, StudySettings
from tagmates.wording import listing, plural


def lead(report: Report) -> str:
    """What was studied, in a line."""
    study = report.settings
    methods = listing([METHOD_NAMES[method] for method in study.sharing])
    done, planned = total(report)
    return (
        f"{plural(len(report.tasks), 'task')}, joint training by {methods}, {plural(len(study.seeds), 'seed')}; "
        f"{done:,} of {plural(planned, 'planned run')} done."
    )


def opening(report: Report) -> list[str]:
    """What comes before the advice."""
    if not report.runs:
        return ["Nothing is done yet; this page fills as runs finish."]
    if not report.is_tested:
        return ["No task has a test split, so only dev is known: the best setting of every task on dev."]
    best = "The best setting of every task by dev F1, and what it gains on test over the task alone."
    tested = any(advice.cell is not None and advice.cell.evidence is not None for advice in report.advice)
    return [f"{best} {CHOICE}" if tested else best]


CHOICE = (
    "p allows for the choice among all that were tried with the task (Bonferroni); the gain and its interval do not: "
    "dev chose the same runs that are tested, and the best of many tends to look better than it is."
)


def shortly(report: Report) -> list[str]:
    """How many pairs help and harm, for every method that has any."""
    return [_pairs(c) for c in report.comparisons.values() if any(cell.base is not None for cell in c.pairs.values())]


def _pairs(comparison: Comparison) -> str:
    cells = [cell for cell in comparison.pairs.values() if cell.base is not None]
    name = METHOD_NAMES[comparison.method]
    rule = f"by the paper's rule {count(cells, 'up')} are higher and {count(cells, 'down')} lower"
    text = f"{name}: of {plural(len(cells), 'score')} with one partner, against the task alone, {rule}"
    if not any(cell.evidence for cell in cells):
        return f"{text}; none could be tested."
    return f"{text}; beyond chance by the test are {_beyond(cells, 1)} and {_beyond(cells, -1)}."


def _beyond(cells: list[Cell], sign: int) -> int:
    return sum(cell.beyond_chance and sign * (cell.difference or 0) > 0 for cell in cells)


def is_complete(report: Report) -> bool:
    """Whether all runs are done, and all are planned."""
    done, planned = total(report)
    return done == planned and not report.failed and not report.waiting


def standing(report: Report) -> list[str]:
    """How far the study is."""
    done, planned = total(report)
    if not planned:
        return ["Nothing is planned."]
    if is_complete(report):
        return [f"All {planned:,} runs are done." if planned > 1 else "The one run is done."]
    missing = f"{planned - done:,} of {plural(planned, 'planned run')} still to be done"
    failed = f"; {plural(len(report.failed), 'run')} failed" if report.failed else ""
    return [
        f"The study is not complete: {missing}{failed}. What is missing is left empty, and means rest on what is done."
    ]


def together(report: Report) -> list[str]:
    """What the study beside this one says of the harm seen here."""
    if report.beside is None:
        return []
    harmed, still = still_harmed(report)
    return [
        f"Of {plural(harmed, 'cell')} that {report.name} calls lower by the paper's rule and that both studies have, "
        f"{still} {'is' if still == 1 else 'are'} lower in {report.beside.name}, too."
    ]


def fine_print(report: Report) -> list[tuple[str, str]]:
    """Terms and what they mean in this study."""
    study = report.settings
    return [
        ("Score", SCORE.format(epoch=study.training.weights)),
        ("Rule", _rule(study)),
        ("Test", TEST),
        *([("Oracle", _oracle(study))] if "oracle" in study.regimes else []),
        ("Seeds", ", ".join(map(str, study.seeds))),
        ("Length", _length(study)),
        ("Vectors", _vectors(report)),
    ]


SCORE = (
    "Test micro F1 in percent, of the weights of the {epoch} epoch. Tags with B-, I-, E- or S- make spans, every other "
    "tag but O is a unit of one token: so part-of-speech tags, which know no O, come to token accuracy. Of a task with "
    'score = "plain" every tag but O is a unit of one token.'
)


def _oracle(study: StudySettings) -> str:
    return f"A task with all partners that help it in pairs by the rule; {SELECTED[study.oracle_sets]}."


def _rule(study: StudySettings) -> str:
    divisor = {"population": "n", "sample": "n − 1"}[study.std]
    return (
        f"A score is higher than another if mean − {study.k:g}·std is above the other's mean + {study.k:g}·std, over "
        f"seeds, std divided by {divisor}; with a single run on either side nothing is higher."
        f"{f' Compared are {bases(study)}.' if bases(study) else ''}"
    )


TEST = (
    "A difference of mean F1 is held against its error over test sentences (the same for both settings) and over seeds "
    "(their variance pooled over a task's settings, or that of the two settings themselves where it is larger), in a t "
    "test. The further the two settings' own runs spread, the less they are trusted to show it: a few runs have few "
    "degrees of freedom. So with three runs of each many true differences are not shown, and with two few are; with a "
    "single run on one side there is no test. q is the false discovery rate and Holm's p the family-wise one, over all "
    "cells of a method and regime."
)


def _length(study: StudySettings) -> str:
    training = study.training
    if training.max_updates is not None:
        return f"Every run trains for exactly {training.max_updates:,} updates."
    ending = (
        f"A run stops when the last {plural(training.stopping_patience, 'epoch')} are all below its best dev score (an "
        f"equal one is not), or after {plural(training.max_epochs, 'epoch')}."
    )
    if training.epoch_updates is not None:
        return f"Every epoch has {training.epoch_updates:,} updates, whatever is trained. {ending}"
    if training.sampling != "balanced":
        return f"{ending} A joint epoch has as many updates as all its tasks' sentences fill."
    return (
        f"{ending} A joint epoch ends with its smallest task, so a partner with few sentences makes training shorter: "
        "part of what looks like harm may be missing updates. The numbers of updates are in the CSV files."
    )


def _vectors(report: Report) -> str:
    asked = report.settings.vectors
    name = {"glove": "GloVe 6B, 50 dimensions", "random": "random"}.get(asked, Path(asked).name)
    if report.vectors == "random" != asked:
        return f"Random: {name}, as the study asks for, was not installed where the runs were made."
    return name


def settings_text(study: StudySettings) -> str:
    """Every setting on a line of its own, as ``--set`` takes it; where the files were is left out."""
    values = study.model_dump(mode="json", exclude={"data"}) | {"vectors": Path(study.vectors).name}
    return "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in _flat(values))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
