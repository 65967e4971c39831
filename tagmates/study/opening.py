"""Find a study: by its file, by its folder, or as the last one that ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tagmates.config import nearest
from tagmates.data.pack import read_header
from tagmates.data.tasks import load_tasks, require_tasks
from tagmates.errors import ConfigError, DataError, ModelError
from tagmates.study.published import PAPER_TASKS
from tagmates.study.settings import StudySettings, parse_study, read_study
from tagmates.study.store import Store

RUNS = Path("runs")


@dataclass(frozen=True, slots=True)
class Study:
    """A study that can be planned, run and read. ``data`` is empty where nobody has said yet where they are."""

    name: str
    settings: StudySettings
    tasks: tuple[str, ...]
    data: str
    store: Store
    overrides: tuple[str, ...] = ()  # the --set that are in ``settings``


def open_study(
    where: Path | None,
    *,
    output_dir: Path | None = None,
    data: str | None = None,
    packed: Path | None = None,
    overrides: Sequence[str] | None = None,
    fallback: str = "",
) -> Study:
    """The study of a TOML file, of a study folder, or (None) of the folder in ``runs`` that was last begun.

    ``data`` wins over the study's own, that over what it was begun with, that over ``fallback``. A study whose tasks
    are known is opened without its data where they are not at hand, but not without ``data``. The packed study
    ``packed`` is its data, and where None is given the study too. ``overrides`` (``--set``) are over the settings of
    the file; None stands for those with which its folder was begun. Raises ConfigError, ModelError or DataError.
    """
    if packed is not None:
        if data is not None:
            raise ConfigError("--packed and --data: choose one; a packed study is the data")
        header, data = read_header(packed), str(packed)
        if where is None:
            if header.study in ("", "..") or Path(header.study).name != header.study:  # it becomes a folder's
                raise ConfigError(f"{packed}: holds no study with a name; name the study's TOML file or folder too")
            store = Store(output_dir or RUNS / header.study)
            given = store.overrides() if overrides is None else tuple(overrides)
            return _study(header.study, parse_study(header.settings, packed, given), data, "", store, given)
    if where is None:
        where = _last()
    if where.is_dir():
        if overrides or output_dir:
            raise ConfigError(f"{where}: is a study's folder; --set and --output-dir go with its TOML file")
        store = Store(where)
        settings, known = store.settings()
        return _study(where.resolve().name, settings, data, known or fallback, store, store.overrides())
    store = Store(output_dir or RUNS / where.stem)
    given = store.overrides() if overrides is None else tuple(overrides)
    settings = read_study(where, given)
    return _study(where.stem, settings, data, settings.data or _begun_with(store) or fallback, store, given)


def _study(
    name: str, settings: StudySettings, given: str | None, known: str, store: Store, overrides: tuple[str, ...]
) -> Study:
    data = given or known
    try:
        found = load_tasks(data) if data else {}
    except DataError:
        if given or not settings.tasks:
            raise
        found = {}
    tasks = settings.tasks or tuple(found)
    if not tasks:
        raise ConfigError(f"{name}: names no tasks and no data; say --data, or tasks and data in the study's file")
    if found:
        require_tasks(tasks, found, f"study {name}: tasks")
        untested = [task for task in tasks if found[task].test is None]
        if settings.oracle_sets == "test" and untested:
            raise ConfigError(f"{name}: oracle_sets: {untested[0]} has no test split in {data}; choose dev")
    if settings.oracle_sets == "published":
        for task in tasks:
            if task not in PAPER_TASKS:
                hint = nearest(task, PAPER_TASKS)
                raise ConfigError(f"{name}: oracle_sets: the paper has no task {task!r}{hint}; choose dev or test")
    return Study(name, settings.model_copy(update={"tasks": tasks}), tasks, data, store, overrides)


def _begun_with(store: Store) -> str:
    """The data of the last run of a study; empty where it has not begun."""
    return str(store.description().get("data", "")) if (store.root / "study.json").exists() else ""


def _last() -> Path:
    begun = list(RUNS.glob("*/study.json"))
    if not begun:
        raise ModelError(f"{RUNS}: holds no study; name its file or folder")
    return max(begun, key=lambda path: path.stat().st_mtime).parent
