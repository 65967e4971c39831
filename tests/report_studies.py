"""Reports on made-up runs, without a run folder, for tests of tables, figures and pages."""

import numpy as np

from tagmates.report.model import Report
from tagmates.study.compare import compare, oracle_sets
from tagmates.study.plan import Combination, make_plan
from tagmates.study.published import PAPER_TASKS, published
from tagmates.study.recommend import advise
from tagmates.study.records import RunRecord, Runs
from tagmates.study.settings import REGIMES, StudySettings

HOSTILE = (
    "a&b_<i>%|$#",
    '😀 "q" \\x{y}~^`*[z]',
    "=very--long-name-of-a-task-that-somebody-thought-was-a-good-idea",
    "日本語 'é'",
)
PAPER = StudySettings(sharing=("multi_dec", "te_dec", "te_enc"), oracle_sets="test")


def make_report(study: StudySettings, tasks: tuple[str, ...], records: list[RunRecord], **more: object) -> Report:
    runs = Runs(records)
    sets = oracle_sets(study, tasks, runs)
    done = {(record.combination, record.seed) for record in records}
    plan = make_plan(study, tasks, sets)
    progress = {
        regime: (
            sum((p.combination, p.config.seed) in done for p in plan if p.regime == regime),
            sum(p.regime == regime for p in plan),
        )
        for regime in study.regimes
    }
    return Report(
        name="odd <b>&| study",
        settings=study,
        tasks=tasks,
        comparisons=compare(study, tasks, runs, sets),
        runs=runs,
        progress=progress,
        advice=advise(study, tasks, runs, sets),
        published=published() if set(tasks) <= set(PAPER_TASKS) else {},
        **more,  # type: ignore[arg-type]
    )


def make_records(study: StudySettings, tasks: tuple[str, ...], *, sentences: int = 0) -> list[RunRecord]:
    """Runs of every combination but the oracle's, of which each partner adds what its place in ``tasks`` says."""
    plan = make_plan(study.model_copy(update={"regimes": REGIMES[:4]}), tasks, {})
    return [make_record(p.combination, p.config.seed, tasks, sentences) for p in plan]


def make_record(combination: Combination, seed: int, tasks: tuple[str, ...], sentences: int = 0) -> RunRecord:
    gain = sum(tasks.index(task) - 1 for task in combination.tasks) if len(combination.tasks) > 1 else 0
    test = dict.fromkeys(combination.tasks, 70.0 + gain + 0.1 * seed)
    draw = np.random.default_rng(seed)
    right = {task: draw.binomial(10, test[task] / 100, sentences) for task in test}
    counts = {task: np.stack([r, 10 - r, 10 - r], 1).astype(np.int32) for task, r in right.items() if sentences}
    stopped = "cap" if seed == 2 else "patience"
    name = f"{combination}-{seed}"
    return RunRecord(name, combination, seed, dict(test), test, 100 * seed, 9, stopped, 1.0, 1234 * len(test), counts)
