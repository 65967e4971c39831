"""Runs of a study as lanes of one process: each has the numbers that it has alone, whatever the others do."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import refused, tagmates, write_corpus
from torch.testing import assert_close

from tagmates.files import read_json
from tagmates.study import engine, worker
from tagmates.study.gpu_memory import as_memory_allows
from tagmates.study.job import Job, Outcome
from tagmates.study.locate import open_study
from tagmates.study.plan import make_plan
from tagmates.study.task_cache import data_of_task, prepare
from tagmates.study.worker import execute_side_by_side
from tagmates.training import train
from tagmates.training.lane_optimizer import LaneOptimizer
from tagmates.training.loop import Updated, train_side_by_side
from tagmates.training.run import Run

FILE = """
data = "corpus"
vectors = "random"
sharing = ["multi_dec", "te_dec", "te_enc"]
regimes = ["single", "pair"]
seeds = [1, 2]
model.hidden_size = 8
training = {max_epochs = 3, batch_size = 4, stopping_patience = 99}
"""
NAMES = 4 + 3 * 2  # trainings of the study


@pytest.fixture(autouse=True)
def here(here: Path) -> Path:
    """A working directory with a corpus of two tasks and a study of it."""
    write_corpus(here / "corpus")
    Path("s.toml").write_text(FILE)
    return here


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of all runs, trained one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("alone")
        patch.chdir(folder)
        write_corpus(folder / "corpus")
        Path("s.toml").write_text(FILE)
        run("--lanes", "1")
        return everything()


def run(*more: str) -> str:
    outcome = tagmates("study", "run", "s.toml", *more)
    assert outcome.code == 0, outcome.err
    return outcome.err


def everything() -> dict[str, Any]:
    """Metrics and result of every finished run, without what depends on the hour."""
    found = {}
    for path in sorted(Path("runs", "s", "runs").glob("*/result.json")):
        lines = [line.rpartition(', "seconds"')[0] for line in (path.parent / "metrics.jsonl").read_text().splitlines()]
        result = {key: value for key, value in read_json(path).items() if key != "seconds"}
        found[path.parent.name] = [list(map(float, numbers_in(line))) for line in lines], result
    return found


def numbers_in(line: str) -> Iterator[str]:
    """The values of a line of metrics."""
    for part in line.replace("{", "").replace("}", "").split(","):
        yield part.rpartition(":")[2]


def assert_equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Losses to 1e-5, all else to the last digit: on so few sentences no tag lies at the edge."""
    assert found.keys() == wanted.keys()
    for name, (lines, result) in wanted.items():
        assert_close(torch.tensor(found[name][0]), torch.tensor(lines), rtol=1e-5, atol=0, msg=name)
        theirs, ours = (dict(each) for each in (result, found[name][1]))
        for values in (theirs, ours):
            values.pop("task_embeddings", None)  # they differ by rounding
        assert ours == theirs, name


def jobs(*names: str) -> list[Job]:
    """The jobs that a driver would give for these trainings of the study."""
    study = open_study(Path("s.toml"))
    study.store.root.mkdir(parents=True, exist_ok=True)
    data = {task: data_of_task(study.data, task) for task in study.tasks}
    made = []
    for planned in make_plan(study.settings, study.tasks, {}):
        if any(planned.name.startswith(name) for name in names):
            root = study.store.root.resolve()
            made.append(
                Job(planned.name, planned.config, root, study.data, data, "random", "cpu", 1, None),
            )
    assert len(made) >= len(names)
    return made


def outcomes(given: Sequence[Job], lanes: int) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in execute_side_by_side(iter(given), lambda _: lanes)}


# ------------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("lanes", ["3", "64"])
@pytest.mark.slow
def test_lanes_give_the_run_folders_of_each_alone(alone: dict[str, Any], lanes: str) -> None:
    said = run("--lanes", lanes)
    assert said.count("done ") >= NAMES
    assert_equal(everything(), alone)
    assert len(everything()) == NAMES
    assert f"{NAMES} of {NAMES} runs done, {NAMES} of them in this call" in said


@pytest.mark.slow
def test_a_time_limit_saves_every_lane_and_other_lanes_go_on(
    alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, past = time.time, [0.0]
    save = train.save_checkpoint

    def saved(folder: Path, trained: Any) -> None:
        save(folder, trained)
        past[0] += 1000

    with monkeypatch.context() as patch:
        patch.setattr(train, "save_checkpoint", saved)
        patch.setattr(time, "time", lambda: now() + past[0])
        run("--lanes", "4", "--time-limit", "2500s")
    begun = list(Path("runs/s/runs").glob("*/checkpoint.safetensors"))
    assert len(begun) == 4
    run("--lanes", "2")
    assert_equal(everything(), alone)
    for path in begun:  # gone on with, not begun again
        log = (path.parent / "train.log").read_text()
        assert log.count("epoch 1: ") == 1
        assert not path.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lanes", "0"), "--workers, --lanes and --threads: must be 1 or more"),
        (("--lanes", "2", "--engine", "processes"), "--lanes: are side by side in one process"),
        (("--lanes", "2", "--engine", "ray"), "--lanes: are side by side in one process"),
        (("--lanes", "2", "--workers", "2"), "--workers: are processes of their own"),
        (("--engine", "local", "--workers", "2"), "--workers: are processes of their own"),
    ],
)
def test_options_that_do_not_go_together(options: tuple[str, ...], said: str) -> None:
    refused(2, said, "study", "run", "s.toml", *options)


# ------------------------------------------------------------------------------------------------ many runs


@pytest.mark.slow
def test_a_run_that_ends_leaves_its_lane_to_the_next(alone: dict[str, Any]) -> None:
    given, waiting = jobs("stl", "multi_dec"), []

    def arriving() -> Iterator[Job | None]:
        for job in given:
            yield None  # nothing at present, as from a server's queue
            waiting.append(job.name)
            yield job

    found = []
    for outcome in execute_side_by_side(iter([given.pop(0), *arriving()]), lambda _: 2):
        assert outcome.state == "done", outcome.message
        found.append(outcome.name)
    assert len(found) == 6
    assert_equal(everything(), {name: alone[name] for name in found})


@pytest.mark.slow
def test_one_that_fails_takes_nobody_along(alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def lame(optimizer: LaneOptimizer) -> Iterator[Any]:
        if any(run.config.sharing == "te_dec" and run.config.seed == 2 and run.updates == 2 for run in optimizer.runs):
            raise RuntimeError("out of something")
        return advance(optimizer)

    advance = worker.advance
    monkeypatch.setattr(worker, "advance", lame)
    found = outcomes(jobs("stl", "multi_dec", "te_dec"), 8)
    failed = {name for name, outcome in found.items() if outcome.state != "done"}
    assert [name.rpartition("-")[0] for name in failed] == ["te_dec-pos+ner-2"]
    assert found[failed.pop()].message == "RuntimeError: out of something"
    assert_equal(everything(), {name: alone[name] for name, outcome in found.items() if outcome.state == "done"})


@pytest.mark.slow
def test_what_is_too_much_for_the_memory_goes_on_in_parts(
    alone: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = []

    def small(optimizer: LaneOptimizer) -> Iterator[Any]:
        most.append(len(optimizer.runs))
        if len(optimizer.runs) > 2:
            raise torch.OutOfMemoryError("too many")
        return advance(optimizer)

    advance = worker.advance
    monkeypatch.setattr(worker, "advance", small)
    found = outcomes(jobs("stl", "multi_dec"), 6)
    assert {outcome.state for outcome in found.values()} == {"done"}
    assert_equal(everything(), {name: alone[name] for name in found})
    assert [number for number in most if number > 2] == [6, 3]


def test_a_full_disk_ends_the_lane_that_met_it(monkeypatch: pytest.MonkeyPatch) -> None:
    save = train.save_checkpoint

    def full(folder: Path, trained: Run) -> None:
        if trained.config.sharing == "multi_dec" and trained.epoch == 2:
            raise OSError(28, "No space left on device", str(folder))
        save(folder, trained)

    monkeypatch.setattr(train, "save_checkpoint", full)
    found = outcomes(jobs("stl-pos-1", "multi_dec-pos+ner-1"), 2)
    assert sorted(outcome.state for outcome in found.values()) == ["disk", "done"]


def test_each_log_tells_of_its_own_run() -> None:
    given = jobs("stl-pos-1", "stl-ner-2")
    outcomes(given, 2)
    for job in given:
        log = (job.root / "runs" / job.name / "train.log").read_text()
        assert log.count("epoch 1: ") == log.count("ended: ") == 1


def test_whoever_waits_for_a_lane_hears_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Outcome]:
        raise SystemExit
        yield

    with engine.open_engine("local", 2, "cpu") as submit:
        (job,) = jobs("stl-pos-1")
        assert submit(job).result(timeout=300).state == "done"
        monkeypatch.setattr(engine, "execute_side_by_side", broken)
        assert isinstance(submit(job).exception(timeout=300), SystemExit)


# --------------------------------------------------------------------------------------- losses, and a GPU's memory


@pytest.mark.slow
def test_fifty_updates_of_unlike_runs_are_as_if_alone() -> None:
    """Tasks, vocabularies, tag sets, sharing methods, learning rates, seeds and epoch lengths all differ."""

    def make() -> list[Run]:
        runs = []
        for job in jobs("stl-ner-1", "multi_dec-pos+ner-2", "te_dec-pos+ner-1", "te_enc-pos+ner-2", "stl-pos-2"):
            rate = 1e-3 * (1 + len(runs))
            training = job.config.training.model_copy(update={"max_epochs": 99, "learning_rate": rate})
            runs.append(prepare(job.config.model_copy(update={"training": training}), job.data, "cpu"))
        return runs

    together = losses_of(make(), 5)
    for run in make():
        (wanted,) = losses_of([run], 1).values()
        assert len(wanted) == 50
        assert_close(torch.tensor(together[run.id]), torch.tensor(wanted), rtol=1e-5, atol=0)


def losses_of(runs: list[Run], lanes: int) -> dict[str, list[float]]:
    """The losses of the first fifty updates of every run."""
    found: dict[str, list[float]] = {run.id: [] for run in runs}
    for event in train_side_by_side(runs, lanes):
        if isinstance(event, Updated) and len(found[event.run.id]) < 50:
            found[event.run.id].append(event.loss)
        if all(len(losses) == 50 for losses in found.values()):
            break
    return found


def test_a_gpu_takes_as_many_as_its_memory_holds() -> None:
    now = [0]
    allowed = as_memory_allows(100, lambda: (1000 + 50 * now[0], 4000))
    history = [0]
    for _ in range(8):
        now[0] = history[-1]
        history.append(allowed(history[-1]))
    assert history[:3] == [0, 1, 2]
    assert 1000 + 50 * history[-1] <= 0.85 * 4000
    assert history == sorted(history)
    assert as_memory_allows(3, lambda: (1, 10**9))(2) == 3
    assert as_memory_allows(3, lambda: (10**9, 10))(1) == 1
