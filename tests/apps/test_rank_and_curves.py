"""``tagmates rank`` and ``tagmates curves``: what they print and write, and what they refuse."""

import json
from pathlib import Path

import pytest
from command_line import TINY, done, refused

from tagmates import evaluate

pytestmark = pytest.mark.usefixtures("here")
POOL = "Mika repairs boats .\nOtters sleep near Vardo .\n\nThe fog lifts .\n"


def test_ranked_sentences_are_data_to_train_on(run: Path, here: Path) -> None:
    (here / "pool.txt").write_text(POOL)
    shown = done("rank", run, "pool.txt", "--input", "text", "--task", "ner")
    assert shown.out.count("# rank = ") == 3
    folder = here / "next"
    folder.mkdir()
    for split in ("train", "dev"):
        done(
            "rank",
            run,
            "pool.txt",
            "--input",
            "text",
            "--task",
            "pos",
            "--by",
            "margin",
            "--output",
            f"next/{split}.conll",
        )
    done("data", "init", "next")
    done("train", "--data", "next/tasks.toml", "--tasks", "all", *TINY, "--output-dir", "second")
    refused(2, "exists already", "rank", run, "pool.txt", "--task", "pos", "--output", "next/dev.conll")


def test_rank_says_what_is_missing(run: Path, here: Path) -> None:
    (here / "pool.txt").write_text(POOL)
    refused(2, "--task: is missing; name one of pos, ner", "rank", run, "pool.txt", "--input", "text")
    refused(2, "--task x: the model has no such task", "rank", run, "pool.txt", "--input", "text", "--task", "x")
    refused(2, "--top 0: must be 1 or more", "rank", run, "pool.txt", "--top", "0")
    refused(2, "luck. for --by", "rank", run, "pool.txt", "--by", "luck")


def test_a_pool_is_read_with_the_options_of_tag(run: Path, here: Path) -> None:
    (here / "pool.txt").write_bytes("caf\xe9;noir\n\nthe;fog\n".encode("latin-1"))
    refused(1, "is not UTF-8", "rank", run, "pool.txt", "--task", "ner", "--input", "text")
    shown = done("rank", run, "pool.txt", "--task", "ner", "--input", "text", "--encoding", "latin-1")
    assert "\ncafé\t" in shown.out
    (here / "pool.conll").write_text("X;the\nX;fog\n")
    columns = ("--input", "columns", "--separator", ";", "--token-column", "2")
    assert "fog\t" in done("rank", run, "pool.conll", "--task", "ner", *columns).out


def test_curves_of_runs_without_a_dev_set(run: Path, here: Path) -> None:
    done("train", "--final", run, "--output-dir", "final")
    shown = done("curves", run, "final", "--output", "curves.svg")
    assert "no dev set" in shown.out
    assert json.loads(done("curves", "final", "--json").out)[0]["dev_mean"] == []
    done("curves", "final", "--output", "final.svg")
    assert "warning: this tagger was trained on dev too" in done("evaluate", "final", "--split", "dev").err
    assert "warning" not in done("evaluate", run, "--split", "dev").err
    other = json.loads((run / "environment.json").read_text())["data"]
    assert evaluate(run, split="train").seen
    assert not any(
        evaluate(each, split=split, data=other).seen for each in (run, "final") for split in ("train", "dev")
    )


def test_curves_of_a_run(run: Path, here: Path) -> None:
    shown = done("curves", run, "--output", "curves.svg")
    assert shown.err == "wrote curves.svg\n"
    assert "dev F1" in shown.out and "ner" in shown.out
    assert (here / "curves.svg").read_text().startswith("<svg")
    (curve,) = json.loads(done("curves", run, "--json").out)
    assert len(curve["updates"]) == len(curve["dev"]["pos"]) == 1
    refused(2, "holds no run; give", "curves", here)
    refused(2, "runs: are missing", "curves")
    refused(2, r"ends in \.svg or \.png", "curves", run, "--output", "curves.pdf")
