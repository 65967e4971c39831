"""Large files: tokens per second with one and with two workers, and the memory of all processes at its highest.

    python bench/bulk.py [--megabytes 20,200] [--workers 1,2] [--cut 1000] [--model FOLDER]

Every file is made of a few sentences, again and again with other numbers in them, and tagged as a user would:
``tagmates tag MODEL big.txt --workers N --output-file big.conll``. The rate counts everything from start to end,
start-up too. Memory is the sum of all processes' own peaks (VmHWM), which counts twice what they share, such as
torch's code. The default model is small, of the starter corpus' four tasks, with weights as initialised. First
``--cut`` megabytes are cut without being tagged, as paragraphs and as one line.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count, islice
from pathlib import Path

from tagmates.config import ModelSettings, RunConfig
from tagmates.study.task_cache import prepare
from tagmates.tagging.chunks import read_chunks

SENTENCES = (
    "The ferry to Port Ness left pier {} in fog, and nobody on board said a word about it.",
    "Mika paid ${}.50 for two red kites; her sister didn't like either of them!",
    'Dr. Lind gave up on chapter {}: "Too long," she wrote, "and too late."',
    "Were {} otters juggling stones near the old mill?",
)
MEGABYTE = 10**6


def write_text(path: Path, size: int, end: str) -> None:
    """Write so many bytes of sentences; ``end`` stands after each four."""
    paragraphs = (" ".join(SENTENCES).format(*(n * 4 + i for i in range(4))) + end for n in count())
    written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            written += file.write("".join(islice(paragraphs, 1000)))


def small_model(folder: Path) -> Path:
    """A tagger of the starter corpus' tasks."""
    settings = ModelSettings(hidden_size=32, character_hidden_size=16, character_size=16)
    config = RunConfig(tasks=("upos", "chunk", "mwe", "supsense"), vectors="random", model=settings)
    prepare(config, "starter", "cpu").tagger.save_pretrained(folder)
    return folder


def peaks(pid: int, found: dict[int, int]) -> None:
    """Bring the highest memory of a process and of all below it up to date, in kilobytes."""
    try:
        found[pid] = int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                peaks(int(child), found)
    except (OSError, IndexError):  # it has ended
        return


def tag(model: Path, text: Path, workers: int) -> tuple[int, float, list[float]]:
    """Tokens, seconds, and megabytes of every process."""
    output = text.with_suffix(".conll")
    command = [sys.executable, "-m", "tagmates.apps.cli", "tag", model, text, "--workers", workers, "--force"]
    began, found = time.perf_counter(), dict[int, int]()
    with subprocess.Popen(list(map(str, [*command, "--output-file", output])), stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            peaks(process.pid, found)
            time.sleep(0.2)
        assert process.stderr
        said = process.stderr.read().decode()
    seconds = time.perf_counter() - began
    output.unlink()
    tokens = re.search(r"([\d,]+) tokens$", said.strip())
    if tokens is None:
        sys.exit(said)
    return int(tokens[1].replace(",", "")), seconds, sorted((kb / 1000 for kb in found.values()), reverse=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", default="20,200")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--cut", type=int, default=1000)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "big.txt"
        for end, name in (("\n\n", "paragraphs"), (" and ", "one line")):
            if options.cut:
                write_text(text, options.cut * MEGABYTE, end)
                began, chunks = time.perf_counter(), sum(1 for _ in read_chunks([str(text)], "text"))
                seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
                print(
                    f"{options.cut} MB cut, {name}: {chunks} chunks, {seconds:.1f} s, memory {peak:.0f} MB", flush=True
                )
        model = options.model or small_model(Path(folder) / "model")
        for size in map(int, filter(None, options.megabytes.split(","))):
            write_text(text, size * MEGABYTE, "\n\n")
            for workers in map(int, options.workers.split(",")):
                tokens, seconds, memory = tag(model, text, workers)
                each = " + ".join(f"{value:.0f}" for value in memory)
                rate = f"{tokens:,} tokens, {seconds:.0f} s, {tokens / seconds:,.0f} tokens/s"
                print(f"{size} MB, {workers} worker(s): {rate}, memory {sum(memory):,.0f} MB ({each})", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TAGMATES_CACHE_CORPORA", "0")
    main()
