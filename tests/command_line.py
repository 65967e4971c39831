"""Commands run in this process and as processes, and the small corpus that they are tried on."""

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tagmates.apps import cli
from tagmates.training import train as training

SENTENCES = """
Otters/N/B-ANIMAL juggle/V/O small/A/O stones/N/O
The/D/O tall/A/O lighthouse/N/O of/P/O Vardo/N/B-PLACE blinks/V/O
Nobody/N/O sails/V/O to/P/O Port/N/B-PLACE Ness/N/I-PLACE in/P/O fog/N/O
Mika/N/B-PERSON paints/V/O
A/D/O red/A/O kite/N/O circles/V/O the/D/O old/A/O mill/N/O
Wet/A/O otters/N/B-ANIMAL sleep/V/O
Mika/N/B-PERSON Lind/N/I-PERSON repairs/V/O two/A/O kites/N/O near/P/O Vardo/N/B-PLACE
The/D/O fog/N/O lifts/V/O
Stones/N/O sink/V/O in/P/O the/D/O harbour/N/O of/P/O Port/N/B-PLACE Ness/N/I-PLACE
Two/A/O gulls/N/B-ANIMAL follow/V/O Mika/N/B-PERSON
Small/A/O boats/N/O sleep/V/O near/P/O the/D/O mill/N/O
Lind/N/B-PERSON sails/V/O
Old/A/O gulls/N/B-ANIMAL juggle/V/O herring/N/B-ANIMAL
The/D/O harbour/N/O blinks/V/O in/P/O fog/N/O
"""

LINES = [[tuple(cell.split("/")) for cell in line.split()] for line in SENTENCES.split("\n") if line]

PARTS = {"train": LINES[:8], "dev": LINES[8:11], "test": LINES[11:]}

FILES = "\n".join(f'{split} = "{split}.txt"' for split in PARTS)

TASKS = f'{FILES}\nseparator = "\\t"\n[tasks.pos]\n[tasks.ner]\ntag_column = 3\nscheme = "iob2"\n'

# the preset would make an epoch of 30 updates of eight sentences
SMALL = (
    *("--set", "model.hidden_size=8", "--set", "training.max_epochs=1", "--set", "training.min_epoch_updates=3"),
    *("--threads", "1"),
)

TINY = (*SMALL, "--vectors", "random")


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said; ``preset`` is the line on stderr that says which preset it took."""

    code: int
    out: str
    err: str
    preset: str = field(default="", compare=False)


def tagmates(*args: object, stdin: bytes = b"") -> Outcome:
    """Run the command line in this process."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tagmates", *map(str, args)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    said = []
    for stream in streams:
        stream.flush()
        said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    assert isinstance(ended.value.code, int)
    return outcome_of(ended.value.code, *said)


def outcome_of(code: int, out: str, err: str) -> Outcome:
    """The outcome, with the lines on stderr about the preset apart."""
    presets = [line for line in err.splitlines(keepends=True) if re.match("(trained with )?preset ", line)]
    for line in presets:
        err = err.replace(line, "", 1)
    return Outcome(code, out, err, "".join(presets).strip())


def done(*args: object, stdin: bytes = b"") -> Outcome:
    """Run a command that must succeed."""
    outcome = tagmates(*args, stdin=stdin)
    assert outcome.code == 0, outcome.err
    return outcome


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its content, and every folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def refused(code: int, pattern: str, *args: object, stdin: bytes = b"") -> str:
    """Run a command that must end in one clear line, having printed and written nothing; returns the line."""
    before = tree(Path.cwd())
    outcome = tagmates(*args, stdin=stdin)
    assert re.search(pattern, outcome.err), outcome.err
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("tagmates: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    assert tree(Path.cwd()) == before
    return outcome.err


def columns(sentences: Sequence[Sequence[Sequence[str]]]) -> str:
    """Sentences as tab-separated columns."""
    return "".join("".join("\t".join(row) + "\n" for row in rows) + "\n" for rows in sentences)


def write_corpus(folder: Path, tasks: str = TASKS, **files: bytes | str | None) -> Path:
    """A corpus of two tasks; ``files`` replace its files (``train``, ``dev``, ``test``), None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tasks.toml").write_text(tasks, encoding="utf-8")
    for split, content in {**{split: columns(rows) for split, rows in PARTS.items()}, **files}.items():
        if content is not None:
            (folder / f"{split}.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def numbers(folder: Path) -> tuple[Any, ...]:
    """Everything a run came to, but for its settings, its name and the seconds it took."""
    result = json.loads((folder / "result.json").read_text())
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for record in [result, *lines]:
        del record["seconds"]
    for key in ("run_id", "signature", "seed", "sharing"):
        del result[key]
    counts = np.load(folder / "counts.npz")
    arrays = {name: counts[name].tolist() for name in counts.files}
    return result, lines, arrays, hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


GOOD = "Otters\tN\tB-ANIMAL\nsleep\tV\tO\n\n"


def training_of(corpus: Path, folder: object, *more: object) -> tuple[object, ...]:
    return ("train", "--data", corpus, "--tasks", "pos,ner", *TINY, "--output-dir", folder, *more)


LONGER = ("--set", "training.max_epochs=4")


def after_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, act: Callable[[], object]) -> None:
    """Let something happen as soon as the end of an epoch is saved."""
    save = training.save_checkpoint

    def saved(folder: Path, run: Any) -> None:
        save(folder, run)
        if run.epoch == epoch:
            act()

    monkeypatch.setattr(training, "save_checkpoint", saved)


def interrupt(corpus: Path, folder: str, *more: object, epoch: int = 1) -> Outcome:
    """A training that is stopped by Ctrl-C at the end of an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        after_epoch(patch, epoch, lambda: signal.raise_signal(signal.SIGINT))
        return tagmates(*training_of(corpus, folder, *LONGER, *more))


def start(*args: object, **streams: Any) -> subprocess.Popen[bytes]:
    """Start the command as a shell would."""
    # unbuffered, as in some containers, would hide what happens at the last flush
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-W", "error", "-m", "tagmates.apps.cli", *map(str, args)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen(command, env={**environment, "OMP_NUM_THREADS": "1"}, **streams)


def ended(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Outcome:
    out, err = process.communicate(stdin)
    return outcome_of(process.returncode, (out or b"").decode(), err.decode())


def read_epochs(process: subprocess.Popen[bytes], count: int) -> None:
    """Wait until this many epochs are reported."""
    assert process.stderr is not None
    while count:
        line = process.stderr.readline()
        assert line, "the training ended early"
        count -= line.startswith(b"epoch ")


def remount(place: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)
