"""What docs/own-data.md promises is run as it stands there."""

import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from tagmates.apps import cli
from tagmates.data.tasks import load_tasks

DOCS = (Path(__file__).parents[1] / "docs" / "own-data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)


def run(line: str) -> str:
    """Run a line of the shell in this process, ``echo TEXT |`` before it or not; what it prints."""
    said, _, command = line.rpartition("| ")
    words = shlex.split(command)
    assert words[0] == "tagmates"
    text = shlex.split(said)[1:] if said else []
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(" ".join(text).encode())))
        patch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    out.flush()
    assert ended.value.code == 0, line
    return out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written and commands run in the order of the page."""
    monkeypatch.chdir(tmp_path)
    printed = {}
    for kind, file, text in BLOCKS:
        if file:
            if file == "tasks.toml":  # what ``init`` guessed and what the page says are the same, but for the names
                guessed = [_reading(task) for task in load_tasks(file).values()]
            Path(file).write_text(text, encoding="utf-8")
        elif kind == "bash":
            printed |= {line: run(line) for line in text.splitlines()}
    tasks = load_tasks("tasks.toml")
    assert list(tasks) == ["pos", "food"]
    assert guessed == [_reading(task) for task in tasks.values()]
    *_, stats, train, tag = printed
    assert "stats" in stats and "food" in printed[stats]
    assert "train" in train and Path("runs/kitchen/result.json").is_file()
    assert [line.split("\t")[0] for line in printed[tag].split()[:1]] == ["#"]
    assert [line.split("\t")[0] for line in printed[tag].splitlines()[1:5]] == ["Chop", "the", "pepper", "."]


@pytest.mark.parametrize("text", [text for kind, file, text in BLOCKS if kind == "toml" and not file])
def test_every_other_toml_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.toml").write_text(text, encoding="utf-8")
    assert all(task.train and task.dev for task in load_tasks(str(tmp_path)).values())


def _reading(task: object) -> dict[str, object]:
    return {key: value for key, value in vars(task).items() if key not in ("name", "folder")}
