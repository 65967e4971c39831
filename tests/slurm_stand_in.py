"""A stand-in for the programs of SLURM: ``sbatch`` runs the elements of an array as processes, one after the other.

Used as ``python slurm_stand_in.py PROGRAM STATE ...``; the folder STATE holds a file for each element, with its state,
its process and how often it was restarted.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path


def sbatch(state: Path, words: list[str]) -> None:
    """Queue a script, as options in its lines and on the command line say, and print the number of the job."""
    script = Path(words[-1])
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script.read_text(), re.MULTILINE))
    after = next((word.rpartition(":")[2] for word in words if word.startswith("--dependency=")), "")
    job = str(1 + sum(path.name.startswith("job-") for path in state.iterdir()))
    last = int(options["array"].partition("-")[2])
    for number in range(1, last + 1):
        write(state, f"{job}_{number}", "PENDING 0 0")
    (state / f"job-{job}").write_text(f"{script}\n{last}\n{after}\n{options['output'].strip(chr(34))}")
    subprocess.Popen(  # as SLURM's own processes
        [sys.executable, __file__, "control", str(state), job],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    print(job if "--parsable" in words else f"Submitted batch job {job}")


def control(state: Path, words: list[str]) -> None:
    """Run the elements of a job after the job that it depends on."""
    (job,) = words
    script, last, after, output = (state / f"job-{job}").read_text().split("\n")
    while after and not (state / f"ended-{after}").exists():
        time.sleep(0.01)
    for number in range(1, int(last) + 1):
        element, restarts, code = f"{job}_{number}", 0, -1
        while True:
            name = output.replace("%A", job).replace("%a", str(number)).replace("%%", "%")
            with Path(name).open("ab") as log:
                process = subprocess.Popen(
                    ["bash", script],
                    env={
                        **os.environ,
                        "SLURM_ARRAY_JOB_ID": job,
                        "SLURM_ARRAY_TASK_ID": str(number),
                        "SLURM_JOB_ID": f"{job}0{number}",
                        **({"SLURM_RESTART_COUNT": str(restarts)} if restarts else {}),
                    },
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                write(state, element, f"RUNNING {process.pid} {restarts}")
                code = process.wait()
            if not (state / f"requeue-{element}").exists():
                break
            (state / f"requeue-{element}").unlink()
            restarts += 1
        write(state, element, f"ENDED {code} {restarts}")
    (state / f"ended-{job}").touch()


def scontrol(state: Path, words: list[str]) -> None:
    """``requeue ELEMENT``, which ends what runs of it; or ``show job ELEMENT``."""
    element = words[-1]
    found, pid, _ = (state / element).read_text().split()
    if words[0] == "requeue":
        (state / f"requeue-{element}").touch()
        os.killpg(int(pid), signal.SIGTERM)
    else:
        print(f"JobId={element} JobName=x\n   JobState={found} Reason=None")


def write(state: Path, element: str, text: str) -> None:
    """Replace the file of an element at once."""
    beside = state / f".{element}"
    beside.write_text(text)
    beside.replace(state / element)


if __name__ == "__main__":
    {"sbatch": sbatch, "scontrol": scontrol, "control": control}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3:])
