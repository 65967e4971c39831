"""Losses of the first updates of runs of every sharing method: save those of a CPU, compare those of a device.

    python bench/losses.py --save bench/losses.json
    python bench/losses.py --check bench/losses.json --device cuda [--lanes 5] [--tolerance 0.001]

The starter corpus, random vectors, no dropout (a GPU draws other masks than a CPU), so that nothing is needed
beside this repository. Saved losses are of each training alone; compared are those of all side by side. Exit code 1
where one differs by more than the tolerance, relatively.
"""

import json
import sys
from pathlib import Path

from rounds import arguments

from tagmates.config import Sharing
from tagmates.settings_parsing import resolve
from tagmates.study.task_cache import prepare
from tagmates.training.device import choose_device
from tagmates.training.loop import Updated, train_side_by_side
from tagmates.training.run import Run

RUNS: list[tuple[Sharing, str]] = [
    ("stl", "com"),
    ("multi_dec", "upos,supsense"),
    ("te_dec", "chunk,com"),
    ("te_enc", "ner,mwe"),
    ("multi_dec", "all"),
]
UPDATES = 20
SETTINGS = ("model.dropout=0", "model.character_dropout=0", "vectors='random'", "training.max_epochs=99")


def run_of(sharing: Sharing, tasks: str, seed: int, device: str) -> Run:
    """One of the runs."""
    from tagmates.data.tasks import choose_tasks, load_tasks  # noqa: PLC0415

    chosen = choose_tasks(tasks, load_tasks("starter"))
    return prepare(
        resolve("paper", None, SETTINGS, {"tasks": chosen, "sharing": sharing, "seed": seed}), "starter", device
    )


def first_losses(runs: list[Run], lanes: int) -> dict[str, list[float]]:
    """The losses of the first updates of every run, by its id."""
    found: dict[str, list[float]] = {run.id: [] for run in runs}
    for event in train_side_by_side(runs, lanes):
        if isinstance(event, Updated) and len(found[event.run.id]) < UPDATES:
            found[event.run.id].append(event.loss)
        if all(len(losses) == UPDATES for losses in found.values()):
            break
    return found


def main() -> None:
    """Save or compare."""
    options = arguments(__doc__, save="", check="", device="auto", lanes=len(RUNS), tolerance="0.001")
    device = "cpu" if options.save else choose_device(options.device)
    runs = [run_of(sharing, tasks, seed, device) for seed, (sharing, tasks) in enumerate(RUNS, 1)]
    if options.save:
        alone = {name: losses for run in runs for name, losses in first_losses([run], 1).items()}
        Path(options.save).write_text(json.dumps(alone, indent=1) + "\n")
        return
    saved: dict[str, list[float]] = json.loads(Path(options.check).read_text())
    worst = 0.0
    for run in runs:
        if run.id not in saved:
            sys.exit(f"{options.check}: has no losses of run {run.id}; save them anew on a CPU")
    for name, losses in first_losses(runs, options.lanes).items():
        apart = max(abs(a - b) / abs(b) for a, b in zip(losses, saved[name], strict=True))
        worst = max(worst, apart)
        print(f"run {name}: {UPDATES} updates, at most {apart:.1e} apart (last loss {losses[-1]:.5f})")
    print(f"at most {worst:.1e} apart on {device}, {options.lanes} lanes; allowed {options.tolerance}")
    sys.exit(worst > float(options.tolerance))


if __name__ == "__main__":
    main()
