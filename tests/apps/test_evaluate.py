"""``tagmates evaluate``: what it prints and writes, and what it refuses."""

import json
import re
import resource
import shutil
from pathlib import Path

import pytest
from command_line import FILES, LINES, PARTS, TASKS, done, refused, tagmates, training_of, write_corpus

from tagmates.data.formats.columns import read_columns

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("split", ["train", "dev", "validation", "test"])
def test_evaluate_prints_one_json_object_and_talks_on_stderr(trained: Path, here: Path, split: str) -> None:
    shown = done("evaluate", trained, "--split", split, "--json", "--baseline", "--output", "p")
    evaluation = json.loads(shown.out)
    assert evaluation["split"] == split.replace("validation", "dev")
    assert list(evaluation["tasks"]) == ["pos", "ner"]
    assert shown.err == "wrote p/pos.conll\nwrote p/ner.conll\n"
    result = json.loads((trained / "result.json").read_text())
    for name, scores in evaluation["tasks"].items():
        assert scores["support"] == scores["tp"] + scores["fn"] > 0
        assert scores["support"] == sum(t["tp"] + t["fn"] for t in scores["types"].values())
        assert 0 <= scores["baseline"]["f1"] <= 100
        assert f"task:{name}|split:{evaluation['split']}|" in scores["signature"]
        for key in ("precision", "recall", "f1", "tp", "fp", "fn") if evaluation["split"] in result else ():
            assert scores[key] == result[evaluation["split"]][name][key]


def test_evaluate_prints_a_table_and_its_signatures_apart(trained: Path) -> None:
    shown = done("evaluate", trained, "--baseline")
    assert re.search(r"│ pos +│( +-?[\d.]+ │){3} +11 │", shown.out)
    assert "baseline F1" in shown.out
    assert [re.search(r"\|task:(\w+)\|", line)[1] for line in shown.err.splitlines()] == ["pos", "ner"]  # type: ignore[index]


@pytest.mark.parametrize("sharing", ["multi_dec", "te_enc"])
def test_predictions_are_three_columns_that_hold_the_gold_tags(here: Path, corpus: Path, sharing: str) -> None:
    done(*training_of(corpus, "run", "--sharing", sharing))
    done("evaluate", "run", "--output", "deep/er")
    for name, column in (("pos", 1), ("ner", 2)):
        path = here / "deep" / "er" / f"{name}.conll"
        assert {line.count("\t") for line in path.read_text().splitlines() if line} == {2}
        gold = [(s.tokens, s.tags) for s in read_columns(path, separator="\t", tag_column=2)]
        assert gold == [(tuple(row[0] for row in rows), tuple(row[column] for row in rows)) for rows in PARTS["test"]]
        predicted = read_columns(path, separator="\t", tag_column=3)
        labels = {
            cell for rows in LINES for row in rows for cell in (row[1:] if sharing == "te_enc" else row[column:][:1])
        }
        assert {tag for sentence in predicted for tag in sentence.tags or ()} <= labels


def test_evaluate_on_other_data_and_on_words_and_tags_it_never_saw(here: Path, run: Path) -> None:
    write_corpus(here / "other", test="Zebras\tX\tB-ALIEN\n\nÄpfel\tN\tO\nfallen\tV\tO\n")
    evaluation = json.loads(done("evaluate", run, "--data", "other", "--json").out)
    assert evaluation["tasks"]["pos"]["types"]["X"] == {"tp": 0, "fp": 0, "fn": 1, "f1": 0.0}
    assert evaluation["tasks"]["ner"]["support"] == 1


def test_evaluate_warns_where_spans_are_scored_word_by_word(here: Path, run: Path) -> None:
    plain = write_corpus(here / "plain", tasks=TASKS.replace('scheme = "iob2"', ""))
    shown = done("evaluate", run, "--data", plain, "--json")
    warnings = [line for line in shown.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "of ner mark spans, but its scheme is plain" in warnings[0]
    assert 'set scheme = "iob2", or score = "prefix" alone' in warnings[0]
    assert json.loads(shown.out)["tasks"]["ner"]["signature"].count("|reading:plain|") == 1
    assert done("evaluate", run, "--json").err == ""


def test_evaluate_without_the_split_or_the_task(here: Path, corpus: Path, run: Path) -> None:
    refused(2, "--split tset: choose train, dev or test", "evaluate", run, "--split", "tset")
    two = "train = 'train.txt'\ndev = 'dev.txt'\n"
    write_corpus(here / "untested", tasks=f"[tasks.pos]\n{two}[tasks.ner]\ntag_column = 3\n{two}")
    refused(1, r"untested: has no test split for any of pos, ner; give another", "evaluate", run, "--data", "untested")
    done(*training_of(here / "untested", "dev-only"))
    assert "test" not in json.loads((here / "dev-only" / "result.json").read_text())
    refused(1, r"untested: has no test split", "evaluate", "dev-only")
    assert "│ pos " in done("evaluate", "dev-only", "--split", "dev").out
    write_corpus(here / "renamed", tasks=f"{FILES}\n[tasks.parts]\n")
    refused(
        1,
        "renamed: has no task pos, ner, as the tagger has, but .*; give the tasks that you mean the names",
        "evaluate",
        run,
        "--data",
        "renamed",
    )


def test_evaluate_cannot_write_into_a_file(here: Path, run: Path) -> None:
    (here / "file").write_text("mine")
    for place in ("file", "file/p"):
        refused(1, rf"tagmates: {place}: (File exists|Not a directory); ", "evaluate", run, "--output", place)


def test_predictions_replace_no_file_without_force_and_never_the_data(here: Path) -> None:
    write_corpus(here / "own", tasks=TASKS.replace("test.txt", "pos.conll"))
    shutil.move(here / "own" / "test.txt", here / "own" / "pos.conll")
    done(*training_of(here / "own", "first"))
    before = (here / "own" / "pos.conll").read_bytes()
    for force in ((), ("--force",)):
        refused(2, "own/pos.conll: is a file of the data of task pos", "evaluate", "first", "--output", "own", *force)
    assert (here / "own" / "pos.conll").read_bytes() == before
    done("evaluate", "first", "--output", "p")
    refused(2, "p/pos.conll: exists; overwrite it with --force", "evaluate", "first", "--split", "dev", "--output", "p")
    done("evaluate", "first", "--split", "dev", "--output", "p", "--force")


def test_a_run_is_evaluated_from_any_directory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(here / "data")
    done(*training_of(Path("data"), "run"))
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert "│ pos " in done("evaluate", "../run").out


def test_a_full_disk_in_evaluate_does_not_speak_of_resuming(run: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limit[1]))
    try:
        stopped = tagmates("evaluate", run, "--output", "p")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert stopped.code == 1
    assert "p/pos.conll: cannot be written (File too large)" in stopped.err
    assert "--resume" not in stopped.err


def test_errors_are_a_page_a_table_and_counts(here: Path, run: Path) -> None:
    shown = done("evaluate", run, "--errors", "wrong", "--by-tag")
    assert {path.name for path in (here / "wrong").iterdir()} == {"mistakes.html", "confusions.csv"}
    assert "wrote wrong/mistakes.html" in shown.err
    for title in ("pos: scores by tag", "ner: scores by tag", "ner: kinds of mistakes", "ner: words of training"):
        assert title in shown.out
    rows = (here / "wrong" / "confusions.csv").read_text().splitlines()
    assert rows[0] == "model,task,kind,gold,predicted,count"
    values = json.loads(done("evaluate", run, "--errors", "wrong", "--json").out)["tasks"]
    for name, own in values.items():
        of_task = [row.split(",") for row in rows[1:] if row.split(",")[1] == name]
        assert sum(int(row[-1]) for row in of_task) == sum(own["mistakes"]["kinds"].values())
        assert sum(own["mistakes"]["kinds"].values()) - own["mistakes"]["kinds"]["spurious"] == own["fn"]


def test_errors_of_two_models(here: Path, run: Path, corpus: Path) -> None:
    done(*training_of(corpus, "other", "--set", "model.hidden_size=6"))
    done("evaluate", run, "--errors", "wrong", "--against", "other")
    page = (here / "wrong" / "mistakes.html").read_text()
    assert "Model B: other" in page and "and neither" in page
    models = {row.partition(",")[0] for row in (here / "wrong" / "confusions.csv").read_text().splitlines()[1:]}
    assert models == {"run", "other"}


def test_models_with_other_gold_tags_are_not_compared(here: Path, run: Path) -> None:
    write_corpus(here / "corrected")
    dev = here / "corrected" / "dev.txt"
    dev.write_text(dev.read_text().replace("B-ANIMAL", "B-PERSON"))
    done(*training_of(here / "corrected", "other"))
    message = "its dev data of ner have other words or other gold tags; give --data for both"
    refused(2, message, "evaluate", run, "--split", "dev", "--errors", "wrong", "--against", "other")


def test_against_needs_a_place_and_a_common_task(here: Path, run: Path) -> None:
    refused(2, "--against: goes with --errors FOLDER", "evaluate", run, "--against", run)
    done("evaluate", run, "--by-tag")
    assert not (here / "wrong").exists()
