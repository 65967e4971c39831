"""``study recommend --taggers``: the best way to serve all tasks of a study with at most so many taggers."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from tagmates.api import Study
from tagmates.apps.progress import show_training
from tagmates.apps.shared import say, screen, talk, use_threads
from tagmates.errors import ConfigError
from tagmates.formatting import plural, points
from tagmates.settings_parsing import train_options
from tagmates.study.grouping import Group, Grouping, describe_group
from tagmates.study.taggers import StudyTagger
from tagmates.training.device import choose_device
from tagmates.training.loop import Ended


def recommend_taggers(study: Study, number: int, *, train: bool, device: str, json_: bool) -> int:
    """Print which taggers serve all tasks best, what they cost or give each task, and how to train them.

    Returns the exit code.
    """
    if number < 1:
        raise ConfigError(f"--taggers {number}: must be 1 or more")
    if train:
        choose_device(device)
    found = study.groupings()
    if not found:
        why = f"{study.data} does not hold those that it was begun with" if study.data else "their place is not known"
        raise ConfigError(f"--taggers: needs the training data of the study, but {why}; give them with --data")
    chosen = found[min(number, len(found)) - 1]
    if not json_:
        screen().print(_curve(found))
        screen().print(_tasks(study.tasks, chosen))
    if train:
        try:
            _train(study, chosen, device)
        except KeyboardInterrupt:
            say("tagmates: interrupted; finished epochs are saved, the same command continues")
            return 130
    taggers = [study.tagger(group.combination) for group in chosen.groups]
    if json_:
        print(json.dumps(_json(study, found, chosen, taggers), indent=2))
        return 0
    for group, tagger in zip(chosen.groups, taggers, strict=True):
        _show(study, group, tagger)
    return 0


def _train(study: Study, chosen: Grouping, device: str) -> None:
    """Train the taggers that are not trained yet, each from its last finished epoch."""
    use_threads(1)  # as study run does, so that a training that was interrupted comes to the same numbers
    for group in chosen.groups:
        tagger = study.tagger(group.combination)
        if tagger.is_trained:
            continue
        say(f"training {describe_group(group)} in {tagger.folder}")
        last = show_training(study.train(tagger, device), talk)
        if isinstance(last, Ended) and last.error is not None:
            raise last.error


def _curve(found: Sequence[Grouping]) -> Table:
    """For every number of taggers the mean expected F1; numbers that gain nothing more are left out."""
    shown = {number: grouping.mean for number, grouping in enumerate(found, 1) if len(grouping.groups) == number}
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("taggers", no_wrap=True)
    for number in shown:
        table.add_column(str(number), justify="right")
    table.add_row("mean expected dev F1", *map(points, shown.values()))
    return table


def _tasks(tasks: Sequence[str], chosen: Grouping) -> Table:
    """The gain or loss of each task by the grouping."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title=f"With {plural(len(chosen.groups), 'tagger')}")
    table.add_column("task")
    for name in ("tagger", "alone", "expected", "difference"):
        table.add_column(name, justify="right")
    for task in tasks:
        place = next(place for place, group in enumerate(chosen.groups, 1) if task in group.f1)
        f1 = chosen.groups[place - 1].f1[task]
        alone = chosen.alone[task]
        values = (points(alone), points(f1), points(f1 - alone, signed=True))
        table.add_row(escape(task), str(place), *values)
    return table


def _show(study: Study, group: Group, tagger: StudyTagger) -> None:
    """Say where the tagger is, or how to train it."""
    if tagger.is_trained:
        print(f"{describe_group(group)}: trained, {tagger.folder}")
        return
    print(f"to train {describe_group(group)}{'' if study.data else '; put the folder of your data for DIR'}:")
    print(_command(study, tagger))


def _command(study: Study, tagger: StudyTagger) -> str:
    options = ["--data", study.data or "DIR", "--output-dir", str(tagger.folder)]
    return shlex.join(["tagmates", "train", *train_options(tagger.config), *options, *["--resume"] * tagger.is_begun])


def _json(study: Study, found: Sequence[Grouping], chosen: Grouping, taggers: Sequence[StudyTagger]) -> dict[str, Any]:
    return {
        "curve": [{"taggers": number, "mean": grouping.mean} for number, grouping in enumerate(found, 1)],
        "taggers": [
            {
                "sharing": group.combination.sharing,
                "tasks": list(group.combination.tasks),
                "expected_dev_f1": dict(group.f1),
                "dev_f1_alone": {task: chosen.alone[task] for task in group.f1},
                "trained": tagger.is_trained,
                "folder": str(tagger.folder),
                "command": "" if tagger.is_trained else _command(study, tagger),
            }
            for group, tagger in zip(chosen.groups, taggers, strict=True)
        ],
    }
