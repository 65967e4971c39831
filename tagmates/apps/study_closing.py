"""The end of ``study run``: what was done, the best partners so far, the next command."""

import shlex

from tagmates.api import Study
from tagmates.apps.shared import say, talk
from tagmates.apps.study_tables import advice_table, duration, forecast_table
from tagmates.formatting import plural
from tagmates.study.chooser import Budget
from tagmates.study.session import Summary


def close_run(study: Study, summary: Summary, seconds: float, budget: Budget | None = None) -> int:
    """Say on stderr how the study stands after a call of ``run`` that took so long; returns the exit code."""
    say(_what_was_done(study, summary, seconds))
    if summary.advice:
        talk.print(advice_table(summary.advice))
    if budget is not None and summary.done:
        talk.print(forecast_table(study.forecast()))
    if summary.fault:
        say(summary.fault)
    for name, why in summary.failed.items():
        say(f"failed: {name}: {why}")
    for text in summary.waiting if not summary.pending else []:
        say(text)
    if summary.pending:
        more = [
            *(["more --trainings"] if budget is not None and budget.trainings is not None else []),
            *(["a lower --until"] if budget is not None and budget.until > 0 else []),
        ]
        how = "the same command goes on" + (f", with {' and '.join(more)} or without" if more else "")
        say(f"pending: {plural(summary.pending, 'training')}; {how}")
    elif summary.not_selected:
        pending = plural(summary.not_selected, "training")
        say(f"not selected, and pending: {pending}; run without --shard and filters")
    if summary.done:
        say(f"next: {shlex.join(['tagmates', 'study', 'report', str(study.store.root)])}")
    if summary.failed:
        where = study.store.folder(next(iter(summary.failed))) / "failed.json"
        number = plural(len(summary.failed), "training")
        say(f"{number} failed (tracebacks as in {where}); --retry-failed tries again")
        return 3
    return 0


def _what_was_done(study: Study, summary: Summary, seconds: float) -> str:
    parts = [
        f"{summary.done} of {plural(summary.planned, 'training')} done",
        f"{summary.new} of them in this call ({duration(seconds)})" if summary.new else "none of them in this call",
        *([f"{summary.given_up} failed"] if summary.given_up else []),
    ]
    return f"study {study.name}, in {study.store.root}: {', '.join(parts)}"
