"""What a study needs and where it stands, as records: counts, names, and notes for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.config import Sharing
from tagmates.formatting import plural
from tagmates.study.cost import unmeasured
from tagmates.study.locate import OpenedStudy
from tagmates.study.notes import missing_files, not_counted, plan_notes
from tagmates.study.plan import Planned
from tagmates.study.run_files import has_epochs, why_no_tagger
from tagmates.study.settings import Regime
from tagmates.study.status import RegimeCounts, Standing, standing
from tagmates.study.store import Found, State


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """The trainings that a study needs, and how many of them are done.

    ``regimes`` has the counts (``planned``, ``done``, ``failed``, ``pending``) of each regime, and ``total`` their sum.
    A training that several regimes need is counted in the first. ``trainings`` are all that can be planned now: those
    of the oracle sets are known when the pairs are done. ``found`` says what is there of them: ``found.done`` are the
    records of finished trainings by name, ``found.failed`` the reasons why others failed. No training has measured the
    speed of the sharings ``unmeasured`` yet, so that ``Study.cost`` times a few updates of each. ``notes`` are
    sentences for people about what the counts do not say.

    ```python
    import tagmates

    plan = tagmates.Study.open("own.toml").plan()
    print(plan.total.planned, plan.total.done, plan.total.pending)
    print([training.name for training in plan.trainings if training.name not in plan.found.done])
    ```
    """

    study: str
    regimes: Mapping[Regime, RegimeCounts]
    total: RegimeCounts
    trainings: Sequence[Planned]
    found: Found
    unmeasured: Sequence[Sharing]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """Which trainings of a study are done, running, failed or pending.

    ``folder`` is the study's folder; ``regimes`` and ``total`` are as in ``StudyPlan``. ``running`` gives
    the number of finished epochs by name, ``begun`` the same of trainings that were interrupted, and ``failed`` the
    reason. ``broken`` are trainings with a damaged file, and ``unmatched`` finished ones of other data than the
    study's; neither counts, and the next call of ``run`` trains them again. ``without_tagger`` and ``without_epochs``
    are finished trainings whose scores count, though files of theirs are missing. ``other`` is the number of run
    folders that belong to no training of the plan. ``notes`` are sentences for people: what the counts do not say.

    ```python
    import tagmates

    status = tagmates.Study.open("own.toml").status()
    print(status.total.done, "of", status.total.planned, "trainings are done")
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


def plan_of(study: OpenedStudy) -> StudyPlan:
    """The plan of a study, and what is there of it. Raises ConfigError for settings that do not go together."""
    now = standing(study.settings, study.tasks, study.store)
    regimes = _regimes(study, now)
    notes = plan_notes(study, now, _states(study, now))
    if "oracle" in study.settings.regimes and len(study.settings.seeds) == 1:
        notes.append(
            "with one seed the rule calls nothing higher, so that no task gets an oracle set; give two or more"
        )
    missing = unmeasured(now.plan, study.store, now.found)
    return StudyPlan(study.name, regimes, _total(regimes.values()), now.plan, now.found, missing, notes)


def status_of(study: OpenedStudy) -> StudyStatus:
    """Where a study stands. Looks at the files of every finished training, without reading what is long."""
    now, store = standing(study.settings, study.tasks, study.store), study.store
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
        *(
            f"begun: {name}, {plural(epochs, 'epoch')} done; the next run goes on with it"
            for name, epochs in begun.items()
        ),
        *(f"failed: {name}: {why}" for name, why in found.failed.items()),
        *(f"broken: {why}; the next run sets it aside and trains anew" for why in found.broken.values()),
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


def _states(study: OpenedStudy, now: Standing) -> dict[str, State]:
    return {planned.name: study.store.state(planned.name, now.found) for planned in now.plan}


def _regimes(study: OpenedStudy, now: Standing) -> dict[Regime, RegimeCounts]:
    return {regime: now.of(regime) for regime in study.settings.regimes}


def _total(counts: Iterable[RegimeCounts]) -> RegimeCounts:
    each = list(counts)
    return RegimeCounts(sum(n.planned for n in each), sum(n.done for n in each), sum(n.failed for n in each))
