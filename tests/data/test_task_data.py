"""tagmates.data.task_data: what a score depends on is in every record and run id, and is compared before scores are."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import PARTS, TASKS, columns, done, numbers, refused, tagmates, tree, write_corpus

from tagmates.config import RunConfig, TrainingSettings
from tagmates.data.task_data import data_difference
from tagmates.files import read_json, read_tensors, write_json, write_tensors
from tagmates.run_id import former_run_id, run_id
from tagmates.settings_parsing import resolve
from tagmates.study import task_cache
from tagmates.study.task_cache import data_of_task, prepare
from tagmates.training import train
from tagmates.training.run import Run

STUDY = """
data = "corpus"
regimes = ["single", "pair"]
seeds = [1]
vectors = "random"
[model]
hidden_size = 8
[training]
max_epochs = 3
batch_size = 4
"""
LOCAL = ("--engine", "local")
FOLDER = Path("runs", "s")
RUN = ("study", "run", "s.toml", *LOCAL)
ALL = {"stl-pos-1", "stl-ner-1", "multi_dec-pos+ner-1"}

# "Ness" goes on with a span whose begin has no label: iob2 cuts that span, plain tags know no spans
PARTLY = {split: columns(rows).replace("Port\tN\tB-PLACE", "Port\tN\t_") for split, rows in PARTS.items()}
SPANS, UNITS = TASKS, TASKS.replace('scheme = "iob2"', 'scheme = "plain"\nscore = "spans"')
SCORED = TASKS.replace("[tasks.pos]", '[tasks.pos]\nscore = "prefix"')

# what a study's data may be changed to: tasks.toml, files, and what is said of it
CHANGES: dict[str, tuple[str, dict[str, str], str]] = {
    "score": (SCORED, {}, "task pos had score 'plain', now 'prefix'"),
    "scheme": (UNITS, {}, "task ner had scheme 'iob2', now 'plain'"),
    "sentences": (
        SPANS,
        {"test": columns(PARTS["dev"])},
        r"task pos had other sentences \(sha256 \w{12}, now \w{12}\)",
    ),
}

CONCERNED = {  # the runs that a change leaves behind
    "score": {"stl-pos-1", "multi_dec-pos+ner-1"},
    "scheme": {"stl-ner-1", "multi_dec-pos+ner-1"},
    "sentences": {"stl-pos-1", "stl-ner-1", "multi_dec-pos+ner-1"},
}


@pytest.fixture(autouse=True)
def here(here: Path) -> Path:
    begin(here)
    return here


def put_under_other_data(whole: Path, here: Path, kind: str, *, cached: bool) -> str:
    """Copy a finished study's runs under a study of other data, with its index or without; what is said of the data."""
    tasks, files, what = CHANGES[kind]
    change(here, tasks, **files)
    done(*RUN, "--time-limit", "0s")
    shutil.copytree(whole / "runs", FOLDER / "runs", dirs_exist_ok=True)
    if cached:
        shutil.copy(whole / "index.sqlite", FOLDER)
    return what


def begin(place: Path) -> None:
    """A partly labelled corpus and a study of it."""
    change(place)
    (place / "s.toml").write_text(STUDY)


def change(place: Path, tasks: str = SPANS, **files: str) -> None:
    """Write the corpus anew; each command has a process of its own elsewhere, and loads it anew."""
    write_corpus(place / "corpus", tasks, **{**PARTLY, **files})
    task_cache.tasks_of.cache_clear()
    task_cache.indexed_task.cache_clear()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's folder, all done; never to be written to."""
    place = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        begin(place)
        done(*RUN)
    return place / FOLDER


@pytest.fixture
def study(whole: Path, here: Path) -> Path:
    """A copy of it."""
    shutil.copytree(whole, FOLDER)
    return FOLDER


def names(folder: Path) -> set[str]:
    return {path.name.rpartition("-")[0] for path in folder.iterdir()}


def status(where: object = FOLDER) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("study", "status", where, "--json").out)
    return found


def counted(where: object = FOLDER) -> int:
    return int(status(where)["total"]["done"])


def numbers_of(folder: Path) -> dict[str, Any]:
    return {path.parent.name: numbers(path.parent) for path in folder.glob("runs/*/result.json")}


def kept(folder: Path, task: str) -> dict[str, bytes | None]:
    """The files of the training of one task alone."""
    (found,) = folder.glob(f"runs/stl-{task}-*")
    return {name: content for name, content in tree(found).items() if name != ".lock"}


# --- records ---------------------------------------------------------------------------------------------------------


def test_a_record_says_what_its_scores_rest_on(study: Path) -> None:
    data = {task: data_of_task("corpus", task) for task in ("pos", "ner")}
    assert {task: (some["scheme"], some["score"]) for task, some in data.items()} == {
        "pos": ("plain", "plain"),
        "ner": ("iob2", "spans"),
    }
    assert json.loads((study / "study.json").read_text())["task_data"] == data
    for folder in (study / "runs").iterdir():
        result, environment = (read_json(folder / f"{name}.json") for name in ("result", "environment"))
        assert result["task_data"] == environment["task_data"] == {task: data[task] for task in result["tasks"]}
        assert result["vectors"] == "random"


@pytest.mark.slow
def test_a_packed_study_says_the_same(study: Path, here: Path) -> None:
    change(here, SPANS + 'convert_to = "iobes"\n')  # packed as it is trained
    done("study", "pack", "s.toml", "--output", "s.pack")
    both = [{task: data_of_task(data, task) for task in ("pos", "ner")} for data in ("corpus", "s.pack")]
    assert both[0] == both[1]
    assert both[0]["ner"]["scheme"] == "iobes"
    done("study", "run", "--packed", "s.pack", *LOCAL, "--output-dir", "runs/packed", "--tasks", "ner")
    assert counted("runs/packed") == 1
    done(*RUN, "--output-dir", "runs/packed")  # from the corpora, in the same folder
    assert counted("runs/packed") == 3
    assert not (here / "runs/packed/set-aside").exists()
    refused(2, "task ner had scheme 'iob2', now 'iobes'", *RUN, "--packed", "s.pack")


def test_the_committed_runs_fit_their_studies() -> None:
    for path in (Path(__file__).parents[2] / "docs" / "runs").glob("*/study.json"):
        wanted = read_json(path)
        for folder in (path.parent / "runs").iterdir():
            result = read_json(folder / "result.json")
            assert result["task_data"] == {task: wanted["task_data"][task] for task in result["tasks"]}, folder
            assert result["vectors"] == wanted["vectors"]


# --- the id ----------------------------------------------------------------------------------------------------------


class TestId:
    HASHES: dict[str, Any] = {"data": {"pos": ["1f", "plain"], "ner": ["2e", "prefix"]}, "vectors": "00"}  # noqa: RUF012

    @pytest.mark.parametrize("tasks", [UNITS, SCORED])
    def test_scheme_and_score_are_in_it(self, here: Path, tasks: str) -> None:
        config = RunConfig(tasks=("pos", "ner"), vectors="random")
        write_corpus(here / "other", tasks, **PARTLY)
        one, other = (prepare(config, data, "cpu") for data in ("corpus", "other"))
        assert one.id != other.id
        digests = [[some["digest"] for some in run.task_data.values()] for run in (one, other)]
        assert digests[0] == digests[1]

    def test_a_setting_of_a_later_day_changes_none(self) -> None:
        class LaterTraining(TrainingSettings):
            decay: float = 0.5

        class LaterConfig(RunConfig):
            training: LaterTraining = LaterTraining()

        now, later = RunConfig(tasks=("pos", "ner"), seed=3), LaterConfig(tasks=("pos", "ner"), seed=3)
        assert later.model_dump(mode="json") != now.model_dump(mode="json")
        assert run_id(later, self.HASHES) == run_id(now, self.HASHES)
        assert former_run_id(later, self.HASHES) == former_run_id(now, self.HASHES)
        changed = later.model_copy(update={"training": LaterTraining(decay=0.1)})
        assert run_id(changed, self.HASHES) != run_id(now, self.HASHES)

    def test_the_former_one_is_that_of_its_time(self) -> None:
        """As tagmates of commit ca1d3b1 made it."""
        given = {"tasks": ["pos", "ner"], "sharing": "te_dec", "seed": 3}
        config = resolve("paper", None, ["training.loss_weights.ner=2"], given)
        assert former_run_id(config, self.HASHES) == "85440c0025ad"


def test_differences_in_words() -> None:
    one = {"a": {"digest": "1" * 64, "scheme": "iob2", "score": "prefix"}}
    assert data_difference(one, one) == ""
    assert data_difference({}, one) == data_difference(one, {}) == ""
    assert data_difference({"a": {"digest": "1" * 64}}, one) == ""  # of an earlier tagmates
    assert data_difference(one, {"a": {**one["a"], "scheme": "iobes"}}) == "task a had scheme 'iob2', now 'iobes'"


# --- data that change ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CHANGES)
def test_a_study_goes_on_with_its_data_only(study: Path, here: Path, kind: str) -> None:
    tasks, files, what = CHANGES[kind]
    change(here, tasks, **files)
    pattern = f"study.json: was begun with other data than .*corpus holds: {what}; give the data that it was begun"
    refused(2, pattern, *RUN)
    refused(2, pattern, "study", "run", FOLDER, "--data", "corpus", *LOCAL)
    assert counted() == 3  # it is what it was
    begin(here)
    assert "3 of 3 runs done, none of them in this call" in done(*RUN).err


@pytest.mark.parametrize("cached", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "kind", ["score", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("scheme", "sentences"))]
)
def test_runs_of_other_data_are_named(whole: Path, here: Path, kind: str, cached: bool) -> None:
    what = put_under_other_data(whole, here, kind, cached=cached)
    concerned = CONCERNED[kind]
    for _ in range(2):  # the second time from the index
        found = status("s.toml")
        assert found["total"]["done"] == 3 - len(concerned)
        assert {name.rpartition("-")[0] for name in found["unmatched"]} == concerned
        assert all(re.search("was trained or scored on other data: task", why) for why in found["unmatched"].values())
    line = rf"not counted: \d finished runs \(\S+-1-\w+.*\): each was trained or scored on other data: {what}"
    assert re.search(f"{line}; `study run` sets it aside and trains it again\n", done("study", "status").out)
    assert re.search(f"\n?{line}", done("study", "report").err)
    assert re.search(f"\n?{line}", done("study", "recommend", "--task", "pos").err)
    assert "among the pending: " in done("study", "plan", "s.toml").out


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("cached", [True, False])
def test_runs_of_other_data_are_set_aside(whole: Path, here: Path, kind: str, cached: bool) -> None:
    put_under_other_data(whole, here, kind, cached=cached)
    concerned = CONCERNED[kind]
    untouched = [kept(FOLDER, task) for task in ("pos", "ner") if f"stl-{task}-1" not in concerned]
    outcome = done(*RUN)
    assert {name.rpartition("-")[0] for name in names(FOLDER / "set-aside")} == concerned
    for name in concerned:
        assert re.search(
            rf"tagmates: \S+{re.escape(name)}-\w+: was trained .*; the run is trained again, ", outcome.err
        )
    assert counted() == 3
    assert [kept(FOLDER, task) for task in ("pos", "ner") if f"stl-{task}-1" not in concerned] == untouched
    done(*RUN, "--output-dir", "runs/undisturbed")
    assert numbers_of(FOLDER) == numbers_of(Path("runs/undisturbed"))


def test_a_row_of_the_index_does_not_outlive_what_is_compared(study: Path) -> None:
    assert counted() == 3  # from the index
    description = read_json(study / "study.json")
    description["task_data"]["pos"]["score"] = "prefix"
    write_json(study / "study.json", description)
    assert counted() == 1
    description["task_data"]["pos"]["score"] = "plain"
    write_json(study / "study.json", {**description, "vectors": "glove"})
    found = status()
    assert (found["total"]["done"], len(found["unmatched"])) == (0, 3)
    assert set(found["unmatched"].values()) == {"was trained with vectors random, the study has glove"}
    write_json(study / "study.json", description)
    assert counted() == 3


def interrupt(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the study until this task alone has trained for two epochs."""
    save = train.save_checkpoint

    def saved(folder: Path, run: Run) -> None:
        save(folder, run)
        if folder.name.startswith(f"stl-{task}-") and run.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", saved)
        assert tagmates(*RUN).code == 130


@pytest.mark.slow
def test_a_run_begun_on_other_data_is_set_aside_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt("pos", monkeypatch)
    shutil.move(FOLDER, "begun")
    change(here, SCORED)
    done(*RUN, "--time-limit", "0s")
    (begun,) = Path("begun/runs").iterdir()
    shutil.copytree(begun, FOLDER / "runs" / begun.name)
    outcome = done(*RUN)
    what = "was started with other data or vectors than now .*: task pos had score 'plain', now 'prefix'"
    assert re.search(
        rf"tagmates: .*{begun.name}/environment.json: run \w+ {what}.*; the run is trained again", outcome.err
    )
    (aside,) = (FOLDER / "set-aside").iterdir()
    assert (aside / "metrics.jsonl").read_text().count("\n") == 2
    assert counted() == 3


def test_a_single_training_resumes_on_its_data_only(here: Path) -> None:
    args = ("train", "--tasks", "pos", "--data", "corpus", "--vectors", "random", "--set", "model.hidden_size=8")
    args = (*args, "--set", "training.max_epochs=2", "--threads", "1", "--output-dir", "a")
    done(*args)
    change(here, SCORED)
    refused(2, "task pos had score 'plain', now 'prefix'; give the same --data", *args, "--resume")
    begin(here)
    done(*args, "--resume")


# --- records of an earlier tagmates ----------------------------------------------------------------------------------


def id_of_then(config: dict[str, Any], task_data: dict[str, dict[str, str]]) -> str:
    """The id that tagmates of commit ca1d3b1 gave a run without vectors, by its definition."""
    younger = {"schedule", "batch_per_task", "patience", "min_epoch_updates", "min_learning_rate", "select", "warmup"}
    younger |= {"tag_weights", "optimizer", "weight_decay", "encoder_learning_rate", "accumulation"}
    younger |= {"encoder", "finetune", "pooling", "freeze"}
    parts = {
        part: {key: value for key, value in config[part].items() if key not in younger}
        for part in ("model", "training")
    }
    settings = {key: value for key, value in config.items() if key not in ("vectors", "base", "kept")} | parts
    data = {task: [some["digest"], some["score"]] for task, some in task_data.items()}
    text = json.dumps([settings, {"data": data, "vectors": hashlib.sha256().hexdigest()}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def make_old(folder: Path) -> None:
    """Make of the records of a study what tagmates of commit ca1d3b1 wrote."""
    study = read_json(folder / "study.json")
    digests = {task: some["digest"] for task, some in study.pop("task_data").items()}
    del study["set"]
    write_json(folder / "study.json", {**study, "digests": digests})
    for run in (folder / "runs").iterdir():
        environment = read_json(run / "environment.json")
        then = id_of_then(read_json(run / "config.json"), environment.pop("task_data"))
        write_json(run / "environment.json", {**environment, "run_id": then})
        if (run / "result.json").exists():
            result = {key: value for key, value in read_json(run / "result.json").items() if key != "task_data"}
            del result["vectors"]
            write_json(run / "result.json", {**result, "run_id": then})
        if (run / "checkpoint.safetensors").exists():
            tensors, metadata = read_tensors(run / "checkpoint.safetensors")
            state = json.dumps({**json.loads(metadata["state"]), "run_id": then})
            write_tensors(run / "checkpoint.safetensors", tensors, {"state": state})


@pytest.fixture
def old(study: Path) -> dict[str, Any]:
    """The study as of an earlier tagmates; the results as they were."""
    make_old(study)
    return {path.parent.name: read_json(path) for path in study.glob("runs/*/result.json")}


ADOPT = ("study", "adopt", FOLDER, "--data", "corpus")


def test_old_records_count_when_they_are_complete(old: dict[str, Any]) -> None:
    found = status()
    assert (found["total"]["done"], set(found["unmatched"])) == (0, set(old))
    line = done("study", "status", FOLDER).out.splitlines()[-1]
    assert re.fullmatch(
        r"not counted: 3 finished runs \(.*\): each does not record the data that it was trained and scored on, "
        r"as it is from an earlier tagmates; check and complete it with: tagmates study adopt runs/s --data DIR",
        line,
    )
    outcome = done(*ADOPT)
    assert outcome.err == "records of 3 finished runs completed, 0 were complete, 0 do not fit\n"
    assert counted() == 3
    for name, before in old.items():
        after = read_json(FOLDER / "runs" / name / "result.json")
        assert after == before | {key: after[key] for key in ("task_data", "vectors")}
        assert after["task_data"] == {task: data_of_task("corpus", task) for task in after["tasks"]}
    now = {name: content for name, content in tree(FOLDER).items() if "index" not in name}
    outcome = done(*ADOPT)
    assert outcome.err == "records of 0 finished runs completed, 3 were complete, 0 do not fit\n"
    assert {name: content for name, content in tree(FOLDER).items() if "index" not in name} == now
    assert "3 of 3 runs done, none of them in this call" in done(*RUN).err


def test_a_run_completes_old_records_and_trains_nothing_anew(old: dict[str, Any]) -> None:
    outcome = done(*RUN)
    lines = outcome.err.splitlines()
    assert lines[0] == "records of 3 finished runs completed, 0 were complete, 0 do not fit"
    assert lines[1] == "study s, in runs/s: 3 of 3 runs done, none of them in this call"
    assert not (FOLDER / "set-aside").exists()


@pytest.mark.parametrize(
    "kind", ["score", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("scheme", "sentences"))]
)
@pytest.mark.parametrize("digests", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_old_records_of_other_data_are_not_adopted(old: dict[str, Any], here: Path, kind: str, digests: bool) -> None:
    """The former id has no scheme; where that matters, the counts do not add up to the gold units."""
    tasks, files, _ = CHANGES[kind]
    change(here, tasks, **files)
    if digests and kind == "sentences":
        refused(2, "was begun with other data than .*corpus holds: task pos had other sentences", *ADOPT)
        return
    if not digests:
        write_json(FOLDER / "study.json", {**read_json(FOLDER / "study.json"), "digests": {}})
    outcome = tagmates(*ADOPT)
    concerned = {"score": 2, "scheme": 2, "sentences": 3}[kind]
    assert outcome.code == 1
    lines = outcome.err.splitlines()
    why = {
        "score": r"its run_id is \w{12}, and would be \w{12} with these data and vectors random",
        "scheme": "its (dev|test) counts of ner do not add up to the .* in corpus",
        "sentences": r"its run_id is \w{12}, and would be \w{12} with these data and vectors random",
    }[kind]
    assert len(lines) == concerned + 1
    for line in lines[:-1]:
        assert re.fullmatch(rf"not completed: \S+-1-\w+: {why}", line)
    done_now = 3 - concerned
    assert lines[-1].startswith("records of 1 finished run completed" if done_now else "records of 0 finished")
    assert lines[-1].endswith(f"{concerned} do not fit")
    assert counted() == done_now
    done(*RUN)  # what does not fit is set aside
    assert len(list((FOLDER / "set-aside").iterdir())) == concerned
    assert counted() == 3


def raised(path: Path) -> None:
    result = read_json(path)
    result["dev"]["ner"]["fn"] += 1
    write_json(path, result)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "result.json").write_text("{"), "result.json: is truncated"),
        (lambda folder: (folder / "environment.json").unlink(), "environment.json: is missing"),
        (lambda folder: (folder / "counts.npz").unlink(), "counts.npz: is missing"),
        (lambda folder: raised(folder / "result.json"), "its dev counts of ner do not add up"),
    ],
)
def test_old_records_that_are_broken_are_named(old: dict[str, Any], spoil: Callable[[Path], Any], why: str) -> None:
    (folder,) = FOLDER.glob("runs/stl-ner-*")
    spoil(folder)
    outcome = tagmates(*ADOPT)
    assert outcome.code == 1
    assert re.match(rf"not completed: {folder.name}: .*{re.escape(why)}", outcome.err)
    assert outcome.err.endswith("records of 2 finished runs completed, 0 were complete, 1 do not fit\n")
    assert counted() == 2


@pytest.mark.slow
def test_what_an_earlier_tagmates_began_goes_on(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt("ner", monkeypatch)
    make_old(FOLDER)
    (begun,) = (path.parent for path in FOLDER.glob("runs/*/checkpoint.safetensors"))
    epochs = (begun / "metrics.jsonl").read_text()
    assert epochs.count("\n") == 2
    outcome = done(*RUN)
    assert outcome.err.startswith("records of 1 finished run completed, 0 were complete, 0 do not fit\n")
    assert (begun / "metrics.jsonl").read_text().startswith(epochs)
    assert not (FOLDER / "set-aside").exists()
    assert numbers_of(FOLDER) == numbers_of(whole)
    assert read_json(begun / "result.json")["run_id"] == read_json(begun / "environment.json")["run_id"]


def test_adopting_says_what_is_missing() -> None:
    refused(1, "runs: holds no study", "study", "adopt")
    refused(1, "runs/s: holds no study", "study", "adopt", "s.toml")
    Path("none.toml").write_text(STUDY.replace('data = "corpus"', 'tasks = ["pos"]'))
    refused(2, "--data: is missing", "study", "adopt", "none.toml")
