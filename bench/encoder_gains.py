"""Whom to train with whom, with two encoders: the gains of the same pairs in two tables of runs, and how they agree.

    python bench/encoder_gains.py docs/runs/paper.jsonl.xz docs/runs/encoders.jsonl.xz [--names GloVe,MiniLM]
        [--figure docs/encoder-gains.svg]

The gain of a task from a partner is its test F1 in the pair (MULTI-DEC) minus its F1 alone, the mean over the seeds
that both have. Prints a row for every task and partner that both tables have, Spearman's rank correlation within each
task and over all pairs, and how often the signs agree; the figure has a point for every pair.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from tagmates.report.correlation import rank_correlation
from tagmates.study.run_table import read_table

Gains = dict[tuple[str, str], float]  # (task, partner) -> points of F1


def main() -> None:
    """Print the table, and draw the figure if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs=2, type=Path)
    parser.add_argument("--names", default="GloVe,MiniLM")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    names = options.names.split(",")
    one, other = (gains_of(table) for table in options.tables)
    common = sorted(one.keys() & other.keys())
    print(f"task      partner   {names[0]:>8} {names[1]:>8}")
    for task, partner in common:
        print(f"{task:9} {partner:9} {one[task, partner]:8.2f} {other[task, partner]:8.2f}")
    for task in dict.fromkeys(task for task, _ in common):
        own = [pair for pair in common if pair[0] == task]
        print(f"{task}: {len(own)} partners, rank correlation {shown([one[p] for p in own], [other[p] for p in own])}")
    x, y = [one[pair] for pair in common], [other[pair] for pair in common]
    same = sum((a > 0) == (b > 0) for a, b in zip(x, y, strict=True))
    print(f"all {len(common)}: rank correlation {shown(x, y)}, the same sign {same} times")
    if options.figure is not None and common:
        draw(options.figure, common, x, y, names)


def shown(x: list[float], y: list[float]) -> str:
    """Spearman's rank correlation as text."""
    found = rank_correlation(x, y)
    return "not defined" if found is None else f"{found:.2f}"


def gains_of(table: Path) -> Gains:
    """The gains of all pairs by MULTI-DEC in a table of runs."""
    _, rows = read_table(table)
    scores: dict[tuple[str, frozenset[str]], dict[int, float]] = {}  # task, its tasks -> seed -> F1
    for row in rows.values():
        result: Mapping[str, dict[str, dict[str, float]]] = row["result"]
        tasks = frozenset(result["tasks"])
        if len(tasks) == 1 or (len(tasks) == 2 and row["result"]["sharing"] == "multi_dec"):
            for task in tasks:
                scores.setdefault((task, tasks), {})[row["result"]["seed"]] = result["test"][task]["f1"]
    found: Gains = {}
    for (task, tasks), own in scores.items():
        alone = scores.get((task, frozenset({task})), {})
        seeds = own.keys() & alone.keys()
        if len(tasks) == 2 and seeds:
            (partner,) = tasks - {task}
            found[task, partner] = fmean(own[seed] - alone[seed] for seed in seeds)
    return found


def draw(path: Path, pairs: list[tuple[str, str]], x: list[float], y: list[float], names: list[str]) -> None:
    """A point for every task and partner, coloured by task."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    plt.rcParams["svg.hashsalt"] = "tagmates"
    figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
    for task in dict.fromkeys(task for task, _ in pairs):
        own = [i for i, pair in enumerate(pairs) if pair[0] == task]
        axes.scatter([x[i] for i in own], [y[i] for i in own], s=18, label=task)
        for i in own:
            axes.annotate(pairs[i][1], (x[i], y[i]), fontsize=6, xytext=(2, 2), textcoords="offset points")
    axes.margins(0.15)  # room for the names beside the points
    for line in (axes.axhline, axes.axvline):
        line(0, color="grey", linewidth=0.6)
    axes.set_xlabel(f"gain with {names[0]}, points of F1")
    axes.set_ylabel(f"gain with {names[1]}, points of F1")
    axes.legend(fontsize=7, title="task (point: partner)", title_fontsize=7)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
