"""The examples of docs/data.md run as they are written there; it has all keys, and docs/paper-tasks.md all sources."""

import io
import re
import shlex
import sys
from pathlib import Path
from typing import get_args

import pytest

from tagmates.apps import cli
from tagmates.data.task import Task
from tagmates.data.tasks import PAPER_SCHEMES, load_tasks
from tagmates.data.upstream.sources import known_sources
from tagmates.data.upstream.table1 import printed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
PAPER_PAGE = (ROOT / "docs" / "paper-tasks.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The text after a heading, up to the next one of its level or a higher one (but one # is a comment of TOML)."""
    level = len(heading.partition(" ")[0])
    (found,) = re.findall(rf"^{re.escape(heading)}\n(.*?)(?=^##{{1,{level - 1}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def blocks(text: str) -> list[tuple[str, str, str]]:
    """Language, file name or "", and text of each fenced block."""
    return re.findall(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> list[list[str]]:
    """The names in the first cell of each row of a table."""
    return [re.findall(r"`([^`]+)`", row) for row in re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.MULTILINE)]


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
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    shown = {}
    for kind, file, text in blocks(section("### A walk-through")):
        if file:
            if file == "tasks.toml":  # what ``init`` guessed and what the page says are the same, but for the names
                guessed = load_tasks(file)
                assert list(guessed) == ["upos", "column3"]
            Path(file).write_text(text, encoding="utf-8")
        elif kind == "bash":
            shown |= {line: run(line) for line in text.splitlines()}
    tasks = load_tasks("tasks.toml")
    assert list(tasks) == ["pos", "food"]
    assert [_reading(task) for task in guessed.values()] == [_reading(task) for task in tasks.values()]
    init, check, stats, train, tag = shown
    assert "init" in init and "train" in train
    assert re.findall(r"\[(.*)\]", shown[check]) == ["small-split"] * 2
    assert "food" in shown[stats]
    assert Path("runs/kitchen/result.json").is_file()
    assert shown[tag].split("\t")[0] == "# token"
    assert [line.split("\t")[0] for line in shown[tag].splitlines()[1:5]] == ["Chop", "the", "pepper", "."]


@pytest.mark.parametrize("text", [text for kind, file, text in blocks(PAGE) if kind == "toml" and not file])
def test_every_other_toml_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.toml").write_text(text, encoding="utf-8")
    assert all(task.train and task.dev for task in load_tasks(str(tmp_path)).values())


def test_the_tables_name_every_key_and_every_format() -> None:
    keys = [name for names in first_cells(section("### All keys")) for name in names]
    assert sorted(keys) == sorted(Task.model_fields.keys() - {"name"})
    header, *formats = [name for names in first_cells(section("### Formats")) for name in names]
    assert header == "format"
    assert sorted(formats) == sorted({*get_args(Task.model_fields["format"].annotation)} - {"packed"})


def test_the_table_of_the_papers_tasks_is_table_1() -> None:
    row = r"^\| \[`(\w+)`\]\(#[\w-]+\) \|[^|]*\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|"
    rows = re.findall(row, PAPER_PAGE, re.MULTILINE)
    assert [task for task, *_ in rows] == list(PAPER_SCHEMES)
    for task, *numbers in rows:
        train, dev, test, labels = map(int, numbers)
        assert labels == printed()[task]["labels"]
        if task != "semtr":  # of which Table 1 has the sizes of sem
            assert (train, train + dev + test) == (printed()[task]["sentences_train"], printed()[task]["sentences_all"])


def test_the_page_names_every_source_and_what_copies_are_needed() -> None:
    for source in known_sources():
        assert source.homepage in PAPER_PAGE or source.file[0].url in PAPER_PAGE
        if not source.downloadable:
            (line,) = re.findall(rf"^~/corpora/{source.name}/ +(.*)$", PAPER_PAGE, re.MULTILINE)
            assert sorted(line.split()) == sorted(file.name for file in source.file)


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading that it has."""
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target


def _reading(task: Task) -> dict[str, object]:
    return {key: value for key, value in vars(task).items() if key not in ("name", "folder")}
