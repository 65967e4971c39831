"""Training, scoring and tagging with tasks of one's own, with any names and any number."""

import json
from pathlib import Path

import pytest
from command_line import FILES, PARTS, TINY, done, write_corpus

pytestmark = pytest.mark.usefixtures("here")


NAMES = ("pos", "日本語", "Größe", "a.b", "[x]", "O", "B-X", "x:y|z", "-q", "<<t>>", "train", "file")


@pytest.mark.parametrize("sharing", ["multi_dec", pytest.param("te_dec", marks=pytest.mark.slow), "te_enc"])
@pytest.mark.parametrize("count", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_one_to_many_tasks_with_any_names(here: Path, sharing: str, count: int) -> None:
    names = NAMES[-count:]
    write_corpus(here / "data", tasks=f"{FILES}\n" + "".join(f'[tasks."{name}"]\n' for name in names))
    shown = done("train", "--data", "data", "--tasks", "all", *TINY, "--sharing", sharing, "--output-dir", "run")
    assert all(name in shown.out for name in names)
    assert list(json.loads((here / "run" / "result.json").read_text())["test"]) == list(names)
    assert list(json.loads(done("evaluate", "run", "--json", "--output", "p").out)["tasks"]) == list(names)
    assert sorted(path.name for path in (here / "p").iterdir()) == sorted(f"{name}.conll" for name in names)
    assert done("tag", "run", stdin=b"Gulls").out.startswith("\t".join(["# token", *names]) + "\nGulls\t")


def test_one_sentence_of_one_word_with_one_tag_is_enough(here: Path) -> None:
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", **dict.fromkeys(PARTS, "Otters\tO\n"))
    for sharing in ("stl", "multi_dec", "te_dec", "te_enc"):
        done("train", "--data", "data", "--tasks", "pos", *TINY, "--sharing", sharing, "--output-dir", sharing)
        assert "Gulls\tO\nsleep\tO\n" in done("tag", sharing, stdin=b"Gulls sleep").out


def test_separators_columns_comments_encodings_and_conllu(here: Path) -> None:
    latin = "% remark\nVardø N,PLACE\n# N,O\n\n".encode("latin-1")
    words = ("1-2 du _ _ _ _", "1 de de P _ Number=Sing", "2 le _ D _ _")
    conllu = "# text = x\n" + "".join("\t".join([*word.split(), *"____"]) + "\n" for word in words) + "\n"
    write_corpus(
        here / "data",
        tasks="""
[tasks.place]
train = "train.txt"
dev = "train.txt"
separator = ","
token_column = 1
tag_column = -1
comment = "% "
encoding = "latin-1"
[tasks.number]
format = "conllu"
tag_column = "feats:Number"
train = {file = "dev.txt", sentences = "1-1"}
validation = "dev.txt"
""",
        train=latin.replace(b" N", b",N"),
        dev=conllu,
    )
    done("train", "--data", "data/tasks.toml", "--tasks", "all", *TINY, "--output-dir", "run")
    vocabulary = json.loads((here / "run" / "vocabulary.json").read_text())
    assert vocabulary["labels"] == {"place": ["O", "PLACE"], "number": ["Sing", "_"]}
    assert vocabulary["words"] == ["#", "de", "le", "vardø"]
