"""The commands ``data fetch`` and ``data list``, for the data of the paper."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from tagmates.apps.shared import Flag, say, screen, talk
from tagmates.data.tasks import PAPER_SCHEMES, choose_tasks
from tagmates.data.upstream.conversion import MODE_DEPENDENT_TASKS
from tagmates.data.upstream.fetch import Downloading, Event, Failed, Found, Missing, Prepared, fetch_tasks
from tagmates.data.upstream.listing import Listed, list_tasks
from tagmates.data.upstream.sources import Mode
from tagmates.data.upstream.table1 import LABELS, SIZES
from tagmates.errors import ConfigError
from tagmates.formatting import listing

HEADINGS = {"sentences": SIZES[:2], "token/type": SIZES[2:], "labels": LABELS[:1], "label\nentropy": LABELS[1:]}

AMode = Annotated[
    Mode,
    Parameter(
        help="authors: exactly the data of the paper's authors; clean: their mistakes corrected (docs/paper-tasks.md)."
    ),
]
Output = Annotated[
    Path | None, Parameter(help="The folder for TASK/{train,dev,test}.conll and TASK/SOURCE.json. [default: data/MODE]")
]
Json = Annotated[bool, Flag(name="--json", help="Print JSON.")]


def fetch(
    tasks: Annotated[tuple[str, ...], Parameter(help="Names of the paper's tasks, or 'all'.", show_default=False)] = (),
    /,
    *,
    from_: Annotated[
        Path | None,
        Parameter(
            name="--from",
            help="A folder with your copies of published files, or with one folder per data set (docs/paper-tasks.md).",
        ),
    ] = None,
    mode: AMode = "authors",
    output_dir: Output = None,
    unverified: Annotated[
        bool, Flag(help="Accept a copy whose checksum differs from that of the published file.")
    ] = False,
    json_: Json = False,
) -> int:
    """Get the corpora of the paper's tasks, convert them, and compare their statistics with the paper's Table 1.

    Open data are downloaded once, into the cache; interrupted downloads are resumed. CoNLL-2000, CoNLL-2003, Broadcast
    News and FrameNet (chunk, ner, com, frame) may not be downloaded, since their texts belong to others: you need your
    own copy, and this command says where and under which terms to get it. Every file with a known checksum is verified.
    The exit code is 1 if a task is not available, or differs from the paper.

    Example: tagmates data fetch upos xpos mwe supsense hyp sem semtr

    Example: tagmates data fetch chunk ner com frame --from ~/corpora

    Then: tagmates train --data data/authors --tasks upos,mwe --output-dir runs/a
    """
    if not tasks:
        raise ConfigError(f"TASKS: name some of {', '.join(PAPER_SCHEMES)}, or 'all'")
    chosen = choose_tasks(",".join(tasks), PAPER_SCHEMES, "TASKS")
    output = output_dir or Path("data") / mode
    events = list(_shown(fetch_tasks(chosen, output, mode=mode, copies=from_, unverified=unverified)))
    prepared = [event for event in events if isinstance(event, Prepared)]
    missing = [event for event in events if isinstance(event, Missing)]
    failed = [event for event in events if isinstance(event, Failed)]
    if json_:
        found = {
            "tasks": [_prepared_json(one) for one in prepared],
            "missing": [_missing_json(one) for one in missing],
            "failed": [asdict(one) for one in failed],
        }
        print(json.dumps({"mode": mode, "output": str(output), **found}, indent=2, ensure_ascii=False))
    elif prepared:
        screen().print(_table(prepared))
    different = [one.provenance.task for one in prepared if not all(number.equal for number in one.numbers)]
    cleaned = [task for task in different if mode == "clean" and task in MODE_DEPENDENT_TASKS]
    unlike = [task for task in different if task not in cleaned]
    if cleaned:
        say(f"{listing(cleaned)}: docs/paper-tasks.md explains why the clean conversion differs from Table 1")
    if unlike:
        say(
            f"{listing(unlike)}: differs from the paper's Table 1; is your copy the one that docs/paper-tasks.md names?"
        )
    if prepared:
        say(f"written to {output}; other commands read it with --data {output}")
    return 1 if missing or failed or unlike else 0


def list_(*, mode: AMode = "authors", output_dir: Output = None, json_: Json = False) -> None:
    """List the paper's tasks with their data sets and licences, and whether they are on this machine.

    The state is "here" if a task was fetched into --output-dir, "downloaded" if its files are in the cache, and "needs
    your copy" if it can only be fetched with --from. The size is that of the published files.
    """
    rows = list_tasks(mode, output_dir or Path("data") / mode)
    if json_:
        print(json.dumps([_listed_json(row) for row in rows], indent=2, ensure_ascii=False))
        return
    table = Table("task", "data set", "licence", "state")
    table.add_column("size", justify="right")
    for row in rows:
        size = decimal(row.size) if row.size_known else f"> {decimal(row.size)}"
        table.add_row(row.task, escape(row.source.title), escape(row.source.licence), row.state, size)
    screen().print(table)
    say("to get them: tagmates data fetch TASK ...; --json also prints their terms and addresses")


def _shown(events: Iterator[Event]) -> Iterator[Event]:
    """Print all events; yield those that are results."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=talk, transient=True, disable=not talk.is_terminal) as bars:
        bar, name = None, ""
        for event in events:
            if isinstance(event, Downloading):
                progress = event.progress
                if bar is None or progress.name != name:
                    name = progress.name
                    bar = bars.add_task(f"{event.source.name}/{name}")
                    if not talk.is_terminal:
                        say(f"{event.source.name}/{name}: downloading")
                bars.update(bar, completed=progress.done, total=progress.total)
                continue
            if bar is not None:
                bars.remove_task(bar)
                bar = None
            if isinstance(event, Found):
                say(f"{event.source.name}/{event.path.name}: {_verified(event)}")
                continue
            if isinstance(event, Missing):
                say(_how_to_get(event))
            if isinstance(event, Failed):
                say(f"tagmates: {event.task}: {event.reason}")
            if isinstance(event, Prepared):
                say(f"{event.provenance.task}: written to {event.folder}")
            yield event


def _verified(found: Found) -> str:
    if found.verified != "unverified":
        return f"verified by its {found.verified}"
    return "unverified; Table 1 tells whether it is the file that the paper used"


def _how_to_get(missing: Missing) -> str:
    source = missing.source
    return (
        f"{missing.task}: needs your copy of {listing(missing.files)}: {source.title}\n"
        f"    where: {source.homepage}: {source.obtain}\n"
        f"    licence: {source.licence}; {source.terms}\n"
        f"    then: tagmates data fetch {missing.task} --from FOLDER"
    )


def _table(prepared: list[Prepared]) -> Table:
    table = Table(caption="train / train+dev+test; if the paper prints another number, it is below")
    table.add_column("task", no_wrap=True)
    for heading in (*HEADINGS, "Table 1", "verified"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in prepared:
        equal, files = sum(number.equal for number in one.numbers), one.provenance.files
        known = sum(file.verified != "unverified" for file in files)
        numbers = [_numbers(one, columns) for columns in HEADINGS.values()]
        table.add_row(one.provenance.task, *numbers, f"{equal}/{len(one.numbers)}", f"{known}/{len(files)}")
    return table


def _numbers(one: Prepared, columns: tuple[str, ...]) -> str:
    """The measured number, and below it the number in the paper if it differs."""
    form = ".1f" if columns[0].startswith(("token", "label_")) else "d"
    printed = [number for number in one.numbers if number.column in columns]
    texts = ["/".join(format(one.row[column], form) for column in columns)]
    if not all(number.equal for number in printed):
        texts.append("≠" + "/".join(format(number.printed, form) for number in printed))
    return "\n".join(texts)


def _prepared_json(one: Prepared) -> dict[str, Any]:
    numbers = [
        {"column": each.column, "printed": each.printed, "measured": each.measured, "equal": each.equal}
        for each in one.numbers
    ]
    return {"folder": str(one.folder), **one.provenance.model_dump(mode="json"), "table1": numbers}


def _missing_json(missing: Missing) -> dict[str, Any]:
    about = missing.source.model_dump(include={"title", "homepage", "licence", "terms", "obtain"})
    return {"task": missing.task, "source": missing.source.name, "files": missing.files, **about}


def _listed_json(row: Listed) -> dict[str, Any]:
    about = row.source.model_dump(include={"title", "homepage", "licence", "terms", "obtain"})
    size = {"size": row.size, "size_known": row.size_known}
    return {"task": row.task, "source": row.source.name, **about, "state": row.state, **size}
