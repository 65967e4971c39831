"""tagmates study: plan, run, status, report and recommend as a user meets them, on a study that takes a second."""

import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from command_line import Outcome, done, numbers, refused, tagmates, tree, write_corpus
from study_folders import write_study
from tiny_study import write_tiny_study

from tagmates.config import RunConfig, Sharing
from tagmates.study.settings import REGIMES, StudySettings
from tagmates.training.folder import lock_folder

# of two tasks: All is the pair, all but one is one alone
NAMES = ("stl-pos-1", "stl-ner-1", "multi_dec-pos+ner-1", "te_dec-pos+ner-1")
LOCAL = ("--engine", "local")
EQUAL = "a run that several rows need is counted in the first of them"
pytestmark = pytest.mark.usefixtures("here")


@dataclass(frozen=True)
class Ran:
    """Where the tiny study was run, and what was said before and meanwhile."""

    place: Path
    before: dict[str, Any]
    table: Outcome
    run: Outcome


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The study, run once; never to be written to."""
    place = tmp_path_factory.mktemp("tiny study")  # a place whose name has a space
    write_tiny_study(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("TAGMATES_DATA", raising=False)
        before = json.loads(done("study", "plan", "tiny.toml", "--json").out)
        table = done("study", "plan", "tiny.toml")
        assert not (place / "runs").exists()
        return Ran(place, before, table, tagmates("study", "run", "tiny.toml", *LOCAL))


@pytest.fixture
def study(ran: Ran, here: Path) -> Path:
    """A copy of it, in the working directory."""
    shutil.copytree(ran.place, here, dirs_exist_ok=True)
    return here / "runs" / "tiny"


def run_names(folder: Path = Path("runs/tiny")) -> list[str]:
    """The finished runs, without the digits that make their names differ."""
    return sorted(path.parent.name.rpartition("-")[0] for path in folder.glob("runs/*/result.json"))


def counts_of(outcome: Outcome) -> tuple[int, int, int, int]:
    total = json.loads(outcome.out)["total"]
    return total["planned"], total["done"], total["failed"], total["pending"]


# --- plan ------------------------------------------------------------------------------------------------------------


def test_a_plan_before_anything_is_done(ran: Ran) -> None:
    none = {"planned": 0, "done": 0, "failed": 0, "pending": 0}
    two = {**none, "planned": 2, "pending": 2}
    assert ran.before["study"] == "tiny"
    assert ran.before["regimes"] == {"single": two, "pair": two, "all": none, "all_but_one": none, "oracle": none}
    assert ran.before["total"] == {**none, "planned": 4, "pending": 4}
    # two epochs of two updates alone, of four together
    assert ran.before["cost"]["updates"] == 2 * (2 + 2 + 4 + 4)
    assert 0 < ran.before["cost"]["seconds_of_one_worker"] < 60


def test_a_plan_as_a_table(ran: Ran) -> None:
    assert re.search(r"│ pair +│ +2 │ +0 │ +0 │ +2 │", ran.table.out)
    assert re.search(r"│ in all +│ +4 │ +0 │ +0 │ +4 │", ran.table.out)
    line = (
        "Oracle sets are not known yet of all tasks (MULTI-DEC and TE⊕DEC): a task's set is known when the task has "
        "been trained alone and in every pair, with every seed."
    )
    assert line in ran.table.out.splitlines()
    assert EQUAL in ran.table.out.splitlines()
    assert "among the pending" not in ran.table.out
    time = r"\npending: about 24 updates, \d+ s with \d+ workers?, probably \d+ s to \d+ s "
    assert re.search(time + r"\(\d+ s of one worker; at 2 epochs a run; ", ran.table.out)
    assert ran.table.err == "timing stl, multi_dec and te_dec for some seconds\n"


def test_a_plan_when_all_is_done(study: Path) -> None:
    outcome = done("study", "plan", "tiny.toml", "--json")
    assert counts_of(outcome) == (4, 4, 0, 0)
    assert json.loads(outcome.out)["cost"] == {}
    assert outcome.err == ""
    shown = done("study", "plan", "tiny.toml").out
    assert re.search(r"│ in all +│ +4 │ +4 │ +0 │ +0 │", shown)
    assert "pending:" not in shown
    assert "oracle sets" not in shown  # they are pairs, or nobody


def test_a_plan_of_more_seeds_goes_by_the_speed_of_what_is_done(study: Path) -> None:
    outcome = done("study", "plan", "tiny.toml", "--set", "seeds=[1, 2]", "--json")
    assert counts_of(outcome) == (8, 4, 0, 4)
    assert outcome.err == ""
    shown = done("study", "plan", "tiny.toml", "--set", "seeds=[1, 2]").out
    assert "from the epochs of this study so far, with as many workers as it had)" in shown


def test_a_plan_in_which_no_training_serves_twice(here: Path) -> None:
    write_tiny_study(here, "regimes = ['single', 'pair']\n")
    assert EQUAL not in done("study", "plan", "tiny.toml").out


def test_the_settings_that_a_plan_prints_are_the_study(here: Path) -> None:
    write_tiny_study(here)
    args = ("--set", "training.batch_size=8", "--set", "preset=practical", "--data", "corpus", "--print-config")
    outcome = done("study", "plan", "tiny.toml", *args)
    found = json.loads(outcome.out)
    assert found == StudySettings.model_validate(found).model_dump(mode="json")  # every key there is
    assert (found["tasks"], found["seeds"], found["data"]) == (["pos", "ner"], [1], "corpus")
    assert (found["training"]["batch_size"], found["training"]["weights"]) == (8, "best")
    (here / "again.json").write_text(outcome.out)
    again = json.loads(done("study", "plan", "again.json", "--print-config").out)
    assert again == {**found, "data": str(here / "corpus")}
    assert outcome.err == ""
    assert not (here / "runs").exists()


def test_a_plan_without_data(here: Path) -> None:
    (here / "mine.toml").write_text("tasks = ['a', 'b', 'c', 'd']\nseeds = [1]\n")
    outcome = done("study", "plan", "mine.toml", "--json")
    assert counts_of(outcome) == (4 + 6 + 1 + 4, 0, 0, 15)
    assert json.loads(outcome.out)["cost"] == {}
    assert done("study", "plan", "mine.toml").err == "the time that it takes depends on the data: give --data\n"
    assert [path.name for path in here.iterdir()] == ["mine.toml"]


# --- run -------------------------------------------------------------------------------------------------------------


def test_a_run_trains_all_and_says_what_ended(ran: Ran) -> None:
    assert (ran.run.code, ran.run.out) == (0, "")
    lines = ran.run.err.splitlines()
    for line, name in zip(lines, NAMES, strict=False):
        assert re.match(rf"done {re.escape(name)}-[0-9a-f]{{8}}: .*\(2 epochs, cap, \d+ s\); \d done, ", line)
    assert lines[3].endswith("4 done, 0 running, 0 failed, 0 waiting, time left in this stage: -")
    assert re.fullmatch(r"study tiny, in runs/tiny: 4 of 4 runs done, 4 of them in this call \(\d+ s\)", lines[4])
    assert re.search(r"(?m)^ ner +(alone|not shown) ", ran.run.err)  # the best partners
    assert lines[-1] == "next: tagmates study report runs/tiny"
    assert run_names(ran.place / "runs" / "tiny") == sorted(NAMES)


def test_a_run_is_that_of_train_with_its_settings(ran: Ran, here: Path) -> None:
    """And its folder can be evaluated and tagged with as any other."""
    folder = next((ran.place / "runs/tiny/runs").glob("te_dec-*"))
    config = folder / "config.json"
    done("train", "--config", config, "--data", ran.place / "corpus", "--threads", "1", "--output-dir", "again")
    assert numbers(here / "again") == numbers(folder)
    scores = [json.loads(done("evaluate", run, "--json").out)["tasks"] for run in (folder, "again")]
    assert scores[0] == scores[1]


def test_what_is_done_is_not_repeated(study: Path) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in study.glob("runs/*/*")}

    before = times()
    outcome = done("study", "run", "tiny.toml", *LOCAL)
    lines = outcome.err.splitlines()
    assert outcome.out == ""
    assert lines[0] == "study tiny, in runs/tiny: 4 of 4 runs done, none of them in this call"
    assert lines[-1] == "next: tagmates study report runs/tiny"
    assert times() == before


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--tasks", "pos"], ["stl-pos-1"]),
        (["--tasks", " ner , pos ", "--sharing", "te_dec"], ["stl-ner-1", "stl-pos-1", "te_dec-pos+ner-1"]),
        (["--regime", "pair", "--sharing", "multi_dec"], ["multi_dec-pos+ner-1"]),
        (["--regime", "all"], ["multi_dec-pos+ner-1", "te_dec-pos+ner-1"]),
    ],
)
def test_filters_run_a_part(here: Path, options: list[str], names: list[str]) -> None:
    write_tiny_study(here)
    done("study", "run", "tiny.toml", *LOCAL, *options)
    assert run_names() == names


def test_parts_together_are_the_whole(here: Path) -> None:
    """Made in folders of their own and copied into one."""
    write_tiny_study(here)
    folders = [Path(f"runs/{part}") for part in range(1, 4)]
    for part, folder in enumerate(folders, 1):
        done("study", "run", "tiny.toml", *LOCAL, "--shard", f"{part}/3", "--output-dir", folder)
        shutil.copytree(folder / "runs", "runs/tiny/runs", dirs_exist_ok=True)
    assert sorted(name for folder in folders for name in run_names(folder)) == sorted(NAMES)
    assert "4 of 4 runs done, none of them in this call\n" in done("study", "run", "tiny.toml", *LOCAL).err
    assert run_names() == sorted(NAMES)
    done("study", "run", "tiny.toml", *LOCAL, "--seeds", "2", "--set", "seeds=[1, 2]", "--tasks", "ner")
    assert run_names() == sorted([*NAMES, "stl-ner-2"])


def test_a_share_of_nothing(here: Path) -> None:
    """As one of many machines may get it; a part of the study that has no training at all is a mistake."""
    write_tiny_study(here, "regimes = ['single', 'pair']\n")
    single = (*LOCAL, "--regime", "single")
    outcomes = [done("study", "run", "tiny.toml", *single, "--shard", f"{part}/4") for part in range(1, 5)]
    rest = [re.search(r"not selected, and pending: (\d) runs", outcome.err) for outcome in outcomes]
    assert [int(found[1]) for found in rest if found][-1] == 2  # the pairs; of those who knew, the last one
    assert run_names() == sorted(NAMES[:2])
    args = ("study", "run", "tiny.toml", *LOCAL, "--regime", "pair", "--tasks", "ner")
    refused(2, "no run of this study is selected; loosen --sharing, --regime, --tasks or --seeds", *args)


def test_equal_updates_of_a_whole_study(here: Path) -> None:
    write_tiny_study(here)
    sets = [f"--set=training.{key}={value}" for key, value in (("epoch_updates", 2), ("max_updates", 5))]
    assert json.loads(done("study", "plan", "tiny.toml", *sets, "--json").out)["cost"]["updates"] == 4 * 5
    done("study", "run", "tiny.toml", *LOCAL, *sets, "--sharing", "multi_dec")
    results = [json.loads(path.read_text()) for path in Path("runs/tiny/runs").glob("*/result.json")]
    assert len(results) == 3
    assert {(result["updates"], result["epochs"], result["stopped"]) for result in results} == {(5, 3, "updates")}


def test_a_time_limit_stops_and_the_same_command_goes_on(here: Path) -> None:
    write_tiny_study(here)
    outcome = done("study", "run", "tiny.toml", *LOCAL, "--time-limit", "0s")
    assert outcome.err.splitlines() == [
        "study tiny, in runs/tiny: 0 of 4 runs done, none of them in this call",
        "pending: 4 runs; the same command continues",
    ]
    assert run_names() == []
    done("study", "run", "tiny.toml", *LOCAL, "--time-limit", "1h", "--tasks", "ner")
    assert run_names() == ["stl-ner-1"]


def test_the_data_of_the_command_line_win(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny_study(here)
    write_corpus(here / "other", train="Otters\tN\tO\n\n" * 8)
    done("study", "run", "tiny.toml", *LOCAL, "--tasks", "ner", "--data", "other", "--output-dir", "there")
    (folder,) = Path("there/runs").iterdir()
    assert json.loads((folder / "environment.json").read_text())["data"] == str(here / "other")
    assert json.loads(Path("there/study.json").read_text())["data"] == str(here / "other")
    pattern = r"there/study\.json: was begun with other data than .*corpus holds: task \w+ had other sentences .*; give"
    refused(2, pattern, "study", "run", "tiny.toml", *LOCAL, "--output-dir", "there")
    monkeypatch.setenv("TAGMATES_DATA", "other")  # comes last
    done("study", "run", "tiny.toml", *LOCAL, "--tasks", "ner")
    assert json.loads(Path("runs/tiny/study.json").read_text())["data"] == str(here / "corpus")


# --- status ----------------------------------------------------------------------------------------------------------


def test_status_as_json_and_as_a_table(study: Path) -> None:
    outcome = done("study", "status", "tiny.toml", "--json")
    assert counts_of(outcome) == (4, 4, 0, 0)
    shown = json.loads(outcome.out)
    assert (shown["study"], shown["folder"]) == ("tiny", "runs/tiny")
    assert (shown["running"], shown["failed"], shown["broken"]) == ({}, {}, {})
    assert set(shown) == {
        "study",
        "folder",
        "regimes",
        "total",
        "running",
        "begun",
        "failed",
        "broken",
        "unmatched",
        "without_tagger",
        "without_epochs",
        "other",
    }
    assert shown["other"] == 0
    assert outcome.err == ""
    assert re.search(r"│ single +│ +2 │ +2 │ +0 │ +0 │", done("study", "status", "tiny.toml").out)


def test_status_of_what_runs_failed_and_broke(study: Path) -> None:
    running, failed, broken = (next((study / "runs").glob(f"{name}-*")) for name in NAMES[:3])
    for folder in (running, failed):
        (folder / "result.json").unlink()
    (failed / "failed.json").write_text('{"error": "no luck"}')
    (broken / "counts.npz").unlink()
    with lock_folder(running):
        outcome, shown = done("study", "status", "runs/tiny", "--json"), done("study", "status", "runs/tiny").out
    assert counts_of(outcome) == (4, 1, 1, 2)
    found = json.loads(outcome.out)
    assert found["running"] == {running.name: 2}
    assert found["failed"] == {failed.name: "no luck"}
    assert list(found["broken"]) == [broken.name]
    assert f"\nrunning: {running.name}, epoch 3\n" in shown
    assert f"\nfailed: {failed.name}: no luck\n" in shown
    assert re.search(rf"\nbroken: .*{re.escape(broken.name)}/counts.npz: .*; `study run` sets it aside", shown)
    assert "\namong the pending: 1 running, 1 broken\n" in shown
    assert "\namong the pending: 1 begun, 1 broken\n" in done("study", "plan", "runs/tiny").out
    before = tree(study)
    assert done("study", "status", "runs/tiny", "--json").err == ""
    assert {k: v for k, v in tree(study).items() if "index" not in k} == {
        k: v for k, v in before.items() if "index" not in k
    }


def test_runs_of_other_settings_are_counted(study: Path) -> None:
    """They are what the study was before its file was changed; what was set aside is not among them."""
    (study / "set-aside").mkdir()
    shutil.copytree(next(study.glob("runs/stl-pos-*")), study / "set-aside" / "stl-pos-1-00000000-5")
    one = "--set=seeds=[2]"
    assert "4 run folders not in the plan so far: of other settings, or of oracle sets that are" in (
        done("study", "plan", "tiny.toml", one).out
    )
    text = Path("tiny.toml").read_text()
    Path("tiny.toml").write_text("regimes = ['single', 'pair']\n" + text)
    assert json.loads(done("study", "status", "tiny.toml", "--json").out)["other"] == 0
    Path("tiny.toml").write_text("regimes = ['single']\n" + text.replace("batch_size = 4", "batch_size = 8"))
    line = "4 run folders belong to other settings of this study and count nowhere"
    outcome = done("study", "run", "tiny.toml", *LOCAL, "--tasks", "pos")
    assert outcome.err.splitlines()[:2] == [
        "runs/tiny: was begun with regimes = [single, pair, all, all_but_one, oracle] (now [single]), "
        "training.batch_size = 4 (now 8); 4 runs of these settings stay in their folders, "
        "but are not counted any more",
        line,
    ]
    assert line in done("study", "status", "tiny.toml").out.splitlines()
    assert json.loads(done("study", "status", "tiny.toml", "--json").out)["other"] == 4
    assert done("study", "report", "tiny.toml").err == f"{line}\n"


def test_without_a_name_the_last_study_is_meant(study: Path, here: Path) -> None:
    for command in (("plan",), ("status",), ("recommend", "--task", "pos")):
        outcome = done("study", *command)
        assert outcome.err == "study tiny, in runs/tiny\n"
        assert outcome.out == done("study", *command[:1], "runs/tiny", *command[1:]).out
    done("study", "run", "tiny.toml", *LOCAL, "--tasks", "ner", "--output-dir", "runs/later")
    assert done("study", "status").err == "study later, in runs/later\n"
    assert run_names(Path("runs/later")) == ["stl-ner-1"]
    done("study", "run", *LOCAL, "--sharing", "stl")
    assert run_names(Path("runs/later")) == ["stl-ner-1", "stl-pos-1"]


def test_a_study_that_was_moved_and_has_lost_its_data(study: Path, here: Path) -> None:
    """Its folder says all that it takes to read it."""
    shutil.move(study, here / "moved")
    shutil.rmtree(here / "corpus")
    description = json.loads((here / "moved" / "study.json").read_text())
    description["data"] = str(here / "corpus")
    (here / "moved" / "study.json").write_text(json.dumps(description))
    assert counts_of(done("study", "status", "moved", "--json")) == (4, 4, 0, 0)
    assert done("study", "recommend", "moved", "--task", "pos").out
    done("study", "plan", "moved")
    refused(1, "corpus: no such file or folder", "study", "run", "moved", *LOCAL)


# --- recommend -------------------------------------------------------------------------------------------------------


def test_a_recommendation(study: Path) -> None:
    shown = done("study", "recommend", "tiny.toml", "--task", "ner")
    found = json.loads(done("study", "recommend", "tiny.toml", "--task", "ner", "--json").out)
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert lines[0] == f"ner: {found['advice']}"
    assert found["verdict"] in ("alone", "not shown")  # of one seed nothing is ever shown
    say = lines.index(found["command"])
    assert lines[say - 3 : say] == [
        f"already trained alone, with seed 1: {found['trained']}; tag with:",
        f'echo "Prices in Berlin fell sharply ." | tagmates tag {found["trained"]}',
        "to train it again alone, with seed 1:",
    ]
    # what is best on dev can be trained, too, where nothing is shown to be better
    offered = found["verdict"] == "not shown" and found["gain"] > 0
    assert any(re.search("with pos .*, the best on dev", line) for line in lines) == offered
    # and the model of gains says the same in words and as values
    (sentence,) = (line for line in lines if line.startswith("By the model of gains, "))
    assert f"probability {found['forecast']['probability_best']:.2f}" in sentence
    evidence = {"verdict", "warnings", "gain", "interval", "p"}
    assert set(found) == {"task", "advice", "ranking", "forecast", "chosen", "seed", "trained", "command"} | evidence
    assert "ner" in done("tag", found["trained"], stdin=b"Otters sleep .").out
    assert [set(row) for row in found["ranking"]] == [{"sharing", "tasks", "dev", "n"}] * 3
    scores = {}
    for path in study.glob("runs/*/result.json"):
        result = json.loads(path.read_text())
        if "ner" in result["tasks"]:
            scores[result["sharing"]] = result["dev"]["ner"]["f1"]
    assert {row["sharing"]: row["dev"] for row in found["ranking"]} == scores
    assert found["ranking"][0]["dev"] == max(scores.values())


def test_the_recommended_command_trains_the_recommended_tagger(study: Path, here: Path) -> None:
    found = json.loads(done("study", "recommend", "tiny.toml", "--task", "ner", "--json").out)
    program, *args = shlex.split(found["command"])
    assert program == "tagmates"
    done(*args, "--threads", "1")
    folder = here / args[args.index("--output-dir") + 1]
    config = RunConfig.model_validate_json((folder / "config.json").read_text())
    best = found["chosen"]
    assert (config.sharing, list(config.tasks)) == (best["sharing"], best["tasks"])
    (theirs,) = [
        path.parent
        for path in study.glob("runs/*/config.json")
        if RunConfig.model_validate_json(path.read_text()) == config
    ]
    assert theirs == here / found["trained"]
    assert numbers(folder) == numbers(theirs)
    assert "ner" in done("tag", folder, stdin=b"Otters sleep .").out


def test_a_recommendation_before_anything_is_done(here: Path) -> None:
    write_tiny_study(here)
    done("study", "run", "tiny.toml", *LOCAL, "--time-limit", "0s")
    found = json.loads(done("study", "recommend", "tiny.toml", "--task", "pos", "--json").out)
    nothing = {"ranking": [], "chosen": None, "seed": None, "trained": "", "command": "", "warnings": []}
    nothing |= {"gain": None, "interval": None, "p": None}
    predicted = found.pop("forecast")
    assert found == {"task": "pos", "verdict": "too early", "advice": "nothing is done yet.", **nothing}
    assert predicted["runs"] == 0
    first, second = done("study", "recommend", "tiny.toml", "--task", "pos").out.splitlines()
    assert first == "pos: nothing is done yet."
    assert second.startswith("By the model of gains, ")


def test_a_recommendation_that_is_too_early_names_no_command(here: Path) -> None:
    write_tiny_study(here)
    done("study", "run", "tiny.toml", *LOCAL, "--tasks", "pos")
    shown = done("study", "recommend", "tiny.toml", "--task", "pos").out
    assert "tagmates t" not in shown
    found = json.loads(done("study", "recommend", "tiny.toml", "--task", "pos", "--json").out)
    assert (found["trained"], found["command"], len(found["ranking"])) == ("", "", 1)


# --- recommend --taggers ---------------------------------------------------------------------------------------------


def test_the_best_taggers_for_all_tasks(study: Path) -> None:
    found = json.loads(done("study", "recommend", "tiny.toml", "--taggers", "1", "--json").out)
    (tagger,) = found["taggers"]
    assert tagger["tasks"] == ["pos", "ner"]
    assert tagger["expected_dev_f1"].keys() == {"pos", "ner"}
    assert tagger["trained"]
    assert Path(tagger["folder"]).parent == study.relative_to(Path.cwd()) / "runs"
    assert [row["taggers"] for row in found["curve"]] == [1, 2]
    assert found["curve"][0]["mean"] <= found["curve"][1]["mean"]
    assert found["curve"][0]["mean"] == pytest.approx(sum(tagger["expected_dev_f1"].values()) / 2)
    shown = done("study", "recommend", "tiny.toml", "--taggers", "1").out
    assert re.search(r"pos +1 +[\d.]+ +[\d.]+ +[+−]?[\d.]+ ", shown)
    assert f"trained, {tagger['folder']}" in shown


def test_taggers_that_are_not_trained_are_trained_by_the_command_and_by_train(study: Path, here: Path) -> None:
    shutil.rmtree(study / "runs")
    (study / "runs").mkdir()
    shown = done("study", "recommend", "tiny.toml", "--taggers", "1").out
    (command,) = (line for line in shown.splitlines() if line.startswith("tagmates train "))
    done("study", "recommend", "tiny.toml", "--taggers", "1", "--train")
    (folder,) = (study / "taggers").iterdir()
    config = RunConfig.model_validate_json((folder / "config.json").read_text())
    assert (config.tasks, config.seed, config.training.max_epochs) == (("pos", "ner"), 1, 2)
    assert "ner" in done("tag", folder, stdin=b"Otters sleep .").out
    before = (folder / "result.json").stat().st_mtime_ns
    again = done("study", "recommend", "tiny.toml", "--taggers", "1", "--train").out
    assert f"trained, {folder.relative_to(here)}" in again
    assert json.loads(done("study", "recommend", "tiny.toml", "--taggers", "1", "--json").out)["taggers"][0]["trained"]
    assert (folder / "result.json").stat().st_mtime_ns == before
    shutil.move(folder, here / "by train")
    done(*shlex.split(command)[1:], "--threads", "1")
    assert RunConfig.model_validate_json((folder / "config.json").read_text()) == config
    assert numbers(folder) == numbers(here / "by train")


def test_taggers_need_the_training_data_or_what_the_study_kept_of_them(study: Path) -> None:
    description = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**description, "data": ""}))
    assert "mean expected dev F1" in done("study", "recommend", "runs/tiny", "--taggers", "2").out
    (study / "affinities.json").unlink()
    refused(2, "--taggers: needs the training data of the study", "study", "recommend", "runs/tiny", "--taggers", "2")
    assert done("study", "recommend", "runs/tiny", "--task", "ner").out.startswith("ner: ")


# --- report ----------------------------------------------------------------------------------------------------------


def text_of(page: Path) -> str:
    """The text of a page."""
    source = re.sub(r"(?s)<(style|script).*?</\1>", "", page.read_text(encoding="utf-8"))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source)).split())


def test_another_study_beside_must_have_a_task_in_common(study: Path, here: Path) -> None:
    shutil.copytree(study, here / "runs" / "changed")
    path = here / "runs" / "changed" / "study.json"
    description = json.loads(path.read_text())
    description["task_data"]["pos"]["score"] = "prefix"
    path.write_text(json.dumps(description))
    outcome = done("study", "report", "tiny.toml", "--beside", "runs/changed")
    assert outcome.err == "warning: changed was run on other data: task pos had score 'prefix', now 'plain' in tiny\n"
    other = StudySettings(vectors="random", regimes=("single",), seeds=(1,))
    write_study(here / "runs" / "other", other, ["upos", "chunk"], lambda *_: 50.0)
    message = "--beside runs/other: has none of this study's tasks \\(pos, ner\\)"
    refused(2, message, "study", "report", "tiny.toml", "--beside", "runs/other")


def test_a_report(study: Path, here: Path) -> None:
    shutil.copytree(study, here / "runs" / "twin")
    outcome = done("study", "report", "tiny.toml", "--beside", "runs/twin")
    *table, page = outcome.out.splitlines()
    assert (page, outcome.err) == ("runs/tiny/report/index.html", "")
    assert re.search(r"(?m)^ pos +(alone|not shown) ", "\n".join(table))
    said = text_of(study / "report" / "index.html")
    assert said.startswith("tiny")
    assert all(name in said for name in ("pos", "ner", "MULTI-DEC", "TE⊕DEC", "4 of 4 planned runs done"))
    assert "still to be done" not in said
    assert "twin" in said
    assert any((study / "report").rglob("*.csv"))


def test_a_report_of_a_part_says_what_is_missing(here: Path) -> None:
    write_tiny_study(here)
    done("study", "run", "tiny.toml", *LOCAL, "--tasks", "pos")
    shown = done("study", "report", "--output", "there")
    assert shown.err == "study tiny, in runs/tiny\n"
    assert shown.out.splitlines()[-1] == "there/index.html"
    said = text_of(here / "there" / "index.html")
    assert "3 of 4 planned runs are not done yet" in said
    assert "ner nothing is done yet." in said
    assert "Oracle sets are not known yet of all tasks (MULTI-DEC and TE⊕DEC)" in said
    assert not (here / "runs" / "tiny" / "report").exists()


def test_a_report_of_nothing(here: Path) -> None:
    write_tiny_study(here)
    refused(1, "runs/tiny: holds no study; begin it with: tagmates study run FILE", "study", "report", "tiny.toml")


# --- help and mistakes -----------------------------------------------------------------------------------------------

OPTIONS = {
    "plan": "--data --output-dir --set --equal-updates --equal-exposure --json --print-config",
    "run": "--engine --workers --time-limit --sharing --regime --tasks --seeds --shard --retries --retry-failed "
    "--device --threads --data --output-dir --set --equal-updates --equal-exposure",
    "status": "--output-dir --json",
    "report": "--beside --output-dir --output",
    "recommend": "--task --taggers --train --device --data --output-dir --json",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_every_option(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = done("study", command, "--help").out
    assert f"Usage: tagmates study {command} " in shown
    named = set(re.findall(r"(?<![\w-])--[a-z-]+", re.sub(r"(?m)^ *Example:.*\n?.*$", "", shown)))
    assert set(OPTIONS[command].split()) <= named
    # and each says what it is for
    for option in OPTIONS[command].split():
        assert re.search(rf"{option}\b[^\n]* [A-Z]?\w+ \w+", shown), option


def test_help_names_every_command() -> None:
    shown = done("study", "--help").out
    assert all(re.search(rf"\b{command}\b", shown) for command in OPTIONS)
    assert "Find out which tasks learn better together" in shown


@pytest.mark.slow
def test_the_help_of_tagmates_says_what_a_study_is_and_loads_none() -> None:
    code = "import sys\nfrom tagmates.apps import cli\ncli.app(['--help'])\nprint('tagmates.apps.study' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert re.search(r"\bstudy +Find out which tasks learn better together", shown)
    assert shown.splitlines()[-1] == "False"


def test_help_names_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = done("study", "run", "--help").out
    assert ",".join(get_args(Sharing)) in shown
    assert ",".join(REGIMES) in shown


RUN = ("run", "tiny.toml", *LOCAL)
MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("paln",), 'Did you mean "plan"'),
    (("plan", "tiny.toml", "--jsn"), "--json"),
    ((*RUN, "--regime", "pairs"), "--regime: there is no 'pairs' (did you mean 'pair'?); there are single, pair, all"),
    ((*RUN, "--sharing", "te_dek"), "--sharing: there is no 'te_dek' (did you mean 'te_dec'?)"),
    ((*RUN, "--tasks", "pos,nre"), "--tasks: there is no 'nre' (did you mean 'ner'?); there are pos, ner"),
    ((*RUN, "--seeds", "1,11"), "--seeds: there is no '11' (did you mean '1'?); there are 1"),
    ((*RUN, "--seeds", "one"), "--seeds: there is no 'one'; there are 1"),
    ((*RUN, "--shard", "3/2"), "--shard 3/2: write PART/PARTS, for instance 2/8"),
    ((*RUN, "--time-limit", "soon"), "--time-limit soon: write a time such as 45s, 25m, 1h30m or 2d"),
    ((*RUN, "--workers", "0"), "--workers, --lanes and --threads: must be 1 or more, --retries 0 or more"),
    ((*RUN, "--threads", "0"), "--workers, --lanes and --threads: must be 1 or more, --retries 0 or more"),
    ((*RUN, "--retries", "-1"), "--workers, --lanes and --threads: must be 1 or more, --retries 0 or more"),
    ((*RUN, "--device", "gpu"), "--device gpu: choose auto, cpu or cuda"),
    (("run", "tiny.toml", "--engine", "proceses"), 'Did you mean "processes"'),
    ((*RUN, "--set", "training.batch_size=1"), "multi_dec pos+ner: training.batch_size 1 is smaller than the number"),
    (("plan", "tiny.toml", "--set", "training.batch_size=1"), "training.batch_size 1 is smaller than the number"),
    (("plan", "tiny.toml", "--set", "training.loss_weights.nre=2"), "names 'nre' (did you mean 'ner'?), no task of"),
    (
        ("plan", "tiny.toml", "--set", "seds=[1]"),
        "tiny.toml, with --set of seds: unknown key 'seds' (did you mean 'seeds'?)",
    ),
    (("plan", "tiny.toml", "--set", "tasks=['pos', 'nre']"), "no task 'nre' (did you mean 'ner'?); there are pos, ner"),
    (("plan", "runs/tiny", "--set", "seeds=[1]"), "runs/tiny: is a study's folder; --set and --output-dir go with"),
    (("status", "runs/tiny", "--output-dir", "x"), "runs/tiny: is a study's folder; --set and --output-dir go with"),
    (("plan", "none.toml"), "none.toml: cannot be read (No such file or directory); check the path"),
    (("status", "none"), "none: cannot be read (No such file or directory)"),
    (("run", "nodata.toml"), "--data: is missing, and the study's file has none; give --data, or write data"),
    (("recommend", "tiny.toml", "--task", "pos", "--taggers", "1"), "--task and --taggers: give one of them"),
    (("recommend", "tiny.toml", "--task", "pos", "--train"), "--train: goes with --taggers"),
    (("recommend", "tiny.toml", "--taggers", "0"), "--taggers 0: must be 1 or more"),
    (
        ("recommend", "tiny.toml", "--task", "nre"),
        "--task: there is no 'nre' (did you mean 'ner'?); there are pos, ner",
    ),
]


@pytest.fixture(scope="module")
def mistakes(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mistakes")
    shutil.copytree(ran.place, place, dirs_exist_ok=True)
    (place / "nodata.toml").write_text("tasks = ['pos', 'ner']\n")
    return place


@pytest.mark.parametrize(("args", "pattern"), MISTAKES, ids=lambda value: " ".join(value) if len(value) < 9 else "")
def test_mistakes_are_one_line_and_exit_code_2(
    mistakes: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], pattern: str
) -> None:
    monkeypatch.chdir(mistakes)
    refused(2, re.escape(pattern), "study", *args)


def test_what_is_not_there(here: Path) -> None:
    refused(1, "runs: holds no study; name its file or folder", "study", "status")
    (here / "empty").mkdir()
    refused(1, "empty: holds no study; begin it with: tagmates study run FILE.toml", "study", "status", "empty")
    write_tiny_study(here)
    refused(1, "none: no such file or folder", "study", "run", "tiny.toml", "--data", "none")
    refused(1, "none: no such file or folder", "study", "plan", "tiny.toml", "--data", "none")


def test_a_recommendation_is_for_one_task(study: Path) -> None:
    refused(2, "--task", "study", "recommend", "runs/tiny", "--task", "pos,ner")


def test_a_recommendation_for_every_task_is_that_for_each(study: Path) -> None:
    every = json.loads(done("study", "recommend", "runs/tiny", "--json").out)
    each = [json.loads(done("study", "recommend", "runs/tiny", "--task", t, "--json").out) for t in ("pos", "ner")]
    assert every == each
    shown = done("study", "recommend", "runs/tiny").out
    assert re.search(r"pos +(alone|not shown|no gain) ", shown)
    assert "P(best)" in shown


@pytest.mark.parametrize(("option", "value"), [("--sharing", "te_enc"), ("--regime", "oracle")])
def test_a_filter_of_what_is_not_in_the_study(here: Path, option: str, value: str) -> None:
    write_tiny_study(here, "regimes = ['single', 'pair']\n")
    refused(2, f"{option}: there is no '{value}'", "study", "run", "tiny.toml", *LOCAL, option, value)


def test_the_recommended_command_where_nobody_knows_the_data(study: Path) -> None:
    """As of the folders in docs/runs, which name no place of somebody's disk."""
    description = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**description, "data": ""}))
    found = json.loads(done("study", "recommend", "runs/tiny", "--task", "ner", "--json").out)
    assert "--data DIR --output-dir" in found["command"]
    for model in study.glob("runs/*/model.safetensors"):
        model.unlink()
    lines = done("study", "recommend", "runs/tiny", "--task", "ner").out.splitlines()
    say = lines.index(found["command"])
    assert lines[say - 1] == "to train it alone, with seed 1; put the folder of your data for DIR:"
    assert not any("already trained" in line for line in lines)
    assert json.loads(done("study", "recommend", "runs/tiny", "--task", "ner", "--json").out)["trained"] == ""


def test_the_recommended_command_is_quoted(study: Path, here: Path) -> None:
    shutil.copytree(study, here / "two words")
    found = json.loads(done("study", "recommend", "two words", "--task", "ner", "--json").out)
    args = shlex.split(found["command"])[1:]
    done(*args, "--threads", "1")


def test_data_that_were_changed_meanwhile(here: Path) -> None:
    write_tiny_study(here)
    done("study", "run", "tiny.toml", *LOCAL, "--time-limit", "0s")
    write_corpus(here / "changed", dev="Otters\tN\tO\n")
    args = ("study", "run", "tiny.toml", *LOCAL, "--data", "changed")
    refused(2, r"study\.json: was begun with other data than .*changed holds: task pos had other sentences", *args)
