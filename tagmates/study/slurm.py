"""A study as a job array of SLURM: the batch script, in which an element trains one shard of the study.

The script says what happens when the time of an element ends, when SLURM sends it a signal, and when it is submitted
again; ``tests/study/test_slurm.py`` runs it with a stand-in for SLURM, and with SLURM where it is installed.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.errors import ConfigError
from tagmates.study.durations import wall_text

MARGIN = 300  # seconds before the wall at which a call of ``study run`` ends, at most a tenth of the wall
PENDING_CODE = 75  # of ``study run`` when its shard is not done yet; EX_TEMPFAIL
# options of sbatch that the script sets, and the option of tagmates that decides them
OWN_OPTIONS: Mapping[str, str] = {
    "array": "--shards",
    "cpus-per-task": "--workers and --threads",
    "time": "--time",
    "signal": "--time",
    "requeue": "--max-restarts",
    "no-requeue": "--max-restarts 0",
    "open-mode": "the script",
    "output": "the script",
    "dependency": "the second line that is printed",
    "wrap": "the script",
    "ntasks": "--workers and --shards",
    "nodes": "--shards",
}
SHORT_OPTIONS: Mapping[str, str] = {
    "a": "array",
    "c": "cpus-per-task",
    "t": "time",
    "o": "output",
    "d": "dependency",
    "n": "ntasks",
    "N": "nodes",
}
# options of ``study run`` that a shard of an array cannot have
NOT_OPTIONS = ("shard", "shards", "time-limit", "budget", "trainings", "until", "engine", "retries", "pending-code")

SCRIPT = """\
#!/bin/bash
{directives}

# Written by tagmates study slurm. An element of this array trains one shard of the study. It ends when its shard is
# done; if its time ends before, or SLURM warns it with USR1 or TERM, it goes back into the queue, and continues with
# the last finished epoch of each training.
cd {here} || exit 1
{exports}

go_back() {{
    trap '' USR1 TERM
    if [ "${{SLURM_RESTART_COUNT:-0}}" -ge {max_restarts} ]; then
        echo "tagmates: restarted ${{SLURM_RESTART_COUNT:-0}} times (--max-restarts); submit this script again" >&2
        exit {pending}
    fi
    scontrol requeue "$element" && exit 0
    echo "tagmates: this cluster does not requeue the job; submit this script again, and what is done stays" >&2
    exit {pending}
}}

stop() {{
    trap '' USR1 TERM
    kill -TERM $! 2>/dev/null
    wait $!
    # after TERM, a job that is not running any more was cancelled, or SLURM has put it back into the queue itself
    if [ "$1" = TERM ] && ! scontrol show job "$element" | grep -q JobState=RUNNING; then
        exit 143
    fi
    go_back
}}

element="${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
trap 'stop USR1' USR1
trap 'stop TERM' TERM
{command} --shard "$SLURM_ARRAY_TASK_ID/{shards}" &
wait $!
code=$?
if [ "$code" -eq {pending} ]; then
    go_back
fi
exit "$code"
"""


@dataclass(frozen=True, slots=True)
class ArrayJob:
    """What a script for SLURM depends on; ``command`` is ``study run`` without the options that say which shard."""

    name: str
    shards: int
    wall: int  # seconds
    cores: int  # of an element
    command: Sequence[str]
    here: Path  # the working directory
    logs: Path  # the folder of the elements' logs
    options: Sequence[str] = ()  # lines after ``#SBATCH``
    environment: Mapping[str, str] | None = None
    max_restarts: int = 50

    @property
    def time_limit(self) -> int:
        """The seconds after which ``study run`` ends cleanly, before the wall."""
        return self.wall - margin(self.wall)

    def script(self) -> str:
        """The batch script."""
        directives = [
            f"--job-name={_quoted(self.name)}",
            f"--array=1-{self.shards}",
            f"--time={wall_text(self.wall)}",
            f"--cpus-per-task={self.cores}",
            f"--signal=B:USR1@{margin(self.wall) // 2}",
            "--requeue" if self.max_restarts else "--no-requeue",
            "--open-mode=append",  # the log of an element goes on after a restart
            f"--output={_quoted(str(self.logs).replace('%', '%%') + '/%A_%a.log')}",
            *self.options,
        ]
        limits = ["--time-limit", f"{self.time_limit}s", "--pending-code", str(PENDING_CODE)]
        exports = {"OMP_NUM_THREADS": "1", **(self.environment or {})}
        return SCRIPT.format(
            directives="\n".join(f"#SBATCH {text}" for text in directives),
            here=shlex.quote(str(self.here)),
            exports="\n".join(f"export {key}={shlex.quote(value)}" for key, value in exports.items()),
            command=shlex.join([*self.command, *limits]),
            shards=self.shards,
            max_restarts=self.max_restarts,
            pending=PENDING_CODE,
        )


def submission(script: Path, *, oracle: bool) -> list[str]:
    """The lines of a shell that submit the script; with ``oracle`` twice, as oracle sets need all other scores.

    The second array waits for the first, and also trains what the first left over.
    """
    file = shlex.quote(str(script))
    if not oracle:
        return [f"sbatch {file}"]
    return [f"first=$(sbatch --parsable {file})", f'sbatch --dependency="afterany:${{first%%;*}}" {file}']


def margin(wall: int) -> int:
    """The seconds between the end of a call of ``study run`` and the wall."""
    return min(MARGIN, wall // 10)


def sbatch_options(words: Sequence[str]) -> list[str]:
    """Options for sbatch, as words of a command line, as the texts of ``#SBATCH`` lines.

    Raises ConfigError for a word that belongs to no option, and for options that the script itself sets.
    """
    options: list[str] = []
    for word in words:
        if word.startswith("-") and len(word) > 1:
            _check_option(word)
            name, equals, value = word.partition("=")
            options.append(f"{name}={_quoted(value)}" if equals else word)
        elif options and not re.search(r"[= ]", options[-1]):
            long = options[-1].startswith("--")
            options[-1] += f"{'=' if long else ' '}{_quoted(word)}"
        else:
            raise ConfigError(f"{word}: belongs to no option; write options of sbatch as --partition short")
    return options


def asks_for_gpu(options: Sequence[str]) -> bool:
    """Whether these options of sbatch ask for a GPU."""
    return any(re.match(r"--gpus|-G|--(?:gres|tres-per-\w+)=(?:.*\W)?gpu\b", option) for option in options)


def _check_option(word: str) -> None:
    """Raise ConfigError for an option that cannot be passed on to sbatch."""
    long = word.startswith("--")
    name = word[2:].partition("=")[0] if long else SHORT_OPTIONS.get(word[1], "")
    if name in OWN_OPTIONS:
        raise ConfigError(f"{word.partition('=')[0]}: is decided by {OWN_OPTIONS[name]}; leave it out")
    if name in NOT_OPTIONS:
        raise ConfigError(f"--{name}: is not for an array; its elements are shards of the whole study")


def _quoted(value: str) -> str:
    """A value for a line after ``#SBATCH``, whose quotes are like a shell's. Raises ConfigError for a line break."""
    if "\n" in value:
        raise ConfigError(f"{value!r}: has a line break, which a line of #SBATCH cannot hold")
    return value if re.fullmatch(r"[\w@%+=:,./\[\]-]+", value) else '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
