"""Results in notebooks: what they show, the progress bar, and the notebook of the docs."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tagmates import Tagged, evaluate, notebook, progress
from tagmates.config import ModelSettings, RunConfig, TrainingSettings
from tagmates.html import table_html
from tagmates.study.driver import Stage
from tagmates.study.recommend import Advice
from tagmates.training.train import train_events

ROOT = Path(__file__).parents[1]
NOTEBOOK = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_a_tagged_sentence_is_a_table_that_escapes_its_words() -> None:
    sentence = Tagged(("<b>", "&"), {"p": ("O", "B-x")}, {"p": (0.9, 0.5)})
    page = sentence._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page and "&amp;" in page
    assert "B-x?" in page and "O?" not in page and 'title="50.0 %"' in page
    assert "B-x<" in Tagged(("a", "b"), {"p": ("O", "B-x")})._repr_html_()


def test_other_results_are_tables_too() -> None:
    assert "nothing is done yet" in Advice("pos", "too early", "nothing is done yet.")._repr_html_()
    assert "<td" in table_html(["a", "b"], [["1", "<"]]) and "&lt;" in table_html(["a", "b"], [["1", "<"]])


def test_scores_are_a_table() -> None:
    found = evaluate("en", split="dev", data="starter")
    page = found._repr_html_()
    assert all(task in page for task in found.tasks)
    assert f"{found.scores['upos'].total.f1:.2f}" in page
    assert "en, dev" in page


def test_an_epoch_without_a_dev_set_has_no_score() -> None:
    """As those of the final run of folds."""
    shown = notebook._Course()
    line = {"epoch": 2, "updates": 10, "loss": 0.5, "dev": {}, "dev_mean": None}
    shown._epoch(line)
    assert "epoch 2, " in shown.text and "F1" not in shown.text
    assert "–" in shown.page()


class Handle:
    def __init__(self) -> None:
        self.pages: list[str] = []

    def update(self, page: str) -> None:
        self.pages.append(page)


def in_notebook(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Stand-ins for the two modules that a kernel has."""
    handle, display = Handle(), ModuleType("IPython.display")
    display.HTML = str  # type: ignore[attr-defined]
    display.display = lambda page, display_id: handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return handle


def test_a_training_is_a_bar_and_a_row_for_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = in_notebook(monkeypatch)
    settings: dict[str, Any] = {"model": ModelSettings(hidden_size=4), "training": TrainingSettings(max_epochs=2)}
    config = RunConfig(tasks=("upos",), vectors="random", **settings)
    events = list(progress(train_events(config, tmp_path / "run", "starter", device="cpu")))
    assert len(events) > len(handle.pages) > 2  # it is not drawn after every update
    assert all("<progress" in page for page in handle.pages)
    last = handle.pages[-1]
    assert "ended (cap)" in last and re.findall(r"<th [^>]*>(\d)</th>", last) == ["1", "2"]


def test_elsewhere_events_pass_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    events = [Stage([], 2, 1), Stage([], 3, 0)]
    assert list(progress(events)) == events
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_it_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(notebook, "_display", notebook._Terminal)
    list(progress([Stage([], 2, 1)]))
    said = capsys.readouterr()
    assert said.out == "" and "2 of 3 runs done" in said.err and said.err.count("\n") == 1


def test_the_notebook_of_the_docs_has_outputs_without_errors_and_paths() -> None:
    outputs = [out for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code" for out in cell["outputs"]]
    assert {out["output_type"] for out in outputs} == {"execute_result", "display_data", "stream"}
    assert not re.search(r"/tmp|/home|/root", json.dumps(NOTEBOOK))
    assert sum("<progress" in "".join(out.get("data", {}).get("text/html", "")) for out in outputs) == 2


def test_the_cells_of_the_notebook_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    names: dict[str, Any] = {"__name__": "__main__"}
    for code in CODE:
        exec(compile(code, "docs/notebook.ipynb", "exec"), names)
    assert type(names["event"]).__name__ == "Summary"
