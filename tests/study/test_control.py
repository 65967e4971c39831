"""tagmates.study.control: what the controls keep equal, their folders, and their place in the report."""

import json
import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import done, ended, numbers, refused, start, write_corpus
from report_studies import make_records, make_report
from study_folders import write_study

from tagmates.config import TrainingSettings
from tagmates.errors import ConfigError
from tagmates.report.prose import study_comparison
from tagmates.study.control import EPOCH_UPDATES, Control, ControlKind, control_at, control_folders
from tagmates.study.control_study import find_control, open_control
from tagmates.study.locate import open_study
from tagmates.study.plan import make_plan
from tagmates.study.settings import StudySettings

FILE = """
data = "corpus"
vectors = "random"
regimes = ["single", "pair"]
seeds = [1]
model.hidden_size = 8
training = {max_epochs = 2, batch_size = 4}
"""
LOCAL = ("--engine", "local")
STUDY = StudySettings(vectors="random", regimes=("single", "pair"), seeds=(1, 2))


@pytest.fixture(autouse=True)
def here(here: Path) -> Path:
    write_corpus(here / "corpus")
    Path("s.toml").write_text(FILE)
    return here


def results(folder: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("runs/*/result.json"))]


def write_finished(folder: str, settings: StudySettings = STUDY) -> Path:
    write_study(Path(folder), settings, ("upos", "chunk"), lambda *_: 50.0)
    return Path(folder)


# --- what a control is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["equal-updates", "equal-exposure"])
def test_a_control_trains_the_same_things(kind: ControlKind) -> None:
    study = StudySettings(seeds=(1, 5), sharing=("te_dec", "multi_dec"))
    control = Control(kind, 40).settings(study)
    ours, theirs = (make_plan(some, ("a", "b", "c"), {}) for some in (study, control))
    assert [(p.combination, p.config.seed, p.regimes) for p in theirs] == [
        (p.combination, p.config.seed, p.regimes) for p in ours
    ]
    for planned in theirs:
        training = planned.config.training
        assert (training.max_updates, training.schedule, training.weights) == (40, "linear", "best")
        assert training.batch_per_task == (kind == "equal-exposure")
    kept = {"schedule", "max_updates", "epoch_updates", "weights", "batch_per_task"}
    assert control.training.model_dump(exclude=kept) == study.training.model_dump(exclude=kept)


@pytest.mark.parametrize(("updates", "epoch"), [(1, 1), (9, 1), (95, 10), (1000, 100), (15_000, EPOCH_UPDATES)])
def test_dev_is_scored_often_enough(updates: int, epoch: int) -> None:
    assert Control("equal-updates", updates).settings(STUDY).training.epoch_updates == epoch
    asked = STUDY.model_copy(update={"training": TrainingSettings(epoch_updates=7)})
    assert Control("equal-updates", updates).settings(asked).training.epoch_updates == 7


@pytest.mark.parametrize(
    "text", ["training.schedule=constant", "training.max_updates = 5", "training={weights='last'}"]
)
def test_what_a_control_fixes_cannot_be_set(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"--set training\.\w+: is fixed by --equal-updates; leave one of the two out"
    ):
        Control("equal-updates", 40).settings(STUDY, ["model.layers=1", text])


def test_drawn_tasks_have_no_equal_exposure() -> None:
    drawn = STUDY.model_copy(update={"training": TrainingSettings(sampling="proportional")})
    with pytest.raises(ConfigError, match=r"^--equal-exposure: batch_per_task fixes how many sentences .* sampling"):
        Control("equal-exposure", 40).settings(drawn)
    assert Control("equal-updates", 40).settings(drawn).training.max_updates == 40


# --- where it lies ---------------------------------------------------------------------------------------------------


def test_the_folder_of_a_control_is_beside_the_study_s(here: Path) -> None:
    study = open_study(Path("s.toml"), output_dir=Path("there/of mine"))
    control = open_control(study, Control("equal-exposure", 40))
    assert control.store.root == Path("there/of mine-equal-exposure-40")
    assert control.name == "s-equal-exposure-40"
    assert control_at(control.store.root) == ("of mine", Control("equal-exposure", 40))
    assert control_at(Path("runs/s")) is None
    with pytest.raises(ConfigError, match="is a control's folder itself; name the study's file or folder"):
        open_control(control, Control("equal-updates", 5))


def test_a_study_s_folder_that_is_named_by_dots(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_finished("runs/x")
    monkeypatch.chdir(here / "runs" / "x")
    control = open_control(open_study(Path()), Control("equal-updates", 5))
    assert control.store.root == here / "runs" / "x-equal-updates-5"


def test_controls_are_told_from_other_studies() -> None:
    for name in ("x", "x-equal-updates-5", "x-equal-exposure-70", "y-equal-updates-5", "x-equal-updates-few", "x-y"):
        write_finished(f"runs/{name}")
    write_finished("runs/x-equal-updates-5-equal-updates-6")
    Path("runs/x-equal-updates-8").mkdir()  # in which nothing has begun
    assert control_folders(Path("runs/x")) == [
        (Path("runs/x-equal-exposure-70"), Control("equal-exposure", 70)),
        (Path("runs/x-equal-updates-5"), Control("equal-updates", 5)),
    ]


def test_the_study_that_last_began_is_no_control() -> None:
    for age, name in enumerate(("x", "y", "y-equal-updates-5")):
        os.utime(write_finished(f"runs/{name}") / "study.json", (age, age))
    assert open_study(None).name == "y"
    shutil.rmtree("runs/x")
    shutil.rmtree("runs/y")
    assert open_study(None).name == "y-equal-updates-5"


# --- which one is set beside -----------------------------------------------------------------------------------------


def test_the_control_with_the_most_finished_runs_is_found() -> None:
    study = open_study(write_finished("runs/x"))
    assert find_control(study) == (None, [])
    few = write_finished("runs/x-equal-updates-5", Control("equal-updates", 5).settings(STUDY))
    many = write_finished("runs/x-equal-exposure-9", Control("equal-exposure", 9).settings(STUDY))
    shutil.rmtree(next((few / "runs").iterdir()))
    control, lines = find_control(study)
    assert control is not None
    assert control.store.root == many
    assert lines == [f"{few}: is a control too; --beside sets it beside the study"]
    for result in many.glob("runs/*/result.json"):
        result.unlink()
    control, lines = find_control(study)
    assert control is not None
    assert (control.store.root, lines) == (few, [])


def test_a_control_of_something_else_is_passed_by_with_a_line() -> None:
    study = open_study(write_finished("runs/x"))
    other = STUDY.model_copy(update={"training": TrainingSettings(batch_size=8)})
    write_finished("runs/x-equal-updates-5", Control("equal-updates", 5).settings(other))
    often = Control("equal-updates", 6).settings(STUDY)
    often = often.model_copy(update={"training": often.training.model_copy(update={"epoch_updates": 3})})
    write_finished("runs/x-equal-updates-6", often)
    spoilt = write_finished("runs/x-equal-updates-7", Control("equal-updates", 7).settings(STUDY))
    (spoilt / "study.json").write_text("{")
    control, lines = find_control(study)
    assert control is not None
    assert control.name == "x-equal-updates-6"  # how often dev is scored may be chosen
    assert len(lines) == 2
    assert lines[0].startswith(
        "runs/x-equal-updates-5: this control was made with other settings of the study; --beside"
    )
    assert re.match(r"runs/x-equal-updates-7/study\.json: .*this control is not set beside the study$", lines[1])


def test_a_control_of_other_sentences_is_passed_by_with_a_line() -> None:
    root = write_finished("runs/x")
    folder = write_finished("runs/x-equal-updates-5", Control("equal-updates", 5).settings(STUDY))
    for path, digest in ((root, "1"), (folder, "2")):
        values = json.loads((path / "study.json").read_text())
        task_data = {
            task: {"digest": d, "scheme": "plain", "score": "plain"} for task, d in (("upos", "0"), ("chunk", digest))
        }
        (path / "study.json").write_text(json.dumps({**values, "task_data": task_data}))
        for record in path.glob("runs/*/result.json"):
            result = json.loads(record.read_text())
            own = {task: task_data[task] for task in result["tasks"]}
            record.write_text(json.dumps({**result, "task_data": own, "vectors": values["vectors"]}))
    control, (line,) = find_control(open_study(root))
    assert control is None
    assert line.startswith(
        "runs/x-equal-updates-5: this control was trained on other data: task chunk had other sentences"
    )


# --- the commands ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_step_makes_the_control_and_the_report_sets_it_beside() -> None:
    planned = json.loads(done("study", "plan", "s.toml", "--equal-updates", "6", "--json").out)
    assert (planned["study"], planned["cost"]["updates"]) == ("s-equal-updates-6", 3 * 6)
    done("study", "run", "s.toml", *LOCAL)
    assert "its control" not in done("study", "report", "s.toml").err
    said = done("study", "run", "s.toml", *LOCAL, "--equal-updates", "6", "--set", "training.epoch_updates=2").err
    assert said.startswith("this is the control of s, in runs/s-equal-updates-6: every run makes 6 updates; the ")
    assert "dev is scored every 2 updates" in said
    assert {(r["updates"], r["epochs"], r["stopped"]) for r in results("runs/s-equal-updates-6")} == {(6, 3, "updates")}
    assert len(results("runs/s")) == len(results("runs/s-equal-updates-6")) == 3

    outcome = done("study", "report", "s.toml")
    assert outcome.err == "beside the study: its control, runs/s-equal-updates-6\n"
    page = Path("runs/s/report/index.html").read_text()
    assert "the lower one of s-equal-updates-6, a control in which all runs are equally long." in page
    assert "s-equal-updates-6: Every run trains for exactly 6 updates. Its learning rate falls linearly to 0" in page
    table = Path("runs/s/report/tables/beside-multi_dec.csv").read_text()
    assert "other_updates" in table.splitlines()[0]
    shutil.copytree("runs/s", "twin")
    assert "its control" not in done("study", "report", "s.toml", "--beside", "twin").err
    assert "s-equal-updates-6" not in Path("runs/s/report/index.html").read_text()

    status = done("study", "status")
    assert status.err == "study s, in runs/s\n"
    assert "control: runs/s-equal-updates-6" in status.out.splitlines()
    for command in (["status"], ["report"], ["recommend", "--task", "pos"]):
        done("study", command[0], "runs/s-equal-updates-6", *command[1:])


def test_equal_exposure_in_one_step_from_a_packed_study() -> None:
    done("study", "pack", "s.toml", "--output", "s.pack")
    shutil.rmtree("corpus")
    said = done("study", "run", "--packed", "s.pack", *LOCAL, "--equal-exposure", "3", "--output-dir", "there/s").err
    assert "every run makes 3 updates, each with 4 sentences of every task; the learning rate" in said
    made = results("there/s-equal-exposure-3")
    assert sorted((r["sharing"], r["updates"]) for r in made) == [("multi_dec", 3), ("stl", 3), ("stl", 3)]
    again = done("study", "run", "--packed", "s.pack", *LOCAL, "--equal-exposure", "3", "--output-dir", "there/s").err
    assert "done " not in again


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--equal-updates", "0"], "--equal-updates: must be 1 or more updates, not 0"),
        (["--equal-exposure", "-3"], "--equal-exposure: must be 1 or more updates, not -3"),
        (["--equal-updates", "3", "--equal-exposure", "3"], "are two controls; give one of them"),
        (["--equal-updates", "3", "--set", "training.weights=last"], r"--set training\.weights: is fixed by"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_mistakes_are_one_line(command: str, options: list[str], said: str) -> None:
    refused(2, said, "study", command, "s.toml", *options)


@pytest.mark.slow
def test_a_killed_control_is_gone_on_with_by_the_same_command() -> None:
    command = ("study", "run", "s.toml", *LOCAL, "--equal-updates", "400", "--set", "training.epoch_updates=5")
    folder = Path("runs/s-equal-updates-400")
    done(*command, "--output-dir", "whole/s")
    process = start(*command)
    end = time.monotonic() + 300
    while not any(path.read_bytes().count(b"\n") >= 2 for path in folder.glob("runs/*/metrics.jsonl")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    ended(process)
    assert list(folder.glob("runs/*/checkpoint.safetensors"))
    done(*command)
    found, whole = (
        {path.parent.name: numbers(path.parent) for path in root.glob("runs/*/result.json")}
        for root in (folder, Path("whole/s-equal-updates-400"))
    )
    assert found == whole
    assert len(found) == 3


# --- what the page says ----------------------------------------------------------------------------------------------


def said_beside(settings: StudySettings) -> str:
    tasks, study = ("a", "b", "c"), StudySettings(seeds=(1, 2))
    report = replace(make_report(study, tasks, make_records(study, tasks)), name="mine")
    other = replace(make_report(settings, tasks, make_records(settings, tasks)), name="control")
    return " ".join(study_comparison(replace(report, beside=other)))


def test_the_page_says_what_the_two_numbers_are() -> None:
    study = StudySettings(seeds=(1, 2))
    equal = said_beside(Control("equal-updates", 40).settings(study))
    assert "the upper one is of mine, the lower one of control, a control in which all runs are equally long." in equal
    assert "mine: A run stops when the dev scores of its last 10 epochs" in equal
    assert "The runs so far made 100 to 200 updates." in equal
    assert "control: Every run trains for exactly 40 updates. Its learning rate falls linearly to 0" in equal
    assert "A gain or a loss that only mine shows may come from these" in equal
    assert "still has fewer sentences of each task than a batch of the task alone" in equal
    exposed = said_beside(Control("equal-exposure", 40).settings(study))
    assert "A batch has 32 sentences of each task." in exposed
    assert "so its joint batches are larger" in exposed
    assert "fewer sentences" not in exposed


def test_equal_updates_whose_rate_follows_dev_are_called_no_control() -> None:
    """As the trainings of docs/runs/four-tasks-equal were made."""
    old = StudySettings(seeds=(1, 2), training=TrainingSettings(max_updates=600, epoch_updates=100))
    said = said_beside(old)
    assert "Its learning rate still depends on the dev score" in said
    assert "a control" not in said
    assert "may come from these" not in said
