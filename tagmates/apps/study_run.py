"""``tagmates study run``: options to a call of ``Study.run``, and its events on stderr."""

import time
from contextlib import closing
from typing import Annotated

from cyclopts import Parameter

from tagmates.api import Study
from tagmates.apps.shared import NoLock, check_number, say
from tagmates.apps.study_closing import close_run
from tagmates.apps.study_options import (
    Data,
    EqualExposure,
    EqualUpdates,
    Folder,
    PackedStudy,
    Set,
    Where,
    open_control,
    say_notes,
)
from tagmates.apps.study_progress import show_study
from tagmates.errors import ConfigError
from tagmates.study.chooser import Budget
from tagmates.study.engine import MAX_LANES, EngineKind, check_numbers
from tagmates.study.run_filter import parse_duration, parse_shard


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
    budget: Annotated[
        str | None,
        Parameter(
            help="As --time-limit, and train first what is expected to improve the advice most per second: the tasks "
            "alone, all together, then pairs and seeds. What is done is never repeated."
        ),
    ] = None,
    trainings: Annotated[
        int | None,
        Parameter(
            help="In the order of --budget, until so many trainings of the study are done, those of earlier calls and "
            "of other processes in its folder included."
        ),
    ] = None,
    until: Annotated[
        float | None,
        Parameter(
            help="In the order of --budget, until knowing the best partners of a task is expected to gain at most so "
            "many points of F1 more than the advice so far, on average over the tasks."
        ),
    ] = None,
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
    packed: PackedStudy = None,
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
    began = time.monotonic()
    if budget is not None and time_limit:
        raise ConfigError("--budget and --time-limit: both are a time; give one of them")
    limit = parse_duration(time_limit) if time_limit else None
    if budget is not None:
        limit = parse_duration(budget, "--budget")
    given = any(option is not None for option in (budget, trainings, until))
    chosen = Budget(trainings, until or 0.0) if given else None
    check_numbers(workers, lanes, threads, retries)
    check_number("--threads", threads)
    check_number("--workers", 1 if workers is None else workers)
    study = Study.open(where, data=data, output_dir=output_dir, packed=packed, overrides=set_ or [])
    study = open_control(study, equal_updates, equal_exposure)
    say_notes(study.notes)
    selection = study.select(
        sharing=_names(sharing),
        regimes=_names(regime),
        tasks=_names(tasks),
        seeds=_names(seeds),
        shard=parse_shard(shard),
    )
    events = study.run(
        selection,
        engine=engine,
        workers=workers,
        lanes=lanes,
        time_limit=limit,
        retries=retries,
        retry_failed=retry_failed,
        device=device,
        threads=threads,
        lock=not no_lock,
        budget=chosen,
    )
    try:
        with closing(events):  # so that Ctrl-C anywhere ends the workers first
            summary = show_study(events, study.store)
    except KeyboardInterrupt:
        say("tagmates: interrupted; finished epochs are saved, the same command goes on")
        return 130
    return close_run(study, summary, time.monotonic() - began, chosen)


def _names(text: str) -> list[str]:
    """The names of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]
