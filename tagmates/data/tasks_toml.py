"""``tasks.toml``: the file in which users describe the tasks of their own data."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagmates.data.schemes import OTHER_NAMES
from tagmates.data.task import FORMAT_DEFAULTS, SHARED, Task
from tagmates.errors import ConfigError
from tagmates.formatting import suggestion, visible
from tagmates.settings_parsing import parse, read_toml


def read_tasks_toml(path: Path) -> dict[str, Task]:
    """The tasks that a TOML file describes, by name. Raises ConfigError for unknown keys and values."""
    table = read_toml(path)
    defaults = _normalised({key: value for key, value in table.items() if key != "tasks"}, str(path))
    entries = table.get("tasks", {})
    if not isinstance(entries, dict) or not entries:
        stray = next((key for key in defaults if key not in Task.model_fields), None)
        hint = f"unknown key {stray!r}{suggestion(stray, ['tasks', *Task.model_fields])}; " if stray else ""
        raise ConfigError(f"{path}: {hint}names no tasks; add a table [tasks.NAME] for each")
    tasks = {}
    for name, entry in entries.items():
        where = f"{path}: tasks.{name}"
        check_task_name(name, where)
        if not isinstance(entry, dict):
            raise ConfigError(f"{where}: must be a table with train, dev and test")
        values = {**defaults, **_normalised(entry, where)}
        scheme = values.get("scheme", FORMAT_DEFAULTS.get(str(values.get("format")), {}).get("scheme", "plain"))
        if "score" not in values and scheme != "plain":
            values["score"] = "spans"
        folder = path.parent / str(values.pop("folder", ""))
        task = parse(Task, {**values, "folder": folder, "name": name}, where)
        if task.train is None:
            raise ConfigError(f'{where}: has no train split; add train = "FILE"')
        tasks[name] = task
    return tasks


def _normalised(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A table as ``Task`` has it: ``dev`` for ``validation``, None for ``whitespace``, ``iob2`` for ``BIO``."""
    values = dict(table)
    if "name" in values:
        raise ConfigError(f"{where}: unknown key 'name'; a task's name is that of its table")
    if values.get("format") == "packed":
        raise ConfigError(f"{where}: format: a packed study is not described in TOML; give the file itself as --data")
    if "validation" in values:
        if "dev" in values:
            raise ConfigError(f"{where}: has both dev and validation; they are the same split, keep one")
        values["dev"] = values.pop("validation")
    if values.get("separator") == "whitespace":
        values["separator"] = None
    for key in values.keys() & {"scheme", "convert_to"}:
        values[key] = OTHER_NAMES.get(str(values[key]).lower(), values[key])
    return values


def check_task_name(name: str, where: str) -> None:
    """Raise ConfigError, beginning with ``where``, for a name that a task cannot have."""
    if not re.fullmatch(r"[^\s,/\\]{1,100}", name) or name in ("all", SHARED):
        raise ConfigError(
            f"{visible(where[:300])}: a task's name has no white space, comma or slash, at most 100 characters, and is "
            f"not 'all' or '{SHARED}'; rename it"
        )
    if visible(name) != name:
        raise ConfigError(f"{visible(where)}: a task's name has no characters that cannot be seen; rename it")
