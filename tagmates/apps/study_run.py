"""The command ``study run``, which calls ``Study.run`` and shows its events on stderr."""

import time
from contextlib import closing
from typing import Annotated

from cyclopts import Parameter

from tagmates.apps.shared import Device, Flag, NoLock, Quiet, Track, be_quiet, check_number, say
from tagmates.apps.study_closing import close_run
from tagmates.apps.study_options import ALL_RUNS, AS_ITS_FILE, Selection, StudySource, Where
from tagmates.apps.study_progress import show_study
from tagmates.errors import ConfigError
from tagmates.study.chooser import Budget
from tagmates.study.durations import parse_duration
from tagmates.study.engine import MAX_LANES, EngineKind, check_numbers
from tagmates.study.run_filter import parse_shard
from tagmates.tracking.tracking_thread import begin_tracking, track_study

MAX_CODE = 255  # of a process


def run(
    where: Where = None,
    /,
    *,
    engine: Annotated[
        EngineKind | None,
        Parameter(
            help="processes: a process for each run, one per core (default on a CPU); local: all runs side by side in "
            "one process (default on a GPU); ray: the Ray cluster at RAY_ADDRESS, else Ray on this machine."
        ),
    ] = None,
    workers: Annotated[
        int | None, Parameter(help="Number of runs at a time, each in its own process; default: one per core.")
    ] = None,
    lanes: Annotated[
        int | None,
        Parameter(
            help="Number of runs side by side in one process; default: as many as fit into the memory of a GPU, at "
            f"most {MAX_LANES}. On a CPU, several processes are faster."
        ),
    ] = None,
    time_limit: Annotated[
        str, Parameter(show_default=False, help="Stop cleanly after this time, for example 25m.")
    ] = "",
    budget: Annotated[
        str | None,
        Parameter(
            show_default=False,
            help="Stop cleanly after this time, for example 2h, and train the most useful runs first: the tasks alone, "
            "all together, then always the run that is expected to improve the advice most per second.",
        ),
    ] = None,
    trainings: Annotated[
        int | None,
        Parameter(
            help="Choose runs as --budget does, and stop when this number of runs of the study is done, including "
            "those of earlier calls and of other processes."
        ),
    ] = None,
    until: Annotated[
        float | None,
        Parameter(
            help="Choose runs as --budget does, and stop when the truly best partners are expected to gain at most "
            "this many points of F1 more than the recommended ones, on average over the tasks."
        ),
    ] = None,
    selection: Selection = ALL_RUNS,
    shard: Annotated[
        str, Parameter(help="Train one of several parts, for example 2/8; a run is in the same part every time.")
    ] = "1/1",
    retries: Annotated[int, Parameter(help="How often a run is tried again after its worker crashed.")] = 2,
    retry_failed: Annotated[bool, Flag(help="Try runs again that failed in earlier calls.")] = False,
    pending_code: Annotated[
        int,
        Parameter(
            help="The exit code if selected runs are pending at the end, for schedulers that then start it again."
        ),
    ] = 0,
    device: Device = "auto",
    threads: Annotated[int, Parameter(help="Number of threads of a run.")] = 1,
    no_lock: NoLock = False,
    track: Track = None,
    quiet: Quiet = False,
    source: StudySource = AS_ITS_FILE,
) -> int:
    """Train the pending runs of a study; those of oracle sets come last, because they depend on the scores of pairs.

    After Ctrl-C, a kill or the time limit, the same command continues: finished runs are not repeated, and the others
    resume from their last finished epoch. Several of these commands may share a folder, on one machine or on a shared
    disk. At the end it prints what was done, the best partners so far and the next command. The exit code is 3 if the
    study is over, but some runs failed.

    A --set that would remove runs from a study that has begun needs another --output-dir. Runs in the folder that were
    trained on other data are set aside and trained again.

    Example: tagmates study run studies/paper.toml --data DIR --tasks mwe,hyp --regime single,pair --time-limit 25m
    """
    be_quiet(quiet)
    began = time.monotonic()
    if budget is not None and time_limit:
        raise ConfigError("--budget and --time-limit: both are a time; give one of them")
    limit = parse_duration(time_limit) if time_limit else None
    if budget is not None:
        limit = parse_duration(budget, "--budget")
    given = any(option is not None for option in (budget, trainings, until))
    chosen = Budget(trainings, until or 0.0) if given else None
    if not 0 <= pending_code <= MAX_CODE:
        raise ConfigError(f"--pending-code {pending_code}: must be from 0 to {MAX_CODE}, as exit codes are")
    check_numbers(workers, lanes, threads, retries)
    check_number("--threads", threads)
    check_number("--workers", 1 if workers is None else workers)
    study = source.open(where)
    events = study.run(
        selection.filter(study, parse_shard(shard)),
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
        # closed last, so that Ctrl-C ends the workers first
        with begin_tracking(track) as tracking, closing(events):
            summary = show_study(track_study(events, study.store, tracking), study.store)
    except KeyboardInterrupt:
        say("tagmates: interrupted; finished epochs are saved, and the same command continues")
        return 130
    code = close_run(study, summary, time.monotonic() - began, chosen)
    return pending_code if summary.pending and pending_code else code
