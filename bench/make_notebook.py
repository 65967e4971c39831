"""Write docs/notebook.ipynb, executed: a tour of tagmates in a notebook, with its outputs.

    pip install nbclient ipykernel     # beside tagmates, only for this script
    python bench/make_notebook.py

It uses the model ``en`` and the starter corpus, which come with tagmates, and takes a minute.
``tests/test_notebook.py`` runs the cells.
"""

import json
import re
import tempfile
from pathlib import Path

CELLS = [
    (
        "markdown",
        "# tagmates in a notebook\n\nTagged sentences, scores, advice, plans and mistakes show themselves as tables, "
        "and `tagmates.progress` is a progress bar. This notebook was written and run by `bench/make_notebook.py`.",
    ),
    (
        "code",
        "import tagmates\n\n"
        'tagger = tagmates.Tagger.from_pretrained("en")\n'
        'text = "Maria picked up the keys in Dublin. She thanked the driver."\n'
        "first, second = tagger.tag(text, probabilities=True)\n"
        "first",
    ),
    (
        "markdown",
        "Hover over a tag for its probability; a tag below 70 % has a question mark. Spans have the probability that "
        "exactly this span stands there:",
    ),
    (
        "code",
        'for span in tagger.spans(first, "mwe"):\n'
        '    print(first.tokens[span.start : span.end], f"{span.probability:.3f}")',
    ),
    ("markdown", "A training, here a tiny one. The bar and the epochs below it are updated while it runs:"),
    (
        "code",
        "config = tagmates.RunConfig(\n"
        '    tasks=("upos", "mwe"),\n'
        '    vectors="random",\n'
        "    model=tagmates.ModelSettings(hidden_size=32),\n"
        "    training=tagmates.TrainingSettings(max_epochs=4, learning_rate=0.01),\n"
        ")\n"
        'tagger = tagmates.train(config, "run", "starter", follow=tagmates.progress)\n'
        'tagmates.evaluate("run", split="dev")',
    ),
    ("markdown", "Its scores by tag on dev, and what it confuses most:"),
    (
        "code",
        "from tagmates.report.mistakes import find_mistakes\n\n"
        'mistakes = find_mistakes(tagmates.evaluate("run", split="dev"))\n'
        'mistakes["upos"]',
    ),
    ("code", 'mistakes["upos"].confusions[:5]'),
    ("markdown", "Which of three sentences should be annotated next?"),
    (
        "code",
        "from tagmates.tagging.ranking import rank\n\n"
        'pool = ["The driver left .", "Gulls juggle herring all night .", "She has two keys ."]\n'
        'ranked = rank(tagger, [sentence.split() for sentence in pool], "upos")\n'
        "ranked[0].tagged",
    ),
    ("markdown", "A study of two tasks, tiny too: its plan, its runs side by side, and the advice on a task."),
    (
        "code",
        'study = tagmates.Study.open("own.toml")\n'
        "study.plan()",
    ),
    (
        "code",
        'for event in tagmates.progress(study.run(engine="local", lanes=6)):\n'
        "    pass",
    ),
    ("code", 'study.recommend("upos")'),
]  # fmt: skip

# what stands above the cells, so that they stay short
BEFORE = """from pathlib import Path

Path("own.toml").write_text('''
data = "starter"
tasks = ["upos", "mwe"]
sharing = ["multi_dec"]
regimes = ["single", "pair"]
seeds = [1, 2]
preset = "paper"
vectors = "random"
model.hidden_size = 16
training.max_epochs = 2
training.learning_rate = 0.01
''') and None"""


def notebook() -> dict[str, object]:
    """The notebook without outputs, as format 4.5."""
    cells: list[dict[str, object]] = []
    for number, (kind, source) in enumerate([CELLS[0], ("code", BEFORE), *CELLS[1:]]):
        cell: dict[str, object] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        cell["source"] = source.splitlines(keepends=True)
        cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def executed(empty: dict[str, object]) -> dict[str, object]:
    """The same notebook with its outputs, run in an empty folder."""
    import nbformat  # noqa: PLC0415  (not a dependency of tagmates)
    from nbclient import NotebookClient  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        made = nbformat.reads(json.dumps(empty), 4)
        NotebookClient(made, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
        result: dict[str, object] = json.loads(nbformat.writes(made))
    for cell in result["cells"]:  # type: ignore[attr-defined]
        cell["metadata"] = {}  # without times
        cell["outputs"] = [out for out in cell.get("outputs", []) if out.get("name") != "stderr"]
        for data in (out["data"] for out in cell["outputs"] if "text/html" in out.get("data", {})):
            data.pop("text/plain", None)  # the same for terminals
        if cell["cell_type"] != "code":
            del cell["outputs"]
    result["metadata"] = empty["metadata"]
    return result


if __name__ == "__main__":
    text = json.dumps(executed(notebook()), indent=1, ensure_ascii=False) + "\n"
    path = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
    path.write_text(re.sub(r"/tmp/\w+/", "", text), encoding="utf-8")
    print(f"wrote {path}")
