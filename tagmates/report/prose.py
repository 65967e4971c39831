"""The sentences of the page, apart from captions."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tagmates.config import TrainingSettings
from tagmates.formatting import listing, plural
from tagmates.report.length_notes import length_notes
from tagmates.report.model import Report
from tagmates.report.tables.comparison import confirmed
from tagmates.report.tables.grids import SELECTION_NOTES, bases, is_begun, lines_of
from tagmates.study.compare import Arrow, Cell, Comparison, count
from tagmates.study.settings import METHOD_NAMES, REGIME_NAMES, Method, Regime, StudySettings

PAPER_K = 1.5  # standard deviations of the rule in the paper's section 3.2


def lead(report: Report) -> str:
    """One line on the content of the study."""
    study = report.settings
    joint = f"joint training by {listing([METHOD_NAMES[method] for method in study.sharing])}"
    what = [joint] if set(study.regimes) - {"single"} else []
    done, planned = report.total_progress
    return (
        f"{', '.join([plural(len(report.tasks), 'task'), *what, plural(len(study.seeds), 'seed')])}; "
        f"{done:,} of {plural(planned, 'planned run')} done."
    )


def opening(report: Report) -> list[str]:
    """The sentences above the table of recommended partners."""
    if not report.runs:
        return ["No run is done yet. This page fills as runs finish."]
    if not report.is_tested:
        return ["No task has a test split. So partners are chosen by dev F1, and their gain is not tested."]
    return ["Which tasks to train together: for each task, its test F1 when it is trained alone and with partners."]


def notes(report: Report) -> list[str]:
    """Notes that help to judge the recommendations."""
    tested = any(advice.evidence is not None for advice in report.advice)
    return [*([CHOICE_NOTE] if tested else []), *length_notes(report)]


CHOICE_NOTE = (
    "The best of many combinations tends to look better than it is, because dev F1 and test F1 come from the same "
    "runs. The interval allows for the choice among all combinations that were tried with the task (Bonferroni); the "
    "observed gain does not."
)


def score_summary(report: Report) -> list[str]:
    """The rule of the paper, the number of pairs that help and harm for each method, and the methods without runs."""
    found = report.comparisons.values()
    pairs = [_pairs(c) for c in found if any(cell.base is not None for cell in c.pairs.values())]
    compared = any(line.compared for c in found for line in lines_of(c, report.settings.regimes))
    return [*([_papers_rule(report.settings)] if compared else []), *pairs, *_not_begun(report)]


def _papers_rule(study: StudySettings) -> str:
    """The meaning and the source of the arrows."""
    there = "" if study.k == PAPER_K else f", which has {PAPER_K:g}"
    never = " With a single seed no score is ever higher or lower by the rule." if len(study.seeds) == 1 else ""
    return (
        f"The rule: a score is higher than another if its mean minus {study.k:g} standard deviations over the seeds is "
        f"above the mean of the other plus {study.k:g} standard deviations; lower is the reverse. The rule comes from "
        f"the paper of Changpinyo, Hu and Sha (2018){there}.{never}"
    )


def _pairs(comparison: Comparison) -> str:
    cells = [cell for cell in comparison.pairs.values() if cell.base is not None]
    scores = plural(len(cells), "score")
    rule = _moved(count(cells, "up"), count(cells, "down"))
    name = METHOD_NAMES[comparison.method]
    text = f"{name}: {scores} with one partner, compared with the task alone. By the rule {rule}"
    if not any(cell.evidence for cell in cells):
        return f"{text}; none could be tested."
    return f"{text}; by the test (q ≤ 0.05) {_moved(_beyond(cells, 1), _beyond(cells, -1))}."


def _moved(up: int, down: int) -> str:
    if not up and not down:
        return "none is higher or lower"
    return f"{_are(up)} higher and {_are(down)} lower"


def _are(n: int) -> str:
    return f"{n or 'none'} {'are' if n > 1 else 'is'}"


def _not_begun(report: Report) -> list[str]:
    """A line in place of the tables of methods that have no joint run yet; nothing where there is no run at all."""
    trained = set(report.settings.regimes) - {"single"}
    missing = [c for c in report.comparisons.values() if not is_begun(c)]
    if not trained or not missing or not any(c.single for c in missing):
        return []
    if len(missing) == len(report.comparisons):
        return ["No joint run is done yet, so only the tasks alone are shown."]
    names = listing([METHOD_NAMES[c.method] for c in missing])
    return [f"{names}: no joint run is done yet, so there {'is' if len(missing) == 1 else 'are'} no tables."]


def _beyond(cells: list[Cell], sign: int) -> int:
    return sum(cell.beyond_chance and sign * (cell.difference or 0) > 0 for cell in cells)


def is_complete(report: Report) -> bool:
    """Whether all runs are planned and done."""
    done, planned = report.total_progress
    return done == planned and not report.failed and not report.waiting


def progress(report: Report) -> list[str]:
    """Sentences on the progress of the study."""
    done, planned = report.total_progress
    if not planned:
        return ["No run is planned."]
    if is_complete(report):
        return [f"All {planned:,} runs are done." if planned > 1 else "The one run is done."]
    if not done and not report.failed:
        none = (
            "The one planned run is not done yet." if planned == 1 else f"None of {planned:,} planned runs is done yet."
        )
        return [none, *report.waiting]
    left = planned - done
    missing = f"{left:,} of {plural(planned, 'planned run')} {'is' if left == 1 else 'are'} not done yet"
    failed = f"; {plural(len(report.failed), 'run')} failed" if report.failed else ""
    empty = " Missing scores are left empty. Means are those of the runs that are done." if done else ""
    return [f"The study is not complete: {missing}{failed}.{empty}", *report.waiting]


def study_comparison(report: Report) -> list[str]:
    """A guide to the tables of two studies, how each was trained, and how many arrows the second confirms."""
    other = report.beside
    if other is None:
        return []
    control = _is_control(other.settings)
    return [
        f"Each cell has two numbers: the upper one is of {report.name}, the lower one of {other.name}"
        f"{', a control in which all runs are equally long' if control else ''}. Each number is the difference to the "
        "base in the same study.",
        _training(report),
        _training(other),
        *([_controlled(report, other)] if control else []),
        *(text for text in (_confirmed(report, other, "up"), _confirmed(report, other, "down")) if text),
    ]


def _training(report: Report) -> str:
    """How the runs of a study were trained, and how many updates they made."""
    made = [record.updates for runs in report.runs.values() for record in runs]
    spread = f" The runs so far made {min(made):,} to {max(made):,} updates." if made and min(made) < max(made) else ""
    tested = f"The weights of {EPOCH_TEXTS[report.settings.training.weights]} are tested."
    return f"{report.name}: {_length(report.settings)} {tested}{spread}"


def _is_control(study: StudySettings) -> bool:
    """Whether neither the length of a run nor its learning rate depends on the dev score."""
    return study.training.max_updates is not None and study.training.schedule != "halving"


def _controlled(report: Report, other: Report) -> str:
    batches = (
        "It has as many sentences of each task in a joint batch as in a batch of the task alone, so its joint batches "
        "are larger."
        if other.settings.training.batch_per_task
        else "A joint batch still has fewer sentences of each task than a batch of the task alone."
    )
    return (
        f"In {other.name} neither the length of a run nor its learning rate depends on the dev score. A gain or a loss "
        f"that only {report.name} shows may come from these, and not from the tasks. {batches}"
    )


def _confirmed(report: Report, other: Report, arrow: Arrow) -> str:
    """How many arrows of this study the other study has as well; empty where this study has none."""
    here, both = confirmed(report, arrow)
    word = {"up": "higher", "down": "lower"}[arrow]
    if not here:
        return ""
    return (
        f"Of {plural(here, 'cell')} that {report.name} calls {word} by the rule and that both studies have, "
        f"{both} {'is' if both == 1 else 'are'} also {word} in {other.name}."
    )


def definitions(report: Report) -> list[tuple[str, str]]:
    """Terms and their meaning in this study."""
    study = report.settings
    return [
        *((METHOD_NAMES[method], METHOD_TEXTS[method]) for method in study.sharing if set(study.regimes) - {"single"}),
        *((REGIME_NAMES[regime], REGIME_TEXTS[regime]) for regime in study.regimes if regime != "oracle"),
        *([("Oracle", _oracle(study))] if "oracle" in study.regimes else []),
        ("Score", SCORE_TEXT.format(epoch=EPOCH_TEXTS[study.training.weights])),
        ("Rule", _rule(study)),
        ("Test", TEST_TEXT),
        ("Seeds", ", ".join(map(str, study.seeds))),
        ("Length", _length(study)),
        ("Encoder", _encoder(report)) if report.settings.model.encoder else ("Vectors", _vectors(report)),
    ]


METHOD_TEXTS: dict[Method, str] = {
    "multi_dec": "The tasks share an encoder. Each task has its own decoder.",
    "te_dec": "The tasks share an encoder and a decoder. A task embedding joins the output of the encoder.",
    "te_enc": "The tasks share an encoder and a decoder. The task is the first token of the sentence.",
}
REGIME_TEXTS: dict[Regime, str] = {
    "single": "Single-task learning: a task is trained alone.",
    "pair": "Two tasks are trained together.",
    "all": "All tasks are trained together.",
    "all_but_one": "All tasks but one are trained together.",
}
EPOCH_TEXTS = {
    "last": "the last epoch",
    "best": "the best epoch",
    "best_per_task": "the epoch that is best for the task",
}
SCORE_TEXT = (
    "Micro F1 on the test split in percent, with the weights of {epoch}. Tags with B-, I-, E- or S- form "
    "spans. Every other tag except O is a unit of one token. So for part-of-speech tags, which have no O, the score is "
    'token accuracy. For a task with score = "plain", every tag except O is a unit of one token.'
)


def _oracle(study: StudySettings) -> str:
    return (
        f"A task is trained with all partners that help it in pairs by the rule. {SELECTION_NOTES[study.oracle_sets]}"
    )


def _rule(study: StudySettings) -> str:
    divisor = {"population": "n", "sample": "n − 1"}[study.std]
    return (
        f"A score is higher than another if mean − {study.k:g}·std of the one is above mean + {study.k:g}·std of the "
        f"other. std is the standard deviation over seeds, divided by {divisor}. With a single run on either side no "
        "score is higher or lower."
        f"{f' The comparisons are: {bases(study)}.' if bases(study) else ''}"
    )


TEST_TEXT = (
    "A t test of the difference of two mean F1. Its error has a part from test sentences, which are the same for both "
    "combinations, and a part from seeds. The variance between seeds is pooled over all combinations of a task, or it "
    "is that of the two combinations themselves where it is larger. The more the runs of the two combinations differ "
    "among themselves, the fewer degrees of freedom the test has. With three runs of each combination many true "
    "differences are not shown; with two runs, most are not. With a single run on one side there is no test. q "
    "controls the false discovery rate and Holm's p the family-wise error rate, over all cells of a method and regime."
)


SCHEDULE_TEXTS = {
    "halving": " Its learning rate still depends on the dev score: it is halved when the score stops rising.",
    "constant": " Its learning rate is constant.",
    "linear": " Its learning rate falls linearly to 0.",
}


def _length(study: StudySettings) -> str:
    training = study.training
    if training.max_updates is not None:
        each = f" A batch has {training.batch_size} sentences of each task." if training.batch_per_task else ""
        return (
            f"Every run trains for exactly {training.max_updates:,} updates.{SCHEDULE_TEXTS[training.schedule]}{each}"
        )
    ending = _ending(training)
    if training.epoch_updates is not None:
        return f"Every epoch has {plural(training.epoch_updates, 'update')}, for all tasks and combinations. {ending}"
    least = training.min_epoch_updates
    what, passes = "epoch", ""
    if least > 1:
        what, passes = "pass over the data", f" An epoch is as many passes as make at least {least:,} updates."
    if training.sampling != "balanced":
        return f"{ending} A joint {what} has as many updates as the sentences of all its tasks fill.{passes}"
    return (
        f"{ending} A joint {what} ends when the sentences of its smallest task are used up.{passes} So a partner with "
        "few sentences makes training shorter, and part of a loss may come from that. The CSV files have the numbers "
        "of updates."
    )


def _ending(training: TrainingSettings) -> str:
    """When a run without a fixed number of updates ends."""
    number = training.stopping_patience
    last = f"its last {number} epochs"
    reasons = []
    if number >= training.max_epochs:
        pass  # the patience never ends a run
    elif training.patience == "strict":
        none = f"none of {last} has a" if number > 1 else "its last epoch has no"
        reasons.append(f"{none} dev score above all earlier ones, once a score has been above 0")
    elif number > 1:
        reasons.append(f"the dev scores of {last} are all below its best one")
    else:
        reasons.append("the dev score of its last epoch is below its best one")
    if training.schedule == "halving" and training.min_learning_rate:
        reasons.append(f"halving has brought its learning rate below {training.min_learning_rate:g}")
    most = plural(training.max_epochs, "epoch")
    begin = f"A run stops when {', when '.join(reasons)}, or after {most}." if reasons else f"A run has {most}."
    return begin + (f" Its learning rate falls linearly, to 0 after {most}." if training.schedule == "linear" else "")


def _vectors(report: Report) -> str:
    asked = report.settings.vectors
    name = {"glove": "GloVe 6B, 50 dimensions", "random": "random"}.get(asked, Path(asked).name)
    if report.vectors == "random" != asked:
        return f"Random, because {name} was not installed where the runs were made."
    return name


def _encoder(report: Report) -> str:
    model = report.settings.model
    use = "fine-tuned" if model.finetune else "not trained, its states in place of word vectors"
    return f"{Path(model.encoder).name}, {use}"


def settings_text(study: StudySettings) -> str:
    """Each setting on its own line, in the form that ``--set`` takes; folders of files are left out."""
    values = study.model_dump(mode="json", exclude={"data"}) | {"vectors": Path(study.vectors).name}
    values["model"]["encoder"] = Path(study.model.encoder).name
    return "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in _flat(values))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
