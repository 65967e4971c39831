"""The tables of docs/encoders.md: test F1 and training minutes by GloVe, a frozen encoder, and a fine-tuned one.

    python bench/encoder_scores.py [--folder docs/runs] [--seed 1]

Reads ``paper.jsonl.xz``, ``encoders-frozen.jsonl.xz`` and ``encoders-finetuned.jsonl.xz`` there, and prints Markdown.
"""

from pathlib import Path
from typing import Any

from rounds import arguments

from tagmates.study.run_table import read_table

TABLES = {"GloVe": "paper", "frozen": "encoders-frozen", "fine-tuned": "encoders-finetuned"}
TASKS = ("supsense", "mwe", "chunk", "ner", "frame", "upos", "com")
METHODS = ("stl", "multi_dec", "te_dec", "te_enc")
Results = dict[tuple[str, frozenset[str]], dict[str, Any]]  # sharing, tasks -> result.json


def main() -> None:
    """Print the tasks alone, then what is trained jointly."""
    options = arguments(__doc__, folder="docs/runs", seed=1)
    results = {
        name: results_of(Path(options.folder) / f"{table}.jsonl.xz", options.seed) for name, table in TABLES.items()
    }
    print(f"| task | {' | '.join(TABLES)} | minutes, {' | '.join(TABLES)} |")
    print(f"| --- |{' --- |' * 2 * len(TABLES)}")
    for task in TASKS:
        alone = [results[name].get(("stl", frozenset({task}))) for name in TABLES]
        scores = [f"{one['test'][task]['f1']:.2f}" if one else "–" for one in alone]
        minutes = [f"{one['seconds'] / 60:.0f}" if one else "–" for one in alone]
        print(f"| {task.upper()} | {' | '.join(scores + minutes)} |")
    for tasks in sorted({key[1] for key in results["fine-tuned"] if len(key[1]) > 1}, key=len):
        shown = [*(task for task in TASKS if task in tasks), *sorted(tasks.difference(TASKS))]
        print(f"\n| {' + '.join(sorted(tasks)) if len(tasks) < 4 else f'all {len(tasks)}'} | "
              f"{' | '.join(task.upper() for task in shown)} | minutes |")  # fmt: skip
        print(f"| --- |{' --- |' * (len(shown) + 1)}")
        for name, method in (("GloVe", "multi_dec"), *(("fine-tuned", method) for method in METHODS)):
            one = results[name].get((method, tasks))
            if one is not None:
                scores = [f"{one['test'][task]['f1']:.2f}" for task in shown]
                print(f"| {name}, {method} | {' | '.join(scores)} | {one['seconds'] / 60:.0f} |")


def results_of(table: Path, seed: int) -> Results:
    """The results of the runs with this seed in a table; empty if there is no table."""
    if not table.exists():
        return {}
    _, rows = read_table(table)
    every = [row["result"] for row in rows.values()]
    return {(one["sharing"], frozenset(one["tasks"])): one for one in every if one["seed"] == seed}


if __name__ == "__main__":
    main()
