"""Sentences in rows, marked-up columns, spans that count words, and the IOE schemes: read rightly, or refused."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tagmates.data.checking.check import check_tasks
from tagmates.data.corpora import annotation_remarks, load_split, read_split
from tagmates.data.describing.proposal import propose
from tagmates.data.formats.span_counting import ends_of
from tagmates.data.notation import estimate_notation
from tagmates.data.schemes import Notation, convert, first_violation, spans_of, tags_of
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.data.tasks import load_tasks
from tagmates.errors import ConfigError, DataError

Rows = list[tuple[str, str, str]]


def made(seed: int, sentences: int = 40) -> list[Rows]:
    """Sentences of a word, a part of speech and a name's tag."""
    draw = random.Random(seed)
    return [
        [(f"Ada{seed}-{number}", "NNP", "B-PER"), ("Ek", "NNP", "I-PER"), (draw.choice(["naps", "sails"]), "VBZ", "O"),
         ("in", "IN", "O"), (draw.choice(["Oslo", "Bonn"]), "NNP", "B-LOC")][: draw.choice([3, 4, 5])]
        for number in range(sentences)
    ]  # fmt: skip


def in_cells(rows: Rows, at: int, how: Callable[[list[str]], str]) -> str:
    return how([row[at] for row in rows])


def described(folder: Path) -> dict[str, Task]:
    (folder / "tasks.toml").write_text(propose(folder, "").text, encoding="utf-8")
    tasks = load_tasks(str(folder))
    assert [problem.text for problem in check_tasks(tasks) if problem.level == "error"] == []
    return tasks


def read(task: Task, split: str = "train") -> list[tuple[tuple[str, ...], tuple[str | None, ...]]]:
    return [(sentence.tokens, sentence.labels) for sentence in load_split(task, split)]


def expected(sentences: list[Rows], layer: int = 2) -> list[tuple[tuple[str, ...], tuple[str | None, ...]]]:
    return [(tuple(row[0] for row in rows), tuple(row[layer] for row in rows)) for rows in sentences]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def numpy_list(items: list[str]) -> str:
    return "[" + " ".join(map(repr, items)) + "]"


class TestSentenceRows:
    @pytest.mark.parametrize("how", [" ".join, repr, json.dumps, numpy_list], ids=["words", "python", "json", "numpy"])
    @pytest.mark.parametrize("separator", [",", pytest.param(";", marks=pytest.mark.slow), "\t"])
    @pytest.mark.parametrize("header", [True, False])
    def test_they_are_found_and_read(
        self, how: Callable[[list[str]], str], separator: str, header: bool, tmp_path: Path
    ) -> None:
        for split, seed in (("train", 1), ("dev", 2)):
            lines = [
                separator.join([str(at), *(quoted(in_cells(rows, layer, how)) for layer in (0, 2))])
                for at, rows in enumerate(made(seed))
            ]
            text = "\n".join([*([separator.join(["id", "sentence", "labels"])] if header else []), *lines, ""])
            (tmp_path / f"{split}.csv").write_text(text)
        (task,) = described(tmp_path).values()
        assert (task.sentence_rows, task.header, task.scheme) == (True, header, "iob2")
        assert (read(task), read(task, "dev")) == (expected(made(1)), expected(made(2)))

    def test_rows_of_unequal_length_are_errors_with_their_line(self, tmp_path: Path) -> None:
        lines = [" ".join(r[0] for r in rows) + "\t" + " ".join(r[2] for r in rows) for rows in made(1)]
        lines[7] += " O"
        lines[9] = "['a', ...]\t['O', 'O']"
        for split in ("train", "dev"):
            (tmp_path / f"{split}.tsv").write_text("\n".join(lines) + "\n")
        (tmp_path / "tasks.toml").write_text(propose(tmp_path, "").text)
        (task,) = load_tasks(str(tmp_path)).values()
        with pytest.raises(DataError, match=r"train\.tsv:8: has \d words, but \d tags"):
            load_split(task, "train")
        errors = [p for p in check_tasks({"x": task}) if p.level == "error"]
        assert [(p.line, p.kind) for p in errors if p.split == "train"] == [(8, "line"), (10, "line")]
        assert "is not a list of strings" in errors[1].message

    @pytest.mark.parametrize(("text", "words"), [("Anna lives in Rome.", "4 words"), ("安娜住罗马", "1 word")])
    def test_texts_whose_words_are_not_separated_are_refused(self, text: str, words: str, tmp_path: Path) -> None:
        rows = [f"{number},{text},B-PER O O B-LOC O" for number in range(30)]
        (tmp_path / "train.csv").write_text("\n".join(["id,text,labels", *rows, ""]))
        with pytest.raises(DataError, match=rf"train\.csv: has a text .* in row 2 '{text}' has {words} and 5 tags"):
            propose(tmp_path, "")

    def test_a_header_that_is_not_declared_is_warned_of(self, tmp_path: Path) -> None:
        text = "text\tlabels\n" + "".join(
            " ".join(r[0] for r in rows) + "\t" + " ".join(r[2] for r in rows) + "\n" for rows in made(1)
        )
        for split in ("train", "dev"):
            (tmp_path / f"{split}.tsv").write_text(text)
        (tmp_path / "tasks.toml").write_text(
            'train = "train.tsv"\ndev = "dev.tsv"\n[tasks.x]\nsentence_rows = true\nscore = "prefix"\n'
        )
        found = [p for p in check_tasks(load_tasks(str(tmp_path))) if p.kind == "irregular"]
        assert [(p.split, p.line) for p in found] == [("train", 1), ("dev", 1)]

    def test_one_word_a_row_stays_one_word_a_row(self, tmp_path: Path) -> None:
        text = "".join("".join(f"{r[0]}\t{r[2]}\n" for r in rows) + "\n" for rows in made(1))
        for split in ("train", "dev"):
            (tmp_path / f"{split}.tsv").write_text(text)
        (task,) = described(tmp_path).values()
        assert not task.sentence_rows

    def test_white_space_cannot_stand_between_cells_too(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="name the separator of cells"):
            (tmp_path / "t.toml").write_text('train = "a"\n[tasks.x]\nsentence_rows = true\nseparator = "whitespace"\n')
            load_tasks(str(tmp_path / "t.toml"))


class TestMarkup:
    def vertical(self, sentences: list[Rows]) -> str:
        blocks = (
            "<s id='1'>\n" + "".join(f"{w}\t{p}\t{t}\n" for w, p, t in rows) + "<g/>\n</s>\n" for rows in sentences
        )
        return '<?xml version="1.0"?>\n'[:0] + '<doc id="1">\n<p>\n' + "".join(blocks) + "</p>\n</doc>\n"

    def test_vertical_files_are_read(self, tmp_path: Path) -> None:
        for split, seed in (("train", 1), ("dev", 2)):
            (tmp_path / f"{split}.vert").write_text(self.vertical(made(seed)))
        pos, ner = described(tmp_path).values()
        assert pos.markup
        assert read(pos) == expected(made(1), 1)
        assert read(ner, "dev") == expected(made(2), 2)
        assert [p.text for p in check_tasks({"x": ner}) if p.kind == "irregular"] == []

    def test_words_in_angle_brackets_stay_words(self, tmp_path: Path) -> None:
        rows: list[Rows] = [[("<", "SYM", "O"), ("<3", "SYM", "O"), ("<unk>", "X", "O"), *rows] for rows in made(1)]
        for split in ("train", "dev"):
            (tmp_path / f"{split}.vert").write_text(self.vertical(rows))
        assert read(next(iter(described(tmp_path).values()))) == expected(rows, 1)

    def test_other_tags_alone_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.vert").write_text(self.vertical(made(1)).replace("<s id='1'>", "<p>").replace("</s>", "</p>"))
        with pytest.raises(DataError, match="has no blank line, but lines such as"):
            propose(tmp_path, "")


class TestSpansOfWords:
    def gliner(self, rows: Rows) -> dict[str, object]:
        spans: list[list[object]] = [[0, 1, "PER"], *([[4, 4, "LOC"]] if len(rows) > 4 else [])]
        return {"tokenized_text": [row[0] for row in rows], "ner": spans}

    def spert(self, rows: Rows) -> dict[str, object]:
        spans = [
            {"type": "PER", "start": 0, "end": 2},
            *([{"type": "LOC", "start": 4, "end": 5}] if len(rows) > 4 else []),
        ]
        return {"tokens": [row[0] for row in rows], "entities": spans, "relations": [], "orig_id": 1}

    @pytest.mark.parametrize("form", ["gliner", "spert"])
    @pytest.mark.parametrize("lines", [True, False])
    def test_they_are_read(self, form: str, lines: bool, tmp_path: Path) -> None:
        for split, seed in (("train", 1), ("dev", 2)):
            records = [getattr(self, form)(rows) for rows in made(seed)]
            records.append({key: [] if key in ("ner", "entities") else value for key, value in records[0].items()})
            text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)
            (tmp_path / f"{split}.json").write_text(text)
        (task,) = described(tmp_path).values()
        assert read(task)[:-1] == expected(made(1))
        assert set(read(task)[-1][1]) == {"O"}
        assert read(task, "dev")[:-1] == expected(made(2))

    def test_ends(self) -> None:
        assert ends_of("tokenized_text", [[[0, 1, "A"]]], "") == "inclusive"
        assert ends_of("tokens", [[[0, 1, "A"]], [[2, 2, "A"]]], "") == "inclusive"
        slip = [{"start": 2, "end": 2, "type": "A"}]
        assert ends_of("tokens", [[{"start": 0, "end": 1, "type": "A"}]] * 20 + [slip], "") == "exclusive"
        assert ends_of("tokens", [slip], "", [False] * 20 + [True]) == "exclusive"
        assert ends_of("tokens", [[{"start": 0, "end": 1, "type": "A"}]], "", [False, True]) == "inclusive"
        assert ends_of("tokens", [[{"start": 0, "end": 1, "type": "A"}]], "") == "exclusive"
        assert ends_of("tokens", [["O", "O"]], "") is None
        assert ends_of("tokens", [[]], "") is None
        with pytest.raises(DataError, match="nothing tells whether their ends are inclusive"):
            ends_of("tokens", [[[0, 1, "A"]]], "x")

    def test_what_leaves_the_words_or_overlaps_is_said(self, tmp_path: Path) -> None:
        good = [self.gliner(rows) for rows in made(1)]
        bad = [*good, {"tokenized_text": ["a", "b"], "ner": [[1, 2, "X"]]}]
        nested = [*good, {"tokenized_text": ["a", "b"], "ner": [[0, 1, "X"], [1, 1, "Y"]]}]
        for split, records in (("train", bad), ("dev", nested)):
            (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, records)))
        (tmp_path / "tasks.toml").write_text(
            'format = "jsonl"\ntrain = "train.jsonl"\ndev = "dev.jsonl"\n[tasks.ner]\ntoken_column = "tokenized_text"\n'
            'tag_column = "ner"\nscheme = "iob2"\n'
        )
        (task,) = load_tasks(str(tmp_path)).values()
        with pytest.raises(DataError, match=r"train\.jsonl:41: span 1, 1-2, is empty or leaves the 2 words"):
            load_split(task, "train")
        assert [(p.line, p.kind) for p in check_tasks({"x": task}) if p.level == "error"] == [(41, "line")]
        assert ["shares a word" in text for text in annotation_remarks(task, "dev")] == [True]

    def test_a_list_of_tags_that_is_empty_is_no_list_of_spans(self, tmp_path: Path) -> None:
        records = [{"tokens": ["a", "b"], "ner": ["O", "B-X"]}, {"tokens": ["a", "b"], "ner": []}]
        (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
        text = 'format = "jsonl"\ntrain = "a.jsonl"\n[tasks.ner]\ntag_column = "ner"\nscheme = "iob2"\n'
        (tmp_path / "tasks.toml").write_text(text)
        with pytest.raises(DataError, match=r"a\.jsonl:2: 2 in 'tokens', but 0 in 'ner'"):
            read_split(load_tasks(str(tmp_path))["ner"], "train")


class TestOtherTools:
    def tables(
        self, folder: Path, head: str, line: Callable[[int, int, tuple[str, str, str]], str], **how: str
    ) -> None:
        for split, seed in (("train", 1), ("dev", 2)):
            blocks = ("".join(line(n, at, row) for at, row in enumerate(rows)) for n, rows in enumerate(made(seed)))
            (folder / f"{split}.csv").write_text(head + how.get("between", "\n").join(blocks) + how.get("end", ""))

    def test_an_index_without_a_name_does_not_hide_the_other_names(self, tmp_path: Path) -> None:
        self.tables(
            tmp_path, ",lemma,sentence_idx,word,tag\n", lambda n, at, r: f"{n}{at},{r[0].lower()},{n},{r[0]},{r[2]}\n",
            between="",
        )  # fmt: skip
        (task,) = described(tmp_path).values()
        assert (task.token_column, task.sentence_column) == ("word", "sentence_idx")
        assert read(task) == expected(made(1))

    def test_windows_quotes_are_no_control_characters(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            text = "".join("".join(f"“{r[0]}”\t{r[2]}\n" for r in rows) + "\n" for rows in made(1))
            (tmp_path / f"{split}.txt").write_bytes(text.encode("cp1252"))
        (task,) = described(tmp_path).values()
        assert (task.encoding, read(task)[0][0][0]) == ("cp1252", "“Ada1-0”")
        assert any("it is read as cp1252" in text for text in propose(tmp_path, "").remarks)

    def test_comments_with_semicolons_and_words_that_look_like_them(self, tmp_path: Path) -> None:
        self.tables(tmp_path, "", lambda n, at, r: f"{';; new' + chr(10) if not at else ''}{r[0]}\t{r[2]}\n")
        (task,) = described(tmp_path).values()
        assert (task.comment, read(task)) == (";; ", expected(made(1)))
        text = (tmp_path / "train.csv").read_text() + "\n;\tO\nx\tO\n"
        (tmp_path / "train.csv").write_text(text)
        assert described(tmp_path)[task.name].comment == ";; "
        broad = task.model_copy(update={"comment": ";"})
        found = [p for p in check_tasks({"x": broad}) if "is skipped as a comment, but looks like a word" in p.message]
        assert [p.line for p in found] == [text.count("\n") - 1]

    def test_an_xml_declaration_is_no_reason_to_skip_words(self, tmp_path: Path) -> None:
        for split in ("train", "dev"):
            body = "".join("<s>\n<\tO\n" + "".join(f"{r[0]}\t{r[2]}\n" for r in rows) + "</s>\n" for rows in made(1))
            (tmp_path / f"{split}.txt").write_text(f'<?xml version="1.0"?>\n<!DOCTYPE text>\n<text>\n{body}</text>\n')
        (task,) = described(tmp_path).values()
        assert task.comment is None
        assert all(tokens[0] == "<" for tokens, _ in read(task))

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"a.xml": "<corpus><s>Ada naps</s>\n</corpus>\n"}, "is XML or HTML, which is not read"),
            ({"a.txt": "Ada\u00a0O\nnaps\u00a0O\n"}, "Ada\\xa0O"),
        ],
    )
    def test_what_is_refused_says_what_was_seen(self, files: dict[str, str], said: str, tmp_path: Path) -> None:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        with pytest.raises(DataError) as caught:
            propose(tmp_path, "")
        assert said in str(caught.value)

    def test_links_that_lead_nowhere_are_named_and_nothing_is_cut_for_them(self, tmp_path: Path) -> None:
        text = "".join("".join(f"{r[0]}\t{r[2]}\n" for r in rows) + "\n" for rows in made(1))
        (tmp_path / "train.txt").write_text(text)
        (tmp_path / "dev.txt").symlink_to("nowhere.txt")
        proposal = propose(tmp_path, "")
        assert proposal.left_out == (f"{tmp_path / 'dev.txt'}: is a link to a file that does not exist",)
        assert "sentences =" not in proposal.text

    def test_a_windows_path_is_answered(self, tmp_path: Path) -> None:
        (tmp_path / "tasks.toml").write_text("train = 'data\\train.txt'\n[tasks.x]\n")
        with pytest.raises(DataError, match="write / between folders"):
            read_split(load_tasks(str(tmp_path))["x"], "train")


@pytest.mark.parametrize("wrong", [700, 2**62])
def test_an_integer_far_behind_the_others_is_no_tag(wrong: int, tmp_path: Path) -> None:
    rows = [{"tokens": ["Ada", "naps", str(at)], "ner_tags": [2, 1, 0 if at != 7 else wrong]} for at in range(30)]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    proposal = propose(tmp_path, "")
    assert 'labels = ["label0", "label1", "label2"]' in proposal.text
    assert f"train.jsonl:8: 'ner_tags' has {wrong}, but there are 3 labels" in proposal.text


def test_large_integers_are_no_tags(tmp_path: Path) -> None:
    rows = [{"tokens": ["Ada", "naps", str(at)], "ner_tags": [1800, 1900, 3000]} for at in range(30)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    text = propose(tmp_path, "").text
    assert "the tags are integers such as 3000, which are too large to be numbers of tags" in text
    assert "\nlabels =" not in text


def test_a_word_that_is_a_line_end_is_named(tmp_path: Path) -> None:
    record = {"tokens": ["Ada", "\n\n", "naps"], "labels": ["B-PER", "O", "O"]}
    (tmp_path / "train.jsonl").write_text(30 * (json.dumps(record) + "\n"))
    proposal = propose(tmp_path, "")
    (note,) = (each for each in (*proposal.left_out, *proposal.remarks) if "train.jsonl:1" in each)
    assert r"train.jsonl:1: number 2 in 'tokens', '\n\n', has a line end" in note
    assert "leave it out with its tag, or write a visible sign instead" in note


def test_lists_of_all_sentences_under_a_key_are_refused(tmp_path: Path) -> None:
    columns = {"tokens": [["Ada", "naps"], ["Ben"]], "tags": [["B-PER", "O"], ["B-PER"]]}
    (tmp_path / "train.json").write_text(json.dumps(columns))
    with pytest.raises(DataError, match="whose keys tokens, tags each hold a list for every sentence: write an object"):
        propose(tmp_path, "")


def test_cluener_is_read_and_its_texts_are_compared(tmp_path: Path) -> None:
    record = {"text": "Ada naps, Ada sails.", "label": {"name": {"Ada": [[0, 2], [10, 12]]}}}
    without = {"text": "It rains.", "label": {}}
    wrong = {"text": "Ada naps.", "label": {"name": {"Ada": [[1, 3]]}}}
    for split in ("train", "dev"):
        (tmp_path / f"{split}.json").write_text("\n".join(json.dumps(each) for each in 15 * [record, without]))
    (task,) = described(tmp_path).values()
    assert read(task)[1] == (("It", "rains", "."), ("O", "O", "O"))
    assert read(task)[0] == (
        ("Ada", "naps", ",", "Ada", "sails", "."),
        ("B-name", "O", "O", "B-name", "O", "O"),
    )
    (tmp_path / "dev.json").write_text(json.dumps(wrong))
    with pytest.raises(DataError, match=r"dev\.json:1: 'name' at 1-4 covers 'da ', but says that it is 'Ada'"):
        load_split(task, "dev")


@pytest.mark.parametrize("lines", [True, False])
def test_sentences_as_lists_of_pairs(lines: bool, tmp_path: Path) -> None:
    for split, seed in (("train", 1), ("dev", 2)):
        sentences = [[[row[0], row[2]] for row in rows] for rows in made(seed)]
        text = "\n".join(map(json.dumps, sentences)) if lines else json.dumps(sentences)
        (tmp_path / f"{split}.json").write_text(text)
    tasks = described(tmp_path)
    assert list(tasks) == ["ner"]
    assert read(next(iter(tasks.values()))) == expected(made(1))


def spans_at_random(draw: random.Random, length: int) -> list[Span]:
    spans, at = [], 0
    while at < length:
        size = draw.randint(1, 3)
        if at + size <= length and draw.random() < 0.6:
            spans.append(Span(at, at + size, draw.choice("XY")))
        at += size
    return spans


def ioe(spans: list[Span], length: int, *, always: bool) -> list[str]:
    """IOE2, or IOE1, straight from their definitions."""
    tags = ["O"] * length
    for span in spans:
        tags[span.start : span.end] = [f"I-{span.label}"] * (span.end - span.start)
        touches = any((other.start, other.label) == (span.end, span.label) for other in spans)
        if always or touches:
            tags[span.end - 1] = f"E-{span.label}"
    return tags


@pytest.mark.parametrize("scheme", ["ioe1", "ioe2"])
def test_ioe_is_read_as_it_is_defined(scheme: str) -> None:
    draw = random.Random(1)
    notation = Notation("ioe1" if scheme == "ioe1" else "ioe2")
    sentences = []
    for _ in range(3000):
        length = draw.randint(1, 8)
        spans = spans_at_random(draw, length)
        tags = ioe(spans, length, always=scheme == "ioe2")
        assert spans_of(tags, notation, "error") == spans
        assert convert(tags, notation, "iob2", "error") == tags_of(spans, length, "iob2")
        sentences.append(Sentence(("w",) * length, tuple(tags)))
    assert estimate_notation(sentences).notation.scheme == scheme


def test_ioe2_agrees_with_seqeval() -> None:
    seqeval = pytest.importorskip("seqeval.scheme")
    draw = random.Random(2)
    for _ in range(2000):
        length = draw.randint(1, 8)
        spans = spans_at_random(draw, length)
        tags = ioe(spans, length, always=True)
        found = seqeval.Entities([tags], scheme=seqeval.IOE2).entities[0]
        assert [Span(each.start, each.end, each.tag) for each in found] == spans_of(tags, "ioe2", "error")


def test_what_breaks_ioe_is_named() -> None:
    assert first_violation(["I-X", "O"], "ioe2") == (0, "no E tag closes the span of 'I-X'")
    assert first_violation(["B-X"], "ioe2") == (0, "'B-X' is not a tag of ioe2")
    assert first_violation(["I-X", "E-X", "O"], "ioe1") == (
        1,
        "'E-X' touches no later span of its label, and only then does IOE1 write E",
    )
    assert first_violation(["E-X", "I-X", None], "ioe1") is None
    assert first_violation(["I-X", None], "ioe2") is None
    assert convert(["I-X", None, "E-Y"], "ioe2", "iob2") == (None, None, "B-Y")
