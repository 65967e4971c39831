"""docs/reproduction is the report of the runs in docs/runs/paper.jsonl.xz."""

from pathlib import Path

import pytest
from command_line import done

from tagmates.report import writing

DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_tables_are_those_of_the_committed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "figures", lambda report: [])  # which take the most time, and are not compared
    done("study", "lay-out", DOCS / "runs" / "paper.jsonl.xz", "--output-dir", tmp_path / "paper")
    done("study", "report", tmp_path / "paper", "--output", tmp_path / "report")
    made, committed = (
        {path.name: path.read_text() for path in (folder / "tables").glob("*.md")}
        for folder in (tmp_path / "report", DOCS / "reproduction")
    )
    assert {"paper-multi_dec.md", "progress.md", "agreement.md"} <= made.keys()
    assert made == committed, "make reproduction"
