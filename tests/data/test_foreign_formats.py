"""Files as other tools write them: which are read or refused, and what ``data init`` writes about them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import annotation_remarks, load_split, location
from tagmates.data.describing.file_names import name_of
from tagmates.data.describing.found_corpora import find_corpora
from tagmates.data.describing.grid import comment_sign
from tagmates.data.describing.header import looks_like_header
from tagmates.data.describing.proposal import propose
from tagmates.data.formats.brat import brat_remarks, read_brat
from tagmates.data.formats.conll2012 import read_conll2012
from tagmates.data.formats.conllu import expression_remarks, read_conllu
from tagmates.data.formats.jsonl import read_jsonl
from tagmates.data.formats.sentence_lines import read_lines, read_parallel
from tagmates.data.formats.table import TableLayout, read_table
from tagmates.data.formats.webanno import features_in, read_webanno, webanno_remarks
from tagmates.data.schemes import tags_of
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.data.tokenize import sentences_of
from tagmates.errors import ConfigError, DataError

NAMES = ["Ylva Lund", "Port Ness", "Kito", "Quill & Sons", "Zoë"]
VERBS = ["paints", "sells", "mends", "greets"]
Pairs = list[list[tuple[str, str | None]]]


def made(count: int) -> list[list[tuple[str, str, str]]]:
    """Sentences of (word, part of speech, IOB2 tag), made up."""
    found = []
    for number in range(count):
        first, second = NAMES[number % 5].split(), NAMES[(number * 3 + 1) % 5].split()
        rows = [(word, "PROPN", "I-PER" if at else "B-PER") for at, word in enumerate(first)]
        rows += [(VERBS[number % 4], "VERB", "O"), (f"item{number}", "NOUN", "O"), (",", "PUNCT", "O")]
        rows += [(word, "PROPN", "I-LOC" if at else "B-LOC") for at, word in enumerate(second)]
        found.append([*rows, (".", "PUNCT", "O")])
    return found


def pairs(sentences: Sequence[Sentence]) -> Pairs:
    return [list(zip(sentence.tokens, sentence.labels, strict=True)) for sentence in sentences]


def spans_text(rows: Sequence[tuple[str, str, str]]) -> tuple[str, list[tuple[int, int, str]]]:
    """A text with a space between words, and its spans by character."""
    text, spans = "", []
    for word, _, tag in rows:
        start = len(text)
        text += f"{word} "
        if tag[0] == "B":
            spans.append((start, start + len(word), tag[2:]))
        elif tag[0] == "I":
            spans[-1] = (spans[-1][0], start + len(word), tag[2:])
    return text.rstrip(), spans


def described(folder: Path) -> dict[str, Task]:
    """The tasks of what `data init` writes; `data check` finds no error in them."""
    proposal = propose(folder, "")
    (folder / "tasks.toml").write_text(proposal.text, encoding="utf-8")
    tasks = load_tasks(str(folder))
    assert [problem.text for problem in check_tasks(tasks) if problem.level == "error"] == []
    return tasks


def problems(folder: Path, toml: str) -> list[tuple[str, str, int | None]]:
    (folder / "tasks.toml").write_text(toml, encoding="utf-8")
    found = check_tasks(load_tasks(str(folder)))
    return [(each.level, each.kind, each.line) for each in found if each.kind not in ("small-split", "in-train")]


def splits(folder: Path, name: str, write: Any, count: int = 12) -> None:
    for split in ("train", "dev", "test"):
        (folder / name.format(split)).write_text(write(made(count)), encoding="utf-8")


def wanted(layer: int = 2, count: int = 12) -> Pairs:
    return [[(row[0], row[layer]) for row in rows] for rows in made(count)]


class TestTables:
    def test_csv_as_kaggle_has_it(self, tmp_path: Path) -> None:
        lines = ["Sentence #,Word,POS,Tag"]
        for number, rows in enumerate(made(30), start=1):
            for at, (word, pos, tag) in enumerate(rows):
                quoted = f'"{word}"' if word == "," else word
                lines.append(f"{f'Sentence: {number}' if at == 0 else ''},{quoted},{pos},{tag}")
        (tmp_path / "ner.csv").write_bytes("\r\n".join(lines).encode("latin-1"))
        tasks = described(tmp_path)
        assert list(tasks) == ["POS", "Tag"]
        assert tasks["Tag"].encoding == "latin-1"
        assert pairs(load_split(tasks["Tag"], "train")) == wanted(2, 30)[:24]
        assert pairs(load_split(tasks["POS"], "test")) == wanted(1, 30)[27:]

    @pytest.mark.parametrize("always", [True, False])
    @pytest.mark.parametrize("heading", ["Satz;Wort;POS;Label", "Zin;Woord;POS;Tag", "Frase;Palabra;POS;Etiqueta"])
    def test_names_of_columns_in_other_languages(self, heading: str, always: bool, tmp_path: Path) -> None:
        lines = [heading]
        for number, rows in enumerate(made(30), start=1):
            for at, (word, pos, tag) in enumerate(rows):
                lines.append(f"{f'Satz: {number}' if at == 0 or always else ''};{word};{pos};{tag}")
        (tmp_path / "ner.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
        tasks = described(tmp_path)
        sentence, _, pos, tag = heading.split(";")
        assert list(tasks) == [pos, tag]
        assert tasks[tag].sentence_column == sentence
        assert pairs(load_split(tasks[tag], "train")) == wanted(2, 30)[:24]

    @pytest.mark.parametrize("header", [True, False])
    def test_numbers_in_the_first_row_of_each_sentence(self, header: bool, tmp_path: Path) -> None:
        """The values show which column has the sentences, whatever it is called."""
        lines = ["Věta;Slovo;Znak;Tag"] if header else []
        for number, rows in enumerate(made(30), start=1):
            lines += [
                f"{f'V{number}' if at == 0 else ''};{word};{pos};{tag}" for at, (word, pos, tag) in enumerate(rows)
            ]
        (tmp_path / "ner.csv").write_text("\n".join(lines))
        task = list(described(tmp_path).values())[-1]
        assert task.sentence_column == ("Věta" if header else 1)
        assert pairs(load_split(task, "train")) == wanted(2, 30)[:24]

    def test_tags_of_phrases_are_no_sentences(self, tmp_path: Path) -> None:
        text = "word;phrase;tag\n" + "\n".join(
            "".join(f"{word};{'NP' if at % 2 else 'VP'};{tag}\n" for at, (word, _, tag) in enumerate(rows))
            for rows in made(30)
        )
        (tmp_path / "a.csv").write_text(text)
        tasks = described(tmp_path)
        assert tasks["tag"].sentence_column is None
        assert pairs(load_split(tasks["tag"], "train")) == wanted(2, 30)[:24]

    @given(
        cells=st.lists(
            st.tuples(*[st.text("ab\",; #'é\t", min_size=1, max_size=5).filter(str.strip)] * 2), min_size=1, max_size=6
        ),
        separator=st.sampled_from([",", ";", "\t"]),
    )
    def test_what_csv_writes_is_read(self, cells: list[tuple[str, str]], separator: str, tmp_path_factory: Any) -> None:
        import csv

        path = tmp_path_factory.getbasetemp() / "a.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=separator).writerows([("w", "t"), *cells])
        (sentence,) = read_table(path, TableLayout(token_column="w", tag_column="t", separator=separator, header=True))
        assert list(zip(sentence.tokens, sentence.labels, strict=True)) == cells

    def test_a_header_names_columns(self, tmp_path: Path) -> None:
        def write(sentences: Any) -> str:
            return "token\tpos\tlabel\n" + "".join("".join("\t".join(r) + "\n" for r in s) + "\n" for s in sentences)

        splits(tmp_path, "{}.tsv", write)
        tasks = described(tmp_path)
        assert [(name, task.tag_column, task.scheme) for name, task in tasks.items()] == [
            ("pos", "pos", "plain"),
            ("label", "label", "iob2"),
        ]
        assert pairs(load_split(tasks["label"], "dev")) == wanted()
        sentence = load_split(tasks["label"], "dev")[1]
        assert location(tasks["label"], "dev", sentence, 2) == f"{tmp_path / 'dev.tsv'}:{2 + len(made(1)[0]) + 1 + 2}"

    def test_a_header_that_is_not_said_is_warned_of(self, tmp_path: Path) -> None:
        text = "TOKEN\tNER\n" + "".join("".join(f"{r[0]}\t{r[2]}\n" for r in s) + "\n" for s in made(12))
        for split in ("train", "dev", "test"):
            (tmp_path / f"{split}.tsv").write_text(text, encoding="utf-8")
        toml = 'train = "train.tsv"\ndev = "dev.tsv"\ntest = "test.tsv"\n[tasks.x]\n'
        assert [each for each in problems(tmp_path, toml) if each[1] == "irregular"] == [
            ("warning", "irregular", 1)
        ] * 3
        assert not [each for each in problems(tmp_path, f"header = true\n{toml}") if each[1] == "irregular"]

    @pytest.mark.parametrize(
        ("first", "is_header"),
        [
            (["word", "tag"], True), (["Token", "NE-COARSE-LIT"], True), (["Wort", "Eigenname"], True),
            (["Ylva", "B-PER"], False), (["word", "O"], False), (["#1", "O"], False),
        ],
    )  # fmt: skip
    def test_headers(self, first: list[str], is_header: bool) -> None:
        rows = [[r[0], r[2]] for s in made(12) for r in s]
        assert looks_like_header(first, rows) is is_header

    def test_unknown_names_of_columns(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("word\ttag\nKito\tX\n")
        with pytest.raises(
            DataError, match=r"a:1: no column is called 'tags' \(did you mean 'tag'\?\); the header names"
        ):
            read_table(tmp_path / "a", TableLayout("word", "tags", "\t", quoted=False, header=True))
        with pytest.raises(ConfigError, match="must be a number for a column file"):
            (tmp_path / "t.toml").write_text('train = "a"\ntag_column = "tag"\n[tasks.x]\n')
            load_tasks(str(tmp_path / "t.toml"))

    def test_a_column_tells_the_sentences(self, tmp_path: Path) -> None:
        text = "".join(f"{at}\t{r[0]}\t{r[2]}\n" for at, s in enumerate(made(60)) for r in s)
        (tmp_path / "all.tsv").write_text(text, encoding="utf-8")
        (task,) = described(tmp_path).values()
        assert (task.sentence_column, task.token_column) == (1, 2)
        assert pairs(load_split(task, "train")) == wanted(2, 60)[:48]

    def test_hipe(self, tmp_path: Path) -> None:
        def write(sentences: Any) -> str:
            text = "TOKEN\tNE-COARSE-LIT\tMISC\n# hipe2022:document_id = a\n"
            for rows in sentences:
                for at, (word, _, tag) in enumerate(rows):
                    text += "# segment = b\n" if at == 1 else ""
                    text += f"{word}\t{tag}\t{'NoSpaceAfter|EndOfSentence' if at == len(rows) - 1 else '_'}\n"
            return text

        splits(tmp_path, "HIPE-{}-en.tsv", write)
        task = described(tmp_path)["NE-COARSE-LIT"]
        assert (task.comment, task.comments_inside, task.sentence_end) == ("# ", True, "EndOfSentence")
        assert pairs(load_split(task, "test")) == wanted()
        sentence = load_split(task, "test")[0]
        assert location(task, "test", sentence, 1).endswith(f"HIPE-test-en.tsv:{sentence.line + 2}")  # after a comment

    def test_comments_inside_a_sentence_are_named_or_skipped(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("Kito\tB-PER\n# page 3\nLund\tI-PER\n")
        keys = 'train = "a"\ndev = "a"\ntest = "a"\ncomment = "# "\n[tasks.x]\n'
        (tmp_path / "t.toml").write_text(keys)
        with pytest.raises(DataError, match=r"a:2: has 1 column.*set comments_inside = true"):
            load_split(load_tasks(str(tmp_path / "t.toml"))["x"], "train")
        (tmp_path / "t.toml").write_text(f"comments_inside = true\n{keys}")
        assert pairs(load_split(load_tasks(str(tmp_path / "t.toml"))["x"], "train")) == [
            [("Kito", "B-PER"), ("Lund", "I-PER")]
        ]

    @pytest.mark.parametrize(
        ("comments", "words", "sign"),
        [
            (["#id=01", "#id=02"], ["#fun\tO"], "#id="), (["# id 1", "# id 2"], ["#fun\tO"], "# "),
            (["#id 1", "#id 2"], [], "#"), (["# id 1", "# id 2"], ["# _ O"], "# id "),
            (['<doc id="1">', "</doc>"], [], "<"), ([], ["#"], ""), (["#a", "<b>"], [], ""),
        ],
    )  # fmt: skip
    def test_signs_of_comments(self, comments: list[str], words: list[str], sign: str) -> None:
        assert comment_sign(comments, words) == sign

    def test_lines_with_another_number_of_cells_are_named(self, tmp_path: Path) -> None:
        text = "".join("".join(f"{r[0]} -X- _ {r[2]}\n" for r in s) + "\n" for s in made(12))
        text += "New Delhi -X- _ B-LOC\nKito -X- _ B-Person Name\nsleeps -X- _ O\n"
        for split in ("train", "dev", "test"):
            (tmp_path / f"{split}.conll").write_text(text, encoding="utf-8")
        toml = (
            'separator = "whitespace"\ntag_column = 4\ntrain = "train.conll"\ndev = "dev.conll"\ntest = "test.conll"\n'
        )
        lines = text.count("\n")
        found = problems(tmp_path, f"{toml}[tasks.x]\n")
        assert {line for _, kind, line in found if kind == "irregular"} == {lines - 2, lines - 1}

    def test_a_column_for_every_predicate_is_regular(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("a\tX\tV\nb\tY\t*\n\nc\tX\nd\tY\n\ne\tX\tV\nf\tX\tV\n")
        toml = 'train = "a"\ndev = "a"\ntest = "a"\n[tasks.x]\n'
        assert not [each for each in problems(tmp_path, toml) if each[1] == "irregular"]

    @pytest.mark.parametrize("line", ['""""\tX', "<doc>\tmark", "# id\tnews", "-DOCEND-\tQ"])
    def test_other_lines_that_are_no_words(self, line: str, tmp_path: Path) -> None:
        (tmp_path / "a").write_text(f"a\tX\nb\tX\n\n{line}\nc\tX\n")
        toml = 'train = "a"\ndev = "a"\ntest = "a"\n[tasks.x]\n'
        assert ("warning", "irregular", 4) in problems(tmp_path, toml)

    def test_csv_that_is_broken(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        for text, message in [
            ('a,X\n"b,Y\n', r"a\.csv:2: is not CSV"),
            ('a,X\n"b"c,Y\n', r"a\.csv:2: is not CSV"),
            ("a,X\nb\n", r"a\.csv:2: has 1 column, but the tag is in column 2"),
            (f'"{"x" * 200_000}",Y\n', r"a\.csv:1: is not CSV \(field larger than field limit"),
            ('"a\nb",Y\n', r"a\.csv:1: 'a\\nb' has a line end in it; take it out"),
            ('a,Y,",PUNCT,O\nb,Y,"\n', r"a\.csv:1: the cell ',PUNCT,O\\nb,Y,' looks like several rows"),
        ]:
            path.write_text(text)
            with pytest.raises(DataError, match=message):
                read_table(path, TableLayout())


class TestSentenceLines:
    @pytest.mark.parametrize("separator", ["###", "|", "/", "_"])
    def test_a_sentence_a_line(self, separator: str, tmp_path: Path) -> None:
        splits(tmp_path, "{}.txt", lambda s: "".join(" ".join(separator.join(r) for r in rows) + "\n" for rows in s))
        tasks = described(tmp_path)
        assert [task.separator for task in tasks.values()] == [separator] * 2
        assert pairs(load_split(list(tasks.values())[1], "dev")) == wanted()

    def test_a_word_with_the_separator_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1/2/NUM cups/NOUN\n\nyes/INTJ\n")
        assert pairs(read_lines(tmp_path / "a")) == [[("1/2", "NUM"), ("cups", "NOUN")], [("yes", "INTJ")]]
        (tmp_path / "a").write_text("a/X b/X\nc d/X e/X\n")
        with pytest.raises(DataError, match="a:2: word 1: 'c' needs 1 tag after '/'"):
            read_lines(tmp_path / "a")

    def test_words_and_tags_in_two_files(self, tmp_path: Path) -> None:
        for split in ("train", "valid", "test"):
            (tmp_path / split).mkdir()
            for name, at in (("seq.in", 0), ("seq.out", 2)):
                text = "".join(" ".join(row[at] for row in rows) + "\n" for rows in made(12))
                (tmp_path / split / name).write_text(text, encoding="utf-8")
            (tmp_path / split / "label").write_text("Order\n" * 12)
        (task,) = described(tmp_path).values()
        assert (task.format, task.dev and task.dev.tags) == ("parallel", "valid/seq.out")
        assert pairs(load_split(task, "dev")) == wanted()
        assert len(find_corpora(tmp_path)[1]) == 3  # the labels of sentences are named
        (tmp_path / "train" / "seq.out").write_text("O O\n")
        with pytest.raises(DataError, match=r"seq\.in:1: has \d words, but that line of seq\.out has 2 tags"):
            read_parallel(tmp_path / "train" / "seq.in", tmp_path / "train" / "seq.out")


def tokens_of(rows: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    found, at = [], 0
    for number, (word, _, _) in enumerate(rows):
        found.append({"text": word, "start": at, "end": at + len(word), "id": number, "ws": True})
        at += len(word) + 1
    return found


def record(tool: str, rows: Sequence[tuple[str, str, str]]) -> Any:
    """The text that a tool writes for a sentence."""
    text, spans = spans_text(rows)
    offsets = [{"start_offset": a, "end_offset": b, "label": c, "id": 7} for a, b, c in spans]
    plain = [{"start": a, "end": b, "label": c} for a, b, c in spans]
    studio = [{"start": a, "end": b, "text": text[a:b], "labels": [c]} for a, b, c in spans]
    result = [{"value": value, "type": "labels", "from_name": "label", "id": "q"} for value in studio]
    result += [{"value": {"choices": ["good"]}, "type": "choices"}, {"type": "relation", "from_id": "q", "to_id": "q"}]
    return {
        "doccano": {"id": 3, "text": text, "label": spans, "Comments": []},
        "doccano, old": {"text": text, "labels": spans},
        "doccano, relations": {"text": text, "entities": offsets, "relations": []},
        "prodigy": {"text": text, "tokens": tokens_of(rows), "spans": plain, "answer": "accept"},
        "prodigy, no tokens": {"text": text, "spans": plain, "_task_hash": 1, "answer": "accept"},
        "studio": {"id": 1, "data": {"text": text}, "annotations": [{"result": result}], "predictions": []},
        "studio, min": {"id": 1, "text": text, "label": studio, "annotator": 1},
        "spacy": [text, {"entities": spans}],
        "gap": {"text": text, "entities": plain},
    }[tool]


TOOLS = ["doccano", "doccano, old", "doccano, relations", "prodigy", "prodigy, no tokens", "studio", "studio, min"]


class TestTextsWithSpans:
    @pytest.mark.parametrize("tool", [*TOOLS, "spacy", "gap"])
    @pytest.mark.parametrize("one_list", [False, True])
    def test_what_tools_write(self, tool: str, one_list: bool, tmp_path: Path) -> None:
        def write(sentences: Any) -> str:
            records = [record(tool, rows) for rows in sentences]
            return json.dumps(records, indent=1) if one_list else "".join(json.dumps(each) + "\n" for each in records)

        splits(tmp_path, "{}.json", write)
        (task,) = described(tmp_path).values()
        assert task.format == ("json" if one_list else "jsonl")
        assert (task.scheme, task.score) == ("iob2", "spans")
        assert pairs(load_split(task, "test")) == wanted()
        assert list(annotation_remarks(task, "test")) == []

    @given(text=st.text("ab é.!'\n😀-", min_size=1, max_size=40), data=st.data())
    @settings(max_examples=60)
    def test_spans_come_back(self, text: str, data: st.DataObject, tmp_path_factory: Any) -> None:
        """Every word is tagged once, and a span of whole words covers just these."""
        words = [word for sentence in sentences_of(text) for word in sentence]
        path = tmp_path_factory.getbasetemp() / "spans.jsonl"
        if not words:
            return
        first = data.draw(st.integers(0, len(words) - 1))
        last = data.draw(st.integers(first, len(words) - 1))
        span = [words[first].start, words[last].end, "X"]
        path.write_text(json.dumps({"text": text, "label": [span]}), encoding="utf-8")
        found = read_jsonl(path, token_key="text", tag_key="label", scheme="iob2")
        tags = tags_of([Span(first, last + 1, "X")], len(words), "iob2")
        flat = [pair for sentence in pairs(found) for pair in sentence]
        assert flat == [(word.text, tag) for word, tag in zip(words, tags, strict=True)]

    def read(self, path: Path, *records: Any, **keys: Any) -> list[Sentence]:
        path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        return read_jsonl(path, **{"token_key": "text", "tag_key": "label", "scheme": "iob2", **keys})

    @pytest.mark.parametrize(
        ("label", "message"),
        [
            ([[0, 99, "X"]], "leaves the text of 11"), ([[3, 3, "X"]], "is empty"), ([[-1, 3, "X"]], "leaves"),
            ([[0, 4]], "no numbers for start and end"), ([["a", 4, "X"]], "no numbers"),
            ([[True, 4, "X"]], "no numbers"), ([[4, 5, "X"]], "covers no word"), ([[0, 4, None]], "has no label"),
            ([[0, 4, 3]], "label 3; say what integers"),
            ([{"start": 0, "end": 4, "label": "X", "text": "Oslo!"}], "covers 'Kito', but says that it is 'Oslo!'"),
            ("X", "no list of spans"), ({"start": [0], "end": [4, 5]}, "an object stands where"),
            (None, "no list of spans"),
            ([[0, 4, "a\nb"]], "has a line end"), ([{"result": []}, 3], "no numbers"),
        ],
    )  # fmt: skip
    def test_broken_spans(self, label: Any, message: str, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        with pytest.raises(DataError, match=f"^{path}:1: .*{message}"):
            self.read(path, {"text": "Kito sleeps", "label": label})

    def test_what_tags_cannot_say_is_remarked(self, tmp_path: Path) -> None:
        spans = [[0, 2, "A"], [5, 11, "B"], [5, 16, "C"]]
        lines = json.dumps({"text": "Kito sleeps well.", "label": spans}) + "\n"
        (tmp_path / "a.jsonl").write_text(lines)
        (tmp_path / "t.toml").write_text(
            'format = "jsonl"\ntoken_column = "text"\ntag_column = "label"\nscheme = "iob2"\n'
            'train = "a.jsonl"\ndev = "a.jsonl"\n[tasks.x]\n'
        )
        task = load_tasks(str(tmp_path / "t.toml"))["x"]
        assert list(annotation_remarks(task, "train")) == [
            f"{tmp_path / 'a.jsonl'}:1: 'B' at 5-11 shares a word with 'C' at 5-16, which is kept alone",
            f"{tmp_path / 'a.jsonl'}:1: 'A' at 0-2 begins or ends inside a word; the whole word is marked",
        ]
        assert pairs(load_split(task, "train")) == [[("Kito", "B-A"), ("sleeps", "B-C"), ("well", "I-C"), (".", "O")]]

    def test_rejected_and_cancelled(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        good, bad = ({"text": "Kito sleeps", "answer": a, "label": [[0, 4, "X"]]} for a in ("accept", "reject"))
        assert len(self.read(path, good, bad)) == 1
        none = {"text": "Kito sleeps", "answer": "accept"}
        assert pairs(self.read(path, good, none))[1] == [("Kito", "O"), ("sleeps", "O")]
        value = {"value": {"start": 0, "end": 4, "labels": ["X"]}}
        several = [{"was_cancelled": True, "result": []}, {"result": [value]}, {"result": []}]
        assert pairs(self.read(path, {"text": "Kito sleeps", "label": several}))[0][0] == ("Kito", "B-X")

    def test_offsets_that_count_as_javascript_does(self, tmp_path: Path) -> None:
        span = {"start": 3, "end": 7, "text": "Kito", "labels": ["X"]}
        found = self.read(tmp_path / "a", {"text": "😀 Kito 😀", "label": [span]})
        assert ("Kito", "B-X") in pairs(found)[0]

    @given(
        text=st.sampled_from(["Kito sleeps", "a 😀 b", "", "x. Y z."]),
        label=st.recursive(
            st.none() | st.booleans() | st.integers(-3, 20) | st.sampled_from(["X", "labels", "\0", "\ud800"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["start", "end", "label", "value", "result", "text", "labels", "type"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=8,
        ),
    )
    @settings(max_examples=200)
    def test_any_json_in_the_place_of_spans(self, text: str, label: Any, tmp_path_factory: Any) -> None:
        path = tmp_path_factory.getbasetemp() / "any.jsonl"
        try:
            found = self.read(path, {"text": text, "label": label})
        except DataError as error:
            assert str(error).startswith(f"{path}:")
            assert len(str(error)) < 1000
        else:
            words = [word.text for sentence in sentences_of(text) for word in sentence]
            assert [token for sentence in found for token in sentence.tokens] == words

    def test_types_and_a_data_set_that_keeps_lists(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        columns = {"start": [0, 5], "end": [4, 11], "label": ["X", "Y"]}
        one = {"text": "Kito sleeps", "label": columns}
        assert pairs(self.read(path, one, types=["Y"])) == [[("Kito", "O"), ("sleeps", "B-Y")]]
        with pytest.raises(DataError, match="no annotation is of type 'Z'"):
            self.read(path, one, types=["Z"])

    def test_a_text_without_a_scheme(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"'text' is not a list; .*set scheme = \"iob2\" where 'label' holds spans"):
            self.read(tmp_path / "a", {"text": "Kito", "label": []}, scheme="plain")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('[{"text": "Kito", "label": [', ":1: is not JSON"), ("[" * 200_000, ": is not JSON (nested too deeply)"),
            ("3", ": holds no list"), ("[3]", ": record 1: is not a JSON object"), ('{"a": 1}', ": holds no list"),
            ("[]", ": holds no sentence"),
        ],
    )  # fmt: skip
    def test_broken_lists(self, text: str, message: str, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        path.write_text(text)
        with pytest.raises(DataError) as caught:
            read_jsonl(path, token_key="text", tag_key="label", scheme="iob2", one_list=True)
        assert str(caught.value).startswith(f"{path}{message}")

    def test_minus_100_is_no_label(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text('{"tokens": ["[CLS]", "Ki", "##to"], "tags": [-100, 1, -100]}\n')
        assert pairs(read_jsonl(path, labels=["O", "B-PER"])) == [[("[CLS]", None), ("Ki", "B-PER"), ("##to", None)]]

    def test_a_data_set_of_texts(self, tmp_path: Path) -> None:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        rows = [record("gap", rows) for rows in made(12)]
        for split in ("train", "validation"):
            parquet.write_table(pa.Table.from_pylist(rows), tmp_path / f"{split}-00000-of-00001.parquet")
        (task,) = described(tmp_path).values()
        assert (task.format, task.token_column, task.tag_column) == ("huggingface", "text", "entities")
        assert pairs(load_split(task, "dev")) == wanted()


class TestBrat:
    def test_line_ends_counted_as_one_or_as_two(self, tmp_path: Path) -> None:
        text = "Kito sleeps.\r\nYlva paints.\r\n"
        for offsets, note in (("13 17", True), ("14 18", False)):
            (tmp_path / "a.txt").write_bytes(text.encode())
            (tmp_path / "a.ann").write_text(f"T1\tPER {offsets}\tYlva\n")
            assert pairs(read_brat(tmp_path))[1][0] == ("Ylva", "B-PER")
            how = "count \\r\\n as one, as brat and text fields of browsers do"
            said = [f"{tmp_path / 'a.ann'}: its offsets {how}, and are read so"]
            assert list(brat_remarks(tmp_path)) == (said if note else [])
        (tmp_path / "a.ann").write_text("T1\tPER 0 4\tKito\nT2\tPER 13 17\tYlva\nT3\tX 25 26\t!\n")
        with pytest.raises(DataError, match=r"a\.ann:2: the text is 'Ylva'"):
            read_brat(tmp_path)


class TestLines:
    """Sentences a line: one bad line hides neither the format nor its own place."""

    def test_a_word_without_a_tag_is_named(self, tmp_path: Path) -> None:
        splits(tmp_path, "{}.txt", lambda found: "".join(" ".join(f"{w}/{p}" for w, p, _ in s) + "\n" for s in found))
        text = (tmp_path / "dev.txt").read_text().split("\n")
        text[4] = text[4].replace("/VERB", "")
        (tmp_path / "dev.txt").write_text("\n".join(text))
        toml = propose(tmp_path, "").text
        assert 'format = "lines"' in toml
        (line,) = [each for level, _, each in self.said(tmp_path, toml) if level == "error"]
        assert re.search(r"dev\.txt:5: word \d: '\w+' needs 1 tag after '/'; complete it", line)

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_line_with_fewer_tags_is_named(self, end: str, tmp_path: Path) -> None:
        for layer, name in enumerate(("seq.in", "", "seq.out")):
            for split in ("train", "dev", "test") if name else ():
                (tmp_path / split).mkdir(exist_ok=True)
                lines = [" ".join(row[layer] for row in rows) for rows in made(12)]
                if (split, name) == ("train", "seq.out"):
                    lines[6] += " O"
                (tmp_path / split / name).write_bytes("".join(line + end for line in lines).encode())
                (tmp_path / split / "label").write_text("x\n" * 12)
        toml = propose(tmp_path, "").text
        assert 'train = { file = "train/seq.in", tags = "train/seq.out" }' in toml
        assert 'scheme = "iob2"' in toml
        (line,) = [each for level, _, each in self.said(tmp_path, toml) if level == "error"]
        assert re.search(r"train/seq\.in:7: has \d+ words, but that line of seq\.out has \d+ tags", line)

    def test_two_files_of_tags_are_two_layers_of_the_words(self, tmp_path: Path) -> None:
        for layer, name in enumerate(("words", "pos", "ner")):
            text = "".join(" ".join(row[layer] for row in rows) + "\n" for rows in made(12))
            (tmp_path / f"{name}.txt").write_text(text)
        found = propose(tmp_path, "")
        assert found.tasks == ("ner", "upos")
        for tags in ("pos", "ner"):
            assert f'train = {{ file = "words.txt", tags = "{tags}.txt", sentences = ' in found.text

    def test_nltk_s_brown_corpus(self, tmp_path: Path) -> None:
        """Lines begin with a tab, with blank lines between them."""
        splits(
            tmp_path,
            "{}.txt",
            lambda found: "".join("\n\n\t" + " ".join(f"{w}/{p.lower()}" for w, p, _ in s) + " \n" for s in found),
        )
        (task,) = described(tmp_path).values()
        assert (task.format, task.separator) == ("lines", "/")
        assert pairs(load_split(task, "dev")) == [[(w, p and p.lower()) for w, p in s] for s in wanted(1)]

    def said(self, folder: Path, toml: str) -> list[tuple[str, str, str]]:
        (folder / "tasks.toml").write_text(toml)
        return [(each.level, each.kind, each.text) for each in check_tasks(load_tasks(str(folder)))]


class TestConlluPlus:
    HEAD = "# global.columns = ID FORM UPOS PARSEME:MWE\n"

    def test_expressions(self, tmp_path: Path) -> None:
        path = tmp_path / "a.cupt"
        rows = ["1\tTake\tVERB\t1:VPC;2:VID", "2-3\tit's\t_\t*", "2\tit\tPRON\t*", "3\toff\tADP\t1", "4\tnow\tADV\t*"]
        path.write_text(self.HEAD + "# text = x\n" + "\n".join(rows) + "\n")
        assert [tag for _, tag in pairs(read_conllu(path, column="UPOS"))[0]] == ["VERB", "PRON", "ADP", "ADV"]
        tags = [tag for _, tag in pairs(read_conllu(path, column="PARSEME:MWE", scheme="iob2"))[0]]
        assert tags == ["B-VPC", "I-VPC", "I-VPC", "O"]
        found = list(expression_remarks(path, "PARSEME:MWE", "iob2"))
        assert found == [
            f"{path}:3: 2 shares a word with 1, which is kept alone",
            f"{path}:3: 1 has gaps; it is marked from its first word to its last",
        ]
        assert pairs(read_conllu(path, column="PARSEME:MWE"))[0][0] == ("Take", "1:VPC;2:VID")

    @pytest.mark.parametrize(
        ("row", "column", "message"),
        [
            ("1\ta\tX\t3", "PARSEME:MWE", ":2: word 1: '3' is not a PARSEME expression"),
            ("1\ta\tX", "UPOS", ":2: has 3 columns, but # global.columns names 4"),
            ("1\ta\tX\t*", "XPOS", ":1: no column is called 'XPOS'; # global.columns names ID, FORM"),
        ],
    )
    def test_broken_files(self, row: str, column: str, message: str, tmp_path: Path) -> None:
        path = tmp_path / "a.cupt"
        path.write_text(f"{self.HEAD}{row}\n")
        with pytest.raises(DataError) as caught:
            read_conllu(path, column=column, scheme="iob2")
        assert str(caught.value).startswith(f"{path}{message}")

    def test_init(self, tmp_path: Path) -> None:
        def write(sentences: Any) -> str:
            text = self.HEAD
            for rows in sentences:
                for at, (word, pos, tag) in enumerate(rows, start=1):
                    cell = "1:VID" if tag == "B-PER" else "1" if tag == "I-PER" else "*"
                    text += f"{at}\t{word}\t{pos}\t{cell}\n"
                text += "\n"
            return text

        splits(tmp_path, "{}.cupt", write)
        tasks = described(tmp_path)
        assert [(name, task.tag_column, task.scheme) for name, task in tasks.items()] == [
            ("upos", "UPOS", "plain"),
            ("mwe", "PARSEME:MWE", "iob2"),
        ]


class TestBrackets:
    def write(self, sentences: Any) -> str:
        text = "#begin document (made/up); part 000\n"
        for rows in sentences:
            for at, (word, pos, tag) in enumerate(rows):
                following = rows[at + 1][2] if at + 1 < len(rows) else "O"
                cell = f"({tag[2:]}*" if tag[0] == "B" else "*"
                cell += ")" if tag != "O" and following[0] != "I" else ""
                text += f"made/up 0 {at} {word} {pos} * - - - - {cell} (V*) -\n"
            text += "\n"
        return f"{text}#end document\n"

    def test_names_and_parts_of_speech(self, tmp_path: Path) -> None:
        splits(tmp_path, "{}.gold_conll", self.write)
        tasks = described(tmp_path)
        assert list(tasks) == ["pos", "ner"]
        assert pairs(load_split(tasks["ner"], "dev")) == wanted()
        assert pairs(load_split(tasks["pos"], "dev")) == wanted(1)

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            (["(A*", "*"], ":1: the span 'A' is not closed"), (["*)", "*"], ":1: '*)' closes a span that is not open"),
            (["*", "-"], ":2: '-' has no brackets of spans"), (["(A*)", "A)"], ":2: 'A)' has no brackets"),
        ],
    )  # fmt: skip
    def test_brackets_that_do_not_match(self, cells: list[str], message: str, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("".join(f"w {cell}\n" for cell in cells))
        with pytest.raises(DataError) as caught:
            read_conll2012(path, token_column=1, tag_column=2)
        assert str(caught.value).startswith(f"{path}{message}")

    def test_nested_brackets(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("a (X*\nb (Y*)\nc *)\nd (Z)\n")
        assert pairs(read_conll2012(path, token_column=1, tag_column=2)) == [
            [("a", "B-X"), ("b", "I-X"), ("c", "I-X"), ("d", "B-Z")]
        ]


WEBANNO = r"""#FORMAT=WebAnno TSV 3.3
#T_SP=de.made.pos.POS|PosValue
#T_SP=de.made.type.NamedEntity|identifier|value
#T_RL=de.made.Dependency|DependencyType|BT_de.made.pos.POS


#Text=Ylva Lund paints re-do.
1-1	0-4	Ylva	NNP	*[1]	PER[1]	dep	1-2
1-2	5-9	Lund	NNP	*[1]|_[2]	PER[1]|ORG[2]	_	_
1-3	10-16	paints	VBZ	_[2]	ORG[2]	_	_
1-4	17-22	re-do	NN	_	_	_	_
1-4.1	17-19	re	_	_	PRE\_FIX	_	_
1-5	22-23	\]	.	_	_	_	_

#Text=Kito.
2-1	24-28	Kito	NNP	_	*	_	_
"""


class TestWebanno:
    def test_links_between_spans_are_no_layers(self) -> None:
        head = (
            "#FORMAT=WebAnno TSV 3.3\n"
            "#T_SP=made.Act|category|ROLE_made.Act:arguments_made.ActLink|uima.tcas.Annotation|when\n"
            "#T_CH=made.CorefLink|referenceType|referenceRelation\n"
        )
        assert features_in(head) == ["Act.category", "Act.when", "CorefLink.referenceType"]

    def test_layers_of_spans(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tsv"
        path.write_text(WEBANNO)
        assert features_in(WEBANNO) == ["POS.PosValue", "NamedEntity.identifier", "NamedEntity.value"]
        found = read_webanno(path, column="NamedEntity.value")
        assert pairs(found) == [
            [("Ylva", "B-PER"), ("Lund", "I-PER"), ("paints", "O"), ("re-do", "B-PRE_FIX"), ("]", "O")],
            [("Kito", "B-NamedEntity")],
        ]
        assert [sentence.line for sentence in found] == [8, 16]
        tags = [[tag for _, tag in sentence] for sentence in pairs(read_webanno(path, column="POS", scheme="plain"))]
        assert tags == [["NNP", "NNP", "VBZ", "NN", "."], ["NNP"]]
        assert list(webanno_remarks(path, column="NamedEntity.value")) == [
            f"{path}:9: 'ORG' (span 2) shares a word with 'PER' (span 1), which is kept alone",
            f"{path}:12: 'PRE_FIX' (span 3) begins or ends inside a word; the whole word is marked",
        ]

    @pytest.mark.parametrize(
        ("old", "new", "column", "message"),
        [
            ("TSV 3.3", "TSV 2", "POS", ":1: does not begin with"), ("", "", "NamedEntity", ": several features"),
            ("", "", "Chunk", ": no feature is called 'Chunk'"),
            ("\t_\t_\n", "\n", "POS", ":9: has 3 columns of layers"),
            ("0-4\tYlva", "4-0\tYlva", "POS", ":8: the offsets 4-0"),
            ("5-9", "2-9", "POS", ":9: the offsets are before"), ("1-2\t", "one\t", "POS", ":9: is not a row"),
        ],
    )  # fmt: skip
    def test_broken_files(self, old: str, new: str, column: str, message: str, tmp_path: Path) -> None:
        path = tmp_path / "a.tsv"
        path.write_text(WEBANNO.replace(old, new) if old else WEBANNO)
        with pytest.raises(DataError) as caught:
            read_webanno(path, column=column)
        assert str(caught.value).startswith(f"{path}{message}")

    def test_init(self, tmp_path: Path) -> None:
        for split in ("train", "dev", "test"):
            (tmp_path / f"{split}.tsv").write_text(WEBANNO)
        tasks = described(tmp_path)
        assert [(task.tag_column, task.scheme) for task in tasks.values()] == [
            ("POS.PosValue", "plain"),
            ("NamedEntity.value", "iob2"),  # NamedEntity.identifier has no values
        ]


class TestSpacy:
    def test_what_spacy_writes(self, tmp_path: Path) -> None:
        spacy = pytest.importorskip("spacy")
        from spacy.tokens import Doc, DocBin
        from spacy.tokens import Span as SpacySpan

        vocab = spacy.blank("en").vocab
        store = DocBin()
        for rows in made(12):
            words = [*(row[0] for row in rows), "\n"]
            doc = Doc(
                vocab, words=words, ents=[*(row[2] for row in rows), "O"], tags=[*(row[1] for row in rows), "_SP"]
            )
            doc.spans["sc"] = [SpacySpan(doc, 0, 1, "A")]
            store.add(doc)
        for split in ("train", "dev", "test"):
            store.to_disk(tmp_path / f"{split}.spacy")
        tasks = described(tmp_path)
        assert list(tasks) == ["ent", "spans_sc", "tag"]
        assert pairs(load_split(tasks["ent"], "dev")) == wanted()
        assert pairs(load_split(tasks["tag"], "dev")) == wanted(1)

    @pytest.mark.parametrize("content", [b"", b"\x78\x9c\x00", b"x" * 100])
    def test_damaged_files(self, content: bytes, tmp_path: Path) -> None:
        pytest.importorskip("spacy")
        from tagmates.data.formats.docbin import read_docbin

        path = tmp_path / "a.spacy"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot be read as a \.spacy file"):
            read_docbin(path)

    def test_a_small_file_that_claims_much(self, tmp_path: Path) -> None:
        import zlib

        pytest.importorskip("spacy")
        from tagmates.data.formats.docbin import read_docbin

        path = tmp_path / "a.spacy"
        path.write_bytes(zlib.compress(bytes(10**8)))
        with pytest.raises(DataError, match="claims to hold more than"):
            read_docbin(path)

    def test_unknown_layers(self) -> None:
        with pytest.raises(ValueError, match=r"no layer of \.spacy files is called 'ner'"):
            Task(name="x", format="spacy", tag_column="ner")


class TestInit:
    @pytest.mark.parametrize(
        ("name", "split"),
        [
            ("wnut17train.conll", "train"), ("emerging.test.annotated", "test"), ("streusle.ud_dev.conllulex", "dev"),
            ("NerTrain.txt", "train"), ("testA.txt", "dev"), ("trainset.csv", "train"), ("data_validation.tsv", "dev"),
            ("train2.tsv", "train"), ("latest.txt", None), ("contest.txt", None), ("protest", None), ("attest1", None),
        ],
    )  # fmt: skip
    def test_names_of_splits(self, name: str, split: str | None) -> None:
        assert name_of(name).split == split

    def test_a_test_set_is_never_training_data(self, tmp_path: Path) -> None:
        good = "".join("".join(f"{r[0]}\t{r[2]}\n" for r in s) + "\n" for s in made(12))
        (tmp_path / "test.tsv").write_text(good)
        with pytest.raises(DataError, match="is called test, but there is no train beside it"):
            propose(tmp_path, "")
        (tmp_path / "train.tsv").write_text("one two three\nfour\n" * 30)
        with pytest.raises(DataError) as caught:
            propose(tmp_path, "")
        assert "train.tsv: 30 lines have 3 columns" in str(caught.value)
        (tmp_path / "train.tsv").write_text(good)
        assert re.search('train = .*"train.tsv"', propose(tmp_path, "").text)

    @pytest.mark.parametrize(
        ("content", "seen"),
        [
            (b"", "is empty"), (b"\x1f\x8b\x08abc", "is packed, and damaged"), (bytes(100), "100 zero bytes"),
            (b'{"a": 1, "b": {"c": 2}}', "records have the keys a, b.c"), (b'[{"tokens": ["a", ', "cut off"),
            (b'[[1, 2]]', "holds no objects"), (b"[" * 10_000 + b"\n", "nested too deeply"),
            (b"#FORMAT=WebAnno TSV 2\n", "another version than 3"), (b"word\tO\n" * 300, "one sentence of 300 words"),
            (b"a b X\n\na b c X\n" * 50, "50 lines have 3 columns by white space, but 50 of 4"),
            (b"<p>\nword\tO\nit\tO\n</p>\n" * 5, "no blank line, but lines such as '</p>'"),
            (b"Dear all,\n\nno table here.\n", "the first is 'Dear all,'"), (b"\x80\x00\xff" * 50, "zero bytes"),
        ],
    )  # fmt: skip
    def test_what_was_seen_in_other_files(self, content: bytes, seen: str, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(content)
        with pytest.raises(DataError, match=seen) as caught:
            propose(tmp_path, "")
        assert "these formats are read: column files, CSV" in str(caught.value)

    def test_utf_16_without_a_mark_and_leading_blanks(self, tmp_path: Path) -> None:
        text = "".join("".join(f"   {r[0]}  {r[2]}\n" for r in s) + "\n" for s in made(12))
        for name in ("train.txt", "dev.txt"):
            (tmp_path / name).write_bytes(text.encode("utf-16-be"))
        (task,) = described(tmp_path).values()
        assert (task.encoding, task.separator) == ("utf-16-be", None)
        assert pairs(load_split(task, "dev")) == wanted()

    def test_blanks_behind_cells(self, tmp_path: Path) -> None:
        text = "".join("".join(f"{r[0]}\t{r[2]} \n" for r in s) + "\n" for s in made(12))
        (tmp_path / "all.txt").write_text(text)
        (task,) = described(tmp_path).values()
        assert (task.separator, task.scheme) == (None, "iob2")

    def test_headers_of_sentences_with_as_many_cells_as_words(self, tmp_path: Path) -> None:
        def write(sentences: Any) -> str:
            blocks = ("".join(f"{r[0]} _ _ {r[2]}\n" for r in rows) for rows in sentences)
            return "".join(f"# id {at}-ab\tdomain=xx\n{block}\n\n" for at, block in enumerate(blocks))

        splits(tmp_path, "xx_{}.conll", write)
        (task,) = described(tmp_path).values()
        assert (task.comment, task.tag_column) == ("# ", 4)
        assert pairs(load_split(task, "dev")) == wanted()


def keys(**values: Any) -> Mapping[str, Any]:
    return {"name": "x", "train": "a", **values}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (keys(format="csv", separator=", "), "separator: must be one character"),
        (keys(format="lines", separator=" "), "separator: must be what separates"),
        (keys(format="parallel"), "tags: parallel files"),
        (keys(train={"file": "a", "tags": "b"}), "tags: parallel files"),
        (keys(format="conllu", header=True), "header: only column files and CSV"),
        (keys(format="conll2012", tag_column="ner"), "tag_column: must be a number for conll2012"),
        (keys(format="json", tag_column=3), "tag_column: must be the name of a key for json"),
        (keys(sentence_column=0), "there is no column 0"),
        (keys(sentence_column=[1, 0]), "there is no column 0"),
        (keys(sentence_column=[1, "doc"]), "sentence_column: must be a number for a column file, not 'doc'"),
        (keys(header="yes"), "header\n.*valid boolean"),
        (keys(token_column=True), "token_column.*\n.*valid integer"),
        (keys(tag_column=1.0), "tag_column.*\n.*valid integer"),
    ],
)
def test_keys_that_do_not_go_together(values: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Task(**values)


def test_an_empty_cell_is_no_mark_between_documents(tmp_path: Path) -> None:
    """As of the first column of a table whose sentences are named in their first row only."""
    rows = "".join(f"Sentence: {n},Otters,NNS\n,sleep,VBP\n,*,SYM\n" for n in range(30))
    (tmp_path / "data.csv").write_text(f"Sentence #,Word,POS\n{rows}")
    (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text)
    task = load_tasks(str(tmp_path))["POS"]
    assert not [problem for problem in check_tasks({"POS": task}) if problem.kind == "irregular"]
