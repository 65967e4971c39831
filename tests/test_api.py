"""tagmates.api and the public names: their examples run, and a study in Python equals the command line."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from command_line import done
from study_folders import write_study

import tagmates
from tagmates.study.driver import Started, Stopped
from tagmates.study.plan import Combination
from tagmates.study.session import Begun, Summary
from tagmates.study.settings import StudySettings

GUIDE = (Path(__file__).parents[1] / "docs" / "studies.md").read_text(encoding="utf-8")
REFERENCE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
SMALL = """
data = "starter"
tasks = ["upos", "chunk"]
regimes = ["single", "pair"]
seeds = [1, 2]
preset = "paper"
vectors = "random"

[model]
hidden_size = 8
character_hidden_size = 4
layers = 1

[training]
max_epochs = 2
learning_rate = 0.01
"""
SETTINGS = {("stl", ("upos",)), ("stl", ("chunk",)), ("multi_dec", ("upos", "chunk"))}


def code_of(text: str | None) -> list[str]:
    """The Python blocks of a page or a docstring."""
    return re.findall(r"^```python\n(.*?)^```", inspect.cleandoc(text or ""), re.MULTILINE | re.DOTALL)


def example(name: str) -> str:
    (code,) = code_of(getattr(tagmates, name).__doc__)
    return code


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study ``own.toml``, run by a program that is the example of ``Study``."""
    folder = tmp_path_factory.mktemp("own study")
    (folder / "own.toml").write_text(SMALL, encoding="utf-8")
    (folder / "program.py").write_text(example("Study"), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-W", "error", "program.py"]
    ended = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    (folder / "said.txt").write_text(ended.stdout, encoding="utf-8")
    return folder


@pytest.fixture
def study(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tagmates.Study:
    """The study in a copy of its folder, which is the working directory."""
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    return tagmates.Study.open("own.toml")


# --- examples --------------------------------------------------------------------------------------------------------


def test_a_program_needs_no_guard_against_its_own_workers(place: Path) -> None:
    """The workers are processes, and would import the program if multiprocessing had its way."""
    lines = (place / "said.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(set(lines)) == 6
    assert all(re.match(r"(stl|multi_dec)-\S+-[12]-[0-9a-f]{8} \{.*'(upos|chunk)': ", line) for line in lines)


SAID = {
    "Advice": "no combination is shown|train it alone",
    "ConfigError": "the tagger has no task 'nre'",
    "DataError": "no/such/folder: no such file or folder",
    "Evaluation": r"^\{'upos': 9\d\.\d+, 'xpos'",
    "evaluate": r"^9\d\.\d+$",
    "Forecast": r"^upos \('\w+',.*\nchunk \('\w+',",
    "Grouping": r"^1 [\d.]+ \[\('upos', 'chunk'\)\]\n2 ",
    "ModelError": "runs/none: no such folder",
    "ModelSettings": "^64$",
    "RunConfig": '"sharing": "te_dec"',
    "Study": "^$",  # all is done
    "StudyPlan": r"^6 6 0\n\[\]$",
    "StudyStatus": "^6 of 6 runs are done$",
    "Tagged": r"\('She', 'went', 'to', 'Oslo', '\.'\) \(\(14, 17\)",
    "Tagger": r"\[Span\(start=1, end=3, label=''\)\]",
    "TagmatesError": "none.toml: cannot be read",
    "TrainingError": "the loss is (inf|nan)",
    "TrainingSettings": "^32$",
    "WrittenReport": "the report is in runs/own/report/index.html\nupos (alone|not shown|better)\nchunk ",
    "progress": "^Summary$",
    "run_study": "^6 runs are done\n",
    "train": r"^\('\w+', '\w+',",
}


@pytest.mark.parametrize("name", tagmates.__all__)
def test_every_public_name_has_an_example_that_runs(
    name: str, study: tagmates.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(example(name), f"example of {name}", "exec"), {"__name__": "__main__"})
    assert re.search(SAID[name], capsys.readouterr().out.strip())


@pytest.mark.parametrize("name", tagmates.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    assert re.search(rf"^::: tagmates\.{name}$", REFERENCE, re.MULTILINE)


def test_the_guide_s_example_runs(study: tagmates.Study, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = code_of(GUIDE)
    exec(compile(code, "docs/studies.md", "exec"), {"__name__": "__main__"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "RegimeCounts(planned=6, done=6, failed=0)"
    assert lines[1:4] == ["Begun", "Stage", "Summary"]
    assert lines[-1] == "runs/own/report/index.html"


# --- plan, run, status, report, recommend ----------------------------------------------------------------------------


def test_a_plan_before_anything_is_done(study: tagmates.Study) -> None:
    fresh = tagmates.Study.open("own.toml", output_dir="runs/fresh")
    plan = fresh.plan()
    assert (plan.study, plan.total.planned, plan.total.done, plan.total.pending) == ("own", 6, 0, 6)
    assert {regime: counts.planned for regime, counts in plan.regimes.items()} == {"single": 4, "pair": 2}
    assert {(p.combination.sharing, p.combination.tasks, p.config.seed) for p in plan.runs} == {
        (*combination, seed) for combination in SETTINGS for seed in (1, 2)
    }
    assert plan.unmeasured == ["stl", "multi_dec"]
    cost = fresh.cost(plan)
    assert cost is not None and cost.seconds > 0
    # the trainings that were done say how many updates that is
    assert cost.updates == sum(record.updates for record in study.plan().found.done.values())
    assert not Path("runs/fresh").exists()


def test_a_plan_when_all_is_done_costs_nothing(study: tagmates.Study) -> None:
    plan = study.plan()
    assert (plan.total.done, plan.total.pending, plan.unmeasured) == (6, 0, [])
    assert study.cost(plan) is None


def test_the_events_of_a_run(study: tagmates.Study, capsys: pytest.CaptureFixture[str]) -> None:
    fresh = tagmates.Study.open("own.toml", output_dir="runs/fresh")
    begun, *between, summary = fresh.run(fresh.select(tasks=["chunk"], seeds=[2]), engine="local")
    assert isinstance(begun, Begun) and isinstance(summary, Summary)
    assert begun.notes == [fresh.preset] and begun.sizes.keys() == {"upos", "chunk"}
    (stopped,) = (event for event in between if isinstance(event, Stopped))
    assert stopped.record is not None
    # the same training as that of the worker processes
    assert study.plan().found.done[stopped.record.name].test == stopped.record.test
    assert (summary.planned, summary.done, summary.new, summary.pending, summary.not_selected) == (6, 1, 1, 0, 5)
    assert (summary.failed, summary.given_up, summary.fault) == ({}, 0, "")
    assert [advice.verdict for advice in summary.advice] == ["too early", "too early"]
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_run_may_be_closed_and_goes_on(study: tagmates.Study) -> None:
    kept = study.plan().runs[0].name
    for planned in study.plan().runs[1:]:
        shutil.rmtree(study.store.folder(planned.name))
    with closing(study.run(engine="local")) as events:
        for event in events:
            if isinstance(event, Started):
                break
    assert study.status().total.done < 6
    *_, summary = study.run(engine="local", lanes=5)
    assert isinstance(summary, Summary)
    assert (summary.done, summary.pending) == (6, 0)
    assert kept in study.plan().found.done


def test_values_of_other_kinds_are_named() -> None:
    with pytest.raises(tagmates.ConfigError, match=r"'ner': is no configuration; give one such as RunConfig"):
        tagmates.train("ner")  # type: ignore[arg-type]
    with pytest.raises(tagmates.ConfigError, match=r"device gpu: .*; choose cpu, or cuda"):
        tagmates.Tagger.from_pretrained("en", device="gpu")


def test_a_time_limit_in_seconds(study: tagmates.Study) -> None:
    fresh = tagmates.run_study("own.toml", output_dir="runs/fresh", time_limit=0)
    assert fresh.store.root == Path("runs/fresh")
    assert fresh.status().total.pending == 6


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": 0}, "--workers, --lanes and --threads: must be 1 or more"),
        ({"retries": -1}, "--retries 0 or more"),
        ({"engine": "local", "workers": 2}, "--workers: are processes of their own"),
        ({"engine": "processes", "lanes": 2}, "--lanes: are side by side in one process"),
        ({"device": "gpu"}, "--device gpu: choose auto, cpu or cuda"),
    ],
)
def test_arguments_that_cannot_work_are_refused_at_once(
    study: tagmates.Study, wrong: dict[str, object], message: str
) -> None:
    fresh = tagmates.Study.open("own.toml", output_dir="runs/fresh")
    with pytest.raises(tagmates.ConfigError, match=re.escape(message)):
        fresh.run(**wrong)  # type: ignore[arg-type]
    assert not Path("runs/fresh").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tasks": ["ner"]}, "--tasks: there is no 'ner'"),
        ({"regimes": ["all"]}, "--regime: there is no 'all'"),
        ({"sharing": ["te_enc"]}, "--sharing: there is no 'te_enc'"),
        ({"seeds": [3]}, "--seeds: there is no '3'"),
        ({"shard": (3, 2)}, "--shard 3/2: write PART/PARTS"),
    ],
)
def test_a_selection_of_what_is_not_in_the_study(study: tagmates.Study, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(tagmates.ConfigError, match=re.escape(message)):
        study.select(**wrong)  # type: ignore[arg-type]


def test_a_run_without_data(study: tagmates.Study) -> None:
    Path("nodata.toml").write_text("tasks = ['a', 'b']\n", encoding="utf-8")
    nodata = tagmates.Study.open("nodata.toml")
    assert nodata.plan().total.planned == 3 * 3 and nodata.cost(nodata.plan()) is None
    with pytest.raises(tagmates.ConfigError, match="--data: is missing"):
        nodata.run()


def test_a_status(study: tagmates.Study) -> None:
    status = study.status()
    assert (status.study, status.folder, status.total.done, status.total.pending) == ("own", Path("runs/own"), 6, 0)
    assert (status.running, status.begun, status.failed, status.broken, status.unmatched) == ({}, {}, {}, {}, {})
    assert (status.without_tagger, status.without_epochs, status.other, status.notes) == ({}, [], 0, [])


def test_a_status_of_what_went_wrong(study: tagmates.Study) -> None:
    first, second, third, *_ = (study.store.folder(planned.name) for planned in study.plan().runs)
    (first / "result.json").unlink()
    (first / "failed.json").write_text('{"error": "no luck"}')
    (second / "model.safetensors").unlink()
    shutil.copytree(third, third.with_name("other"))
    status = study.status()
    assert (status.total.done, status.total.failed, status.total.pending) == (5, 1, 0)
    assert status.failed == {first.name: "no luck"}
    assert status.without_tagger == {second.name: "model.safetensors is missing"}
    assert status.other == 1
    assert f"failed: {first.name}: no luck" in status.notes


def test_a_status_is_that_of_the_command_line(study: tagmates.Study) -> None:
    (study.store.folder(study.plan().runs[0].name) / "model.safetensors").unlink()
    found = json.loads(done("study", "status", "own.toml", "--json").out)
    status = study.status()
    assert {key: found[key] for key in ("study", "folder", "other")} == {
        "study": "own",
        "folder": "runs/own",
        "other": 0,
    }
    assert found["total"] == {"planned": 6, "done": 6, "failed": 0, "pending": 0}
    assert found["without_tagger"] == status.without_tagger
    assert done("study", "status", "own.toml").out.endswith("".join(f"{text}\n" for text in status.notes))


def test_a_report(study: tagmates.Study, capsys: pytest.CaptureFixture[str]) -> None:
    control = study.control("equal-updates", 3)
    for _ in control.run(control.select(regimes=["single"]), engine="local"):
        pass
    written = study.report("there")
    assert written.page == Path("there/index.html")
    assert control.name in written.page.read_text(encoding="utf-8")
    assert written.notes == [f"beside the study: its control, {control.store.root}"]
    assert study.recommend_all() == [study.recommend(task) for task in study.tasks]
    assert [(advice.task, advice.verdict) for advice in written.advice] == [
        (task, study.recommend(task).verdict) for task in study.tasks
    ]
    write_study(Path("runs/other"), StudySettings(seeds=(1,)), ["ner"], lambda *_: 50.0)
    with pytest.raises(
        tagmates.ConfigError, match=r"--beside runs/other: has none of this study's tasks \(upos, chunk\)"
    ):
        study.report(beside="runs/other")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_recommendation(study: tagmates.Study) -> None:
    advice = study.recommend("chunk")
    assert {(choice.combination.sharing, choice.combination.tasks) for choice in advice.ranked} == SETTINGS - {
        ("stl", ("upos",))
    }
    assert advice.chosen is not None
    found = json.loads(done("study", "recommend", "own.toml", "--task", "chunk", "--json").out)
    run = study.finished_run(advice.chosen)
    assert run.has_tagger
    assert (found["advice"], found["trained"], found["seed"]) == (advice.sentence, str(run.folder), run.seed)
    (run.folder / "model.safetensors").unlink()
    other = study.finished_run(advice.chosen)  # of the other seed
    assert other.has_tagger and other.seed != run.seed
    with pytest.raises(tagmates.ModelError, match=r"runs/own: has no finished run of multi_dec upos\+ner"):
        study.finished_run(Combination("multi_dec", ("upos", "ner")))
    with pytest.raises(tagmates.ConfigError, match="there is no 'chnk' \\(did you mean 'chunk'\\?\\)"):
        study.recommend("chnk")


def test_a_study_that_has_not_begun_has_no_report_and_no_advice(study: tagmates.Study) -> None:
    fresh = tagmates.Study.open("own.toml", output_dir="runs/fresh")
    for ask in (fresh.report, lambda: fresh.recommend("chunk")):
        with pytest.raises(tagmates.ModelError, match="runs/fresh: holds no study"):
            ask()


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_study_says_how_it_was_opened(study: tagmates.Study) -> None:
    assert study.notes == ()
    assert tagmates.Study.open().notes == ("study own, in runs/own",)
    changed = tagmates.Study.open("own.toml", output_dir="runs/changed", overrides=["seeds=[1]"])
    assert changed.plan().total.planned == 3
    *_, last = changed.run(changed.select(tasks=["upos"]), engine="local")
    assert isinstance(last, Summary)
    again = tagmates.Study.open("own.toml", output_dir="runs/changed")
    assert again.settings.seeds == (1,)
    assert again.notes == ("study own, in runs/changed, with --set seeds=[1], as it was begun",)


def test_data_from_the_environment(study: tagmates.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("nodata.toml").write_text("tasks = ['upos', 'chunk']\n", encoding="utf-8")
    monkeypatch.setenv("TAGMATES_DATA", "starter")
    assert tagmates.Study.open("nodata.toml").data == "starter"
    with pytest.raises(tagmates.DataError, match="elsewhere: no such file or folder"):
        tagmates.Study.open("nodata.toml", data="elsewhere")


def test_a_control_keeps_what_the_study_was_opened_with(study: tagmates.Study) -> None:
    control = study.control("equal-exposure", 7)
    assert (control.name, control.store.root) == ("own-equal-exposure-7", Path("runs/own-equal-exposure-7"))
    assert control.settings.training.max_updates == 7
    assert control.notes[-1].startswith("this is the control of own, in runs/own-equal-exposure-7: every run makes 7")
    with pytest.raises(tagmates.ConfigError, match="--equal-updates: must be 1 or more updates, not 0"):
        study.control("equal-updates", 0)
    fixed = tagmates.Study.open("own.toml", overrides=["training.weights='last'"])
    with pytest.raises(tagmates.ConfigError, match=r"--set training\.weights: is fixed by --equal-updates"):
        fixed.control("equal-updates", 5)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.delitem(sys.modules, "tagmates.study.significance")
    monkeypatch.delitem(sys.modules, "tagmates.study.recommend")
    with pytest.raises(ImportError, match=r"tagmates\.Advice: needs the package scipy: pip install "):
        _ = tagmates.Advice
