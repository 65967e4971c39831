"""tagmates.study.changes: other settings than those of the study's folder are explained, or need another folder."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from command_line import done, refused, tagmates, tree
from study_folders import write_study
from tiny_study import write_tiny_study

from tagmates.errors import ConfigError
from tagmates.study import session
from tagmates.study.changes import check_change
from tagmates.study.locate import open_study
from tagmates.study.plan import Combination, make_plan
from tagmates.study.records import Split
from tagmates.study.settings import StudySettings
from tagmates.study.store import Store

LOCAL = ("--engine", "local")
RUN = ("study", "run", "tiny.toml", *LOCAL)
ONE = ("--set", "training.max_epochs=1")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    write_tiny_study(tmp_path, "regimes = ['single']\n")
    return tmp_path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny study, run once; never to be written to."""
    place = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        write_tiny_study(place, "regimes = ['single']\n")
        done(*RUN)
    return place / "runs" / "tiny"


@pytest.fixture
def study(ran: Path, here: Path) -> Path:
    """A copy of it, of the corpus that is here."""
    folder = Path("runs", "tiny")
    shutil.copytree(ran, folder)
    values = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps({**values, "data": str(here / "corpus")}))
    return folder


def edit(old: str, new: str) -> None:
    text = Path("tiny.toml").read_text()
    assert old in text
    Path("tiny.toml").write_text(text.replace(old, new))


def planned(*args: object) -> tuple[int, int]:
    """Trainings planned and done."""
    total = json.loads(done("study", *args, "--json").out)["total"]
    return total["planned"], total["done"]


# --- trials ----------------------------------------------------------------------------------------------------------


def test_a_trial_asks_for_its_own_folder(study: Path) -> None:
    pattern = (
        r"runs/tiny: was begun with training\.max_epochs = 2 \(now 1\); 2 runs there would leave the study; "
        r"give this one a folder of its own, as --output-dir runs/tiny-trial\n"
    )
    refused(2, pattern, *RUN, *ONE)
    refused(2, pattern, *RUN, *ONE, "--tasks", "pos")
    assert done("study", "status").err == "study tiny, in runs/tiny\n"
    assert planned("status", study) == (2, 2)
    assert "2 of 2 runs done, 2 of them in this call" in done(*RUN, *ONE, "--output-dir", "runs/tiny-trial").err
    assert done("study", "status").err == "study tiny-trial, in runs/tiny-trial\n"
    assert planned("status", "tiny.toml") == planned("status", "runs/tiny-trial") == (2, 2)
    outcome = done("study", "status", "tiny.toml", "--output-dir", "runs/tiny-trial")
    assert outcome.err == "study tiny, in runs/tiny-trial, with --set training.max_epochs=1, as it was begun\n"


def test_a_study_begun_with_set_is_spoken_of_as_begun(here: Path) -> None:
    done(*RUN, *ONE)
    line = "study tiny, in runs/tiny, with --set training.max_epochs=1, as it was begun\n"
    for command in (["plan"], ["status"], ["report"], ["recommend", "--task", "pos"]):
        assert done("study", command[0], "tiny.toml", *command[1:]).err == line
    assert planned("status", "tiny.toml") == planned("plan", "tiny.toml") == (2, 2)
    assert json.loads(done("study", "plan", "tiny.toml", "--print-config").out)["training"]["max_epochs"] == 1
    assert planned("plan", "tiny.toml", "--set", "seeds=[1]") == (2, 0)  # what would be, with nothing but this
    for args in ((*RUN, *ONE), ("study", "run", *LOCAL), ("study", "run", "runs/tiny", *LOCAL)):
        outcome = done(*args)
        assert "2 of 2 runs done, none of them in this call" in outcome.err
        assert "was begun with" not in outcome.err
        assert Store(Path("runs/tiny")).overrides() == ("training.max_epochs=1",)
    pattern = (
        r"runs/tiny: was begun with training\.max_epochs = 1 \(now 2\); 2 runs there would leave the study; "
        r"give this one a folder of its own, as --output-dir runs/tiny-trial, or repeat --set training\.max_epochs=1\n"
    )
    refused(2, pattern, *RUN)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("seeds=[1, 2]", "seeds = [1] (now [1, 2])"),
        ("regimes=['single', 'pair']", "regimes = [single] (now [single, pair])"),
        ("k=2.0", "k = 1.5 (now 2.0)"),
    ],
)
def test_what_only_adds_to_the_study_goes_on(study: Path, given: str, said: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.glob("runs/*/*")}
    outcome = done(*RUN, "--set", given)
    assert outcome.err.splitlines()[0] == f"runs/tiny: was begun with {said}; all its runs stay in the study"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not (study / "set-aside").exists()


def test_a_file_that_was_edited_is_another_study(study: Path) -> None:
    edit("max_epochs = 2", "max_epochs = 1")
    outcome = done(*RUN)
    assert outcome.err.splitlines()[:2] == [
        "runs/tiny: was begun with training.max_epochs = 2 (now 1); 2 runs of these settings stay in their "
        "folders, but are not counted any more",
        "2 run folders belong to other settings of this study and count nowhere",
    ]
    assert planned("status") == (2, 2)
    assert len(list((study / "runs").iterdir())) == 4
    edit("max_epochs = 1", "max_epochs = 2")
    assert "2 of 2 runs done, none of them in this call" in done(*RUN).err


def test_where_nothing_is_begun_nothing_is_lost(study: Path) -> None:
    shutil.rmtree(study / "runs")
    outcome = done(*RUN, *ONE, "--time-limit", "0s")
    assert "training.max_epochs = 2 (now 1); all its runs stay in the study" in outcome.err
    done(*RUN, "--time-limit", "0s")


def test_a_packed_study(here: Path) -> None:
    done("study", "pack", "tiny.toml", "--output", "tiny.pack")
    packed = ("study", "run", "--packed", "tiny.pack", *LOCAL)
    done(*packed, *ONE)
    assert planned("plan", "--packed", "tiny.pack") == (2, 2)
    outcome = tagmates(*packed)
    assert outcome.code == 2
    assert outcome.err.endswith("--output-dir runs/tiny-trial, or repeat --set training.max_epochs=1\n")
    assert "none of them in this call" in done(*packed, *ONE).err
    assert "none of them in this call" in done(*RUN, *ONE).err  # from the corpora, with the same settings
    done("study", "pack", "tiny.toml", "--output", "again.pack")  # as its file is, not its folder
    assert Path("again.pack").read_bytes() == Path("tiny.pack").read_bytes()


# --- on made-up runs -------------------------------------------------------------------------------------------------

TASKS = ("upos", "chunk", "ner")
MADE = StudySettings(data="starter", tasks=TASKS, vectors="random", seeds=(1, 2), oracle_sets="dev")


def helped(combination: Combination, task: str, seed: int, split: Split) -> float:
    """Both others help the first task, so that its oracle set is a training of its own where there are four tasks."""
    return 50.0 + 9 * (task == "upos" and len(combination.tasks) > 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of four tasks; one of its oracle sets is of three of them."""
    root = tmp_path_factory.mktemp("made") / "runs" / "made"
    study = MADE.model_copy(update={"tasks": (*TASKS, "com")})
    sets = {("multi_dec", task): ("chunk", "ner") if task == "upos" else () for task in study.tasks}
    write_study(root, study, study.tasks, lambda c, *rest: helped(c, *rest) * ("com" not in c.tasks), sets)
    return root


@pytest.mark.parametrize(
    ("given", "leave"),
    [
        ([], 0),
        (["seeds=[1, 2, 3]"], 0),
        (["seeds=[2, 1]"], 0),
        (["sharing=['te_dec', 'multi_dec']"], 0),
        (["k=9.0"], 0),
        (["seeds=[2]"], 4 + 6 + 1 + 4),
        (["regimes=['single', 'pair', 'all', 'all_but_one']"], 0),  # each oracle set is also all but one
        (["regimes=['single', 'pair', 'all', 'oracle']"], 2 * 3),
        (["regimes=['single', 'pair', 'all']"], 2 * 4),
        (["tasks=['upos', 'chunk', 'ner']"], 2 * (1 + 3 + 1 + 3)),
        # what was All is all but one now; of the former all but one, one is an oracle set
        (["tasks=['upos', 'chunk', 'ner', 'com', 'mwe']"], 2 * 3),
        (["model.hidden_size=7"], 2 * (4 + 6 + 1 + 4)),
    ],
)
def test_refused_is_what_takes_trainings_out_of_the_study(
    made: Path, tmp_path: Path, given: list[str], leave: int
) -> None:
    shutil.copytree(made, "runs/made")
    Path("made.toml").write_text(
        "data = 'starter'\ntasks = ['upos', 'chunk', 'ner', 'com']\nvectors = 'random'\nseeds = [1, 2]\n"
    )
    study = open_study(Path("made.toml"), overrides=given)
    before = tree(tmp_path / "runs")
    if leave:
        with pytest.raises(ConfigError, match=rf"; {leave} runs there would leave the study; give this one"):
            check_change(study)
    else:
        said = check_change(study)
        assert len(said) == bool(given)
        assert all(text.endswith("; all its runs stay in the study") for text in said)
        kept = {p.name for p in make_plan(study.settings, study.tasks, {("multi_dec", "upos"): ("chunk", "ner")})}
        assert {path.name for path in Path("runs/made/runs").iterdir()} <= kept
    assert {name: content for name, content in tree(tmp_path / "runs").items() if "index" not in name} == before


# --- the end of a run ------------------------------------------------------------------------------------------------


def test_a_run_ends_with_what_was_done_the_partners_and_the_next_command(study: Path) -> None:
    lines = done(*RUN).err.splitlines()
    assert lines[0] == "study tiny, in runs/tiny: 2 of 2 runs done, none of them in this call"
    assert re.search(r"(?m)^ pos +(alone|not shown) ", "\n".join(lines))
    assert lines[-1] == "next: tagmates study report runs/tiny"
    shutil.rmtree(next(study.glob("runs/stl-pos-*")))
    lines = done(*RUN).err.splitlines()
    assert re.fullmatch(r"study tiny, in runs/tiny: 2 of 2 runs done, 1 of them in this call \(\d+ s\)", lines[1])


def test_trainings_that_failed_are_in_the_count(study: Path) -> None:
    (folder,) = study.glob("runs/stl-pos-*")
    (folder / "result.json").unlink()
    (folder / "failed.json").write_text('{"error": "no luck"}')
    outcome = tagmates(*RUN)
    lines = outcome.err.splitlines()
    assert outcome.code == 3
    assert lines[0] == "study tiny, in runs/tiny: 1 of 2 runs done, none of them in this call, 1 failed"
    assert f"failed: {folder.name}: no luck" in lines
    assert lines[-1].endswith("--retry-failed tries again")


def test_no_fault_in_the_advice_makes_a_run_fail(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "could not be" not in done(*RUN).err
    monkeypatch.setattr(session, "advise", fail)
    lines = done(*RUN).err.splitlines()
    assert lines[1:] == [
        "the best partners cannot be told (ZeroDivisionError: of all things)",
        "next: tagmates study report runs/tiny",
    ]
