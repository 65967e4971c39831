"""``data affinity`` and ``study suggest``: what they print, draw and refuse."""

import json
import re
from pathlib import Path

import pytest
from command_line import FILES, PARTS, TINY, columns, done, refused, write_corpus

from tagmates.data.corpora import load_indexed
from tagmates.data.tasks import load_tasks
from tagmates.formatting import points
from tagmates.report.figures.affinity import write_affinity_figure
from tagmates.study.suggest import checked, suggest

FOUND = ("study", "suggest", "s.toml", "--found")

pytestmark = pytest.mark.usefixtures("here")


def test_every_task_has_all_others_in_the_order_of_their_predicted_gains() -> None:
    found = json.loads(done("data", "affinity", "starter", "--json").out)
    tasks = found["tasks"]
    assert len(tasks) == 11
    for task, helpers in tasks.items():
        assert {each["helper"] for each in helpers} == tasks.keys() - {task}
        gains = [each["gain"] for each in helpers]
        assert gains == sorted(gains, reverse=True)
        assert all(each["interval_80"][0] < each["gain"] < each["interval_80"][1] for each in helpers)
    assert tasks["upos"][0]["helper"] == "xpos"  # finer tags of the same words
    assert found["checked"] == checked().model_dump(mode="json")


def test_tables_show_partners_and_why_and_how_often_that_was_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    four = ("data", "affinity", "starter", "--tasks", "upos,xpos,chunk,ner")
    found = done(*four, "--top", "2")
    gain = r"(?:upos|xpos|chunk|ner) [+−]\d+\.\d\d \([+−]\d+\.\d\d to [+−]\d+\.\d\d\)"
    assert [len(re.findall(gain, line)) for line in found.out.splitlines() if re.search(gain, line)] == [2] * 4
    assert f"for {checked().first_gains} of {checked().tasks} tasks" in found.err
    one = done(*four, "--task", "ner").out
    assert "partners of ner" in one
    assert one.count(" % of the tokens of ner are words that ") == 3


def test_a_study_of_two_tasks_of_ones_own(here: Path) -> None:
    write_corpus(here / "corpus")
    (here / "s.toml").write_text('data = "corpus"\n')
    out = done("study", "suggest", "s.toml", "--json").out
    assert {task: [each["helper"] for each in some] for task, some in json.loads(out)["tasks"].items()} == {
        "pos": ["ner"],
        "ner": ["pos"],
    }
    assert not (here / "runs").exists()
    done("train", "--data", "corpus", "--tasks", "pos", *TINY, "--output-dir", "run")  # the data are as good as before


def test_what_cannot_be_suggested_is_refused(here: Path) -> None:
    write_corpus(here / "corpus")
    (here / "s.toml").write_text('tasks = ["pos", "ner"]\n')
    refused(2, r"--task: there is no 'nre' \(did you mean 'ner'\?\)", "data", "affinity", "corpus", "--task", "nre")
    refused(2, "only one task, pos", "data", "affinity", "corpus", "--tasks", "pos")
    refused(2, "--top -1", "data", "affinity", "corpus", "--top", "-1")
    refused(2, r"a\.pdf: is not a file that ends in \.svg or \.png", "data", "affinity", "corpus", "--plot", "a.pdf")
    refused(2, "--data: is missing", "study", "suggest", "s.toml")


def test_the_map_is_the_same_each_time_and_says_that_it_predicts(here: Path) -> None:
    known = load_tasks("starter")
    indexed = load_indexed(known, ["upos", "chunk", "ner"])
    names = {"upos": "品詞", "chunk": "chunk", "ner": "$n_r$"}  # the font of the maps lacks some letters
    suggestions = suggest({names[task]: each.splits["train"] for task, each in indexed.items()})
    for name in ("a.svg", "b.svg", "c.png"):
        write_affinity_figure(suggestions, here / name)
    assert (here / "a.svg").read_bytes() == (here / "b.svg").read_bytes()
    assert "Predicted, not measured" in (here / "a.svg").read_text()
    assert (here / "c.png").read_bytes().startswith(b"\x89PNG")


def reason_for(helper: str, out: str) -> str:
    """The line that says why a helper stands where it stands."""
    (line,) = (line for line in out.splitlines() if line.startswith(f"{helper}: "))
    return line


def test_reasons_of_a_helper_that_says_nothing_and_of_the_only_one(here: Path) -> None:
    tasks = f'{FILES}\nseparator = "\\t"\n[tasks.pos]\n[tasks.flat]\ntag_column = 4\n[tasks.part]\ntag_column = 5\n'
    splits = {
        split: columns([[(*row, "K", "_" if n % 2 else row[1]) for n, row in enumerate(rows)] for rows in sentences])
        for split, sentences in PARTS.items()
    }
    write_corpus(here / "corpus", tasks, **splits)
    flat = done("data", "affinity", "corpus", "--task", "flat").out
    for helper in ("pos", "part"):
        assert "Its tags say nothing about those of flat" in reason_for(helper, flat)
    pos = done("data", "affinity", "corpus", "--task", "pos").out
    assert "Its tags say the most about those of pos" in reason_for("part", pos)
    assert "It brings no information (39 tokens, all with the same tag)" in reason_for("flat", pos)
    only = reason_for("part", done("data", "affinity", "corpus", "--tasks", "pos,part", "--task", "pos").out)
    assert "What its tags say about those of pos: normalised mutual information 1.00." in only
    assert "It brings 22 tokens with 1.8 bits each." in only
    assert "the most" not in only


def test_what_was_found_is_of_the_methods_that_found_it_and_of_the_studys_data(here: Path) -> None:
    write_corpus(here / "corpus")
    study = 'data = "corpus"\nregimes = ["pair"]\nsharing = ["multi_dec", "te_dec"]\nseeds = [1]\nvectors = "random"\n'
    (here / "s.toml").write_text(f"{study}[model]\nhidden_size = 8\n[training]\nmax_epochs = 1\n")
    done("study", "run", "s.toml", "--engine", "local", "--sharing", "te_dec")
    refused(2, "--found: .*has no finished pair whose tasks are trained alone too", *FOUND)
    (here / "s.toml").write_text((here / "s.toml").read_text().replace('["pair"]', '["pair", "single"]'))
    done("study", "run", "s.toml", "--engine", "local", "--sharing", "te_dec")
    found = done(*FOUND).out
    assert "Suggested and found, TE⊕DEC" in found
    assert "MULTI-DEC" not in found
    write_corpus(here / "other", train=columns(PARTS["train"][1:]))
    refused(2, "was begun with other data than other holds", *FOUND, "--data", "other")
    (here / "one.toml").write_text('data = "corpus"\ntasks = ["pos"]\n')
    refused(2, "only one task, pos", "study", "suggest", "one.toml", "--found")


def test_suggestions_beside_what_the_study_found() -> None:
    write_corpus(Path("corpus"))
    Path("s.toml").write_text(
        'data = "corpus"\nregimes = ["single", "pair"]\nseeds = [1]\nvectors = "random"\n'
        "[model]\nhidden_size = 8\n[training]\nmax_epochs = 2\n"
    )
    refused(2, "--found: .*has no finished pair whose tasks are trained alone too", *FOUND)
    done("study", "run", "s.toml", "--engine", "local")
    found = done("study", "suggest", "s.toml", "--found")
    scores = {}
    for path in Path("runs/s/runs").glob("*/result.json"):
        result = json.loads(path.read_text())
        scores |= {(task, result["sharing"]): each["f1"] for task, each in result["dev"].items()}
    gains = {task: scores[task, "multi_dec"] - scores[task, "stl"] for task in ("pos", "ner")}
    for task, helper in (("pos", "ner"), ("ner", "pos")):
        signed = points(gains[task], signed=True)
        row = rf"{task} +{helper} +[+−]?[\d.]+ +{re.escape(signed)} +{helper} +{re.escape(signed)}"
        assert re.search(row, found.out)
    assert f"for {sum(gain > 0 for gain in gains.values())} of 2 tasks" in found.err
    assert "Suggested and found, MULTI-DEC" in found.out
    refused(2, "--found: cannot be combined with --task", "study", "suggest", "s.toml", "--found", "--task", "pos")
