"""The end of ``study run``: the runs that are done, the best partners so far, the next command."""

import shlex

from tagmates.api import Study
from tagmates.apps.shared import say, talk, warn
from tagmates.apps.study_tables import advice_table, forecast_table
from tagmates.formatting import duration, plural
from tagmates.study.chooser import Budget
from tagmates.study.session import Summary


def close_run(study: Study, summary: Summary, seconds: float, budget: Budget | None = None) -> int:
    """Print the status of a study to stderr, after a call of ``run`` that took ``seconds``; returns the exit code."""
    say(_counts(study, summary, seconds))
    if summary.advice:
        talk.print(advice_table(summary.advice))
    if budget is not None and summary.done:
        talk.print(forecast_table(study.forecast()))
    if summary.fault:
        say(summary.fault)
    for name, why in summary.failed.items():
        warn(f"failed: {name}: {why}")
    for text in summary.waiting if not summary.pending else []:
        say(text)
    if summary.pending:
        more = [
            *(["more --trainings"] if budget is not None and budget.trainings is not None else []),
            *(["a lower --until"] if budget is not None and budget.until > 0 else []),
        ]
        how = "the same command continues" + (f", with {' and '.join(more)} or without" if more else "")
        say(f"pending: {plural(summary.pending, 'run')}; {how}")
    elif summary.not_selected:
        pending = plural(summary.not_selected, "run")
        say(f"not selected, and pending: {pending}; train them without --shard and filters")
    if summary.done:
        say(f"next: {shlex.join(['tagmates', 'study', 'report', str(study.store.root)])}")
    if summary.failed:
        where = study.store.folder(next(iter(summary.failed))) / "failed.json"
        number = plural(len(summary.failed), "run")
        warn(f"{number} failed (with tracebacks, as in {where}); --retry-failed tries again")
        return 3
    return 0


def _counts(study: Study, summary: Summary, seconds: float) -> str:
    parts = [
        f"{summary.done} of {plural(summary.planned, 'run')} done",
        f"{summary.new} of them in this call ({duration(seconds)})" if summary.new else "none of them in this call",
        *([f"{summary.given_up} failed"] if summary.given_up else []),
    ]
    return f"study {study.name}, in {study.store.root}: {', '.join(parts)}"
