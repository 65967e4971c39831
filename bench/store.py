"""Status and report of a study of 10,000 finished runs, made up: seconds, without an index and with one.

    python bench/store.py [--runs 10000] [--folder DIR] [--json]

The study is the paper's, with its own oracle sets and as many seeds as make so many runs; test sets have the sizes of
the paper's. The folder is kept where it is named, and used again.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tagmates.data.tasks import PAPER_SCHEMES
from tagmates.study.plan import Planned, make_plan
from tagmates.study.published import published_oracle_sets
from tagmates.study.settings import StudySettings
from tagmates.study.store import Store

SETTINGS = 227  # of the paper's study
SENTENCES = {
    "upos": 2077, "xpos": 2077, "chunk": 1011, "ner": 3453, "mwe": 535, "sem": 4169, "semtr": 4169, "supsense": 535,
    "com": 412, "frame": 500, "hyp": 974,
}  # fmt: skip


def make_study(root: Path, runs: int) -> None:
    """Write ``study.json`` and the run folders that a report reads."""
    tasks = tuple(PAPER_SCHEMES)
    seeds = tuple(range(1, -(-runs // SETTINGS) + 1))
    methods = ("multi_dec", "te_dec", "te_enc")
    study = StudySettings(tasks=tasks, sharing=methods, seeds=seeds, oracle_sets="published")
    store = Store(root)
    store.start(study, "starter", {}, "glove")
    draw = np.random.default_rng(1)
    for planned in make_plan(study, tasks, published_oracle_sets()):
        write_run(store.folder(planned.name), planned, draw)


def write_run(folder: Path, planned: Planned, draw: np.random.Generator) -> None:
    """A finished run of no tagger: made-up counts and their scores."""
    folder.mkdir(parents=True, exist_ok=True)
    config = planned.config
    counts = {task: draw.integers(0, 12, size=(SENTENCES[task], 3), dtype=np.int32) for task in config.tasks}
    totals = {task: array.sum(0) for task, array in counts.items()}
    test = {task: {"f1": float(200 * t[0] / (2 * t[0] + t[1] + t[2]))} for task, t in totals.items()}
    result = {
        "run_id": planned.name, "tasks": config.tasks, "sharing": config.sharing, "seed": config.seed,
        "stopped": "patience", "epochs": 30, "best_epoch": 20, "updates": 3000, "seconds": 600.0,
        "parameters": 3_000_000, "dev": test, "test": test,
    }  # fmt: skip
    if config.sharing in ("te_dec", "te_enc"):
        embeddings = draw.normal(size=(len(config.tasks), 25)).tolist()
        result["task_embeddings"] = {"last": embeddings, "best": embeddings}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{f"test/{task}": array for task, array in counts.items()})  # type: ignore[arg-type]
    (folder / "counts.npz").write_bytes(buffer.getvalue())
    (folder / "config.json").write_text(json.dumps(config.model_dump(mode="json"), indent=2))
    (folder / "result.json").write_text(json.dumps(result, indent=2))


def seconds_of(*command: str) -> float:
    """Wall time of a tagmates command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tagmates.apps.cli", *command], check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - began, 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        root = options.folder or Path(passing) / "study"
        if not (root / "study.json").exists():
            print(f"writing {options.runs} runs to {root}", file=sys.stderr)
            make_study(root, options.runs)
        index = root / "index.sqlite"
        result: dict[str, float] = {"runs": len(list((root / "runs").iterdir()))}
        for command in ("status", "report"):
            index.unlink(missing_ok=True)
            result[f"{command}, no index, s"] = seconds_of("study", command, str(root))
            result[f"{command}, s"] = seconds_of("study", command, str(root))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
