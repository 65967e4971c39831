"""Find a study: by its file, by its folder, or as the last one that ran."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tagmates.config import preset_of
from tagmates.data.archive import read_header
from tagmates.data.tasks import PRESET_REASONS, default_preset, load_tasks, require_tasks
from tagmates.errors import ConfigError, DataError, ModelError
from tagmates.formatting import suggestion
from tagmates.study.control import control_at
from tagmates.study.published import PAPER_TASKS
from tagmates.study.settings import StudySettings, parse_study, preset_source, read_study
from tagmates.study.store import Store

RUNS = Path("runs")


@dataclass(frozen=True, slots=True)
class OpenedStudy:
    """A study that can be planned, run and read. ``data`` is empty if their place is not known yet."""

    name: str
    settings: StudySettings
    tasks: tuple[str, ...]
    data: str
    store: Store
    overrides: tuple[str, ...] = ()  # the --set that are in ``settings``
    preset: str = ""  # a message on the preset that the settings start from, and why

    def require_data(self) -> None:
        """Raise ConfigError if the place of the data is not known."""
        if not self.data:
            raise ConfigError("--data: is missing, and the study's file has none; give --data, or write data = ...")


def open_study(
    where: Path | None,
    *,
    output_dir: Path | None = None,
    data: str | None = None,
    packed: Path | None = None,
    overrides: Sequence[str] | None = None,
    fallback: str = "",
) -> OpenedStudy:
    """The study of a TOML file, of a study folder, or (None) of the folder in ``runs`` that was last begun.

    ``data`` wins over the study's own, that over what it was begun with, that over ``fallback``. A study whose tasks
    are known is opened without its data if these are not available, but not without ``data``. The packed study
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
            settings = parse_study(header.settings, packed, given)
            study = _study(header.study, settings, data, "", store, given)
            return replace(study, preset=f"preset {preset_of(settings.training)[0]}, as {packed} has it")
    if where is None:
        where = _last()
    if where.is_dir():
        if overrides or output_dir:
            raise ConfigError(f"{where}: is a study's folder; --set and --output-dir go with its TOML file")
        store = Store(where)
        settings, known = store.settings()
        study = _study(where.resolve().name, settings, data, known or fallback, store, store.overrides())
        return replace(study, preset=f"preset {preset_of(settings.training)[0]}, as {where} was begun with it")
    store = Store(output_dir or RUNS / where.stem)
    given = store.overrides() if overrides is None else tuple(overrides)
    settings = read_study(where, given)
    study = _study(where.stem, settings, data, settings.data or _begun_with(store) or fallback, store, given)
    source = preset_source(where, given)
    if source:
        return replace(study, preset=f"preset {preset_of(settings.training)[0]}, as {source} says")
    preset, why = _preset_for(study)
    chosen = read_study(where, given, preset).model_copy(update={"tasks": study.tasks})
    how = f"{where} names none, preset = ... in it chooses"
    return replace(study, settings=chosen, preset=f"preset {preset}, as {why} ({how})")


def _preset_for(study: OpenedStudy) -> tuple[str, str]:
    """The preset of a study that names none, and why: that of its folder, else that of its data."""
    if (study.store.root / "study.json").exists():
        return preset_of(study.store.settings()[0].training)[0], "the study was begun with it"
    try:
        known = load_tasks(study.data) if study.data else {}
    except DataError:
        known = {}
    finetune = study.settings.model.is_finetuned
    if known or finetune:
        preset = default_preset({name: known[name] for name in study.tasks if name in known}, finetune=finetune)
    else:
        preset = "paper" if set(study.tasks) <= set(PAPER_TASKS) else "practical"
    return preset, PRESET_REASONS[preset]


def _study(
    name: str, settings: StudySettings, given: str | None, known: str, store: Store, overrides: tuple[str, ...]
) -> OpenedStudy:
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
                hint = suggestion(task, PAPER_TASKS)
                raise ConfigError(f"{name}: oracle_sets: the paper has no task {task!r}{hint}; choose dev or test")
    return OpenedStudy(name, settings.model_copy(update={"tasks": tasks}), tasks, data, store, overrides)


def _begun_with(store: Store) -> str:
    """The data of the last run of a study; empty where it has not begun."""
    return str(store.description().get("data", "")) if (store.root / "study.json").exists() else ""


def _last() -> Path:
    """The study that was begun last; a control only if there is no other study, since it is shown with its study."""
    begun = list(RUNS.glob("*/study.json"))
    if not begun:
        raise ModelError(f"{RUNS}: holds no study; name its file or folder")
    return max(begun, key=lambda path: (control_at(path.parent) is None, path.stat().st_mtime)).parent
