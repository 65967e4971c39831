"""Plans and advice as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from tagmates.study.cost import Cost
from tagmates.study.recommend import Advice, describe
from tagmates.study.settings import REGIME_NAMES
from tagmates.wording import points, probability


def plan_table(counts: Mapping[str, Any]) -> Table:
    """Trainings of a study by regime: planned, done, failed, pending."""
    table = Table()
    table.add_column("trainings")
    for name in ("planned", "done", "failed", "pending"):
        table.add_column(name, justify="right")
    for regime, row in counts["regimes"].items():
        table.add_row(REGIME_NAMES[regime], *(str(number) for number in row.values()))
    table.add_section()
    table.add_row("in all", *(str(number) for number in counts["total"].values()))
    return table


def cost_line(cost: Cost, workers: int) -> str:
    """What is pending costs so much."""
    speeds = ", ".join(f"{sharing} {rate:,.0f}" for sharing, rate in cost.speeds.items())
    times = f"{duration(cost.seconds)} of one worker, {duration(cost.seconds / workers)} with {workers}"
    return (
        f"pending: about {cost.updates:,} updates, {times} (at {cost.epochs:.0f} epochs a training; "
        f"tokens per second: {speeds}; from {cost.measured})"
    )


def advice_table(advice: Sequence[Advice]) -> Table:
    """For every task: its score alone, whom to train it with, and what that gains."""
    table = Table(caption="partners chosen on dev, gain measured on test")
    table.add_column("task")
    table.add_column("alone", justify="right")
    table.add_column("best")
    table.add_column("F1", justify="right")
    table.add_column("gain", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("p", justify="right")
    for each in advice:
        cell = each.cell
        if cell is None:
            table.add_row(escape(each.task), "–", escape(each.sentence), *"––––")
            continue
        how = describe(cell.setting, each.task, len(advice))
        alone = cell.mean if cell.base is None else cell.base
        row = [f"{alone:.2f}", escape(how), f"{cell.mean:.2f}"]
        gain = "" if cell.difference is None else points(cell.difference, signed=True)
        found = cell.evidence
        known = (
            ["", ""]
            if found is None
            else [f"{points(found.low, signed=True)} to {points(found.high, signed=True)}", probability(each.p)]
        )
        table.add_row(escape(each.task), *row, gain, *known)
    return table


def ranking_table(advice: Advice, size: int, rows: int = 10) -> Table:
    """What was tried for a task, the best on dev first; ``size`` is the number of the study's tasks."""
    number = len(advice.ranked)
    table = Table(title=f"{escape(advice.task)}: {min(rows, number)} best of {number} on dev")
    table.add_column("trained")
    table.add_column("dev F1", justify="right")
    table.add_column("runs", justify="right")
    for choice in advice.ranked[:rows]:
        table.add_row(escape(describe(choice.setting, advice.task, size)), f"{choice.dev:.2f}", str(choice.n))
    return table


def duration(seconds: float) -> str:
    """A time as people say it: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
