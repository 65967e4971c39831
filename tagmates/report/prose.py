"""The sentences of the page."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tagmates.formatting import listing, plural
from tagmates.report.model import Report
from tagmates.report.tables import total
from tagmates.report.tables.comparison import confirmed
from tagmates.report.tables.grids import SELECTED, bases, is_begun, lines_of
from tagmates.report.training_length import length_notes
from tagmates.study.compare import Arrow, Cell, Comparison, count
from tagmates.study.settings import METHOD_NAMES, StudySettings

PAPERS_K = 1.5  # standard deviations of the rule in the paper's section 3.2


def lead(report: Report) -> str:
    """What was studied, in a line."""
    study = report.settings
    joint = f"joint training by {listing([METHOD_NAMES[method] for method in study.sharing])}"
    what = [joint] if set(study.regimes) - {"single"} else []
    done, planned = total(report)
    return (
        f"{', '.join([plural(len(report.tasks), 'task'), *what, plural(len(study.seeds), 'seed')])}; "
        f"{done:,} of {plural(planned, 'planned run')} done."
    )


def opening(report: Report) -> list[str]:
    """What comes before the table of recommended partners."""
    if not report.runs:
        return ["No run is done yet. This page fills as runs finish."]
    if not report.is_tested:
        return ["No task has a test split. So partners are chosen by dev F1, and their gain is not tested."]
    return ["Which tasks to train together: for each task, its test F1 when it is trained alone and with partners."]


def notes(report: Report) -> list[str]:
    """What a reader must know to judge the recommendations."""
    tested = any(advice.evidence is not None for advice in report.advice)
    return [*([CHOICE] if tested else []), *length_notes(report)]


CHOICE = (
    "The best of many settings tends to look better than it is, because dev F1 and test F1 come from the same runs. "
    "The interval allows for the choice among all settings that were tried with the task (Bonferroni); the observed "
    "gain does not."
)


def score_summary(report: Report) -> list[str]:
    """The rule, how many pairs help and harm by every method that has any, and which methods have none yet."""
    found = report.comparisons.values()
    pairs = [_pairs(c) for c in found if any(cell.base is not None for cell in c.pairs.values())]
    compared = any(line.compared for c in found for line in lines_of(c, report.settings.regimes))
    return [*([_papers_rule(report.settings)] if compared else []), *pairs, *_not_begun(report)]


def _papers_rule(study: StudySettings) -> str:
    """What an arrow means, and where that comes from."""
    there = "" if study.k == PAPERS_K else f" (which has {PAPERS_K:g})"
    never = " With a single seed nothing is ever higher or lower by it." if len(study.seeds) == 1 else ""
    return (
        f"The rule: a score is higher than another if its mean less {study.k:g} standard deviations over the seeds is "
        f"above the other's mean plus {study.k:g} of its own, and lower the other way round. It comes from the paper "
        f"of Changpinyo, Hu and Sha (2018){there}.{never}"
    )


def _pairs(comparison: Comparison) -> str:
    cells = [cell for cell in comparison.pairs.values() if cell.base is not None]
    scores = plural(len(cells), "score")
    rule = f"by the rule {_moved(count(cells, 'up'), count(cells, 'down'))}"
    text = f"{METHOD_NAMES[comparison.method]}: of {scores} with one partner, compared with the task alone, {rule}"
    if not any(cell.evidence for cell in cells):
        return f"{text}; none could be tested."
    return f"{text}; beyond chance, by the test, {_moved(_beyond(cells, 1), _beyond(cells, -1))}."


def _moved(up: int, down: int) -> str:
    if not up and not down:
        return "none is higher or lower"
    return f"{_are(up)} higher and {_are(down)} lower"


def _are(n: int) -> str:
    return f"{n or 'none'} {'are' if n > 1 else 'is'}"


def _not_begun(report: Report) -> list[str]:
    """Which methods have no tables for want of joint runs; nothing where there is no run at all."""
    trained = set(report.settings.regimes) - {"single"}
    missing = [c for c in report.comparisons.values() if not is_begun(c)]
    if not trained or not missing or not any(c.single for c in missing):
        return []
    if len(missing) == len(report.comparisons):
        return ["No joint run is done yet, so only the tasks alone are shown."]
    names = listing([METHOD_NAMES[c.method] for c in missing])
    return [f"No joint run of {names} is done yet, so {'it is' if len(missing) == 1 else 'they are'} not shown."]


def _beyond(cells: list[Cell], sign: int) -> int:
    return sum(cell.beyond_chance and sign * (cell.difference or 0) > 0 for cell in cells)


def is_complete(report: Report) -> bool:
    """Whether all runs are done, and all are planned."""
    done, planned = total(report)
    return done == planned and not report.failed and not report.waiting


def progress(report: Report) -> list[str]:
    """How far the study is."""
    done, planned = total(report)
    if not planned:
        return ["Nothing is planned."]
    if is_complete(report):
        return [f"All {planned:,} runs are done." if planned > 1 else "The one run is done."]
    if not done and not report.failed:
        none = (
            "The one planned run is not done yet." if planned == 1 else f"None of {planned:,} planned runs is done yet."
        )
        return [none, *report.waiting]
    left = planned - done
    missing = f"{left:,} of {plural(planned, 'planned run')} {'is' if left == 1 else 'are'} still to be done"
    failed = f"; {plural(len(report.failed), 'run')} failed" if report.failed else ""
    empty = " What is missing is left empty, and means rest on what is done." if done else ""
    return [f"The study is not complete: {missing}{failed}.{empty}", *report.waiting]


def study_comparison(report: Report) -> list[str]:
    """What stands in the tables of two studies, how the runs of each were trained, and what the second one says."""
    other = report.beside
    if other is None:
        return []
    control = _is_control(other.settings)
    return [
        f"Every cell has two numbers: the upper one is of {report.name}, the lower one of {other.name}"
        f"{', a control of equally long trainings' if control else ''}. Each is the difference to the base in the same "
        "study.",
        _training(report),
        _training(other),
        *([_controlled(report, other)] if control else []),
        *(text for text in (_confirmed(report, other, "up"), _confirmed(report, other, "down")) if text),
    ]


def _training(report: Report) -> str:
    """How the runs of a study were trained, and how long that was."""
    made = [record.updates for runs in report.runs.values() for record in runs]
    spread = f" The runs so far made {min(made):,} to {max(made):,} updates." if made and min(made) < max(made) else ""
    tested = f"The weights of the {report.settings.training.weights} epoch are tested."
    return f"{report.name}: {_length(report.settings)} {tested}{spread}"


def _is_control(study: StudySettings) -> bool:
    """Whether no dev score decides how long its runs train, or with which learning rate."""
    return study.training.max_updates is not None and study.training.schedule != "halving"


def _controlled(report: Report, other: Report) -> str:
    batches = (
        "It has as many sentences of each task in a joint batch as in a batch of the task alone, so its joint batches "
        "are larger."
        if other.settings.training.batch_per_task
        else "A joint batch of it still has fewer sentences of each task than a batch of the task alone."
    )
    return (
        f"In {other.name} no dev score decides how long a run trains, or with which learning rate. A gain or a harm "
        f"that only {report.name} shows may come from that, not from the tasks. {batches}"
    )


def _confirmed(report: Report, other: Report, arrow: Arrow) -> str:
    """How many arrows of this study the other one has too; empty where there is none."""
    here, both = confirmed(report, arrow)
    word = {"up": "higher", "down": "lower"}[arrow]
    if not here:
        return ""
    return (
        f"Of {plural(here, 'cell')} that {report.name} calls {word} by the rule and that both studies have, "
        f"{both} {'is' if both == 1 else 'are'} {word} in {other.name}, too."
    )


def definitions(report: Report) -> list[tuple[str, str]]:
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
        f"A score is higher than another if its mean − {study.k:g}·std is above the other's mean + {study.k:g}·std, "
        f"where std is the standard deviation over seeds, divided by {divisor}; with a single run on either side "
        "nothing is higher or lower."
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


RATES = {
    "halving": " Its learning rate still follows the dev score, which halves it where it is flat.",
    "constant": " Its learning rate stays the same, whatever the dev score.",
    "linear": " Its learning rate falls linearly to 0, whatever the dev score.",
}


def _length(study: StudySettings) -> str:
    training = study.training
    if training.max_updates is not None:
        each = f" A batch has {training.batch_size} sentences of each task." if training.batch_per_task else ""
        return f"Every run trains for exactly {training.max_updates:,} updates.{RATES[training.schedule]}{each}"
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
