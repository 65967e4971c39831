"""bench/gpu.sh, which has a quarter of an hour of a GPU and nobody to watch: on a CPU, with four small runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import tagmates

from tagmates.study.run_table import read_table

BENCH = Path(__file__).parents[2] / "bench"
STUDY = """
data = "starter"
tasks = ["com", "mwe"]
regimes = ["single"]
seeds = [1, 2]
model.hidden_size = 8
training = {max_epochs = 1}
"""


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """What ``prepare`` makes, for a small study and without wheels, which are those of another Python."""
    (tmp_path / "s.toml").write_text(STUDY)
    (tmp_path / "kit").mkdir()
    made = tagmates("study", "pack", str(tmp_path / "s.toml"), "--output", str(tmp_path / "kit" / "study.pack"))
    assert made.code == 0, made.err
    return tmp_path / "kit"


def gpu(*given: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    sizes = {"LANES": "1,2,2", "TABLE_SECONDS": "0.1", "TIME_FACTOR": "10"}
    return subprocess.run(
        ["bash", str(BENCH / "gpu.sh"), *given],
        env={**os.environ, **sizes, "PYTHON": sys.executable, "DEVICE": "cpu", "PYTHONWARNINGS": "default"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.mark.slow
def test_losses_table_and_parts(kit: Path, tmp_path: Path) -> None:
    done = gpu("measure", "kit", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    assert "at most" in (out / "losses.txt").read_text()
    measured = [json.loads(line)["pairs, cpu"] for line in (out / "lanes.jsonl").read_text().splitlines()]
    assert [next(iter(row)) for row in measured] == ["plain, one at a time", "1 lanes", "2 lanes", "2 lanes"]
    assert measured[-1]["2 lanes"]["updates/s"] > 0
    parts = (out / "parts.txt").read_text()
    assert "an update of 2 lanes" in parts
    assert "checkpoint of one run" in parts


@pytest.mark.slow
def test_runs_that_go_on_where_others_have_ended(kit: Path, tmp_path: Path) -> None:
    (kit / "selections.txt").write_text("--tasks com --seeds 1\n--tasks mwe --seeds 1\n")
    done = gpu("train", "kit", "out", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    _, first = read_table(tmp_path / "out" / "rows.jsonl.xz")
    assert sorted(row["config"]["tasks"] for row in first.values()) == [["com"], ["mwe"]]
    assert all(row["environment"]["data"] == "" for row in first.values())

    (tmp_path / "out" / "rows.jsonl.xz").rename(kit / "finished.jsonl.xz")
    (kit / "selections.txt").unlink()
    done = gpu("train", "kit", "more", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    _, second = read_table(tmp_path / "more" / "rows.jsonl.xz")
    assert len(second) == 4
    assert {name: second[name] for name in first} == first


@pytest.mark.parametrize("given", [[], ["measure", "nowhere", "out"], ["train", ".", "out"], ["learn", ".", "out"]])
def test_wrong_arguments(tmp_path: Path, given: list[str]) -> None:
    done = gpu(*given, cwd=tmp_path)
    assert done.returncode == 2
    assert "gpu.sh measure KIT OUT" in done.stderr
    assert not (tmp_path / "out").exists()
