"""The commands ``study plan``, ``status``, ``report`` and ``recommend``, which print text or JSON."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tagmates.api import Study
from tagmates.apps.shared import Device, Flag, Json, check_number, say, screen
from tagmates.apps.study_options import AS_ITS_FILE, Data, Folder, StudySource, Where, say_notes
from tagmates.apps.study_tables import advice_table, cost_line, forecast_table, plan_table, ranking_table
from tagmates.apps.study_taggers import recommend_taggers
from tagmates.errors import ConfigError
from tagmates.formatting import listing
from tagmates.study.cost import Cost
from tagmates.study.forecast import Forecast, forecast_json, forecast_sentence
from tagmates.study.notes import not_counted
from tagmates.study.overview import StudyPlan, StudyStatus
from tagmates.study.recommend import Advice, describe
from tagmates.study.run_files import FinishedRun
from tagmates.study.status import RegimeCounts, current_status


def plan(
    where: Where = None,
    /,
    *,
    source: StudySource = AS_ITS_FILE,
    workers: Annotated[
        int | None, Parameter(help="The --workers that study run will have. [default: one for each core]")
    ] = None,
    json_: Json = False,
    print_config: Annotated[bool, Flag(help="Print the study's settings as JSON, and stop.")] = False,
) -> None:
    """Print how many runs a study needs, how many are done, and how long the others will take.

    Where no run of the study shows the speed yet, it trains for some seconds in as many processes as study run will
    use. So leave other programs on this machine as they will be during the study.

    --print-config shows every key of a study's file and of --set with its value, including those of the preset.

    Example: tagmates study plan studies/paper.toml --set oracle_sets=published
    """
    if workers is not None:
        check_number("--workers", workers)
    study = source.open(where, as_begun=True)
    if print_config:
        say(study.preset)
        settings = study.settings.model_copy(update={"data": study.data})
        print(json.dumps(settings.model_dump(mode="json"), indent=2))
        return
    made = study.plan()
    say(study.preset)
    if study.data:
        say_notes([f"timing {listing(made.unmeasured)} for some seconds"] if made.unmeasured else [])
    cost = study.cost(made, workers)
    if json_:
        costs = {} if cost is None else _costs(cost)
        print(json.dumps({"study": study.name, **_counts(made), "cost": costs}, indent=2))
        return
    screen().print(plan_table(_counts(made)))
    for text in made.notes:
        print(text)
    if cost is not None:
        screen().print(cost_line(cost), highlight=False, soft_wrap=True)
    elif not study.data:
        say("the time that it takes depends on the data: give --data")


def status(where: Where = None, /, *, output_dir: Folder = None, json_: Json = False) -> None:
    """Print which runs are done, running, failed (and why) and pending, and which do not count, as their data differ.

    A --set with which the study's folder was begun is applied again.
    """
    study = Study.open(where, output_dir=output_dir)
    say_notes(study.notes)
    now = study.status()
    if json_:
        values = {**asdict(now), "folder": str(now.folder), **_counts(now)}
        print(json.dumps({key: value for key, value in values.items() if key != "notes"}, indent=2))
        return
    screen().print(plan_table(_counts(now)))
    for text in now.notes:
        print(text)


def _costs(cost: Cost) -> dict[str, float]:
    """The estimate as JSON values."""
    return {
        "seconds_of_one_worker": cost.seconds,
        "workers": cost.workers,
        "seconds": cost.elapsed,
        "low": cost.elapsed * cost.low,
        "high": cost.elapsed * cost.high,
        "updates": cost.updates,
    }


def _counts(made: StudyPlan | StudyStatus) -> dict[str, Any]:
    """The numbers of planned, done, failed and pending runs, by regime and in all."""
    return {
        "regimes": {regime: _row(counts) for regime, counts in made.regimes.items()},
        "total": _row(made.total),
    }


def _row(counts: RegimeCounts) -> Mapping[str, int]:
    return {name: getattr(counts, name) for name in ("planned", "done", "failed", "pending")}


def report(
    where: Where = None,
    /,
    *,
    beside: Annotated[
        Path | None,
        Parameter(
            help="The folder of another study of the same tasks, to compare with; default: the study's control (study "
            "run --equal-updates), if it has finished runs."
        ),
    ] = None,
    output_dir: Folder = None,
    output: Annotated[
        Path | None, Parameter(help="The folder of the report; default: report in the study's folder.")
    ] = None,
) -> None:
    """Write the report on all runs so far: a page that shows which tasks help each other, and how sure that is."""
    study = Study.open(where, output_dir=output_dir)
    say_notes(study.notes)
    other = None if beside is None else Study.open(beside)
    say_notes(() if other is None else other.notes)
    written = study.report(output, other)
    say_notes(written.notes)
    screen().print(advice_table(written.advice))
    print(written.page)


def recommend(
    where: Where = None,
    /,
    *,
    task: Annotated[
        str,
        Parameter(
            show_default=False, help="Only this task, with all combinations that were tried; default: every task."
        ),
    ] = "",
    taggers: Annotated[
        int | None, Parameter(help="Instead: the maximum number of taggers that together serve all tasks.")
    ] = None,
    train: Annotated[bool, Flag(help="Train the taggers of --taggers that are not trained yet.")] = False,
    device: Device = "auto",
    data: Data = None,
    output_dir: Folder = None,
    json_: Json = False,
) -> int:
    """Recommend partners for every task, or the best taggers for all tasks, by the evidence so far.

    With --task: how sure the gain is, where that tagger is, and the command that trains it. With --taggers: which tasks
    to train together if at most so many taggers are to serve all tasks, what that costs or gives each task, and the
    commands. A tagger may be trained on tasks that only help.

    Example: tagmates study recommend runs/own --taggers 2 --train
    """
    study = Study.open(where, data=data, output_dir=output_dir)
    say_notes(study.notes)
    if task and taggers is not None:
        raise ConfigError("--task and --taggers: give one of them")
    if train and taggers is None:
        raise ConfigError("--train: goes with --taggers; for one task, run the command that is printed")
    if taggers is not None:
        return recommend_taggers(study, taggers, train=train, device=device, json_=json_)
    advice = [study.recommend(task)] if task else study.recommend_all()
    say_notes(not_counted(study, current_status(study.settings, study.tasks, study.store).found))
    expected = {each.task: each for each in study.forecast()}
    if json_:
        values = [_advice_json(study, each, expected.get(each.task)) for each in advice]
        print(json.dumps(values[0] if task else values, indent=2))
    elif task:
        _recommend_one(study, advice[0], expected.get(task))
    else:
        screen().print(advice_table(advice))
        if expected:
            screen().print(forecast_table(list(expected.values())))
    return 0


def _recommend_one(study: Study, advice: Advice, expected: Forecast | None) -> None:
    task = advice.task
    print(f"{task}: {advice.sentence}")
    for warning in advice.warnings:
        print(f"warning: {warning}.")
    if expected is not None:
        print(forecast_sentence(expected, study.tasks))
    if advice.ranked:
        screen().print(ranking_table(advice, study.tasks))
    if advice.chosen is None:
        return
    run = study.finished_run(advice.chosen)
    _show_command(study, run, describe(run.combination, task, study.tasks))
    if advice.verdict == "not shown" and not advice.found_no_gain:
        best = study.finished_run(advice.ranked[0].combination)
        _show_command(study, best, f"{describe(best.combination, task, study.tasks)}, the best on dev")


def _show_command(study: Study, run: FinishedRun, how: str) -> None:
    """Say where the tagger of this run is, if it is there, and how to train it."""
    if run.has_tagger:
        print(f"already trained {how}, with seed {run.seed}: {run.folder}; tag with:")
        print(f'echo "Prices in Berlin fell sharply ." | {shlex.join(["tagmates", "tag", str(run.folder)])}')
    where_data = "" if study.data else "; put the folder of your data for DIR"
    again = "again " if run.has_tagger else ""
    print(f"to train it {again}{how}, with seed {run.seed}{where_data}:")
    print(_command(study, run))


def _command(study: Study, run: FinishedRun) -> str:
    tasks = run.combination.tasks
    folder = f"runs/{'+'.join(tasks) if len(tasks) < 4 else f'{len(tasks)}-tasks'}"
    config, data = str(run.folder / "config.json"), study.data or "DIR"
    return shlex.join(["tagmates", "train", "--config", config, "--data", data, "--output-dir", folder])


def _advice_json(study: Study, advice: Advice, expected: Forecast | None) -> dict[str, Any]:
    run = None if advice.chosen is None else study.finished_run(advice.chosen)
    ranking = [
        {"sharing": c.combination.sharing, "tasks": c.combination.tasks, "dev": c.dev, "n": c.n} for c in advice.ranked
    ]
    evidence = advice.evidence
    return {
        "task": advice.task,
        "verdict": advice.verdict,
        "advice": advice.sentence,
        "warnings": list(advice.warnings),
        "gain": None if advice.cell is None else advice.cell.difference,
        "interval": None if evidence is None else [evidence.low, evidence.high],
        "p": None if evidence is None else evidence.p,
        "ranking": ranking,
        "forecast": None if expected is None else forecast_json(expected),
        "chosen": None if run is None else {"sharing": run.combination.sharing, "tasks": run.combination.tasks},
        "seed": None if run is None else run.seed,
        "trained": str(run.folder) if run is not None and run.has_tagger else "",
        "command": "" if run is None else _command(study, run),
    }
