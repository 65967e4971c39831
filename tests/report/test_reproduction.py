"""docs/reproduction: the report of the trainings that docs/runs/paper holds, and nothing else."""

from pathlib import Path

from command_line import tagmates

DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_tables_are_those_of_the_committed_runs(tmp_path: Path) -> None:
    outcome = tagmates("study", "report", str(DOCS / "runs" / "paper"), "--output", str(tmp_path))
    assert outcome.code == 0, outcome.err
    made, committed = (
        {path.name: path.read_text() for path in (folder / "tables").glob("*.md")}
        for folder in (tmp_path, DOCS / "reproduction")
    )
    assert {"paper-multi_dec.md", "progress.md", "agreement.md"} <= made.keys()
    assert made == committed, "make reproduction"
