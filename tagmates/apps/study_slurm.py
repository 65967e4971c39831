"""The command ``study slurm``, which writes a batch script for the cluster's scheduler SLURM."""

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.apps.shared import Flag, NoLock, Track, say
from tagmates.apps.study_options import ALL_RUNS, AS_ITS_FILE, Selection, StudySource
from tagmates.data.tasks import absolute_data
from tagmates.errors import ConfigError
from tagmates.files import write_text
from tagmates.formatting import duration, plural
from tagmates.locks import why_locks_fail
from tagmates.study.durations import parse_wall
from tagmates.study.session import check_selection
from tagmates.study.slurm import ArrayJob, asks_for_gpu, sbatch_options, submission
from tagmates.training.folder import LOCK

ENVIRONMENT = ("PYTHONPATH", "TAGMATES_CACHE", "RAY_ADDRESS")  # that a job may need, however sbatch is called


def slurm(
    where: Annotated[Path, Parameter(help="A study's TOML file or its folder.")],
    /,
    *sbatch: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help="All other options are passed on to sbatch: --partition short --account lab --mem 8G.",
        ),
    ],
    shards: Annotated[int, Parameter(help="The number of elements of the array; each trains a part of the runs.")],
    time: Annotated[str, Parameter(help="The time limit of an element, as SLURM writes it (8:00:00), or as 8h.")],
    workers: Annotated[
        int | None,
        Parameter(
            help="Number of runs at a time in an element, each in its own process; default: 1 on a CPU, lanes on a GPU."
        ),
    ] = None,
    threads: Annotated[int, Parameter(help="Number of threads of a run.")] = 1,
    device: Annotated[str, Parameter(help="auto, cpu or cuda, on the machine where an element runs.")] = "auto",
    selection: Selection = ALL_RUNS,
    retry_failed: Annotated[bool, Flag(help="Try runs again that failed in earlier calls.")] = False,
    max_restarts: Annotated[int, Parameter(help="How often an element may go back into the queue; 0: never.")] = 50,
    no_lock: NoLock = False,
    track: Track = None,
    source: StudySource = AS_ITS_FILE,
) -> None:
    """Write a script that trains a study as a job array of SLURM, and print the lines that submit it.

    Nothing is submitted. An element of the array trains one shard of the study, ends before its time limit, and goes
    back into the queue if its shard is not done. If the study has oracle sets, a second array waits for the first. The
    script uses the Python that runs this command, and needs nothing else. `study status` shows how far the study is, on
    the login node too.

    Example: tagmates study slurm studies/paper.toml --shards 32 --time 8:00:00 --data DIR --partition short
    """
    wall = parse_wall(time)
    options = sbatch_options(sbatch)
    if shards < 1 or max_restarts < 0:
        raise ConfigError("--shards: must be 1 or more, --max-restarts 0 or more")
    for option, number in (("--workers", 1 if workers is None else workers), ("--threads", threads)):
        if number < 1:  # a node may have more cores than this machine
            raise ConfigError(f"{option} {number}: must be 1 or more")
    if workers is None and device != "cuda" and not asks_for_gpu(options):
        workers = 1
    base = source.open_base(where)
    study = source.control_of(base)
    study.require_data()
    check_selection(study, selection.filter(study))
    folder = study.store.root.resolve() / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    fault = "" if no_lock else why_locks_fail(folder.parent, LOCK)
    options_of_run = {
        "data": absolute_data(study.data),
        "output-dir": str(base.store.root.resolve()),
        "encoder": source.encoder,
        "equal-updates": source.equal_updates,
        "equal-exposure": source.equal_exposure,
        **asdict(selection),
        "workers": workers,
        "threads": threads,
        "device": device,
        "track": track,
    }
    job = ArrayJob(
        name=study.name,
        shards=shards,
        wall=wall,
        cores=(workers or 1) * threads,
        command=[
            *(sys.executable, "-m", "tagmates", "study", "run", str(where.resolve())),
            *_words(options_of_run),
            *(word for text in source.set_ or [] for word in ("--set", text)),
            *(["--retry-failed"] if retry_failed else []),
            *(["--no-lock"] if no_lock or fault.endswith("no file locks") else []),
        ],
        here=Path.cwd(),
        logs=folder,
        options=options,
        environment={name: os.environ[name] for name in ENVIRONMENT if os.environ.get(name)},
        max_restarts=max_restarts,
    )
    script = folder / "array.sh"
    write_text(script, job.script())
    if fault:
        say(
            f"warning: {study.store.root}: its file system {fault}; the shards of the array keep its elements apart, "
            "but start no other study run in this folder while it runs"
        )
    total = study.plan().total
    say(
        f"{script}: {plural(shards, 'element')} for {plural(total.pending, 'pending run')} of study {study.name}, each "
        f"at most {duration(wall)} at a time (training ends {duration(wall - job.time_limit)} before); submit with:"
    )
    for line in submission(script, oracle="oracle" in study.settings.regimes):
        print(line)


def _words(options: Mapping[str, str | int | None]) -> list[str]:
    """Options as words of a command line, without those that have no value."""
    given = {name: value for name, value in options.items() if value is not None and value != ""}
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]
