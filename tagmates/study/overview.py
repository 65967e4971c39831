"""The plan and the status of a study as records: counts, names, and notes for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.config import Sharing
from tagmates.formatting import plural
from tagmates.html import table_html
from tagmates.study.locate import OpenedStudy
from tagmates.study.notes import missing_files, not_counted, plan_notes
from tagmates.study.plan import Planned
from tagmates.study.run_files import has_epochs, why_no_tagger
from tagmates.study.settings import Regime
from tagmates.study.speeds import unmeasured
from tagmates.study.status import RegimeCounts, Status, current_status
from tagmates.study.store import FoundRuns, State


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """The runs that a study needs, and how many of them are done.

    ``regimes`` has the counts (``planned``, ``done``, ``failed``, ``pending``) of each regime, and ``total`` their sum.
    A run that several regimes need is counted in the first. ``runs`` are all that can be planned now; those of the
    oracle sets are known when the pairs are done. ``found.done`` has the records of finished runs by name, and
    ``found.failed`` the reasons why others failed. For the ways of sharing in ``unmeasured``, no run shows the speed
    yet, so ``Study.cost`` times a few updates of each. ``notes`` are sentences about what the counts do not show.

    ```python
    import tagmates

    plan = tagmates.Study.open("own.toml").plan()
    print(plan.total.planned, plan.total.done, plan.total.pending)
    print([run.name for run in plan.runs if run.name not in plan.found.done])
    ```
    """

    study: str
    regimes: Mapping[Regime, RegimeCounts]
    total: RegimeCounts
    runs: Sequence[Planned]
    found: FoundRuns
    unmeasured: Sequence[Sharing]
    notes: Sequence[str]

    def _repr_html_(self) -> str:
        """A table of the counts, for notebooks."""
        return _counts_html(self)


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """Which runs of a study are done, running, failed or pending.

    ``folder`` is the study's folder; ``regimes`` and ``total`` are as in ``StudyPlan``. ``running`` gives
    the number of finished epochs by name, ``begun`` the same of interrupted runs, and ``failed`` the reason. ``broken``
    are runs with a damaged file, and ``unmatched`` are finished runs whose data differ from the study's; neither
    counts, and the next call of ``run`` trains them again. ``without_tagger`` and ``without_epochs`` are finished runs
    whose scores count, although their weights or metrics are missing. ``other`` is the number of run folders that
    belong to no run of the plan. ``notes`` are sentences about what the counts do not show.

    ```python
    import tagmates

    status = tagmates.Study.open("own.toml").status()
    print(status.total.done, "of", status.total.planned, "runs are done")
    for name, why in status.failed.items():
        print(name, why)
    ```
    """

    study: str
    folder: Path
    regimes: Mapping[Regime, RegimeCounts]
    total: RegimeCounts
    running: Mapping[str, int]
    begun: Mapping[str, int]
    failed: Mapping[str, str]
    broken: Mapping[str, str]
    unmatched: Mapping[str, str]
    without_tagger: Mapping[str, str]
    without_epochs: Sequence[str]
    other: int
    notes: Sequence[str]

    def _repr_html_(self) -> str:
        """A table of the counts, for notebooks."""
        return _counts_html(self)


def _counts_html(counted: StudyPlan | StudyStatus) -> str:
    heads = ("planned", "done", "failed", "pending")
    every = [*counted.regimes.items(), ("in all", counted.total)]
    rows = [[name, *(f"{getattr(counts, head):,}" for head in heads)] for name, counts in every]
    return table_html(("runs", *heads), rows, " ".join([f"Study {counted.study}.", *counted.notes]))


def plan_of(study: OpenedStudy) -> StudyPlan:
    """The plan of a study, and what is there of it. Raises ConfigError for settings that do not go together."""
    now = current_status(study.settings, study.tasks, study.store)
    regimes = _regimes(study, now)
    notes = plan_notes(study, now, _states(study, now))
    if "oracle" in study.settings.regimes and len(study.settings.seeds) == 1:
        notes.append(
            "with one seed the rule calls nothing higher, so that no task gets an oracle set; give two or more"
        )
    missing = unmeasured(now.plan, study.store, now.found)
    return StudyPlan(study.name, regimes, _total(regimes.values()), now.plan, now.found, missing, notes)


def status_of(study: OpenedStudy) -> StudyStatus:
    """The status of a study. Looks at the files of every finished run, without reading the long ones."""
    now, store = current_status(study.settings, study.tasks, study.store), study.store
    regimes, found, states = _regimes(study, now), now.found, _states(study, now)
    running, begun = (
        {name: len(store.epochs(name)) for name, state in states.items() if state == which}
        for which in ("running", "begun")
    )
    no_tagger = {name: why for name in found.done if (why := why_no_tagger(store.folder(name))) is not None}
    no_epochs = [name for name, record in found.done.items() if not has_epochs(store.folder(name), record.epochs)]
    notes = [
        *plan_notes(study, now, states),
        *missing_files(no_tagger, no_epochs, len(found.done)),
        *(f"running: {name}, epoch {epochs + 1}" for name, epochs in running.items()),
        *(f"begun: {name}, {plural(epochs, 'epoch')} done; `study run` continues it" for name, epochs in begun.items()),
        *(f"failed: {name}: {why}" for name, why in found.failed.items()),
        *(f"broken: {why}; `study run` sets it aside and trains it again" for why in found.broken.values()),
        *not_counted(study, found),
    ]
    return StudyStatus(
        study=study.name,
        folder=store.root,
        regimes=regimes,
        total=_total(regimes.values()),
        running=running,
        begun=begun,
        failed=found.failed,
        broken=found.broken,
        unmatched=found.unmatched,
        without_tagger=no_tagger,
        without_epochs=no_epochs,
        other=len(store.others(states)),
        notes=notes,
    )


def _states(study: OpenedStudy, now: Status) -> dict[str, State]:
    return {planned.name: study.store.state(planned.name, now.found) for planned in now.plan}


def _regimes(study: OpenedStudy, now: Status) -> dict[Regime, RegimeCounts]:
    return {regime: now.of(regime) for regime in study.settings.regimes}


def _total(counts: Iterable[RegimeCounts]) -> RegimeCounts:
    each = list(counts)
    return RegimeCounts(sum(n.planned for n in each), sum(n.done for n in each), sum(n.failed for n in each))
