"""bench/gpu.sh, which has ten minutes of a GPU and nobody to watch: on a CPU, with a study of two small trainings."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from command_line import tagmates

BENCH = Path(__file__).parents[2] / "bench"
STUDY = """
data = "starter"
tasks = ["com", "mwe"]
regimes = ["single"]
seeds = [1]
model.hidden_size = 8
training = {max_epochs = 1}
"""


@pytest.mark.slow
def test_losses_table_and_rows(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(STUDY)
    made = tagmates("study", "pack", str(tmp_path / "s.toml"), "--output", str(tmp_path / "s.pack"))
    assert made.code == 0, made.err
    # how many lanes torch alone gets through in its share of five minutes depends on the machine
    sizes = {"LANES": "1,2", "PLAIN_LANES": "1", "TABLE_SECONDS": "0.1", "CASES": "pairs"}
    done = subprocess.run(
        ["bash", str(BENCH / "gpu.sh"), str(tmp_path / "s.pack"), str(tmp_path / "out"), "5"],
        env={**os.environ, **sizes, "PYTHON": sys.executable, "DEVICE": "cpu"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    assert "at most" in (out / "losses.txt").read_text()
    measured = [json.loads(line)["pairs, cpu"] for line in (out / "lanes.jsonl").read_text().splitlines()]
    assert [next(iter(row)) for row in measured] == ["plain, one at a time", "1 lanes", "2 lanes"]
    assert measured[-1]["2 lanes"]["updates/s"] > 0
    with tarfile.open(out / "rows.tar.gz") as rows:
        names = [member.name for member in rows.getmembers() if member.isfile()]
        (environment, _) = (name for name in names if name.endswith("environment.json"))
        assert json.load(rows.extractfile(environment))["data"] == ""  # type: ignore[arg-type]
    assert sorted(name.rpartition("/")[2] for name in names) == 2 * ["config.json"] + 2 * ["counts.npz"] + 2 * [
        "environment.json"
    ] + 2 * ["metrics.jsonl"] + 2 * ["result.json"]


@pytest.mark.parametrize("given", [[], ["nowhere.pack", "out"], [__file__, "out", "1.5"], [__file__, "out", "2"]])
def test_wrong_arguments(tmp_path: Path, given: list[str]) -> None:
    done = subprocess.run(["bash", str(BENCH / "gpu.sh"), *given], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")
    assert not (tmp_path / "out").exists()
