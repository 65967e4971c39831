"""``tagmates tag``: words of several formats in, tags of every task out."""

import json
import re
import sys
from pathlib import Path

import pytest
from command_line import FILES, PARTS, TINY, columns, done, refused, training_of, write_corpus

from tagmates.data.formats.columns import read_columns
from tagmates.errors import DataError
from tagmates.tagging.reading import read_input

pytestmark = pytest.mark.usefixtures("here")


TEXT = "Mika paints. Otters juggle stones!\n\nNobody sails to Port Ness"


WORDS = [["Mika", "paints", "."], ["Otters", "juggle", "stones", "!"], ["Nobody", "sails", "to", "Port", "Ness"]]


def words_of(out: str) -> list[list[str]]:
    """The words of a tagger's JSON lines."""
    return [json.loads(line)["tokens"] for line in out.split("\n") if line]


@pytest.mark.parametrize("sharing", ["multi_dec", pytest.param("te_dec", marks=pytest.mark.slow), "te_enc"])
def test_tag_writes_every_task_in_every_format(here: Path, corpus: Path, sharing: str) -> None:
    done(*training_of(corpus, "run", "--sharing", sharing))
    conll = done("tag", "run", stdin=TEXT.encode())
    assert conll.err == ""
    assert conll.out.startswith("# token\tpos\tner\nMika\t")
    (here / "tagged").write_text(conll.out)
    by_task = [read_columns(here / "tagged", separator="\t", tag_column=c, comment="# ") for c in (2, 3)]
    assert [list(sentence.tokens) for sentence in by_task[0]] == WORDS
    records = [
        json.loads(line) for line in done("tag", "run", "--output", "json", stdin=TEXT.encode()).out.split("\n")[:-1]
    ]
    assert [record["tokens"] for record in records] == WORDS
    for record, pos, ner in zip(records, *by_task, strict=True):
        assert record["tags"] == {"pos": list(pos.tags or ()), "ner": list(ner.tags or ())}
    table = done("tag", "run", "--output", "table", stdin=TEXT.encode()).out
    rows = [line.split() for line in table.splitlines() if "─" not in line and line.strip()]
    assert rows.count(["token", "pos", "ner"]) == 3
    assert [row for row in rows if row[0] != "token"] == [
        line.split("\t") for line in conll.out.splitlines()[1:] if line
    ]


def test_what_tag_writes_it_reads(here: Path, trained: Path) -> None:
    first = done("tag", trained, stdin=TEXT.encode()).out
    assert done("tag", trained, "--input", "conll", stdin=first.encode()).out == first
    (here / "first.conll").write_text(first)
    assert done("tag", trained, "--input", "conll", "first.conll").out == first


def test_tag_reads_stdin_files_and_both(here: Path, trained: Path) -> None:
    (here / "a.txt").write_text("Mika paints.")
    (here / "b.txt").write_text("Gulls sleep")
    for args, stdin, found in (
        ((), b"Kites fly", ["Kites"]),
        (("-",), b"Kites fly", ["Kites"]),
        (("a.txt",), b"Kites fly", ["Mika"]),
        (("b.txt", "-", "a.txt", "b.txt"), b"Kites fly", ["Gulls", "Kites", "Mika", "Gulls"]),
    ):
        out = done("tag", trained, *args, "--output", "json", stdin=stdin).out
        assert [words[0] for words in words_of(out)] == found


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"\xef\xbb\xbfMika paints\r\n\r\nGulls sleep\r\n", [["Mika", "paints"], ["Gulls", "sleep"]]),
        (b"Mika\npaints\n \t \nGulls", [["Mika", "paints"], ["Gulls"]]),
        ("Äpfel 日本 🙂\u00a0x".encode(), [["Äpfel", "日", "本", "🙂", "x"]]),
    ],
)
def test_byte_order_marks_and_line_ends_of_text(trained: Path, stdin: bytes, words: list[list[str]]) -> None:
    assert words_of(done("tag", trained, "--output", "json", stdin=stdin).out) == words


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"Mika\npaints\n\nGulls\n", [["Mika", "paints"], ["Gulls"]]),
        (b"Mika\tN\tO\npaints\tV\tO\n\n\nGulls\tN\tO", [["Mika", "paints"], ["Gulls"]]),
        (b"\xef\xbb\xbf# a comment\r\nMika N\r\n\r\n# another\r\nGulls N\r\n", [["Mika"], ["Gulls"]]),
        (b"-DOCSTART- O\n\n#\tN\n#x\tN\n", [["#", "#x"]]),
        ("10\u00a0000 A\n".encode(), [["10\u00a0000"]]),
    ],
)
def test_input_of_columns_with_and_without_tags(trained: Path, stdin: bytes, words: list[list[str]]) -> None:
    out = done("tag", trained, "--input", "conll", "--output", "json", stdin=stdin).out
    assert words_of(out) == words


def test_some_tasks_can_be_asked_for_in_any_order(trained: Path) -> None:
    out = done("tag", trained, "--tasks", "ner,pos", stdin=b"Mika").out
    assert out.startswith("# token\tner\tpos\n")
    assert out.count("\t") == 4
    assert done("tag", trained, "--tasks", "ner", stdin=b"Mika").out.startswith("# token\tner\n")


@pytest.mark.parametrize("output", ["conll", "json", "table"])
@pytest.mark.parametrize(
    ("code", "args", "stdin", "pattern"),
    [
        (1, [], b"", "standard input: holds no word to tag; give a file or pipe text in"),
        (1, [], b"\xef\xbb\xbf \n\r\n\t\n", "standard input: holds no word to tag"),
        (1, ["--input", "conll"], b"# only a comment\n\n", "standard input: holds no word to tag"),
        (1, ["none.txt"], b"", "none.txt: cannot be read (No such file or directory); give a text file"),
        (1, ["."], b"", ".: cannot be read (Is a directory); give a text file, or '-' for stdin"),
        (1, ["empty.txt", "-"], b"\n", "empty.txt, standard input: holds no word to tag"),
        (
            1,
            [],
            b"Gulls\nVard\xf8\n",
            "standard input:2: is not UTF-8 (byte 5); convert it first, or name its --encoding, as latin-1",
        ),
        (1, ["--input", "conll"], b"Gulls\nVard\xf8\n", "standard input:2: is not UTF-8 (byte 5)"),
        (1, [], b"Gulls\na\0b\n", "standard input:2: has a NUL character; give a text file"),
        (1, ["--input", "conll"], b"Gulls\rsleep\r", "standard input:1: has a line end inside a line"),
        (2, ["--input", "xml"], b"Gulls", "--input xml: choose one of auto, text, columns"),
        (2, ["--tasks", "pso"], b"Gulls", "--tasks: no task 'pso' (did you mean 'pos'?)"),
        (2, ["--tasks", ""], b"Gulls", "--tasks: is empty"),
        (2, ["--device", "tpu"], b"Gulls", "--device tpu: choose auto, cpu or cuda"),
        (1, ["--vectors", "none"], b"Gulls", "none: vectors cannot be read (No such file or directory)"),
    ],
)
def test_input_that_cannot_be_tagged_prints_nothing_but_the_reason(
    here: Path, trained: Path, output: str, code: int, args: list[str], stdin: bytes, pattern: str
) -> None:
    (here / "empty.txt").write_bytes(b"")
    refused(code, re.escape(pattern), "tag", trained, *args, "--output", output, stdin=stdin)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", '“Yes” and "no".'),
        ("a.jsonl", json.dumps({"text": '“Yes” and "no".'})),
        ("a.csv", 'id,text\n1,"“Yes” and ""no""."\n'),
    ],
)
def test_the_words_of_texts_have_the_marks_that_the_tagger_knows(here: Path, name: str, content: str) -> None:
    """The tagger en knows straight and curly quotes."""
    (here / name).write_text(content, encoding="utf-8")
    (line,) = done("tag", "en", name, "--output", "json").out.splitlines()
    assert json.loads(line)["tokens"] == ["“", "Yes", "”", "and", '"', "no", '"', "."]


def test_an_unknown_output_is_refused_before_anything_is_read(here: Path) -> None:
    refused(2, "--output xml: choose conll, json or table", "tag", "nowhere", "--output", "xml", stdin=b"Gulls")


def test_stdin_that_is_closed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input: is closed; give a file or pipe text in"):
        list(read_input(["-"], "text"))


@pytest.mark.parametrize("option", ["--outptu", "--no-tasks", "-o"])
def test_a_dash_is_stdin_and_nothing_else_that_starts_with_one(trained: Path, option: str) -> None:
    assert done("tag", trained, "-", stdin=b"Gulls") == done("tag", trained, stdin=b"Gulls")
    refused(2, f"Unknown option: {option} ", "tag", trained, option, stdin=b"Gulls")


def test_a_sentence_of_500_words_and_a_word_of_5000_characters_simply_work(here: Path) -> None:
    long = [[(f"w{i % 40}", "NVA"[i % 3]) for i in range(500)], [("x" * 5000, "N"), ("y", "V")]]
    write_corpus(here / "data", tasks=f"{FILES}\n[tasks.pos]\n", **dict.fromkeys(PARTS, columns(long)))
    small = ("--set", "model.character_hidden_size=3", "--set", "model.character_size=3")
    done("train", "--data", "data", "--tasks", "pos", *TINY, *small, "--output-dir", "run")
    assert json.loads(done("evaluate", "run", "--json").out)["tasks"]["pos"]["support"] == 502
    tagged = done("tag", "run", "--input", "conll", "data/test.txt", "--output", "json").out
    assert [len(words) for words in words_of(tagged)] == [500, 2]
    text = " ".join(["word"] * 500) + "\n\n" + "z" * 5000
    out = done("tag", "run", "--output", "json", stdin=text.encode()).out
    assert [(len(words), len(words[0])) for words in words_of(out)] == [(500, 4), (1, 5000)]


def test_vectors_of_another_size_are_refused_by_tag(here: Path, run: Path) -> None:
    (here / "v.txt").write_text("otters 1 2 3\n")
    refused(1, r"v\.txt: vectors have 3 dimensions", "tag", run, "--vectors", "v.txt", stdin=b"Otters")
