"""Studies as job arrays of SLURM: the script, and what its elements do when they are ended, warned and cancelled."""

import getpass
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import slurm_stand_in
from command_line import done, refused, tagmates
from study_faults import WORKER_HOOK
from tiny_study import write_tiny_study

from tagmates import locks
from tagmates.errors import ConfigError
from tagmates.study.durations import parse_wall, wall_text
from tagmates.study.slurm import asks_for_gpu, margin, sbatch_options

PATIENCE = 300  # seconds until a test stops waiting and fails
EPOCHS = 6
HOLD_EPOCH = 3  # in which a training waits to be killed
HOLD = 'held = Path("{held}"); held.exists() or (held.touch(), threading.Event().wait())'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place, with a space in its name, that has the file of a study of two tasks."""
    place = tmp_path / "a place"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    write_tiny_study(place, 'regimes = ["single", "pair", "oracle"]\n', sharing=["multi_dec"], max_epochs=EPOCHS)
    return place


class Cluster(Protocol):
    """A SLURM, or what stands in for it; an element is named ``JOB_NUMBER``."""

    def state(self, element: str) -> tuple[str, int]:
        """PENDING, RUNNING or ENDED, and how often it was restarted."""

    def warn(self, element: str, how: signal.Signals) -> None:
        """Send a signal to the script of an element."""

    def cancel(self, element: str) -> None:
        """Cancel an element."""


@dataclass(frozen=True)
class StandIn:
    """Programs of this folder's own in the place of SLURM's."""

    folder: Path

    def state(self, element: str) -> tuple[str, int]:
        path = self.folder / element
        state, _, restarts = path.read_text().split() if path.exists() else ("PENDING", "", "0")
        return state, int(restarts)

    def code(self, element: str) -> int:
        return int((self.folder / element).read_text().split()[1])

    def warn(self, element: str, how: signal.Signals) -> None:
        os.kill(self.code(element), how)

    def cancel(self, element: str) -> None:
        pid = self.code(element)
        slurm_stand_in.write(self.folder, element, f"CANCELLED {pid} 0")
        os.killpg(pid, signal.SIGTERM)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in on the path; what still runs at the end of a test is killed."""
    programs, state = tmp_path / "programs", tmp_path / "state"
    programs.mkdir()
    state.mkdir()
    for name in ("sbatch", "scontrol"):
        words = shlex.join([sys.executable, slurm_stand_in.__file__, name, str(state)])
        (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    yield StandIn(state)
    for path in state.glob("[0-9]*_*"):
        kind, pid, _ = path.read_text().split()
        if kind == "RUNNING":
            os.killpg(int(pid), signal.SIGKILL)


CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={place}/munge/socket,cred_expire=5
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
KillWait=5
NodeName={host} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@dataclass(frozen=True)
class Slurm:
    """A cluster of this machine alone."""

    def state(self, element: str) -> tuple[str, int]:
        shown = subprocess.run(["scontrol", "show", "job", "-o", element], capture_output=True, text=True).stdout
        found = re.search(r"JobState=(\w+) .* Restarts=(\d+) ", shown)
        assert found, shown
        state = found[1] if found[1] in ("PENDING", "RUNNING", "COMPLETING", "CANCELLED") else "ENDED"
        return state, int(found[2])

    def warn(self, element: str, how: signal.Signals) -> None:
        subprocess.run(["scancel", f"--signal={how.name[3:]}", "--batch", element], check=True)

    def cancel(self, element: str) -> None:
        subprocess.run(["scancel", element], check=True)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """SLURM, where Debian's slurm-wlm and munge are installed and may be started."""
    if os.geteuid() or not all(map(shutil.which, ("munged", "slurmctld", "slurmd"))):
        pytest.skip("no SLURM here, or no right to start it: apt-get install slurm-wlm munge")
    place = tmp_path / "slurm"
    for name in ("munge", "state", "spool"):
        (place / name).mkdir(parents=True)
    (place / "munge" / "key").write_bytes(os.urandom(1024))
    (place / "munge" / "key").chmod(0o600)
    for folder in (place / "munge", *place.parents):
        if folder.is_relative_to(tmp_path.parent.parent):
            folder.chmod(0o755)  # munged asks for this
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
    host = socket.gethostname().partition(".")[0]
    path = place / "slurm.conf"
    path.write_text(CONFIGURATION.format(host=host, user=getpass.getuser(), place=place, ports=ports))
    monkeypatch.setenv("SLURM_CONF", str(path))
    munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    commands = [
        ["munged", "--foreground", "--force", *(f"--{name}={place}/munge/{file}" for name, file in munge.items())],
        ["slurmctld", "-D", "-f", str(path)],
        ["slurmd", "-D", "-f", str(path)],
    ]
    log = place / "log"
    started = []
    with log.open("wb") as file:
        for command in commands:
            started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file))
            if command[0] == "munged":
                wait_for((place / "munge" / "socket").exists, log.read_text)
        nodes = ["sinfo", "--noheader", "--format=%t"]
        wait_for(lambda: subprocess.run(nodes, capture_output=True).stdout == b"idle\n", log.read_text)
    yield Slurm()
    subprocess.run(["scancel", "--user", getpass.getuser()])
    wait_for(lambda: not subprocess.run(["squeue", "--noheader"], capture_output=True).stdout, log.read_text)
    for process in reversed(started):
        process.terminate()
        process.wait()


def wait_for(condition: Callable[[], Any], what: Callable[[], str] = lambda: "") -> None:
    """Look until it is there; fail if nothing comes of it."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"nothing comes of it: {what()}"
        time.sleep(0.01)


def wait_for_hold(cluster: "Cluster", held: Path, element: str = "1_1") -> None:
    """Wait until the training that is to be killed waits for that."""
    wait_for(lambda: held.exists() or cluster.state(element)[0] in ("ENDED", "CANCELLED"), logs)
    assert held.exists(), logs()


def hold(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the first training of pos wait for ever in the middle of an epoch; returns the file that is there then."""
    hooks, held = here.parent / "hooks", here.parent / "held"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(
        WORKER_HOOK.format(tasks="pos", epoch=HOLD_EPOCH, step=1, act=HOLD.format(held=held))
    )
    monkeypatch.setenv("PYTHONPATH", ":".join([str(hooks), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return held


def submit(*more: object, shards: int = 1) -> list[str]:
    """Write the script, and submit it with the lines that are printed; returns what they print."""
    lines = done("study", "slurm", "tiny.toml", "--shards", shards, "--time", "1:00:00", *more).out
    ran = subprocess.run(["bash", "-ec", lines], stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.splitlines()


def logs() -> str:
    return "".join(path.read_text() for path in sorted(Path("runs", "tiny", "slurm").glob("*.log")))


def begun_at(tasks: str) -> list[int]:
    """The finished epochs from which the run of these tasks was begun or continued, each time."""
    (path,) = Path("runs", "tiny").glob(f"runs/*-{tasks}-1-*/train.log")
    return [int(number) for number in re.findall(r"run \w+: .*, epoch (\d+)\n", path.read_text())]


def finished() -> int:
    shown = done("study", "status", "tiny.toml", "--json").out
    return int(json.loads(shown)["total"]["done"])


@pytest.mark.slow
def test_a_warned_element_saves_and_goes_back_into_the_queue(
    here: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold(here, monkeypatch)
    submit("--regime", "single", "--tasks", "pos")
    wait_for_hold(stand_in, held)
    status = json.loads(done("study", "status", "tiny.toml", "--json").out)
    assert [*status["running"].values()] == [HOLD_EPOCH]
    stand_in.warn("1_1", signal.SIGUSR1)
    wait_for(lambda: stand_in.state("1_1") == ("ENDED", 1), logs)
    assert stand_in.code("1_1") == 0, logs()
    assert begun_at("pos") == [0, HOLD_EPOCH]
    assert finished() == 1


@pytest.mark.slow
def test_shards_train_a_study_and_the_second_array_its_oracle_sets(stand_in: StandIn) -> None:
    submit(shards=3)
    for element in [f"{job}_{number}" for job in (1, 2) for number in (1, 2, 3)]:
        wait_for(lambda element=element: stand_in.state(element)[0] == "ENDED", logs)  # type: ignore[misc]
        assert (stand_in.code(element), stand_in.state(element)[1]) == (0, 0), logs()
    status = json.loads(done("study", "status", "tiny.toml", "--json").out)
    assert status["total"]["pending"] == 0
    # each training in one element only
    assert sorted(re.findall(r"^done (\S+):", logs(), re.MULTILINE)) == sorted(
        path.name for path in Path("runs", "tiny", "runs").iterdir()
    )


@pytest.mark.slow
def test_sigterm_of_a_running_element_requeues_and_of_a_cancelled_one_does_not(
    here: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = hold(here, monkeypatch)
    submit("--regime", "single")
    wait_for_hold(stand_in, held)
    stand_in.warn("1_1", signal.SIGTERM)
    wait_for(lambda: stand_in.state("1_1") == ("RUNNING", 1), logs)
    held.unlink()
    wait_for(lambda: held.exists() or stand_in.state("1_1")[0] == "ENDED", logs)
    assert begun_at("pos") == [0, HOLD_EPOCH]
    stand_in.cancel("1_1")
    wait_for(lambda: stand_in.state("1_1")[0] == "ENDED", logs)
    assert stand_in.state("1_1") == ("ENDED", 1)
    assert stand_in.code("1_1") in (143, -signal.SIGTERM)


def test_an_element_is_not_restarted_for_ever(here: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    held = hold(here, monkeypatch)
    submit("--regime", "single", "--tasks", "pos", "--max-restarts", "0")
    wait_for_hold(stand_in, held)
    stand_in.warn("1_1", signal.SIGUSR1)
    wait_for(lambda: stand_in.state("1_1")[0] == "ENDED", logs)
    assert stand_in.code("1_1") == 75
    assert "restarted 0 times (--max-restarts); submit this script again" in logs()


@pytest.mark.slow
def test_slurm_itself(here: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    held = hold(here, monkeypatch)
    submit("--regime", "single", "--tasks", "pos")
    wait_for_hold(slurm, held)
    slurm.cancel("2_1")
    slurm.cancel("1_1")
    wait_for(lambda: slurm.state("1_1") == ("CANCELLED", 0), logs)

    held.unlink()
    first = submit("--regime", "single", "--tasks", "pos", "--comment", 'a "b" # c')[-1].rpartition(" ")[2]
    wait_for_hold(slurm, held, "3_1")
    assert first == "4"  # and 4_1 waits for it
    assert slurm.state("4_1") == ("PENDING", 0)
    assert 'Comment=a "b" # c' in subprocess.run(["scontrol", "show", "job", "3_1"], stdout=-1, text=True).stdout
    status = json.loads(done("study", "status", "tiny.toml", "--json").out)
    assert [*status["running"].values()] == [HOLD_EPOCH]
    slurm.warn("3_1", signal.SIGUSR1)
    wait_for(lambda: slurm.state("3_1") == ("ENDED", 1), logs)
    wait_for(lambda: slurm.state("4_1") == ("ENDED", 0), logs)
    assert begun_at("pos") == [0, HOLD_EPOCH, HOLD_EPOCH]
    assert finished() == 1


def test_a_call_that_leaves_runs_has_the_code_that_was_asked_for() -> None:
    more = ("--engine", "local", "--time-limit", "0s")
    for code in (0, 75):
        outcome = tagmates("study", "run", "tiny.toml", *more, "--pending-code", code)
        assert outcome.code == code, outcome.err
    refused(2, "--pending-code 256: must be from 0 to 255", "study", "run", "tiny.toml", "--pending-code", 256)


def test_the_script_says_what_it_was_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMATES_CACHE", "/a cache")
    shown = done(
        *("study", "slurm", "tiny.toml", "--shards", 7, "--time", "8:00:00", "--workers", 2, "--set", "seeds=[4]"),
        *("--partition", "short", "--mem=8G", "--comment", "two words", "--exclusive", "-A", "lab"),
    )
    script = here / "runs" / "tiny" / "slurm" / "array.sh"
    first, second = shown.out.splitlines()
    assert first == f"first=$(sbatch --parsable {shlex.quote(str(script))})"
    assert second == f'sbatch --dependency="afterany:${{first%%;*}}" {shlex.quote(str(script))}'
    text = script.read_text()
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    for line in (
        "#SBATCH --array=1-7",
        "#SBATCH --time=8:00:00",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --signal=B:USR1@150",
        "#SBATCH --partition=short",
        "#SBATCH --mem=8G",
        '#SBATCH --comment="two words"',
        "#SBATCH --exclusive",
        "#SBATCH -A lab",
        f'#SBATCH --output="{script.parent}/%A_%a.log"',
        "export TAGMATES_CACHE='/a cache'",
        f"cd {shlex.quote(str(here))} || exit 1",
    ):
        assert line in text.splitlines(), line
    (command,) = [line for line in text.splitlines() if " study run " in line]
    words = shlex.split(command)
    assert words[0] == sys.executable
    for option, value in {
        "--data": str(here / "corpus"),
        "--output-dir": str(here / "runs" / "tiny"),
        "--set": "seeds=[4]",
        "--workers": "2",
        "--time-limit": f"{8 * 3600 - 300}s",
        "--shard": "$SLURM_ARRAY_TASK_ID/7",
    }.items():
        assert words[words.index(option) + 1] == value


def test_without_oracle_sets_one_array_is_enough() -> None:
    write_tiny_study(Path(), 'regimes = ["single", "pair"]\n')
    assert done("study", "slurm", "tiny.toml", "--shards", 2, "--time", "1h").out.count("sbatch") == 1


def test_on_a_gpu_an_element_trains_lanes(here: Path) -> None:
    done("study", "slurm", "tiny.toml", "--shards", 2, "--time", "1h", "--gres", "gpu:1")
    assert "--workers" not in (here / "runs" / "tiny" / "slurm" / "array.sh").read_text()
    assert all(
        asks_for_gpu([option]) for option in ("--gpus=1", "--gres=lscratch:9,gpu:1", "--tres-per-task=gres/gpu:1")
    )
    assert not asks_for_gpu(["--gres=disk:1"])


def test_a_folder_without_locks_is_warned_of(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("study", "slurm", "tiny.toml", "--shards", 2, "--time", "1h")
    script = here / "runs" / "tiny" / "slurm" / "array.sh"
    assert "warning" not in done(*said).err
    mounts = here / "mounts"
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/a {str(here.parent).replace(' ', chr(92) + '040')} nfs rw,nolock 0 0\n"
    )
    monkeypatch.setattr(locks, "MOUNTS", mounts)
    assert "(nfs, nolock) has locks that other machines do not see; the shards" in done(*said).err
    assert "--no-lock" not in script.read_text()

    def no_locks(*args: object, **more: object) -> None:
        raise locks.NoLocksError("none")

    monkeypatch.setattr(locks, "take_lock", no_locks)
    assert "its file system has no file locks; the shards" in done(*said).err
    assert "--no-lock" in script.read_text()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--time", "5"], "--time 5: must be at least 10 minutes"),
        (["--time", "soon"], "--time soon: write a time as SLURM does"),
        (["--shards", "0"], "--shards: must be 1 or more"),
        (["--array", "1-3"], "--array: is decided by --shards; leave it out"),
        (["-t", "5"], "-t: is decided by --time"),
        (["--budget", "3h"], "--budget: is not for an array"),
        (["short"], "short: belongs to no option"),
        (["--tasks", "poss"], "did you mean 'pos'"),
        (["--comment", "a\nb"], "has a line break"),
    ],
)
def test_what_cannot_be_is_refused(words: Sequence[str], problem: str) -> None:
    given = {"--shards": "2", "--time": "1h"}
    extra = list(words)
    if words[0] in given:
        given[words[0]], extra = words[1], []
    needed = [word for pair in given.items() for word in pair]
    refused(2, re.escape(problem), "study", "slurm", "tiny.toml", *extra, *needed)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 5400),
        ("90:30", 5430),
        ("8:00:00", 28800),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("2-00:00:30", 172830),
        ("8h", 28800),
        ("1d12h", 129600),
        ("1h30m", 5400),
    ],
)
def test_times_are_read_as_slurm_reads_them(text: str, seconds: int) -> None:
    assert parse_wall(text) == seconds
    assert parse_wall(wall_text(seconds)) == seconds
    assert 0 < margin(seconds) // 2 < margin(seconds) < seconds


def test_options_for_sbatch() -> None:
    words = ["-p", "short", "--mem", "8G", "--exclusive", "--mail-user=a@b", "--comment", 'say "a # b"']
    texts = ["-p short", "--mem=8G", "--exclusive", "--mail-user=a@b", '--comment="say \\"a # b\\""']
    assert sbatch_options(words) == texts
    with pytest.raises(ConfigError, match="belongs to no option"):
        sbatch_options(["--mem", "8G", "more"])
