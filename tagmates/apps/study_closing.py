"""The end of ``study run``: what was done, the best partners so far, the next command."""

import shlex
import time
from collections.abc import Collection

from rich.console import Console

from tagmates.apps.study_tables import advice_table, duration
from tagmates.formatting import plural
from tagmates.study.locate import Study
from tagmates.study.plan import Planned
from tagmates.study.recommend import advise
from tagmates.study.records import Runs
from tagmates.study.run_filter import RunFilter
from tagmates.study.status import Standing, standing


def close_run(study: Study, selection: RunFilter, before: Collection[str], began: float, talk: Console) -> int:
    """Say how the study stands after a call of ``run``; returns the exit code.

    ``before`` are the trainings that were done when the call began, at ``began`` (of ``time.monotonic``).
    """

    def say(text: str) -> None:
        talk.print(text, highlight=False, markup=False, soft_wrap=True)

    now = standing(study.settings, study.tasks, study.store, counts=True)
    chosen, found = selection(now.plan), now.found
    failed = [p.name for p in chosen if p.name in found.failed and p.name not in found.done]
    pending = len(chosen) - len(failed) - sum(p.name in found.done for p in chosen)
    say(_what_was_done(study, now, len(found.done.keys() - before), time.monotonic() - began))
    if found.done:
        _show_partners(study, now, talk)
    for name in failed:
        say(f"failed: {name}: {found.failed[name]}")
    for text in now.waiting if not pending else []:
        say(text)
    elsewhere = sum(_is_pending(p, now) for p in now.plan) - pending
    if pending:
        say(f"pending: {plural(pending, 'training')}; the same command goes on")
    elif elsewhere:
        say(f"not selected, and pending: {plural(elsewhere, 'training')}; run without --shard and filters")
    if found.done:
        say(f"next: {shlex.join(['tagmates', 'study', 'report', str(study.store.root)])}")
    if failed:
        where = study.store.folder(failed[0]) / "failed.json"
        say(f"{plural(len(failed), 'training')} failed (tracebacks as in {where}); --retry-failed tries again")
        return 3
    return 0


def _is_pending(planned: Planned, now: Standing) -> bool:
    return planned.name not in now.found.done and planned.name not in now.found.failed


def _what_was_done(study: Study, now: Standing, new: int, seconds: float) -> str:
    done, planned = len(now.found.done), len(now.plan)
    failed = len(now.found.failed.keys() - now.found.done.keys())
    parts = [
        f"{done} of {plural(planned, 'training')} done",
        f"{new} of them in this call ({duration(seconds)})" if new else "none of them in this call",
        *([f"{failed} failed"] if failed else []),
    ]
    return f"study {study.name}, in {study.store.root}: {', '.join(parts)}"


def _show_partners(study: Study, now: Standing, talk: Console) -> None:
    """The table of advice. The trainings are done and safe by now, so that no fault in it may make the run fail."""
    try:
        advice = advise(study.settings, study.tasks, Runs(now.found.done.values()), now.oracle_sets)
        talk.print(advice_table(advice))
    except Exception as error:
        talk.print(f"the best partners cannot be told ({type(error).__name__}: {error})", highlight=False, markup=False)
