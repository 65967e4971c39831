"""Learning curves: read from runs and studies, as numbers, blocks and pictures."""

import json
from pathlib import Path

import pytest

from tagmates.errors import ConfigError, ModelError
from tagmates.report.figures.curves import write_curves
from tagmates.study.curves import Curve, read_curves, sparkline
from tagmates.training.schedule import index_of_best


def write_run(folder: Path, scores: list[float], rest: str = "") -> Path:
    folder.mkdir(parents=True)
    lines = [
        {
            "epoch": i,
            "updates": 10 * i,
            "loss": 5 / i,
            "learning_rate": 0.001,
            "dev": {"pos": score, "ner": score / 2},
            "dev_mean": 0.75 * score,
            "best_epoch": scores.index(max(scores[:i])) + 1,
        }
        for i, score in enumerate(scores, start=1)
    ]
    (folder / "config.json").write_text("{}")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + rest)
    return folder


def test_a_run_that_still_trains_has_the_epochs_that_it_finished(tmp_path: Path) -> None:
    (curve,) = read_curves([write_run(tmp_path / "a", [40, 80, 60], rest='{"epoch": 4, "upd')])
    assert curve.updates == (10, 20, 30)
    assert curve.dev["ner"] == (20, 40, 30)
    assert (curve.best, curve.dev_mean[curve.best]) == (1, 60)
    assert curve.to_json()["loss"] == (5, 2.5, 5 / 3)


@pytest.mark.parametrize(("patience", "best"), [("lenient", 2), ("strict", 0)])
def test_the_best_of_equal_scores_of_a_task_is_that_of_the_run_s_patience(
    tmp_path: Path, patience: str, best: int
) -> None:
    folder = write_run(tmp_path / "a", [40, 20, 40])
    (folder / "config.json").write_text(json.dumps({"training": {"patience": patience}}))
    (curve,) = read_curves([folder])
    assert index_of_best(curve.dev["pos"], strict=curve.strict) == best


def test_a_study_has_the_curves_of_its_runs_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_run(tmp_path / "study" / "runs" / name, [1, 2])
    write_run(tmp_path / "study" / "runs" / "begun", [])
    found = read_curves([tmp_path / "study", write_run(tmp_path / "c", [3])])
    assert [Path(curve.name).name for curve in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("rest", "error"), [("{}\n", "is damaged"), ("no\n", "is damaged"), ('{"dev": 3}\n', "is damaged")]
)
def test_a_damaged_file_is_named(tmp_path: Path, rest: str, error: str) -> None:
    with pytest.raises(ModelError, match=rf"a/metrics.jsonl: {error}"):
        read_curves([write_run(tmp_path / "a", [1], rest)])


def test_settings_that_are_no_settings_are_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", [1])
    (folder / "config.json").write_text('{"training": []}')
    with pytest.raises(ModelError, match="is damaged"):
        read_curves([folder])


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run; give the folder of a run"):
        read_curves([tmp_path])
    with pytest.raises(ConfigError, match="has no finished epoch"):
        read_curves([write_run(tmp_path / "a", [])])


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([5]) == "▁"
    assert len(sparkline(list(range(1000)), width=20)) == 20


@pytest.mark.parametrize("count", [1, 2, pytest.param(30, marks=pytest.mark.slow)])
def test_pictures_are_the_same_each_time_and_name_the_runs(tmp_path: Path, count: int) -> None:
    curves = [
        Curve(f"runs/r{i}", (1, 2), (2.0, 1.0), (0.1, 0.1), (50.0, 60.0 + i), {"p$s": (1.0, 2.0), "ner": (3.0, 4.0)}, 1)
        for i in range(count)
    ]
    files = [tmp_path / name for name in ("a.svg", "b.svg", "a.png")]
    for file in files:
        write_curves(curves, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[2].read_bytes().startswith(b"\x89PNG")
    svg = files[0].read_text()
    assert "dev F1" in svg and "learning rate" in svg
    assert ("p$s" in svg) == (count == 1) and ("r1" in svg) == (count == 2)
    with pytest.raises(ConfigError, match=r"ends in \.svg or \.png"):
        write_curves(curves, tmp_path / "a.pdf")
