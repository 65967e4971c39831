"""The tasks of a data argument: the starter corpus, a ``tasks.toml``, a folder of the paper's tasks, a packed study."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tagmates.data.archive import archive_at, read_header
from tagmates.data.schemes import Scheme
from tagmates.data.task import SPLITS, Part, Task
from tagmates.data.tasks_toml import check_task_name, read_tasks_toml
from tagmates.errors import ConfigError, DataError
from tagmates.formatting import suggestion

# the scheme of each task's files in the study; all are scored by prefix (protocol section 4)
PAPER_SCHEMES: Mapping[str, Scheme] = {
    "upos": "plain",
    "xpos": "plain",
    "chunk": "iobes",
    "ner": "iobes",
    "mwe": "plain",
    "supsense": "plain",
    "sem": "plain",
    "semtr": "plain",
    "com": "plain",
    "frame": "plain",
    "hyp": "plain",
}
STARTER = Path(__file__).parent / "starter" / "tasks.toml"


def absolute_data(data: str) -> str:
    """The same ``data`` for a process with another working directory."""
    return data if data == "starter" else str(Path(os.path.expanduser(data)).resolve())  # noqa: PTH111  (Path takes ./~ for ~)


def load_tasks(data: str) -> dict[str, Task]:
    """The tasks of ``data``, by name. ``data`` is ``starter``, a TOML file, a packed study, or a folder.

    A folder has a ``tasks.toml``, or ``TASK/train.conll``, ``TASK/dev.conll`` and ``TASK/test.conll`` (token, tab, tag)
    for some of the paper's tasks. Raises ConfigError for a bad TOML file, DataError if no task is found.
    """
    if not data:
        raise ConfigError("--data: is empty; give 'starter', a TOML file of tasks, or a folder")
    path = STARTER if data == "starter" else Path(os.path.expanduser(data))  # noqa: PTH111  (Path's raises)
    packed = archive_at(data)
    if packed is not None:
        return _tasks_of_archive(packed)
    if path.is_file():
        return read_tasks_toml(path)
    if (path / "tasks.toml").is_file():
        return read_tasks_toml(path / "tasks.toml")
    if not path.exists():
        raise DataError(
            f"{data}: no such file or folder; --data takes 'starter', a TOML file, a packed study or a folder"
        )
    found = [name for name in PAPER_SCHEMES if (path / name).is_dir()]
    if not found:
        raise DataError(
            f"{data}: holds no tasks.toml and none of the folders {', '.join(PAPER_SCHEMES)}; "
            "describe your own files in a tasks.toml: `tagmates data init` writes a first one"
        )
    return {name: _paper_task(name, path) for name in found}


PRESET_REASONS = {
    "paper": "these are the paper's tasks",
    "practical": "these are not the paper's tasks",
    "pretrained": "a pretrained encoder is fine-tuned",
}


def default_preset(tasks: Mapping[str, Task], *, finetune: bool = False) -> str:
    """The default preset: ``paper`` for the paper's tasks, in a folder or a packed study; else ``practical``.

    With ``finetune``, if a pretrained encoder is fine-tuned, it is ``pretrained``.
    """
    if finetune:
        return "pretrained"
    return "paper" if all(map(_is_of_the_paper, tasks.values())) else "practical"


def _is_of_the_paper(task: Task) -> bool:
    if task.score != "prefix" or PAPER_SCHEMES.get(task.name) != task.scheme:
        return False
    alone = task.train is not None and task.train.file == "train.conll" and task.folder.name == task.name
    return task.format == "packed" or (task.format == "columns" and alone)


def choose_tasks(names: str, known: Collection[str], where: str = "--tasks") -> tuple[str, ...]:
    """The names in a comma-separated list, or all for ``all``. Raises ConfigError, beginning with ``where``."""
    chosen = list(known) if names.strip() == "all" else [name.strip() for name in names.split(",") if name.strip()]
    if not chosen:
        raise ConfigError(f"{where}: is empty; name tasks, or 'all'")
    require_tasks(chosen, known, where)
    return tuple(chosen)


def require_tasks(names: Sequence[str], known: Collection[str], where: str = "--tasks") -> None:
    """Raise ConfigError, beginning with ``where``, unless these are names of known tasks, each given once."""
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: no task {name!r}{suggestion(name, known)}; there are {', '.join(known)}")
        if names.count(name) > 1:
            raise ConfigError(f"{where}: task {name!r} is named twice; name each task once")


def _paper_task(name: str, folder: Path) -> Task:
    parts = {split: Part(file=f"{split}.conll") for split in SPLITS if (folder / name / f"{split}.conll").exists()}
    if "train" not in parts:
        raise DataError(f"{folder / name}: has no train.conll; a task needs a train split")
    values: dict[str, Any] = dict(parts.items()) | {"name": name, "scheme": PAPER_SCHEMES[name], "score": "prefix"}
    return Task(**values, folder=folder / name)


def _tasks_of_archive(path: Path) -> dict[str, Task]:
    tasks = {}
    header = read_header(path)
    for packed in header.tasks:
        check_task_name(packed.name, f"{path}: tasks.{packed.name}")
        values: dict[str, Any] = {split: Part(file="") for split in packed.splits}
        # before format 4, letters alone were spans with the score prefix, if a scheme had them
        own_spans = packed.scheme != "plain" and packed.scheme != PAPER_SCHEMES.get(packed.name)
        score = "spans" if header.format < 4 and own_spans and packed.score == "prefix" else packed.score
        values |= {"name": packed.name, "scheme": packed.scheme, "score": score, "outside": packed.outside}
        tasks[packed.name] = Task(**values, format="packed", folder=path)
    return tasks
