"""Experiment trackers: the numbers that they are given, with a stand-in, and with the packages where these are there.

The real ones are tried in an environment that has them: pip install wandb trackio mlflow-skinny tensorboard.
"""

import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from command_line import LONGER, done, interrupt, refused, tagmates, training_of
from tiny_study import write_tiny_study

from tagmates.tracking import tracking_thread


@dataclass
class Begun:
    """A run of the stand-in, which is like one of W&B."""

    given: dict[str, Any]
    step: int = 0
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    summary: dict[str, float] = field(default_factory=dict)
    code: int | None = None

    def log(self, numbers: dict[str, float], step: int) -> None:
        self.logged.append((step, numbers))
        self.step = step + 1

    def finish(self, exit_code: int) -> None:
        self.code = exit_code


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Begun]]:
    """A stand-in for the package wandb; these are the runs that were begun."""
    begun: list[Begun] = []

    def init(**given: Any) -> Begun:
        known = [run for run in begun if run.given["id"] == given["id"]]
        begun.append(Begun(given, known[-1].step if known else 0))
        return begun[-1]

    module = ModuleType("wandb")
    module.init, module.Settings = init, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    yield begun


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def f1_of(folder: Path, split: str, task: str) -> float:
    return float(json.loads((folder / "result.json").read_text())[split][task]["f1"])


def test_a_training_gives_its_epochs_and_scores(here: Path, corpus: Path, wandb: list[Begun]) -> None:
    done(*training_of(corpus, "runs/a", *LONGER, "--track", "wandb"))
    (run,) = wandb
    assert (run.given["group"], run.given["name"], run.given["project"]) == ("runs", "a", "tagmates")
    assert run.given["config"]["training/max_epochs"] == 4
    assert run.given["config"]["tasks"] == "pos,ner"
    lines = lines_of(here / "runs" / "a")
    assert [step for step, _ in run.logged] == [1, 2, 3, 4]
    for line, (_, numbers) in zip(lines, run.logged, strict=True):
        assert numbers["loss"] == line["loss"]
        assert numbers["dev/ner"] == line["dev"]["ner"]
        assert numbers["dev_mean"] == line["dev_mean"]
    assert run.summary["final/test/ner/f1"] == f1_of(here / "runs" / "a", "test", "ner")
    assert run.code == 0


def test_what_is_resumed_goes_on_there(here: Path, corpus: Path, wandb: list[Begun]) -> None:
    assert interrupt(corpus, "run", "--track", "wandb", epoch=2).code == 130
    done(*training_of(corpus, "run", *LONGER, "--resume", "--track", "wandb"))
    first, second = wandb
    assert first.given["id"] == second.given["id"]
    assert [step for run in wandb for step, _ in run.logged] == [1, 2, 3, 4]
    assert (first.code, second.code) == (1, 0)
    done(*training_of(corpus, "run", *LONGER, "--force", "--track", "wandb"))
    assert wandb[-1].given["id"] != first.given["id"]
    assert [step for step, _ in wandb[-1].logged] == [1, 2, 3, 4]


def test_a_study_gives_its_runs_as_a_group(here: Path, wandb: list[Begun]) -> None:
    write_tiny_study(here, 'regimes = ["single", "pair"]\n', sharing=["multi_dec"])
    done("study", "run", "tiny.toml", "--engine", "local", "--track", "wandb")
    folders = {path.name: path for path in (here / "runs" / "tiny" / "runs").iterdir()}
    assert sorted(run.given["name"] for run in wandb) == sorted(folders)
    for run in wandb:
        assert run.given["group"] == "tiny"
        assert [step for step, _ in run.logged] == [1, 2]
        assert run.summary["final/dev/pos/f1" if "pos" in run.given["name"] else "final/dev/ner/f1"] >= 0
        assert run.code == 0


def test_a_tracker_that_fails_is_a_warning(
    here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def init(**given: Any) -> None:
        raise RuntimeError("no\nnetwork")

    module = ModuleType("wandb")
    module.init, module.Settings = init, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    found = tagmates(*training_of(corpus, "run", *LONGER, "--track", "wandb"))
    assert found.code == 0, found.err
    said = "wandb: failed (RuntimeError: no network), so nothing more is given to it"
    assert f"tagmates: {said}" in found.err
    assert sum(record.getMessage().startswith(said) for record in caplog.records) == 1
    assert (here / "run" / "result.json").exists()
    refused(1, r"wandb: failed at run \(RuntimeError: no network\)", "export-metrics", "run", "--to", "wandb")


def test_a_tracker_that_hangs_is_left(
    here: Path, corpus: Path, wandb: list[Begun], monkeypatch: pytest.MonkeyPatch
) -> None:

    release = threading.Event()
    monkeypatch.setattr(Begun, "log", lambda *args, **more: release.wait())
    monkeypatch.setattr(tracking_thread, "CLOSING_SECONDS", 0)
    found = tagmates(*training_of(corpus, "run", "--track", "wandb"))
    release.set()
    assert found.code == 0, found.err
    assert "wandb: does not answer, so some numbers may be missing" in found.err


@pytest.mark.parametrize("kind", ["wandb", "trackio", "mlflow", "tensorboard"])
def test_a_package_that_is_missing_is_named(
    here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for module in (kind, "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    package = "mlflow-skinny" if kind == "mlflow" else kind
    problem = rf"{kind}: cannot be used here \(.*\); pip install {package}\n"
    refused(2, problem, *training_of(corpus, "run", "--track", kind))


def test_export_afterwards(run: Path, here: Path, wandb: list[Begun]) -> None:
    write_tiny_study(here, 'regimes = ["single"]\n')
    done("study", "run", "tiny.toml", "--engine", "local")
    found = done("export-metrics", run, here / "runs" / "tiny", "--to", "wandb")
    assert found.err == "wandb: 3 runs exported\n"
    assert {begun.given["group"] for begun in wandb} == {here.name, "tiny"}
    done("export-metrics", run, "--to", "wandb")
    assert wandb[-1].logged == []  # it has them
    (run / "metrics.jsonl").write_text("")
    assert "1 run left out, as no epoch is finished" in done("export-metrics", run, "--to", "wandb").err


def test_exports_that_cannot_be_are_refused(run: Path, here: Path) -> None:
    (here / "empty").mkdir()
    for code, pattern, args in (
        (2, "--tensorboard or --to: give one of them", (run,)),
        (2, "--tensorboard or --to: give one of them", (run, "--to", "wandb", "--tensorboard", "x")),
        (2, "RUNS: give run folders", ("--tensorboard", "x")),
        (2, "empty: holds no run; give the folder of a run", ("empty", "--tensorboard", "x")),
    ):
        refused(code, re.escape(pattern), "export-metrics", *args)


# --- the real ones ---------------------------------------------------------------------------------------------------


@pytest.fixture
def resumed(here: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A training that was interrupted and resumed, each time with this tracker."""
    kind = request.param
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(here))
    monkeypatch.setenv("TRACKIO_DIR", str(here / "trackio"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (here / "ml").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    pytest.importorskip(kind)  # after the settings, as trackio reads them when it is imported
    folder = here / "runs" / "a"
    outcome = interrupt(corpus, str(folder), "--track", kind, epoch=2)
    assert outcome.code == 130, outcome.err
    outcome = done(*training_of(corpus, str(folder), *LONGER, "--resume", "--track", kind))
    assert f"tagmates: {kind}: " not in outcome.err, outcome.err
    assert outcome.out.count("\n") < 20
    return folder


def losses_of(folder: Path) -> list[float]:
    return [line["loss"] for line in lines_of(folder)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resumed", ["tensorboard"], indirect=True)
def test_tensorboard(resumed: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done("export-metrics", resumed, "--tensorboard", "events")
    done("export-metrics", resumed, "--tensorboard", "events")
    for folder in (resumed / "tensorboard", Path("events", "runs", "a")):
        found = EventAccumulator(str(folder)).Reload()
        losses = found.Scalars("loss")
        assert [point.step for point in losses] == [1, 2, 3, 4]
        assert [point.value for point in losses] == pytest.approx(losses_of(resumed))
        (score,) = found.Scalars("final/test/ner/f1")
        assert score.value == pytest.approx(f1_of(resumed, "test", "ner"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resumed", ["mlflow"], indirect=True)
def test_mlflow(resumed: Path) -> None:
    import mlflow

    done("export-metrics", resumed, "--to", "mlflow")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("runs")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("a", "FINISHED")
    assert run.data.params["tasks"] == "pos,ner"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [*enumerate(losses_of(resumed), 1)]
    assert run.data.metrics["final/test/ner/f1"] == f1_of(resumed, "test", "ner")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resumed", ["trackio"], indirect=True)
def test_trackio(resumed: Path) -> None:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    done("export-metrics", resumed, "--to", "trackio")
    (run,) = trackio.Api().runs("tagmates")
    assert run.name.startswith("a-")
    rows = SQLiteStorage.get_logs("tagmates", run=run.name)
    losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    assert losses == [*enumerate(losses_of(resumed), 1)]
    assert f1_of(resumed, "test", "ner") in [row.get("final/test/ner/f1") for row in rows]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resumed", ["wandb"], indirect=True)
def test_wandb_offline(resumed: Path, here: Path) -> None:
    from wandb.proto.wandb_internal_pb2 import Record

    losses, finals = [], {}
    for path in sorted(here.glob("wandb/offline-run-*/*.wandb")):
        for content in records_of(path.read_bytes()):
            record = Record.FromString(content)
            items = [*record.history.item, *record.summary.update]
            values = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}
            if "loss" in values and record.history.item:
                losses.append((record.history.step.num, values["loss"]))
            finals |= {key: value for key, value in values.items() if key.startswith("final/")}
    assert losses[:2] == losses[2:4]  # sent again, to the same run
    assert losses[2:] == [*enumerate(losses_of(resumed), 1)]
    assert finals["final/test/ner/f1"] == f1_of(resumed, "test", "ner")


def records_of(content: bytes) -> Iterator[bytes]:
    """The records of a file as LevelDB writes its logs, in blocks of 32 KiB, after seven bytes."""
    place, record = 7, b""
    while place + 7 <= len(content):
        if 32768 - place % 32768 < 7:  # no further header fits into the block
            place += 32768 - place % 32768
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # full, last
            yield record
            record = b""
