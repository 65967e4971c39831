"""Studies that cannot run here as they are: one line says why, and nothing is lost."""

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import ended, refused, tagmates, write_corpus
from study_faults import (
    FOLDER,
    LOCAL,
    SHORT,
    all_numbers,
    drive,
    epochs,
    folder_of,
    run,
    save_checkpoint,
    totals,
    write_study,
)

from tagmates.errors import OutOfMemoryError
from tagmates.installed import get_extra
from tagmates.training import train
from tagmates.training.folder import LOCK

NO_FLOCK = """
#include <errno.h>
int flock(int file, int operation) { errno = %d; return -1; }
"""


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
@pytest.mark.slow
def test_a_disk_without_locks_ends_at_once_and_no_lock_does_without(
    number: int, short: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no flock, in the driver and in its workers."""
    (here / "flock.c").write_text(NO_FLOCK % number)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "flock.so", "flock.c"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(here / "flock.so"))
    write_study(SHORT)
    outcome = ended(drive())
    assert outcome.code == 1
    said = rf"tagmates: {FOLDER}: its file system has no file locks \(.*\); give --no-lock if .* another disk\n"
    assert re.fullmatch(said, outcome.err), outcome.err
    outcome = ended(drive("--no-lock"))
    assert outcome.code == 0, outcome.err
    assert all_numbers(FOLDER) == short
    assert not list(FOLDER.rglob(LOCK))


@pytest.mark.slow
def test_run_folders_on_a_disk_without_locks_end_it_too(
    short: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is marked as failed for it."""
    write_study(SHORT)
    assert run("s.toml", "--time-limit", "0s").code == 0
    shutil.move(FOLDER / "runs", here / "elsewhere")
    (FOLDER / "runs").symlink_to(here / "elsewhere")
    flock = fcntl.flock

    def only_here(file: int, operation: int) -> None:
        if "elsewhere" in str(Path(f"/proc/self/fd/{file}").readlink()):
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        flock(file, operation)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", only_here)
        outcome = run()
        assert outcome.code == 1
        assert re.fullmatch(r"tagmates: \S+/runs/stl-pos-\S+: its file system has no file locks .*\n", outcome.err)
        assert totals() == (0, 0, 3)
        assert run("s.toml", "--no-lock").code == 0
    assert all_numbers(FOLDER) == short


@pytest.mark.slow
def test_too_little_memory_stops_a_study_and_loses_nothing(
    short: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(SHORT)

    def saved(folder: Path, trained: Any) -> None:
        save_checkpoint(folder, trained)
        if trained.config.tasks == ("ner",) and trained.epoch == 2:
            torch.empty(2**60)

    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", saved)
        with pytest.raises(OutOfMemoryError) as caught:  # __main__ prints it and ends the process
            run()
    assert str(caught.value).startswith(f"{folder_of('ner').name}: there is not enough memory")
    assert "fewer --workers; finished epochs are saved" in str(caught.value)
    assert totals() == (1, 0, 2)
    epochs_before = epochs("ner")
    assert run().code == 0
    assert epochs("ner").startswith(epochs_before)
    assert all_numbers(FOLDER) == short


@pytest.mark.parametrize(
    ("head", "rest", "pattern"),
    [
        ("seed = [1]", "", r"s\.toml: unknown key 'seed' \(did you mean 'seeds'\?\)"),
        ("", "max_epoch = 2", r"s\.toml: unknown key 'training\.max_epoch' \(did you mean 'max_epochs'\?\)"),
        ("modle = 1", "", r"s\.toml: unknown key 'modle' \(did you mean 'model'\?\)"),
        ('tasks = ["pso"]', "", r"no task 'pso' \(did you mean 'pos'\?\); there are pos, ner"),
        ('regimes = ["pairs"]', "", r"s\.toml: regimes.*'pair'.* not 'pairs'"),
        ('sharing = ["multidec"]', "", r"s\.toml: sharing.*'multi_dec'.* not 'multidec'"),
        ('preset = "papr"', "", r"s\.toml: preset papr: .*did you mean 'paper'\?"),
        ("seeds = []", "", r"s\.toml: seeds: "),
        ("regimes = []", "", r"s\.toml: regimes: "),
        ("seeds = [1, 2, 1]", "", r"s\.toml: seeds names 1 twice; name each once"),
        ('tasks = ["pos", "pos"]', "", r"s\.toml: tasks names 'pos' twice; name each once"),
        ("", "stopping_patience = ", r"s\.toml: is not valid TOML"),
        ("", "batch_size = 1", r"batch_size 1 is smaller than the number of tasks"),
        ("", "loss_weights = {pso = 2.0}", r"loss_weights names 'pso' \(did you mean 'pos'\?\)"),
        ('oracle_sets = "published"', "", r"oracle_sets: the paper has no task 'pos'"),
    ],
)
def test_a_study_file_that_cannot_be_is_one_line(head: str, rest: str, pattern: str) -> None:
    write_study(SHORT, head=head, training=rest)
    for command in ("run", "plan", "status"):
        refused(2, pattern, "study", command, "s.toml")


def test_a_study_file_that_is_missing_or_no_text() -> None:
    refused(2, r"s\.toml: cannot be read \(No such file", "study", "run", "s.toml")
    Path("s.toml").write_bytes(b"\xff\xfe\x00")
    refused(2, r"s\.toml: is not UTF-8", "study", "run", "s.toml")


@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        (("--regime", "pairs"), r"--regime: .*did you mean 'pair'\?"),
        (("--sharing", "multidec"), r"--sharing: .*did you mean 'multi_dec'\?"),
        (("--tasks", "pso"), r"--tasks: .*did you mean 'pos'\?"),
        (("--seeds", "7"), r"--seeds: there is no '7'; there are 1"),
        (("--set", "seeds=[]"), r"seeds: "),
        (("--shard", "3/2"), r"--shard 3/2: write PART/PARTS"),
        (("--time-limit", "soon"), r"--time-limit soon: write a time"),
        (("--engine", "lokal"), r'--engine.*Did you mean "local"\?'),
        (("--workers", "0"), r"--workers"),
    ],
)
def test_a_wrong_option_is_one_line(args: tuple[str, ...], pattern: str) -> None:
    refused(2, pattern, "study", "run", write_study(SHORT), *args)


@pytest.mark.parametrize(("engine", "package", "extra"), [("ray", "ray", "ray"), ("processes", "pebble", "study")])
def test_an_engine_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, engine: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    outcome = tagmates("study", "run", write_study(SHORT), "--engine", engine)
    line = f"tagmates: --engine {engine}: needs the extra '{extra}': {get_extra(extra)}\n"
    assert (outcome.code, outcome.out, outcome.err) == (2, "", line)


@pytest.mark.usefixtures("trained")
def test_other_data_than_before_are_refused(here: Path) -> None:
    write_corpus(here / "other", train=(here / "corpus" / "dev.txt").read_text())
    refused(
        2,
        "was begun with other data .*: task pos had other sentences",
        "study",
        "run",
        "s.toml",
        "--data",
        "other",
        *LOCAL,
    )


def test_a_study_in_no_place_fails_no_run(here: Path) -> None:
    write_study(SHORT)
    assert run("s.toml", "--time-limit", "0s").code == 0
    (FOLDER / "runs").rmdir()
    (FOLDER / "runs").write_text("")
    refused(2, f"{FOLDER}.*File exists", "study", "run", "s.toml", *LOCAL)
