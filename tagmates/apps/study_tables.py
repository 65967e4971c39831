"""Plans and advice as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from tagmates.formatting import EMPTY, duration, interval_text, plural, points, probability
from tagmates.study.cost import Cost
from tagmates.study.forecast import Forecast
from tagmates.study.recommend import Advice, describe


def plan_table(counts: Mapping[str, Any]) -> Table:
    """The numbers of planned, done, failed and pending runs of a study, by regime as the study's file names it."""
    table = Table()
    table.add_column("runs")
    for name in ("planned", "done", "failed", "pending"):
        table.add_column(name, justify="right")
    for regime, row in counts["regimes"].items():
        table.add_row(regime, *(str(number) for number in row.values()))
    table.add_section()
    table.add_row("in all", *(str(number) for number in counts["total"].values()))
    return table


def cost_line(cost: Cost) -> str:
    """A line on what the pending runs will cost."""
    speeds = ", ".join(f"{sharing} {rate:,.0f}" for sharing, rate in cost.speeds.items())
    elapsed = " to ".join(duration(cost.elapsed * factor) for factor in (cost.low, cost.high))
    return (
        f"pending: about {cost.updates:,} updates, {duration(cost.elapsed)} with {plural(cost.workers, 'worker')}, "
        f"probably {elapsed} ({duration(cost.seconds)} of one worker; at {cost.epochs:.0f} epochs a run; "
        f"tokens per second: {speeds}; from {cost.measured})"
    )


def advice_table(advice: Sequence[Advice]) -> Table:
    """For every task: the verdict, its best combination on dev, and what that gains on test over training it alone."""
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="Combinations are chosen by dev F1; the gain is measured on test. The interval and p allow for the "
        "choice. Not shown: the interval contains 0, so no combination is shown to beat training alone. No gain: train "
        "it alone.",
    )
    table.add_column("task")
    table.add_column("verdict", no_wrap=True)
    table.add_column("best on dev", overflow="fold")
    for name in ("alone", "gain", "95 % interval", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    tasks = [each.task for each in advice]
    for each in advice:
        verdict = "no gain" if each.found_no_gain else each.verdict
        table.add_row(*map(escape, (each.task, verdict, *_advice_entries(each, tasks))))
    return table


def _advice_entries(advice: Advice, tasks: Sequence[str]) -> tuple[str, ...]:
    if advice.chosen is None:
        return (EMPTY,) * 5
    best, cell, evidence = advice.ranked[0].combination, advice.cell, advice.evidence
    interval = interval_text(evidence.low, evidence.high) if evidence else EMPTY
    alone = None if cell is None else cell.base
    gain = None if cell is None else cell.difference
    p = None if evidence is None else evidence.p
    return (
        describe(best, advice.task, tasks),
        points(alone),
        points(gain, signed=True),
        interval,
        probability(p),
    )


def forecast_table(forecasts: Sequence[Forecast]) -> Table:
    """For every task the combination that the model of gains expects to be best, and how sure that is."""
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="By the model of gains, from all dev scores so far and the training data; so it may differ from advice "
        "that is measured on test. P(best): the probability that it is the best combination of the study. Regret: how "
        "many points of F1 more than it the truly best combination gains on average. A predicted combination has no "
        "finished run.",
    )
    table.add_column("task")
    table.add_column("expected to be best", overflow="fold")
    for name in ("trained", "gain", "80 % interval", "P(best)", "regret"):
        table.add_column(name, justify="right", no_wrap=True)
    tasks = [each.task for each in forecasts]
    for each in forecasts:
        low, high = each.gain.interval()
        is_joint = len(each.best.tasks) > 1
        table.add_row(
            escape(each.task),
            escape(describe(each.best, each.task, tasks)),
            plural(each.runs, "time") if each.runs else "predicted",
            points(each.gain.mean, signed=True) if is_joint else EMPTY,
            interval_text(low, high) if is_joint else EMPTY,
            f"{each.probability:.2f}",
            points(each.regret),
        )
    return table


def ranking_table(advice: Advice, tasks: Sequence[str], rows: int = 10) -> Table:
    """The combinations that were tried for a task, the best on dev first; ``tasks`` are those of the study."""
    number = len(advice.ranked)
    table = Table(title=f"{escape(advice.task)}: {min(rows, number)} best of {number} on dev")
    table.add_column("trained")
    table.add_column("dev F1", justify="right")
    table.add_column("runs", justify="right")
    for choice in advice.ranked[:rows]:
        table.add_row(escape(describe(choice.combination, advice.task, tasks)), f"{choice.dev:.2f}", str(choice.n))
    return table
