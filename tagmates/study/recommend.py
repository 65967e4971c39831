"""The recommended partners of each task, by the evidence so far."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, cast

from tagmates.formatting import equals, interval_text, listing, plural, points
from tagmates.html import table_html
from tagmates.study.compare import Cell, make_cell
from tagmates.study.plan import Combination, OracleSets, combination_of, regime_combinations
from tagmates.study.records import Runs
from tagmates.study.settings import METHOD_NAMES, Method, StudySettings
from tagmates.study.significance import Evidence, allow_for_choice
from tagmates.study.training_length import UNEQUAL_RATIO, length_warnings

MAX_NAMED = 3  # combinations whose missing runs are named in a sentence
NOT_SHOWN = "no combination is shown to beat training it alone"
NO_GAIN = "no gain was found; train it alone"
Verdict = Literal["too early", "alone", "better", "not shown", "untested"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A combination that was tried for a task, its number of runs, and its mean dev F1."""

    combination: Combination
    n: int
    dev: float


@dataclass(frozen=True, slots=True)
class Advice:
    """The recommendation for one task.

    The combination is chosen by dev F1, and its gain is measured on test. So the gain is free of the luck of the dev
    sentences, but not of that of the seeds, because both scores come from the same runs. Therefore the interval and p
    in ``evidence`` allow for the choice among all combinations that were tried.

    The verdict is one of: ``too early`` (training alone or with partners has too few runs so far); ``alone`` (no
    combination is better than alone on dev); ``better`` (the best on dev is shown to be better than alone on test);
    ``not shown`` (it is not); ``untested`` (there is no test score of the task alone to compare with).

    ``sentence`` is the verdict in plain words, and ``warnings`` are sentences on what the length of training may have
    to do with the difference. ``ranked`` are all combinations that can be compared, the best on dev first. ``chosen``
    is the combination to train: the best on dev if it is shown to be better or could not be tested, otherwise the task
    alone; None if it is too early to say.

    ```python
    import tagmates

    study = tagmates.Study.open("own.toml")
    advice = study.recommend("chunk")
    print(advice.sentence)
    if advice.chosen is not None:
        run = study.finished_run(advice.chosen)
        tagger = tagmates.Tagger.from_pretrained(run.folder)
        print(tagger.tag("Prices in Berlin fell sharply .")[0].tags["chunk"])
    ```
    """

    task: str
    verdict: Verdict
    sentence: str
    ranked: Sequence[Choice] = ()
    cell: Cell | None = None  # the best on dev, compared on test with the task alone; None if that is not possible
    # of the cell, corrected for the choice among the joint combinations that were tried
    evidence: Evidence | None = None
    chosen: Combination | None = None
    warnings: Sequence[str] = ()

    def _repr_html_(self) -> str:
        """A table for notebooks: the advice in plain words, and the best combinations on dev."""
        names = sorted({task for choice in self.ranked for task in choice.combination.tasks})
        rows = [
            [describe(choice.combination, self.task, names), points(choice.dev), str(choice.n)]
            for choice in self.ranked[:5]
        ]
        return table_html(("trained", "dev F1", "runs"), rows, f"{self.task}: {self.sentence}")

    @property
    def found_no_gain(self) -> bool:
        """Whether the best joint combination on dev is not above training alone on test."""
        return self.cell is not None and self.cell.difference is not None and self.cell.difference <= 0


def advise(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets) -> list[Advice]:
    """The advice for each task."""
    return [advise_on(study, tasks, runs, sets, task) for task in tasks]


def rank(runs: Runs, task: str) -> list[Choice]:
    """All combinations that were tried for the task, the best on dev first; ties by number of tasks, then by name.

    A combination with a single run is left out if another combination has two or more.
    """
    tried = _tried(runs, task)
    enough = min(2, max((choice.n for choice in tried), default=0))
    return sorted(
        (c for c in tried if c.n >= enough), key=lambda c: (-c.dev, len(c.combination.tasks), str(c.combination))
    )


def _tried(runs: Runs, task: str) -> list[Choice]:
    """All combinations that have a dev score of the task."""
    scores = {s: runs.scores(s, task, "dev") for s in runs if task in s.tasks}
    return [Choice(combination, len(dev), fmean(dev)) for combination, dev in scores.items() if dev]


def advise_on(study: StudySettings, tasks: Sequence[str], runs: Runs, sets: OracleSets, task: str) -> Advice:
    """Advice for one task of a study of ``tasks``."""
    ranked = rank(runs, task)
    if not ranked:
        return Advice(task, "too early", "nothing is done yet.")
    planned = [combination for combination in _combinations(study, tasks) if task in combination.tasks]
    if _lacks_a_side(planned, ranked):
        return Advice(task, "too early", f"too early to say: {_missing(study, runs, task, planned, tasks)}.", ranked)
    best = ranked[0].combination
    if len(best.tasks) == 1:
        return Advice(task, "alone", _alone(ranked), ranked, chosen=best, warnings=_shorter(runs, ranked))
    alone = combination_of(study.sharing[0], [task], tasks)
    # combinations that were only tried because they were selected on test
    oracle = set(regime_combinations(study, tasks, "oracle", sets)) if study.oracle_sets != "dev" else set()
    selected = best in oracle and best not in planned
    cell = make_cell(study, runs, best, alone, task, selected="on test" if selected else "")
    if cell is None or cell.difference is None:
        sentence = (
            f"train it {describe(best, task, tasks)}, the best of {plural(len(ranked), 'combination')} on dev "
            f"({_runs(ranked)}). There is no test score of training it alone to compare with."
        )
        return Advice(task, "untested", sentence, ranked, cell, chosen=best)
    number = sum(len(choice.combination.tasks) > 1 for choice in ranked)
    evidence = None if cell.evidence is None else allow_for_choice(cell.evidence, number)
    is_better = evidence is not None and evidence.p <= 0.05 and evidence.low > 0
    gain = f"{_gain(cell, evidence, number)} ({_runs(ranked)})."
    with_whom = describe(best, task, tasks)
    sentence = f"train it {with_whom}: {gain}"
    if not is_better:
        sentence = f"{NOT_SHOWN if cell.difference > 0 else NO_GAIN}. Best on dev: {with_whom}, {gain}"
    verdict: Verdict = "better" if is_better else "not shown"
    chosen = best if is_better else alone
    return Advice(task, verdict, sentence, ranked, cell, evidence, chosen, length_warnings(cell))


def _combinations(study: StudySettings, tasks: Sequence[str]) -> list[Combination]:
    """The combinations that the study trains in any case, in the order of its plan."""
    found = (combination for regime in study.regimes for combination in regime_combinations(study, tasks, regime, {}))
    return list(dict.fromkeys(found))


def _lacks_a_side(planned: Iterable[Combination], ranked: Sequence[Choice]) -> bool:
    """Whether training alone or with partners is planned, but has too few runs for a comparison."""
    ready = {len(choice.combination.tasks) > 1 for choice in ranked}
    return not {len(combination.tasks) > 1 for combination in planned} <= ready


def _missing(study: StudySettings, runs: Runs, task: str, planned: Sequence[Combination], tasks: Sequence[str]) -> str:
    """A sentence on the missing runs of the task alone and with partners."""
    seeds = {s: {record.seed for record in runs.get(s, ()) if task in record.dev} for s in planned}

    def state(combination: Combination) -> str:
        missing = [str(seed) for seed in study.seeds if seed not in seeds[combination]]
        lacking = f" (missing: seed{'s' if missing[1:] else ''} {listing(missing)})" if missing else ""
        number = f"{len(seeds[combination])} of {plural(len(study.seeds), 'run')}"
        return f"{describe(combination, task, tasks)} {number}{lacking}"

    alone, joint = ([s for s in planned if (len(s.tasks) > 1) == is_joint] for is_joint in (False, True))
    begun = [combination for combination in joint if seeds[combination]]
    named = joint if len(joint) <= MAX_NAMED else begun if len(begun) <= MAX_NAMED else []
    words = [state(combination) for combination in (*alone, *named)]
    if len(named) < len(joint):
        combinations = plural(len(joint) - len(named), "other combination" if named else "combination")
        trained = len(begun) if not named else 0
        words.append(f"of {combinations} with other tasks {trained or 'none'} {'have' if trained > 1 else 'has'} a run")
    return f"what is done so far: {'; '.join(words)}"


def _alone(ranked: Sequence[Choice]) -> str:
    others = len(ranked) - 1
    if not others:
        return f"it is only trained alone ({_runs(ranked)})."
    which = "the other combination is not" if others == 1 else f"none of the {others} other combinations is"
    return f"train it alone: {which} better on dev ({_runs(ranked)})."


def _shorter(runs: Runs, ranked: Sequence[Choice]) -> list[str]:
    """A warning if joint combinations, which are not better than alone, were trained for much shorter."""
    alone, *others = (fmean(record.updates for record in runs[choice.combination]) for choice in ranked)
    shorter = sum(UNEQUAL_RATIO * updates <= alone for updates in others)
    if not shorter:
        return []
    return [
        f"Training alone made at least {UNEQUAL_RATIO:g} times as many updates as {shorter} of the "
        f"{plural(len(others), 'other combination')}, so part of the difference may come from the length of training"
    ]


def _runs(ranked: Sequence[Choice]) -> str:
    """The number of runs of the best combination, in words, and whether all combinations have as many."""
    return f"{plural(ranked[0].n, 'run')}{' of each' if len({choice.n for choice in ranked}) == 1 else ' so far'}"


def verdict_text(advice: Advice) -> str:
    """The verdict in a few words for a table; it says so if no gain was found."""
    if advice.found_no_gain:
        return NO_GAIN
    return {
        "too early": "too early to say",
        "alone": "no partner is better on dev; train it alone" if len(advice.ranked) > 1 else "only trained alone",
        "better": "better",
        "not shown": "not shown; may be chance",
        "untested": "not tested",
    }[advice.verdict]


def describe(combination: Combination, task: str, tasks: Sequence[str]) -> str:
    """A combination in words for one of its tasks, in a study of ``tasks``: ``with chunk (MULTI-DEC)``."""
    if len(combination.tasks) == 1:
        return "alone"
    return f"with {partners_text(combination, task, tasks)} ({METHOD_NAMES[cast(Method, combination.sharing)]})"


def partners_text(combination: Combination, task: str, tasks: Sequence[str]) -> str:
    """The other tasks of a joint combination, in a study of ``tasks``; of many, the one that is left out."""
    others = [other for other in combination.tasks if other != task]
    left_out = [other for other in tasks if other not in combination.tasks]
    if not left_out and len(tasks) > 2:
        return "all other tasks"
    return f"all other tasks but {left_out[0]}" if len(left_out) == 1 and len(others) > 3 else listing(others)


def _gain(cell: Cell, evidence: Evidence | None, number: int) -> str:
    """The observed gain and its interval, in words; ``number`` joint combinations were tried."""
    gain = (
        f"observed gain on test {points(cell.difference, signed=True)} F1 over training it alone ({points(cell.base)})"
    )
    if cell.selected:
        return f"{gain}; that gain is too favourable and is not tested, because its partners were selected on test"
    if evidence is None:
        return f"{gain}; these runs cannot tell how sure that is"
    interval = f"95 % interval {interval_text(evidence.low, evidence.high)}"
    allowing = f", both allowing for the choice among {number} combinations" if number > 1 else ""
    return f"{gain}, {interval}, {equals('p', evidence.p)}{allowing}"
