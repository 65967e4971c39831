"""The command as a process of its own: memory, closed streams, signals, kills and locks."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import (
    LONGER,
    TINY,
    after_epoch,
    done,
    ended,
    numbers,
    read_epochs,
    refused,
    remount,
    start,
    tagmates,
    training_of,
)

from tagmates.errors import OutOfMemoryError
from tagmates.files import read_tensors

pytestmark = pytest.mark.usefixtures("here")


LITTLE = """
import resource, sys
from tagmates.__main__ import main
from tagmates.apps import cli
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + int(sys.argv.pop(1)), -1))
main()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a limit on memory is of Linux")
@pytest.mark.parametrize("more", [pytest.param(2**20, marks=pytest.mark.slow), 2**25])
def test_too_little_memory_is_one_line(here: Path, corpus: Path, run: Path, more: int) -> None:
    """A real limit on address space, so near that torch's first arrays do not fit."""
    large = ("--set", "model.hidden_size=2000", "--vectors", "random", "--threads", "1")
    for args in (
        ("train", "--tasks", "pos", "--data", corpus, "--output-dir", "out", *large),
        *([("tag", run), ("evaluate", run)] if more == 2**20 else []),
    ):
        command = [sys.executable, "-c", LITTLE, str(more), *map(str, args)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        outcome = ended(
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=-1, stderr=-1), b"One two .\n"
        )
        if outcome.code == 0:  # a model of 8 units may find room in what Python has left
            assert args[0] != "train"
            continue
        assert outcome.code == 1, outcome.err
        assert re.fullmatch(r"tagmates: there is not enough memory \(.*\); .*\n", outcome.err), outcome.err


@pytest.mark.slow
def test_memory_that_runs_out_keeps_the_checkpoint(here: Path, corpus: Path) -> None:
    def ask() -> None:
        np.zeros(2**50)

    done(*training_of(corpus, "whole", *LONGER))
    with pytest.MonkeyPatch.context() as patch:
        after_epoch(patch, 2, ask)
        with pytest.raises(OutOfMemoryError) as caught:  # __main__ prints it and ends the process
            tagmates(*training_of(corpus, "run", *LONGER))
    assert re.fullmatch(
        r"there is not enough memory \(Unable to allocate .*\); .*--resume continues .*", str(caught.value)
    )
    done(*training_of(corpus, "run", *LONGER), "--resume")
    assert numbers(here / "run") == numbers(here / "whole")


def commands(corpus: Path, trained: Path) -> list[tuple[object, ...]]:
    """One of each that prints to stdout."""
    return [
        ("evaluate", trained, "--json"),
        ("evaluate", trained),
        ("tag", trained, "--input", "conll", corpus / "test.txt"),
        ("tag", trained, "--output", "table", corpus / "test.txt"),
        ("data", "stats", "--data", corpus),
        ("data", "stats", "--data", corpus, "--json"),
        ("train", "--data", corpus, "--tasks", "pos", *TINY, "--output-dir", "new"),
        ("train", "--data", corpus, "--tasks", "pos", "--print-config", "--output-dir", "new"),
        ("--help",),
    ]


@pytest.mark.parametrize("number", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 9))])
def test_a_full_device_as_stdout_is_one_line(corpus: Path, trained: Path, number: int) -> None:
    with Path("/dev/full").open("wb") as full:
        found = ended(start(*commands(corpus, trained)[number], stdout=full))
    line = found.err.splitlines()[-1]
    assert line == f"tagmates: standard output: {os.strerror(errno.ENOSPC)}; make room, or choose another place"
    assert "Exception" not in found.err
    assert found.code == 1


@pytest.mark.slow
def test_a_reader_that_leaves_early_ends_it_quietly(trained: Path) -> None:
    text = b"The fog lifts near the old mill of Vardo .\n\n" * 2000  # more than a pipe holds
    with start("tag", trained, stdin=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(text)
        process.stdin.close()
        assert process.stdout.readline() == b"# token\tpos\tner\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", range(9))
def test_a_reader_that_is_gone_before_the_first_line(corpus: Path, trained: Path, number: int) -> None:
    with start(*commands(corpus, trained)[number]) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 1
    assert "Error" not in said
    assert "Exception" not in said


@pytest.mark.slow
def test_streams_that_are_closed(trained: Path) -> None:
    for redirect, name in (("<&-", "input"), (">&-", "output")):
        command = [sys.executable, "-m", "tagmates.apps.cli", "tag", str(trained)]
        shell = ["sh", "-c", f'"$@" {redirect}', "sh", *command]
        found = subprocess.run(shell, capture_output=True, text=True)
        assert re.fullmatch(rf"tagmates: standard {name}: is closed; .*\n", found.stderr)
        assert (found.returncode, found.stdout) == (1, "")


@pytest.mark.slow
def test_what_is_printed_is_utf_8_whatever_the_locale(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for output in ("conll", "json", "table"):
        found = ended(start("tag", trained, "--output", output, stdin=subprocess.PIPE), "Vardø".encode())
        assert (found.code, found.err) == (0, "")
        assert "Vardø" in found.out


# epochs of as many updates as the preset makes, which last until the training is interrupted
LASTING = ("--set", "training.min_epoch_updates=30")
ENDLESS = (*LASTING, "--set", "training.max_epochs=100000", "--set", "training.stopping_patience=100000")


SEVERAL = (*LASTING, "--set", "training.max_epochs=100", "--set", "training.stopping_patience=100")


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 5])
def test_sigint_in_the_middle_of_a_training(here: Path, corpus: Path, epochs: int) -> None:
    process = start(*training_of(corpus, "run", *ENDLESS))
    read_epochs(process, epochs)
    process.send_signal(signal.SIGINT)
    found = ended(process)
    assert (found.code, found.out) == (130, "")
    assert found.err.splitlines()[-1].startswith("tagmates: interrupted; finished epochs are saved in run: ")
    saved = (here / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(saved) >= epochs
    process = start(*training_of(corpus, "run", *ENDLESS, "--resume"))
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"preset ")
    assert process.stderr.readline().split()[:2] == [b"epoch", str(len(saved) + 1).encode()]
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130


@pytest.mark.slow
def test_two_trainings_in_one_folder_and_a_lock_that_was_left(here: Path, corpus: Path) -> None:
    with start(*training_of(corpus, "run", *ENDLESS)) as process:
        read_epochs(process, 2)
        for how in ("--resume", "--force"):
            outcome = tagmates(*training_of(corpus, "run", *ENDLESS, how))
            assert (outcome.code, outcome.out) == (2, "")
            assert re.fullmatch(r"tagmates: run: another process is training there; [^\n]*\n", outcome.err)
        read_epochs(process, 2)  # goes on
        process.kill()
    assert (here / "run" / ".lock").exists()
    _, metadata = read_tensors(here / "run" / "checkpoint.safetensors")
    assert json.loads(metadata["state"])["epoch"] >= 4  # nothing was lost
    done(*training_of(corpus, "run", "--force"))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "several"
    done(*training_of(corpus, folder, *SEVERAL))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 7])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_training_ends_in_the_same_numbers(
    here: Path, corpus: Path, several: Path, epochs: int, how: int
) -> None:
    process = start(*training_of(corpus, "run", *SEVERAL))
    read_epochs(process, epochs)
    process.send_signal(how)
    process.communicate()
    assert not (here / "run" / "result.json").exists()
    found = ended(start(*training_of(corpus, "run", *SEVERAL, "--resume")))
    assert found.code == 0, found.err
    assert numbers(here / "run") == numbers(several)
    assert not [path.name for path in (here / "run").iterdir() if path.name.endswith(".new")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A tiny file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("size", range(4, 1000, 80))
def test_a_disk_of_any_size_loses_nothing(here: Path, corpus: Path, disk: Path, size: int) -> None:
    done(*training_of(corpus, "whole", *LONGER))
    remount(disk, f"size={size}k")
    stopped = tagmates(*training_of(corpus, disk / "run", *LONGER))
    if stopped.code:
        assert stopped.code == 1
        last = stopped.err.splitlines()[-1]
        assert re.match(r"tagmates: \S+: (cannot be written \()?No space left on device", last), last
        assert not [path.name for path in (disk / "run").iterdir() if path.name.endswith(".new")]
        if (disk / "run" / "checkpoint.safetensors").exists():
            read_tensors(disk / "run" / "checkpoint.safetensors")
    remount(disk, "size=20m")
    done(*training_of(corpus, disk / "run", *LONGER, "--resume"))
    assert numbers(disk / "run") == numbers(here / "whole")


@pytest.mark.slow
def test_a_read_only_place_is_one_line_and_stays_as_it_is(here: Path, corpus: Path, disk: Path) -> None:
    done(*training_of(corpus, disk / "run"))
    (disk / "empty").mkdir()
    remount(disk, "ro")
    refused(2, "new: cannot be used as output folder", *training_of(corpus, disk / "new"))
    for folder, how in (("empty", ()), ("run", ("--force",)), ("run", ("--resume",))):
        message = r"cannot be used as output folder \(Read-only file system\)"
        refused(2, message, *training_of(corpus, disk / folder, *how))
    for folder in ("empty", "new"):
        refused(1, "Read-only file system; |cannot be written", "evaluate", disk / "run", "--output", disk / folder)
